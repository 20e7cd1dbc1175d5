"""Telegram's stand-in is as strict as Telegram: what it refuses, how it tells, and the subscriber's seat."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.browsing import AXE
from tests.sandbox_bench import Bench, Hooks, start_sandbox

Json = dict[str, Any]
TOKEN = "123456789:bench-bot-token"
URL = "https://maru.example.kr/hooks/telegram"


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
    return running


def call(bench: Bench, method: str, body: object = None, token: str = TOKEN, **more: Any) -> requests.Response:
    return bench.http.post(f"{bench.url}/bot{token}/{method}", json=body, timeout=15, **more)


def result(bench: Bench, method: str, body: object = None) -> Any:
    done = call(bench, method, body)
    assert done.status_code == 200, done.text
    return done.json()["result"]


def refused(bench: Bench, method: str, **body: Any) -> tuple[int, str]:
    done = call(bench, method, body).json()
    assert done["ok"] is False
    return done["error_code"], done["description"].partition(": ")[2]


def user(bench: Bench, **more: Any) -> int:
    return int(bench.do("telegram/users", {"name": "민지", "started": True, **more})["user"])


def test_the_token_is_checked_and_is_in_no_record(bench: Bench) -> None:
    assert call(bench, "getMe", token="123456789:wrong").json() == {
        "ok": False, "error_code": 401, "description": "Unauthorized",
    }  # fmt: skip
    assert call(bench, "getSomething").json()["error_code"] == 404
    assert result(bench, "GETME")["username"] == "maru_practice_bot"
    assert TOKEN not in json.dumps(bench.record()) + json.dumps(bench.see("telegram/calls"))


def test_parameters_come_in_every_way_that_telegram_takes(bench: Bench) -> None:
    chat = user(bench)
    url = f"{bench.url}/bot{TOKEN}/sendMessage"
    nested = {"chat_id": str(chat), "text": "2", "link_preview_options": '{"is_disabled":true}'}
    for done in (
        bench.http.get(url, params={"chat_id": chat, "text": "1"}, timeout=5),
        bench.http.post(url, data=nested, timeout=5),
        bench.http.post(url, files={"chat_id": (None, str(chat)), "text": (None, "삼")}, timeout=5),
    ):
        assert done.json()["ok"] is True
    (told,) = [one["messages"] for one in bench.see("telegram/chats")["chats"].values()]
    assert [one["text"] for one in told] == ["1", "2", "삼"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"text": " "}, "message text is empty"),
        ({"text": "😀" * 2049}, "message is too long"),
        ({"text": "<b>x</i>", "parse_mode": "HTML"}, "can't parse entities"),
        ({"text": "<b>x", "parse_mode": "HTML"}, "can't parse entities"),
        ({"text": "<div>x</div>", "parse_mode": "HTML"}, "can't parse entities"),
        ({"text": "a < b", "parse_mode": "HTML"}, "can't parse entities"),
        ({"text": "x", "reply_parameters": {"message_id": 99}}, "message to be replied not found"),
        ({"text": "x", "message_thread_id": 5}, "message thread not found"),
        ({"text": "x", "reply_markup": {"inline_keyboard": [[{"text": "y", "callback_data": "가" * 22}]]}},
         "BUTTON_DATA_INVALID"),
        ({"text": "x", "chat_id": 42}, "chat not found"),
    ],
)  # fmt: skip
def test_what_telegram_refuses_is_refused(bench: Bench, body: Json, why: str) -> None:
    code, told = refused(bench, "sendMessage", **{"chat_id": user(bench), **body})
    assert code == 400 and told.startswith(why)


def test_limits_of_a_chat_and_of_all_are_told_in_body_and_header(bench: Bench) -> None:
    chats = bench.do("telegram/crowd", {"n": 31})["users"]
    for _ in range(3):
        result(bench, "sendMessage", {"chat_id": chats[0], "text": "x"})
    done = call(bench, "sendMessage", {"chat_id": chats[0], "text": "x"})
    wait = done.json()["parameters"]["retry_after"]
    assert (done.status_code, done.headers["Retry-After"]) == (429, str(wait)) and 1 <= wait <= 3

    def send(chat: int) -> int:
        return call(bench, "sendMessage", {"chat_id": chat, "text": "x"}).status_code

    with ThreadPoolExecutor(6) as pool:  # one after another might take a busy machine more than a second
        codes = list(pool.map(send, chats[1:] * 3))
    assert 429 in codes and codes.count(200) >= 27


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"url": "http://127.0.0.1:8000/hooks/telegram"}, "bad webhook: An HTTPS URL must be provided for webhook"),
        ({"url": "https://maru.example.kr:8000/x"}, "bad webhook: Webhook can be set up only on ports"),
        ({"url": "maru"}, "invalid webhook URL specified"),
        ({"url": URL, "secret_token": "비밀"}, "secret token contains unallowed characters"),
        ({"url": URL, "secret_token": "x" * 257}, "secret token is too long"),
    ],
)
def test_a_webhook_has_to_be_right(bench: Bench, body: Json, why: str) -> None:
    code, told = refused(bench, "setWebhook", **body)
    assert code == 400 and told.startswith(why)


def test_a_failed_update_comes_again_and_those_behind_it_in_the_chat_wait(bench: Bench, hooks: Hooks) -> None:
    minji, jun = user(bench), user(bench, name="Jun")
    done = call(bench, "setWebhook", {"url": URL, "secret_token": "s-1", "allowed_updates": ["message"]}).json()
    assert done["description"] == "Webhook was set"
    assert call(bench, "setWebhook", {"url": URL}).json()["parameters"] == {"retry_after": 1}
    bench.do("telegram/settings", {"speed": 50})
    heard: list[str] = []

    def answer(told: Any) -> Any:
        heard.append(told.body["message"]["text"])
        broken = heard.count("하나") < 3 and heard[-1] == "하나"
        return (500 if broken else 200), {}, b""

    hooks.answer = answer
    for who, text in ((minji, "하나"), (minji, "둘"), (jun, "셋")):
        bench.do("telegram/say", {"as": who, "text": text})
    hooks.wait(5)
    assert [text for text in heard if text != "셋"] == ["하나", "하나", "하나", "둘"]
    info = bench.see("telegram/webhook")
    assert info["last_error_message"] == "Wrong response from the webhook: 500"
    assert hooks.calls[0].path == "/hooks/telegram"
    assert call(bench, "getUpdates").json()["description"].startswith("Conflict: can't use getUpdates method")


def test_a_method_in_the_webhook_s_answer_is_done(bench: Bench, hooks: Hooks) -> None:
    chat = user(bench)
    call(bench, "setWebhook", {"url": URL})
    said = {"method": "sendMessage", "chat_id": chat, "text": "받았어요"}
    hooks.answer = lambda told: (200, {"Content-Type": "application/json"}, json.dumps(said).encode())
    bench.do("telegram/say", {"as": chat, "text": "안녕"})
    bench.see("telegram/wait", chat=chat, messages=1, text="받았어요", timeout=10)


def test_updates_are_kept_until_they_are_acknowledged_and_one_asks_at_a_time(bench: Bench) -> None:
    chat = user(bench)
    for text in ("하나", "둘"):
        bench.do("telegram/say", {"as": chat, "text": text})
    first = result(bench, "getUpdates", {})
    assert result(bench, "getUpdates", {}) == first and [one["message"]["text"] for one in first] == ["하나", "둘"]
    assert result(bench, "getUpdates", {"offset": first[0]["update_id"] + 1}) == first[1:]
    bodies: list[Json] = []
    offset = {"offset": first[1]["update_id"] + 1, "timeout": 20}
    waiting = threading.Thread(target=lambda: bodies.append(requests.post(
        f"{bench.url}/bot{TOKEN}/getUpdates", json=offset, timeout=30).json()))  # fmt: skip
    waiting.start()
    bench.until(lambda record: bench.see("telegram/webhook")["pending_update_count"] == 0)
    assert result(bench, "getUpdates", {"offset": offset["offset"]}) == []
    waiting.join(10)
    assert bodies[0]["error_code"] == 409 and "terminated by other getUpdates request" in bodies[0]["description"]


def test_in_privacy_mode_a_group_s_korean_command_does_not_reach_the_bot_and_an_answer_to_it_does(bench: Bench) -> None:
    minji = user(bench)
    group = bench.do("telegram/groups", {"title": "당직", "members": [minji]})["chat"]
    own = result(bench, "sendMessage", {"chat_id": group, "text": "안녕하세요"})["message_id"]
    for text, reply in (("/구독", None), ("/help를", None), ("/help", None), ("/구독", own)):
        bench.do("telegram/say", {"as": minji, "chat": group, "text": text, "reply": reply})
    told = [one["message"]["text"] for one in result(bench, "getUpdates", {}) if "message" in one]
    assert told == ["/help", "/구독"]


def test_a_press_can_be_answered_and_one_that_never_was_cannot(bench: Bench) -> None:
    chat = user(bench)
    markup = {"inline_keyboard": [[{"text": "구독", "callback_data": "/구독"}]]}
    message = result(bench, "sendMessage", {"chat_id": chat, "text": "?", "reply_markup": markup})["message_id"]
    query = bench.do("telegram/press", {"as": chat, "message": message, "title": "구독"})
    (update,) = result(bench, "getUpdates", {})
    assert (update["callback_query"]["data"], update["callback_query"]["id"]) == ("/구독", query["id"])
    assert result(bench, "answerCallbackQuery", {"callback_query_id": query["id"]}) is True
    assert refused(bench, "answerCallbackQuery", callback_query_id="1")[1].startswith("query is too old")


# --- the seat ---


@pytest.fixture
def page(browser: Browser, bench: Bench) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    opened = context.new_page()
    opened.goto(f"{bench.url}/subscriber?lang=ko")
    yield opened
    context.close()


def test_a_subscriber_starts_reads_presses_and_blocks(page: Page, bench: Bench) -> None:
    page.get_by_role("button", name="시작").click()
    chat = bench.until(lambda record: bench.see("telegram/webhook")["pending_update_count"] == 2) and 5550001
    markup = {"inline_keyboard": [[{"text": "확진자", "callback_data": "/구독 확진자"}]]}
    text = "<b>안녕</b> 😀 <i>하세요</i> &lt;b&gt;"
    result(bench, "sendMessage", {"chat_id": chat, "text": text, "parse_mode": "HTML", "reply_markup": markup})
    bubble = page.locator(".message.bot .text")
    expect(bubble).to_have_text("안녕 😀 하세요 <b>")
    expect(bubble.locator("i")).to_have_text("하세요")
    page.get_by_role("button", name="확진자").click()
    bench.until(lambda record: bench.see("telegram/presses")["presses"])
    page.get_by_role("button", name="차단").click()
    expect(page.locator(".system")).to_have_text("차단했어요. 봇은 이제 말을 걸 수 없어요.")
    assert refused(bench, "sendMessage", chat_id=chat, text="x") == (403, "bot was blocked by the user")
    page.evaluate(
        "Promise.all(document.getAnimations().map((one) => one.finished))"
    )  # while it fades in it has little contrast
    page.evaluate(AXE.read_text())
    found = page.evaluate("async () => (await axe.run(document, {runOnly: ['wcag2a', 'wcag2aa']})).violations")
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
