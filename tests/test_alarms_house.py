"""An alarm's whole way: Amazon tells, the space shows a card in a thread, somebody looks after it, it ends."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.house import House, eventually, opened

Json = dict[str, Any]
MINJI, JUN = "minji@example.com", "jun@example.com"
FORMS = ("classic", "addon")
MORE_FAULTS = ("half", "empty", "500", "html", "reset")
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with opened(House(tmp_path_factory.mktemp("alarms"))) as house:
        house.control("sns/settings", {"retry_seconds": 0.1})
        house.control("sns/subscribe", {})
        house.flask("topics", "add", "cloudwatch")
        house.flask("topics", "set", "cloudwatch", "--group-seconds", "0")
        yield house


@pytest.fixture(params=[pytest.param("classic", marks=slow), "addon"])
def form(house: House, request: pytest.FixtureRequest) -> Iterator[str]:
    house.control("google_chat/settings", {"form": request.param})
    yield request.param
    house.control("google_chat/settings", {"form": "classic"})


@pytest.fixture
def space(house: House) -> Iterator[str]:
    made = house.space(MINJI, JUN)
    yield made
    house.faults()
    house.control("google_chat/remove", {"space": made, "as": MINJI})
    eventually(lambda: not heard(house, made), "it hears nothing any more")


def heard(house: House, space: str) -> list[str]:
    return sorted(row["topic"] for row in house.flask("subscribers", "list") if row["chat"] == space)


def say(house: House, space: str, text: str, **more: Any) -> None:
    house.control("google_chat/say", {"space": space, "as": JUN, "text": text, **more})


def press(house: House, card: Json, title: str = "제가 보고 있어요") -> None:
    house.control("google_chat/press", {"as": MINJI, "message": card["name"], "title": title})


def no_people_saw_an_error(house: House) -> bool:
    return house.control("google_chat/broken")["broken"] == []  # type: ignore[no-any-return]


# --- alarm → card → acknowledged → resolved ---


def test_an_alarm_is_a_card_that_is_acknowledged_and_ends_in_its_thread(house: House, form: str, space: str) -> None:
    name = f"api-{form}"
    house.alarm(name)
    card = house.cards(space, 2)[-1]
    assert card["text"] == f"🔴 *{name} Alarm이 발생했습니다.*" and "● ALARM" in json.dumps(
        card["cardsV2"], ensure_ascii=False
    )
    assert [one["text"] for one in card["buttons"]] == ["제가 보고 있어요", "열기"]
    press(house, card)
    answer = house.cards(space, 3)[-1]
    assert "minji님이 보고 있어요" in answer["text"]
    house.alarm(name, "OK")
    end = house.cards(space, 4)[-1]
    assert end["text"] == f"🟢 *해결됨: {name}*"
    assert card["thread"] == answer["thread"] == end["thread"]
    assert no_people_saw_an_error(house)


def test_states_that_arrive_in_the_wrong_order_leave_nothing_ringing(house: House, space: str) -> None:
    newer = house.alarm("swapped", "OK", at="2026-03-02T02:00:00+00:00")
    eventually(lambda: state_of(house, newer), "the newer one is decided")
    id = house.alarm("swapped", "ALARM", at="2026-03-02T01:00:00+00:00")
    reason = eventually(lambda: state_of(house, id), "the older one is decided")
    assert reason == ("ignored", "out of order: a newer state of it is known")
    assert "swapped" not in str(house.flask("alerts", "list"))


def state_of(house: House, message: str) -> tuple[str, str] | None:
    """How the event of a message of SNS ended; the newest with that id."""
    for row in reversed(house.flask("events", "list")):
        if row["channel"] == "sns" and house.flask("events", "show", str(row["id"]))["inbound"]["id"] == message:
            return (row["state"], row["reason"]) if row["state"] != "new" else None
    return None


@slow
def test_a_teams_own_alarm_names_what_it_lacks(house: House, space: str) -> None:
    house.alarm("결제", form="custom", **{"with": {"Trigger": None}})
    card = house.cards(space, 2)[-1]
    assert card["text"] == "🔴 *결제 Alarm이 발생했습니다.*"
    assert "알람에 빠진 항목: Trigger" in json.dumps(card["cardsV2"], ensure_ascii=False)


# --- spaces ---


def test_a_space_that_adds_us_is_greeted_and_hears_the_alarms_until_it_removes_us(house: House, form: str) -> None:
    space = house.space(MINJI)
    assert "cloudwatch" in house.cards(space, 1)[0]["text"] and heard(house, space) == ["cloudwatch"]
    house.control("google_chat/remove", {"space": space, "as": MINJI})
    eventually(lambda: not heard(house, space), "it is unsubscribed")
    house.control("google_chat/add", {"space": space, "as": MINJI, "text": "도움말"})
    told = [one["text"] for one in house.cards(space, 3)]
    assert "마루" in told[1] and "/구독" in told[2] and heard(house, space) == ["cloudwatch"]
    house.control("google_chat/remove", {"space": space, "as": MINJI})


def test_a_space_that_writes_without_having_been_seen_is_greeted_and_answered(house: House) -> None:
    house.faults({"do": "drop", "match": {"channel": "google_chat", "webhook": "ADDED_TO_SPACE"}})
    space = house.space(MINJI, JUN, bot=False)
    house.control("google_chat/add", {"space": space, "as": MINJI})
    say(house, space, "구독해지 cloudwatch")
    told = [one["text"] for one in house.cards(space, 2)]
    assert "마루" in told[0] and "더 보내지 않을게요" in told[1] and heard(house, space) == []
    say(house, space, "도움말")
    assert len(house.cards(space, 3)) == 3 and heard(house, space) == []  # greeted once, and not subscribed again
    house.faults()


def test_commands_in_the_space_choose_its_topics(house: House, space: str) -> None:
    say(house, space, "구독 api")
    house.control("google_chat/command", {"space": space, "as": JUN, "id": 2, "name": "/구독", "text": "결제"})
    house.cards(space, 3)
    assert heard(house, space) == ["api", "cloudwatch", "결제"]
    asked = house.control("google_chat/say", {"space": space, "as": JUN, "text": "/구독해지 api"})["message"]
    assert house.cards(space, 4)[-1]["thread"] == asked["thread"]
    assert heard(house, space) == ["cloudwatch", "결제"]


def test_a_space_from_which_we_were_removed_untold_is_let_go_with_googles_words(house: House) -> None:
    space = house.space(MINJI)
    house.control("google_chat/remove", {"space": space, "as": MINJI, "tell": False})
    house.alarm("gone")
    eventually(lambda: heard(house, space) == [], "it is unsubscribed")
    (row,) = [row for row in house.deliveries(space) if row["state"] == "dead"]
    assert "403" in row["reason"] and "Permission denied" in row["reason"]


# --- sending ---


def posts(house: House, space: str) -> list[int]:
    found = house.control("record")["requests"]
    return [one["status"] for one in found if one["chat"] == space and one["method"] == "POST"]


@pytest.mark.parametrize("fault", ["drop_after", *(pytest.param(one, marks=slow) for one in MORE_FAULTS)])
def test_an_unclear_send_is_repeated_and_arrives_once(house: House, fault: str) -> None:
    space = house.space(MINJI)
    match = {"channel": "google_chat", "method": "POST", "chat": space, "count": 1}
    stored = {"stored": True} if fault in ("500", "html") else {}
    house.faults({"do": fault, "match": match, **stored})
    house.control("google_chat/say", {"space": space, "as": MINJI, "text": "도움말"})
    eventually(lambda: [row["state"] for row in house.deliveries(space)] == ["sent", "sent"], "both are sent")
    assert len(house.cards(space, 2)) == 2
    assert all(row["reason"] == "" for row in house.deliveries(space))
    house.faults()


def test_a_long_text_comes_in_parts_at_the_pace_of_the_space(house: House, space: str) -> None:
    house.control("sns/publish", {"message": "가" * 9000, "subject": "보고"})
    found = house.cards(space, 4)[1:]
    assert found[0]["text"].startswith("*보고*") and "".join(one["text"] for one in found).count("가") == 9000
    assert posts(house, space) == [200] * 4


@slow
def test_where_google_asks_to_wait_it_costs_no_attempt(house: House) -> None:
    space = house.space(MINJI)
    house.faults(
        {"do": "429", "match": {"channel": "google_chat", "method": "POST", "chat": space, "count": 2}, "seconds": 1}
    )
    house.control("google_chat/say", {"space": space, "as": MINJI, "text": "도움말"})
    house.cards(space, 2)
    eventually(lambda: [row["state"] for row in house.deliveries(space)] == ["sent", "sent"], "both are sent")
    assert posts(house, space).count(429) == 2
    house.faults()


def test_a_token_that_counts_no_longer_is_renewed(house: House, space: str) -> None:
    house.control("google_chat/forget_tokens", {})
    say(house, space, "도움말")
    house.cards(space, 2)
    assert 401 in posts(house, space)
    eventually(lambda: house.deliveries(space)[-1]["state"] == "sent", "it is known as sent")


# --- the handshake, and repeats ---


def test_the_subscription_is_confirmed_by_a_worker_again_after_a_failure(house: House) -> None:
    house.faults({"do": "500", "match": {"channel": "sns", "path": "/?Action*", "count": 1}})
    assert house.control("sns/subscribe", {})["confirmed"]
    eventually(lambda: last(house, "confirmation")["reason"].startswith("confirmed: arn:aws:sns:"), "its ARN is kept")
    house.faults()


def last(house: House, kind: str) -> Json:
    return [row for row in house.flask("events", "list") if row["kind"] == kind][-1]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://sns.ap-northeast-2.amazonaws.com.evil.example/?Action=ConfirmSubscription",
        "https://sns.ap-northeast-2.amazonaws.com/?Action=Unsubscribe",
        "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription",
    ],
)
def test_nothing_is_confirmed_at_another_address(house: House, url: str) -> None:
    before = len([one for one in house.control("record")["requests"] if one["path"] == "/"])
    sent = house.control("sns/send", {"type": "SubscriptionConfirmation", "with": {"SubscribeURL": url, "Token": "t"}})
    assert sent["status"] == 200
    state, reason = eventually(lambda: state_of(house, sent["id"]), "it is decided")
    assert (state, reason) == ("dead", "not confirmed: the address to confirm at is not SNS's")
    assert len([one for one in house.control("record")["requests"] if one["path"] == "/"]) == before


def test_that_somebody_ended_the_subscription_is_told(house: House, space: str) -> None:
    assert house.control("sns/unsubscribe", {})["status"] == 200
    assert "SNS 구독이 끊겼습니다: ops-alarms" in house.cards(space, 2)[-1]["text"]
    house.control("sns/subscribe", {})


def test_what_comes_twice_is_told_once(house: House, space: str) -> None:
    house.faults({"do": "double", "match": {"channel": "sns"}})
    house.alarm("twice")
    house.cards(space, 2)
    house.alarm("after")
    assert [one["text"] for one in house.cards(space, 3)][1:] == [
        f"🔴 *{name} Alarm이 발생했습니다.*" for name in ("twice", "after")
    ]


# --- proof of SNS ---

NOT_GENUINE: dict[str, Json] = {
    "one letter changed": {"after": {"Message": "안녕!"}},
    "a subject added": {"after": {"Subject": "ALARM"}},
    "the subject taken away": {"with": {"Subject": "hi"}, "after": {"Subject": None}},
    "version 1 labelled 2": {"with": {"SignatureVersion": "1"}, "after": {"SignatureVersion": "2"}},
    "version 3": {"after": {"SignatureVersion": "3"}},
    "another host": {"with": {"SigningCertURL": "https://sns.ap-northeast-2.amazonaws.com.evil.example/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"}},
    "a host that ends alike": {"with": {"SigningCertURL": "https://evil-sns.ap-northeast-2.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"}},
    "a bucket": {"with": {"SigningCertURL": "https://bucket.s3.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"}},
    "a user before the host": {"with": {"SigningCertURL": "https://sns.ap-northeast-2.amazonaws.com@evil.example/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"}},
    "without TLS": {"with": {"SigningCertURL": "http://sns.ap-northeast-2.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"}},
    "another port": {"with": {"SigningCertURL": "https://sns.ap-northeast-2.amazonaws.com:8443/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"}},
    "another region": {"with": {"SigningCertURL": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"}},
    "another path": {"with": {"SigningCertURL": "https://sns.ap-northeast-2.amazonaws.com/evil.pem"}},
    "a query": {"with": {"SigningCertURL": "https://sns.ap-northeast-2.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem?x"}},
    "a foreign topic": {"with": {"TopicArn": "arn:aws:sns:ap-northeast-2:999999999999:ops-alarms"}},
    "too old": {"with": {"Timestamp": "2026-03-02T01:02:03.456Z"}},
    "of the future": {"with": {"Timestamp": "2999-03-02T01:02:03.456Z"}},
    "a time without a zone": {"with": {"Timestamp": "2026-03-02T01:02:03.456"}},
    "raw": {"headers": {"x-amz-sns-rawdelivery": "true"}},
    "another type in the header": {"headers": {"x-amz-sns-message-type": "SubscriptionConfirmation"}},
    "no signature": {"after": {"Signature": None}},
    "a signature that is no base64": {"after": {"Signature": "***"}},
    "a number for a text": {"after": {"MessageId": 5}},
    "of no type": {"after": {"Type": "Confirmation"}},
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_GENUINE)
def test_what_is_not_proven_to_be_of_sns_is_refused(house: House, name: str) -> None:
    before = len(house.flask("events", "list"))
    assert house.control("sns/send", NOT_GENUINE[name])["status"] == 401
    assert len(house.flask("events", "list")) == before


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("more", [{}, {"Subject": '장애 "api"'}, {"Subject": None}, {"MessageAttributes": {"a": {}}}])
def test_hangul_quotes_and_lines_are_proven_in_both_versions(house: House, version: str, more: Json) -> None:
    words = '한글 "따옴표"\n둘째 줄\t\\ <b>&'
    sent = house.control("sns/send", {"message": words, "with": {"SignatureVersion": version, **more}})
    assert sent["status"] == 200


def test_while_the_certificate_cannot_be_had_sns_is_asked_to_come_again(house: House) -> None:
    url = f"https://sns.ap-northeast-2.amazonaws.com/SimpleNotificationService-{'f' * 32}.pem"
    assert house.control("sns/send", {"with": {"SigningCertURL": url}})["status"] == 503
    before = len([one for one in house.control("record")["requests"] if one["path"].endswith(".pem")])
    assert house.control("sns/send", {"with": {"SigningCertURL": url}})["status"] == 503
    after = len([one for one in house.control("record")["requests"] if one["path"].endswith(".pem")])
    assert after == before  # a failure is remembered for a while
    assert house.control("sns/send", {})["status"] == 200  # and does not touch what is good


# --- proof of Google ---

FAR = int(time.time()) + 10**6
CLASSIC, ADDON = "chat@system.gserviceaccount.com", "service-{}@gcp-sa-gsuiteaddons.iam.gserviceaccount.com"
FALSE_TOKENS: dict[str, Json] = {
    "alg none": {"header": {"alg": "none"}},
    "alg HS256": {"header": {"alg": "HS256"}},
    "an unknown key": {"header": {"kid": "nobody"}},
    "no key": {"header": {"kid": None}},
    "another audience": {"claims": {"aud": "https://evil.example/hooks/google_chat"}},
    "another project": {"claims": {"iss": CLASSIC, "aud": "999"}},
    "the audience of another way": {"claims": {"iss": CLASSIC}},
    "another issuer": {"claims": {"iss": "https://evil.example"}},
    "another e-mail": {"claims": {"email": "chat@evil.example"}},
    "an e-mail that is not verified": {"claims": {"email_verified": False}},
    "no e-mail": {"claims": {"email": None}},
    "over": {"claims": {"iat": 1, "exp": 2}},
    "not begun": {"claims": {"iat": FAR, "exp": FAR + 60}},
    "no end": {"claims": {"exp": None}},
    "an end that is a text": {"claims": {"exp": "tomorrow"}},
}


def chat_hook(house: House, body: Json, **token: Any) -> int:
    bearer = house.control("google_chat/token", token)["token"]
    headers = {"Authorization": f"Bearer {bearer}"}
    return house.http.post(house.url + "/hooks/google_chat", json=body, headers=headers, timeout=30).status_code


@pytest.mark.parametrize("name", FALSE_TOKENS)
@pytest.mark.parametrize("form", FORMS)
def test_a_false_token_is_refused(house: House, form: str, name: str) -> None:
    house.control("google_chat/settings", {"form": form})
    body = {"chat": {}} if form == "addon" else {"type": "WIDGET_UPDATED"}
    assert chat_hook(house, body, **FALSE_TOKENS[name]) == 401
    house.control("google_chat/settings", {"form": "classic"})


def test_the_three_ways_of_proof(house: House) -> None:
    project = house.control("google_chat/settings")["project"]
    classic, addon = {"type": "WIDGET_UPDATED"}, {"chat": {}}
    by_number = {"iss": CLASSIC, "aud": project, "email": None}
    by_addon = {"email": ADDON.format(project)}
    assert chat_hook(house, classic) == 200
    assert chat_hook(house, classic, claims=by_number) == 200
    assert chat_hook(house, addon, claims=by_addon) == 200
    # Each form has tokens of its own, and the add-on of another project is somebody else's.
    assert chat_hook(house, addon) == 401
    assert chat_hook(house, classic, claims=by_addon) == 401
    assert chat_hook(house, addon, claims={"email": ADDON.format("999")}) == 401


@slow
def test_an_event_that_google_repeats_is_answered_once(house: House, space: str) -> None:
    house.faults({"do": "double", "match": {"channel": "google_chat", "webhook": "MESSAGE"}})
    say(house, space, "도움말")
    house.cards(space, 2)
    say(house, space, "구독해지 없음")
    assert len(house.cards(space, 3)) == 3


# --- our connection ---


def test_doctor_and_readiness_know_whether_google_knows_us(house: House) -> None:
    rows = {row["name"]: row for row in house.flask("doctor", code=None)["checks"]}
    assert any("google_chat" in name and row["ok"] for name, row in rows.items())
    part = eventually(lambda: house.http.get(house.url + "/readyz").json()["parts"].get("google_chat"), "it is told")
    assert part["ok"]
