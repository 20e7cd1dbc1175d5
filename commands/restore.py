"""flask restore: a backup becomes the database again, of either kind."""

import fcntl
import os
from pathlib import Path
from typing import Any

import click
import flask_migrate
from alembic import command as alembic
from alembic.config import Config
from alembic.script import ScriptDirectory
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import Connection, Engine, MetaData, Table, and_, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

import clock
from commands.db import FOLDER
from commands.printing import as_json, fail, show
from commands.setup import FIRST_ADMIN, PLAYED
from settings import Settings
from store import archive, database, processes, services
from store.database import db, is_one_of
from store.deliveries import ASK, SENDING, UNFINISHED, WAITING, Delivery
from store.events import NEW, Event

OF_THE_CLOCK = ("ticks", "totals", "standings")


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace what the database holds.")
@as_json
@with_appcontext
def command(file: Path, force: bool, as_json: bool) -> None:
    """Put a backup back, all of it or nothing. Stop the service first."""
    settings: Settings = current_app.extensions["settings"]
    try:
        manifest = archive.check(file)
    except archive.Broken as broken:
        fail(f"{file} is not restored: {broken}.")
    config = _alembic()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if manifest["revision"] not in known:
        fail(f"{file} is of a newer Maru (revision {manifest['revision']}). Upgrade the program first.")
    _refuse_beside_others(settings)
    if not force and _holds_work(db.engine, settings.home_company):
        fail("The database is not empty; nothing was changed. --force replaces what it holds.")
    try:
        _replace(config, file, manifest)
    except archive.Broken as broken:
        fail(f"{file} is not restored, and nothing was changed: {broken}.")
    spooled = _write_files(settings, file)
    (settings.data_dir / "first-password").unlink(missing_ok=True)  # it belonged to an account that is gone
    rows = sum(manifest["tables"].values())
    found = {"made_at": manifest["made_at"], "revision": manifest["revision"], "tables": manifest["tables"]}
    show(found | {"spool": spooled}, as_json, f"restored {rows} rows of {manifest['made_at']}")
    if spooled and not settings.spool:
        click.echo("SPOOL is off: start once with SPOOL=on, so that the spooled calls are recorded.", err=True)


def _alembic() -> Config:
    flask_migrate.Migrate(current_app, db, directory=str(FOLDER))
    config: Config = current_app.extensions["migrate"].migrate.get_config(str(FOLDER))
    return config


def _refuse_beside_others(settings: Settings) -> None:
    running = settings.data_dir / "running"
    if running.exists():
        with running.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                fail(f"The service runs on {settings.data_dir}. Stop it first.")
    try:
        with database.reading() as session:
            alive = list(session.scalars(processes.alive()))
    except SQLAlchemyError:  # no such table yet
        return
    if alive:
        fail(f"The service runs ({len(alive)} workers and clocks). Stop it first, and wait ten seconds.")


def _holds_work(engine: Engine, home: str) -> bool:
    """Is there more than what set-up puts there: shipped modules, tables and services, the house's own company, the
    first admin, and where the sandbox plays the example of a watch?"""
    found = MetaData()
    found.reflect(engine)
    watches = found.tables.get("watches")
    played: Any = [] if watches is None else select(watches.c.topic).where(watches.c.source.contains(PLAYED))
    ours = {
        "versions": lambda table: ~table.c.file_name.startswith("shipped/"),
        "services": lambda table: table.c.origin != services.SHIPPED,
        "staff": lambda table: table.c.email != FIRST_ADMIN,
        "companies": lambda table: table.c.name != home,
        "watches": lambda table: ~table.c.source.contains(PLAYED),
        "topics": lambda table: table.c.name.not_in(played),
        "live_versions": None,  # of those versions
    }
    with engine.connect() as connection:
        for table in found.sorted_tables:
            which: Any = ours.get(table.name, lambda table: None)
            if table.name in (*OF_THE_CLOCK, *archive.LEFT_OUT) or which is None:
                continue
            if _any(connection, table, which(table)):
                return True
    return False


def _any(connection: Connection, table: Table, which: Any) -> bool:
    query = select(table.c[next(iter(table.c.keys()))])
    return connection.execute((query if which is None else query.where(which)).limit(1)).first() is not None


def _replace(config: Config, file: Path, manifest: archive.Manifest) -> None:
    """One transaction: whatever goes wrong, the database is as it was."""
    with db.engine.connect().execution_options(writing=True) as connection, connection.begin():
        archive.take_your_time(connection)
        old = MetaData()
        old.reflect(connection)
        old.drop_all(connection)
        config.attributes["connection"] = connection
        alembic.upgrade(config, manifest["revision"])
        archive.load(file, connection, manifest)
        alembic.upgrade(config, "head")
        _let_go(connection)
    db.engine.dispose()


def _let_go(connection: Connection) -> None:
    """Nobody holds anything. What was waiting may have been sent after the backup was made: before it goes,
    the chat is asked for its key, which it still has. (A question that is not due yet counts as asked when it
    is unclear, so it stays as it is.)"""
    now = clock.now()
    due = or_(Delivery.kind != ASK, Delivery.due_at <= now, is_one_of(Delivery.state, SENDING))
    maybe_sent = and_(is_one_of(Delivery.state, *UNFINISHED), due)
    connection.execute(update(Delivery).where(maybe_sent).values(unclear=True))
    sending = update(Delivery).where(is_one_of(Delivery.state, SENDING))
    connection.execute(sending.values(state=WAITING, owner=None, due_at=now))
    connection.execute(update(Event).where(is_one_of(Event.state, NEW)).values(owner=None))


def _write_files(settings: Settings, file: Path) -> int:
    """The secret key, and what waited in the spool: ahead of everything that comes in from now on."""
    spool = settings.data_dir / "spool"
    spooled = 0
    for name, content in archive.members(file):
        folder, _, base = name.rpartition("/")
        if name == archive.SECRET_KEY:
            _write(settings.data_dir / name, content)
        elif folder in ("spool", "bad"):
            number = base.removesuffix(".json").rjust(20, "0")
            _write((spool / "bad" if folder == "bad" else spool) / f"{number}-restored.json", content)
            spooled += 1
    return spooled


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_name(f"{path.name}.part")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as written:
        written.write(content)
        written.flush()
        os.fsync(written.fileno())
    os.replace(unfinished, path)
