"""The rooms, by what the bot says."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from maru import User

HANEUL, MINJI = User("U1", "하늘"), User("U2", "민지")


@pytest.fixture
def rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("ROOMS_DB", str(tmp_path / "rooms.sqlite3"))
    spec = importlib.util.spec_from_file_location("meeting_rooms_bot", Path(__file__).parent / "bot.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.bot


def test_a_room_is_booked_listed_and_given_back(rooms: Any) -> None:
    assert rooms.answer("/예약 회의실 10:00~11:00", user=HANEUL) == ["회의실 10:00~11:00 예약했습니다"]
    assert rooms.answer("/예약목록") == ["1. 회의실 10:00~11:00 하늘"]
    assert rooms.answer("/예약취소 1", user=MINJI) == ["다른 분의 예약이에요."]
    assert rooms.answer("/예약취소 1", user=HANEUL) == ["회의실 10:00~11:00 예약을 취소했어요."]
    assert "예약이 없어요" in rooms.answer("/예약목록")[0]


@pytest.mark.parametrize(
    ("span", "free"),
    [
        ("10:30~11:30", False),
        ("09:00~10:01", False),
        ("09:00~12:00", False),
        ("11:00~12:00", True),
        ("09:00~10:00", True),
    ],
)
def test_two_do_not_get_one_room_at_one_time(rooms: Any, span: str, free: bool) -> None:
    rooms.answer("/예약 회의실 10:00~11:00", user=HANEUL)
    assert ("예약했습니다" in rooms.answer(f"/예약 회의실 {span}", user=MINJI)[0]) is free
    assert "예약했습니다" in rooms.answer(f"/예약 창가방 {span}", user=MINJI)[0]


def test_today_and_tomorrow_are_those_of_whoever_asks(rooms: Any) -> None:
    late = datetime(2026, 12, 24, 23, 30, tzinfo=timezone(timedelta(hours=9)))
    rooms.answer("/예약 회의실 10:00~11:00 내일", user=HANEUL, at=late)
    assert rooms.answer("/예약목록", at=late) == ["12월 24일에는 예약이 없어요."]
    assert rooms.answer("/예약목록 12/25", at=late) == ["1. 회의실 10:00~11:00 하늘"]


def test_a_booking_can_be_given_back_by_its_button(rooms: Any) -> None:
    (told,) = rooms.replies("/예약 회의실 3~4시", user=HANEUL)
    assert [one.say for one in told.buttons] == ["/예약취소 1"]
    assert "취소했어요" in rooms.answer(told.buttons[0].say, user=HANEUL)[0]


def test_many_at_once_get_one_room_once(rooms: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        asked = [
            pool.submit(rooms.answer, "/예약 창가방 10:00~11:00", user=User(f"U{number}", f"{number}"))
            for number in range(8)
        ]
    assert sum("예약했습니다" in one.result()[0] for one in asked) == 1


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("/예약 옥상 10:00~11:00", "없어요"),
        ("/예약 회의실 11:00~10:00", "끝나는 시각"),
        ("/예약 회의실", "이렇게 써 주세요: /예약 room span [day]"),
        ("/예약취소 99", "99번 예약은 없어요"),
    ],
)
def test_what_cannot_be_is_told_so(rooms: Any, said: str, told: str) -> None:
    assert told in rooms.answer(said)[0]
