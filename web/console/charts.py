"""Small charts drawn by the server: time in steps, counts as bars."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from store.activity import QUARTER, Counts
from web.words import t

TODAY, DAY, WEEK = "today", "24h", "7d"
SPANS = (TODAY, DAY, WEEK)
HOUR = timedelta(hours=1)
STEP, GAP, HEIGHT, LEAST = 10, 2, 40, 1.5  # of a bar, in the drawing's own units


@dataclass(frozen=True)
class Span:
    """What is looked at, cut into steps: hours of a day, or quarters of the days of a week."""

    name: str
    since: datetime
    starts: Sequence[datetime]  # of the steps, in UTC
    zone: ZoneInfo

    def step(self, at: int) -> int:
        """In which step a quarter of an hour lies."""
        return max(bisect_right(self.starts, datetime.fromtimestamp(at * QUARTER, UTC)) - 1, 0)

    def fold(self, counts: Counts) -> list[int]:
        found = [0] * len(self.starts)
        for at, count in counts.items():
            found[self.step(at)] += count
        return found

    def fold_waits(self, waits: Mapping[int, Counts]) -> list[Counter[int]]:
        """The waits of each step together."""
        found: list[Counter[int]] = [Counter() for _ in self.starts]
        for at, tenths in waits.items():
            found[self.step(at)].update(tenths)
        return found

    def labels(self) -> list[str]:
        return [_label(start.astimezone(self.zone), self.name) for start in self.starts]

    def ends(self) -> str:
        """Where the drawing begins and ends."""
        first, last = (self.starts[end].astimezone(self.zone) for end in (0, -1))
        if self.name == TODAY:
            return t("0시 – 24시", "00:00 – 24:00")
        if self.name == DAY:
            return t(f"{first.month}/{first.day} {first.hour}시 – 지금", f"{first:%H:%M} yesterday – now")
        return f"{first.month}/{first.day} – {last.month}/{last.day}"


def span(name: str, now: datetime, zone: ZoneInfo) -> Span:
    local = now.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if name == DAY:
        since = now - timedelta(days=1)
        first = since.astimezone(zone).replace(minute=0, second=0, microsecond=0)
        return Span(name, since, _hours(first, now), zone)
    if name == WEEK:
        days = [midnight.date() - timedelta(days=back) for back in range(6, -1, -1)]
        starts = [datetime(day.year, day.month, day.day, hour, tzinfo=zone) for day in days for hour in (0, 6, 12, 18)]
        return Span(name, starts[0].astimezone(UTC), [start.astimezone(UTC) for start in starts], zone)
    tomorrow = datetime.combine(midnight.date() + timedelta(days=1), midnight.timetz().replace(tzinfo=zone))
    return Span(TODAY, midnight.astimezone(UTC), _hours(midnight, tomorrow - HOUR), zone)


def _hours(first: datetime, last: datetime) -> list[datetime]:
    """Real hours: a day on which the clocks change has 23 or 25 of them."""
    found = [first.astimezone(UTC)]
    while found[-1] + HOUR <= last:
        found.append(found[-1] + HOUR)
    return found


def _label(at: datetime, name: str) -> str:
    day, until = f"{at.month}/{at.day}", at.hour + 6
    if name == TODAY:
        return t(f"{at.hour}시", f"{at:%H:%M}")
    if name == DAY:
        return t(f"{day} {at.hour}시", f"{day} {at:%H:%M}")
    return t(f"{day} {at.hour}~{until}시", f"{day} {at.hour:02}–{until:02}h")


@dataclass(frozen=True)
class Bar:
    x: int
    y: float
    height: float
    said: str


@dataclass(frozen=True)
class Chart:
    title: str
    width: int
    bars: Sequence[Bar]
    described: str


def chart(title: str, where: Span, values: Sequence[float | None], said: Sequence[str]) -> Chart:
    """`said` is each value in words. None draws nothing: there was nothing to count."""
    known = [value for value in values if value]
    top = max(known, default=0)
    bars = []
    for index, (label, value, words) in enumerate(zip(where.labels(), values, said, strict=True)):
        height = max(HEIGHT * value / top, LEAST) if value else 0.0
        bars.append(Bar(index * STEP, round(HEIGHT - height, 1), round(height, 1), f"{label} · {words}"))
    highest = values.index(top) if known else None
    described = t("아직 없어요.", "Nothing yet.")
    if highest is not None:
        described = t(f"가장 높은 때: {bars[highest].said}", f"Highest: {bars[highest].said}")
    return Chart(title, len(bars) * STEP, bars, described)


def median(tenths: Mapping[int, int]) -> float | None:
    """Of counted tenths of a second, in seconds."""
    left = (sum(tenths.values()) + 1) // 2
    for tenth in sorted(tenths):
        left -= tenths[tenth]
        if left <= 0:
            return tenth / 10
    return None
