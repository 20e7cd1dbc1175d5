"""Who is told of an alert, and why the others are not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
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
        and (not hush.key or fnmatchcase(matter.key.casefold(), hush.key.casefold()))
        and (not hush.words or hush.words.casefold() in matter.title.casefold())
        and (not hush.severity or rank(matter.severity) <= rank(hush.severity))
    )


def quiet_until(listener: Listener, now: datetime, zone: ZoneInfo) -> datetime | None:
    """When the quiet hours end in which `now` lies; None when it lies in none."""
    begin, end = listener.quiet_from, listener.quiet_until
    if begin is None or end is None or begin == end:
        return None
    local = now.astimezone(ZoneInfo(listener.zone) if listener.zone else zone)
    clock, over_night = local.time(), begin > end
    inside = (clock >= begin or clock < end) if over_night else begin <= clock < end
    if not inside:
        return None
    ends_on = local.date() + timedelta(days=1 if over_night and clock >= begin else 0)
    until = datetime.combine(ends_on, end, local.tzinfo)
    # An hour that is skipped or doubled by the change to summer time must not end the quiet before it began.
    return until if until.timestamp() > now.timestamp() else None
