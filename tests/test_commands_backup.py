"""A backup is one file that puts the service back as it was, into either kind of database."""

import gzip
import io
import json
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from store.events import Fact
from store.spool import Spool
from tests.house import BIN, ROOT, SURVEY, House, eventually, opened
from tests.rows import connected, everything
from tests.test_delivery_series import series

PARTS = ("web", "worker 1", "clock")
SERIES = "  - {text: '{{ name }}님'}\n  - {text: 둘, wait: 3600}\n"
VOLATILE = ("heartbeats", "ticks", "standings")


def stop(house: House) -> None:
    for name in PARTS:
        house.kill(name, 15)


def start(house: House) -> None:
    house.start("web", [str(BIN / "gunicorn")])
    house.start_worker("worker 1")
    house.start("clock", [str(BIN / "flask"), "clock"])


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Makes a place to restore into: settings and commands of its own, and no process that runs."""
    made: list[House] = []

    def make(name: str, database_url: str = "") -> House:
        made.append(House(tmp_path / name, database_url))
        return made[-1]

    yield make
    for one in made:
        one.close()


def settled(house: House, chat: str) -> None:
    """The chat has its first message, and our own rows know of it."""
    house.wait(chat, 1)
    eventually(lambda: all(row["state"] != "sending" for row in house.deliveries()), "nothing is on its way")


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]


def packed(path: Path, content: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def kept(house: House) -> dict[str, list[dict[str, Any]]]:
    """All rows but those of the clock, with times as both databases tell them."""
    rows = everything(house)
    return {
        table: [{name: _plain(value) for name, value in row.items()} for row in rows[table]]
        for table in rows
        if table not in VOLATILE
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    return value


def test_a_restored_service_answers_as_before(
    build: Callable[..., House], new_database: Callable[[str], str], tmp_path: Path
) -> None:
    house = build()
    tag = series(house, SERIES)
    chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[tag])
    settled(house, chat)
    file = tmp_path / "backup.tar.gz"
    house.flask("backup", str(file))
    stop(house)
    before = kept(house)
    assert house.open_shell is not None
    house.open_shell.kill()  # it holds the old database open
    house.open_shell.wait()
    if "DATABASE_URL" in house.env:
        house.env["DATABASE_URL"] = new_database("postgresql")
    else:
        for path in house.folder.glob("maru.sqlite3*"):
            path.unlink()
    house.flask("restore", str(file))
    after = kept(house)
    waiting = [row for row in after["deliveries"] if row["state"] == "waiting"]
    assert [(row["text"], row["unclear"]) for row in waiting] == [("둘", True)]
    assert {**after, "deliveries": []} == {**before, "deliveries": []}
    start(house)
    house.move_clock(3700)
    house.wait(chat, 2)
    fresh = house.open_chat({**SURVEY, "name": "이서연", "wish": "감량"}, tags=[tag])
    house.wait(fresh, 1)
    assert house.told(chat) == ["김하늘님", "둘"]
    assert house.told(fresh) == ["이서연님"]


@pytest.mark.slow
def test_what_was_sent_after_the_backup_is_not_sent_again(tmp_path: Path) -> None:
    with opened(House(tmp_path / "house")) as house:
        chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[series(house, SERIES)])
        settled(house, chat)
        house.flask("backup", str(tmp_path / "backup.tar.gz"))
        house.move_clock(3700)
        house.wait(chat, 2)
        stop(house)
        house.flask("restore", "--force", str(tmp_path / "backup.tar.gz"))
        start(house)
        eventually(lambda: all(row["state"] == "sent" for row in house.deliveries(chat)), "both count as sent")
        assert house.told(chat) == ["김하늘님", "둘"]


@pytest.mark.slow
def test_a_backup_goes_into_the_other_kind_of_database_and_back(
    backup: Path, place: Callable[..., House], new_database: Callable[[str], str], tmp_path: Path
) -> None:
    away, back = place("away", new_database("postgresql")), place("back")
    away.flask("restore", str(backup))
    away.flask("backup", str(tmp_path / "second.tar.gz"))
    back.flask("restore", str(tmp_path / "second.tar.gz"))
    there, here = kept(away), kept(back)
    assert there == here
    assert {"김하늘님", "둘"} <= {row["text"] for row in here["deliveries"]}
    away.flask("staff", "add", "new@example.kr", "--role", "viewer")  # numbers go on where they were
    assert len(kept(away)["staff"]) == 2


@pytest.mark.slow
def test_a_backup_taken_under_load_is_consistent(
    build: Callable[..., House], place: Callable[..., House], tmp_path: Path
) -> None:
    house, copy = build(), place("copy")
    tag = series(house, "  - {text: 하나}\n  - {text: 둘, wait: 0}\n")
    chats = [house.customer({**SURVEY, "wish": "감량"}, tags=[tag]) for _ in range(40)]
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(lambda: [house.control(f"chats/{chat}/open", {}) for chat in chats])
        eventually(lambda: everything(house)["answers"], "the first ones are answered")
        house.flask("backup", str(tmp_path / "backup.tar.gz"))
        opening.result()
    copy.flask("restore", str(tmp_path / "backup.tar.gz"))
    rows = everything(copy)
    answered = {row["id"] for row in rows["events"] if row["state"] == "answered"}
    assert answered == {row["event_id"] for row in rows["answers"]}
    assert sorted(row["event_id"] for row in rows["deliveries"]) == sorted([*answered, *answered])
    assert {row["state"] for row in rows["deliveries"]} <= {"waiting", "sent"}
    for chat in chats:
        house.wait(chat, 2)


@pytest.fixture
def backup(house: House, tmp_path: Path) -> Path:
    settled(house, house.open_chat({**SURVEY, "wish": "감량"}, tags=[series(house, SERIES)]))
    house.flask("backup", str(tmp_path / "backup.tar.gz"))
    return tmp_path / "backup.tar.gz"


def test_the_file_is_its_owner_s_alone_and_its_names_tell_nothing(house: House, backup: Path) -> None:
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    names = members(backup)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"tables", "manifest.json"}
    assert json.loads(names["manifest.json"])["tables"]["events"] >= 1
    assert not list(backup.parent.glob(".*"))


def test_a_file_that_is_there_is_not_overwritten(house: House, backup: Path) -> None:
    before = backup.read_bytes()
    assert "not" in house.flask("backup", str(backup), code=1).stderr
    assert backup.read_bytes() == before


def test_the_secret_key_and_the_spool_are_in_it(place: Callable[..., House], tmp_path: Path) -> None:
    one, two = place("one"), place("two")
    one.flask("setup")
    (one.folder / "secret-key").write_text("k" * 40)
    fact = Fact("channeltalk", "message:1", "message", "c1", "p1", {}, "{}", "t", datetime.now(UTC))
    Spool(one.folder / "spool").keep([fact])
    assert one.flask("backup", str(tmp_path / "backup.tar.gz"))["spool"] == 1
    two.flask(
        "setup", "--sandbox", "http://127.0.0.1:8100"
    )  # what set-up brings is nobody's work, so this counts as empty
    two.flask("restore", str(tmp_path / "backup.tar.gz"))
    assert (two.folder / "secret-key").read_text() == "k" * 40
    assert stat.S_IMODE((two.folder / "secret-key").stat().st_mode) == 0o600
    assert [row["platform_id"] for row in Spool(two.folder / "spool").facts()] == ["message:1"]
    assert not (two.folder / "first-password").exists()


def refused(target: House, file: Path) -> str:
    """What restoring says; nothing is changed by it."""
    before = kept(target)
    done = target.flask("restore", str(file), code=1)
    assert kept(target) == before
    return str(done.stderr)


def test_a_damaged_or_foreign_file_changes_nothing(backup: Path, place: Callable[..., House], tmp_path: Path) -> None:
    content, target = members(backup), place("target")
    name = next(name for name in content if name.startswith("tables/events"))
    changed = content | {name: content[name].replace(b"channeltalk", b"channeltalc", 1)}
    assert "checksum" in refused(target, packed(tmp_path / "changed.tar.gz", changed))
    without = {key: value for key, value in content.items() if key != "manifest.json"}
    assert "manifest" in refused(target, packed(tmp_path / "headless.tar.gz", without))
    stranger = packed(tmp_path / "stranger.tar.gz", {**content, "../../etc/cron.d/x": b"x"})
    assert "no backup of ours" in refused(target, stranger)
    (tmp_path / "half.tar.gz").write_bytes(backup.read_bytes()[: backup.stat().st_size // 2])
    said = refused(target, tmp_path / "half.tar.gz")
    assert "whole" in said or "its end is missing" in said  # as its middle falls between two files or within one
    (tmp_path / "text.tar.gz").write_bytes(gzip.compress(b"not a tar"))
    assert "not restored" in refused(target, tmp_path / "text.tar.gz")


def test_a_newer_one_changes_nothing(backup: Path, place: Callable[..., House], tmp_path: Path) -> None:
    content = members(backup)
    manifest = json.loads(content["manifest.json"]) | {"revision": "9999"}
    newer = packed(tmp_path / "newer.tar.gz", content | {"manifest.json": json.dumps(manifest).encode()})
    assert "newer Maru" in refused(place("target"), newer)


@pytest.mark.slow
def test_a_database_with_work_in_it_is_replaced_only_by_force(backup: Path, place: Callable[..., House]) -> None:
    target = place("target")
    target.flask("restore", str(backup))
    before = kept(target)
    assert "not empty" in refused(target, backup)
    target.flask("staff", "add", "later@example.kr", "--role", "viewer")
    target.flask("restore", str(backup), "--force")
    assert kept(target) == before


def test_a_running_service_is_not_restored_over(house: House, backup: Path) -> None:
    assert "Stop it first" in house.flask("restore", str(backup), "--force", code=1).stderr


@pytest.mark.slow
def test_a_backup_of_an_older_revision_is_brought_up_to_date(place: Callable[..., House], tmp_path: Path) -> None:
    old, today = place("old"), place("today")
    migrate = "from commands import db; db._prepare(); db.flask_migrate.upgrade(revision='0001')"
    code = f"from app import create_app\nwith create_app().app_context():\n    {migrate}"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=old.env, check=True)
    with connected(old) as connection:
        connection.exec_driver_sql(
            "INSERT INTO events (channel, platform_id, kind, chat, person, inbound, payload, trace,"
            " received_at, state, reason, module, attempts) VALUES ('channeltalk', 'message:1', 'message',"
            " 'c', 'p', '{}', '', 't', '2026-01-01 00:00:00.000000', 'ignored', '', '', 1)"
        )
    old.flask("backup", str(tmp_path / "old.tar.gz"))
    today.flask("restore", str(tmp_path / "old.tar.gz"))
    rows = everything(today)
    assert [row["platform_id"] for row in rows["events"]] == ["message:1"]
    counted = [(row["name"], row["outcome"], row["amount"]) for row in rows["totals"]]
    assert counted == [("events", "ignored", 1.0)]
