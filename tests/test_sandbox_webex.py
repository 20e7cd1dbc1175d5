"""Webex's stand-in is as strict as Webex: what it refuses, what it hides from bots, and how it tells."""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.sandbox_bench import Answer, Bench, Call, Hooks, start_sandbox

Json = dict[str, Any]
KIM = "haneul@example.kr"
SECRET = "비밀 42"


@pytest.fixture(scope="module")
def hooks() -> Iterator[Hooks]:
    made = Hooks()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def running(hooks: Hooks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = start_sandbox(hooks.url, Path(tmp_path_factory.mktemp("sandbox")))
    yield bench
    bench.stop()


@pytest.fixture
def bench(running: Bench, hooks: Hooks) -> Bench:
    running.reset()
    hooks.clear()
    running.do("webex/people", {"email": KIM, "name": "김하늘"})
    return running


def hook(bench: Bench, hooks: Hooks, resource: str = "messages", **more: Any) -> Json:
    body = {"name": f"x:{resource}", "targetUrl": f"{hooks.url}/hooks/webex", "resource": resource, "event": "created"}
    made = bench.webex("POST", "/webhooks", {**body, "secret": SECRET, **more})
    assert made.status_code == 200
    return dict(made.json())


def said(bench: Bench, text: str = "안녕", room: str = "", **more: Any) -> Json:
    return bench.do("webex/say", {"as": KIM, "text": text, "room": room, **more})


def group(bench: Bench) -> str:
    return str(bench.do("webex/rooms", {"title": "회의", "members": [KIM]})["room"])


def sent(bench: Bench, **body: Any) -> requests.Response:
    return bench.webex("POST", "/messages", {"toPersonEmail": KIM, **body})


def card(*actions: Json, version: str = "1.3", **more: Any) -> list[Json]:
    content = {"type": "AdaptiveCard", "version": version, "body": [], "actions": list(actions), **more}
    return [{"contentType": "application/vnd.microsoft.card.adaptive", "content": content}]


SUBMIT = {"type": "Action.Submit", "title": "신청", "data": {"say": "/신청", "sure": True}}


def genuine(call: Call, secret: str = SECRET) -> bool:
    return call.signature == hmac.new(secret.encode(), call.raw, hashlib.sha1).hexdigest()


# --- calls ---


def test_every_call_needs_the_token_and_errors_have_their_shape(bench: Bench) -> None:
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "bench-bot-token"}):
        refused = bench.http.get(f"{bench.url}/v1/people/me", headers=headers, timeout=5)
        assert refused.status_code == 401
        assert refused.json()["message"].startswith("The request requires a valid access token")
        assert refused.json()["trackingId"] == refused.headers["Trackingid"]
        assert refused.json()["errors"] == [{"description": refused.json()["message"]}]
    me = bench.webex("GET", "/people/me")
    assert (me.status_code, me.json()["type"], "Trackingid" in me.headers) == (200, "bot", True)
    kind = base64.b64decode(me.json()["id"] + "==").decode().split("/")[3]
    assert (kind, "=" in me.json()["id"]) == ("PEOPLE", False)


