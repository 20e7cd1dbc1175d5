"""Errands: what somebody at the console waits for. A worker claims one at a time and does it in a process of its own,
which makes way for the sending of messages, and can be stopped at any point."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

import clock
import logs
from responses.problems import Invalid, ModuleError
from settings import ROOT
from store import database, errands, versions
from store.errands import Errand
from workers import catalogues, mailing, rehearsal, sheets, watching
from workers.process import Process

LOOK_SECONDS = 1.0
WATCH_SECONDS = 0.25  # how soon a cancelled errand stops
MOST_SECONDS = 900.0
TELL_SECONDS = 0.5
NICENESS = 10  # on a machine with one core, messages come first

Tell = Callable[[int, int], bool]


def _backtest(app: Flask, errand: Errand, tell: Tell) -> dict[str, Any]:
    with database.reading() as session:
        draft = versions.get(session, versions.MODULE, errand.subject, versions.DRAFT)
        live = versions.live_number(session, versions.MODULE, errand.subject)
        last = errand.given["last"]
        found = rehearsal.backtest(session, app.extensions["settings"], errand.subject, last, tell)
        # What was compared: both may have changed since it was asked for.
        return found | {"revision": draft.revision if draft else None, "live": live}


KINDS: dict[str, Callable[[Flask, Errand, Tell], dict[str, Any]]] = {
    "backtest": _backtest,
    sheets.KIND: sheets.read,
    catalogues.KIND: catalogues.errand,
    mailing.KIND: mailing.errand,
    watching.TRY: watching.errand,
}


class Errands:
    def __init__(self, process: Process) -> None:
        self.process = process
        self.bell = threading.Event()

    def run(self) -> None:
        """A thread of the worker: has one errand after the other done until the process stops."""
        with self.process.app.app_context():
            while not self.process.stopping.is_set():
                try:
                    id = self._claim()
                    if id is not None:
                        self._see_done(id)
                        continue
                except SQLAlchemyError as error:
                    logs.warn("errands.unreadable", why=type(error).__name__)
                except Exception as error:  # the top of the thread: the errand is still ours, or free after a while
                    logs.error("errands.failed", exception=error)
                self.bell.wait(LOOK_SECONDS)
                self.bell.clear()

    def _claim(self) -> int | None:
        if not self.process.trusted():
            return None
        with database.reading() as session:
            if not errands.any_waiting(session):
                return None
        with database.writing() as session:
            errand = errands.claim(session, self.process.id, clock.now())
            return errand.id if errand else None

    def _see_done(self, id: int) -> None:
        command = [sys.executable, "-m", "flask", "errand", str(id), self.process.id]
        child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL)
        until = time.monotonic() + MOST_SECONDS
        try:
            while child.poll() is None and self._goes_on(id, until):
                self.process.stopping.wait(WATCH_SECONDS)
        finally:
            if child.poll() is None:
                child.kill()
            code = child.wait()
        stopping = self.process.stopping.is_set()
        with database.writing() as session:
            undone = errands.give_back(session, id, self.process.id, counts=not stopping)
        if undone:
            logs.warn("errand.undone", errand=id, code=code)

    def _goes_on(self, id: int, until: float) -> bool:
        if self.process.stopping.is_set():
            return False
        if time.monotonic() > until:
            with database.writing() as session:
                errands.finish(session, id, self.process.id, errands.FAILED, clock.now(), reason="it took too long")
            return False
        try:
            with database.reading() as session:
                return errands.is_held(session, id, self.process.id)
        except SQLAlchemyError as error:  # the child will see for itself
            logs.warn("errands.unreadable", why=type(error).__name__)
            return True


def do(app: Flask, id: int, owner: str) -> None:
    """The errand's own process: do it, and write down what came of it."""
    os.nice(NICENESS)
    with database.reading() as session:
        errand = errands.for_work(session, id)
    if errand is None:
        return
    state, found, reason = errands.DONE, None, ""
    try:
        found = KINDS[errand.kind](app, errand, _teller(app, id, owner))
    except (ModuleError, Invalid, versions.Nothing) as error:
        state, reason = errands.FAILED, str(error)
    except SQLAlchemyError:
        raise  # the errand goes back, and is tried again
    except Exception as error:  # the top of the errand: whoever waits for it must hear of it
        logs.error("errand.failed", exception=error, errand=id, kind=errand.kind)
        state, reason = errands.FAILED, f"unexpected (errand {id})"
    with database.writing() as session:
        errands.finish(session, id, owner, state, clock.now(), found, reason)


def _teller(app: Flask, id: int, owner: str) -> Tell:
    """Notes how far it is, now and then; says whether to go on."""
    told_at = float("-inf")

    def tell(done: int, total: int) -> bool:
        nonlocal told_at
        if time.monotonic() - told_at < TELL_SECONDS:
            return True
        told_at = time.monotonic()
        with app.app_context(), database.writing() as session:  # a session of its own: the work is reading in another
            return errands.progress(session, id, owner, done, total)

    return tell
