"""Acknowledged means kept, and once: real kills of real processes, on both databases."""

import os
import random
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.house import SURVEY, House, eventually
from tests.test_delivery_series import series
from tests.test_intake_hooks import opened

Build = Callable[..., House]
FIVE = "".join(f"  - {{text: '{number}번째', wait: 0}}\n" for number in range(1, 6))


def test_a_killed_worker_s_customers_are_told_once_by_another(build: Build) -> None:
    house = build(workers=2)
    tag = series(house, FIVE)
    dice = random.Random(7)
    house.faults({"do": "slow", "seconds": 0.2, "match": {"method": "POST", "probability": 0.3, "seed": 7}})
    chats: list[str] = []
    for _ in range(3):
        body = {"n": 8, "profile": {**SURVEY, "wish": "감량"}, "tags": [tag]}
        chats += house.control("crowd", body)["chats"]
        threading.Event().wait(dice.uniform(0.1, 0.6))
        name = dice.choice(("worker 1", "worker 2"))
        house.kill(name)
        house.start_worker(name)
    wanted = [f"{number}번째" for number in range(1, 6)]
    for chat in chats:
        house.wait(chat, 5)
    eventually(lambda: not house.flask("deliveries", "list", "--state", "sending"), "nothing is in flight")
    assert [house.told(chat) for chat in chats] == [wanted] * len(chats)


def writable(house: House) -> bool:
    if "DATABASE_URL" in house.env:
        return True
    try:
        with closing(sqlite3.connect(house.folder / "maru.sqlite3", timeout=1, isolation_level=None)) as own:
            own.execute("BEGIN IMMEDIATE")
        return True
    except sqlite3.OperationalError:
        return False


def test_a_frozen_worker_s_message_is_not_sent_twice(build: Build) -> None:
    house = build(workers=1)
    tag = series(house, FIVE)
    house.faults({"do": "slow", "seconds": 3, "match": {"method": "POST", "from": 3, "count": 1}})
    chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[tag])
    house.wait(chat, 2)
    eventually(lambda: house.control("faults")["rules"][0]["hits"], "the third message is on its way")
    house.kill("worker 1", signal.SIGSTOP)
    while not writable(house):  # frozen in the middle of a heartbeat it would keep SQLite's one lock
        house.kill("worker 1", signal.SIGCONT)
        house.kill("worker 1", signal.SIGSTOP)
    house.start_worker("worker 2")
    house.wait(chat, 5)
    house.kill("worker 1", signal.SIGCONT)
    after = house.open_chat({**SURVEY, "wish": "감량"}, tags=[tag])
    house.wait(after, 5)
    eventually(lambda: not house.flask("deliveries", "list", "--state", "sending"), "nothing is in flight")
    assert house.told(chat) == [f"{number}번째" for number in range(1, 6)]


def test_a_worker_asked_to_stop_finishes_what_is_in_flight(build: Build) -> None:
    house = build()
    tag = series(house, FIVE)
    house.faults({"do": "slow", "seconds": 1, "match": {"method": "POST"}})
    chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[tag])
    eventually(lambda: house.flask("deliveries", "list", "--state", "sending"), "a message is in flight")
    house.kill("worker 1", signal.SIGTERM)
    assert not house.flask("deliveries", "list", "--state", "sending")
    house.faults()
    house.start_worker("worker 1")
    house.wait(chat, 5)
    assert house.told(chat) == [f"{number}번째" for number in range(1, 6)]


@pytest.mark.slow
def test_a_worker_that_stops_keeps_what_is_in_flight_from_the_others(
    build: Build, request: pytest.FixtureRequest
) -> None:
    if "postgresql" in request.node.name:
        pytest.skip("one database tells, and it takes ten seconds")
    house = build()
    tag = series(house, "  - {text: 하나}\n")
    house.faults({"do": "slow", "seconds": 9.7, "match": {"method": "POST", "count": 1}})
    chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[tag])
    eventually(lambda: house.control("faults")["rules"][0]["hits"], "the message is on its way")
    house.start_worker("worker 2")
    eventually(lambda: house.log().count("worker.ready") == 2, "the second worker looks for work")
    house.kill("worker 1", signal.SIGTERM)
    eventually(lambda: house.deliveries(chat)[0]["state"] == "sent", "it is known to be sent")
    assert house.told(chat) == ["하나"]


def _kill_a_child(parent: int) -> bool:
    children = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True, check=False)
    try:
        os.kill(int(children.stdout.split()[0]), signal.SIGKILL)
    except (IndexError, ProcessLookupError):  # the one killed before is just being replaced
        return False
    return True


@pytest.mark.parametrize("size", [20])
def test_a_killed_web_process_loses_nothing_that_it_acknowledged(build: Build, size: int) -> None:
    house = build(workers=0, clock=False, WEB_CONCURRENCY="2")
    acknowledged: list[str] = []

    def post(number: int) -> None:
        try:
            if house.hook(opened(f"c{number}")).status_code == 200:
                acknowledged.append(f"c{number}")
        except OSError:
            pass  # killed while it answered: not acknowledged

    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(post, number) for number in range(size * 10)]
        for _ in range(3):
            eventually(lambda: _kill_a_child(house.processes["web"].pid), "a web process was killed")
            eventually(lambda: house._up(house.url + "/healthz"), "web is back")
        for one in waiting:
            one.result()
    kept = {row["chat"] for row in house.events()}
    assert len(acknowledged) > size
    assert set(acknowledged) <= kept
