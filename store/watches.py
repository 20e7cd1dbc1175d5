"""Watches: figures on pages that are looked at on a schedule, and what each look read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, Id, Moment, is_one_of

ACCEPTED = ("first", "changed", "corrected", "reverted")  # alerts/watching.py: the figures are the newest from then on
MOST_BACK = 100  # accepted readings that a new one is held against


class Watch(Base):
    __tablename__ = "watches"

    name: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    topic: Mapped[str]
    source: Mapped[str]  # the YAML, as staff wrote it
    on: Mapped[bool] = mapped_column(default=True)
    next_at: Mapped[datetime | None] = mapped_column(Moment)
    etag: Mapped[str] = mapped_column(default="")  # of the page that was read last, and what it says of its age
    modified: Mapped[str] = mapped_column(default="")
    failures: Mapped[int] = mapped_column(default=0)  # unreadable in a row
    updated_at: Mapped[datetime] = mapped_column(Moment)

    __table_args__ = (Index("ix_watches_next", "next_at"),)


class Reading(Base):
    """One look. `figures`: what was read, each by its name."""

    __tablename__ = "readings"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    watch: Mapped[str]
    event_id: Mapped[int] = mapped_column(Id, unique=True)
    at: Mapped[datetime] = mapped_column(Moment)
    outcome: Mapped[str] = mapped_column(default="first")
    why: Mapped[str] = mapped_column(default="")
    figures: Mapped[dict[str, Any]] = mapped_column(JSON)
    told: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        Index("ix_readings_watch", "watch", "id"),
        Index(
            "ix_readings_accepted",
            "watch",
            "id",
            sqlite_where=is_one_of(outcome, *ACCEPTED),
            postgresql_where=is_one_of(outcome, *ACCEPTED),
        ),
    )


def get(session: Session, name: str) -> Watch | None:
    return session.get(Watch, name, populate_existing=True)


def hold(session: Session, name: str) -> Watch | None:
    """Locked to the end of the transaction: two looks at one page are judged one after the other."""
    query = select(Watch).where(Watch.name == name).execution_options(populate_existing=True)
    return session.scalars(query.with_for_update()).first()


def listed(session: Session) -> Sequence[Watch]:
    return session.scalars(select(Watch).order_by(Watch.name)).all()


def any_due(session: Session, now: datetime) -> bool:
    return session.scalar(select(Watch.name).where(Watch.on, Watch.next_at <= now).limit(1)) is not None


def due(session: Session, now: datetime, most: int) -> Sequence[Watch]:
    query = select(Watch).where(Watch.on, Watch.next_at <= now).order_by(Watch.next_at).limit(most)
    return session.scalars(query.with_for_update(skip_locked=True)).all()


# --- readings ---


def of_event(session: Session, event_id: int) -> Reading | None:
    return session.scalars(select(Reading).where(Reading.event_id == event_id)).first()


def accepted(session: Session, name: str, most: int = MOST_BACK) -> Sequence[Reading]:
    """The newest first."""
    query = select(Reading).where(Reading.watch == name, is_one_of(Reading.outcome, *ACCEPTED))
    return session.scalars(query.order_by(Reading.id.desc()).limit(most)).all()


def last_good(session: Session, name: str) -> Reading | None:
    """What the page was last found to say: as accepted, or as good as that."""
    query = select(Reading).where(Reading.watch == name, Reading.outcome != "unreadable")
    return session.scalars(query.order_by(Reading.id.desc()).limit(1)).first()


def last_seen(session: Session, name: str) -> datetime | None:
    """When that was."""
    last = last_good(session, name)
    return last.at if last else None


def history(session: Session, name: str, most: int = 200, before: int | None = None) -> Sequence[Reading]:
    """The newest first."""
    query = select(Reading).where(Reading.watch == name)
    if before is not None:
        query = query.where(Reading.id < before)
    return session.scalars(query.order_by(Reading.id.desc()).limit(most)).all()