def test_webhooks_are_made_listed_in_pages_changed_and_deleted(bench: Bench, hooks: Hooks) -> None:
    made = [hook(bench, hooks) for _ in range(5)]
    assert len({one["id"] for one in made}) == 5  # duplicates are allowed
    bench.do("webex/settings", {"page": 2})
    listed, path = [], "/webhooks?max=100"
    while path:
        page = bench.webex("GET", path)
        listed += page.json()["items"]
        path = page.links.get("next", {}).get("url", "")
    assert [one["id"] for one in listed] == [one["id"] for one in made]
    change = {"name": "y", "targetUrl": made[0]["targetUrl"], "status": "active", "resource": "rooms", "filter": "a=b"}
    changed = bench.webex("PUT", f"/webhooks/{made[0]['id']}", change).json()
    assert (changed["name"], changed["resource"], "filter" in changed) == ("y", "messages", False)
    assert bench.webex("PUT", f"/webhooks/{made[0]['id']}", {**change, "status": "inactive"}).status_code == 400
    assert bench.webex("DELETE", f"/webhooks/{made[0]['id']}").status_code == 204
    assert bench.webex("DELETE", f"/webhooks/{made[0]['id']}").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"targetUrl": None}, {"resource": "all"}, {"event": "updated?"}, {"filter": "colour=red"},
     {"filter": "roomType"}, {"targetUrl": "bot.example.kr"}],
)  # fmt: skip
def test_a_webhook_that_cannot_be_is_refused(bench: Bench, wrong: Json) -> None:
    body = {"name": "x", "targetUrl": "https://bot.example.kr/x", "resource": "messages", "event": "created", **wrong}
    assert bench.webex("POST", "/webhooks", body).status_code == 400


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"text": "가" * 2479 + "12"}, 200),
        ({"text": "가" * 2480}, 400),
        ({"markdown": "가" * 2480}, 400),
        ({}, 400),
        ({"text": "안녕", "toPersonId": "x"}, 400),
        ({"text": "안녕", "toPersonEmail": "nobody@example.kr"}, 404),
        ({"text": "안녕", "parentId": "x"}, 404),
        ({"files": ["https://a.example/1.png", "https://a.example/2.png"]}, 400),
        ({"files": ["https://a.example/1.png"]}, 200),
        ({"attachments": card(SUBMIT)}, 400),
        ({"markdown": "카드", "attachments": card(SUBMIT)}, 200),
        ({"markdown": "카드", "attachments": card(SUBMIT, version="1.4")}, 400),
        ({"markdown": "카드", "attachments": card(*[SUBMIT] * 6)}, 400),
        ({"markdown": "카드", "attachments": card({"type": "Action.Execute", "title": "x"})}, 400),
        ({"markdown": "카드", "attachments": card() * 2}, 400),
        ({"markdown": "카드", "attachments": card(SUBMIT), "files": ["https://a.example/1.png"]}, 400),
    ],
)
def test_messages_are_judged_as_webex_judges_them(bench: Bench, body: Json, status: int) -> None:
    assert sent(bench, **body).status_code == status


def test_a_message_to_a_person_opens_the_room_once_and_reuses_it(bench: Bench) -> None:
    rooms = {sent(bench, text="안녕").json()["roomId"] for _ in range(2)} | {said(bench)["room"]}
    assert len(rooms) == 1
    listed = bench.webex("GET", "/messages", params={"roomId": rooms.pop()}).json()["items"]
    assert [one["personEmail"] for one in listed] == [KIM, "maru@webex.bot", "maru@webex.bot"]


def test_a_reply_to_a_reply_is_refused(bench: Bench) -> None:
    root = said(bench)["message"]
    reply = bench.webex("POST", "/messages", {"roomId": root["roomId"], "text": "네", "parentId": root["id"]}).json()
    again = bench.webex("POST", "/messages", {"roomId": root["roomId"], "text": "네", "parentId": reply["id"]})
    assert (reply["parentId"], again.status_code) == (root["id"], 400)


def test_markdown_becomes_html_and_what_is_escaped_stays_text(bench: Bench) -> None:
    made = sent(bench, markdown=r"**굵게** _기울여_ [여기](https://a.example) 1\. \*별\* &lt;b>  " + "\n- 아님").json()
    assert made["html"] == (
        '<p><strong>굵게</strong> <em>기울여</em> <a href="https://a.example" rel="nofollow">여기</a> '
        "1. *별* &lt;b&gt;<br/>- 아님</p>"
    )
    assert made["text"] == "굵게 기울여 여기 1. *별* <b>\n- 아님"


def test_a_bot_reads_of_a_group_what_mentions_it(bench: Bench) -> None:
    room = group(bench)
    heard, unheard = said(bench, "연차", room)["message"], said(bench, "우리끼리", room, mention=False)["message"]
    assert bench.webex("GET", "/messages", params={"roomId": room}).status_code == 403
    listed = bench.webex("GET", "/messages", params={"roomId": room, "mentionedPeople": "me"}).json()["items"]
    assert [one["id"] for one in listed] == [heard["id"]]
    assert bench.webex("GET", f"/messages/{heard['id']}").json()["text"] == "마루 봇 연차"
    assert bench.webex("GET", f"/messages/{unheard['id']}").status_code == 404


# --- webhooks ---


