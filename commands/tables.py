"""flask tables: the sheets that modules look things up in."""

from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

import clock
from commands.printing import as_json, fail, show, show_rows
from commands.publishing import a_note, published, rolled_back
from commands.responses import a_file
from curation import lookup, sheets
from responses.problems import Problem
from store import database, versions
from workers import words

command = AppGroup("tables", help="Lookup tables: check, draft, publish.")


@command.command("import")
@click.argument("name")
@click.argument("file", type=a_file)
@click.option("--publish", "and_publish", is_flag=True, help="Make it live at once.")
@click.option("--new-columns", is_flag=True, help="Columns that nothing knows yet are meant so.")
@as_json
def import_table(name: str, file: Path, and_publish: bool, new_columns: bool, as_json: bool) -> None:
    """Keep a sheet (.xlsx, .csv) as the draft; with an error nothing is kept."""
    data = file.read_bytes()
    with database.reading() as session:
        table, problems = sheets.read_sheet(name, file.name, data, words.expected(session, name, new_columns))
    if table is None:
        _report(name, problems, None, as_json, "")
        raise SystemExit(1)
    with database.writing() as session:
        versions.save_draft(session, versions.TABLE, name, table.to_json(), clock.now(), file.name, data)
        number = published(session, versions.TABLE, name, "") if and_publish else None
    kept = f"version {number} is live" if number else "kept as the draft"
    _report(name, problems, number, as_json, f"{name}: {kept}, {len(table.rows)} rows")


def _report(name: str, problems: list[Problem], number: int | None, as_json: bool, fine: str) -> None:
    for problem in problems:
        click.echo(str(problem), err=True)
    failed = any(problem.level == "error" for problem in problems)
    found: dict[str, Any] = {"table": name, "version": number, "problems": [one.json() for one in problems]}
    show(found, as_json, "" if failed else fine)
    if failed:
        raise SystemExit(1)


@command.command("check")
@click.argument("name")
@as_json
def check(name: str, as_json: bool) -> None:
    """Check the stored sheet once more: the draft if there is one, else what is live."""
    with database.reading() as session:
        kept = versions.current(session, versions.TABLE, name)
        if kept is None or kept.file is None:
            fail(f"There is no table {name}.")
        _, problems = sheets.read_sheet(name, kept.file_name, kept.file, words.expected(session, name))
    _report(name, problems, kept.number or None, as_json, "Nothing is wrong.")


@command.command("export")
@click.argument("name")
@as_json
def export(name: str, as_json: bool) -> None:
    """Print a table as CSV: its draft if there is one, else what is live."""
    with database.reading() as session:
        kept = versions.current(session, versions.TABLE, name)
        if kept is None:
            fail(f"There is no table {name}.")
        table = lookup.Table.from_json(kept.content, kept.number or None)
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    found = {"table": name, "version": table.version, "columns": list(table.columns), "rows": rows}
    show(found, as_json, sheets.csv_text(table).rstrip("\n"))


@command.command("publish")
@click.argument("name")
@a_note
@as_json
def publish(name: str, note: str, as_json: bool) -> None:
    """Make the draft live; it gets the next number."""
    _moved(name, lambda session: published(session, versions.TABLE, name, note), as_json)


@command.command("rollback")
@click.argument("name")
@click.option("--to", type=int, help="This version; else the one that was live before.")
@a_note
@as_json
def rollback(name: str, to: int | None, note: str, as_json: bool) -> None:
    """Make an old version live again."""
    _moved(name, lambda session: rolled_back(session, versions.TABLE, name, to, note), as_json)


def _moved(name: str, move: Any, as_json: bool) -> None:
    try:
        with database.writing() as session:
            number = move(session)
    except versions.Nothing as nothing:
        fail(str(nothing))
    show({"table": name, "version": number}, as_json, f"{name}: version {number} is live")


@command.command("list")
@as_json
def list_tables(as_json: bool) -> None:
    """All tables."""
    with database.reading() as session:
        live, drafts = versions.live(session, versions.TABLE), versions.has_draft(session, versions.TABLE)
        rows = []
        for name in versions.names(session, versions.TABLE):
            table = words.table_version(session, name, live.get(name, versions.DRAFT))
            rows.append(
                {
                    "name": name,
                    "live": live.get(name),
                    "draft": name in drafts,
                    "columns": len(table.columns),
                    "rows": len(table.rows),
                }
            )
    show_rows(rows, as_json, "No tables yet.")
