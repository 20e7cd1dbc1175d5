"""Readiness tells when a platform no longer reaches us, when messages are late, and what else is not in order."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import BIN, SURVEY, House, eventually, free_port, opened
from tests.previewing import fresh, headed
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


@pytest.mark.slow
def test_a_flood_of_forged_calls_is_counted_and_taken_back_by_a_genuine_one(quiet: House) -> None:
    refused(quiet, 200)
    eventually(lambda: [row for row in everything(quiet)["standings"] if row["refused"] == 200], "all were counted")
    assert quiet.hook(opening("c3")).status_code == 200
    eventually(lambda: part(quiet)["level"] == "ok", "it is fine again")


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_what_is_off_is_absent_and_the_search_is_there(quiet: House) -> None:
    parts = quiet.http.get(quiet.url + "/readyz", timeout=30).json()["parts"]
    assert not {"email", "elasticsearch"} & set(parts)
    assert parts["search"]["level"] == "ok" and "services" in parts["search"]["detail"]


def test_the_webhooks_of_webex_are_told_of(quiet: House) -> None:
    assert "not asked yet" in part(quiet, "webex")["detail"]
    quiet.start("clock", CLOCK)
    eventually(lambda: "webhooks in order" in part(quiet, "webex")["detail"], "the clock asked")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house whose mail server and Elasticsearch are away."""
    away = {"SMTP_URL": "127.0.0.1", "SMTP_PORT": str(free_port()), "SMTP_TLS": "none", "SEND_MAIL": "a@example.kr"}
    elastic = {"ELASTICSEARCH_URL": f"http://reader:{fresh()}@127.0.0.1:{free_port()}"}
    with opened(House(tmp_path_factory.mktemp("alone"), **away, **elastic)) as house:
        yield house


def test_while_elasticsearch_is_away_the_embedded_index_answers(alone: House) -> None:
    told = eventually(lambda: found if (found := part(alone, "elasticsearch"))["level"] == "warn" else {}, "it is told")
    assert "the embedded index answers" in told["detail"] and not told["ok"]
    assert alone.http.get(alone.url + "/readyz", timeout=30).status_code == 200
    assert part(alone, "search")["level"] == "ok"


def test_doctor_says_the_same_with_how_to_mend_it(alone: House) -> None:
    shown = alone.shell("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(shown.stdout)["checks"]}
    assert checks["search"]["ok"] and not checks["mail default"]["ok"]
    assert checks["elasticsearch"]["level"] == "warn" and "ELASTICSEARCH_URL" in checks["elasticsearch"]["mend"]
    assert alone.env["ELASTICSEARCH_URL"].split("@")[0] not in shown.stdout


@pytest.mark.slow
def test_mails_that_are_tried_in_vain_are_told(alone: House) -> None:
    assert part(alone, "email")["level"] == "ok"
    tag, mail = fresh(), "effects: {mail: {to: b@example.kr, subject: 가, text: 나}}\n"
    alone.module(headed(f"messages:\n  - text: 하나\n{mail}", tag, f"  - {{on: chat_opened, tags: [{tag}]}}\n"))
    alone.open_chat(SURVEY, tags=[tag])
    told = eventually(lambda: found if (found := part(alone, "email"))["level"] == "warn" else {}, "it is told")
    assert "1 mails were tried 3 times or more" in told["detail"] and "@" not in told["detail"]
