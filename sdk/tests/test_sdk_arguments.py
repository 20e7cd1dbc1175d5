"""Typed arguments: what somebody types becomes what the handler takes, else the usage line."""

import enum
from datetime import date, datetime, time, timedelta, timezone
from functools import partial
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maru import Ask, Bot, Rest, TimeSpan
from maru.times import read_date, read_datetime, read_span, read_time

TODAY = date(2026, 12, 23)  # a Wednesday


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("14:05", "14:05"), ("오후 3시", "15:00"), ("오후3시 반", "15:30"), ("3시", "15:00"), ("9시", "09:00"),
        ("오전 10시 20분", "10:20"), ("3pm", "15:00"), ("12시", "12:00"), ("자정", "00:00"), ("밤 11시", "23:00"),
        ("저녁 7시에", "19:00"), ("세 시 반", "15:30"), ("열두시", "12:00"), ("밤 12시", "00:00"), ("밤 1시", "01:00"),
        ("낮 12시", "12:00"), ("7시쯤", "07:00"), ("24:00", "00:00"), ("12am", "00:00"), ("3:30 pm", "15:30"),
        ("15:30:20", "15:30"), ("3 p.m.", "15:00"), ("오후 0시", "12:00"), ("１５：３０", "15:30"),
        ("25:00", None), ("13:75", None), ("십시", None), ("3", None), ("오전 15시", None), ("15:30:61", None),
    ],
)  # fmt: skip
def test_times_are_read_as_people_say_them(said: str, meant: str | None) -> None:
    found = read_time(said)
    assert (f"{found[0]:%H:%M}" if found else None) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("내일", "2026-12-24"), ("12/24", "2026-12-24"), ("12월 22일", "2027-12-22"), ("2026-12-31", "2026-12-31"),
        ("다음 주 금요일", "2027-01-01"), ("금요일", "2026-12-25"),
        ("next monday", "2026-12-28"), ("24일", "2026-12-24"),
        ("22일", "2027-01-22"), ("12/24(목)", "2026-12-24"), ("내일은", "2026-12-24"), ("금요일까지", "2026-12-25"),
        ("다음주 금", "2027-01-01"), ("이번 주 월요일", "2026-12-21"), ("다다음 주 수요일", "2027-01-06"),
        ("다음 달 3일", "2027-01-03"), ("3일 뒤", "2026-12-26"), ("2주 후", "2027-01-06"), ("in 3 days", "2026-12-26"),
        ("Dec 24th", "2026-12-24"), ("20261224", "2026-12-24"), ("2026년 12월 24일", "2026-12-24"),
        ("낼", "2026-12-24"), ("이틀 뒤", "2026-12-25"), ("열흘 후에", "2027-01-02"), ("2주 전", "2026-12-09"),
        ("지난 주 금요일", "2026-12-18"), ("last friday", "2026-12-18"), ("day after tomorrow", "2026-12-25"),
        ("12월 24일 목요일", "2026-12-24"), ("2026. 12. 24.", "2026-12-24"), ("26-12-24", "2026-12-24"),
        ("내년 1월 2일", "2027-01-02"), ("2월 29일", "2028-02-29"), ("24 Dec", "2026-12-24"),
        ("December 24, 2027", "2027-12-24"),
        ("2/30", None), ("어느날", None), ("3 days", None), ("금", None), ("12-24", None), ("12/24(금)", None),
    ],
)  # fmt: skip
def test_days_are_read_as_people_say_them(said: str, meant: str | None) -> None:
    found = read_date(said, TODAY)
    assert (found[0].isoformat() if found else None) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("10:00~11:00", "10:00~11:00"), ("10:00 ~ 11:30", "10:00~11:30"), ("오후 3시~4시", "15:00~16:00"),
        ("3시부터 4시까지", "15:00~16:00"), ("오전 11시~오후 1시", "11:00~13:00"), ("22:00~07:00", "22:00~07:00"),
        ("오후 7시~9시", "19:00~21:00"), ("밤 11시~7시", "23:00~07:00"),
        ("3~4시", "15:00~16:00"), ("오후 3~4시", "15:00~16:00"), ("10~11", "10:00~11:00"), ("11~2시", "11:00~14:00"),
        ("10:00～11:00", "10:00~11:00"), ("10시〜11시", "10:00~11:00"), ("3시에서 4시까지", "15:00~16:00"),
        ("오후 3:00~4:00", "15:00~16:00"), ("3:00-4:00pm", "15:00~16:00"), ("9-5pm", "09:00~17:00"),
        ("10시 부터 11시 까지", "10:00~11:00"), ("3pm to 5pm", "15:00~17:00"), ("3시부터 2시간", "15:00~17:00"),
        ("오후 11시부터 1시간 반 동안", "23:00~00:30"), ("10:00부터 30분", "10:00~10:30"),
        ("23:00~24:00", "23:00~00:00"),
        ("10:00", None), ("10:00 11:00", None), ("10~25", None), ("10-11-12", None), ("10:00~10:00", None),
        ("10시부터 24시간", None),
    ],
)  # fmt: skip
def test_spans_are_read_as_people_say_them(said: str, meant: str | None) -> None:
    found = read_span(said)
    assert (str(TimeSpan(*found[0])) if found else None) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("내일 오후 3시", "2026-12-24T15:00"), ("다음 주 금요일 오후 3시 반", "2027-01-01T15:30"),
        ("2026-12-24T15:30", "2026-12-24T15:30"), ("30분 뒤", "2026-12-23T10:30"), ("1시간 반 뒤", "2026-12-23T11:30"),
        ("in 2 hours", "2026-12-23T12:00"), ("in 3 days 15:00", "2026-12-26T15:00"), ("지금", "2026-12-23T10:00"),
        ("9시", "2026-12-24T09:00"), ("오늘 9시", "2026-12-23T09:00"), ("내일", None), ("2026-12-24T15:30Z", None),
    ],
)  # fmt: skip
def test_moments_are_read_as_people_say_them(said: str, meant: str | None) -> None:
    found = read_datetime(said, datetime(2026, 12, 23, 10, tzinfo=timezone(timedelta(hours=9))))
    assert (f"{found[0]:%Y-%m-%dT%H:%M}" if found and not found[1] else None) == meant


