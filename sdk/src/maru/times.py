"""Days and times as people type them, in Korean and English. Each reader takes the beginning of a text and returns
what it read with the rest, or None."""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import TypeVar

T = TypeVar("T")
Read = tuple[T, str] | None

_NEAR = {
    "그저께": -2, "그제": -2, "어제": -1, "오늘": 0, "내일모레": 2, "내일": 1, "낼": 1, "모레": 2, "글피": 3,
    "yesterday": -1, "today": 0, "tomorrow": 1, "the day after tomorrow": 2, "day after tomorrow": 2,
}  # fmt: skip
_DAYS_ON = {
    "하루": 1, "이틀": 2, "사흘": 3, "나흘": 4, "닷새": 5, "엿새": 6, "이레": 7, "일주일": 7, "한 주": 7, "여드레": 8,
    "아흐레": 9, "열흘": 10, "두 주": 14, "보름": 15,
}  # fmt: skip
_WEEKS = {
    "지난주": -1,
    "저번주": -1,
    "이번주": 0,
    "다음주": 1,
    "담주": 1,
    "다다음주": 2,
    "last": -1,
    "this": 0,
    "next": 1,
}
_YEARS = {"작년": -1, "올해": 0, "내년": 1}
_KOREAN_DAYS = "월화수목금토일"
_ENGLISH_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# 12/24(목), 12월 24일 목요일, 내일은, 금요일까지
_DAY_ENDS = r"(?:\s*\([월화수목금토일](?:요일)?\)|\s+[월화수목금토일]요일)?(?:에|은|는|부터|까지)?(?=\s|$|[,~])"
_ITS_DAY = re.compile(r"[\s(]([월화수목금토일])(?:요일|\))")
_HALF = {
    "오전": "am", "아침": "am", "새벽": "am", "am": "am",
    "오후": "pm", "낮": "pm", "점심": "pm", "저녁": "pm", "밤": "pm", "pm": "pm",
}  # fmt: skip
_NUMBERS = ("한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉", "열", "열한", "열두")
_HOUR = r"\d{1,2}|" + "|".join(sorted(_NUMBERS, key=len, reverse=True))
_TIME = re.compile(
    rf"(?:(?P<half>{'|'.join(_HALF)})\s*)?"
    rf"(?:(?P<clock>\d{{1,2}}[:：]\d{{2}}(?:[:：]\d{{2}})?)|(?P<hour>{_HOUR})\s*시(?:\s*(?:(?P<minute>\d{{1,2}})\s*분|(?P<half_past>반)))?"
    r"|(?P<bare>\d{1,2})(?=\s*[ap]\.?m))"
    r"(?:\s*(?P<after>[ap](?:m|\.m\.)))?(?:쯤)?(?:에서|에|부터|까지|\s+(?:부터|까지)(?=\s|$))?",
    re.IGNORECASE,
)
_TO = r"(?:[~～〜∼\-–—]|to\b)"
_FROM_HOUR = re.compile(rf"(?:(?P<half>{'|'.join(_HALF)})\s*)?(?P<hour>\d{{1,2}})(?=\s*{_TO}\s*\d)", re.IGNORECASE)
_TO_HOUR = re.compile(r"(?P<hour>\d{1,2})(?:까지)?(?=\s|$)")
_LONG = r"(?:(?P<hours>\d{1,2})\s*시간(?P<half>\s*반)?(?:\s*(?=\d))?)?(?:(?P<minutes>\d{1,3})\s*분)?"
_FOR = re.compile(_LONG + r"(?:\s*동안)?(?=\s|$)")
_LATER = re.compile(_LONG + r"\s*(?:뒤|후)(?:에)?(?=\s|$)")
_IN = re.compile(r"in\s+(?:(?P<hours>\d{1,2})\s*hours?)?\s*(?:(?P<minutes>\d{1,3})\s*min(?:ute)?s?)?(?=\s|$)", re.I)


def read_time(text: str) -> Read[time]:
    """14:05, 오후 3시, 세 시 반, 3pm. Without a half of the day, 1 to 6 o'clock in Korean words is in the afternoon."""
    found = _TIME.match(text)
    if found is None:
        for word, hour in (("정오", 12), ("자정", 0), ("noon", 12), ("midnight", 0)):
            if text.lower().startswith(word):
                return time(hour), text[len(word) :]
        return None
    seconds = 0
    if found["clock"]:
        hours, minutes, seconds = [*(int(part) for part in re.split("[:：]", found["clock"])), 0][:3]
    else:
        said = found["hour"] or found["bare"]
        hours = _NUMBERS.index(said) + 1 if said in _NUMBERS else int(said)
        minutes = 30 if found["half_past"] else int(found["minute"] or 0)
    at = _at(hours, minutes, found["half"] or found["after"] or "", spoken=bool(found["hour"]))
    return (at.replace(second=seconds), text[found.end() :]) if at and seconds <= 59 else None


