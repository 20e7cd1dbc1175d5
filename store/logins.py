"""Who is logged in to the console, the links by which people come in, and the failures that slow a guesser down.

Tokens are kept as SHA-256; real time counts here, never the movable clock."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Index, delete, func, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, Id, Moment, storable
from store.staff import Staff

IDLE = timedelta(hours=12)
LONGEST = timedelta(days=7)
LINK_LIVES = timedelta(days=3)
SPAN = timedelta(minutes=15)
MOST_OF_ACCOUNT, MOST_OF_ADDRESS = 5, 30  # failures in SPAN: of one account from one address, of one address
MOST_ANYWHERE = 100  # of one account from everywhere
NOTED_EVERY = timedelta(minutes=1)


class StaffSession(Base):
    __tablename__ = "staff_sessions"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    staff_id: Mapped[int]
    began_at: Mapped[datetime] = mapped_column(Moment)
    seen_at: Mapped[datetime] = mapped_column(Moment)
    address: Mapped[str]
    browser: Mapped[str]

    __table_args__ = (Index("ix_staff_sessions_staff", "staff_id"),)


class Link(Base):
    """Lets one person in once: a new colleague with this role, or one who forgot the password (role empty)."""

    __tablename__ = "staff_links"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str]
    role: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime] = mapped_column(Moment)


class Failure(Base):
    __tablename__ = "login_failures"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    email: Mapped[str]
    address: Mapped[str]
    at: Mapped[datetime] = mapped_column(Moment)

    __table_args__ = (Index("ix_login_failures_at", "at"),)


@dataclass(frozen=True)
class Who:
    """The person behind a request."""

    id: int
    email: str
    role: str
    session: str  # the token's hash
    second_factor: bool


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)


def begin(session: Session, staff_id: int, address: str, browser: str) -> str:
    """Returns the token for the cookie."""
    token, now = secrets.token_urlsafe(32), _now()
    row = StaffSession(token_hash=hashed(token), staff_id=staff_id, began_at=now, seen_at=now, address=address)
    row.browser = storable(browser, 200)
    session.add(row)
    return token


def find(session: Session, token: str) -> tuple[Who, bool] | None:
    """Whose session it is, and whether it is time to note that they were seen."""
    now = _now()
    query = (
        select(StaffSession, Staff)
        .join(Staff, Staff.id == StaffSession.staff_id)
        .where(StaffSession.token_hash == hashed(token), Staff.left_at.is_(None))
        .where(StaffSession.seen_at > now - IDLE, StaffSession.began_at > now - LONGEST)
    )
    row = session.execute(query).first()
    if row is None:
        return None
    kept, account = row
    who = Who(account.id, account.email, account.role, kept.token_hash, bool(account.sealed_totp))
    return who, kept.seen_at < now - NOTED_EVERY


def seen(session: Session, token_hash: str) -> None:
    session.execute(update(StaffSession).where(StaffSession.token_hash == token_hash).values(seen_at=_now()))


def end(session: Session, staff_id: int, token_hash: str = "", but: str = "") -> int:
    """One session of an account, or all of them (but one)."""
    which = delete(StaffSession).where(StaffSession.staff_id == staff_id, StaffSession.token_hash != but)
    if token_hash:
        which = which.where(StaffSession.token_hash == token_hash)
    return int(session.execute(which).rowcount)  # type: ignore[attr-defined]


def listed(session: Session, staff_id: int) -> list[StaffSession]:
    alive = select(StaffSession).where(StaffSession.seen_at > _now() - IDLE, StaffSession.began_at > _now() - LONGEST)
    return list(session.scalars(alive.where(StaffSession.staff_id == staff_id).order_by(StaffSession.seen_at.desc())))


def failed(session: Session, email: str, address: str) -> None:
    session.add(Failure(email=storable(email, 200), address=address, at=_now()))


def is_slowed(session: Session, email: str, address: str) -> bool:
    """Too many failures lately: of this account from here, from here at all, or of this account anywhere."""
    since = _now() - SPAN
    counts = select(
        func.count().filter(Failure.email == email, Failure.address == address),
        func.count().filter(Failure.address == address),
        func.count().filter(Failure.email == email),
    ).where(Failure.at > since, or_(Failure.email == email, Failure.address == address))
    here, of_address, of_account = session.execute(counts).one()
    return bool(here >= MOST_OF_ACCOUNT or of_address >= MOST_OF_ADDRESS or of_account >= MOST_ANYWHERE)


def forgive(session: Session, email: str, address: str) -> None:
    session.execute(delete(Failure).where(Failure.email == email, Failure.address == address))


def make_link(session: Session, email: str, role: str, made_by: str) -> str:
    """Returns the token for the address; an earlier link for the same person no longer opens."""
    token = secrets.token_urlsafe(24)
    session.execute(delete(Link).where(Link.email == email))
    session.add(Link(token_hash=hashed(token), email=email, role=role, made_by=made_by, made_at=_now()))
    return token


def find_link(session: Session, token: str) -> Link | None:
    query = select(Link).where(Link.token_hash == hashed(token), Link.made_at > _now() - LINK_LIVES)
    return session.scalars(query).first()


def open_links(session: Session) -> list[Link]:
    return list(session.scalars(select(Link).where(Link.made_at > _now() - LINK_LIVES).order_by(Link.made_at.desc())))


def use_up(session: Session, link: Link) -> bool:
    """False when somebody else used it in the meantime."""
    gone = session.execute(delete(Link).where(Link.token_hash == link.token_hash))
    return bool(gone.rowcount)  # type: ignore[attr-defined]


def forget_old(session: Session) -> None:
    """Sessions, links and failures that no longer count."""
    now = _now()
    session.execute(delete(Failure).where(Failure.at < now - SPAN))
    session.execute(delete(Link).where(Link.made_at < now - LINK_LIVES))
    over = or_(StaffSession.seen_at < now - IDLE, StaffSession.began_at < now - LONGEST)
    session.execute(delete(StaffSession).where(over))
