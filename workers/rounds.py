"""What the clock does now and then, once for however many clocks there are: contents age out at night,
platforms are asked once a minute whether they still call us."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from types import ModuleType
from zoneinfo import ZoneInfo

import clock
import logs
from settings import Settings
from store import alerts, database, errands, logins, retention, ticks, totals
from store.spool import Spool
from workers import due, searching
from workers.platforms import Platforms
from workers.process import Process

LOOK_AGAIN_SECONDS = 15.0  # whether somebody who took a tick died before its end
NIGHT_HOUR = 4  # local time
TICKS_KEPT = timedelta(days=400)
EACH_MINUTE, MINUTES_KEPT = ("minute", "channels", "search"), timedelta(hours=1)
STOP_SECONDS = 3.0


@dataclass(frozen=True)
class Round:
    """Work with a schedule. `latest`: the newest due time up to now. What was missed is not made up for."""

    name: str
    latest: Callable[[datetime], datetime]
    work: Callable[[], None]


class Rounds:
    def __init__(self, process: Process, rounds: list[Round]) -> None:
        self.process, self.rounds = process, rounds
        self._looked: dict[str, tuple[datetime, float]] = {}  # the due time that was looked at, and when
        self._threads: dict[str, threading.Thread] = {}

    def look(self) -> None:
        """Start what is due and was taken by nobody, each in its own thread: no platform delays a sweep."""
        now = clock.now()
        for one in self.rounds:
            due, looked_at = one.latest(now), time.monotonic()
            seen = self._looked.get(one.name)
            busy = one.name in self._threads and self._threads[one.name].is_alive()
            if busy or (seen is not None and seen[0] == due and looked_at - seen[1] < LOOK_AGAIN_SECONDS):
                continue
            if self._take(one.name, due):
                thread = threading.Thread(target=self._run, args=(one, due), name=one.name, daemon=True)
                self._threads[one.name] = thread
                thread.start()
            self._looked[one.name] = (due, looked_at)

    def _take(self, name: str, due: datetime) -> bool:
        with database.reading() as session:
            if not ticks.is_open(session, name, due):
                return False
        with database.writing() as session:
            return ticks.take(session, name, due, self.process.id)

    def _run(self, one: Round, due: datetime) -> None:
        with self.process.app.app_context():
            try:
                one.work()
            except Exception as error:  # the top of the thread: it is tried again after LOOK_AGAIN_SECONDS
                logs.error("round.failed", exception=error, round=one.name)
                self._finish(one.name, due, None)
            else:
                if not self.process.stopping.is_set():  # else it may have stopped half-way: another clock goes on
                    self._finish(one.name, due, clock.now())

    def _finish(self, name: str, due: datetime, now: datetime | None) -> None:
        try:
            with database.writing() as session:
                ticks.finish(session, name, due, self.process.id, now)
        except Exception as error:  # the tick stays ours until we end; the next due time is a new one
            logs.warn("round.unfinished", exception=error, round=name)

    def leave(self) -> None:
        until = time.monotonic() + STOP_SECONDS
        for thread in self._threads.values():
            thread.join(max(until - time.monotonic(), 0.0))


def every_minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)


def at_night(timezone: ZoneInfo) -> Callable[[datetime], datetime]:
    def latest(now: datetime) -> datetime:
        local = now.astimezone(timezone)
        tonight = local.replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
        if tonight > local:
            yesterday = local.date() - timedelta(days=1)
            tonight = tonight.replace(year=yesterday.year, month=yesterday.month, day=yesterday.day)
        return tonight.astimezone(now.tzinfo)

    return latest


def of_the_house(process: Process, settings: Settings, channels: Mapping[str, ModuleType]) -> Rounds:
    app = process.app
    spool: Spool | None = app.extensions["intake"].spool
    record = app.extensions["intake"].record
    platforms = Platforms(channels, app.extensions["keys"], record, process.stopping.is_set)
    elasticsearch = settings.elasticsearch_url
    return Rounds(
        process,
        [
            Round("minute", every_minute, keep_house),
            Round("channels", every_minute, platforms.ask),
            *([Round("search", every_minute, partial(searching.note_trouble, elasticsearch))] if elasticsearch else []),
            Round(
                "summary",
                lambda now: due.latest_summary(settings.timezone, now),
                lambda: due.record_summary(settings, clock.now()),
            ),
            Round(
                "retention",
                at_night(settings.timezone),
                lambda: age_out(settings.retention_days, spool, process.stopping.wait),
            ),
        ],
    )


def keep_house() -> None:
    with database.writing() as session:
        totals.fold(session)
        logins.forget_old(session)
        errands.forget_old(session, clock.now())
        alerts.end_keyless(session, clock.now())
        ticks.forget(session, clock.now(), dict.fromkeys(EACH_MINUTE, MINUTES_KEPT), TICKS_KEPT)


def age_out(days: int, spool: Spool | None, rest: Callable[[float], bool]) -> None:
    before = clock.now() - timedelta(days=days)
    emptied = retention.age_out(before, rest)
    if spool is not None:
        emptied["spool"] = spool.forget_older(before)
    database.empty_journal()
    logs.say("retention.done", **{name: count for name, count in emptied.items() if count})
