"""The worker process: decides events, sends deliveries, hears rings."""

import gc
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

import clock
import logs
import supervised
from settings import Settings
from store import database, events
from workers import jobs, watching
from workers.answering import Desk, answer_event
from workers.errands import Errands
from workers.pace import Pace
from workers.process import Process
from workers.queues import ANSWER, DELIVER, ERRAND, Bell, connect, listen
from workers.sending import Sender

DECIDING_AT_ONCE = 8  # few: deciding is computing; a thread waits only while a platform is asked about a customer
FETCHING_AT_ONCE = 4  # pages of watches, which may take ten seconds each: nobody's answer waits behind them
LOOK_SECONDS = 1.0
STOP_SECONDS = 20.0  # a call that is in flight may take so long: connecting, its answer, and writing it down
UNSAVED_SECONDS = 1.0


class Answerer:
    def __init__(self, process: Process, desk: Desk, sender: Sender) -> None:
        self.process, self.desk, self.sender = process, desk, sender
        self.bell = threading.Event()
        self._busy: set[int] = set()
        self._fetching: set[int] = set()  # of these the looks at pages
        self._lock = threading.Lock()
        self._replies_at = 0.0
        self._pool = ThreadPoolExecutor(DECIDING_AT_ONCE, thread_name_prefix="answer")
        self._pages = ThreadPoolExecutor(FETCHING_AT_ONCE, thread_name_prefix="page")

    def run(self) -> None:
        """A thread of the worker: decides what came in until the process stops."""
        with self.process.app.app_context():
            while not self.process.stopping.is_set():
                try:
                    taken = self._take()
                except SQLAlchemyError as error:
                    logs.warn("events.unreadable", why=type(error).__name__)
                    taken = 0
                except Exception as error:  # the top of the thread: what was taken and not begun is taken again
                    logs.error("events.untaken", exception=error)
                    taken = 0
                if not taken:
                    self.bell.wait(LOOK_SECONDS)
                self.bell.clear()
        self._pool.shutdown(wait=True)
        self._pages.shutdown(wait=True, cancel_futures=True)  # what was not begun is taken by others

    def _take(self) -> int:
        with self._lock:
            busy = list(self._busy)
            free = DECIDING_AT_ONCE - len(self._busy - self._fetching)
            without = watching.KIND if len(self._fetching) >= FETCHING_AT_ONCE else ""
        if not free or not self.process.trusted():
            return 0
        now = clock.now()
        with database.reading() as session:
            if not events.any_due(session, now, self.process.id, busy):
                return 0
        with database.writing() as session:
            taken = self._claim(session, busy, free, now, without)
            session.expunge_all()
        for event in taken:
            fetches = event.kind == watching.KIND
            with self._lock:
                self._busy.add(event.id)
                if fetches:
                    self._fetching.add(event.id)
            (self._pages if fetches else self._pool).submit(self._decide, event)
        return len(taken)

    def _claim(self, session: Session, busy: list[int], most: int, now: datetime, without: str) -> list[events.Event]:
        """The oldest first. But every second whoever answers a question of ours passes: a conversation that has begun
        does not wait behind a flood of new ones."""
        taken: list[events.Event] = []
        if time.monotonic() >= self._replies_at:
            self._replies_at = time.monotonic() + LOOK_SECONDS
            taken = events.claim(session, self.process.id, busy, most, now, replies=True)
        busy = busy + [event.id for event in taken]
        return taken + events.claim(session, self.process.id, busy, most - len(taken), now, without=without)

    def _decide(self, event: events.Event) -> None:
        with self.process.app.app_context():
            try:
                answer_event(self.desk, event, self.process.id)
            except Exception as error:  # _take sees that nobody is busy with it and takes it again
                logs.error("event.unsaved", exception=error, event=event.id)
                self.process.stopping.wait(UNSAVED_SECONDS)
            finally:
                with self._lock:
                    self._busy.discard(event.id)
                    self._fetching.discard(event.id)
                self.bell.set()
                self.sender.bell.set()


def _rung(bell: Bell, what: str, own: threading.Event) -> None:
    bell.heard(what)
    own.set()


def work(app: Flask, settings: Settings) -> None:
    """Run until SIGTERM; then finish what is in flight and leave."""
    import channels

    process = Process(app, "worker")
    process.start()
    with app.app_context():
        process.await_migrations()
    keys = app.extensions["keys"]
    bell = Bell(settings.redis_url)
    desk = Desk(channels.CHANNELS, keys, settings.timezone, settings.base_url, settings, bell.tell_relays)
    sender = Sender(process, channels.CHANNELS, keys, Pace(connect(settings.redis_url)), bell.tell_relays)
    answerer = Answerer(process, desk, sender)
    errands = Errands(process)
    for what, own in ((ANSWER, answerer.bell), (DELIVER, sender.bell), (ERRAND, errands.bell)):
        jobs.bells[what] = partial(_rung, bell, what, own)
    threads = [
        threading.Thread(target=answerer.run, name="answering"),
        threading.Thread(target=sender.run, name="sending"),
        threading.Thread(target=sender.run_writing, name="writing"),
        threading.Thread(target=errands.run, name="errands"),
    ]
    listening = threading.Thread(
        target=listen,
        args=(settings.redis_url, process.stopping.is_set, lambda why: logs.warn("redis.away", why=why)),
        name="listening",
        daemon=True,
    )
    # A look for garbage among all that is loaded by now takes as long as a module may compute: spare it that.
    gc.collect()
    gc.freeze()
    for thread in [*threads, listening]:
        thread.start()
    logs.say("worker.ready", id=process.id[:8])
    supervised.tell("READY=1")
    while not process.stopping.wait(LOOK_SECONDS):
        ended = [thread.name for thread in threads if not thread.is_alive()]
        if ended:
            logs.error("worker.maimed", threads=ended)
            os._exit(1)  # alive it would keep its work from the others; whoever started us starts us again
    answerer.bell.set()
    sender.bell.set()
    errands.bell.set()
    until = time.monotonic() + STOP_SECONDS
    for thread in threads:
        thread.join(max(until - time.monotonic(), 0.1))
    unfinished = sum(thread.is_alive() for thread in threads)
    if not unfinished:  # else the heart beats on, so that nobody takes what is still in flight
        process.leave()
    logs.say("worker.stopped", unfinished=unfinished)
