"""Days and times as people say them, in Korean and English: 내일, 다음 주 금요일, 12/24, 오후 3시 반, 매주 월 10:00."""

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from unicodedata import normalize
from zoneinfo import ZoneInfo

ONCE, DAILY, WORKDAYS, WEEKLY, MONTHLY = "once", "daily", "workdays", "weekly", "monthly"
LAST = -1  # the last day of a month
FARTHEST_YEARS = 5

_KOREAN = "월화수목금토일"
_ENGLISH = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NEAR = {
    "그제": -2, "그저께": -2, "어제": -1, "오늘": 0, "내일모레": 2, "내일": 1, "모레": 2, "글피": 3,
    "yesterday": -1, "today": 0, "tomorrow": 1,
}  # fmt: skip
_WEEKS = {
    "지난주": -1, "지난 주": -1, "이번주": 0, "이번 주": 0, "금주": 0, "다음주": 1, "다음 주": 1, "차주": 1,
    "다다음주": 2, "다다음 주": 2, "last": -1, "this": 0, "next": 1,
}  # fmt: skip
_END = r"(?=\s|$|,|에|부터|까지|날|은|는|도)"


@dataclass(frozen=True)
class Read:
    """What was understood at the beginning of a text, and the rest of it."""

    value: Any
    rest: str


def read_day(words: str, today: date) -> Read | None:
    """A day at the beginning. Without a year it is the next such day, today included. None: no day stands there; a
    day that does not exist (2/30) is none either."""
    words = normalize("NFKC", words).strip()
    for reader in (_near, _week, _numbers, _english_month, _weekday, _day_of_month):
        found = reader(words, today)
        if found is not None:
            return found if abs(found.value.year - today.year) <= FARTHEST_YEARS else None
    return None


def _rest(words: str, found: re.Match[str]) -> str:
    """What stands after it, without the particle that ties it to the rest."""
    return re.sub(r"^(?:에|부터|까지|날|은|는|도)?[\s,]+", "", words[found.end() :] + " ").strip()


def _near(words: str, today: date) -> Read | None:
    for name in sorted(_NEAR, key=len, reverse=True):
        found = re.match(name + _END, words, re.IGNORECASE)
        if found:
            return Read(today + timedelta(days=_NEAR[name]), _rest(words, found))
    return None


def _weekday_number(name: str) -> int:
    return _KOREAN.index(name[0]) if name[0] in _KOREAN else [day[:3] for day in _ENGLISH].index(name[:3].lower())


_DAY_NAME = r"([월화수목금토일])(?:요일)?|(mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun)(?:day|sday|nesday|rsday|urday)?"


def _week(words: str, today: date) -> Read | None:
    for name in sorted(_WEEKS, key=len, reverse=True):
        found = re.match(rf"{name}\s*(?:{_DAY_NAME}){_END}", words, re.IGNORECASE)
        if found:
            monday = today - timedelta(days=today.weekday()) + timedelta(weeks=_WEEKS[name])
            return Read(monday + timedelta(days=_weekday_number(found[1] or found[2])), _rest(words, found))
    return None


def _weekday(words: str, today: date) -> Read | None:
    """금요일, friday: the next one, today included."""
    found = re.match(rf"(?:([월화수목금토일])요일|({'|'.join(_ENGLISH)})){_END}", words, re.IGNORECASE)
    if not found:
        return None
    ahead = (_weekday_number(found[1] or found[2]) - today.weekday()) % 7
    return Read(today + timedelta(days=ahead), _rest(words, found))


def _numbers(words: str, today: date) -> Read | None:
    whole = r"(\d{4})\s*(?:[-./]|년\s*)\s*(\d{1,2})\s*(?:[-./]|월\s*)\s*(\d{1,2})\s*(?:일|\.)?"
    found = re.match(whole + _END, words)
    if found:
        made = _date(int(found[1]), int(found[2]), int(found[3]))
        return Read(made, _rest(words, found)) if made else None
    found = re.match(r"(\d{1,2})\s*(?:[-./]|월\s*)\s*(\d{1,2})\s*일?" + _END, words)
    return _next_such(words, found, int(found[1]), int(found[2]), today) if found else None


def _english_month(words: str, today: date) -> Read | None:
    months = "|".join(_MONTHS)
    found = re.match(rf"({months})[a-z]*\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s+(\d{{4}}))?(?=\s|$|,)", words, re.I)
    if not found:
        return None
    month = _MONTHS.index(found[1].lower()) + 1
    if found[3]:
        made = _date(int(found[3]), month, int(found[2]))
        return Read(made, _rest(words, found)) if made else None
    return _next_such(words, found, month, int(found[2]), today)


def _day_of_month(words: str, today: date) -> Read | None:
    """24일: of this month, else of the next one that has such a day."""
    found = re.match(r"(\d{1,2})일" + _END, words)
    if not found:
        return None
    year, month = today.year, today.month
    for _ in range(12):
        made = _date(year, month, int(found[1]))
        if made and made >= today:
            return Read(made, _rest(words, found))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return None


