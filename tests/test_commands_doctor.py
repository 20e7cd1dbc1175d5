"""doctor says what is wrong and how to mend it; exit 1 when something is."""

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import House, eventually, opened

Checks = dict[str, dict[str, Any]]


def checks(house: House, code: int = 0, **env: str) -> Checks:
    found = house.flask("doctor", parse=True, code=code, **env)
    assert found["ok"] == (code == 0)
    return {check["name"]: check for check in found["checks"]}


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[House]:
    with opened(House(tmp_path / "house")) as house:
        yield house


def test_a_house_in_order_passes(build: Callable[..., House]) -> None:
    house = build()
    found = checks(house)
    assert {check["level"] for check in found.values()} <= {"ok", "warn"}
    for name in (
        "database",
        "migrations",
        "redis",
        "spool",
        "worker",
        "clock",
        "address",
        "channeltalk keys",
        "sns topics",
    ):
        assert found[name]["ok"], found[name]
    assert found["channeltalk webhook userChat.opened"]["ok"] and found["module diet"]["ok"]
    assert set(found["database"]) == {"name", "ok", "level", "detail", "mend"}


def test_secrets_are_told_as_set_and_never_shown(house: House) -> None:
    password = secrets.token_hex(8)
    shown = house.shell("doctor", METRICS_TOKEN=password, SENTRY_DSN=f"https://{password}@sentry.example/1")
    for secret in (password, *house.tokens, house.env["SECRET_KEY"], house.env["CHANNELTALK_ACCESS_SECRET"]):
        assert secret not in shown.stdout + shown.stderr
    assert "setting METRICS_TOKEN: set" in shown.stdout


def test_names_of_the_first_version_are_told_with_today_s(house: House) -> None:
    found = checks(house, SERVER_WORKER="3", WEB_CONCURRENCY="")
    assert "WEB_CONCURRENCY" in found["setting SERVER_WORKER"]["detail"]
    assert found["setting WEB_CONCURRENCY"]["detail"] == "3"


def test_a_name_that_is_none_of_ours_is_told(house: House) -> None:
    found = checks(house, CHANNELTALK_ACESS_KEY="x")
    assert found["setting CHANNELTALK_ACESS_KEY"]["mend"] == "Did you mean CHANNELTALK_ACCESS_KEY?"


def test_a_token_that_is_not_ours_is_an_error(house: House) -> None:
    found = checks(house, 1, CHANNELTALK_WEBHOOK_TOKENS=secrets.token_hex(16))
    assert "its calls are refused" in found["channeltalk webhook opened"]["detail"]


def test_rejected_keys_are_an_error(house: House) -> None:
    found = checks(house, 1, CHANNELTALK_ACCESS_SECRET="w" * 40)
    assert "401" in found["channeltalk keys"]["detail"]
    assert "CHANNELTALK_ACCESS_KEY" in found["channeltalk keys"]["mend"]


def test_another_base_url_has_no_webhooks_and_does_not_answer(house: House) -> None:
    found = checks(house, 1, BASE_URL="http://127.0.0.1:9")
    assert not found["address"]["ok"]
    assert "/in_userchat" in found["channeltalk webhook message.created.userChat"]["mend"]


@pytest.mark.slow
def test_a_stopped_service_is_a_warning_and_a_dead_part_an_error(ground: House) -> None:
    ground.kill("clock", 15)
    assert checks(ground, 1)["clock"]["level"] == "error"
    for name in ("worker 1", "web", "redis", "sandbox"):
        ground.kill(name, 15)
    found = checks(ground)
    assert {found[name]["level"] for name in ("worker", "clock", "redis", "address")} == {"warn"}


def test_a_database_out_of_reach_is_an_error_and_the_rest_is_checked(house: House) -> None:
    found = checks(house, 1, DATABASE_URL="postgresql://nobody:none@127.0.0.1:9/none")
    assert "DATABASE_URL" in found["database"]["mend"]
    assert "none@" not in json.dumps(found)
    assert found["redis"]["ok"]


def test_an_empty_database_has_to_be_upgraded(house: House, tmp_path: Path) -> None:
    found = checks(house, 1, DATABASE_URL=f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    assert found["migrations"]["mend"] == "flask db upgrade"


def test_a_key_that_others_may_read_is_told(ground: House) -> None:
    (ground.folder / "secret-key").write_text("x" * 40)
    (ground.folder / "secret-key").chmod(0o644)
    found = eventually(lambda: checks(ground).get("file secret-key"), "it is told")
    assert found["mend"].startswith("chmod 600 ")
