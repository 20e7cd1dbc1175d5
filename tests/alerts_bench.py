"""`python -m tests.alerts_bench`: a storm of alarms to many rooms with a worker killed half-way, and one alert to
thousands of subscribers. Prints figures; judges what must never happen: a row missing or doubled, a room that was not
told of an alarm, or told of it twice."""

import argparse
import shutil
import signal
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from tests.house import House, eventually
from tests.rows import connected, table
from tests.torture.database import Postgres

ROOMS = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("storm", "pairs", "fan-out"))
    parser.add_argument("--alarms", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--subscribers", type=int, default=10_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="maru-alerts-"))
    postgres = Postgres(folder / "postgres") if asked.database == "postgresql" else None
    house = House(folder / "house", postgres.new_database("alerts") if postgres else "")
    try:
        house.open(workers=2)
        if asked.only in (None, "storm"):
            storm(house, asked.alarms, asked.seconds)
        if asked.only in (None, "pairs"):
            pairs(house)
        if asked.only in (None, "fan-out"):
            fan_out(house, asked.subscribers)
    finally:
        house.close()
        if postgres:
            postgres.close()
        shutil.rmtree(folder)


def storm(house: House, alarms: int, seconds: float) -> None:
    owner = house.employee("oncall@example.kr", "당직")
    rooms = [house.room(owner, title=f"방 {number}") for number in range(ROOMS)]
    hook = topic_with_hook(house, "storm")
    subscribe(house, "storm", "webex", rooms)
    began = time.monotonic()

    def post(number: int) -> int:
        time.sleep(max(began + seconds * number / alarms - time.monotonic(), 0))
        body = {"topic": "storm", "key": f"k{number}", "title": f"알람-{number:04d}!"}
        return house.http.post(hook, json=body, timeout=60).status_code

    with ThreadPoolExecutor(8) as pool:
        posted = pool.map(post, range(alarms))
        time.sleep(seconds / 2)
        house.kill("worker 1", signal.SIGKILL)
        house.start_worker("worker 3")
        codes = Counter(posted)
    print(
        f"storm: {alarms} alarms in {time.monotonic() - began:.1f} s to {ROOMS} rooms: answers {dict(codes)}",
        flush=True,
    )
    eventually(lambda: counted(house, "happenings") >= alarms, "each alarm is decided", 300)
    print(f"  all decided after {time.monotonic() - began:.1f} s", flush=True)
    eventually(lambda: counted(house, "alert_log") >= alarms * ROOMS, "each alarm has its rows", 300)
    print(f"  all rows after {time.monotonic() - began:.1f} s", flush=True)
    eventually(lambda: not unfinished(house), "all is sent", 300)
    print(f"  all sent after {time.monotonic() - began:.1f} s", flush=True)
    with connected(house) as connection:
        log, out = table(connection, "alert_log"), table(connection, "deliveries")
        rows = connection.execute(select(log.c.happening_id, log.c.chat, log.c.outcome)).all()
        repeated = connection.scalar(select(func.count()).where(out.c.repeated))
        states = Counter(connection.scalars(select(out.c.state)))
    once = Counter((row.happening_id, row.chat) for row in rows)
    missing, doubled = alarms * ROOMS - len(once), sum(count > 1 for count in once.values())
    became = dict(Counter(row.outcome for row in rows))
    print(f"  rows {len(rows)} of {alarms} x {ROOMS}: {missing} missing, {doubled} doubled; {became}")
    print(f"  messages {dict(states)}, of which {repeated} may have arrived twice")
    untold, twice = heard(house, rooms, alarms)
    most = max(len(told(house, room)) for room in rooms)
    print(f"  in the rooms: at most {most} messages; {untold} alarms not read there, {twice} read twice", flush=True)
    assert missing == doubled == untold == 0 and twice <= (repeated or 0) * alarms
    assert codes == {200: alarms}


def heard(house: House, rooms: list[str], alarms: int) -> tuple[int, int]:
    untold = twice = 0
    for room in rooms:
        said = " ".join(told(house, room))
        times = Counter(said.count(f"알람-{number:04d}!") for number in range(alarms))
        listed = sum(int(part.split("건")[0]) for part in said.split("그 밖에 ")[1:])
        untold += max(times[0] - listed, 0)
        twice += sum(count for found, count in times.items() if found > 1)
    return untold, twice


def told(house: House, room: str) -> list[str]:
    found: list[dict[str, Any]] = house.control("webex/rooms")["rooms"][room]["messages"]
    return [one["text"] for one in found if one["bot"]]


def pairs(house: House, count: int = 400, keys: int = 40) -> None:
    """Alarms that end within seconds, in bundles of one second: an end whose beginning was told is told, too."""
    hook = topic_with_hook(house, "pairs")
    house.flask("topics", "set", "pairs", "--group-seconds", "1")
    subscribe(house, "pairs", "email", [f"pairs{number}@example.kr" for number in range(3)])
    began = time.monotonic()

    def post(number: int) -> None:
        time.sleep(max(began + number * 0.05 - time.monotonic(), 0))
        state = "resolved" if number // keys % 2 else "firing"
        body = {"topic": "pairs", "key": f"k{number % keys}", "title": f"알람-{number}", "state": state}
        house.http.post(hook, json=body, timeout=60)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(post, range(count)))
    eventually(lambda: untold(house, "pairs") == 0, "all is told", 120)
    with connected(house) as connection:
        log, made = table(connection, "alert_log"), table(connection, "happenings")
        became = Counter(connection.scalars(select(log.c.outcome).where(log.c.topic == "pairs")))
        happened = connection.scalar(select(func.count()).where(made.c.topic == "pairs"))
    seconds = time.monotonic() - began
    print(f"pairs: {count} alarms and ends in {seconds:.1f} s: {dict(became)}", flush=True)
    assert became.total() == 3 * (happened or 0) == 3 * count and not became["untold"]


