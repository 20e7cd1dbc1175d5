"""A question that nobody answers ends its series after a day; a reply at the last moment wins. On PostgreSQL, where
the clock and a worker can be at it at the same time: SQLite's writers are alone anyway."""

from collections.abc import Callable
from pathlib import Path

from tests.house import SURVEY, House, eventually, opened
from tests.rows import connected
from tests.test_delivery_series import series

ASKED, THEN = "어느 쪽인가요?", ""  # what follows has no words before the reply
ASKS = f"  - {{ask: goal, text: {ASKED}}}\n  - {{text: '{{{{ goal }}}}이군요', wait: 0}}\n"
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


def states(house: House, chat: str) -> dict[str, str]:
    return {row["text"]: row["state"] for row in house.deliveries(chat)}


def test_a_reply_that_is_just_being_taken_keeps_its_series(tmp_path: Path, new_database: Callable[[str], str]) -> None:
    with opened(House(tmp_path / "house", new_database("postgresql"))) as house:
        chat = house.open_chat(SURVEY, tags=[series(house, ASKS)])
        house.wait(chat, 1)
        eventually(lambda: states(house, chat) == {ASKED: "sent", THEN: "waiting"}, "the question is known to be sent")
        house.kill("worker 1", 15)
        with connected(house) as taking, connected(house) as looking:
            # What a worker does that takes a reply: it holds the chat, and the question is open no more.
            taking.exec_driver_sql("SELECT 1 FROM chats WHERE chat = %s FOR UPDATE", (chat,))
            house.move_clock(25 * 3600)
            eventually(lambda: looking.exec_driver_sql(WAITS).scalar(), "the clock waits for the chat")
            taking.exec_driver_sql("UPDATE answers SET state = 'going' WHERE chat = %s", (chat,))
        eventually(lambda: "questions.expired count=0" in house.log(), "the clock has looked again")
        assert states(house, chat) == {ASKED: "sent", THEN: "waiting"}
        with connected(house) as looking:
            assert looking.exec_driver_sql("SELECT state FROM answers").scalars().all() == ["going"]
