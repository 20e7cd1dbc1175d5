"""Asking a platform for what happened, where it cannot call us: one process among all clocks asks, the others wait.

An update comes in by the same door as a call does. Only what is recorded is acknowledged, so nothing is lost when we
are killed in between; what comes twice is known by its id.
"""

import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, Protocol

from sqlalchemy.exc import SQLAlchemyError

import logs
from channels.contract import Call, Keys, SendError
from store import database, ticks
from workers.process import Process

ALWAYS = datetime(9999, 1, 1, tzinfo=UTC)  # this tick is never done: who holds it polls, until it dies
LOOK_SECONDS = 0.5  # between looks whether whoever polls has died
PAUSE, LONGEST_PAUSE = 1.0, 5.0  # after a failure
KEPT = (200, 400)  # recorded, or so broken that it never can be


class Receipt(Protocol):
    @property
    def status(self) -> int: ...


class Door(Protocol):
    """The intake: by it everything comes in."""

    def accept(self, channel: str, call: Call) -> Receipt: ...


class Poller:
    def __init__(self, process: Process, name: str, channel: ModuleType, keys: Keys, door: Door) -> None:
        self.process, self.name, self.channel, self.keys, self.door = process, name, channel, keys, door
        self._told = ""

    def run(self) -> None:
        """A thread of the clock, until the process stops."""
        with self.process.app.app_context():
            while not self.process.stopping.wait(LOOK_SECONDS):
                lapses = self.process.lapses  # before the lease: a lapse in between counts against it
                try:
                    if self.process.trusted() and self._is_ours():
                        self._poll(lapses)
                except SQLAlchemyError as error:
                    self._tell(f"{type(error).__name__}")
                except Exception as error:  # the top of the thread: it goes on with the next look
                    logs.error("updates.failed", exception=error, channel=self.name)

    def _is_ours(self) -> bool:
        schedule = f"poll {self.name}"
        with database.reading() as session:
            if not ticks.is_open(session, schedule, ALWAYS):
                return ticks.holder(session, schedule, ALWAYS) == self.process.id
        with database.writing() as session:
            taken = ticks.take(session, schedule, ALWAYS, self.process.id)
        if taken:
            logs.say("updates.asked_for", channel=self.name)
        return taken

    def _poll(self, lapses: int) -> None:
        """Ask for as long as nobody else may hold the lease."""
        offset: int | None = None
        pause = PAUSE
        while not self.process.stopping.is_set() and self.process.holds(lapses):
            try:
                found = self.channel.updates(self.keys, offset)
            except SendError as error:
                # Another one asks as well, or a webhook is set: that passes, or `mend` and doctor tell of it.
                self._tell(error.reason.partition(":")[0])
                self.process.stopping.wait(error.retry_after or pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                if error.permanent:
                    pause = LONGEST_PAUSE
                continue
            self._tell("")
            pause = PAUSE
            if not self.process.holds(lapses):
                return
            # With nothing new there is nothing to acknowledge: after a quiet week their numbers may begin anew below.
            offset = self._taken(found) if found else None

    def _taken(self, found: list[dict[str, Any]]) -> int | None:
        """Record them, in their order. Returns from where on they are not ours yet."""
        offset = None
        for update in found:
            body = json.dumps(update, ensure_ascii=False).encode("utf8", "replace")
            receipt = self.door.accept(self.name, Call({}, self.channel.proof(self.keys), body))
            if receipt.status not in KEPT:
                break
            number = update.get("update_id")
            if isinstance(number, int):
                offset = number + 1
        if offset is None:  # none was kept: at once it would be the same
            self.process.stopping.wait(PAUSE)
        return offset

    def _tell(self, why: str) -> None:
        if why != self._told:
            (logs.warn if why else logs.say)("updates.unheard" if why else "updates.heard", channel=self.name, why=why)
        self._told = why


def start(process: Process, channels: Mapping[str, ModuleType], keys: Mapping[str, Keys], door: Door) -> None:
    for name, channel in channels.items():
        if hasattr(channel, "polls") and channel.polls(keys[name]):
            poller = Poller(process, name, channel, keys[name], door)
            threading.Thread(target=poller.run, name=f"poll {name}", daemon=True).start()