def test_a_span_says_how_long_it_is_over_midnight_too() -> None:
    assert TimeSpan(time(10), time(11, 30)).minutes == 90
    assert TimeSpan(time(22), time(7)).minutes == 540


SAID = st.sampled_from(
    [
        *'0123456789:~-/.시분월일년(목)반 "“',
        "오후",
        "밤",
        "다음 주",
        "금요일",
        "다음 달",
        "뒤",
        "내일",
        "세",
        "pm",
        "부터",
        "Dec",
        "in ",
        "9999",
    ]
)


class Size(enum.Enum):
    SMALL = "작은"
    LARGE = "큰"


def a_bot() -> Bot:
    bot = Bot()

    @bot.command("/예약", help="회의실을 예약합니다")
    def reserve(ask: Ask, room: str, span: TimeSpan, people: int = 2) -> str:
        return f"{room} {span} {people}명"

    @bot.command("/크기")
    def size(ask: Ask, size: Size, often: Literal["once", "daily"] = "once") -> str:
        """크기를 정해요."""
        return f"{size.name} {often}"

    @bot.command("/메모")
    def note(ask: Ask, day: date | None, text: Rest) -> str:
        return f"{day or '언제든'}: {text}"

    @bot.command("/합")
    def total(ask: Ask, *numbers: float) -> str:
        return f"{sum(numbers):g}"

    @bot.command("/알림")
    def remind(ask: Ask, at: datetime, loud: bool) -> str:
        return f"{at:%H:%M} {loud}"

    return bot


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("/예약 회의실 10:00~11:00", "회의실 10:00~11:00 2명"),
        ('/예약 "큰 회의실" 오후 3시~4시 12명', "큰 회의실 15:00~16:00 12명"),
        ("/예약 ‘큰 회의실’ 3~4시", "큰 회의실 15:00~16:00 2명"),
        ("／예약 회의실 10:00 ~ 11:00", "회의실 10:00~11:00 2명"),
        ("/크기 큰", "LARGE once"),
        ("/크기 small daily", "SMALL daily"),
        ("/메모 2026-12-24 케이크 사기", "2026-12-24: 케이크 사기"),
        ("/메모 케이크  사기", "언제든: 케이크  사기"),
        ("/합 1 2.5 1,000", "1003.5"),
        ("/합 １，０００ −3 －１．５ .5 20℃", "1016"),
        ("/예약 「큰 회의실」 ３시부터　２시간", "큰 회의실 15:00~17:00 2명"),
        ("/크기 “큰”", "LARGE once"),
        ("/크기 ＳＭＡＬＬ ｄａｉｌｙ", "SMALL daily"),
        ("/합", "0"),
        ("/알림 오후 3시 네", "15:00 True"),
    ],
)
def test_arguments_arrive_as_the_handler_wants_them(said: str, answer: str) -> None:
    assert a_bot().answer(said) == [answer]