def untold(house: House, topic: str) -> int:
    with connected(house) as connection:
        events, made = table(connection, "events"), table(connection, "happenings")
        waiting = select(func.count()).where(made.c.topic == topic, made.c.state != "told")
        undecided = select(func.count()).where(events.c.channel == "alert", events.c.state == "new")
        return int(connection.scalar(waiting) or 0) + int(connection.scalar(undecided) or 0)


def fan_out(house: House, count: int) -> None:
    hook = topic_with_hook(house, "many")
    subscribe(house, "many", "email", [f"{number}@example.kr" for number in range(count)])
    before = counted(house, "alert_log")
    began = time.monotonic()
    house.http.post(hook, json={"topic": "many", "title": "새 소식"}, timeout=60)
    slowest = 0.0
    while counted(house, "alert_log") < before + count:
        asked = time.monotonic()
        assert house.hook({"event": "none"}).status_code in (200, 400)
        slowest = max(slowest, time.monotonic() - asked)
        time.sleep(0.05)
    seconds = time.monotonic() - began
    print(
        f"fan-out: {count} rows and messages in {seconds:.1f} s; the slowest webhook meanwhile took {slowest:.2f} s",
        flush=True,
    )


def topic_with_hook(house: House, name: str) -> str:
    house.flask("topics", "add", name)
    return str(house.flask("hooks", "add", name, "--topics", name)["url"])


def subscribe(house: House, topic: str, channel: str, chats: list[str]) -> None:
    row = {"topic": topic, "channel": channel, "person": "", "since": datetime.now(UTC), "severity": ""}
    with connected(house) as connection:
        connection.execute(table(connection, "subscribers").insert(), [{**row, "chat": chat} for chat in chats])


def counted(house: House, name: str) -> int:
    with connected(house) as connection:
        return int(connection.scalar(select(func.count()).select_from(table(connection, name))) or 0)


def unfinished(house: House) -> int:
    with connected(house) as connection:
        out = table(connection, "deliveries")
        return int(connection.scalar(select(func.count()).where(out.c.state.in_(("waiting", "sending")))) or 0)


if __name__ == "__main__":
    main()
