"""The one way in: verify, parse, record, ring. Nothing else happens before the caller has its answer."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex
from types import ModuleType

from sqlalchemy.exc import SQLAlchemyError

import clock
import logs
from channels.contract import Call, Keys, Malformed, Refused, Unproven
from store import database, events
from store.spool import Spool
from workers.queues import ANSWER, Bell

PROBE_SECONDS = 1.0


@dataclass(frozen=True)
class Receipt:
    status: int
    words: str


class Intake:
    def __init__(self, channels: Mapping[str, ModuleType], keys: Mapping[str, Keys], bell: Bell, spool: Spool | None):
        self.channels, self.keys, self.bell, self.spool = channels, keys, bell, spool
        self._away_until = 0.0  # while the database is away, calls go to the spool without waiting for it

    def accept(self, channel: str, call: Call) -> Receipt:
        trace = token_hex(6)
        with logs.following(trace):
            try:
                self.channels[channel].verify(self.keys[channel], call)
                found = self.channels[channel].parse(call)
            except Refused as error:
                logs.warn("hook.refused", channel=channel, why=str(error))
                return Receipt(401, "not proven genuine")
            except Malformed as error:
                logs.warn("hook.malformed", channel=channel, why=str(error))
                return Receipt(400, str(error))
            except Unproven as error:
                logs.warn("hook.unproven", channel=channel, why=str(error))
                return Receipt(503, "cannot be proven right now")
            if not found:
                return Receipt(200, "nothing for us")
            payload = call.body.decode("utf8")
            now = clock.now()
            facts = [
                events.Fact(channel, one.id, one.kind, one.chat, one.person, one.json(), payload, trace, now)
                for one in found
            ]
            return self._keep(channel, facts)

    def _keep(self, channel: str, facts: Sequence[events.Fact]) -> Receipt:
        began = time.monotonic()
        # What waits in the spool came first; a newer event must not overtake it.
        if self.spool is None or (began >= self._away_until and not self.spool.waiting()):
            try:
                fresh = self.record(facts)
            except SQLAlchemyError as error:
                self._away_until = time.monotonic() + PROBE_SECONDS
                logs.error("database.away", why=type(error).__name__)
            else:
                logs.say("hook.recorded", channel=channel, events=fresh, ms=round((time.monotonic() - began) * 1000, 1))
                return Receipt(200, "recorded" if fresh else "seen before")
        if self.spool is None:
            return Receipt(503, "cannot be recorded right now")
        try:
            self.spool.keep(facts)
        except OSError as error:
            logs.error("spool.failed", channel=channel, why=error.strerror)
            return Receipt(503, "cannot be recorded right now")
        logs.say("hook.spooled", channel=channel)
        return Receipt(200, "recorded")

    def record(self, facts: Sequence[events.Fact]) -> list[int]:
        with database.writing() as session:
            fresh = events.record(session, facts)
        if fresh:
            self.bell.ring(ANSWER)
        return fresh

    def drain_spool(self, stop: threading.Event) -> None:
        """A thread of each web process: brings the spool into the database when it is back."""
        while not stop.wait(PROBE_SECONDS):
            if self.spool is None or not self.spool.waiting():
                continue
            try:
                drained = self.spool.drain(self.record)
            except SQLAlchemyError:
                continue  # still away; accept() has told
            except (OSError, ValueError) as error:
                logs.error("spool.unreadable", why=f"{type(error).__name__}: {error}")
                continue
            if drained:
                logs.say("spool.drained", calls=drained)


