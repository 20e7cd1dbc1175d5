"""`python -m tests.alarms_bench`: a storm of CloudWatch alarms to many spaces of Google Chat, a worker killed half-way.
Prints the time to drain and the rates; judges what must never happen: an alarm of which a space has no row, or two; a
message twice; more than a space may take."""

import argparse
import shutil
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from tests.house import House, eventually
from tests.rows import connected, table
from tests.torture.database import Postgres

A_MINUTE = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alarms", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--spaces", type=int, default=40)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="maru-alarms-"))
    postgres = Postgres(folder / "postgres") if asked.database == "postgresql" else None
    house = House(folder / "house", postgres.new_database("alarms") if postgres else "")
    try:
        house.open(workers=2)
        run(house, asked.alarms, asked.seconds, asked.spaces)
    finally:
        house.close()
        if postgres:
            postgres.close()
        shutil.rmtree(folder)


def run(house: House, count: int, seconds: float, spaces: int) -> None:
    made = [
        str(house.control("google_chat/spaces", {"title": f"당직 {n}", "members": [f"p{n}@example.com"]})["space"])
        for n in range(spaces)
    ]
    for space in made:
        house.cards(space, 1)
    house.control("sns/settings", {"retry_seconds": 0.5})
    house.control("sns/subscribe", {})
    began = time.monotonic()
    house.control("sns/storm", {"count": count, "seconds": seconds, "name": "storm"})
    killer = threading.Timer(seconds / 2, lambda: (house.kill("worker 1"), house.start_worker("worker 3")))
    killer.start()
    eventually(lambda: log_rows(house) == count * spaces, f"{count * spaces} rows are in the log", 240)
    decided = time.monotonic() - began
    eventually(lambda: unsent(house) == 0, "everything is sent", 240)
    print(f"{count} alarms in {seconds:g} s to {spaces} spaces, a worker killed after {seconds / 2:g} s")
    print(f"{count * spaces} rows after {decided:.1f} s, all sent after {time.monotonic() - began:.1f} s")
    killer.join()
    judge(house, made, count)


def log_rows(house: House) -> int:
    with connected(house) as connection:
        return int(connection.execute(select(func.count()).select_from(table(connection, "alert_log"))).scalar_one())


def unsent(house: House) -> int:
    with connected(house) as connection:
        rows = table(connection, "deliveries")
        open_ones = rows.c.state.in_(("waiting", "sending"))
        waits = int(connection.execute(select(func.count()).where(open_ones)).scalar_one())
        bundles = table(connection, "happenings")
        return waits + int(connection.execute(select(func.count()).where(bundles.c.state != "told")).scalar_one())


def judge(house: House, spaces: list[str], count: int) -> None:
    with connected(house) as connection:
        log = table(connection, "alert_log")
        rows = Counter(tuple(row) for row in connection.execute(select(log.c.alert_id, log.c.chat)))
        outcomes = Counter(connection.scalars(select(log.c.outcome)))
    shown: dict[str, Any] = house.control("google_chat/spaces")["spaces"]
    ids = Counter(one["request_id"] for space in spaces for one in shown[space]["messages"])
    calls = house.control("record")["requests"]
    writes = [(one["chat"], one["at"]) for one in calls if one["chat"] in spaces and one["status"] == 200]
    limited = sum(one["status"] == 429 for one in calls)
    busiest = max(
        sum(space == other and at <= later < at + A_MINUTE * 1000 for other, later in writes) for space, at in writes
    )
    per_space = Counter(len(shown[space]["messages"]) for space in spaces)
    print(f"outcomes {dict(outcomes)}; messages in a space {dict(per_space)}; {limited} calls refused for the rate")
    print(f"busiest minute of a space {busiest} writes; rows doubled {sum(n > 1 for n in rows.values())}")
    assert len(rows) == count * len(spaces) and set(rows.values()) == {1}
    assert set(ids.values()) == {1}
    assert busiest <= A_MINUTE


if __name__ == "__main__":
    main()
