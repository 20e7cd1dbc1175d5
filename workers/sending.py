"""From a delivery's row to the platform and back: many chats at once, each chat one message after the other."""

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from queue import SimpleQueue
from types import ModuleType

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

import clock
import logs
from channels.contract import Keys, SendError
from channels.http import NotSent
from store import answers, database, deliveries, events
from store.deliveries import Delivery
from workers import subscribing
from workers.calling import TWICE, Caller
from workers.pace import Pace
from workers.process import Process
from workers.queues import CHAT

AT_ONCE = 32  # measured: more threads add little on two cores
MOST_TOGETHER = 64  # results in one transaction
LONGEST_SLEEP = 1.0  # seconds without a look, should no ring be heard
MOST_ATTEMPTS = 200  # with the pauses below some three hours
WEBCHAT = "webchat"
OLD_SERIES = timedelta(minutes=10)


class Sender:
    def __init__(
        self,
        process: Process,
        channels: Mapping[str, ModuleType],
        keys: Mapping[str, Keys],
        pace: Pace,
        tell_relays: Callable[[str], object] = lambda what: None,
    ):
        self.process, self.channels, self.keys, self.pace = process, channels, keys, pace
        self.tell_relays = tell_relays
        self._shown = False  # something was sent that the relays show
        self.caller = Caller(channels, keys, process.id)
        self.bell = threading.Event()
        self._busy: set[int] = set()  # deliveries that our threads work on
        self._lock = threading.Lock()
        self._looks = count()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="send")
        self._results: SimpleQueue[tuple[int, Callable[[Session], object]] | None] = SimpleQueue()

    # --- taking ---

    def run(self) -> None:
        """A thread of the worker: takes what is due until the process stops, then waits for what is in flight."""
        with self.process.app.app_context():
            while not self.process.stopping.is_set():
                try:
                    pause = self._take()
                except SQLAlchemyError as error:
                    logs.warn("deliveries.unreadable", why=type(error).__name__)
                    pause = LONGEST_SLEEP
                except Exception as error:  # the top of the thread: what was taken and not begun is taken again
                    logs.error("deliveries.untaken", exception=error)
                    pause = LONGEST_SLEEP
                if pause > 0:
                    self.bell.wait(pause)
                self.bell.clear()
        self._pool.shutdown(wait=True)
        self._results.put(None)

    def _take(self) -> float:
        """Claim for every free thread; returns for how long nothing more can be done."""
        with self._lock:
            busy = list(self._busy)
        free = AT_ONCE - len(busy)
        if not free or not self.process.trusted():
            return LONGEST_SLEEP  # a finished send rings
        now = clock.now()
        with database.reading() as session:
            lost = deliveries.any_lost(session, self.process.id, busy)
            due, wanted = self._due(session, now)
        if lost:
            with database.writing() as session:
                logs.warn("deliveries.recovered", count=deliveries.recover(session, self.process.id, busy, now))
                due, wanted = self._due(session, now)
        if not wanted:
            # What is due on a channel that this release does not know waits for the one that does.
            ahead = (due - now).total_seconds() if due and due > now else LONGEST_SLEEP
            return max(min(LONGEST_SLEEP, ahead), 0.001)
        return self._claim(wanted, free)

    def _due(self, session: Session, now: datetime) -> tuple[datetime | None, list[str]]:
        """When the next message is due, and the channels on which one is already."""
        due = deliveries.next_due(session)
        return due, deliveries.channels_due(session, list(self.channels), now) if due and due <= now else []

    def _claim(self, wanted: Sequence[str], free: int) -> float:
        """Each look begins with another channel: a flood on one must not keep every thread from the others."""
        lapses = self.process.lapses  # before the claim: a lapse in between counts against it
        first = next(self._looks) % len(wanted)
        granted, waits = {}, [LONGEST_SLEEP]
        for name in [*wanted[first:], *wanted[:first]]:
            granted[name], wait = self.pace.take(name, self.channels[name], free)
            if not granted[name]:
                waits.append(wait)
        taken: list[Delivery] = []
        if any(granted.values()):
            with database.writing() as session:
                at = clock.now()  # only now: the wait for the lock may be long, and a clock can be set back meanwhile
                deliveries.line_up_due(session, at)
                for name, most in granted.items():
                    few = min(most, free - len(taken))
                    taken += deliveries.claim(session, self.process.id, name, few, at) if few else []
                session.expunge_all()
        self._start(taken, lapses)
        for name, most in granted.items():
            unused = most - sum(one.channel == name for one in taken)
            if unused:
                self.pace.give_back(name, unused)
        # Due rows that could not be claimed stand behind one that is being sent: its end rings.
        return max(min(waits), 0.001)

    def _start(self, taken: list[Delivery], lapses: int) -> None:
        for delivery in taken:
            with self._lock:
                self._busy.add(delivery.id)
            self._pool.submit(self._run, delivery, lapses)

    def _run(self, delivery: Delivery, lapses: int) -> None:
        with self.process.app.app_context(), logs.following(delivery.trace):
            try:
                self._send(delivery, partial(self.process.holds, lapses))
            except Exception as error:  # the top of the job: one message's fault must not stop the others
                logs.error("delivery.failed", exception=error, delivery=delivery.id)
                self._failed(delivery, SendError(f"{type(error).__name__} on our side", unclear=True))

    # --- sending ---

    def _send(self, delivery: Delivery, may_send: Callable[[], bool]) -> None:
        channel = self.channels[delivery.channel]
        try:
            wait = self.pace.chat_wait(delivery.channel, channel, delivery.chat)
            if wait > 0:
                self._put_off(delivery, wait, "", attempts=delivery.attempts - 1)
                return
            if delivery.ended:
                self._drop(delivery)
                return
            reason = self._must_not_go(delivery)
            if reason:
                self._cancel(delivery, reason)
                return
            message_id = self.caller.send(delivery, may_send)
        except NotSent:
            self._put_off(delivery, 0, "", attempts=delivery.attempts - 1)
        except SendError as error:
            self._failed(delivery, error)
        else:
            self._sent(delivery, message_id)

    def _must_not_go(self, delivery: Delivery) -> str:
        """Before going on with a series that began a while ago: was the chat closed? No webhook tells of closing."""
        channel = self.channels[delivery.channel]
        if delivery.kind in deliveries.AFTERWARDS:
            with database.reading() as session:
                said = deliveries.of_source(session, delivery.source)
                unsent = [one for one in said if one.kind not in deliveries.AFTERWARDS and one.state != deliveries.SENT]
            return "not every message of the series was sent" if unsent else ""
        if delivery.step == 0 or delivery.answer_id is None or not hasattr(channel, "about_chat"):
            return ""
        with database.reading() as session:
            event = events.get(session, delivery.event_id)
            young = event is None or clock.now() - event.received_at < OLD_SERIES
        if young:
            return ""
        state = channel.about_chat(self.keys[delivery.channel], delivery.chat).state
        return events.ENDS["chat_closed"] if state == "closed" else ""

    def _drop(self, delivery: Delivery) -> None:
        """Its series ended while it was on its way: it is not sent again, but may have arrived."""
        found = self.caller.left_behind(delivery)
        if found is not None:
            self._sent(delivery, found)
            return
        self._write(delivery, lambda session: deliveries.dropped(session, delivery, self.process.id, delivery.ended))

    # --- writing down how it went ---

    def _sent(self, delivery: Delivery, message_id: str) -> None:
        at = clock.now()
        logs.say("delivery.sent", delivery=delivery.id, channel=delivery.channel, attempt=delivery.attempts)
        why = TWICE if delivery.repeated else ""
        self._shown = self._shown or delivery.channel == WEBCHAT
        self._write(delivery, lambda session: deliveries.sent(session, delivery, self.process.id, message_id, at, why))

    def _failed(self, delivery: Delivery, error: SendError) -> None:
        if error.moved_to:
            logs.say("chat.moved", channel=delivery.channel)
            self._write(delivery, lambda session: self._move(session, delivery, error.moved_to))
        elif error.permanent and not error.gone and (delivery.body or {}).get("follows"):
            # Perhaps somebody deleted the message that it follows: by itself it may go.
            logs.warn("delivery.alone", delivery=delivery.id, channel=delivery.channel, why=_status(error))
            body = {name: value for name, value in (delivery.body or {}).items() if name != "follows"}
            self._put_off(delivery, 0, error.reason, body=body)
        elif error.permanent or delivery.attempts >= MOST_ATTEMPTS:
            # That a subscriber blocked us is their right, no trouble of ours.
            (logs.say if error.gone else logs.error)(
                "delivery.dead", delivery=delivery.id, channel=delivery.channel, why=_status(error)
            )
            self._write(delivery, lambda session: self._bury(session, delivery, error))
        elif error.retry_after is not None:
            if error.whole_channel:
                self.pace.pause(delivery.channel, error.retry_after)
            seconds = error.retry_after * random.uniform(1.0, 1.1)
            self._put_off(delivery, seconds, error.reason, attempts=delivery.attempts - 1)
        else:
            seconds = min(2.0 ** min(delivery.attempts - 1, 10), 60.0) * random.uniform(0.5, 1.0)
            logs.warn("delivery.later", delivery=delivery.id, why=_status(error), seconds=round(seconds, 1))
            # A repeat that surely did not arrive was none.
            repeated = delivery.repeated and error.unclear
            unclear = delivery.unclear or error.unclear
            self._put_off(delivery, seconds, error.reason, unclear=unclear, repeated=repeated)

    def _bury(self, session: Session, delivery: Delivery, error: SendError) -> None:
        deliveries.died(session, delivery, self.process.id, error.reason, clock.now())
        if error.gone:
            subscribing.gone(session, delivery.channel, delivery.chat, error.reason)

    def _move(self, session: Session, delivery: Delivery, to: str) -> None:
        if deliveries.put_off(session, delivery, self.process.id, clock.now(), "the chat has another id"):
            subscribing.moved(session, delivery.channel, delivery.chat, to)

    def _put_off(self, delivery: Delivery, seconds: float, reason: str, **values: object) -> None:
        due_at = clock.now() + timedelta(seconds=seconds)
        self._write(
            delivery,
            lambda session: deliveries.put_off(session, delivery, self.process.id, due_at, reason, **values),
        )

    def _cancel(self, delivery: Delivery, reason: str) -> None:
        def cancel(session: Session) -> None:
            if not deliveries.put_off(session, delivery, self.process.id, clock.now(), reason):
                return
            if delivery.kind in deliveries.AFTERWARDS:
                deliveries.cancel(session, delivery.id, reason, clock.now())
            else:
                answers.end_series(session, delivery.channel, delivery.chat, reason, always=True)

        self._write(delivery, cancel)

    def _write(self, delivery: Delivery, change: Callable[[Session], object]) -> None:
        self._results.put((delivery.id, change))

    def run_writing(self) -> None:
        """A thread of the worker: writes results down, those that came meanwhile in one transaction together."""
        with self.process.app.app_context():
            while True:
                batch = [self._results.get()]
                while len(batch) < MOST_TOGETHER and not self._results.empty():
                    batch.append(self._results.get())
                changes = [one for one in batch if one is not None]
                try:
                    shown, self._shown = self._shown, False
                    self._save(changes)
                    if shown:
                        self.tell_relays(CHAT)
                except Exception as error:  # the top of the thread: rows without a result are lost, and recovered
                    logs.error("deliveries.unwritten", exception=error, count=len(changes))
                with self._lock:
                    self._busy -= {id for id, _ in changes}
                self.bell.set()
                if len(changes) < len(batch):
                    return

    def _save(self, changes: Sequence[tuple[int, Callable[[Session], object]]]) -> None:
        """While the database is away the results are kept here; should we die, the chats are read back."""
        while changes:
            try:
                with database.writing() as session:
                    for _, change in changes:
                        change(session)
                return
            except Exception as error:
                if not database.is_away(error):
                    break
                logs.warn("deliveries.unsaved", count=len(changes), why=type(error).__name__)
                if self.process.stopping.wait(0.5):
                    return
        for one in changes:
            self._save_alone(*one)

    def _save_alone(self, id: int, change: Callable[[Session], object]) -> None:
        """One of a batch cannot be written: the others must not suffer for it."""
        try:
            with database.writing() as session:
                change(session)
        except Exception as error:  # its row counts as lost, and is recovered
            logs.error("delivery.unwritten", exception=error, delivery=id)


def _status(error: SendError) -> str:
    """For the log: a platform's own words, which follow the colon, may quote the message; the row keeps them."""
    return error.reason.partition(":")[0]
