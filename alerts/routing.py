"""Who is told of an alert, and why the others are not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from alerts.alert import rank

TOLD, BUNDLED, SAME, SILENCED = "told", "bundled", "same", "silenced"
QUIET, ACKNOWLEDGED, MINOR, UNTOLD = "quiet", "acknowledged", "minor", "untold"


@dataclass(frozen=True)
class Listener:
    """A chat that hears a topic, with what it does not want to hear."""

    channel: str
    chat: str
    severity: str = ""
    quiet_from: time | None = None
    quiet_until: time | None = None
    zone: str = ""


@dataclass(frozen=True)
class Matter:
    """What a rule looks at."""

    topic: str
    key: str
    title: str
    severity: str


@dataclass(frozen=True)
class Hush:
    """A silence: what it matches is not told while it lasts. Empty: anything."""

    id: int
    topic: str
    key: str  # with * and ?
    words: str
    severity: str  # up to this grave
    comment: str
    by: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Verdict:
    outcome: str
    detail: str = ""
    held_until: datetime | None = None


def decide(matter: Matter, listener: Listener, hushes: Sequence[Hush], now: datetime, zone: ZoneInfo) -> Verdict:
    """One alert and one listener. `zone` is the house's, for who has none of their own."""
    if listener.severity and rank(matter.severity) < rank(listener.severity):
        return Verdict(MINOR, f"below {listener.severity}")
    hush = next((one for one in hushes if silences(one, matter, now)), None)
    if hush is not None:
        return Verdict(SILENCED, f"silence {hush.id} by {hush.by}: {hush.comment}")
    until = quiet_until(listener, now, zone)
    if until is not None:
        return Verdict(QUIET, f"quiet hours until {until:%H:%M}", until)
    return Verdict(TOLD)


def silences(hush: Hush, matter: Matter, now: datetime) -> bool:
    if not hush.starts_at <= now < hush.ends_at:
        return False
    return (
        (not hush.topic or hush.topic == matter.topic)
        and (not hush.key or _fits(matter.key, hush.key))
        and (not hush.words or hush.words.casefold() in matter.title.casefold())
        and (not hush.severity or rank(matter.severity) <= rank(hush.severity))
    )


def _fits(key: str, pattern: str) -> bool:
    """* and ? stand for anything; an opening bracket, which names have, for itself."""
    return fnmatchcase(key.casefold(), pattern.casefold().replace("[", "[[]"))


def quiet_until(listener: Listener, now: datetime, zone: ZoneInfo) -> datetime | None:
    """When the quiet hours end in which `now` lies; None when it lies in none. Both ends are moments, so an hour that
    the change to summer time skips or doubles neither ends them early nor begins them twice."""
    begin, end = listener.quiet_from, listener.quiet_until
    if begin is None or end is None or begin == end:
        return None
    here = ZoneInfo(listener.zone) if listener.zone else zone
    today = now.astimezone(here).date()
    for day in (today - timedelta(days=1), today):  # the evening before, where they last over midnight
        began = datetime.combine(day, begin, here).astimezone(UTC)
        ends = datetime.combine(day + timedelta(days=begin > end), end, here).astimezone(UTC)
        if began <= now < ends:
            return ends.astimezone(here)
    return None
