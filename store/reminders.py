"""Reminders: when they are due again, and where they are told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, Id, Moment, is_one_of

ON, PAUSED, DONE = "on", "paused", "done"  # done: it was due for the last time, and goes once it is told


class Reminder(Base):
    __tablename__ = "reminders"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    channel: Mapped[str]
    chat: Mapped[str]
    room: Mapped[bool]
    text: Mapped[str]
    repeat: Mapped[dict[str, Any]] = mapped_column(JSON)
    language: Mapped[str]
    state: Mapped[str] = mapped_column(default=ON)
    next_at: Mapped[datetime] = mapped_column(Moment)  # when it is due
    tell_at: Mapped[datetime] = mapped_column(Moment)  # when it is told: the same, or when the quiet hours end
    created_at: Mapped[datetime] = mapped_column(Moment)

    __table_args__ = (
        Index("ix_reminders_person", "person_id"),
        Index(
            "ix_reminders_due",
            "tell_at",
            sqlite_where=is_one_of(state, ON),
            postgresql_where=is_one_of(state, ON),
        ),
    )


def get(session: Session, id: int) -> Reminder | None:
    return session.get(Reminder, id)


def of_person(session: Session, person: int) -> Sequence[Reminder]:
    mine = select(Reminder).where(Reminder.person_id == person, is_one_of(Reminder.state, ON, PAUSED))
    return session.scalars(mine.order_by(Reminder.id)).all()


def counts(session: Session) -> dict[int, int]:
    """How many each employee has."""
    query = select(Reminder.person_id, func.count()).where(is_one_of(Reminder.state, ON, PAUSED))
    return dict(session.execute(query.group_by(Reminder.person_id)).tuples().all())


def remove(session: Session, id: int) -> None:
    session.execute(delete(Reminder).where(Reminder.id == id))


def any_due(session: Session, now: datetime) -> bool:
    due = select(Reminder.id).where(is_one_of(Reminder.state, ON), Reminder.tell_at <= now)
    return session.scalar(due.limit(1)) is not None


def due(session: Session, now: datetime, most: int) -> Sequence[Reminder]:
    """Locked to the end of the transaction, in which their events are recorded and their next time is set; another
    clock that looks at the same moment passes over these rows."""
    query = select(Reminder).where(is_one_of(Reminder.state, ON), Reminder.tell_at <= now)
    return session.scalars(query.order_by(Reminder.tell_at).limit(most).with_for_update(skip_locked=True)).all()
