"""`make bench`: what a customer waits, what a crowd takes, what a flood does to those who came before it, and what a
killed worker costs. Prints figures, judges only what must never happen (lost, doubled, out of order).

`--only day`: what each process and the database hold at rest, after a day of a shop, and after a second one."""

import argparse
import http.client
import json
import random
import shutil
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psutil
import requests
from sqlalchemy import func, select, text

from tests.alerts_bench import subscribe, topic_with_hook
from tests.asked_bots import AskedBots, Askers
from tests.browsing import Person
from tests.house import SURVEY, House, eventually
from tests.rows import connected, table
from tests.talking_bots import new_bot
from tests.test_intake_hooks import opened
from tests.torture.database import Postgres

TEN = "module: ten\ntitle: ten\norder: 1\nstarts:\n  - on: chat_opened\n    tags: [bench]\nmessages:\n" + "".join(
    f'  - text: "{number}번째"\n    wait: 0\n' for number in range(1, 11)
)
EXPECTED = [f"{number}번째" for number in range(1, 11)]
ONE = "module: one\ntitle: one\norder: 1\nstarts:\n  - on: chat_opened\n    tags: [flood]\nmessages:\n  - text: 하나\n"
BEATS = ONE.replace("one", "beats").replace("flood", "beats") + "  - {text: 다음, wait: 1}\n" * 59
CONNECTIONS = 24  # of the flood
MOST_TAKEN = 600  # hooks a second that two web processes can take here; more customers need not be made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("latency", "crowd", "flood", "kills", "day"))
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--flood", type=int, default=10, help="seconds")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--chats", type=int, default=10_000, help="of a day")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="maru-bench-"))
    postgres = Postgres(folder / "postgres") if asked.database == "postgresql" else None
    house = House(folder / "house", postgres.new_database("bench") if postgres else "", WORKERS="2")
    is_day = asked.only == "day"
    if is_day:
        house.warm = False  # else its processes share what they have imported
        house.env["WEB_CONCURRENCY"] = "2"
    try:
        house.open(workers=2, relays=is_day)
        if is_day:
            return days(house, folder, asked.chats)
        for module in (TEN, ONE, BEATS):
            house.module(module)
        for name, run in (("latency", latency), ("crowd", crowd)):
            if asked.only in (None, name):
                run(house)
        if asked.only in (None, "flood"):
            flood(house, asked.flood)
        if asked.only in (None, "kills"):
            kills(house, asked.kills, random.Random(asked.seed))
    finally:
        house.close()
        if postgres:
            postgres.close()
        shutil.rmtree(folder)


def latency(house: House, count: int = 200) -> None:
    """One customer after the other opens a chat; from the webhook's arrival to the first message."""
    took = []
    for _ in range(count):
        chat = house.open_chat(SURVEY, tags=["bench"])
        house.wait(chat, 10)
        took.append(_first_message_ms(house, chat))
    took.sort()
    print(f"webhook sent -> first message posted, {count} customers: ", end="")
    print(f"median {statistics.median(took):.0f} ms, p95 {took[int(count * 0.95)]:.0f} ms, max {took[-1]:.0f} ms")


def _first_message_ms(house: House, chat: str) -> float:
    record = house.control("record")
    opened = min(hook["at"] for hook in record["webhooks"] if hook["chat"] == chat)
    first = min(message["at"] for message in house.bot_messages(chat))
    house.control("reset", {})
    return float(first - opened)


def crowd(house: House, count: int = 300) -> None:
    """Everybody opens a chat within a second, ten messages each."""
    house.control("reset", {})
    began = time.monotonic()
    chats = house.control("crowd", {"n": count, "profile": SURVEY, "tags": ["bench"]})["chats"]
    house.control(f"wait?messages={count * 10}&timeout=300")
    took = time.monotonic() - began
    record = house.control("record")
    slowest = max(hook["ms"] for hook in record["webhooks"])
    opened = [hook["ms"] for hook in record["webhooks"] if hook["kind"] == "opened"]
    wrong = _judge(house, chats)
    print(f"{count} customers at once, ten messages each: {took:.1f} s, {count * 10 / took:.0f} messages/s;", end=" ")
    print(f"longest answer to an opened hook {max(opened):.0f} ms, to any hook {slowest:.0f} ms; {wrong}")


def flood(house: House, seconds: int) -> None:
    """One worker gets ten times what it keeps up with, while an old chat is told something every second."""
    house.kill("worker 2", signal.SIGTERM)
    rate = _sustained(house)
    print(f"one worker, one message each: {rate:.0f} customers/s;", end=" ", flush=True)
    with ThreadPoolExecutor(8) as pool:
        count = int(min(rate * 10, MOST_TAKEN) * seconds)
        chats = list(pool.map(lambda _: house.customer(SURVEY, tags=["flood"]), range(count)))
    old = house.open_chat(SURVEY, tags=["beats"])
    house.wait(old, 1)
    began = time.monotonic()
    took = sorted(_offer(house, chats, rate * 10, seconds))
    offered = time.monotonic() - began
    print(f"{len(took)} hooks in {offered:.0f} s, p50 {took[len(took) // 2] * 1000:.0f} ms,", end=" ")
    print(f"p99 {took[int(len(took) * 0.99)] * 1000:.0f} ms, all 200; {_waiting(house)} wait;", end=" ", flush=True)
    at = [message["at"] for message in house.wait(old, 60, patience=300)]
    late = max(after - before for before, after in zip(at, at[1:], strict=False)) - 1000
    print(f"the old chat's latest message: {late:.0f} ms late;", end=" ", flush=True)
    eventually(lambda: not _waiting(house), "the flood is worked off", len(took) / rate * 5 + 60)
    print(f"worked off after {time.monotonic() - began:.0f} s;", _judge(house, chats[: len(took)], ["하나"]))
    house.start_worker("worker 2")


