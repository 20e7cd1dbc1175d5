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
from store import database, processes

# Others may take our work LOST_SECONDS after our last heartbeat; we stop calling out well before that.
TRUST_SECONDS = processes.LOST_SECONDS - 2.0


class Process:
    def __init__(self, app: Flask, part: str) -> None:
        self.app, self.part, self.id = app, part, uuid.uuid4().hex
        self.stopping = threading.Event()
        self._beaten_at = float("-inf")

    def start(self) -> None:
        """First heartbeat, then one every two seconds from a thread; SIGTERM and Ctrl-C ask for a stop."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        threading.Thread(target=self._beat_on, name="heartbeat", daemon=True).start()

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self.stopping.set()

    def _beat_on(self) -> None:
        with self.app.app_context():
            while True:
                self.beat()
                time.sleep(processes.BEAT_SECONDS)

    def beat(self) -> None:
        # The time is taken before the row is written: a process frozen in between trusts itself too little, never
        # too much.
        at = time.monotonic()
        try:
            with database.writing() as session:
                processes.beat(session, self.id, self.part, socket.gethostname(), os.getpid())
        except SQLAlchemyError as error:
            logs.warn("heartbeat.missed", part=self.part, why=type(error).__name__)
        else:
            self._beaten_at = at

    def trusted(self) -> bool:
        """Do our leases surely hold?"""
        return time.monotonic() - self._beaten_at < TRUST_SECONDS

    def leave(self) -> None:
        """Free at once what we still hold."""
        with self.app.app_context(), database.writing() as session:
            processes.leave(session, self.id)
