"""Processes that are alive. A lease lives by its owner's heartbeat, so a dead owner's work is free."""

from sqlalchemy import Select, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, is_sqlite, real_time

BEAT_SECONDS = 2.0
LOST_SECONDS = 8.0


class Heartbeat(Base):
    __tablename__ = "heartbeats"

    id: Mapped[str] = mapped_column(primary_key=True)  # a new one each time a process starts
    part: Mapped[str]
    host: Mapped[str]
    pid: Mapped[int]
    beat_at: Mapped[float]  # seconds since 1970 by the database's clock: hosts need not agree on the time
    detail: Mapped[str] = mapped_column(default="")


def beat(session: Session, id: str, part: str, host: str, pid: int, detail: str = "") -> None:
    values = {"id": id, "part": part, "host": host, "pid": pid, "beat_at": real_time(), "detail": detail}
    insert = (sqlite if is_sqlite(session) else postgresql).insert(Heartbeat).values(values)
    session.execute(
        insert.on_conflict_do_update(index_elements=["id"], set_={"beat_at": values["beat_at"], "detail": detail})
    )


def alive() -> Select[str]:
    """The ids whose leases hold, as a subquery."""
    return select(Heartbeat.id).where(Heartbeat.beat_at > real_time() - LOST_SECONDS)


def leave(session: Session, id: str) -> None:
    session.execute(delete(Heartbeat).where(Heartbeat.id == id))


def parts(session: Session) -> list[Heartbeat]:
    return list(session.scalars(select(Heartbeat).order_by(Heartbeat.part, Heartbeat.id)))


def forget_dead(session: Session, older_than_seconds: float) -> None:
    session.execute(delete(Heartbeat).where(Heartbeat.beat_at < real_time() - older_than_seconds))
