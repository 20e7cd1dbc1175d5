"""Days, times and repeats as people say them: what is read, and what must hold of whatever is read."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interaction import workdays
from interaction.when import (
    DAILY,
    LAST,
    MONTHLY,
    ONCE,
    WEEKLY,
    WORKDAYS,
    Repeat,
    after_quiet,
    read_day,
    read_repeat,
    read_span,
    read_time,
    repeat_from,
)

SEOUL = ZoneInfo("Asia/Seoul")
ZONES = (SEOUL, ZoneInfo("America/New_York"), ZoneInfo("Europe/London"), ZoneInfo("Australia/Lord_Howe"))
NOW = datetime(2026, 12, 21, 10, 0, tzinfo=SEOUL)  # a Monday
TODAY = NOW.date()


@pytest.mark.parametrize(
    ("words", "day", "rest"),
    [
        ("2026-12-24 오후", "2026-12-24", "오후"),
        ("2026.12.24", "2026-12-24", ""),
        ("2026년 12월 24일에", "2026-12-24", ""),
        ("12/24 반차", "2026-12-24", "반차"),
        ("12월 24일 오전", "2026-12-24", "오전"),
        ("１２／２４", "2026-12-24", ""),
        ("내일", "2026-12-22", ""),
        ("내일모레 점심", "2026-12-23", "점심"),
        ("다음 주 금요일", "2027-01-01", ""),
        ("다음주 금", "2027-01-01", ""),
        ("이번 주 금요일", "2026-12-25", ""),
        ("금요일", "2026-12-25", ""),
        ("24일", "2026-12-24", ""),
        ("1/2", "2027-01-02", ""),
        ("2/29", "2028-02-29", ""),
        ("tomorrow", "2026-12-22", ""),
        ("next friday am", "2027-01-01", "am"),
        ("Dec 24", "2026-12-24", ""),
        ("dec 24th, 2027", "2027-12-24", ""),
    ],
)
def test_a_day_is_read_as_it_is_said(words: str, day: str, rest: str) -> None:
    found = read_day(words, TODAY)
    assert found is not None and (found.value, found.rest) == (date.fromisoformat(day), rest)


@pytest.mark.parametrize(
    "words", ["", "언젠가", "2/30", "13/1", "2026-02-30", "9999-01-01", "내일이", "회의 내일", "32일"]
)
def test_what_is_no_day_is_none(words: str) -> None:
    assert read_day(words, TODAY) is None


@pytest.mark.parametrize(
    ("words", "at"),
    [
        ("10:00", "10:00"),
        ("오후 3시 반", "15:30"),
        ("오후 3시", "15:00"),
        ("오전 12시", "00:00"),
        ("밤 12시", "00:00"),
        ("낮 12시", "12:00"),
        ("밤 11시 5분", "23:05"),
        ("오후 15시", "15:00"),
        ("정오", "12:00"),
        ("자정에", "00:00"),
        ("3pm", "15:00"),
        ("12am", "00:00"),
        ("10:30 pm", "22:30"),
        ("24:00", "00:00"),
    ],
)
def test_a_time_is_read_as_it_is_said(words: str, at: str) -> None:
    found = read_time(words)
    assert found is not None and found.value == time.fromisoformat(at)


@pytest.mark.parametrize("words", ["", "25:00", "10:61", "회의", "오전 13시"])
def test_what_is_no_time_is_none(words: str) -> None:
    assert read_time(words) is None


@pytest.mark.parametrize(
    ("words", "expected", "rest"),
    [
        ("매주 월 10:00 주간회의", Repeat(WEEKLY, time(10), None, (0,)), "주간회의"),
        ("매주 월수금 오전 9시 스탠드업", Repeat(WEEKLY, time(9), None, (0, 2, 4)), "스탠드업"),
        ("매주 화요일 목요일 15:00 운동", Repeat(WEEKLY, time(15), None, (1, 3)), "운동"),
        ("every monday 10:00 standup", Repeat(WEEKLY, time(10), None, (0,)), "standup"),
        ("every mon and thu 3pm gym", Repeat(WEEKLY, time(15), None, (0, 3)), "gym"),
        ("매일 오후 6시 일지", Repeat(DAILY, time(18)), "일지"),
        ("every day 9:00 water", Repeat(DAILY, time(9)), "water"),
        ("평일 9시에 출근부", Repeat(WORKDAYS, time(9)), "출근부"),
        ("매월 25일 10:00 급여", Repeat(MONTHLY, time(10), None, (), 25), "급여"),
        ("매월 말일 정산", Repeat(MONTHLY, time(9), None, (), LAST), "정산"),
        ("내일 오후 3시 치과", Repeat(ONCE, time(15), date(2026, 12, 22)), "치과"),
        ("12/24 회의", Repeat(ONCE, time(9), date(2026, 12, 24)), "회의"),
        ("11:00 회의", Repeat(ONCE, time(11), date(2026, 12, 21)), "회의"),
        ("09:30 회의", Repeat(ONCE, time(9, 30), date(2026, 12, 22)), "회의"),
        ("30분 뒤 전화", Repeat(ONCE, time(10, 30), date(2026, 12, 21)), "전화"),
        ("in 2 hours call", Repeat(ONCE, time(12), date(2026, 12, 21)), "call"),
        ("20시간 후에 확인", Repeat(ONCE, time(6), date(2026, 12, 22)), "확인"),
    ],
)
def test_a_repeat_is_read_as_it_is_said(words: str, expected: Repeat, rest: str) -> None:
    found = read_repeat(words, NOW)
    assert found is not None and (found.value, found.rest) == (expected, rest)


@pytest.mark.parametrize(
    ("words", "span"),
    [
        ("22:00~08:00", (time(22), time(8))),
        ("22:00 - 08:00", (time(22), time(8))),
        ("밤 10시부터 아침 8시까지", (time(22), time(8))),
        ("10pm to 8am", (time(22), time(8))),
        ("22:00", None),
        ("10:00~10:00", None),
        ("오늘~내일", None),
    ],
)
def test_quiet_hours_are_read_as_they_are_said(words: str, span: tuple[time, time] | None) -> None:
    assert read_span(words) == span


DAYS = st.dates(date(2024, 1, 1), date(2034, 12, 31))
TIMES = st.times().map(lambda at: at.replace(second=0, microsecond=0))
REPEATS = st.one_of(
    st.builds(Repeat, st.just(ONCE), TIMES, DAYS),
    st.builds(Repeat, st.sampled_from([DAILY, WORKDAYS]), TIMES),
    st.builds(
        Repeat,
        st.just(WEEKLY),
        TIMES,
        st.none(),
        st.sets(st.integers(0, 6), min_size=1).map(lambda s: tuple(sorted(s))),
    ),
    st.builds(Repeat, st.just(MONTHLY), TIMES, st.none(), st.just(()), st.one_of(st.just(LAST), st.integers(1, 31))),
)
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2033, 12, 31), timezones=st.just(UTC))


@given(REPEATS)
def test_a_repeat_comes_back_from_its_row(repeat: Repeat) -> None:
    assert repeat_from(repeat.json()) == repeat


@settings(deadline=None, max_examples=200)
@given(REPEATS, MOMENTS, st.sampled_from(ZONES))
def test_the_next_time_is_later_and_the_one_after_later_still(repeat: Repeat, after: datetime, zone: ZoneInfo) -> None:
    first = repeat.next_after(after, zone, workdays.is_workday)
    if first is None:
        assert repeat.kind == ONCE
        return
    assert first > after
    second = repeat.next_after(first, zone, workdays.is_workday)
    assert second is None if repeat.kind == ONCE else second is not None and second.astimezone(UTC) > first
    # Nothing lies between: looking from any moment before the first finds the first.
    between = after + (first - after) / 2
    assert repeat.next_after(between, zone, workdays.is_workday) == first


@settings(deadline=None, max_examples=30)
@given(st.builds(Repeat, st.just(DAILY), TIMES), st.sampled_from(ZONES), st.integers(2024, 2034))
def test_each_day_of_a_year_has_one_time_even_where_clocks_are_changed(
    repeat: Repeat, zone: ZoneInfo, year: int
) -> None:
    at = datetime(year, 1, 1, tzinfo=zone) - timedelta(seconds=1)
    found = []
    while (due := repeat.next_after(at, zone, workdays.is_workday)) is not None and due.year == year:
        found.append(due.date())
        at = due.astimezone(UTC)
    assert found == sorted(set(found)) and len(found) == (366 if year % 4 == 0 else 365)


@settings(deadline=None, max_examples=300)
@given(
    st.text(max_size=40) | st.from_regex(r"(매주|매일|매월|평일|내일|12/24|every) ?[월화수0-9:/ 시분pma]{0,12}"), DAYS
)
def test_whatever_is_said_nothing_breaks_and_nothing_is_made_up(words: str, today: date) -> None:
    now = datetime.combine(today, time(12, 0), SEOUL)
    day, at, repeat = read_day(words, today), read_time(words), read_repeat(words, now)
    assert day is None or abs(day.value.year - today.year) <= 5
    assert at is None or at.value.second == 0
    assert repeat is None or repeat_from(repeat.value.json()) == repeat.value


@given(DAYS)
def test_a_written_date_is_read_in_every_form(day: date) -> None:
    forms = (
        f"{day}",
        f"{day:%Y/%m/%d}",
        f"{day.year}. {day.month}. {day.day}.",
        f"{day.year}년 {day.month}월 {day.day}일",
    )
    for form in forms:
        found = read_day(form, day)
        assert found is not None and found.value == day


@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(SEOUL)), TIMES, TIMES)
def test_what_falls_into_quiet_hours_comes_at_their_end(at: datetime, begin: time, end: time) -> None:
    told = after_quiet(at, begin, end)
    assert timedelta() <= told - at <= timedelta(days=1)
    assert told == at or told.time() == end
    assert after_quiet(told, begin, end) == told


@given(DAYS)
def test_the_working_day_before_is_the_last_one(day: date) -> None:
    before = workdays.before(day)
    assert workdays.is_workday(before) and before < day
    assert not any(workdays.is_workday(before + timedelta(days=ahead)) for ahead in range(1, (day - before).days))
