"""Modules and tables as staff keep them: one draft, numbered versions, and which of them is live."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import JSON, Index, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, defer, mapped_column

from store.database import Base, Moment

MODULE, TABLE = "module", "table"
DRAFT = 0  # the draft's number; publishing gives it the next one from 1


class Version(Base):
    __tablename__ = "versions"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    number: Mapped[int]
    content: Mapped[str]  # a module's YAML, a table's rows as JSON
    file_name: Mapped[str] = mapped_column(default="")
    file: Mapped[bytes | None]  # the sheet as staff uploaded it
    saved_at: Mapped[datetime] = mapped_column(Moment)
    published_at: Mapped[datetime | None] = mapped_column(Moment)
    revision: Mapped[int] = mapped_column(default=0)  # of a draft: grows with each save, so that two people notice
    saved_by: Mapped[str] = mapped_column(default="")
    published_by: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")  # why, in the publisher's words
    proposed_by: Mapped[str] = mapped_column(default="")  # an editor asks a publisher to publish this draft
    starts_at: Mapped[datetime | None] = mapped_column(Moment)  # the clock publishes this draft then
    trouble: Mapped[str] = mapped_column(default="")  # why the clock could not publish this draft

    __table_args__ = (
        Index("ux_versions_number", "kind", "name", "number", unique=True),
        Index(
            "ix_versions_starting",
            "starts_at",
            sqlite_where=text("starts_at IS NOT NULL"),
            postgresql_where=text("starts_at IS NOT NULL"),
        ),
    )


class Live(Base):
    """The numbers that were made live, the last one being live now; a rollback takes the last one off."""

    __tablename__ = "live_versions"

    kind: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    numbers: Mapped[list[int]] = mapped_column(JSON)
    number: Mapped[int]
    since: Mapped[datetime] = mapped_column(Moment)
    made_by: Mapped[str] = mapped_column(default="")  # who published it, or made it live again
    note: Mapped[str] = mapped_column(default="")


class Nothing(Exception):
    """There is no such draft or version; the text says which."""


class Overtaken(Exception):
    """Somebody else saved or published in the meantime. `current` is their draft, or what they made live; None when
    the draft was discarded and nothing is live."""

    def __init__(self, current: Version | None) -> None:
        super().__init__("somebody else changed it in the meantime")
        self.current = current


def save_draft(
    session: Session,
    kind: str,
    name: str,
    content: str,
    now: datetime,
    file_name: str = "",
    file: bytes | None = None,
    who: str = "",
    based_on: int | None = None,
) -> Version:
    """Keep the content as the draft; a draft that was proposed or scheduled is so no longer.

    `based_on` is what `revision` told when the editor began (0 will do where there was no draft): when somebody else
    has saved since then, it is refused by Overtaken and nothing is lost. None overwrites whatever is there.
    """
    draft = get(session, kind, name, DRAFT, lock=True)
    newest = _newest_revision(session, kind, name)
    if based_on is not None and based_on not in ((draft.revision,) if draft else (0, newest)):
        raise _overtaken(session, draft or live_version(session, kind, name))
    if draft is None:
        draft = Version(kind=kind, name=name, number=DRAFT)
        session.add(draft)
    draft.content, draft.file_name, draft.file = content, file_name, file
    draft.saved_at, draft.saved_by, draft.revision = now, who, newest + 1
    _not_planned(draft)
    try:
        session.flush()
    except IntegrityError:  # two first drafts at the same time; the other one was quicker
        session.rollback()
        raise _overtaken(session, get(session, kind, name, DRAFT)) from None
    return draft


def _overtaken(session: Session, current: Version | None) -> Overtaken:
    if current is not None:
        session.expunge(current)  # it is read after the transaction was rolled back
    return Overtaken(current)


def _not_planned(draft: Version) -> None:
    draft.published_at = draft.starts_at = None
    draft.published_by = draft.proposed_by = draft.note = draft.trouble = ""


def _newest_revision(session: Session, kind: str, name: str) -> int:
    """Revisions count on from draft to draft, so none means two things."""
    of_name = select(func.max(Version.revision)).where(Version.kind == kind, Version.name == name)
    return int(session.scalar(of_name) or 0)


def revision(session: Session, kind: str, name: str) -> int:
    """What an editor begins from: the draft's revision, or that of the newest version when there is no draft."""
    draft = get(session, kind, name, DRAFT)
    return draft.revision if draft else _newest_revision(session, kind, name)


def discard(session: Session, kind: str, name: str) -> Version:
    """Throw the draft away; returns what it was."""
    draft = _draft(session, kind, name)
    session.delete(draft)
    session.flush()
    return draft


def propose(session: Session, kind: str, name: str, who: str, note: str = "") -> Version:
    """An editor asks a publisher to publish the draft as it is now."""
    draft = _draft(session, kind, name)
    draft.proposed_by, draft.note = who, note
    return draft