def _sustained(house: House, count: int = 1000) -> float:
    """Customers per second that are answered, once there are more than that."""
    house.control("reset", {})
    began = time.monotonic()
    house.control("crowd", {"n": count, "profile": SURVEY, "tags": ["flood"]})
    house.control(f"wait?messages={count}&timeout=300")
    return count / (time.monotonic() - began)


def _offer(house: House, chats: Sequence[str], rate: float, seconds: float) -> list[float]:
    """Post a hook for each chat, in their order, at this rate or as fast as they are taken. Returns what each took."""
    turn, began, next_chat = threading.Lock(), time.monotonic(), iter(enumerate(chats))

    def post(_: int) -> Iterator[float]:
        wire = http.client.HTTPConnection("127.0.0.1", house.port, timeout=60)
        path = f"/hooks/channeltalk?token={house.tokens[0]}"
        while time.monotonic() < began + seconds:
            with turn:
                place, chat = next(next_chat, (0, ""))
            if not chat:
                return
            time.sleep(max(began + place / rate - time.monotonic(), 0))
            body = json.dumps(opened(chat, tags=["flood"]))
            asked = time.monotonic()
            wire.request("POST", path, body.encode(), {"Content-Type": "application/json"})
            answer = wire.getresponse()
            assert (answer.status, answer.read()) == (200, b"recorded\n")
            yield time.monotonic() - asked

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return [one for found in pool.map(lambda number: list(post(number)), range(CONNECTIONS)) for one in found]


def days(house: House, folder: Path, chats: int) -> None:
    """Two equal ones, so that what grows without end is seen."""
    keys = [new_bot(house)[1] for _ in range(2)]
    bots = AskedBots(folder, f"ws://127.0.0.1:{house.relay_port}", keys, 2, house.env)
    hook = topic_with_hook(house, "ops")
    subscribe(house, "ops", "webex", [house.room(house.employee("oncall@example.kr", "당직"))])
    http = Person(house, "admin").session()
    try:
        time.sleep(15)
        found, sizes = [memory(house)], [database_size(house)]
        for number in (1, 2):
            began, over = time.monotonic(), threading.Event()
            askers = Askers(house.sandbox_url, bots.commands, 4, 0.25)
            with ThreadPoolExecutor(1) as staff:
                looking = staff.submit(_look_and_alert, house, http, hook, over)
                open_chats(house, chats)
                over.set()
                looked = looking.result()
            print(f"day {number}: {chats} chats in {time.monotonic() - began:.0f} s, {looked} pages; {askers.judged()}")
            eventually(lambda: not _waiting(house), "all is said", 120)
            house.control("reset", {})
            time.sleep(15)
            found.append(memory(house))
            sizes.append(database_size(house))
            print(f"  {(sizes[-1] - sizes[-2]) / chats / 1024:.1f} KiB of the database for each chat", flush=True)
    finally:
        bots.close()
    for name in found[0]:
        print(f"  {name:10}", *(f"{one.get(name, 0):6.1f} MiB" for one in found))
    print(f"  {'together':10}", *(f"{sum(one.values()):6.1f} MiB" for one in found))
    for name, (rows, size) in sorted(table_sizes(house).items(), key=lambda one: -one[1][1])[:6]:
        print(f"  {name}: {rows} rows, {size / max(rows, 1) / 1024:.2f} KiB each with its indexes")


def open_chats(house: House, count: int, at_once: int = 100) -> None:
    """As quickly as they are answered; every fourth customer says thanks."""
    wanted, _ = _answered_and_late(house)
    for opened_already in range(0, count, at_once):
        asked = {"n": at_once, "profile": SURVEY, "tags": ["설문완료"]}
        for chat in house.control("crowd", asked)["chats"][::4]:
            house.say(chat, "감사합니다")
        wanted += at_once

        def nearly_done(wanted: int = wanted) -> bool:
            answered, late = _answered_and_late(house)
            return wanted - answered + late < 2 * at_once

        eventually(nearly_done, "most of what is due is said", 120)
        if opened_already % 500 == 400:
            print("  ", {name: round(mib) for name, mib in memory(house).items()}, flush=True)


