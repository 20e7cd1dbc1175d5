"""What is older than RETENTION_DAYS loses its content at night, once for all clocks; rows and counts stay."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.house import BIN, SURVEY, House, eventually, opened
from tests.rows import connected, everything
from tests.test_delivery_series import series

CLOCK = [str(BIN / "flask"), "clock"]
DAY = 86400.0
HELLO = "  - {text: '{{ name }}님 안녕하세요'}\n"


def night(house: House, days: float) -> None:
    """Move the clock, and wait until the night's round is over."""
    before = nights(house)
    house.move_clock(days * DAY)
    eventually(lambda: nights(house) > before, "contents aged out")


def nights(house: House) -> int:
    return sum(row["schedule"] == "retention" and row["done_at"] is not None for row in everything(house)["ticks"])


def of_chat(house: House, chat: str) -> dict[str, list[dict[str, Any]]]:
    rows = everything(house)
    return {name: [row for row in rows[name] if row["chat"] == chat] for name in ("events", "answers", "deliveries")}


@pytest.mark.slow
def test_what_is_too_old_is_emptied_once_by_three_clocks_and_what_is_younger_stays(
    build: Callable[..., House],
) -> None:
    house = build(RETENTION_DAYS="30")
    for number in (2, 3):
        house.start(f"clock {number}", CLOCK)
    name, younger = f"옛{secrets.token_hex(4)}", f"새{secrets.token_hex(4)}"
    tag = series(house, HELLO)
    old_chat = house.open_chat({**SURVEY, "name": name, "wish": "감량"}, tags=[tag])
    house.wait(old_chat, 1)
    eventually(lambda: nights(house) == 1, "the night before the start is made up for")
    night(house, 20)
    young_chat = house.open_chat({**SURVEY, "name": younger, "wish": "감량"}, tags=[tag])
    house.wait(young_chat, 1)
    counts = {table: len(rows) for table, rows in everything(house).items()}
    night(house, 31)
    rows = everything(house)
    everywhere = json.dumps({**rows, "versions": []}, ensure_ascii=False, default=str)
    assert name not in everywhere and younger in everywhere
    left = of_chat(house, old_chat)
    assert [(row["payload"], row["inbound"], row["state"]) for row in left["events"]] == [("", {}, "answered")]
    assert [(row["values"], row["answer_trace"], row["state"]) for row in left["answers"]] == [({}, {}, "emptied")]
    assert [(row["text"], row["body"], row["state"]) for row in left["deliveries"]] == [("", None, "sent")]
    assert of_chat(house, young_chat)["answers"][0]["received"]["name"] == younger
    for table in ("events", "answers", "deliveries", "chats", "versions", "live_versions"):
        assert len(rows[table]) == counts[table]
    assert house.log().count("retention.done") == nights(house)


@pytest.mark.slow
def test_what_still_waits_is_kept(tmp_path: Path) -> None:
    with opened(House(tmp_path / "house", RETENTION_DAYS="1")) as house:
        tag = series(house, "  - {text: 하나}\n  - {text: 둘, wait: 86400}\n  - {text: 셋, wait: 86400}\n")
        chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[tag])
        house.wait(chat, 1)
        night(house, 1.5)
        house.wait(chat, 2)
        assert [row["text"] for row in of_chat(house, chat)["deliveries"]] == ["하나", "둘", "셋"]
        night(house, 2.8)
        house.wait(chat, 3)
        night(house, 4)
        assert [row["text"] for row in of_chat(house, chat)["deliveries"]] == ["", "", ""]


def test_a_night_that_a_dead_clock_left_is_taken_up(tmp_path: Path) -> None:
    with opened(House(tmp_path / "house")) as house:
        eventually(lambda: nights(house) == 1, "the night before the start is made up for")
        house.kill("clock")
        with connected(house) as connection:
            connection.exec_driver_sql("UPDATE ticks SET owner = 'dead', done_at = NULL")
        house.start("clock", CLOCK)
        eventually(lambda: nights(house) == 1, "another clock did it")
