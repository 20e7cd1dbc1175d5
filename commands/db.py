"""flask db: migrations (Flask-Migrate)."""

import click
import flask_migrate
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy import inspect, text

from commands.printing import as_json, show
from settings import ROOT
from store import schema
from store.database import db

command = AppGroup("db", help="Database migrations.")
FOLDER = ROOT / "store" / "migrations"


def migrate(revision: str = "head") -> str:
    """Bring the database up to date, or to this revision; returns the revision it is at."""
    _prepare()
    if revision == "head" and (at := _at()) and schema.is_ahead(at):  # we were rolled back to
        return at
    flask_migrate.upgrade(revision=revision)
    return _at()


def _at() -> str:
    """The database's revision; empty when it has none."""
    with db.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return ""
        return str(connection.scalar(text("SELECT version_num FROM alembic_version")) or "")


def _prepare() -> None:
    flask_migrate.Migrate(current_app, db, directory=str(FOLDER))


@command.command("upgrade")
@click.argument("revision", default="head")
@as_json
def upgrade(revision: str, as_json: bool) -> None:
    """Bring the database up to date, or to REVISION."""
    before = set(inspect(db.engine).get_table_names())
    revision = migrate(revision)
    words = "the database is up to date" if before else "the database was made"
    if schema.is_ahead(revision):
        words = "the database is ahead: a later release was here, and what it added stays"
    show({"revision": revision}, as_json, f"{words}, at revision {revision}")


@command.command("revision")
@click.argument("message")
def revision(message: str) -> None:
    """For developers: write the migration that brings the database to what store/ declares."""
    _prepare()
    flask_migrate.revision(message=message, autogenerate=True)
