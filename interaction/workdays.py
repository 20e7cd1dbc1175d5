"""Working days in Korea: no weekends, no public holidays, none of the days given for holidays that fall together."""

from datetime import date, timedelta
from functools import cache

import holidays

KOREAN, ENGLISH = "ko", "en_US"


@cache
def _of(year: int, language: str) -> dict[date, str]:
    return dict(holidays.country_holidays("KR", years=year, language=language))


def holiday(day: date, language: str = "ko") -> str:
    """What is celebrated that day; empty when nothing is."""
    return _of(day.year, KOREAN if language == "ko" else ENGLISH).get(day, "")


def is_workday(day: date) -> bool:
    return day.weekday() < 5 and not holiday(day)


def before(day: date) -> date:
    """The working day before."""
    day -= timedelta(days=1)
    while not is_workday(day):
        day -= timedelta(days=1)
    return day


def first_of_month(day: date) -> date:
    """The month's first working day."""
    day = day.replace(day=1)
    while not is_workday(day):
        day += timedelta(days=1)
    return day
