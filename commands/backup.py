"""flask backup: everything that matters in one file, also while the service runs."""

import os
from collections.abc import Iterator
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import inspect, text

import clock
from commands.printing import as_json, fail, local, show
from settings import ROOT, Settings
from store import archive
from store.database import db
from store.spool import Spool


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@as_json
@with_appcontext
def command(file: Path, as_json: bool) -> None:
    """Write tables, spool and the kept secret key to FILE (.tar.gz, readable by its owner alone)."""
    if file.exists():
        fail(f"{file} is there already; nothing was overwritten. Give another name.")
    if not inspect(db.engine).has_table("alembic_version"):
        fail("The database is empty: there is nothing to back up.")
    settings: Settings = current_app.extensions["settings"]
    # The spool first: what is brought into the database meanwhile is then in both, and still recorded once.
    files = list(_files(settings))
    try:
        with archive.snapshot(db.engine.connect) as connection:
            revision = str(connection.scalar(text("SELECT version_num FROM alembic_version")))
            about = {
                "maru": (ROOT / "VERSION").read_text().strip(),
                "revision": revision,
                "made_at": local(clock.now()),
                "database": connection.dialect.name,
            }
            manifest = archive.write(file, connection, about, files)
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}")
    spooled = sum(1 for name, _ in files if name != archive.SECRET_KEY)
    found = {"file": str(file), "bytes": os.path.getsize(file), "revision": revision}
    found |= {"made_at": manifest["made_at"], "tables": manifest["tables"], "spool": spooled}
    rows = sum(manifest["tables"].values())
    show(found, as_json, f"{file}: {rows} rows at revision {revision}, {spooled} files of the spool")


def _files(settings: Settings) -> Iterator[tuple[str, bytes]]:
    key = settings.data_dir / "secret-key"
    if key.exists():
        yield archive.SECRET_KEY, key.read_bytes()
    spool = Spool(settings.data_dir / "spool")
    for folder, paths in (("spool", spool.waiting()), ("bad", spool.laid_aside())):
        for number, path in enumerate(paths, start=1):
            try:
                yield f"{folder}/{number:06d}.json", path.read_bytes()
            except FileNotFoundError:  # brought into the database just now
                continue