def _at(hours: int, minutes: int, word: str, spoken: bool) -> time | None:
    half = _HALF.get(word.lower().replace(".", ""), "")
    if word == "밤" and (hours == 12 or hours <= 5):
        half = "am"  # 밤 12시 is midnight, 밤 1시 the hour after it
    elif not half and spoken and 1 <= hours <= 6:
        half = "pm"
    if half == "am" and hours > 12:
        return None  # 오전 15시 is a slip; nobody can tell of which half
    if half and hours <= 12:
        hours = hours % 12 + (12 if half == "pm" else 0)
    if hours == 24 and minutes == 0:
        hours = 0
    return time(hours, minutes) if hours <= 23 and minutes <= 59 else None


def read_date(text: str, today: date | None = None) -> Read[date]:
    """2026-12-24, 12/24(목), 12월 24일, 24일, 내일, 3일 뒤, 다음 주 금요일, next friday, Dec 24. Without a year it is
    the next such day."""
    today = today or date.today()
    readers: tuple[Callable[[str, date], Read[date]], ...] = (
        _near, _later, _of_week, _written, _without_year, _of_month,
    )  # fmt: skip
    for reader in readers:
        found = reader(text, today)
        if found is not None:
            said = _ITS_DAY.search(text[: len(text) - len(found[1])])
            fits = said is None or _KOREAN_DAYS.index(said[1]) == found[0].weekday()
            return found if fits else None  # 12/24(금), which is a Thursday: one of the two is a slip
    return None


def _near(text: str, today: date) -> Read[date]:
    for word in sorted(_NEAR, key=len, reverse=True):
        if found := re.match(re.escape(word) + _DAY_ENDS, text, re.IGNORECASE):
            return _moved(today, _NEAR[word], text[found.end() :])
    return None


def _later(text: str, today: date) -> Read[date]:
    if found := re.match(rf"({'|'.join(_DAYS_ON)})\s*(?:뒤|후|(?P<back>전))" + _DAY_ENDS, text):
        days = _DAYS_ON[found[1]]
    elif found := re.match(r"(\d{1,3})\s*(?:(일)|주일|주)\s*(?:뒤|후|(?P<back>전))" + _DAY_ENDS, text):
        days = int(found[1]) * (1 if found[2] else 7)
    elif found := re.match(r"in\s+(\d{1,3})\s+(?:(day)|week)s?(?P<back>)" + _DAY_ENDS, text, re.IGNORECASE):
        days = int(found[1]) * (1 if found[2] else 7)
    else:
        return None
    return _moved(today, -days if found["back"] else days, text[found.end() :])


def _moved(today: date, days: int, rest: str) -> Read[date]:
    try:
        return today + timedelta(days=days), rest
    except OverflowError:
        return None


def _of_week(text: str, today: date) -> Read[date]:
    weeks = r"다다음\s*주|다음\s*주|이번\s*주|지난\s*주|저번\s*주|담주"
    korean = re.match(rf"({weeks})\s*([{_KOREAN_DAYS}])(?:요일)?" + _DAY_ENDS, text)
    korean = korean or re.match(rf"()([{_KOREAN_DAYS}])요일" + _DAY_ENDS, text)
    english = re.match(rf"(?:(last|this|next)\s+)?({'|'.join(_ENGLISH_DAYS)})" + _DAY_ENDS, text, re.IGNORECASE)
    found = korean or english
    if found is None:
        return None
    name, rest = found[2].lower(), text[found.end() :]
    day = _KOREAN_DAYS.index(name) if korean else _ENGLISH_DAYS.index(name)
    if not found[1]:
        return _moved(today, (day - today.weekday()) % 7, rest)
    weeks_on = _WEEKS[re.sub(r"\s", "", found[1]).lower()]
    return _moved(today, 7 * weeks_on + day - today.weekday(), rest)


def _written(text: str, today: date) -> Read[date]:
    day = r"(\d{1,2})\s*월\s*(\d{1,2})\s*일"
    forms = (
        r"(\d{4})[-./](\d{1,2})[-./](\d{1,2})\.?", r"(\d{4})\.\s+(\d{1,2})\.\s+(\d{1,2})\.?", r"(\d{4})(\d\d)(\d\d)",
        r"(\d\d)[-.](\d\d)[-.](\d\d)", rf"(\d{{4}}|\d\d)\s*년\s*{day}", rf"({'|'.join(_YEARS)})\s*{day}",
    )  # fmt: skip
    for form in forms:
        if found := re.match(form + _DAY_ENDS, text):
            year = today.year + _YEARS[found[1]] if found[1] in _YEARS else int(found[1])
            return _on(year if year > 99 else year + 2000, int(found[2]), int(found[3]), text[found.end() :])
    return None


def _on(year: int, month: int, day: int, rest: str) -> Read[date]:
    found = _date(year, month, day)
    return (found, rest) if found else None


