"""The one way in: verify, parse, record, ring. Nothing else happens before the caller has its answer."""

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from types import ModuleType

from sqlalchemy.exc import SQLAlchemyError

import clock
import logs
from channels.contract import Call, Inbound, Keys, Malformed, Refused, Unproven
from store import database, events
from store.database import is_away
from store.spool import Spool
from store.standing import Knocks
from workers.queues import ANSWER, Bell

PROBE_SECONDS = 1.0
DRAIN_SECONDS, AWAY_SECONDS = 0.05, 0.25  # between looks at the spool, and at a database that is away
LONGEST_ID = 400  # characters; platforms' ids have some 20 to 100, and an index takes no key of any length


@dataclass(frozen=True)
class Receipt:
    status: int
    words: str


@dataclass
class _Brought:
    """What one thread wants recorded, and how it went."""

    facts: Sequence[events.Fact]
    fresh: list[int] = field(default_factory=list)
    error: Exception | None = None
    done: bool = False


class Intake:
    def __init__(
        self, channels: Mapping[str, ModuleType], keys: Mapping[str, Keys], bell: Bell, spool: Spool, spooling: bool
    ):
        self.channels, self.keys, self.bell = channels, keys, bell
        self.spool = spool if spooling else None
        self._left = spool  # what was acknowledged before SPOOL was turned off is brought in all the same
        self.knocks = Knocks()
        self._brought: deque[_Brought] = deque()
        self._turn = threading.Lock()

    def hears(self, channel: str) -> bool:
        """Some channels only send: mail has no hook."""
        return hasattr(self.channels.get(channel), "verify")

    def accept(self, channel: str, call: Call, keys: Keys | None = None) -> Receipt:
        """`keys`: of whoever calls, where each caller has their own."""
        trace = logs.trace() or token_hex(6)
        with logs.following(trace):
            try:
                found = self._read(channel, call, keys)
            except Refused as error:
                logs.warn("hook.refused", channel=channel, why=str(error))
                self.knocks.refused(channel)
                return Receipt(401, "not proven genuine")
            except Malformed as error:
                logs.warn("hook.malformed", channel=channel, why=str(error))
                return Receipt(400, str(error))
            except Unproven as error:
                logs.warn("hook.unproven", channel=channel, why=str(error))
                return Receipt(503, "cannot be proven right now")
            except Exception as error:  # the top of the request: our fault, so the platform may come again
                logs.error("hook.unreadable", exception=error, channel=channel)
                return Receipt(503, "cannot be read right now")
            if not found:
                return Receipt(200, "nothing for us")
            kept = getattr(self.channels[channel], "kept", None)  # some calls bring what nobody may keep
            payload = kept(call) if kept is not None else call.body.decode("utf8")
            now = clock.now()
            facts = [
                events.Fact(channel, one.id, one.kind, one.chat, one.person, one.json(), payload, trace, now)
                for one in found
            ]
            return self._keep(channel, facts)

    def _read(self, channel: str, call: Call, own: Keys | None) -> list[Inbound]:
        keys = self.keys[channel] if own is None else own
        self.channels[channel].verify(keys, call)
        self.knocks.genuine(channel)
        parse = self.channels[channel].parse
        found: list[Inbound] = parse(call) if own is None else parse(own, call)
        if any(len(id) > LONGEST_ID for one in found for id in (one.id, one.chat, one.person)):
            raise Malformed(f"an id is longer than {LONGEST_ID} characters")
        return found

    def _keep(self, channel: str, facts: Sequence[events.Fact]) -> Receipt:
        began = time.monotonic()
        # What waits in the spool came first; a newer event must not overtake it.
        if self.spool is None or not self.spool.holds_any():
            try:
                fresh = self.record(facts)
            except Exception as error:
                if not is_away(error):
                    logs.error("hook.unwritable", exception=error, channel=channel)
                    return Receipt(503, "cannot be recorded right now")
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
        """Commit the facts, together with those that other threads brought meanwhile: in a rush one transaction keeps
        many calls. Returns the ids of those that are new."""
        mine = _Brought(facts)
        self._brought.append(mine)
        with self._turn:
            if not mine.done:
                self._record_all()
        if mine.error is not None:
            raise mine.error
        if not mine.done:
            raise RuntimeError("the thread that wrote for this one was ended")
        if mine.fresh:
            self.bell.ring(ANSWER)
        return mine.fresh

    def _record_all(self) -> None:
        batch = [self._brought.popleft() for _ in range(len(self._brought))]
        try:
            self._write(batch)
        except Exception as error:
            if len(batch) == 1 or is_away(error):
                for one in batch:
                    one.error = error
            else:
                # Something in one of the calls cannot be written: the others must not suffer for it.
                for one in batch:
                    self._write_alone(one)
        for one in batch:
            one.done = True

    def _write_alone(self, one: "_Brought") -> None:
        try:
            self._write([one])
        except Exception as error:
            one.error = error

    def _write(self, batch: "Sequence[_Brought]") -> None:
        # Two processes that lock the same chats do it in the same order, or PostgreSQL would have to end one of them.
        # A chat's own calls stay in the order they came in.
        ordered = sorted(batch, key=lambda one: min((fact.channel, fact.chat) for fact in one.facts))
        with database.writing() as session:
            fresh = [events.record(session, one.facts) for one in ordered]
        for one, ids in zip(ordered, fresh, strict=True):
            one.fresh = ids

    def drain_spool(self, stop: threading.Event) -> None:
        """A thread of each web process: brings the spool into the database as soon as it is back. What waits there may
        be a manager who wrote, and until it is recorded the chat's messages go on."""
        pause = DRAIN_SECONDS
        while not stop.wait(pause):
            try:
                drained = self._left.drain(self.record, is_away) if self._left.holds_any() else 0
            except SQLAlchemyError as error:
                if pause == DRAIN_SECONDS:
                    logs.warn("spool.waits", why=type(error).__name__)
                pause = AWAY_SECONDS
            except Exception as error:  # the top of the thread: the next look may go well
                logs.error("spool.unreadable", exception=error)
                pause = PROBE_SECONDS
            else:
                if drained:
                    logs.say("spool.drained", calls=drained)
                pause = DRAIN_SECONDS

    def tell_knocks(self, stop: threading.Event) -> None:
        """A thread of each web process: notes refused calls, and that they ended, at most once a second."""
        while not stop.wait(PROBE_SECONDS):
            try:
                self.knocks.tell()
            except Exception as error:  # the top of the thread: they are told a second later
                logs.warn("knocks.untold", why=type(error).__name__)