def _next_such(words: str, found: re.Match[str], month: int, day: int, today: date) -> Read | None:
    for year in range(today.year, today.year + FARTHEST_YEARS):  # the 29th of February waits for a leap year
        made = _date(year, month, day)
        if made and made >= today:
            return Read(made, _rest(words, found))
    return None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


_HALVES = {"오전": 0, "아침": 0, "새벽": 0, "am": 0, "오후": 12, "저녁": 12, "밤": 12, "낮": 12, "pm": 12}
_CLOCK = re.compile(
    r"(?:(?P<half>오전|오후|아침|새벽|저녁|밤|낮|am|pm)\s*)?"
    r"(?P<hour>\d{1,2})(?:\s*시(?:\s*(?:(?P<minute>\d{1,2})\s*분|(?P<thirty>반)))?|:(?P<colon>\d{2}))"
    r"(?:\s*(?P<after>am|pm))?",
    re.IGNORECASE,
)
_BARE = re.compile(r"(?P<hour>\d{1,2})\s*(?P<after>am|pm)\b", re.IGNORECASE)


def read_time(words: str) -> Read | None:
    """A time of day at the beginning: 10:00, 오후 3시 반, 정오, 3pm."""
    words = normalize("NFKC", words).strip()
    for name, hour in (("정오", 12), ("자정", 0), ("noon", 12), ("midnight", 0)):
        found = re.match(name + _END, words, re.IGNORECASE)
        if found:
            return Read(time(hour), _rest(words, found))
    found = _CLOCK.match(words) or _BARE.match(words)
    if not found:
        return None
    parts = found.groupdict()
    hour = int(parts["hour"])
    minute = 30 if parts.get("thirty") else int(parts.get("minute") or parts.get("colon") or 0)
    half = (parts.get("half") or parts.get("after") or "").lower()
    if half:
        if not 1 <= hour <= 12 and _HALVES[half] == 12 and hour < 24:
            pass  # 오후 15시: said twice, and meant once
        elif 1 <= hour <= 12:
            hour = hour % 12 + _HALVES[half] if half not in ("밤", "낮") else _by_night_or_day(half, hour)
        else:
            return None
    if hour == 24 and minute == 0:
        hour = 0
    if hour > 23 or minute > 59:
        return None
    return Read(time(hour, minute), _rest(words, found))


def _by_night_or_day(half: str, hour: int) -> int:
    """밤 12시 is midnight, 낮 12시 noon; 밤 1시 comes after midnight."""
    if hour == 12:
        return 0 if half == "밤" else 12
    return hour if half == "밤" and hour < 5 else hour + 12


@dataclass(frozen=True)
class Repeat:
    """When something is due: once, or again and again. Kept as a row and read back by `repeat_from`."""

    kind: str
    at: time
    on: date | None = None  # once
    weekdays: tuple[int, ...] = ()  # weekly; 0 = Monday
    day: int = 0  # monthly; LAST = the last one. A month that is too short gives its last day

    def json(self) -> dict[str, Any]:
        on = self.on.isoformat() if self.on else None
        return {"kind": self.kind, "at": f"{self.at:%H:%M}", "on": on, "weekdays": list(self.weekdays), "day": self.day}

    def next_after(self, after: datetime, zone: ZoneInfo, is_workday: Callable[[date], bool]) -> datetime | None:
        """The first due time later than `after`; None when there is none. A time that daylight saving leaves out
        comes right after the gap."""
        after = after.astimezone(UTC)  # two times of one zone would be compared as they read, wrongly around a change
        day = after.astimezone(zone).date()
        for ahead in range(0, 366 * FARTHEST_YEARS):
            candidate = day + timedelta(days=ahead)
            if not self._falls_on(candidate, is_workday):
                if self.kind == ONCE and self.on is not None and candidate > self.on:
                    return None
                continue
            due = datetime.combine(candidate, self.at, zone)
            if due > after:
                return due
        return None

    def _falls_on(self, day: date, is_workday: Callable[[date], bool]) -> bool:
        if self.kind == ONCE:
            return day == self.on
        if self.kind == WORKDAYS:
            return is_workday(day)
        if self.kind == WEEKLY:
            return day.weekday() in self.weekdays
        if self.kind == MONTHLY:
            last = calendar.monthrange(day.year, day.month)[1]
            return day.day == (last if self.day == LAST else min(self.day, last))
        return True


def repeat_from(kept: dict[str, Any]) -> Repeat:
    hour, minute = map(int, kept["at"].split(":"))
    on = date.fromisoformat(kept["on"]) if kept["on"] else None
    return Repeat(kept["kind"], time(hour, minute), on, tuple(kept["weekdays"]), kept["day"])


