"""The stand-in tells the product what ChannelTalk would: in order, with tokens, with its ways of failing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox_bench import Bench, Call, Hooks, start_sandbox

Json = dict[str, Any]


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


def answering(status: int, headers: dict[str, str] | None = None, body: object = "ok") -> Any:
    return lambda call: (status, headers or {}, json.dumps(body).encode())


def test_an_opened_chat_is_told_with_survey_tags_and_source(bench: Bench, hooks: Hooks) -> None:
    chat = bench.customer("김하늘", {"height": 168}, tags=["설문완료"], userTags=["여름이벤트"], memberId="shop-1")
    bench.do(f"chats/{chat}/open")
    call = hooks.wait(1)[0]
    entity, user = call.body["entity"], call.body["refers"]["user"]
    assert (call.path, call.token) == ("/open_userchat", "token-of-opened")
    assert (call.body["event"], call.body["type"]) == ("push", "userChat")
    assert (entity["id"], entity["state"], entity["tags"]) == (chat, "opened", ["설문완료"])
    assert entity["source"]["supportBot"]["id"] == "31877"
    assert entity["openedAt"] == entity["firstOpenedAt"]
    assert (user["profile"], user["tags"]) == ({"name": "김하늘", "height": 168}, ["여름이벤트"])
    assert user["memberId"] == "shop-1"


@pytest.mark.parametrize(
    ("who", "person", "refers"),
    [
        ("user", "user", "user"),
        ("manager", "manager", "manager"),
        ("note", "manager", "manager"),
        ("bot", "bot", "bot"),
    ],
)
def test_each_message_is_told_with_who_wrote_it(bench: Bench, hooks: Hooks, who: str, person: str, refers: str) -> None:
    chat = bench.customer()
    message = bench.say(chat, "<완료> & 'ok'", who)
    call = hooks.wait(1)[0]
    entity = call.body["entity"]
    assert (call.path, call.token) == ("/in_userchat", "token-of-messages")
    assert (entity["id"], entity["personType"], entity["chatType"]) == (message["id"], person, "userChat")
    assert entity["plainText"] == "<완료> & 'ok'"
    assert entity["blocks"][0]["value"] == "&lt;완료&gt; &amp; 'ok'"
    assert (entity.get("options") == ["private"]) == (who == "note")
    assert {refers, "userChat"} == call.body["refers"].keys()


def test_the_products_own_messages_come_back(bench: Bench, hooks: Hooks) -> None:
    chat = bench.customer()
    bench.post(chat, {"blocks": [{"type": "text", "value": "a"}], "requestId": "dlv-1"}, params={"botName": "마루"})
    call = hooks.wait(1)[0]
    assert (call.body["entity"]["personType"], call.body["entity"]["requestId"]) == ("bot", "dlv-1")
    assert call.body["refers"]["bot"]["name"] == "마루"


@pytest.mark.parametrize("action", ["close", "assign"])
def test_system_lines_have_a_log_and_no_text(bench: Bench, hooks: Hooks, action: str) -> None:
    chat = bench.customer()
    bench.say(chat, "", f"log:{action}")
    entity = hooks.wait(1)[0].body["entity"]
    assert entity["log"]["action"] == action
    assert "plainText" not in entity


def test_reopening_is_told_with_a_later_opening_time(bench: Bench, hooks: Hooks) -> None:
    chat = bench.opened()
    bench.do(f"chats/{chat}/close")
    bench.do(f"chats/{chat}/reopen")
    told = [call.body["entity"] for call in hooks.wait(4) if call.path == "/open_userchat"]
    assert [entity["firstOpenedAt"] for entity in told] == [told[0]["openedAt"]] * 2
    assert told[1]["openedAt"] >= told[0]["openedAt"]


def test_a_chat_is_told_in_order_while_many_chats_talk(bench: Bench, hooks: Hooks) -> None:
    chats = bench.do("crowd", {"n": 20, "profile": {"height": 168}})["chats"]
    for number in range(5):
        for chat in chats:
            bench.say(chat, str(number))
    told: dict[str, list[str]] = {chat: [] for chat in chats}
    for call in hooks.wait(120):
        entity = call.body["entity"]
        told[entity.get("chatId", entity["id"])].append(entity.get("plainText", "opened"))
    assert set(map(tuple, told.values())) == {("opened", "0", "1", "2", "3", "4")}


def test_a_failed_delivery_is_tried_again_before_the_next_one(bench: Bench, hooks: Hooks) -> None:
    failures = iter([503])
    hooks.answer = lambda call: (next(failures, 200), {}, b"")
    chat = bench.customer()
    bench.say(chat, "first")
    bench.say(chat, "second")
    assert [call.body["entity"]["plainText"] for call in hooks.wait(3)] == ["first", "first", "second"]
    record = bench.until(lambda record: len(record["webhooks"]) == 2)
    assert [(told["status"], told["tries"]) for told in record["webhooks"]] == [(200, 2), (200, 1)]


def test_a_refused_delivery_is_not_tried_again(bench: Bench, hooks: Hooks) -> None:
    hooks.answer = answering(401)
    bench.say(bench.customer(), "a")
    told = bench.until(lambda record: record["webhooks"])["webhooks"]
    assert [(one["status"], one["tries"], one["kind"]) for one in told] == [(401, 1, "message")]


@pytest.mark.slow
def test_a_hundred_failures_in_a_row_block_a_webhook_until_it_is_unblocked(bench: Bench, hooks: Hooks) -> None:
    hooks.answer = answering(401)
    chat = bench.customer()
    for _ in range(101):
        bench.say(chat, "a")
    bench.until(lambda record: len(record["webhooks"]) >= 100)
    hook = bench.api("GET", "/webhooks").json()["webhooks"][1]
    assert hook["blocked"] and hook["lastBlockedAt"]
    hooks.clear()
    bench.do(f"webhooks/{hook['id']}/unblock")
    bench.say(chat, "after")
    assert hooks.wait(1)[0].body["entity"]["plainText"] == "after"


def test_one_success_ends_the_row_of_failures(bench: Bench, hooks: Hooks) -> None:
    statuses = iter([401, 200, 401])
    hooks.answer = lambda call: (next(statuses), {}, b"")
    chat = bench.customer()
    for _ in range(3):
        bench.say(chat, "a")
    bench.until(lambda record: len(record["webhooks"]) == 3)
    assert bench.see("webhooks")["webhooks"][1]["failures"] == 1


def test_a_quick_reply_becomes_a_bot_message(bench: Bench, hooks: Hooks) -> None:
    body = {"blocks": [{"type": "text", "value": "<b>잠시만요</b>"}]}

    def answer(call: Call) -> Any:
        quick = call.body["entity"].get("personType") == "user"
        return (
            200,
            {"x-quick-reply": "true", "x-bot-name": "HealthCoach"} if quick else {},
            json.dumps(body).encode(),
        )

    hooks.answer = answer
    chat = bench.customer()
    bench.say(chat, "안녕")
    bench.wait(chat, messages=1)
    assert bench.texts(chat) == ["잠시만요"]


def test_a_wrong_quick_reply_is_noted_and_not_shown(bench: Bench, hooks: Hooks) -> None:
    hooks.answer = answering(200, {"x-quick-reply": "true"}, {"blocks": []})
    chat = bench.customer()
    bench.say(chat, "안녕")
    record = bench.until(lambda record: len(record["webhooks"]) == 2)
    assert any(told["error"].startswith("quick reply refused") for told in record["webhooks"])
    assert bench.texts(chat) == []


def test_a_changed_contact_is_told_to_those_who_asked(bench: Bench, hooks: Hooks) -> None:
    url = f"{hooks.url}/hooks/channeltalk"
    scopes = ["lead.upserted.contact"]
    bench.api("POST", "/webhooks", {"name": "people", "url": url, "scopes": scopes, "apiVersion": "v5"})
    user = bench.do("customers", {"name": "a"})["userId"]
    bench.api("PATCH", f"/users/{user}", {"profile": {"height": 168}})
    bench.api("PATCH", f"/users/{user}", {"profile": {"email": "a@example.kr"}})
    call = hooks.wait(1)[0]
    assert (call.body["event"], call.body["type"]) == ("upsert", "user")
    assert call.body["entity"]["profile"]["email"] == "a@example.kr"


# the dial


@pytest.mark.parametrize("fault", ["double", "concurrent"])
def test_doubles_a_delivery(bench: Bench, hooks: Hooks, fault: str) -> None:
    bench.faults({"do": fault, "match": {"webhook": "message", "person": "user"}})
    bench.say(bench.customer(), "a")
    assert len({call.body["entity"]["id"] for call in hooks.wait(2)}) == 1


def test_swaps_two_deliveries_of_a_chat(bench: Bench, hooks: Hooks) -> None:
    bench.faults({"do": "reorder", "match": {"count": 1}, "seconds": 60})
    chat = bench.customer()
    bench.say(chat, "first")
    bench.say(chat, "second")
    assert [call.body["entity"]["plainText"] for call in hooks.wait(2)] == ["second", "first"]


def test_a_held_delivery_goes_out_alone_when_none_follows(bench: Bench, hooks: Hooks) -> None:
    bench.faults({"do": "reorder", "match": {}, "seconds": 0.05})
    bench.say(bench.customer(), "only")
    assert hooks.wait(1)[0].body["entity"]["plainText"] == "only"


def test_drops_deliveries_and_records_that(bench: Bench, hooks: Hooks) -> None:
    bench.faults({"do": "drop", "match": {"webhook": "opened"}})
    chat = bench.opened()
    bench.say(chat, "after")
    assert hooks.wait(1)[0].path == "/in_userchat"
    assert bench.record()["webhooks"][0]["error"] == "dropped"


def test_delays_a_delivery(bench: Bench, hooks: Hooks) -> None:
    bench.faults({"do": "delay", "match": {}, "seconds": 0.2})
    said = bench.say(bench.customer(), "a")
    told = bench.until(lambda record: record["webhooks"])["webhooks"][0]
    assert told["at"] - said["at"] >= 190


def test_changes_the_shape_as_older_hooks_do(bench: Bench, hooks: Hooks) -> None:
    bench.faults({"do": "capitalise"}, {"do": "strings"}, {"do": "workflow"})
    chat = bench.opened("a", {"weight": 63.5, "age": 34, "agreed": True})
    body = hooks.wait(1)[0].body
    assert body["type"] == "UserChat"
    assert body["refers"]["user"]["profile"] == {"name": "a", "weight": "63.5", "age": "34", "agreed": True}
    assert body["entity"]["source"].keys() == {"workflow"}
    kept = bench.record()["chats"][chat]
    assert kept["profile"]["weight"] == 63.5, "only the delivery is changed, not the chat"
    assert kept["source"].keys() == {"supportBot"}


def test_leaves_refers_out(bench: Bench, hooks: Hooks) -> None:
    bench.faults({"do": "missing_refers"})
    bench.opened()
    assert "refers" not in hooks.wait(1)[0].body
