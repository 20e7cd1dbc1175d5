"""When the platform misbehaves: slow down, try again, never twice."""

import secrets
from collections.abc import Iterator

import pytest

from tests.house import SURVEY, House, eventually
from tests.test_delivery_series import THREE, series

POST = {"method": "POST", "path": "/open/v5/user-chats/*/messages"}


@pytest.fixture
def calm(house: House) -> Iterator[House]:
    yield house
    house.faults()


@pytest.mark.parametrize("fault", ["500", "drop_before", "reset", "html", "429"])
def test_a_message_that_did_not_arrive_is_sent_again(calm: House, fault: str) -> None:
    tag = series(calm, THREE)
    chat = calm.customer({**SURVEY, "wish": "감량"}, tags=[tag])
    calm.faults({"do": fault, "seconds": 1, "match": {**POST, "chat": chat, "from": 2, "count": 1}})
    calm.control(f"chats/{chat}/open", {})
    calm.wait(chat, 3)
    assert calm.told(chat) == ["하나", "둘", "셋"]


@pytest.mark.parametrize("fault", ["drop_after", "half", "empty"])
@pytest.mark.parametrize("repeats", ["same", "new"])
def test_a_message_that_did_arrive_is_not_sent_again(calm: House, fault: str, repeats: str) -> None:
    tag = series(calm, THREE)
    chat = calm.customer({**SURVEY, "wish": "감량"}, tags=[tag])
    calm.control("settings", {"repeated_request_id": repeats})
    calm.faults({"do": fault, "match": {**POST, "chat": chat, "from": 2, "count": 1}})
    calm.control(f"chats/{chat}/open", {})
    calm.wait(chat, 3)
    eventually(lambda: all(row["state"] == "sent" for row in calm.deliveries(chat)), "all three are known to be sent")
    assert calm.told(chat) == ["하나", "둘", "셋"]


def test_a_refusal_dies_at_once_with_the_platform_s_own_words(calm: House) -> None:
    chat = f"gone-{secrets.token_hex(4)}"
    tag = series(calm, "  - {text: 하나}\n")
    body = {"event": "push", "type": "userChat", "entity": {"id": chat, "userId": "u1", "openedAt": 1, "tags": [tag]}}
    calm.hook({**body, "refers": {"user": {"id": "u1", "profile": {**SURVEY, "wish": "감량"}}}})
    (row,) = eventually(lambda: [r for r in calm.deliveries(chat) if r["state"] == "dead"], "the message is dead")
    assert "404" in row["reason"]
    assert "not found" in row["reason"].lower()


def test_a_slow_chat_holds_no_other_up(calm: House) -> None:
    tag = series(calm, THREE)
    slow = calm.customer({**SURVEY, "wish": "감량"}, tags=[tag])
    calm.faults({"do": "slow", "seconds": 3, "match": {**POST, "chat": slow}})
    calm.control(f"chats/{slow}/open", {})
    other = calm.open_chat({**SURVEY, "wish": "감량"}, tags=[tag])
    calm.wait(other, 3)
    assert len(calm.told(slow)) < 3


def test_a_request_to_slow_down_costs_no_attempt(calm: House) -> None:
    tag = series(calm, "  - {text: 하나}\n")
    chat = calm.customer({**SURVEY, "wish": "감량"}, tags=[tag])
    calm.faults({"do": "429", "seconds": 1, "match": {**POST, "chat": chat, "count": 2}})
    calm.control(f"chats/{chat}/open", {})
    calm.wait(chat, 1)
    asked = [one for one in calm.control("record")["requests"] if one["chat"] == chat and one["method"] == "POST"]
    assert [one["status"] for one in asked] == [429, 429, 200]
    assert calm.told(chat) == ["하나"]


def test_a_dead_message_can_be_sent_again_by_staff(calm: House) -> None:
    tag = series(calm, "  - {text: 하나}\n")
    chat = calm.customer({**SURVEY, "wish": "감량"}, tags=[tag])
    calm.faults({"do": "html", "status": 400, "match": {**POST, "chat": chat, "count": 1}})
    calm.control(f"chats/{chat}/open", {})
    (row,) = eventually(lambda: [r for r in calm.deliveries(chat) if r["state"] == "dead"], "the message is dead")
    calm.flask("deliveries", "retry", str(row["id"]))
    calm.wait(chat, 1)
    assert calm.told(chat) == ["하나"]


def test_a_waiting_message_can_be_cancelled_and_the_rest_goes_on(calm: House) -> None:
    messages = "  - {text: 하나}\n  - {text: 둘, wait: 3600}\n  - {text: 셋, wait: 0}\n"
    chat = calm.open_chat({**SURVEY, "wish": "감량"}, tags=[series(calm, messages)])
    calm.wait(chat, 1)
    row = eventually(lambda: [r for r in calm.deliveries(chat) if r["text"] == "둘" and r["due_at"]], "it waits")[0]
    calm.flask("deliveries", "cancel", str(row["id"]))
    calm.wait(chat, 2)
    assert calm.told(chat) == ["하나", "셋"]


def test_effects_that_are_refused_are_told_and_can_be_tried_again(calm: House) -> None:
    tag = series(calm, THREE, effects="{tags: [큐레이션완료]}")
    chat = calm.customer({**SURVEY, "wish": "감량"}, tags=[tag])
    calm.faults({"do": "html", "status": 400, "match": {"method": "PATCH", "path": "/open/v5/users/*", "count": 1}})
    calm.control(f"chats/{chat}/open", {})
    (row,) = eventually(lambda: [r for r in calm.deliveries(chat) if r["state"] == "dead"], "the effects are dead")
    assert (row["text"], "400" in row["reason"]) == ("(profile and tags)", True)
    calm.flask("deliveries", "retry", str(row["id"]))
    eventually(lambda: calm.control("record")["chats"][chat]["tags"] == ["큐레이션완료"], "the tag is written")
