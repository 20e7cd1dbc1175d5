"""ChannelTalk's webhooks at our door: what is believed, what is kept, what is answered."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.house import SURVEY, House

PATHS = ("/open_userchat", "/in_userchat", "/hooks/channeltalk")


def opened(chat: str, **more: Any) -> dict[str, Any]:
    """A userChat.opened as the wire notes have it."""
    entity = {
        "id": chat,
        "state": "opened",
        "userId": f"user-{chat}",
        "tags": ["설문완료"],
        "openedAt": 1783401602120,
        "firstOpenedAt": 1783401602120,
        **more,
    }
    user = {"id": f"user-{chat}", "name": "김하늘", "profile": SURVEY}
    return {"event": "push", "type": "userChat", "entity": entity, "refers": {"user": user}}


def message(chat: str, text: str = "안녕하세요", **more: Any) -> dict[str, Any]:
    entity = {
        "id": secrets.token_hex(8),
        "chatType": "userChat",
        "chatId": chat,
        "personType": "user",
        "personId": f"user-{chat}",
        "plainText": text,
        **more,
    }
    return {"event": "push", "type": "message", "entity": entity, "refers": {}}


@pytest.fixture
def chat() -> str:
    return f"chat-{secrets.token_hex(6)}"


@pytest.mark.parametrize("path", PATHS)
def test_every_address_takes_every_event(house: House, chat: str, path: str) -> None:
    assert house.hook(opened(chat), path=path).status_code == 200
    assert house.hook(message(chat), path=path).status_code == 200
    assert [row["kind"] for row in house.events(chat)] == ["chat_opened", "message"]


def test_both_tokens_are_believed(house: House, chat: str) -> None:
    for token in house.tokens:
        assert house.hook(message(chat), token=token).status_code == 200


@pytest.mark.parametrize("token", ["", "wrong", "토큰", "x" * 3_000])
def test_a_wrong_or_missing_token_is_refused_and_stores_nothing(house: House, chat: str, token: str) -> None:
    assert house.hook(opened(chat), token=token).status_code == 401
    assert house.events(chat) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[1]", b'"text"', b"\xff\xfe", b'{"entity": NaN}', b'{"type":"message","entity":{}}', b'{"a":1}'],
)
def test_what_makes_no_event_is_400(house: House, body: bytes) -> None:
    assert house.hook(body).status_code == 400


def test_endless_nesting_is_400(house: House) -> None:
    assert house.hook(b'{"entity":' * 10_000 + b"1" + b"}" * 10_000).status_code == 400


def test_proof_is_asked_before_form(house: House) -> None:
    assert house.hook(b"not json", token="wrong").status_code == 401


@pytest.mark.parametrize("size", [1024 * 1024 + 1, 5_000_000, 50_000_000])
def test_a_large_body_is_413_before_proof(house: House, size: int) -> None:
    assert house.hook(b"x" * size, token="wrong").status_code == 413


def test_a_large_body_sent_in_chunks_is_413(house: House) -> None:
    pieces = (b"x" * 65536 for _ in range(40))
    done = house.http.post(house.url + "/in_userchat", data=pieces, params={"token": house.tokens[0]}, timeout=30)
    assert done.status_code == 413


@pytest.mark.parametrize("type_word", ["userChat", "UserChat", "USERCHAT"])
def test_any_casing_of_type_is_read(house: House, chat: str, type_word: str) -> None:
    assert house.hook(opened(chat) | {"type": type_word}).status_code == 200
    assert [row["kind"] for row in house.events(chat)] == ["chat_opened"]


def test_the_same_event_again_is_recorded_once(house: House, chat: str) -> None:
    for _ in range(3):
        assert house.hook(opened(chat)).status_code == 200
    assert len(house.events(chat)) == 1


def test_the_same_event_at_the_same_time_is_recorded_once(house: House, chat: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: house.hook(opened(chat)).status_code, range(24)))
    assert answers == [200] * 24
    assert len(house.events(chat)) == 1


def test_a_chat_opened_again_is_another_event(house: House, chat: str) -> None:
    house.hook(opened(chat))
    house.hook(opened(chat, openedAt=1783409999999))
    assert len(house.events(chat)) == 2


@pytest.mark.parametrize(
    "entity",
    [
        {"personType": "bot"},
        {"personType": "manager", "options": ["private"]},
        {"personType": "user", "log": {"action": "assign"}},
        {"personType": "manager", "chatType": "group"},
    ],
    ids=["our own message", "a private note", "a log line", "a team chat"],
)
def test_what_is_not_for_us_is_200_and_not_kept(house: House, chat: str, entity: dict[str, Any]) -> None:
    assert house.hook(message(chat, **entity)).status_code == 200
    assert house.events(chat) == []


def test_an_unknown_kind_of_event_is_200(house: House) -> None:
    assert house.hook({"event": "delete", "type": "lead", "entity": {"id": "1"}}).status_code == 200


def test_a_message_without_refers_or_type_is_kept(house: House, chat: str) -> None:
    body = message(chat)
    del body["refers"], body["type"]
    assert house.hook(body).status_code == 200
    assert [row["kind"] for row in house.events(chat)] == ["message"]


def test_text_that_no_database_takes_is_kept_readable(house: House, chat: str) -> None:
    raw = (
        b'{"type":"message","entity":{"id":"m-%s","chatType":"userChat","chatId":"%s","personType":"user",'
        b'"plainText":"a\\u0000b\\ud800c"}}'
    )
    assert house.hook(raw % (chat.encode(), chat.encode())).status_code == 200
    assert house.flask("events", "show", str(house.events(chat)[0]["id"]))["inbound"]["text"] == "a\ufffdb\ufffdc"


def test_a_number_without_end_does_no_harm(house: House, chat: str) -> None:
    body = opened(chat)
    body["refers"]["user"]["profile"] = {"weight": "W"}
    for number in (b"1e309", b"-1e309", b"9" * 4000):
        raw = json.dumps(body).encode().replace(b'"W"', number)
        assert house.hook(raw).status_code == 200
        body["entity"]["openedAt"] += 1


@pytest.mark.parametrize("path", PATHS)
def test_get_shows_a_line_for_a_person(house: House, path: str) -> None:
    done = house.http.get(house.url + path, timeout=10)
    assert done.status_code == 200
    assert "채널톡" in done.text


def test_an_unknown_channel_is_404(house: House) -> None:
    assert house.hook({}, path="/hooks/nothing").status_code == 404


def test_tokens_never_reach_the_log(house: House, chat: str) -> None:
    house.hook(opened(chat))
    house.hook(opened(chat), token="leaked-by-mistake")
    assert house.tokens[0] not in house.log()
    assert "leaked-by-mistake" not in house.log()
