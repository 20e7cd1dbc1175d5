"""What is promised of errands and of drafts with a time: whoever dies, each is done, and once."""

import re
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
from sqlalchemy import text

from tests.browsing import Person
from tests.house import BIN, House, eventually
from tests.rows import connected

MODULE = "module: m\ntitle: m\norder: 5\nstarts:\n  - {on: chat_opened, tags: [m]}\nmessages:\n  - text: {said}\n"


def written(house: House) -> requests.Session:
    """A module with one customer, live, and a draft of it; a publisher's session."""
    house.module(MODULE.replace("{said}", "하나"))
    house.wait(house.open_chat({}, tags=["m"]), 1)
    house.module(MODULE.replace("{said}", "둘"), publish=False)
    return Person(house, "publisher").session()


def ask(house: House, publisher: requests.Session) -> None:
    answer = publisher.post(f"{house.url}/console/responses/m/backtest", data={"last": 100}, timeout=30)
    assert answer.status_code == 200, answer.text


def states(house: House) -> list[str]:
    with connected(house) as connection:
        return list(connection.execute(text("SELECT state FROM errands ORDER BY id")).scalars())


@pytest.mark.slow
def test_an_errand_is_done_without_redis_and_goes_back_when_its_worker_stops(build: Callable[..., House]) -> None:
    house = build(redis=False)
    publisher = written(house)
    ask(house, publisher)
    eventually(lambda: states(house) == ["working"], "a worker has it")
    house.kill("worker 1", signal.SIGTERM)
    assert states(house) == ["waiting"]
    house.start_worker("worker 2")
    eventually(lambda: states(house) == ["done"], "another worker has done it")
    with connected(house) as connection:
        assert connection.execute(text("SELECT attempts FROM errands")).scalar() == 1  # a stop is nobody's fault


@pytest.mark.slow
def test_an_errand_whose_worker_is_killed_is_done_by_another(build: Callable[..., House]) -> None:
    house = build()
    publisher = written(house)
    ask(house, publisher)
    eventually(lambda: states(house) == ["working"], "a worker has it")
    house.kill("worker 1")
    house.start_worker("worker 2")
    eventually(lambda: states(house) == ["done"], "another worker has done it", patience=15)


@pytest.mark.parametrize("build", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True)
@pytest.mark.slow
def test_a_cancelled_errand_stays_cancelled(build: Callable[..., House]) -> None:
    house = build()
    publisher = written(house)
    house.kill("worker 1", signal.SIGTERM)
    ask(house, publisher)
    publisher.post(f"{house.url}/console/responses/m/backtest/cancel", timeout=30)
    house.start_worker("worker 2")
    ask(house, publisher)
    eventually(lambda: states(house) == ["cancelled", "done"], "only what was asked anew is done")


@pytest.mark.parametrize("build", [pytest.param("sqlite", marks=pytest.mark.slow), "postgresql"], indirect=True)
def test_a_scheduled_draft_goes_live_once_with_three_clocks(build: Callable[..., House]) -> None:
    house = build()
    publisher = written(house)
    for number in (2, 3):
        house.start(f"clock {number}", [str(BIN / "flask"), "clock"])
    soon = f"{datetime.now(ZoneInfo('Asia/Seoul')) + timedelta(hours=2):%Y-%m-%dT%H:%M}"
    page = publisher.get(f"{house.url}/console/responses/m/versions", timeout=30).text
    revision = re.search(r'name="revision" value="(\d+)"', page)
    form = {"revision": revision and revision[1], "when": "later", "starts_at": soon, "note": "아침에"}
    assert publisher.post(f"{house.url}/console/responses/m/publish", data=form, timeout=30).status_code == 200
    assert live(house) == 1
    house.move_clock(3 * 3600)
    eventually(lambda: live(house) == 2, "the draft is live")
    with connected(house) as connection:
        said = connection.execute(text("SELECT what FROM audit WHERE subject = 'module:m' ORDER BY id")).scalars()
        assert list(said) == ["module.published", "module.scheduled", "module.published"]
    chat = house.open_chat({}, tags=["m"])
    house.wait(chat, 1)
    assert house.told(chat) == ["둘"]


def live(house: House) -> Any:
    return next(row["live"] for row in house.flask("responses", "list") if row["module"] == "m")
