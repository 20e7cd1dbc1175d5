"""A new release starts on the database of the one before, and `flask db upgrade` comes while hooks do: nothing is
lost or doubled. Which migrations these are is read from their folder, so that it goes on holding for later ones."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, func, insert, null, select, text

from commands.db import FOLDER
from tests.house import BIN, SURVEY, House, eventually
from tests.rows import connected, everything
from tests.test_delivery_series import series
from tests.test_intake_hooks import opened

FIVE = "".join(f"  - {{text: '{number}번째', wait: 0.5}}\n" for number in range(1, 6))
WANTED = [f"{number}번째" for number in range(1, 6)]


def previous() -> str:
    scripts = ScriptDirectory(str(FOLDER))
    head = scripts.get_revision(scripts.get_current_head() or "")
    assert head is not None
    return str(head.down_revision)


def test_a_migration_s_file_is_named_by_its_number() -> None:
    for script in ScriptDirectory(str(FOLDER)).walk_revisions():
        number = int(script.revision)
        assert Path(script.path).name.startswith(f"{number:04}_")
        assert script.down_revision == (f"{number - 1:04}" if number > 1 else None)


def described(connection: Connection) -> MetaData:
    found = MetaData()
    found.reflect(connection)
    return found


def put_back(house: House, revision: str) -> None:
    """Make the database anew as the release before left it, with every row as far as that had room for it."""
    rows = everything(house)
    with connected(house) as connection:
        described(connection).drop_all(connection)
    assert house.flask("db", "upgrade", revision)["revision"] == revision
    with connected(house) as connection:
        for table in described(connection).sorted_tables:
            if table.name == "alembic_version":
                continue
            connection.execute(table.delete())
            for row in rows[table.name]:
                known = {key: null() if value is None else value for key, value in row.items() if key in table.columns}
                connection.execute(insert(table).values(known))
            if connection.dialect.name == "postgresql" and "id" in table.columns:
                go_on_counting(connection, table.name)


def go_on_counting(connection: Connection, table: str) -> None:
    sequence = connection.scalar(select(func.pg_get_serial_sequence(table, "id")))
    if sequence:
        connection.execute(text(f"SELECT setval('{sequence}', (SELECT max(id) + 1 FROM {table}))"))


def database_part(house: House) -> dict[str, Any]:
    answer = house.http.get(house.url + "/readyz", timeout=30)
    assert answer.status_code == 200
    return dict(answer.json()["parts"]["database"])


@pytest.mark.slow
def test_a_release_that_starts_before_its_upgrade_loses_and_doubles_nothing(build: Callable[..., House]) -> None:
    house = build()
    tag = series(house, FIVE)
    begun = house.open_chat({**SURVEY, "wish": "감량"}, tags=[tag])
    house.wait(begun, 1)
    for name in ("web", "worker 1", "clock"):
        house.kill(name, 15)
    house.close_shell()
    put_back(house, previous())
    house.start("web", [str(BIN / "gunicorn")])
    house.start_worker("worker 1")
    house.start("clock", [str(BIN / "flask"), "clock"])
    eventually(lambda: house._up(house.url + "/healthz"), "web is up")
    eventually(lambda: house.log().count("run flask db upgrade") == 2, "worker and clock wait")
    assert "flask db upgrade" in database_part(house)["detail"]
    chats = [house.customer({**SURVEY, "wish": "감량"}, tags=[tag]) for _ in range(20)]
    answers: list[int] = []
    half = threading.Event()
    hooks = threading.Thread(target=knock, args=(house, tag, chats, answers, half))
    hooks.start()
    half.wait(30)
    house.flask("db", "upgrade")
    hooks.join(60)
    assert answers == [200] * len(chats)
    assert not [row for row in house.events() if row["state"] == "dead"]
    for chat in (begun, *chats):
        house.wait(chat, 5)
    eventually(lambda: not house.flask("deliveries", "list", "--state", "sending"), "nothing is in flight")
    assert [house.told(chat) for chat in (begun, *chats)] == [WANTED] * (len(chats) + 1)


def knock(house: House, tag: str, chats: list[str], answers: list[int], half: threading.Event) -> None:
    """Every chat opens, one after the other; `half` is set when half of them have."""
    for number, chat in enumerate(chats, 1):
        body = opened(chat, tags=[tag])
        body["refers"]["user"]["profile"] = {**SURVEY, "wish": "감량"}
        answers.append(house.hook(body).status_code)
        if number == len(chats) // 2:
            half.set()


def test_processes_of_the_release_before_can_go_on_writing_after_the_upgrade(tmp_path: Path) -> None:
    """Migrations add first: what is there stays, and what is new in a table needs nobody to fill it in."""
    house = House(tmp_path / "house")
    try:
        house.flask("db", "upgrade", previous())
        with connected(house) as connection:
            before = described(connection).tables
        house.flask("db", "upgrade")
        with connected(house) as connection:
            after = described(connection).tables
    finally:
        house.close()
    for name, table in before.items():
        columns = after[name].columns
        assert {column.name for column in table.columns} <= set(columns.keys()), name
        for column in columns:
            assert column.name in table.columns or column.nullable or column.server_default is not None, column