def test_a_message_is_told_signed_without_its_words(bench: Bench, hooks: Hooks) -> None:
    made = hook(bench, hooks)
    message = said(bench, "연차 며칠")["message"]
    call = hooks.wait(1)[0]
    assert genuine(call) and "secret" not in call.body and "연차" not in call.raw.decode()
    assert (call.body["id"], call.body["data"]["id"], call.body["actorId"]) == (
        made["id"],
        message["id"],
        message["personId"],
    )


def test_own_messages_come_back_and_in_groups_only_mentions_are_told(bench: Bench, hooks: Hooks) -> None:
    hook(bench, hooks)
    room = group(bench)
    said(bench, "우리끼리", room, mention=False)
    own = bench.webex("POST", "/messages", {"roomId": room, "text": "네"}).json()
    mention = said(bench, "연차", room)["message"]
    assert [call.body["data"]["id"] for call in hooks.wait(2)] == [own["id"], mention["id"]]


def test_filters_choose_what_is_told(bench: Bench, hooks: Hooks) -> None:
    hook(bench, hooks, filter="roomType=group&personEmail=haneul@example.kr")
    said(bench, "1:1")
    assert said(bench, "회의", group(bench))["message"]["id"] == hooks.wait(1)[0].body["data"]["id"]


def test_joining_and_pressing_are_told_and_inputs_have_to_be_fetched(bench: Bench, hooks: Hooks) -> None:
    hook(bench, hooks, "memberships")
    hook(bench, hooks, "attachmentActions")
    message = sent(bench, markdown="카드", attachments=card(SUBMIT)).json()
    bench.do("webex/press", {"as": KIM, "message": message["id"], "title": "신청", "inputs": {"n": 3}})
    calls = hooks.wait(3)  # the bot and the person joined their room
    joined, pressed = calls[0].body["data"], calls[-1].body
    assert joined["roomId"] == message["roomId"] and joined["personEmail"] == "maru@webex.bot"
    assert (pressed["resource"], "inputs" in pressed["data"]) == ("attachmentActions", False)
    action = bench.webex("GET", f"/attachment/actions/{pressed['data']['id']}").json()
    assert action["inputs"] == {"say": "/신청", "sure": "true", "n": "3"}


def test_failures_in_a_row_switch_a_webhook_off_until_it_is_revived(bench: Bench, hooks: Hooks) -> None:
    made = hook(bench, hooks)
    bench.do("webex/settings", {"inactive_after": 2})
    hooks.answer = lambda call: (503, {}, b"")
    for _ in range(2):
        said(bench)
    bench.until(lambda record: len(record["webhooks"]) == 2)
    said(bench, "잃어버릴 말")
    assert bench.webex("GET", f"/webhooks/{made['id']}").json()["status"] == "inactive"
    hooks.clear()
    body = {"name": made["name"], "targetUrl": made["targetUrl"], "status": "active"}
    assert bench.webex("PUT", f"/webhooks/{made['id']}", body).json()["status"] == "active"
    message = said(bench, "다시")["message"]
    assert hooks.wait(1)[0].body["data"]["id"] == message["id"]


# --- faults ---


@pytest.mark.parametrize("fault", ["bad_signature", "missing_signature", "pretty", "non_ascii"])
def test_the_dial_changes_what_is_signed_and_how(bench: Bench, hooks: Hooks, fault: str) -> None:
    hook(bench, hooks)
    bench.faults({"do": fault, "match": {"channel": "webex"}})
    said(bench)
    call = hooks.wait(1)[0]
    assert genuine(call) == (fault in ("pretty", "non_ascii"))
    assert (call.signature == "") == (fault == "missing_signature")
    assert (b"\n" in call.raw) == (fault == "pretty")
    assert call.raw.isascii() == (fault != "non_ascii")


@pytest.mark.parametrize(("fault", "order"), [("double", [0, 0, 1]), ("reorder", [1, 0])])
def test_the_dial_doubles_and_reorders(bench: Bench, hooks: Hooks, fault: str, order: list[int]) -> None:
    hook(bench, hooks)
    bench.faults({"do": fault, "match": {"channel": "webex", "webhook": "messages", "count": 1}, "seconds": 60})
    messages = [said(bench, text)["message"]["id"] for text in ("하나", "둘")]
    assert [call.body["data"]["id"] for call in hooks.wait(len(order))] == [messages[at] for at in order]


