"""How values are written for people: numbers, money, dates, lists."""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from responses.budget import bounded, kind_of, weigh
from responses.keys import plain_number
from responses.problems import ModuleError


def written(value: Any) -> str:
    """A value in a text: whole floats without .0, dates as 2026-12-24, null as nothing, lists by commas."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "예" if value else "아니요"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _written_float(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, timedelta):
        return f"{value.days}일"
    return _written_box(value)


def _written_box(value: Any) -> str:
    weigh(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{written(key)}: {written(item)}" for key, item in value.items())
    if isinstance(value, list | tuple) or hasattr(value, "__iter__"):
        return ", ".join(written(item) for item in value)
    raise ModuleError(f"{kind_of(value)} cannot be written in a text")


def _written_float(value: float) -> str:
    if value.is_integer():
        return str(int(value))
    exact, short = repr(value), f"{value:.15g}"
    # 0.1 + 0.2 is 0.3 to people; 1 / 3 keeps the digits that Python prints.
    said = short if len(short) + 3 < len(exact) else exact
    return said if "e" not in said else f"{value:.20f}".rstrip("0").rstrip(".") or "0"


def number_in(value: Any, asker: str) -> int | float:
    """A number, or a text that reads as one."""
    number = plain_number(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        shown = f"'{value[:30]}'" if isinstance(value, str) else kind_of(value)
        raise ModuleError(f"{asker} needs a number, and this is {shown}")
    return number


def comma(value: Any) -> str:
    """1520 as 1,520; decimals stay as they were given."""
    number = number_in(value, "comma")
    if isinstance(value, str):
        decimals = value.partition(".")[2].strip()
        whole = f"{math.trunc(number):,}" if abs(number) >= 1 or number >= 0 else "-0"
        return f"{whole}.{decimals}" if decimals else whole
    said = _written_float(number) if isinstance(number, float) else str(number)
    whole, point, decimals = said.partition(".")
    return f"{int(whole):,}{point}{decimals}" if whole != "-0" else f"-0{point}{decimals}"


def won(value: Any) -> str:
    """1520 as 1,520원; there are no parts of a won, so halves are rounded up."""
    return f"{math.floor(number_in(value, 'won') + 0.5):,}원"


def day_of(value: Any, asker: str, zone: tzinfo) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    return _moment(value, asker, zone).date()


def date_text(value: Any, zone: tzinfo) -> str:
    """2026-12-24"""
    return day_of(value, "date", zone).isoformat()


def time_text(value: Any, zone: tzinfo) -> str:
    """14:05"""
    if isinstance(value, time):
        return f"{value:%H:%M}"
    return f"{_moment(value, 'time', zone):%H:%M}"


def _moment(value: Any, asker: str, zone: tzinfo) -> datetime:
    try:
        if isinstance(value, datetime):
            return value.astimezone(zone) if value.tzinfo else value
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day)
        if isinstance(value, str) and len(value) <= 40:
            return _moment(_from_text(value.strip()), asker, zone)
        if isinstance(value, int | float) and not isinstance(value, bool):
            epoch = datetime(1970, 1, 1, tzinfo=UTC)
            return (epoch + timedelta(milliseconds=bounded(value))).astimezone(zone)
    except (ValueError, OverflowError):
        pass  # said below, with the value
    shown = f"'{value[:30]}'" if isinstance(value, str) else kind_of(value)
    raise ModuleError(f"{asker} needs a date or a time, and this is {shown}")


def _from_text(text: str) -> datetime:
    if ":" in text and "-" not in text:
        return datetime.combine(date.min, time.fromisoformat(text))
    return datetime.fromisoformat(text)
