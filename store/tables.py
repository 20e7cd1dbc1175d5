"""Tables at a glance: which there are, who made them live, who is at a draft; without their contents."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.versions import DRAFT, TABLE, Live, Version


@dataclass(frozen=True)
class Draft:
    revision: int
    file_name: str
    saved_at: datetime
    saved_by: str
    proposed_by: str
    note: str


@dataclass(frozen=True)
class Standing:
    """One table: what is live, and its draft if there is one."""

    name: str
    number: int | None
    since: datetime | None
    made_by: str
    draft: Draft | None


def standing(session: Session, name: str = "") -> list[Standing]:
    """All tables by name, or just this one."""
    lives = select(Live).where(Live.kind == TABLE)
    columns = (Version.revision, Version.file_name, Version.saved_at, Version.saved_by, Version.proposed_by)
    drafts = select(Version.name, *columns, Version.note).where(Version.kind == TABLE, Version.number == DRAFT)
    if name:
        lives, drafts = lives.where(Live.name == name), drafts.where(Version.name == name)
    live = {one.name: one for one in session.scalars(lives)}
    draft = {row[0]: Draft(*row[1:]) for row in session.execute(drafts)}
    found = []
    for each in sorted(live.keys() | draft.keys()):
        now = live.get(each)
        number, since, made_by = (now.number, now.since, now.made_by) if now else (None, None, "")
        found.append(Standing(each, number, since, made_by, draft.get(each)))
    return found
