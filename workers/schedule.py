"""The clock process: every second it rings for what is due and ends what waited too long. Any number may run."""

import time

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

import channels
import clock
import logs
import reporting
import supervised
from settings import Settings
from store import answers, database, deliveries, errands, events, processes, versions
from workers import due as falls_due
from workers import polling, words
from workers.process import Process
from workers.queues import ANSWER, DELIVER, ERRAND, Bell
from workers.rounds import of_the_house

TICK_SECONDS = 1.0
CHECK_IN_SECONDS = 60.0  # Sentry raises the alarm when none is told for a while
FORGET_SECONDS = 3600.0


def tick(app: Flask, settings: Settings) -> None:
    """Run until SIGTERM."""
    process = Process(app, "clock")
    process.start()
    bell = Bell(settings.redis_url)
    rounds = of_the_house(process, settings, channels.CHANNELS)
    told_at = float("-inf")
    logs.say("clock.ready", id=process.id[:8])
    with app.app_context():
        process.await_migrations()
        polling.start(process, channels.CHANNELS, app.extensions["keys"], app.extensions["intake"])
        supervised.tell("READY=1")
        while not process.stopping.is_set():
            began, fine = time.monotonic(), False
            try:
                sweep(bell, settings)
                rounds.look()
                fine = True
            except SQLAlchemyError as error:
                logs.warn("clock.unreadable", why=type(error).__name__)
            except Exception as error:  # the top of the loop: what is due is due in a second still
                logs.error("clock.failed", exception=error)
            if began - told_at >= CHECK_IN_SECONDS:
                told_at = began
                reporting.check_in("clock", fine)
            process.stopping.wait(max(TICK_SECONDS - (time.monotonic() - began), 0.05))
    rounds.leave()
    process.leave()
    logs.say("clock.stopped")


def sweep(bell: Bell, settings: Settings) -> None:
    """Rows left waiting get a ring: Redis may have lost the first one."""
    now = clock.now()
    with database.reading() as session:
        events_wait = events.any_due(session, now)
        due = deliveries.next_due(session)
        questions = answers.any_expired(session, now)
        errands_wait = errands.any_waiting(session)
        drafts_start = versions.any_starting(session, now)
        something_falls_due = falls_due.any_due(session, now)
    if something_falls_due:
        with database.writing() as session:
            events_wait = bool(events.record(session, falls_due.facts(session, settings, now))) or events_wait
    if events_wait:
        bell.ring(ANSWER)
    if due is not None and due <= now:
        bell.ring(DELIVER)
    if errands_wait:
        bell.ring(ERRAND)
    if drafts_start:
        words.publish_scheduled(now)
    if questions:
        with database.writing() as session:
            logs.say("questions.expired", count=answers.expire_questions(session, now))
    if int(clock.real()) % 60 == 0:
        with database.writing() as session:
            processes.forget_dead(session, FORGET_SECONDS)