def _without_year(text: str, today: date) -> Read[date]:
    found = re.match(r"(\d{1,2})\s*월\s*(\d{1,2})\s*일" + _DAY_ENDS, text)
    found = found or re.match(r"(\d{1,2})[/.](\d{1,2})\.?" + _DAY_ENDS, text)
    if found:
        return _next(int(found[1]), int(found[2]), today, text[found.end() :])
    name = rf"(?P<month>{'|'.join(_MONTHS)})[a-z]*\.?"
    number, year = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?:,?\s+(?P<year>\d{4}))?"
    found = re.match(rf"{name}\s*{number}{year}" + _DAY_ENDS, text, re.IGNORECASE)
    found = found or re.match(rf"{number}\s+{name}{year}" + _DAY_ENDS, text, re.IGNORECASE)
    if found is None:
        return None
    month, rest = _MONTHS.index(found["month"].lower()) + 1, text[found.end() :]
    if found["year"]:
        return _on(int(found["year"]), month, int(found["day"]), rest)
    return _next(month, int(found["day"]), today, rest)


def _next(month: int, day: int, today: date, rest: str) -> Read[date]:
    """29 February is up to eight years away."""
    days = (_date(today.year + more, month, day) for more in range(9))
    found = next((one for one in days if one and one >= today), None)
    return (found, rest) if found else None


def _of_month(text: str, today: date) -> Read[date]:
    found = re.match(r"(?:(이번|다음)\s*달\s*)?(\d{1,2})일" + _DAY_ENDS, text)
    if not found:
        return None
    next_month = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    day = None if found[1] == "다음" else _date(today.year, today.month, int(found[2]))
    if found[1] == "다음" or (found[1] is None and (day is None or day < today)):
        day = _date(next_month.year, next_month.month, int(found[2]))
    return (day, text[found.end() :]) if day else None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def read_datetime(text: str, now: datetime | None = None) -> Read[datetime]:
    """내일 오후 3시, 2026-12-24 14:05, 30분 뒤, 지금; a time alone is the next such time. On the asker's clock, without
    a zone."""
    now = (now or datetime.now()).replace(tzinfo=None)
    if (later := _LATER.match(text) or _IN.match(text)) and (length := _length(later)):
        return now + length, text[later.end() :]
    if at_once := re.match(r"(?:지금|now)(?=\s|$)", text, re.IGNORECASE):
        return now, text[at_once.end() :]
    day = read_date(re.sub(r"^(\d{4}-\d\d-\d\d)T(?=\d)", r"\1 ", text), now.date())
    at = read_time((day[1] if day else text).lstrip(" ,에"))
    if at is None:
        return None
    if day is not None:
        return datetime.combine(day[0], at[0]), at[1]
    moment = datetime.combine(now.date(), at[0])
    return (moment if moment > now else moment + timedelta(days=1)), at[1]


def _length(found: re.Match[str]) -> timedelta:
    half = 30 if found.groupdict().get("half") else 0
    return timedelta(hours=int(found["hours"] or 0), minutes=int(found["minutes"] or 0) + half)


def read_span(text: str) -> Read[tuple[time, time]]:
    """10:00~11:00, 오후 3시~4시, 3~4시, 3시부터 4시까지, 3시부터 2시간. Each side has the half of the day that the
    other has. One that ends before it begins goes over midnight."""
    found = _span(text)
    return found if found and found[0][0] != found[0][1] else None


def _span(text: str) -> Read[tuple[time, time]]:
    first = _side(text, _FROM_HOUR)
    if first is None:
        return None
    begin, rest = first
    head = text[: len(text) - len(rest)]
    joined = re.match(rf"\s*(?:{_TO})?\s*", rest)
    assert joined is not None
    if not joined[0].strip() and not head.endswith(("부터", "에서")):
        return None
    written = rest[joined.end() :]
    if (lasts := _FOR.match(written)) and (length := _length(lasts)):
        if not timedelta() < length < timedelta(days=1):
            return None
        return (begin, (datetime.combine(date.min, begin) + length).time()), written[lasts.end() :]
    second = _side(written, _TO_HOUR)
    if second is None:
        return None
    end, rest = second
    tail = written[: len(written) - len(rest)]
    # 오후 7시~9시, 오후 3:00~4:00: without its own half of the day the end has that of the beginning, where it can.
    halved = head.lower().startswith(tuple(_HALF)) or "pm" in head.lower()
    later = end.replace(hour=end.hour + 12) if end.hour < 12 else end
    if (halved or ":" not in tail) and not _has_half(tail) and end <= begin < later:
        end = later
    # 3:00~4:00pm
    earlier = begin.replace(hour=begin.hour + 12) if begin.hour < 12 else begin
    if re.search(r"pm\S*$", tail, re.IGNORECASE) and not _has_half(head) and earlier < end:
        begin = earlier
    return (begin, end), rest


def _side(text: str, bare: re.Pattern[str]) -> Read[time]:
    """A time; or a lone hour, as in 3~4시."""
    found = bare.match(text)
    if found is None:
        return read_time(text)
    half = found.groupdict().get("half") or ""
    at = _at(int(found["hour"]), 0, half, spoken=True)
    return (at, text[found.end() :]) if at else None


def _has_half(text: str) -> bool:
    return any(word in text.lower() for word in _HALF)
