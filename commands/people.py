"""flask people: the employees."""

from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

import clock
from commands.printing import as_json, show, show_rows
from commands.publishing import SHELL
from commands.responses import a_file
from curation.files import grid
from curation.grid import NoGrid
from interaction.roster import Roster, read_rows
from store import audit, database, people

command = AppGroup("people", help="Employees: who is no outsider in the company's chats.")


@command.command("import")
@click.argument("file", type=a_file)
@as_json
def import_people(file: Path, as_json: bool) -> None:
    """Add employees, and change those of the same e-mail address. Columns: name,email,team (or 이름,이메일,팀). With
    a wrong row nothing is stored. Nobody is removed."""
    roster = read(file.name, file.read_bytes())
    if roster.problems:
        for problem in roster.problems:
            click.echo(str(problem), err=True)
        show(_report(file.name, roster, []), as_json)
        raise SystemExit(1)
    with database.writing() as session:
        outcomes = people.save(session, [row.values for row in roster.rows], clock.now())
        found = _report(file.name, roster, outcomes)
        counts = {key: found[key] for key in (people.ADDED, people.CHANGED, people.SAME)}
        audit.note(session, clock.now(), SHELL, "people.imported", "people", None, {"file": file.name, **counts})
    told = ", ".join(f"{count} {what}" for what, count in counts.items())
    lines = [f"  {row['line']}: {row['outcome']} {row['email']}" for row in found["rows"] if row["outcome"] != "same"]
    show(found, as_json, "\n".join([f"{file.name}: {told}", *lines]))


def read(name: str, data: bytes) -> Roster:
    try:
        cells = grid(name, data)
    except NoGrid as error:
        return Roster([], error.problems(name))
    numbers = cells.lines or cells.numbers
    roster = read_rows(name, cells.sheet, [(numbers[place], cells.rows[place]) for place in cells.filled()])
    roster.problems[:0] = [problem for unread in cells.unread for problem in unread.problems(name)]
    return roster


def _report(file: str, roster: Roster, outcomes: list[str]) -> dict[str, Any]:
    """By row; `wrong` rows keep the others from being stored, which are then `not stored`."""
    wrong = {problem.line for problem in roster.problems}
    told = outcomes or ["wrong" if row.line in wrong else "not stored" for row in roster.rows]
    rows = [
        {"line": row.line, "email": row.values["email"], "outcome": outcome}
        for row, outcome in zip(roster.rows, told, strict=True)
    ]
    counts = {what: told.count(what) for what in (people.ADDED, people.CHANGED, people.SAME, "wrong")}
    return {"file": file, **counts, "rows": rows, "problems": [problem.json() for problem in roster.problems]}


@command.command("list")
@as_json
def list_people(as_json: bool) -> None:
    """All employees."""
    with database.reading() as session:
        rows = [{"name": one.name, "email": one.email, "team": one.team} for one in people.listed(session)]
    show_rows(rows, as_json, "No employees yet: flask people import FILE.csv")
