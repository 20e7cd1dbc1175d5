"""Webex: what its calls mean, what leaves for it, and that just one webhook tells each thing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from channels import webex
from channels.contract import Call, Inbound, Outbound, Refused, SendError
from tests.house import BIN, House, eventually, opened
from tests.sandbox_bench import Bench, start_sandbox
from tests.wire_samples import Sample, samples

Json = dict[str, Any]
KIM = "haneul@example.kr"
AGO = datetime.now(UTC) - timedelta(hours=1)
SAMPLES = {sample.name: sample for sample in samples("webex")}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = start_sandbox("http://127.0.0.1:9", Path(tmp_path_factory.mktemp("sandbox")))
    yield bench
    bench.stop()


@pytest.fixture
def bench(running: Bench) -> Bench:
    running.reset()
    running.do("webex/people", {"email": KIM, "name": "김하늘"})
    return running


@pytest.fixture
def keys(bench: Bench) -> dict[str, str]:
    return {
        "bot_token": "bench-bot-token", "api_url": bench.url, "webhook_secret": "new secret, old secret",
        "webhook_name": "maru", "webhook_url": "http://127.0.0.1:9/hooks/webex",
    }  # fmt: skip


# --- in ---


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("direct", [Inbound("messages:created:message-n1", "message", "n1", "person-1", email="dohyun@example.kr",
                            source="messages/message-n1")]),
        ("mention", [Inbound("messages:created:message-n1", "message", "n1", "person-1", email="dohyun@example.kr",
                             room=True, source="messages/message-n1")]),
        ("pressed", [Inbound("attachmentActions:created:action-n1", "message", "n1", "person-1",
                             source="attachmentActions/action-n1")]),
        ("joined", [Inbound("memberships:created:membership-n1", "joined", "n1", "bot-1", email="maru@webex.bot",
                            room=True, source="memberships/membership-n1")]),
        ("ignored_own_message", []),
        ("ignored_somebody_joined", []),
        ("ignored_deleted", []),
    ],
)  # fmt: skip
def test_a_sample_is_read_as_what_it_means(name: str, expected: list[Inbound]) -> None:
    sample: Sample = SAMPLES[name].new("n1")
    assert webex.parse(Call({}, {}, sample.body)) == expected


@pytest.mark.parametrize(
    ("secret", "body", "signature"),
    [
        ("blue-heron-42", b'{"id":"abc","resource":"messages"}', "1661d3bee6ca626c445d60bd7bf0cc5139ee9df6"),
        ("비밀키", '{"name":"상담봇"}'.encode(), "d93ed8c21010364236d30e70da550b6a3b1c1c40"),
    ],
)
def test_signatures_are_those_of_the_notes_and_an_old_secret_holds_while_it_is_replaced(
    secret: str, body: bytes, signature: str
) -> None:
    call = Call({}, {"x-spark-signature": signature}, body)
    for given in (secret, f"newer, {secret}"):
        webex.verify({"bot_token": "t", "webhook_secret": given}, call)
    for given in ("newer", ""):
        with pytest.raises(Refused):
            webex.verify({"bot_token": "t", "webhook_secret": given}, call)


def heard(keys: Json, bench: Bench, text: str, room: str = "", **more: Any) -> tuple[Inbound, Inbound | None]:
    """What the webhook tells of a message, and the same with its words."""
    message = bench.do("webex/say", {"as": KIM, "text": text, "room": room, **more})["message"]
    told = webex._inbound(message, "messages")
    return told, webex.read(keys, told)


def test_the_words_are_fetched_and_a_mention_is_no_part_of_them(bench: Bench, keys: Json) -> None:
    _, direct = heard(keys, bench, "  마루 봇 연차 <b> 며칠\n남았어? ")
    assert direct is not None
    assert (direct.text, direct.email, direct.room, direct.thread) == ("마루 봇 연차 <b> 며칠\n남았어?", KIM, False, "")
    room = bench.do("webex/rooms", {"title": "회의", "members": [KIM]})["room"]
    told, group = heard(keys, bench, "*연차* 마루 봇 <b>", room)
    assert group is not None
    assert (group.text, group.room, group.thread) == ("*연차* 마루 봇 <b>", True, told.source.split("/")[1])
    _, reply = heard(keys, bench, "네", room, parent=group.thread)
    assert reply is not None and (reply.text, reply.thread) == ("네", group.thread)


def test_what_has_no_words_for_us_is_nothing(bench: Bench, keys: Json) -> None:
    assert heard(keys, bench, "", files=["https://a.example/1.png"])[1] is None
    told, _ = heard(keys, bench, "지울 말")
    bench.do(f"webex/messages/{told.source.split('/')[1]}/delete")
    assert webex.read(keys, told) is None
    own = bench.webex("POST", "/messages", {"toPersonEmail": KIM, "text": "/도움말"}).json()
    assert webex.read(keys, webex._inbound(own, "messages")) is None


def test_a_message_that_is_readable_a_moment_later_is_read(bench: Bench, keys: Json) -> None:
    bench.faults({"do": "404", "match": {"channel": "webex", "path": "/v1/messages/*", "count": 1}})
    assert getattr(heard(keys, bench, "연차")[1], "text", None) == "연차"


def test_a_pressed_button_says_what_it_stands_for_and_who_pressed_it(bench: Bench, keys: Json) -> None:
    out = Outbound(KIM, "", {"text": "셋 중에서", "buttons": [{"title": "연차 신청", "say": "/검색 연차 신청"}]}, "k")
    id = sent(keys, out)[0]
    action = bench.do("webex/press", {"as": KIM, "message": id, "title": "연차 신청"})
    told = webex._inbound(action, "attachmentActions")
    read = webex.read(keys, told)
    assert read is not None and (read.text, read.email, read.room) == ("/검색 연차 신청", KIM, False)


# --- out ---


def sent(keys: Json, out: Outbound) -> list[str]:
    return [webex.send(keys, out, part, lambda: True) for part in webex.parts(out)]


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("<b>연차</b>는 <i>15일</i>", "**연차**는 _15일_"),
        ("<b>(필수)</b>입니다 <i>꼭</i>요", "**\\(필수\\)**\u200a입니다 *꼭*요"),
        ("1. 첫째\n- 둘째", "1\\. 첫째  \n\\- 둘째"),
        ("&lt;@all&gt; *별* AT&amp;T &amp;lt;", "&lt;@all\\> \\*별\\* AT&T &amp;lt;"),
        ('<link type="url" value="https://a.example/가(1)">여기</link> :wave: :none_such:',
         "[여기](https://a.example/%EA%B0%80%281%29) 👋 :none\\_such:"),
    ],
)  # fmt: skip
def test_our_markup_becomes_webex_s_and_what_people_wrote_stays_text(text: str, markdown: str) -> None:
    assert webex.parts(Outbound("room", "", {"text": text}, "k")) == [{"roomId": "room", "markdown": markdown}]


@pytest.mark.slow
def test_long_texts_are_cut_by_bytes_between_letters_and_nothing_is_lost(bench: Bench, keys: Json) -> None:
    family = "👨\u200d👩\u200d👧"
    for text in ("가" * 9000 + family * 900, "연차 규정입니다.\n" * 1500, "<b>" + "굵은 글씨 " * 2000 + "</b>"):
        out = Outbound(KIM, "", {"text": text}, "k")
        parts = webex.parts(out)
        assert len(parts) > 1 and max(len(part["markdown"].encode()) for part in parts) <= 7439
        assert not any(part["markdown"].startswith("\u200d") for part in parts)
        told = [bench.webex("GET", f"/messages/{id}").json()["text"] for id in sent(keys, out)]
        plain = text.replace("<b>", "").replace("</b>", "")
        assert "".join("".join(told).split()) == "".join(plain.split())


def test_buttons_are_a_card_that_holds_the_words_too(bench: Bench, keys: Json) -> None:
    buttons = [{"title": f"{n}번", "say": f"/검색 {n}"} for n in range(6)] + [
        {"title": "열기", "url": "https://a.example"}
    ]
    for count in (2, 7):
        out = Outbound(KIM, "", {"text": "<b>셋</b> 중에서\n1.5일", "buttons": buttons[-count:], "thread": ""}, "k")
        (id,) = sent(keys, out)
        card = bench.webex("GET", f"/messages/{id}").json()["attachments"][0]["content"]
        assert [one["text"] for one in card["body"] if one["type"] == "TextBlock"] == ["**셋** 중에서", "1.5일"]
        shown = bench.see("webex/rooms")["rooms"]
        message = next(one for room in shown.values() for one in room["messages"] if one["id"] == id)
        assert [one["title"] for one in message["buttons"]] == [one["title"] for one in buttons[-count:]]


def test_a_picture_and_buttons_go_apart_and_one_that_webex_cannot_fetch_is_a_link() -> None:
    body = {
        "text": "사진",
        "image": "https://a.example/1.png",
        "buttons": [{"title": "열기", "url": "https://a.example"}],
    }
    first, second = webex.parts(Outbound("room", "", body, "k"))
    assert (first["files"], "attachments" in first) == (["https://a.example/1.png"], False)
    assert (second["markdown"], "files" in second) == ("열기", False)
    (alone,) = webex.parts(Outbound("room", "", {"text": "사진", "image": "http://127.0.0.1/1.png"}, "k"))
    assert alone["markdown"] == "사진  \n[http://127\\.0\\.0\\.1/1\\.png](http://127.0.0.1/1.png)"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"do": "429", "seconds": 7}, {"retry_after": 7.0, "whole_channel": True, "permanent": False}),
        ({"do": "html"}, {"unclear": True, "permanent": False}),
        ({"do": "drop_after"}, {"unclear": True, "permanent": False}),
        ({"do": "html", "status": 410}, {"permanent": True, "reason": "Webex 410"}),
    ],
)
def test_failures_are_told_apart(bench: Bench, keys: Json, fault: Json, expected: Json) -> None:
    bench.faults({**fault, "match": {"channel": "webex", "method": "POST"}})
    with pytest.raises(SendError) as raised:
        sent(keys, Outbound(KIM, "", {"text": "안녕"}, "k"))
    assert {name: getattr(raised.value, name) for name in expected} == expected


def test_a_message_of_unclear_fate_is_found_and_not_taken_for_another(bench: Bench, keys: Json) -> None:
    out = Outbound(KIM, "", {"text": "<b>안녕</b> 1.5"}, "k", since=AGO)
    (part,) = webex.parts(out)
    assert webex.find(keys, out, part, frozenset()) is None  # there is not even a room
    first = webex.send(keys, out, part, lambda: True)
    assert webex.find(keys, out, part, frozenset({first})) is None
    bench.faults({"do": "drop_after", "match": {"channel": "webex", "method": "POST", "count": 1}})
    with pytest.raises(SendError):
        webex.send(keys, out, part, lambda: True)
    assert webex.find(keys, out, part, frozenset({first})) not in (None, first)
    later = Outbound(KIM, "", out.body, "k", since=datetime.now(UTC) + timedelta(hours=1))
    assert webex.find(keys, later, part, frozenset()) is None
    assert not webex.can_find(Outbound("room", "", out.body, "k", room=True))


# --- webhooks ---


def plant(bench: Bench, *hooks: Json) -> None:
    plain = {"targetUrl": "https://old.example.kr/hooks/webex", "resource": "messages", "event": "created"}
    bench.do("webex/webhooks", {"webhooks": [{**plain, "name": "maru:messages", **hook} for hook in hooks]})


def standing(bench: Bench) -> list[tuple[str, str, str]]:
    hooks = bench.see("webex/webhooks")["webhooks"]
    return sorted((one["name"], one["status"], one["targetUrl"]) for one in hooks)


def calls(bench: Bench) -> dict[str, int]:
    """How often each verb was used on webhooks."""
    found = [one["method"] for one in bench.record()["requests"] if one["path"].startswith("/v1/webhooks")]
    return {verb: found.count(verb) for verb in ("GET", "POST", "PUT", "DELETE")}


STALE: tuple[Json, ...] = (
    {"name": "maru:direct", "filter": "roomType=direct"},
    {"filter": "roomType=group"},
    {"name": "maru:rooms", "resource": "rooms"},
)


@pytest.mark.parametrize(
    ("before", "silent", "expected"),
    [
        ((), True, {"GET": 2, "POST": 3, "PUT": 0, "DELETE": 0}),
        (({},), True, {"GET": 2, "POST": 2, "PUT": 1, "DELETE": 0}),
        (STALE, True, {"GET": 2, "POST": 3, "PUT": 0, "DELETE": 3}),
        (({"status": "inactive"},), True, {"GET": 2, "POST": 2, "PUT": 1, "DELETE": 0}),
        (({"status": "inactive"}, {}, {}), True, {"GET": 2, "POST": 2, "PUT": 1, "DELETE": 2}),
    ],
    ids=["none", "one", "three stale", "one inactive", "three of the same"],
)
def test_after_the_start_there_is_one_active_webhook_for_each_event(
    bench: Bench, keys: Json, before: tuple[Json, ...], silent: bool, expected: Json
) -> None:
    plant(bench, *before)
    mended = webex.mend(keys)
    assert all(one.ok for one in mended.findings) and mended.were_silent == silent
    assert standing(bench) == [
        (f"maru:{purpose}", "active", keys["webhook_url"]) for purpose in ("actions", "memberships", "messages")
    ]
    assert calls(bench) == expected
    again = webex.mend(keys)
    assert not again.were_silent and calls(bench) == {**expected, "GET": 3, "PUT": expected["PUT"] + 3}


def test_pages_are_followed_and_other_installations_left_alone(bench: Bench, keys: Json) -> None:
    bench.do("webex/settings", {"page": 2})
    others = [{"name": f"maru2:{n}"} for n in range(4)]
    plant(bench, *others, {"name": "maru:stale"}, {})
    assert all(one.ok for one in webex.mend(keys).findings)
    names = [name for name, _, _ in standing(bench)]
    assert names == ["maru2:0", "maru2:1", "maru2:2", "maru2:3", "maru:actions", "maru:memberships", "maru:messages"]


def test_one_that_vanishes_while_it_is_mended_is_made_anew(bench: Bench, keys: Json) -> None:
    plant(bench, {})
    bench.faults({"do": "404", "match": {"channel": "webex", "method": "PUT", "count": 1}})
    assert webex.mend(keys).were_silent
    assert all(one.ok for one in webex.mend(keys).findings)
    assert [name for name, _, _ in standing(bench)] == ["maru:actions", "maru:memberships", "maru:messages"]


def test_looking_changes_nothing_and_tells_what_is_wrong(bench: Bench, keys: Json) -> None:
    plant(bench, {"status": "inactive"}, {"name": "maru:actions", "resource": "attachmentActions"})
    found = {one.name: one.detail for one in webex.checks(keys) if not one.ok}
    assert found == {
        "webhook messages": "webhook messages was switched off by Webex",
        "webhook memberships": "webhook memberships is missing",
    }
    assert calls(bench)["PUT"] + calls(bench)["POST"] == 0
    (refused,) = webex.checks({**keys, "bot_token": "regenerated"})
    assert (refused.ok, "WEBEX_BOT_TOKEN" in refused.mend) == (False, True)


# --- the whole house ---


@pytest.fixture
def house_of_its_own(tmp_path: Path) -> Iterator[House]:
    with opened(House(tmp_path / "house")) as house:
        yield house


def test_what_was_written_during_an_outage_is_fetched_and_answered_once(house_of_its_own: House) -> None:
    house = house_of_its_own

    def told(room: str) -> int:
        return sum(row["kind"] == "message" for row in house.events(room))

    def active() -> bool:
        hooks = house.control("webex/webhooks")["webhooks"]
        return [one["status"] for one in hooks] == ["active"] * 3

    eventually(active, "the clock made the webhooks")
    group = house.room("minji@example.kr")
    room, _ = house.write(KIM, "하나"), house.write("minji@example.kr", "하나", group)
    eventually(lambda: told(room) + told(group) == 2, "both were told")
    house.kill("web")
    house.control("webex/settings", {"inactive_after": 1})
    for text in ("둘", "셋"):
        house.write(KIM, text)
        house.write("minji@example.kr", text, group)
    unknown = house.write("new@example.kr", "처음 뵙겠습니다")
    eventually(lambda: not active(), "Webex switched the webhook off")
    house.start("web", [str(BIN / "gunicorn")])
    house.move_clock(120)
    eventually(active, "the clock revived it")
    eventually(lambda: (told(room), told(group), told(unknown)) == (3, 3, 1), "all were fetched")
    house.move_clock(240)
    house.write(KIM, "넷")
    eventually(lambda: told(room) == 4, "and once only")
    assert (told(group), told(unknown)) == (3, 1)
    rows = [row for chat in (room, group, unknown) for row in house.settled(chat)]
    assert {(row["state"], row["reason"]) for row in rows if row["kind"] == "message"} == {("answered", "")}
