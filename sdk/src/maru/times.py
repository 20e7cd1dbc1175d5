"""Days and times as people type them, in Korean and English. Each reader takes the beginning of a text and returns
what it read with the rest, or None."""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import TypeVar

T = TypeVar("T")
Read = tuple[T, str] | None

_NEAR = {
    "그저께": -2, "그제": -2, "어제": -1, "오늘": 0, "내일모레": 2, "내일": 1, "모레": 2, "글피": 3,
    "yesterday": -1, "today": 0, "tomorrow": 1,
}  # fmt: skip
_WEEKS = {"이번 주": 0, "이번주": 0, "다음 주": 1, "다음주": 1, "다다음 주": 2, "다다음주": 2, "this": 0, "next": 1}
_KOREAN_DAYS = "월화수목금토일"
_ENGLISH_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_END = r"(?=\s|$|[,~])"
_HALF = {"오전": "am", "아침": "am", "새벽": "am", "오후": "pm", "저녁": "pm", "밤": "pm", "am": "am", "pm": "pm"}
_TIME = re.compile(
    r"(?:(?P<half>오전|오후|아침|새벽|저녁|밤|am|pm)\s*)?"
    r"(?:(?P<clock>\d{1,2}:\d{2})|(?P<hour>\d{1,2})\s*시(?:\s*(?:(?P<minute>\d{1,2})\s*분|(?P<half_past>반)))?"
    r"|(?P<bare>\d{1,2})(?=\s*(?:am|pm)))"
    r"(?:\s*(?P<after>am|pm))?(?:에|부터|까지)?",
    re.IGNORECASE,
)


def read_time(text: str) -> Read[time]:
    """14:05, 오후 3시, 3시 반, 3pm. Without a half of the day, 1 to 6 o'clock in Korean words is in the afternoon."""
    found = _TIME.match(text)
    if found is None:
        for word, hour in (("정오", 12), ("자정", 0), ("noon", 12), ("midnight", 0)):
            if text.lower().startswith(word):
                return time(hour), text[len(word) :]
        return None
    half = _HALF.get((found["half"] or found["after"] or "").lower(), "")
    if found["clock"]:
        hours, minutes = (int(part) for part in found["clock"].split(":"))
    else:
        hours = int(found["hour"] or found["bare"])
        minutes = 30 if found["half_past"] else int(found["minute"] or 0)
        if not half and found["hour"] and 1 <= hours <= 6:
            half = "pm"
    if half and not 1 <= hours <= 12:
        half = ""
    hours = hours % 12 + (12 if half == "pm" else 0) if half else hours
    if hours == 24 and minutes == 0:
        hours = 0
    if hours > 23 or minutes > 59:
        return None
    return time(hours, minutes), text[found.end() :]


def read_date(text: str, today: date | None = None) -> Read[date]:
    """2026-12-24, 12/24, 12월 24일, 24일, 내일, 다음 주 금요일, next friday. Without a year it is the next such day."""
    today = today or date.today()
    readers: tuple[Callable[[str, date], Read[date]], ...] = (_near, _of_week, _written, _of_month)
    for reader in readers:
        found = reader(text, today)
        if found is not None:
            return found
    return None


def _near(text: str, today: date) -> Read[date]:
    for word in sorted(_NEAR, key=len, reverse=True):
        if re.match(re.escape(word) + _END, text, re.IGNORECASE):
            return today + timedelta(days=_NEAR[word]), text[len(word) :]
    return None


def _of_week(text: str, today: date) -> Read[date]:
    weeks = "|".join(sorted(_WEEKS, key=len, reverse=True))
    korean = re.match(rf"(?:({weeks})\s*)?([{_KOREAN_DAYS}])요일" + _END, text)
    english = re.match(rf"(?:(this|next)\s+)?({'|'.join(_ENGLISH_DAYS)})" + _END, text, re.IGNORECASE)
    found = korean or english
    if found is None:
        return None
    name = found[2].lower()
    day = _KOREAN_DAYS.index(name) if korean else _ENGLISH_DAYS.index(name)
    if found[1] is None:
        return today + timedelta(days=(day - today.weekday()) % 7), text[found.end() :]
    monday = today - timedelta(days=today.weekday())
    return monday + timedelta(weeks=_WEEKS[found[1].lower()], days=day), text[found.end() :]


def _written(text: str, today: date) -> Read[date]:
    found = re.match(r"(\d{4})[-./](\d{1,2})[-./](\d{1,2})" + _END, text)
    if found:
        day = _date(int(found[1]), int(found[2]), int(found[3]))
        return (day, text[found.end() :]) if day else None
    found = re.match(r"(?:(\d{4})년\s*)?(\d{1,2})월\s*(\d{1,2})일" + _END, text)
    found = found or re.match(r"()(\d{1,2})[/.](\d{1,2})\.?" + _END, text)
    if not found:
        return None
    if found[1]:
        day = _date(int(found[1]), int(found[2]), int(found[3]))
    else:
        day = _date(today.year, int(found[2]), int(found[3]))
        if day is None or day < today:
            day = _date(today.year + 1, int(found[2]), int(found[3])) or day
    return (day, text[found.end() :]) if day else None


def _of_month(text: str, today: date) -> Read[date]:
    found = re.match(r"(\d{1,2})일" + _END, text)
    if not found:
        return None
    day = _date(today.year, today.month, int(found[1]))
    if day is None or day < today:
        first = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
        day = _date(first.year, first.month, int(found[1]))
    return (day, text[found.end() :]) if day else None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def read_datetime(text: str, now: datetime | None = None) -> Read[datetime]:
    """내일 오후 3시, 2026-12-24 14:05; a time alone is the next such time."""
    now = now or datetime.now()
    day = read_date(text, now.date())
    at = read_time((day[1] if day else text).lstrip(" ,에"))
    if at is None:
        return None
    if day is not None:
        return datetime.combine(day[0], at[0]), at[1]
    moment = datetime.combine(now.date(), at[0])
    return (moment if moment > now.replace(tzinfo=None) else moment + timedelta(days=1)), at[1]


def read_span(text: str) -> Read[tuple[time, time]]:
    """10:00~11:00, 오후 3시~4시, 3시부터 4시까지. The end has the half of the day that the beginning has."""
    first = read_time(text)
    if first is None:
        return None
    begin, rest = first
    joined = re.match(r"\s*(?:~|-|–|부터)?\s*", rest)
    assert joined is not None
    if not joined[0].strip() and not re.search("부터", text[: len(text) - len(rest)]):
        return None
    written = rest[joined.end() :]
    second = read_time(written)
    if second is None:
        return None
    end, rest = second
    # 오후 7시~9시: an hour without its half of the day is that of the beginning, where that makes sense.
    is_bare = re.match(r"\d{1,2}\s*시", written) is not None
    later = end.replace(hour=end.hour + 12) if end.hour < 12 else end
    if is_bare and end <= begin < later:
        end = later
    return (begin, end), rest
