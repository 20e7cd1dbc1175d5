"""People come first: what is on its way when somebody writes may arrive, and is not tried again."""

import pytest

from tests.house import SURVEY, House, eventually
from tests.test_delivery_series import THREE, series

POST = {"method": "POST", "path": "/open/v5/user-chats/*/messages"}


def in_flight(house: House, stored: bool) -> str:
    """A chat whose second message is being sent, and breaks off in a second; returns the chat."""
    tag = series(house, THREE)
    chat = house.customer({**SURVEY, "wish": "감량"}, tags=[tag])
    match = {**POST, "chat": chat, "from": 2, "count": 1}
    house.faults({"do": "timeout_after", "seconds": 1.5, "stored": stored, "match": match})
    house.control(f"chats/{chat}/open", {})
    eventually(lambda: house.control("faults")["rules"][0]["hits"], "the second message is on its way")
    return chat


def settled(house: House, chat: str) -> list[tuple[str, str, str]]:
    def found() -> list[tuple[str, str, str]]:
        rows = house.deliveries(chat)
        over = all(row["state"] not in ("waiting", "sending") for row in rows)
        return [(row["text"], row["state"], row["reason"]) for row in rows] if over else []

    return eventually(found, "every message is settled")  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        ("manager", "a manager wrote"),
        pytest.param("log:close", "the chat was closed", marks=pytest.mark.slow),
    ],
)
def test_a_message_that_breaks_off_while_people_come_is_not_tried_again(crew: House, who: str, reason: str) -> None:
    chat = in_flight(crew, stored=False)
    crew.say(chat, "제가 이어서 볼게요" if who == "manager" else "", who)
    assert settled(crew, chat) == [
        ("하나", "sent", ""),
        ("둘", "cancelled", reason),
        ("셋", "cancelled", reason),
    ]
    assert crew.told(chat) == ["하나"]


def test_a_message_that_arrived_while_people_came_is_known_to_be_sent(crew: House) -> None:
    chat = in_flight(crew, stored=True)
    crew.say(chat, "제가 이어서 볼게요", "manager")
    assert [state for _, state, _ in settled(crew, chat)] == ["sent", "sent", "cancelled"]
    assert crew.told(chat) == ["하나", "둘"]


@pytest.mark.slow
def test_what_was_cancelled_on_its_way_can_be_sent_by_staff(crew: House) -> None:
    chat = in_flight(crew, stored=False)
    crew.say(chat, "제가 이어서 볼게요", "manager")
    settled(crew, chat)
    crew.flask("deliveries", "retry", str(crew.deliveries(chat)[1]["id"]))
    crew.wait(chat, 2)
    assert crew.told(chat) == ["하나", "둘"]