@pytest.mark.parametrize(
    ("said", "reason", "usage"),
    [
        ("/예약", "room: 빠졌어요.", "/예약 room span [people]"),
        ("/예약 회의실 열시", "span: ‘열시’", "/예약 room span [people]"),
        ("/예약 회의실 10:00~11:00 2 3", "‘3’: 남는 말", "/예약 room span [people]"),
        ("/예약 회의실 10:00~11:00 둘", "people: ‘둘’ 대신 정수를 적어 주세요.", "/예약 room span [people]"),
        ("/크기 중간", "size: ‘중간’ 대신 작은, 큰 중 하나를 적어 주세요.", "/크기 작은|큰 [once|daily]"),
        ("/합 1 둘", "‘둘’ 대신 숫자를 적어 주세요.", "/합 [numbers…]"),
        ("/합 “1 2”", "‘1 2’ 대신 숫자를", "/합 [numbers…]"),
    ],
)
def test_wrong_arguments_are_answered_with_the_usage_line(said: str, reason: str, usage: str) -> None:
    (told,) = a_bot().answer(said)
    assert reason in told and f"이렇게 써 주세요: {usage}" in told


def test_in_english_the_usage_is_told_in_english() -> None:
    bot = Bot()

    @bot.command("/book")
    def book(ask: Ask, room: str, people: int) -> str:
        return ""

    assert bot.answer("/book big many") == [
        "people: ‘many’ is not a whole number.\nUse it like this: /book room people"
    ]


def test_help_comes_from_signatures_and_docstrings() -> None:
    assert "/예약 room span [people] · 회의실을 예약합니다" in a_bot().help()
    assert "/크기 작은|큰 [once|daily] · 크기를 정해요." in a_bot().help()


def test_what_cannot_be_read_from_a_chat_is_refused_when_it_is_written() -> None:
    bot = Bot()

    def no_ask() -> None: ...
    def odd(ask: Ask, what: dict[str, Any]) -> None: ...
    def keyword(ask: Ask, *, what: str) -> None: ...

    for wrong in (no_ask, odd, keyword):
        with pytest.raises(TypeError, match=wrong.__name__):
            bot.command("/x")(wrong)
    for name in ("x", "/", "//예약", "/두 말", "/" + "가" * 33):
        with pytest.raises(ValueError, match="command"):
            bot.command(name)(lambda ask: None)
    bot.command("/119")(lambda ask: "불이야")
    assert bot.answer("/119") == ["불이야"]


def test_names_that_only_the_type_checker_knows_do_no_harm() -> None:
    bot = Bot()

    def doubled(ask: "OnlyForTheChecker", number: "int") -> "OnlyForTheChecker":  # type: ignore[name-defined]  # noqa: F821
        return number * 2

    bot.command("/두배")(doubled)
    bot.command("/네배")(partial(lambda times, ask, number: number * times, 4))
    assert (bot.answer("/두배 4"), bot.answer("/네배 4")) == (["8"], ["4444"])


def test_tomorrow_is_the_day_after_it_was_asked_wherever_the_bot_runs() -> None:
    bot = Bot()

    @bot.command("/언제")
    def when(ask: Ask, day: date) -> str:
        return day.isoformat()

    seoul = timezone(timedelta(hours=9))
    assert bot.answer("/언제 내일", at=datetime(2026, 12, 24, 0, 30, tzinfo=seoul)) == ["2026-12-25"]


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=60) | st.lists(SAID, max_size=12).map("".join))
def test_whatever_is_typed_is_answered_and_nothing_raises(text: str) -> None:
    bot = a_bot()
    for name in ("/예약 ", "/크기 ", "/메모 ", "/합 ", "/알림 "):
        assert len(bot.answer(name + text)) == 1
