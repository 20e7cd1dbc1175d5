"""flask watches: figures on web pages that are looked at on a schedule."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

import clock
from commands.printing import as_json, fail, local, show, show_rows
from commands.publishing import SHELL
from commands.responses import a_file
from commands.setup import PLAYED, practises
from responses.problems import Invalid
from settings import Settings
from store import audit, database, watches
from workers import watching
from workers.process import Process

command = AppGroup("watches", help="Figures on web pages, and what they were.")


def _settings() -> Settings:
    found: Settings = current_app.extensions["settings"]
    return found


def _of_practice(settings: Settings, name: str) -> Settings:
    """The example's page is on this machine. `make run` allows that to its parts; a shell beside them may as well."""
    with database.reading() as session:
        row = watches.get(session, name)
        plays = row is not None and PLAYED in watching.kept(row).url
    return replace(settings, allow_private_urls=True) if plays and practises(settings) else settings


@command.command("import")
@click.argument("file", type=a_file)
@as_json
def import_watch(file: Path, as_json: bool) -> None:
    """Keep a watch (.yaml), new or instead of the one of its name. With an error nothing is kept."""
    try:
        text = file.read_text(encoding="utf8")
    except UnicodeDecodeError:
        fail(f"{file.name}: is not UTF-8 text")
    try:
        with database.writing() as session:
            watch = watching.save(session, text, file.name, clock.now())
            audit.note(session, clock.now(), SHELL, "watch.imported", f"watch:{watch.name}", None, watch.url)
            row = watches.get(session, watch.name)
            next_at = local(row.next_at) if row else None
    except Invalid as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        show({"file": file.name, "problems": [problem.json() for problem in error.problems]}, as_json)
        raise SystemExit(1) from None
    found = {"watch": watch.name, "topic": watch.topic, "figures": list(watch.figures), "next_at": next_at}
    show({**found, "problems": []}, as_json, f"{watch.name}: looked at next at {next_at}, tells {watch.topic}")


@command.command("run")
@click.argument("name")
@click.option("--accept", is_flag=True, help="Take a jump over max_jump for real.")
@as_json
def run(name: str, accept: bool, as_json: bool) -> None:
    """Look at the page now, and tell what is new."""
    process = Process(current_app._get_current_object(), "shell")  # type: ignore[attr-defined]
    process.start()
    try:
        found = watching.look_now(_of_practice(_settings(), name), process.id, name, accept)
    finally:
        process.leave()
    if found is None:
        fail(f"There is no watch {name}.")
    told = {"watch": name, "outcome": found.outcome.name, "figures": dict(found.figures), "alerted": found.told}
    words = f"{name}: {found.outcome.name}, {found.told} told. {found.outcome.why}".strip()
    show({**told, "why": found.outcome.why}, as_json, words)


@command.command("list")
@as_json
def list_watches(as_json: bool) -> None:
    """All of them, and what they said last."""
    with database.reading() as session:
        rows: list[dict[str, Any]] = []
        for row in watches.listed(session):
            last = watches.last_good(session, row.name)
            figures = dict(last.figures) if last else {}
            rows.append(
                {
                    "watch": row.name,
                    "title": row.title,
                    "topic": row.topic,
                    "on": row.on,
                    "figures": figures if as_json else ", ".join(f"{k} {v}" for k, v in figures.items()),
                    "seen_at": local(last.at if last else None),
                    "next_at": local(row.next_at),
                    "failures": row.failures,
                }
            )
    show_rows(rows, as_json, "No watches yet: flask watches import FILE")


@command.command("history")
@click.argument("name")
@click.option("--most", type=click.IntRange(1, 100_000), default=200, show_default=True, help="The newest so many.")
@as_json
def history(name: str, most: int, as_json: bool) -> None:
    """What each look read, the oldest first."""
    with database.reading() as session:
        if watches.get(session, name) is None:
            fail(f"There is no watch {name}.")
        rows = [
            {
                "id": one.id,
                "at": local(one.at),
                "outcome": one.outcome,
                "figures": dict(one.figures) if as_json else ", ".join(f"{k} {v}" for k, v in one.figures.items()),
                "why": one.why,
                "told": one.told,
            }
            for one in reversed(watches.history(session, name, most))
        ]
    show_rows(rows, as_json, f"{name} was not looked at yet.")


@command.command("stop")
@click.argument("name")
@click.option("--again", is_flag=True, help="Go on with it.")
@as_json
def stop(name: str, again: bool, as_json: bool) -> None:
    """Look at it no more by itself. Its readings stay."""
    with database.writing() as session:
        row = watches.hold(session, name)
        if row is None:
            fail(f"There is no watch {name}.")
        watching.switch(session, _settings(), row, again, clock.now())
        audit.note(session, clock.now(), SHELL, "watch.on" if again else "watch.off", f"watch:{name}")
    show({"watch": name, "on": again}, as_json, f"{name} is {'on' if again else 'off'}")