def schedule(session: Session, kind: str, name: str, starts_at: datetime, who: str, note: str = "") -> Version:
    """Let the clock publish the draft, as it is now, at that time."""
    draft = _draft(session, kind, name)
    draft.starts_at, draft.published_by, draft.note, draft.trouble = starts_at, who, note, ""
    return draft


def unschedule(session: Session, kind: str, name: str, trouble: str = "") -> Version:
    """Keep the draft, without its time. `trouble`: why the clock could not publish it."""
    draft = _draft(session, kind, name)
    draft.starts_at, draft.published_by, draft.trouble = None, "", trouble
    return draft


def any_starting(session: Session, now: datetime) -> bool:
    return session.scalar(select(Version.id).where(Version.starts_at <= now).limit(1)) is not None


def starting(session: Session, now: datetime) -> Version | None:
    """A scheduled draft whose time has come, locked: another clock passes it by."""
    due = select(Version).where(Version.starts_at <= now, Version.number == DRAFT)
    return session.scalars(due.order_by(Version.starts_at).limit(1).with_for_update(skip_locked=True)).first()


def publish(session: Session, kind: str, name: str, now: datetime, who: str = "", note: str = "") -> int:
    draft = _draft(session, kind, name)
    newest = select(func.max(Version.number)).where(Version.kind == kind, Version.name == name)
    number = int(session.scalar(newest) or 0) + 1
    draft.number, draft.published_at, draft.published_by, draft.note = number, now, who, note
    draft.starts_at, draft.trouble = None, ""
    _make_live(session, kind, name, number, now, who, note)
    return number


def _draft(session: Session, kind: str, name: str) -> Version:
    draft = get(session, kind, name, DRAFT, lock=True)
    if draft is None:
        raise Nothing(f"{kind} {name} has no draft")
    return draft


def rollback(
    session: Session, kind: str, name: str, to: int | None, now: datetime, who: str = "", note: str = ""
) -> int:
    """Make an old number live again: `to`, or the one that was live before."""
    live = session.get(Live, (kind, name), with_for_update=True)
    if live is None:
        raise Nothing(f"{kind} {name} was never published")
    if to is None:
        if len(live.numbers) < 2:
            raise Nothing(f"{kind} {name} has no version that was live before version {live.number}")
        live.numbers = live.numbers[:-1]
        live.number, live.since, live.made_by, live.note = live.numbers[-1], now, who, note
        return live.number
    if to == DRAFT or get(session, kind, name, to) is None:
        raise Nothing(f"{kind} {name} has no version {to}")
    _make_live(session, kind, name, to, now, who, note)
    return to


def _make_live(session: Session, kind: str, name: str, number: int, now: datetime, who: str, note: str) -> None:
    live = session.get(Live, (kind, name), with_for_update=True)
    if live is None:
        session.add(Live(kind=kind, name=name, numbers=[number], number=number, since=now, made_by=who, note=note))
        session.flush()
    elif live.number != number:
        live.numbers, live.number, live.since = [*live.numbers, number], number, now
        live.made_by, live.note = who, note


def history(session: Session, kind: str, name: str, before: int | None = None, most: int = 50) -> Sequence[Version]:
    """Numbered versions, the newest first, without their contents; `before` a number, for the next page."""
    query = select(Version).where(Version.kind == kind, Version.name == name, Version.number > DRAFT)
    if before is not None:
        query = query.where(Version.number < before)
    lean = query.options(defer(Version.content, raiseload=True), defer(Version.file, raiseload=True))
    return session.scalars(lean.order_by(Version.number.desc()).limit(most)).all()


def standing(session: Session, kind: str, name: str) -> Live | None:
    """Which number is live, since when, by whom and why."""
    return session.get(Live, (kind, name))


def get(session: Session, kind: str, name: str, number: int, lock: bool = False) -> Version | None:
    query = select(Version).where(Version.kind == kind, Version.name == name, Version.number == number)
    return session.scalars(query.with_for_update() if lock else query).first()


def exists(session: Session, kind: str, name: str, number: int) -> bool:
    query = select(Version.id).where(Version.kind == kind, Version.name == name, Version.number == number)
    return session.scalar(query) is not None


def live_number(session: Session, kind: str, name: str) -> int | None:
    return session.scalar(select(Live.number).where(Live.kind == kind, Live.name == name))


def live(session: Session, kind: str) -> dict[str, int]:
    """Name and number of all that is live."""
    return {name: number for name, number in session.execute(select(Live.name, Live.number).where(Live.kind == kind))}


def live_version(session: Session, kind: str, name: str) -> Version | None:
    number = live_number(session, kind, name)
    return get(session, kind, name, number) if number else None


def current(session: Session, kind: str, name: str) -> Version | None:
    """The draft if there is one, else what is live."""
    return get(session, kind, name, DRAFT) or live_version(session, kind, name)


def names(session: Session, kind: str) -> Sequence[str]:
    return session.scalars(select(Version.name).where(Version.kind == kind).distinct().order_by(Version.name)).all()


def has_draft(session: Session, kind: str) -> set[str]:
    return set(session.scalars(select(Version.name).where(Version.kind == kind, Version.number == DRAFT)))
