"""Which migration the database is at, and whether this program needs a later one."""

from functools import cache
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

MIGRATIONS = Path(__file__).resolve().parent / "migrations" / "versions"


@cache
def _known() -> list[str]:
    """Our migrations in their order: a file's name begins with its number, which is the revision."""
    return sorted(path.name.partition("_")[0] for path in MIGRATIONS.glob("[0-9]*.py"))


def is_behind(session: Session) -> bool:
    """Is a migration that we need still to come? A database that is ahead of us, as while a release is being rolled
    out, is none of that: migrations only add what the release before can do without."""
    known = _known()
    at = session.scalar(text("SELECT version_num FROM alembic_version"))
    return at != known[-1] and at in known


def is_ahead(at: str) -> bool:
    """Has a later release been here? Then its migrations stay: this one can do with what they added."""
    return at not in _known() and at > _known()[-1]
