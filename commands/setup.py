"""flask setup: everything a start needs, as often as one likes: migrations, shipped words, the first admin."""

import os
from dataclasses import asdict
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

import clock
from commands.db import migrate
from commands.printing import as_json, fail, show
from settings import ROOT, Settings
from store import companies, database, services, staff, versions, watches

SHIPPED = ROOT / "responses" / "shipped"
CATALOGUE = SHIPPED / "services.yaml"
WATCHES = ROOT / "alerts" / "shipped"
PLAYED = "/watched/cases"  # the sandbox's page: a watch that looks at it is the example still
FIRST_ADMIN = "admin@maru.local"


@click.command("setup")
@click.option("--sandbox", default="", help="Its address: the watch of the example looks at its page.")
@as_json
@with_appcontext
def command(sandbox: str, as_json: bool) -> None:
    """Bring the database up to date, add what is shipped, make the first admin."""
    settings = current_app.extensions["settings"]
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        migrate()
    except (OperationalError, InterfaceError) as error:
        fail(f"maru: DATABASE_URL: the database cannot be used: {' '.join(str(error.orig).split())}")
    with database.writing() as session:
        database.alone(session)
        added = [*ship(session), *ship_services(session), *(ship_watches(session, sandbox) if sandbox else [])]
        companies.ensure(session, settings.home_company, clock.now())
        password = None if staff.listed(session) else staff.add(session, FIRST_ADMIN, "admin", clock.now())
    if password:
        keep_first_password(settings.data_dir / "first-password", password)
    first = {"email": FIRST_ADMIN} if password else None
    show({"shipped": added, "first_admin": first}, as_json, f"set up; new or newer: {', '.join(added) or 'nothing'}")


def ship(session: Session) -> list[str]:
    """Shipped modules and tables that are new, or newer than the shipped version that is live. What staff changed
    stays theirs."""
    from curation.sheets import read_sheet

    added = []
    for path in sorted((SHIPPED / "tables").glob("*.*")):
        if _is_ours(session, versions.TABLE, path.stem) and not _same_file(session, path):
            table, problems = read_sheet(path.stem, path.name, path.read_bytes(), None)
            if table is None:
                raise click.ClickException("\n".join(str(problem) for problem in problems))
            _publish(session, versions.TABLE, path, table.to_json(), path.read_bytes())
            added.append(path.stem)
    for path in shipped_modules():
        live = versions.live_version(session, versions.MODULE, path.stem)
        text = path.read_text(encoding="utf8")
        if _is_ours(session, versions.MODULE, path.stem) and (live is None or live.content != text):
            _publish(session, versions.MODULE, path, text, None)
            added.append(path.stem)
    return added


def shipped_modules() -> list[Path]:
    return sorted(path for path in SHIPPED.glob("*.yaml") if path != CATALOGUE)


def ship_services(session: Session) -> list[str]:
    """The catalogue to begin with, when there is none."""
    from interaction.catalogue import read_yaml

    if services.listed(session):
        return []
    catalogue = read_yaml(CATALOGUE.read_text(encoding="utf8"), CATALOGUE.name)
    if catalogue.failed:
        raise click.ClickException("\n".join(str(problem) for problem in catalogue.problems))
    services.save(session, [asdict(service) for service in catalogue.services], clock.now(), origin=services.SHIPPED)
    return [CATALOGUE.stem]


def ship_watches(session: Session, sandbox: str) -> list[str]:
    """The example of a watch, which looks at a page of the sandbox; again when that has another address."""
    from workers import watching

    added = []
    for path in sorted(WATCHES.glob("*.yaml")):
        text = path.read_text(encoding="utf8").replace("SANDBOX", sandbox)
        kept = watches.get(session, path.stem)
        if kept is None or (kept.source != text and PLAYED in kept.source):
            watching.save(session, text, path.name, clock.now())
            added.append(path.stem)
    return added


def practises(settings: Settings) -> bool:
    """The sandbox plays here, or did."""
    return (settings.data_dir / "sandbox.json").exists()


def _is_ours(session: Session, kind: str, name: str) -> bool:
    """Nothing is there yet, or just what we shipped."""
    if versions.get(session, kind, name, versions.DRAFT):
        return False
    live = versions.live_version(session, kind, name)
    return live is None or live.file_name.startswith("shipped/")


def _same_file(session: Session, path: Path) -> bool:
    live = versions.live_version(session, versions.TABLE, path.stem)
    return live is not None and live.file == path.read_bytes()


def _publish(session: Session, kind: str, path: Path, content: str, file: bytes | None) -> None:
    now = clock.now()
    versions.save_draft(session, kind, path.stem, content, now, f"shipped/{path.name}", file)
    versions.publish(session, kind, path.stem, now)


def keep_first_password(path: Path, password: str) -> None:
    """`make run` shows it once to a terminal and deletes the file; else it stays here for whoever set Maru up."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password + "\n")
