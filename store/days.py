"""TG days: personal company days of employees, and when the others are to hear of them."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, Id, Moment
from store.people import Person

WHOLE, MORNING, AFTERNOON = "day", "morning", "afternoon"
BEFORE, ON = "before", "on"  # what is told: on the working day before, and on the day


class Day(Base):
    __tablename__ = "days"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    on: Mapped[date]
    part: Mapped[str] = mapped_column(default=WHOLE)
    channel: Mapped[str]  # where it was registered, so where its person is told
    created_at: Mapped[datetime] = mapped_column(Moment)

    __table_args__ = (
        Index("ux_days_person", "person_id", "on", unique=True),
        Index("ix_days_on", "on"),
    )


class Telling(Base):
    """That a day is still to be told; gone once the clock has recorded it."""

    __tablename__ = "tellings"

    day_id: Mapped[int] = mapped_column(ForeignKey("days.id", ondelete="CASCADE"), primary_key=True)
    what: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[datetime] = mapped_column(Moment)

    __table_args__ = (Index("ix_tellings_due", "due_at"),)


def get(session: Session, id: int) -> Day | None:
    return session.get(Day, id)


def of_person(session: Session, person: int, since: date) -> Sequence[Day]:
    return session.scalars(select(Day).where(Day.person_id == person, Day.on >= since).order_by(Day.on)).all()


def find(session: Session, person: int, on: date) -> Day | None:
    return session.scalars(select(Day).where(Day.person_id == person, Day.on == on)).first()


def between(session: Session, first: date, last: date) -> list[tuple[Day, Person]]:
    """Everybody's, both ends included."""
    query = select(Day, Person).join(Person, Person.id == Day.person_id).where(Day.on >= first, Day.on <= last)
    return list(session.execute(query.order_by(Day.on, Person.team, Person.name, Day.id)).tuples())


def plan(session: Session, day: Day, dues: dict[str, datetime]) -> None:
    """When it is to be told, in place of what was planned."""
    session.execute(delete(Telling).where(Telling.day_id == day.id))
    session.add_all(Telling(day_id=day.id, what=what, due_at=due) for what, due in dues.items())
    session.flush()


def remove(session: Session, ids: Sequence[int]) -> None:
    session.execute(delete(Telling).where(Telling.day_id.in_(ids)))
    session.execute(delete(Day).where(Day.id.in_(ids)))


def any_due(session: Session, now: datetime) -> bool:
    return session.scalar(select(Telling.day_id).where(Telling.due_at <= now).limit(1)) is not None


def take_due(session: Session, now: datetime, most: int) -> list[tuple[Telling, Day, Person]]:
    """What is due, taken off the plan: its events are recorded in the same transaction. Another clock that looks
    at the same moment passes over these rows."""
    query = (
        select(Telling, Day, Person)
        .join(Day, Day.id == Telling.day_id)
        .join(Person, Person.id == Day.person_id)
        .where(Telling.due_at <= now)
        .order_by(Telling.due_at)
        .limit(most)
        .with_for_update(of=Telling, skip_locked=True)
    )
    found = list(session.execute(query).tuples())
    for telling, _, _ in found:
        session.delete(telling)
    return found
