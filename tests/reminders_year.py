"""A simulated year of reminders with clocks that are killed every day, in a process of its own from which the clocks
are forked: `python -m tests.reminders_year DAYS`, in the environment of a house that was set up."""

import json
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, DateTime, bindparam, create_engine, text

from interaction import workdays
from interaction.when import after_quiet, repeat_from
from tests import speaking

SEOUL = ZoneInfo("Asia/Seoul")
BEGIN = datetime(2027, 1, 1, tzinfo=SEOUL)
CLOCKS = 3
PEOPLE = tuple(f"p{number}@example.kr" for number in range(3))
PATIENCE = 60.0
WORDS = (
    ("매일 {hour}:{minute:02} 매일", 4),
    ("평일 {hour}:{minute:02} 평일", 4),
    ("매주 월목 {hour}:{minute:02} 매주", 4),
    ("매월 말일 {hour}:{minute:02} 매월", 3),
    ("매월 31일 {hour}:{minute:02} 매월", 3),
    ("{month}/{day} {hour}:{minute:02} 한번", 6),
)
Row = dict[str, Any]


class Clock:
    """A process that does what the clock does at each moment it is told, and may be killed in the middle of it."""

    def __init__(self, app: Any) -> None:
        forks = multiprocessing.get_context("fork")
        theirs, self.moments = forks.Pipe(duplex=False)
        self.process = forks.Process(target=speaking.look, args=(app, theirs))
        self.process.start()
        theirs.close()

    def look(self, at: datetime) -> None:
        self.moments.send(at)

    def kill(self) -> None:
        self.process.kill()
        self.process.join(10)
        self.moments.close()


def main(days: int) -> None:
    app = speaking.an_app(dict(os.environ))
    chance = random.Random(8)
    # Nothing of the app may have touched the database before the clocks are forked from it.
    engine = create_engine(app.config["SQLALCHEMY_DATABASE_URI"])
    clocks = [Clock(app) for _ in range(CLOCKS)]
    with engine.connect() as connection:
        reminders = rows(connection)
        for day in range(days):
            live_a_day(connection, app, clocks, BEGIN + timedelta(days=day), chance)
        for clock in clocks:
            clock.kill()
        told = Counter(connection.scalars(text("SELECT platform_id FROM events WHERE kind = 'due'")))
    end = BEGIN + timedelta(days=days)
    due = Counter(f"reminder:{id}:{at.astimezone(UTC).isoformat()}" for id, at in expected(reminders, end))
    figures = {"due": due, "sent": told, "doubled": told - due, "missed": due - told}
    print(json.dumps({name: found.total() for name, found in figures.items()}))


def set_up(made: speaking.Company) -> None:
    """What the employees ask for on the first day."""
    chance = random.Random(7)
    for who in PEOPLE:
        if who != PEOPLE[0]:
            made.say(who, f"/알림 조용히 {chance.randrange(20, 24)}:30~{chance.randrange(5, 9)}:00", BEGIN.isoformat())
        for words, count in WORDS:
            for _ in range(count):
                on = date(2027, 1, 2) + timedelta(days=chance.randrange(360))
                at = {"hour": chance.randrange(24), "minute": chance.randrange(60), "month": on.month, "day": on.day}
                made.say(who, f"/알림 {words.format(**at)}", BEGIN.isoformat())


def rows(connection: Connection) -> list[Row]:
    from store.people import Person
    from store.reminders import Reminder

    joined = Reminder.__table__.join(Person.__table__)
    columns = (Reminder.id, Reminder.repeat, Person.quiet_from, Person.quiet_until)
    found = connection.execute(joined.select().with_only_columns(*columns)).mappings().all()
    connection.commit()
    return [dict(row) for row in found]


def expected(reminders: list[Row], end: datetime) -> Iterator[tuple[int, datetime]]:
    """Each due time that is told before the end, reckoned one after the other."""
    for row in reminders:
        repeat, at = repeat_from(row["repeat"]), BEGIN
        while (due := repeat.next_after(at, SEOUL, workdays.is_workday)) is not None and due < end:
            if after_quiet(due.astimezone(SEOUL), row["quiet_from"], row["quiet_until"]) < end:
                yield row["id"], due
            at = due


def live_a_day(connection: Connection, app: Any, clocks: list[Clock], day: datetime, chance: random.Random) -> None:
    """The clocks look every six hours at the very same moment, and one of them is killed somewhere in the day."""
    fatal = chance.randrange(5, 24, 6)
    for hour in range(5, 24, 6):
        at = day + timedelta(hours=hour, minutes=59, seconds=59)
        for clock in clocks:
            clock.look(at)
        if hour == fatal:
            time.sleep(chance.random() * 0.02)  # somewhere in its work
            number = chance.randrange(CLOCKS)
            clocks[number].kill()
            clocks[number] = Clock(app)
            clocks[number].look(at)
        wait_until_told(connection, at)


def wait_until_told(connection: Connection, at: datetime) -> None:
    moment = at.astimezone(UTC)
    moment = moment.replace(tzinfo=None) if connection.dialect.name == "sqlite" else moment
    left = text("SELECT 1 FROM reminders WHERE state = 'on' AND tell_at <= :at LIMIT 1")
    until = time.monotonic() + PATIENCE
    while connection.execute(left.bindparams(bindparam("at", moment, DateTime()))).first() is not None:
        connection.commit()
        if time.monotonic() > until:
            raise SystemExit(f"what is due at {at} was never told")
        time.sleep(0.005)
    connection.commit()


if __name__ == "__main__":
    main(int(sys.argv[1]))
