"""Time in steps: real hours and local days, wherever the shop is."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from store.activity import QUARTER
from web.console import charts


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Asia/Seoul", "2026-11-01", 24),
        ("America/New_York", "2026-11-01", 25),
        ("America/New_York", "2026-03-08", 23),
        ("Asia/Kolkata", "2026-11-01", 24),
    ],
)
def test_a_day_has_its_real_hours(zone: str, day: str, hours: int) -> None:
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(zone))
    where = charts.span(charts.TODAY, noon.astimezone(UTC), ZoneInfo(zone))
    assert len(where.starts) == hours
    assert f"{where.since.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" == f"{day} 00:00"


@pytest.mark.parametrize("zone", ["Asia/Seoul", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns"])
@pytest.mark.parametrize("name", charts.SPANS)
def test_what_happened_just_before_midnight_is_not_of_the_next_day(zone: str, name: str) -> None:
    local = ZoneInfo(zone)
    where = charts.span(name, datetime(2026, 7, 10, 9, tzinfo=local).astimezone(UTC), local)
    midnight = int(datetime(2026, 7, 10, tzinfo=local).timestamp()) // QUARTER
    folded = where.fold({midnight: 5} if name == charts.TODAY else {midnight: 5, midnight - 1: 3})
    at = where.step(midnight)
    assert folded[at] == 5
    assert where.starts[at].astimezone(local).hour == 0
    assert name == charts.TODAY or folded[at - 1] == 3


def test_the_median_is_the_middle_customer_s() -> None:
    assert charts.median({3: 2, 5: 1, 90: 2}) == 0.5
    assert charts.median({}) is None