def test_the_dial_limits_hides_at_first_and_answers_as_a_gateway(bench: Bench) -> None:
    message = said(bench)["message"]
    read = {"channel": "webex", "path": "/v1/messages/*", "count": 1}
    bench.faults({"do": "404", "match": read}, {"do": "429", "match": {**read, "method": "GET"}, "seconds": 2})
    answers = [bench.webex("GET", f"/messages/{message['id']}") for _ in range(3)]
    assert [one.status_code for one in answers] == [404, 429, 200]
    assert answers[1].headers["Retry-After"] == "2"
    bench.faults({"do": "html", "match": {"channel": "webex"}})
    gateway = sent(bench, text="안녕")
    assert (gateway.status_code, gateway.headers["Content-Type"]) == (502, "text/html")


def test_a_rule_without_a_channel_leaves_webex_alone(bench: Bench) -> None:
    bench.faults({"do": "500"})
    assert bench.webex("GET", "/people/me").status_code == 200


# --- the employee's seat ---


@pytest.fixture
def page(browser: Browser, bench: Bench) -> Iterator[Page]:
    opened = browser.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(f"{bench.url}/employee")
    yield opened
    opened.close()
    assert errors == []


def clerk(bench: Bench) -> Any:
    """A product that answers each message of a person with a card."""

    def answer(call: Call) -> Answer:
        if call.body["resource"] == "messages" and not call.body["data"]["personEmail"].endswith("@webex.bot"):
            words = {"type": "TextBlock", "text": r"**연차** 1\*2 <b>", "wrap": True}
            room = {"roomId": call.body["data"]["roomId"], "markdown": "연차"}
            bench.webex("POST", "/messages", {**room, "attachments": card(SUBMIT, body=[words])})
        return 200, {}, b""

    return answer


def test_an_employee_writes_sees_the_card_and_presses_it(page: Page, bench: Bench, hooks: Hooks) -> None:
    hook(bench, hooks)
    hook(bench, hooks, "attachmentActions")
    hooks.answer = clerk(bench)
    page.get_by_label("봇에게 말하기").fill("연차 며칠 <b>")
    page.get_by_role("button", name="보내기").click()
    expect(page.locator(".message.user")).to_contain_text("연차 며칠 <b>")
    shown = page.locator(".message.bot .card-of")
    expect(shown.locator("p")).to_have_text("연차 1*2 <b>")
    expect(shown.locator("strong")).to_have_text("연차")
    shown.get_by_role("button", name="신청").click()
    pressed = hooks.wait(3)[-1].body
    assert (pressed["resource"], pressed["data"]["personId"]) == ("attachmentActions", hooks.calls[0].body["actorId"])


def test_in_a_group_the_bot_hears_only_what_mentions_it(page: Page, bench: Bench, hooks: Hooks) -> None:
    hook(bench, hooks)
    page.get_by_role("button", name="단체방").click()
    expect(page.locator("#room-name")).to_have_text("주간 회의")
    page.get_by_text("봇을 부르며 말하기").click()
    page.get_by_label("봇에게 말하기").fill("우리끼리")
    page.get_by_role("button", name="보내기").click()
    expect(page.locator(".message.user")).to_have_count(1)
    page.get_by_text("봇을 부르며 말하기").click()
    page.get_by_label("봇에게 말하기").fill("연차")
    page.get_by_role("button", name="보내기").click()
    expect(page.locator(".message.user .mention")).to_have_text("@마루 봇")
    assert len(hooks.wait(1)) == 1


@pytest.mark.slow
def test_the_page_shows_webhooks_and_switches_them_off(page: Page, bench: Bench, hooks: Hooks) -> None:
    hook(bench, hooks)
    said(bench)  # news, so that the page looks again
    page.get_by_role("button", name="끄기").click()
    expect(page.locator(".hooks .off")).to_have_text("x:messages")
    page.get_by_label("서명이 틀림").check()
    rules = bench.until(lambda record: bench.see("faults")["rules"]) and bench.see("faults")["rules"]
    assert rules[0]["match"] == {"channel": "webex"}
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("button", name="Switch on")).to_be_visible()
