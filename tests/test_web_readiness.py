"""Readiness tells when ChannelTalk no longer reaches us, and when messages are late."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import BIN, SURVEY, House, eventually, opened
from tests.rows import everything
from tests.test_delivery_series import SLOW, series
from tests.test_intake_hooks import opened as opening

KEYS = ("access-key", "access-secret")
CLOCK = [str(BIN / "flask"), "clock"]


def part(house: House, name: str = "channeltalk") -> dict[str, Any]:
    return dict(house.http.get(house.url + "/readyz", timeout=30).json()["parts"].get(name, {}))


def refused(house: House, times: int) -> None:
    for _ in range(times):
        assert house.hook(opening("c1"), token="wrong").status_code == 401


def test_five_refusals_in_a_row_are_told_until_one_call_is_accepted(build: Callable[..., House]) -> None:
    house = build(workers=0, clock=False)
    refused(house, 4)
    eventually(lambda: everything(house)["standings"], "refusals were noted")
    assert part(house)["level"] == "ok"
    refused(house, 3)
    told = eventually(lambda: part(house) if part(house)["level"] == "warn" else {}, "the refusals are told")
    assert "calls in a row were refused: the token may have changed" in told["detail"]
    assert house.log().count("hook.refusals") == 1
    assert house.hook(opening("c2")).status_code == 200
    eventually(lambda: part(house)["level"] == "ok", "it is fine again")


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[House]:
    """A house whose clock has not begun yet."""
    with opened(House(tmp_path / "house"), workers=0, clock=False) as house:
        yield house


def test_a_flood_of_forged_calls_is_counted_and_taken_back_by_a_genuine_one(quiet: House) -> None:
    refused(quiet, 200)
    eventually(lambda: [row for row in everything(quiet)["standings"] if row["refused"] == 200], "all were counted")
    assert quiet.hook(opening("c3")).status_code == 200
    eventually(lambda: part(quiet)["level"] == "ok", "it is fine again")


def test_a_blocked_webhook_is_told(quiet: House) -> None:
    url, ours = f"{quiet.sandbox_url}/open/v5/webhooks", quiet.control("webhooks")["webhooks"][0]["url"]
    keys = {f"x-{name}": quiet.env[f"CHANNELTALK_{name.upper().replace('-', '_')}"] for name in KEYS}
    made = {"name": "third", "url": ours, "scopes": ["message.created.userChat"], "apiVersion": "v5"}
    assert quiet.http.post(url, json=made, headers=keys, timeout=30).status_code == 200
    chat = quiet.customer(SURVEY)
    for _ in range(101):
        quiet.say(chat, "안녕하세요")
    eventually(lambda: any(one["blocked"] for one in quiet.control("webhooks")["webhooks"]), "it is blocked")
    quiet.start("clock", CLOCK)
    told = eventually(lambda: part(quiet) if part(quiet).get("level") == "warn" else {}, "the clock asked")
    assert "webhook third is blocked: unblock it in the desk" in told["detail"]
    assert "token of webhook third" in told["detail"]


def test_rejected_keys_are_told(quiet: House) -> None:
    quiet.env["CHANNELTALK_ACCESS_SECRET"] = "wrong" * 8
    quiet.start("clock", CLOCK)
    told = eventually(lambda: part(quiet) if part(quiet).get("level") == "warn" else {}, "the clock asked")
    assert "401" in told["detail"]


def test_late_messages_are_told(quiet: House) -> None:
    quiet.start_worker("worker")
    chat = quiet.open_chat({**SURVEY, "wish": "감량"}, tags=[series(quiet, SLOW)])
    quiet.wait(chat, 1)
    eventually(lambda: quiet.deliveries(chat)[1]["due_at"], "the second has its time")
    quiet.kill("worker")
    assert part(quiet, "deliveries")["level"] == "ok"
    quiet.move_clock(3700)
    assert "overdue" in part(quiet, "deliveries")["detail"]
    assert quiet.http.get(quiet.url + "/readyz", timeout=30).status_code == 200
