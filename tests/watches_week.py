"""Seven simulated days of a watch's schedule with clocks that are killed every day, in a process of its own from which
the clocks are forked: `python -m tests.watches_week`, in the environment of a house that has the watch."""

import json
import os
import random
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import create_engine, text

from tests import speaking
from tests.reminders_year import CLOCKS, Clock

SEOUL = ZoneInfo("Asia/Seoul")
DAYS = 7
HOURS = (13, 14, 15, 16, 18, 22)
PATIENCE = 30.0


def main(begin: datetime, name: str) -> None:
    app = speaking.an_app(dict(os.environ))
    chance = random.Random(9)
    engine = create_engine(app.config["SQLALCHEMY_DATABASE_URI"])
    clocks = [Clock(app) for _ in range(CLOCKS)]
    slots = [at for day in range(DAYS) for at in of_day(begin + timedelta(days=day))]
    fatal = {slots[day * len(slots) // DAYS + chance.randrange(len(slots) // DAYS)] for day in range(DAYS)}
    ours = text("SELECT platform_id FROM events WHERE kind = 'watch'")
    with engine.connect() as connection:
        for at in slots:
            for clock in clocks:
                clock.look(at)
            if at in fatal:
                time.sleep(chance.random() * 0.02)  # somewhere in its work
                number = chance.randrange(CLOCKS)
                clocks[number].kill()
                clocks[number] = Clock(app)
                clocks[number].look(at)
            until, wanted = time.monotonic() + PATIENCE, f"watch:{name}:{at.astimezone(UTC).isoformat()}"
            while wanted not in connection.scalars(ours).all() and time.monotonic() < until:
                connection.commit()
                time.sleep(0.005)
            connection.commit()
        for clock in clocks:
            clock.kill()
        run = Counter(connection.scalars(ours))
    due = Counter(f"watch:{name}:{at.astimezone(UTC).isoformat()}" for at in slots)
    figures = {"expected": due, "run": run, "doubled": run - due, "missed": due - run}
    print(json.dumps({what: found.total() for what, found in figures.items()} | {"killed": len(fatal)}))


def of_day(day: datetime) -> list[datetime]:
    """Every six minutes from eight to one, and then at these hours: reckoned without a cron line."""
    morning = [day.replace(hour=8) + timedelta(minutes=6 * step) for step in range(50)]
    return morning + [day.replace(hour=hour) for hour in HOURS]


if __name__ == "__main__":
    main(datetime.fromisoformat(sys.argv[1]).astimezone(SEOUL), sys.argv[2])
