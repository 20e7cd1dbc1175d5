"""Publishing and rolling back at the command line: the same change as in the console, and in the same audit."""

import click
from sqlalchemy.orm import Session

import clock
from store import audit, versions

SHELL = "command line"  # in the audit; versions themselves name accounts only
a_note = click.option("--note", default="", help="Why, for the list of versions.")


def published(session: Session, kind: str, name: str, note: str) -> int:
    before = versions.live_number(session, kind, name)
    number = versions.publish(session, kind, name, clock.now(), "", note)
    _told(session, f"{kind}.published", kind, name, before, number, note)
    return number


def rolled_back(session: Session, kind: str, name: str, to: int | None, note: str) -> int:
    before = versions.live_number(session, kind, name)
    number = versions.rollback(session, kind, name, to, clock.now(), "", note)
    _told(session, f"{kind}.rolled_back", kind, name, before, number, note)
    return number


def _told(session: Session, what: str, kind: str, name: str, before: int | None, number: int, note: str) -> None:
    audit.note(session, clock.now(), SHELL, what, f"{kind}:{name}", before, {"version": number, "note": note})
