"""Redis, workers or the database away for a while: acknowledged means kept, on both databases."""

import json
import sqlite3
from collections.abc import Callable

import pytest

from tests.house import SURVEY, House, eventually
from tests.test_delivery_series import THREE, series
from tests.test_intake_hooks import opened

Build = Callable[..., House]
FIVE = "".join(f"  - {{text: '{number}번째', wait: 0}}\n" for number in range(1, 6))


def test_an_emptied_redis_loses_nothing(build: Build) -> None:
    house = build()
    tag = series(house, THREE)
    house.kill("redis")
    chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[tag])
    house.wait(chat, 3)
    for left in house.folder.glob("appendonlydir/*"):
        left.unlink()
    house.start_redis()
    other = house.open_chat({**SURVEY, "wish": "감량"}, tags=[tag])
    house.wait(other, 3)
    assert house.told(chat) == house.told(other) == ["하나", "둘", "셋"]


def test_events_acknowledged_while_no_worker_runs_are_answered_later(build: Build) -> None:
    house = build()
    tag = series(house, THREE)
    house.kill("worker 1")
    chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[tag])
    eventually(lambda: house.events(chat), "the event is kept")
    house.start_worker("worker 1")
    house.wait(chat, 3)
    assert house.told(chat) == ["하나", "둘", "셋"]


def test_while_the_database_is_locked_hooks_are_kept_in_the_spool(build: Build, request: pytest.FixtureRequest) -> None:
    if "postgresql" in request.node.name:
        pytest.skip("the next test takes PostgreSQL away")
    house = build()
    tag = series(house, "  - {text: 하나}\n")
    chat = house.customer({**SURVEY, "wish": "감량"}, tags=[tag])
    body = opened(chat, tags=[tag])
    body["refers"]["user"]["profile"] = {**SURVEY, "wish": "감량"}
    lock = sqlite3.connect(house.folder / "maru.sqlite3", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    try:
        assert house.hook(body).status_code == 200
        (kept,) = house.folder.glob("spool/*.json")
        assert kept.stat().st_mode & 0o777 == 0o600
        assert json.loads(kept.read_text())[0]["chat"] == chat
        ready = house.http.get(house.url + "/readyz", timeout=30)
        assert (ready.status_code, ready.json()["parts"]["database"]["level"]) == (200, "warn")
    finally:
        lock.execute("ROLLBACK")
        lock.close()
    house.wait(chat, 1)
    eventually(lambda: not list(house.folder.glob("spool/*.json")), "the spool is empty")
    assert house.told(chat) == ["하나"]


def test_without_database_and_spool_a_hook_is_503(build: Build, request: pytest.FixtureRequest) -> None:
    if "postgresql" in request.node.name:
        pytest.skip("one database tells")
    house = build(workers=0, clock=False, SPOOL="off")
    lock = sqlite3.connect(house.folder / "maru.sqlite3", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    try:
        assert house.hook(opened("c1")).status_code == 503
        assert house.http.get(house.url + "/readyz", timeout=30).status_code == 503
    finally:
        lock.execute("ROLLBACK")
        lock.close()
