"""Errands: long work that somebody at the console waits for, done by a worker: a backtest, the reading of a sheet.

The row is the truth: what is asked, how far it is, what came of it. A worker that dies leaves its errand to another.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, Index, and_, delete, or_, select, update
from sqlalchemy.orm import Mapped, Session, defer, mapped_column, undefer

from store import processes
from store.database import Base, Id, Moment, is_one_of, storable

WAITING, WORKING, DONE, FAILED, CANCELLED = "waiting", "working", "done", "failed", "cancelled"
OPEN = (WAITING, WORKING)
MOST_ATTEMPTS = 3
KEPT = timedelta(days=1)  # results hold customers' words, and can be had again


class Errand(Base):
    __tablename__ = "errands"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str]
    subject: Mapped[str]  # the module's or table's name
    given: Mapped[dict[str, Any]] = mapped_column(JSON)
    file_name: Mapped[str] = mapped_column(default="")
    file: Mapped[bytes | None] = mapped_column(deferred=True)  # a page asks every second how far it is
    asked_by: Mapped[str]
    asked_at: Mapped[datetime] = mapped_column(Moment)
    state: Mapped[str] = mapped_column(default=WAITING)
    owner: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    found: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    reason: Mapped[str] = mapped_column(default="")
    ended_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        Index("ix_errands_open", "id", sqlite_where=is_one_of(state, *OPEN), postgresql_where=is_one_of(state, *OPEN)),
    )


def ask(
    session: Session,
    kind: str,
    subject: str,
    given: dict[str, Any],
    asked_by: str,
    now: datetime,
    file_name: str = "",
    file: bytes | None = None,
) -> Errand:
    errand = Errand(kind=kind, subject=subject, given=given, asked_by=asked_by, asked_at=now)
    errand.file_name, errand.file = file_name, file
    session.add(errand)
    session.flush()
    return errand


def get(session: Session, id: int) -> Errand | None:
    return session.get(Errand, id)


def for_work(session: Session, id: int) -> Errand | None:
    """With its file, and good outside the session."""
    errand = session.get(Errand, id, options=[undefer(Errand.file)], populate_existing=True)
    if errand is not None:
        session.expunge(errand)
    return errand


def latest(session: Session, kind: str, subject: str, state: str | None = None) -> Errand | None:
    query = select(Errand).where(Errand.kind == kind, Errand.subject == subject).order_by(Errand.id.desc())
    if state is not None:
        query = query.where(Errand.state == state)
    return session.scalars(query.limit(1)).first()


def _free() -> Any:
    """Nobody's, or a dead process's."""
    dead = and_(is_one_of(Errand.state, WORKING), Errand.owner.not_in(processes.alive()))
    return or_(is_one_of(Errand.state, WAITING), dead)


def any_waiting(session: Session) -> bool:
    return session.scalar(select(Errand.id).where(is_one_of(Errand.state, *OPEN), _free()).limit(1)) is not None


def open_ones(session: Session, most: int) -> list[Errand]:
    """Without their files."""
    query = select(Errand).where(is_one_of(Errand.state, *OPEN)).order_by(Errand.id).limit(most)
    return list(session.scalars(query.options(defer(Errand.file))))


def claim(session: Session, owner: str, now: datetime) -> Errand | None:
    """Take the oldest; one that has killed several workers is given up."""
    wanted = select(Errand).where(is_one_of(Errand.state, *OPEN), _free()).order_by(Errand.id).limit(1)
    errand = session.scalars(wanted.with_for_update(skip_locked=True)).first()
    if errand is None:
        return None
    if errand.attempts >= MOST_ATTEMPTS:
        _end(errand, FAILED, now, reason="the worker died of it several times")
        return None
    errand.state, errand.owner, errand.attempts, errand.done = WORKING, owner, errand.attempts + 1, 0
    return errand


def progress(session: Session, id: int, owner: str, done: int, total: int) -> bool:
    """Note how far it is. False when it is no longer this worker's: cancelled, or given to another."""
    mine = update(Errand).where(Errand.id == id, Errand.owner == owner, is_one_of(Errand.state, WORKING))
    return bool(session.execute(mine.values(done=done, total=total)).rowcount)  # type: ignore[attr-defined]


def is_held(session: Session, id: int, owner: str) -> bool:
    """Is it still this worker's to do?"""
    held = select(Errand.id).where(Errand.id == id, Errand.owner == owner, is_one_of(Errand.state, WORKING))
    return session.scalar(held) is not None


def give_back(session: Session, id: int, owner: str, counts: bool) -> bool:
    """Let another worker take it up, if it is still this one's. `counts`: its not being done may be its own fault."""
    mine = update(Errand).where(Errand.id == id, Errand.owner == owner, is_one_of(Errand.state, WORKING))
    attempts = Errand.attempts if counts else Errand.attempts - 1
    given = session.execute(mine.values(state=WAITING, owner=None, attempts=attempts, done=0))
    return bool(given.rowcount)  # type: ignore[attr-defined]


def finish(
    session: Session, id: int, owner: str, state: str, now: datetime, found: Any = None, reason: str = ""
) -> bool:
    """False when it is no longer this worker's; then nothing is kept."""
    query = select(Errand).where(Errand.id == id, Errand.owner == owner, is_one_of(Errand.state, WORKING))
    errand = session.scalars(query.with_for_update()).first()
    if errand is None:
        return False
    _end(errand, state, now, found, reason)
    return True


def cancel(session: Session, id: int, now: datetime) -> bool:
    errand = session.get(Errand, id, with_for_update=True)
    if errand is None or errand.state not in OPEN:
        return False
    _end(errand, CANCELLED, now)
    return True


def _end(errand: Errand, state: str, now: datetime, found: Any = None, reason: str = "") -> None:
    errand.state, errand.found, errand.reason, errand.ended_at = state, found, storable(reason, 500), now
    errand.owner = None


def forget_old(session: Session, now: datetime) -> None:
    """Results age out; so does what nobody took up."""
    session.execute(delete(Errand).where(Errand.asked_at < now - KEPT))


def forget_all(session: Session) -> None:
    """For when a person is erased: any result may hold their words, and can be had again."""
    session.execute(delete(Errand))
