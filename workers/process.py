"""A process that holds leases: its heartbeat, and the signal to stop."""

import os
import signal
import socket
import threading
import time
import uuid
from types import FrameType

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

import logs
import supervised
from store import database, processes, schema

# Others may take our work LOST_SECONDS after our last heartbeat; no call begins that could still be connecting then.
TRUST_SECONDS = processes.LOST_SECONDS - 3.5
MIGRATION_SECONDS = 0.5  # between looks whether the database has been upgraded


def _ticks() -> float:
    """Seconds that go on while the whole machine sleeps, where the system counts them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Process:
    def __init__(self, app: Flask, part: str) -> None:
        self.app, self.part, self.id = app, part, uuid.uuid4().hex
        self.stopping = threading.Event()
        self._beaten_at = float("-inf")
        self.lapses = 0  # how often our leases may have gone to others: what was taken before is not surely ours
        self._beating = threading.Lock()
        self._left = False

    def start(self) -> None:
        """First heartbeat, then one every two seconds from a thread; SIGTERM and Ctrl-C ask for a stop."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        threading.Thread(target=self._beat_on, name="heartbeat", daemon=True).start()
        threading.Thread(target=self._show_life, name="life", daemon=True).start()

    def _show_life(self) -> None:
        """For who started us, and kills what does not move any more: `make run` has made the file, systemd listens.
        Unlike the heartbeat it does not depend on the database, which may stand still because of somebody else."""
        life = self.app.extensions["settings"].data_dir / "lives" / str(os.getpid())
        while (watched := life.exists()) or supervised.listens():
            if watched:
                os.utime(life)
            supervised.beat()
            time.sleep(processes.BEAT_SECONDS)

    def await_migrations(self) -> None:
        """Between the start of a release and its `flask db upgrade` nothing is decided or sent: an event that fails
        for want of a column would end as dead. What comes in meanwhile is recorded, or kept in the spool."""
        told = ""
        while not self.stopping.is_set():
            try:
                with database.reading() as session:
                    if not schema.is_behind(session):
                        return
                why = "run flask db upgrade"
            except SQLAlchemyError as error:
                why = type(error).__name__
            if why != told:
                logs.warn("database.behind", part=self.part, why=why)
            told = why
            self.stopping.wait(MIGRATION_SECONDS)

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        # A handler interrupts the main thread, which may hold the event's own lock just then: another thread sets it.
        threading.Thread(target=self.stopping.set, name="stop").start()

    def _beat_on(self) -> None:
        with self.app.app_context():
            while not self._left:
                self.beat()
                time.sleep(processes.BEAT_SECONDS)

    def beat(self) -> None:
        # The time is taken before the row is written: a process frozen in between trusts itself too little, never
        # too much.
        at = _ticks()
        try:
            with self._beating, database.writing() as session:
                if not self._left:
                    processes.beat(session, self.id, self.part, socket.gethostname(), os.getpid())
        except Exception as error:  # the top of the thread: nobody trusts a process that does not beat
            logs.warn("heartbeat.missed", part=self.part, why=type(error).__name__)
        else:
            if at - self._beaten_at >= TRUST_SECONDS:
                self.lapses += 1  # before the trust comes back
            self._beaten_at = at

    def trusted(self) -> bool:
        """Do leases that are taken now surely hold?"""
        return _ticks() - self._beaten_at < TRUST_SECONDS

    def holds(self, lapses: int) -> bool:
        """Do leases that were taken when `self.lapses` was that number surely hold? A process that was frozen beats
        again before its threads go on, while others have long taken its work."""
        return self.trusted() and self.lapses == lapses

    def leave(self) -> None:
        """Free at once what we still hold; while the database is away that takes until our lease ends."""
        try:
            with self.app.app_context(), self._beating, database.writing() as session:
                self._left = True
                processes.leave(session, self.id)
        except SQLAlchemyError as error:
            logs.warn("heartbeat.left", part=self.part, why=type(error).__name__)
