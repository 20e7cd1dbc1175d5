"""Ticks: one row per schedule and due time. The insert that wins runs it, so there may be many clocks."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from store import processes
from store.database import Base, Moment, is_sqlite


class Tick(Base):
    __tablename__ = "ticks"

    schedule: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[datetime] = mapped_column(Moment, primary_key=True)
    owner: Mapped[str]
    done_at: Mapped[datetime | None] = mapped_column(Moment)


def is_open(session: Session, schedule: str, due_at: datetime) -> bool:
    """Is there something to run: nobody took it yet, or who took it died before the end?"""
    tick = session.get(Tick, (schedule, due_at), populate_existing=True)
    return tick is None or (tick.done_at is None and tick.owner not in set(session.scalars(processes.alive())))


def take(session: Session, schedule: str, due_at: datetime, owner: str) -> bool:
    insert = (sqlite if is_sqlite(session) else postgresql).insert(Tick)
    row = insert.values(schedule=schedule, due_at=due_at, owner=owner).on_conflict_do_nothing()
    if session.scalar(row.returning(Tick.schedule)) is not None:
        return True
    left = update(Tick).where(Tick.schedule == schedule, Tick.due_at == due_at, Tick.done_at.is_(None))
    taken = session.execute(
        left.where(or_(Tick.owner == "", Tick.owner.not_in(processes.alive()))).values(owner=owner),
        execution_options={"synchronize_session": False},
    )
    return bool(taken.rowcount == 1)  # type: ignore[attr-defined]


def holder(session: Session, schedule: str, due_at: datetime) -> str:
    tick = session.get(Tick, (schedule, due_at), populate_existing=True)
    return tick.owner if tick else ""


def finish(session: Session, schedule: str, due_at: datetime, owner: str, now: datetime | None) -> None:
    """It is done; `now` = None: it failed, and whoever looks next tries again."""
    mine = update(Tick).where(Tick.schedule == schedule, Tick.due_at == due_at, Tick.owner == owner)
    session.execute(mine.values(done_at=now, owner=owner if now else ""))


def latest(session: Session, schedule: str) -> datetime | None:
    """The newest due time that anybody took."""
    return session.scalar(select(func.max(Tick.due_at)).where(Tick.schedule == schedule))


def forget(session: Session, now: datetime, kept: Mapping[str, timedelta], others: timedelta) -> None:
    """Old ticks go: `kept` says after how long by schedule, `others` for the rest."""
    for schedule, long in kept.items():
        session.execute(delete(Tick).where(Tick.schedule == schedule, Tick.due_at < now - long))
    session.execute(delete(Tick).where(Tick.due_at < now - others))
