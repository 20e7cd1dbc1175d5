"""Modules and tables as staff keep them: one draft, numbered versions, and which of them is live."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import JSON, Index, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

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

    __table_args__ = (Index("ux_versions_number", "kind", "name", "number", unique=True),)


class Live(Base):
    """The numbers that were made live, the last one being live now; a rollback takes the last one off."""

    __tablename__ = "live_versions"

    kind: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    numbers: Mapped[list[int]] = mapped_column(JSON)
    number: Mapped[int]
    since: Mapped[datetime] = mapped_column(Moment)


class Nothing(Exception):
    """There is no such draft or version; the text says which."""


def save_draft(
    session: Session, kind: str, name: str, content: str, now: datetime, file_name: str = "", file: bytes | None = None
) -> Version:
    version = get(session, kind, name, DRAFT)
    if version is None:
        version = Version(kind=kind, name=name, number=DRAFT)
        session.add(version)
    version.content, version.file_name, version.file, version.saved_at = content, file_name, file, now
    version.published_at = None
    session.flush()
    return version


def publish(session: Session, kind: str, name: str, now: datetime) -> int:
    draft = get(session, kind, name, DRAFT, lock=True)
    if draft is None:
        raise Nothing(f"{kind} {name} has no draft to publish")
    newest = select(func.max(Version.number)).where(Version.kind == kind, Version.name == name)
    number = int(session.scalar(newest) or 0) + 1
    draft.number, draft.published_at = number, now
    _make_live(session, kind, name, number, now)
    return number


def rollback(session: Session, kind: str, name: str, to: int | None, now: datetime) -> int:
    """Make an old number live again: `to`, or the one that was live before."""
    live = session.get(Live, (kind, name), with_for_update=True)
    if live is None:
        raise Nothing(f"{kind} {name} was never published")
    if to is None:
        if len(live.numbers) < 2:
            raise Nothing(f"{kind} {name} has no version that was live before version {live.number}")
        live.numbers = live.numbers[:-1]
        live.number, live.since = live.numbers[-1], now
        return live.number
    if to == DRAFT or get(session, kind, name, to) is None:
        raise Nothing(f"{kind} {name} has no version {to}")
    _make_live(session, kind, name, to, now)
    return to


def _make_live(session: Session, kind: str, name: str, number: int, now: datetime) -> None:
    live = session.get(Live, (kind, name), with_for_update=True)
    if live is None:
        session.add(Live(kind=kind, name=name, numbers=[number], number=number, since=now))
        session.flush()
    elif live.number != number:
        live.numbers, live.number, live.since = [*live.numbers, number], number, now


def get(session: Session, kind: str, name: str, number: int, lock: bool = False) -> Version | None:
    query = select(Version).where(Version.kind == kind, Version.name == name, Version.number == number)
    return session.scalars(query.with_for_update() if lock else query).first()


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