_WEEKLY = re.compile(
    r"(?:매주|every(?:\s+week)?(?:\s+on)?|weekly(?:\s+on)?)\s*"
    r"(?P<days>(?:[월화수목금토일](?:요일)?(?:\s*[,·/와과]?\s*)?)+|(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*(?:\s*(?:,|and)\s*)?)+)"
    r"(?=\s|$|\d|오)",
    re.IGNORECASE,
)
_MONTHLY = re.compile(
    r"(?:매월|매달|monthly(?:\s+on)?|every\s+month(?:\s+on)?)\s*(?:the\s+)?"
    r"(?:(?P<day>\d{1,2})(?:일|st|nd|rd|th)?|(?P<last>말일|마지막\s*날|last\s+day))(?=\s|$|에)",
    re.IGNORECASE,
)
_WORKDAYS = re.compile(r"(?:평일|근무일|영업일|weekdays|workdays|working\s+days)(?:마다|\s*매일)?(?=\s|$|에)", re.I)
_DAILY = re.compile(r"(?:매일|날마다|every\s*day|daily)(?=\s|$|에)", re.IGNORECASE)
_SOON = re.compile(
    r"(?:(?P<count>\d{1,4})\s*(?P<unit>분|시간)\s*(?:뒤|후|있다가)|in\s+(?P<number>\d{1,4})\s*(?P<word>min|hour)[a-z]*)(?=\s|$|에)",
    re.IGNORECASE,
)
DEFAULT_TIME = time(9, 0)


def read_repeat(words: str, now: datetime) -> Read | None:
    """`매주 월 10:00 주간회의` → when, and `주간회의`. `now` is local. None: no time can be read there. Without a time
    of day it is nine in the morning; a mere time is today's, or tomorrow's when that is over."""
    words = normalize("NFKC", words).strip()
    for reader in (_weekly, _monthly, _workdays, _daily):
        found = reader(words)
        if found is not None:
            at = read_time(found.rest)
            kind, weekdays, day = found.value
            return Read(
                Repeat(kind, at.value if at else DEFAULT_TIME, None, weekdays, day), at.rest if at else found.rest
            )
    soon = _soon(words, now)
    if soon is not None:
        return soon
    on = read_day(words, now.date())
    at = read_time(on.rest if on else words)
    if on is None and at is None:
        return None
    clock = at.value if at else DEFAULT_TIME
    if on is None:
        late = datetime.combine(now.date(), clock, now.tzinfo) <= now
        on = Read(now.date() + timedelta(days=1 if late else 0), words)
    return Read(Repeat(ONCE, clock, on.value), at.rest if at else on.rest)


def _soon(words: str, now: datetime) -> Read | None:
    """30분 뒤, in 2 hours: to the full minute, and never before it."""
    found = _SOON.match(words)
    if not found:
        return None
    count, unit = int(found["count"] or found["number"]), found["unit"] or found["word"]
    ahead = timedelta(**{"hours" if unit[0] in "시hH" else "minutes": count})
    if not timedelta() < ahead <= timedelta(days=30):
        return None
    due = (now.astimezone(UTC) + ahead + timedelta(seconds=59)).astimezone(now.tzinfo)
    return Read(Repeat(ONCE, time(due.hour, due.minute), due.date()), _rest(words, found))


def _weekly(words: str) -> Read | None:
    found = _WEEKLY.match(words)
    if not found:
        return None
    named = re.findall(r"[월화수목금토일](?:요일)?|(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*", found["days"], re.IGNORECASE)
    days = tuple(sorted({_weekday_number(name) for name in named}))
    return Read((WEEKLY, days, 0), _rest(words, found))


def _monthly(words: str) -> Read | None:
    found = _MONTHLY.match(words)
    if not found:
        return None
    day = LAST if found["last"] else int(found["day"])
    return Read((MONTHLY, (), day), _rest(words, found)) if day == LAST or 1 <= day <= 31 else None


def _workdays(words: str) -> Read | None:
    found = _WORKDAYS.match(words)
    return Read((WORKDAYS, (), 0), _rest(words, found)) if found else None


def _daily(words: str) -> Read | None:
    found = _DAILY.match(words)
    return Read((DAILY, (), 0), _rest(words, found)) if found else None


_SPAN = re.compile(r"\s*(?:~|-|–|부터|to|until)\s*", re.IGNORECASE)


def read_span(words: str) -> tuple[time, time] | None:
    """`22:00~08:00`, `밤 10시부터 아침 8시까지`, `10pm to 8am`. None: no two different times are told there."""
    begin, *end = _SPAN.split(normalize("NFKC", words).strip().removesuffix("까지"), maxsplit=1)
    first, last = read_time(begin), read_time(end[0]) if end else None
    if first is None or last is None or first.rest or last.rest or first.value == last.value:
        return None
    return first.value, last.value


def after_quiet(at: datetime, begin: time | None, end: time | None) -> datetime:
    """`at` (local), or the end of the quiet hours in which it lies."""
    if begin is None or end is None or begin == end:
        return at
    clock, over_night = at.time(), begin > end
    inside = (clock >= begin or clock < end) if over_night else begin <= clock < end
    if not inside:
        return at
    ends_on = at.date() + timedelta(days=1 if over_night and clock >= begin else 0)
    return datetime.combine(ends_on, end, at.tzinfo)
