"""flask responses: modules, from draft to live and back."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.exc import SQLAlchemyError

import clock
from commands.printing import as_json, fail, show, show_rows
from commands.publishing import a_note, published, rolled_back
from commands.setup import SHIPPED, shipped_modules
from curation.lookup import Table
from responses import check as checking
from responses import module as modules
from responses.problems import Invalid, ModuleError, Problem
from store import database, versions
from workers import rehearsal, words

command = AppGroup("responses", help="Response modules: check, draft, publish, preview.")
a_file = click.Path(exists=True, dir_okay=False, path_type=Path)


def shipped_tables() -> dict[str, Table]:
    from curation.sheets import read_sheet

    found = {}
    for path in sorted((SHIPPED / "tables").glob("*.*")):
        table, _ = read_sheet(path.stem, path.name, path.read_bytes(), None)
        if table is not None:
            found[path.stem] = table
    return found


@command.command("check")
@click.argument("files", type=a_file, nargs=-1)
@as_json
def check(files: tuple[Path, ...], as_json: bool) -> None:
    """Say what is wrong with modules and how to mend it; with no FILE, with the shipped ones."""
    tables = shipped_tables()
    try:
        with database.reading() as session:
            tables |= words.current_tables(session)
    except SQLAlchemyError:
        click.echo("The database cannot be read; tables that staff uploaded are not known.", err=True)
    problems: list[Problem] = []
    for path in files or shipped_modules():
        problems += checking.check(_text(path), str(path), tables)
    _report(problems, {}, as_json, "Nothing is wrong.")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise click.UsageError(f"{path} is not UTF-8 text") from None


def _report(problems: list[Problem], more: dict[str, Any], as_json: bool, fine: str) -> None:
    errors = [problem for problem in problems if problem.level == "error"]
    for problem in problems:
        click.echo(str(problem), err=True)
    show({"problems": [problem.json() for problem in problems]} | more, as_json, "" if errors else fine)
    if errors:
        raise SystemExit(1)


@command.command("import")
@click.argument("file", type=a_file)
@click.option("--publish", "and_publish", is_flag=True, help="Make it live at once.")
@as_json
def import_module(file: Path, and_publish: bool, as_json: bool) -> None:
    """Keep a module as the draft; with an error nothing is kept."""
    text = _text(file)
    with database.reading() as session:
        tables = words.current_tables(session)
    problems = checking.check(text, str(file), tables)
    if any(problem.level == "error" for problem in problems):
        _report(problems, {}, as_json, "")
    name = modules.parse(text, str(file)).name
    with database.writing() as session:
        versions.save_draft(session, versions.MODULE, name, text, clock.now(), file.name)
        number = published(session, versions.MODULE, name, "") if and_publish else None
    done = f"{name}: version {number} is live" if number else f"{name}: kept as the draft"
    _report(problems, {"module": name, "version": number}, as_json, done)


@command.command("export")
@click.argument("module")
@as_json
def export(module: str, as_json: bool) -> None:
    """Print a module's YAML: its draft if there is one, else what is live."""
    with database.reading() as session:
        kept = versions.current(session, versions.MODULE, module)
        if kept is None:
            fail(f"There is no module {module}.")
        content, number = kept.content, kept.number or None
    show({"module": module, "version": number, "content": content}, as_json, content.rstrip("\n"))


@command.command("publish")
@click.argument("module")
@a_note
@as_json
def publish(module: str, note: str, as_json: bool) -> None:
    """Make the draft live; it gets the next number."""
    with database.writing() as session:
        draft = versions.get(session, versions.MODULE, module, versions.DRAFT)
        if draft is None:
            fail(f"module {module} has no draft to publish")
        problems = checking.check(draft.content, f"{module}.yaml", words.current_tables(session))
        if any(problem.level == "error" for problem in problems):
            _report(problems, {}, as_json, "")
        number = published(session, versions.MODULE, module, note)
    show({"module": module, "version": number}, as_json, f"{module}: version {number} is live")


@command.command("rollback")
@click.argument("module")
@click.option("--to", type=int, help="This version; else the one that was live before.")
@a_note
@as_json
def rollback(module: str, to: int | None, note: str, as_json: bool) -> None:
    """Make an old version live again."""
    try:
        with database.writing() as session:
            number = rolled_back(session, versions.MODULE, module, to, note)
    except versions.Nothing as nothing:
        fail(str(nothing))
    show({"module": module, "version": number}, as_json, f"{module}: version {number} is live")


@command.command("list")
@as_json
def list_modules(as_json: bool) -> None:
    """All modules."""
    with database.reading() as session:
        live, drafts = versions.live(session, versions.MODULE), versions.has_draft(session, versions.MODULE)
        rows = []
        for name in versions.names(session, versions.MODULE):
            kept = versions.live_version(session, versions.MODULE, name) or versions.current(
                session, versions.MODULE, name
            )
            module = words.parsed(kept) if kept else None
            rows.append(
                {
                    "module": name,
                    "title": module.title if module else "",
                    "order": module.order if module else None,
                    "live": live.get(name),
                    "draft": name in drafts,
                }
            )
    show_rows(rows, as_json, "No modules yet.")


@command.command("preview")
@click.argument("module")
@click.option("--survey", type=a_file, required=True, help="One flat JSON object of survey keys.")
@click.option("--now", "now_text", help="ISO time at which the event came in.")
@click.option("--version", type=int, help="This version; else the draft, else what is live.")
@as_json
def preview(module: str, survey: Path, now_text: str | None, version: int | None, as_json: bool) -> None:
    """The answer to a survey, with nothing sent."""
    settings = current_app.extensions["settings"]
    received, now = _survey(survey), _moment(now_text, settings.timezone)
    with database.reading() as session:
        if version is None:
            kept = versions.current(session, versions.MODULE, module)
        else:
            kept = versions.get(session, versions.MODULE, module, version) if version > 0 else None
        if kept is None:
            fail(f"There is no module {module}." if version is None else f"Module {module} has no version {version}.")
        try:
            parsed = words.parsed(kept)
            found = rehearsal.preview(session, settings, parsed, kept.number or None, received, now)
        except (ModuleError, Invalid) as error:
            fail(f"{module}: {error}")
    words_of = [message.get("plain", message["text"]) for message in found["messages"]]
    lines = [f"missing: {', '.join(found['missing'])}"] if found["missing"] else []
    show(found, as_json, "\n\n".join(lines + words_of))


def _survey(path: Path) -> dict[str, Any]:
    from channels.contract import Malformed, read_json

    try:
        # NaN and Infinity, which no webhook may bring, are told as what they are: no numbers.
        return read_json(path.read_bytes(), constant=str)
    except Malformed as error:
        raise click.UsageError(f"{path}: {error}; a survey is one flat JSON object") from None


def _moment(text: str | None, zone: Any) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"--now: {text!r} is no ISO time such as 2026-12-24T10:00") from None
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment


@command.command("backtest")
@click.argument("module")
@click.option("--last", default=100, show_default=True, type=click.IntRange(1, 1_000_000), help="Customers.")
@as_json
def backtest(module: str, last: int, as_json: bool) -> None:
    """Compare the draft with what is live, over the surveys of the last customers who started it."""
    try:
        with database.reading() as session:
            found = rehearsal.backtest(session, current_app.extensions["settings"], module, last)
    except (versions.Nothing, Invalid) as error:
        fail(str(error))
    lines = [f"{found['surveys']} surveys: {found['same']} same, {found['changed']} changed, {found['failed']} failing"]
    lines += [f"  {group['count']:5}  {group['cause']}" for group in found["groups"]]
    show(found, as_json, "\n".join(lines))