def _answered_and_late(house: House) -> tuple[int, int]:
    """Answers so far, and messages whose time has come."""
    with connected(house) as connection:
        made, rows = table(connection, "answers"), table(connection, "deliveries")
        now = datetime.now(UTC).replace(tzinfo=None if connection.dialect.name == "sqlite" else UTC)
        due = select(func.count()).where(rows.c.state.in_(("waiting", "sending")), rows.c.due_at < now)
        answered = connection.scalar(select(func.count()).select_from(made))
        return int(answered or 0), int(connection.scalar(due) or 0)


def _look_and_alert(house: House, http: requests.Session, hook: str, over: threading.Event) -> int:
    """Staff look at a page a second; now and then something is wrong, and then in order again."""
    looked = 0
    while not over.wait(1.0):
        for page in ("today", "chats", "responses/diet", "alerts", "health")[looked % 5 :][:1]:
            http.get(f"{house.url}/console/{page}", timeout=60).raise_for_status()
        if looked % 20 in (0, 10):
            state = "resolved" if looked % 20 else "firing"
            told = {"topic": "ops", "key": f"k{looked // 20}", "title": "디스크", "state": state}
            requests.post(hook, json=told, timeout=60).raise_for_status()
        looked += 1
    return looked


def memory(house: House) -> dict[str, float]:
    """MiB of each process that is ours alone (PSS: what is shared counts in parts)."""
    found = {}
    for name, process in house.processes.items():
        if name != "sandbox":
            own = psutil.Process(process.pid)
            for number, one in enumerate([own, *sorted(own.children(recursive=True), key=lambda one: one.pid)]):
                found[f"{name} .{number}" if number else name] = one.memory_full_info().pss / 2**20
    return found


def database_size(house: House) -> int:
    with connected(house) as connection:
        if connection.dialect.name == "postgresql":
            return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar() or 0)
        pragmas = ("page_count", "freelist_count", "page_size")
        pages, free, size = (int(connection.exec_driver_sql(f"PRAGMA {one}").scalar() or 0) for one in pragmas)
        return (pages - free) * size


TABLE_SIZES = {
    "sqlite": "SELECT m.tbl_name, sum(d.pgsize) FROM dbstat d JOIN sqlite_master m ON m.name = d.name GROUP BY 1",
    "postgresql": "SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables",
}


def table_sizes(house: House) -> dict[str, tuple[int, int]]:
    """Rows and bytes of each table."""
    with connected(house) as connection:
        sizes = connection.exec_driver_sql(TABLE_SIZES[connection.dialect.name]).all()
        counts = {name: connection.scalar(select(func.count()).select_from(text(f'"{name}"'))) for name, _ in sizes}
        return {name: (int(counts[name] or 0), int(size)) for name, size in sizes}


def _waiting(house: House) -> int:
    """What is not finished yet, by our own rows; whether it arrived is judged by the sandbox's record."""
    with connected(house) as connection:
        events = "(SELECT count(*) FROM events WHERE state = 'new')"
        messages = "(SELECT count(*) FROM deliveries WHERE state IN ('waiting', 'sending'))"
        return int(connection.exec_driver_sql(f"SELECT {events} + {messages}").scalar() or 0)


def kills(house: House, count: int, dice: random.Random) -> None:
    """`kill -9` of a worker at random moments while crowds are answered."""
    house.control("reset", {})
    chats: list[str] = []
    over = threading.Event()
    killer = threading.Thread(target=_kill_now_and_then, args=(house, count, dice, over))
    began = time.monotonic()
    killer.start()
    while killer.is_alive():
        chats += house.control("crowd", {"n": 20, "profile": SURVEY, "tags": ["bench"]})["chats"]
        over.wait(1.5)
    killer.join()
    eventually(lambda: _all_told(house, chats), "every customer has ten messages", 120)
    print(f"{count} x kill -9 of a worker, {len(chats)} customers: {time.monotonic() - began:.0f} s;", end=" ")
    print(_judge(house, chats))


def _kill_now_and_then(house: House, count: int, dice: random.Random, over: threading.Event) -> None:
    for _ in range(count):
        over.wait(dice.uniform(0.2, 1.2))
        name = dice.choice(("worker 1", "worker 2"))
        house.kill(name)
        house.start_worker(name)
    over.set()


def _all_told(house: House, chats: Sequence[str]) -> bool:
    kept = house.control("record")["chats"]
    return all(sum(one["personType"] == "bot" for one in kept[chat]["messages"]) >= 10 for chat in chats)


def _judge(house: House, chats: Sequence[str], expected: Sequence[str] = EXPECTED) -> str:
    """Reads only the sandbox's record."""
    kept = house.control("record")["chats"]
    lost = doubled = disordered = 0
    for chat in chats:
        told = [one["plainText"] for one in kept[chat]["messages"] if one["personType"] == "bot"]
        lost += len(set(expected) - set(told))
        doubled += len(told) - len(set(told))
        disordered += list(dict.fromkeys(told)) != [text for text in expected if text in told]
    assert not (lost or doubled or disordered), f"lost {lost}, doubled {doubled}, out of order {disordered}"
    return "0 lost, 0 doubled, 0 out of order"


if __name__ == "__main__":
    main()
