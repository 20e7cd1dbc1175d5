"""Who is told and who is not, as a table; quiet hours against a watch that is looked at every minute."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alerts.alert import SEVERITIES, rank
from alerts.routing import MINOR, QUIET, SILENCED, TOLD, Hush, Listener, Matter, decide, quiet_until, silences

SEOUL, BERLIN = ZoneInfo("Asia/Seoul"), ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 12, 24, 12, tzinfo=SEOUL)
CPU = Matter("ops", "arn:aws:cloudwatch:cpu[web]", "CPU 91%", "warning")


def hush(**more: str) -> Hush:
    facts = {"topic": "ops", "key": "", "words": "", "severity": "", "comment": "점검", "by": "민지", **more}
    return Hush(id=7, starts_at=NOON - timedelta(hours=1), ends_at=NOON + timedelta(hours=1), **facts)


def night(zone: str = "", begin: str = "22:00", end: str = "07:00") -> Listener:
    return Listener("webex", "r", "", time.fromisoformat(begin), time.fromisoformat(end), zone)


@pytest.mark.parametrize(
    ("more", "matches"),
    [
        ({}, True),
        ({"topic": ""}, True),
        ({"topic": "other"}, False),
        ({"key": "arn:*:cpu[web]"}, True),
        ({"key": "ARN:*"}, True),
        ({"key": "arn:*:cpu?web?"}, True),
        ({"key": "*cpu[wxe][wxe]b]"}, False),
        ({"key": "arn"}, False),
        ({"words": "cpu"}, True),
        ({"words": "disk"}, False),
        ({"severity": "info"}, False),
        ({"severity": "warning"}, True),
        ({"severity": "critical"}, True),
    ],
    ids=str,
)
def test_a_silence_matches_by_everything_that_it_names(more: dict[str, str], matches: bool) -> None:
    assert silences(hush(**more), CPU, NOON) is matches


@pytest.mark.parametrize(("minutes", "on"), [(-61, False), (-60, True), (59, True), (60, False)])
def test_a_silence_holds_from_its_beginning_up_to_its_end(minutes: int, on: bool) -> None:
    assert silences(hush(), CPU, NOON + timedelta(minutes=minutes)) is on


def test_the_reason_names_the_silence_and_the_gravest_rule_comes_first() -> None:
    asleep, zone = Listener("webex", "r", "critical", time(0), time(23, 59)), SEOUL
    assert decide(CPU, asleep, [hush()], NOON, zone).outcome == MINOR
    silenced = decide(CPU, Listener("webex", "r", "warning", time(0), time(23, 59)), [hush()], NOON, zone)
    assert (silenced.outcome, silenced.detail) == (SILENCED, "silence 7 by 민지: 점검")
    assert decide(CPU, night(), [], NOON, zone).outcome == TOLD


@pytest.mark.parametrize(
    ("zone", "end", "local", "fold", "until"),
    [
        # The clocks go from 02:00 to 03:00: what ends at 02:30 lasts as long as on other nights.
        (BERLIN, "02:30", "2026-03-29T01:59", 0, "2026-03-29T01:30+00:00"),
        (BERLIN, "02:30", "2026-03-29T03:10", 0, "2026-03-29T01:30+00:00"),
        (BERLIN, "02:30", "2026-03-29T03:30", 0, None),
        # They go from 03:00 back to 02:00: it ends once, and does not begin again.
        (BERLIN, "02:30", "2026-10-25T02:29", 0, "2026-10-25T00:30+00:00"),
        (BERLIN, "02:30", "2026-10-25T02:30", 0, None),
        (BERLIN, "02:30", "2026-10-25T02:10", 1, None),
        (BERLIN, "07:00", "2026-10-25T02:10", 1, "2026-10-25T06:00+00:00"),
        (SEOUL, "07:00", "2026-10-25T21:59", 0, None),
        (SEOUL, "07:00", "2026-10-25T22:00", 0, "2026-10-25T22:00+00:00"),
        (SEOUL, "07:00", "2026-10-26T06:59", 0, "2026-10-25T22:00+00:00"),
        (SEOUL, "07:00", "2026-10-26T07:00", 0, None),
    ],
    ids=str,
)
def test_quiet_hours_end_once_whatever_the_clocks_do(
    zone: ZoneInfo, end: str, local: str, fold: int, until: str | None
) -> None:
    now = datetime.fromisoformat(local).replace(tzinfo=zone, fold=fold)
    found = quiet_until(night(end=end), now, zone)
    assert (found.astimezone(UTC).isoformat(timespec="minutes") if found else None) == until


def test_a_listener_has_a_zone_of_their_own() -> None:
    at = datetime(2026, 12, 24, 23, tzinfo=SEOUL)  # three in the afternoon in Berlin
    assert quiet_until(night(), at, SEOUL) is not None
    assert quiet_until(night("Europe/Berlin"), at, SEOUL) is None


CLOCK = st.times().map(lambda one: one.replace(second=0, microsecond=0))
ZONES = st.sampled_from(["Asia/Seoul", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))


@given(begin=CLOCK, end=CLOCK, zone=ZONES, now=MOMENTS)
@example(begin=time(22), end=time(2, 30), zone="Europe/Berlin", now=datetime(2026, 3, 29, 1, 15, tzinfo=UTC))
def test_quiet_hours_are_as_the_clock_on_the_wall_shows_them(begin: time, end: time, zone: str, now: datetime) -> None:
    here = ZoneInfo(zone)
    found = quiet_until(Listener("webex", "r", "", begin, end, zone), now, SEOUL)
    if found is not None:
        assert now < found <= now + timedelta(hours=25)
        assert quiet_until(Listener("webex", "r", "", begin, end, zone), found, SEOUL) is None or begin == end
    local = now.astimezone(here)
    around = [local + timedelta(hours=hours) for hours in (-25, 0, 25)]
    if len({one.utcoffset() for one in around}) == 1:  # no change of clocks is near: the wall clock is enough
        clock = local.time()
        inside = begin <= clock < end if begin <= end else clock >= begin or clock < end
        assert (found is not None) is inside
        assert found is None or found.time() == end


@given(
    severity=st.sampled_from(SEVERITIES),
    wanted=st.sampled_from(["", *SEVERITIES]),
    hushed=st.booleans(),
    quiet=st.booleans(),
    on=st.dates(date(2026, 1, 1), date(2026, 12, 31)),
)
def test_each_is_told_unless_a_rule_says_otherwise(
    severity: str, wanted: str, hushed: bool, quiet: bool, on: date
) -> None:
    now = datetime.combine(on, time(12), SEOUL)
    who = Listener("webex", "r", wanted, *((time(11), time(13)) if quiet else (None, None)))
    one = Hush(1, "ops", "", "", "", "c", "b", now - timedelta(1), now + timedelta(1))
    found = decide(Matter("ops", "", "t", severity), who, [one] if hushed else [], now, SEOUL)
    minor = bool(wanted) and rank(severity) < rank(wanted)
    assert found.outcome == (MINOR if minor else SILENCED if hushed else QUIET if quiet else TOLD)
    assert bool(found.detail) is (found.outcome != TOLD)
    assert (found.held_until is not None) is (found.outcome == QUIET)
