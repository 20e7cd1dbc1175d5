"""Expand first, contract in a later release: while one is rolled out or back, both work on one database."""

import ast
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.house import House
from tests.rows import connected

VERSIONS = sorted((Path(__file__).resolve().parent.parent / "store" / "migrations" / "versions").glob("[0-9]*.py"))
ADDS = {"add_column", "create_table", "create_index", "f", "get_bind", "get_context", "batch_alter_table"}
FILLS = {"execute", "bulk_insert"}  # rows of what was just added; judged by their words
TAKES = ("drop ", "rename ", "alter ", "delete ", "truncate ")
# A revision that takes something away, and since which one no release uses that any more: at least one lies between.
CONTRACTS: dict[str, str] = {}


def upgraded(path: Path) -> ast.FunctionDef:
    functions = {node.name: node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
    return functions["upgrade"]


def operations(function: ast.FunctionDef) -> set[str]:
    """What is called on `op`, or on what batch_alter_table gave."""
    found = set()
    for node in ast.walk(function):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            if node.func.value.id in ("op", "batch", "batch_op"):
                found.add(node.func.attr)
    return found


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: path.stem)
def test_a_migration_only_adds(path: Path) -> None:
    number = path.stem.partition("_")[0]
    if number in CONTRACTS:
        assert int(CONTRACTS[number]) < int(number) - 1, "the release before still uses it"
        return
    called = operations(upgraded(path))
    assert called <= ADDS | FILLS, f"{path.name} does more than add: {called - ADDS - FILLS}"
    words = [node.value for node in ast.walk(upgraded(path)) if isinstance(node, ast.Constant)]
    assert not [word for word in words if isinstance(word, str) and word.lower().lstrip().startswith(TAKES)]


@pytest.mark.parametrize("path", VERSIONS[1:], ids=lambda path: path.stem)
def test_a_new_column_of_an_old_table_needs_nobody_to_fill_it_in(path: Path) -> None:
    """The release before goes on writing rows without it."""
    for node in ast.walk(upgraded(path)):
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if is_call and node.func.attr == "add_column":  # type: ignore[attr-defined]
            column = ast.unparse(node)
            assert "nullable=False" not in column or "server_default=" in column, column


def test_the_release_before_starts_on_a_database_that_is_ahead_of_it(tmp_path: Path) -> None:
    """After maru-rollback: `flask setup`, with which every start begins, leaves the later release's tables alone."""
    house = House(tmp_path / "house")
    try:
        house.flask("setup", parse=False)
        with connected(house) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
            connection.execute(text("ALTER TABLE topics ADD COLUMN of_tomorrow VARCHAR"))
        assert "set up" in house.flask("setup", parse=False).stdout
        assert house.flask("db", "upgrade")["revision"] == "9999"
        with connected(house) as connection:
            assert connection.execute(text("SELECT of_tomorrow FROM topics")).all() == []
    finally:
        house.close()
