"""The real web, worker and clock report to Sentry over HTTP, and give no customer and no key away."""

import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import House
from tests.test_delivery_series import series
from tests.test_intake_hooks import opened
from tests.test_reporting_processes import Receiver, items


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()


@pytest.fixture
def reporting_house(tmp_path: Path, receiver: Receiver) -> Iterator[House]:
    dsn = receiver.origin.replace("http://", f"http://{secrets.token_hex(16)}@") + "/1"
    built = House(tmp_path / "house", SENTRY_DSN=dsn, SPOOL="off")
    try:
        yield built.open()
    finally:
        built.close()


def test_web_worker_and_clock_report_and_give_nothing_away(reporting_house: House, receiver: Receiver) -> None:
    house = reporting_house
    personal = {
        "name": f"홍{secrets.token_hex(5)}",
        "mobileNumber": f"+8210{secrets.randbelow(90000000) + 10000000}",
        "email": f"{secrets.token_hex(5)}@example.kr",
        "wish": f"소원 {secrets.token_hex(5)}",
        "secret_note": secrets.token_hex(8),
    }
    tag = series(house, "  - {text: '{{ name }} {{ 1 / (cups - 3) }}'}\n")
    chat = house.open_chat({**personal, "wish": "감량", "worry": personal["wish"]}, tags=[tag])
    assert house.settled(chat)[0]["state"] == "dead"
    assert _part(receiver) == "worker"

    lock = sqlite3.connect(house.folder / "maru.sqlite3", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    try:
        body = opened(f"c{secrets.token_hex(4)}")
        body["refers"]["user"]["profile"] = personal
        assert house.hook(body).status_code == 503
    finally:
        lock.execute("ROLLBACK")
        lock.close()
    assert _part(receiver) == "web"

    slugs = [item["monitor_slug"] for body in receiver.bodies for kind, item in items(body) if kind == "check_in"]
    assert (slugs or [receiver.wait_for("check_in")["monitor_slug"]])[0] == "clock"
    receiver.rest()
    everything = b"\n".join(receiver.bodies).decode("utf8", "replace")
    keys = [house.env["CHANNELTALK_ACCESS_KEY"], house.env["CHANNELTALK_ACCESS_SECRET"], house.env["SECRET_KEY"]]
    for planted in [*personal.values(), *house.tokens, *keys]:
        assert planted not in everything
        assert planted.encode("unicode_escape").decode() not in everything


def _part(receiver: Receiver) -> str:
    return str(receiver.wait_for("event")["tags"]["part"])
