"""`python -m tests.backtest_bench`: how long a backtest of `diet` takes over surveys of many customers who answered.

Fills a house of its own (or the set-up DATA_DIR that is named) with answers, changes two texts and a number in the
draft, and prints seconds.
"""

import argparse
import gc
import os
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from tests.house import SURVEY, House

BATCH = 500
MODULE = "diet"
GOALS = ("5kg 이상 감량", "5kg 미만 감량", "체중 유지", "체중 증량")
ACTIVITY = (
    "매우 적음 (거의 운동 안 함)",
    "적음 (주 1-2회 운동)",
    "보통 (주 3-4회 운동)",
    "많음 (주 5회 이상 운동)",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data-dir", type=Path, help="fill this one, which is set up, and keep it")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="maru-bench-") as folder:
        if asked.data_dir is None:
            house = House(Path(folder))
            house.set_up()
            house.close()
            os.environ.update(house.env)
        else:
            os.environ.update({"DATA_DIR": str(asked.data_dir), "FLASK_RUN_FROM_CLI": "true"})
            os.environ.setdefault("SECRET_KEY", "0" * 64)
        _measure(asked.customers, asked.seed)


def _measure(customers: int, seed: int) -> None:
    from app import create_app
    from store import database, versions
    from workers import rehearsal

    app = create_app()
    with app.app_context():
        fill(customers, random.Random(seed))
        with database.writing() as session:
            live = versions.live_version(session, versions.MODULE, MODULE)
            assert live is not None
            versions.save_draft(session, versions.MODULE, MODULE, changed(live.content), live.saved_at)
        for most in (1_000, customers):
            began, cpu = time.monotonic(), time.process_time()
            with database.reading() as session:
                found = rehearsal.backtest(session, app.extensions["settings"], MODULE, most)
            took, cpu = time.monotonic() - began, time.process_time() - cpu
            figures = {name: found[name] for name in ("surveys", "same", "changed", "failed")}
            print(f"{most} surveys: {took:.2f} s ({cpu:.2f} s of CPU), {figures}, {len(found['groups'])} causes")


def changed(content: str) -> str:
    """What staff do: another greeting, another rule for some."""
    greeting, bmi = "보내 주신 설문을 꼼꼼히 읽어 봤어요.", "bmi >= 23 and bmi < 25"
    assert greeting in content and bmi in content
    return content.replace(greeting, "보내 주신 설문 잘 읽었어요{{ '!' if age < 40 else '.' }}").replace(
        bmi, "bmi >= 23 and bmi < 24.5"
    )


def fill(customers: int, dice: random.Random) -> None:
    """Answers as the worker keeps them, traces and all."""
    import clock
    from store import database

    gc.disable()  # its pauses would count as a module's computing
    now = clock.now()
    rows = _answers(customers, dice, now)
    for _ in range(0, customers, BATCH):
        with database.writing() as session:
            session.add_all(islice(rows, BATCH))
    gc.enable()
    database.empty_journal()


def _answers(customers: int, dice: random.Random, now: datetime) -> Iterator[Any]:
    from flask import current_app

    from curation import answer as curation
    from curation.plain import plain
    from store import answers, database, versions
    from workers import words

    settings = current_app.extensions["settings"]
    with database.reading() as session:
        numbers = versions.live(session, versions.TABLE)
        tables = {name: words.table_version(session, name, number) for name, number in numbers.items()}
        number = versions.live_number(session, versions.MODULE, MODULE)
        module = words.module_version(session, MODULE, number or 1)
    for place in range(customers):
        received, at = _survey(dice), now - timedelta(minutes=customers - place)
        person, chat = f"bench-{dice.getrandbits(64):x}", f"bench-{dice.getrandbits(64):x}"
        context = {"customer": {"id": person, "name": received["name"]}, "chat": {"id": chat, "tags": [], "bots": []}}
        found = curation.answer(
            module,
            received,
            tables=tables.get,
            now=at.astimezone(settings.timezone),
            customer=context["customer"],
            chat=context["chat"],
            channel="channeltalk",
            version=number,
            site=settings.base_url,
        )
        yield answers.Answer(
            event_id=-1 - dice.getrandbits(40),
            module=MODULE,
            version=number,
            tables=dict(numbers),
            channel="channeltalk",
            chat=chat,
            person=person,
            received=received,
            context=context,
            now=at,
            values=plain(found.values),
            missing=found.missing,
            answer_trace=found.trace,
            state=answers.ENDED,
        )


def _survey(dice: random.Random) -> dict[str, Any]:
    """One in thirty forgot something."""
    given = dict(SURVEY)
    given |= {"name": f"고객{dice.randrange(10**6)}", "height": dice.randint(145, 195), "age": dice.randint(16, 75)}
    given |= {
        "weight": round(dice.uniform(40, 120), 1),
        "goal": dice.choice(GOALS),
        "sex": dice.choice(("여성", "남성")),
    }
    given |= {"activation": dice.choice(ACTIVITY), "number_dining": f"{dice.randint(1, 4)}회"}
    if dice.random() < 1 / 30:
        del given[dice.choice(("height", "weight", "goal"))]
    return given


if __name__ == "__main__":
    main()
