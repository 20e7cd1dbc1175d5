"""Silences: what they match is not told while they last. Each needs a comment, and the rooms hear of it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Index, and_, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, Id, Moment


class Silence(Base):
    __tablename__ = "silences"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    topic: Mapped[str]
    key: Mapped[str] = mapped_column(default="")
    words: Mapped[str] = mapped_column(default="")
    severity: Mapped[str] = mapped_column(default="")
    comment: Mapped[str]
    by: Mapped[str]
    starts_at: Mapped[datetime] = mapped_column(Moment)
    ends_at: Mapped[datetime] = mapped_column(Moment)
    start_told: Mapped[bool] = mapped_column(default=False)
    end_told: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (Index("ix_silences_ends", "ends_at"),)


def get(session: Session, id: int) -> Silence | None:
    return session.get(Silence, id, populate_existing=True)


def on(session: Session, now: datetime) -> Sequence[Silence]:
    return session.scalars(select(Silence).where(Silence.starts_at <= now, Silence.ends_at > now)).all()


def listed(session: Session, now: datetime | None = None, most: int = 200) -> Sequence[Silence]:
    """The newest first; with `now` only what is on, or still to come."""
    query = select(Silence).order_by(Silence.id.desc()).limit(most)
    return session.scalars(query.where(Silence.ends_at > now) if now else query).all()


def _untold(now: datetime) -> tuple[bool | object, ...]:
    begins = and_(Silence.starts_at <= now, Silence.start_told.is_(False))
    ends = and_(Silence.ends_at <= now, Silence.end_told.is_(False))
    return (or_(begins, ends),)


def any_untold(session: Session, now: datetime) -> bool:
    return session.scalar(select(Silence.id).where(*_untold(now)).limit(1)) is not None  # type: ignore[arg-type]


def untold(session: Session, now: datetime, most: int) -> Sequence[Silence]:
    query = select(Silence).where(*_untold(now)).order_by(Silence.id).limit(most)  # type: ignore[arg-type]
    return session.scalars(query.with_for_update(skip_locked=True)).all()


def end(silence: Silence, now: datetime) -> None:
    """Now. One that never began is told to nobody."""
    if silence.starts_at > now:
        silence.start_told = silence.end_told = True
    silence.starts_at, silence.ends_at = min(silence.starts_at, now), now
