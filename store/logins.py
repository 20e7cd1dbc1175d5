"""Who is logged in to the console, the links by which people come in, and the failures that slow a guesser down.

Tokens are kept as SHA-256; real time counts here, never the movable clock."""

import hashlib
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Index, and_, delete, func, or_, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, Id, Moment, is_sqlite, storable
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
    """A try that was wrong, or is not judged yet."""

    __tablename__ = "login_failures"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account: Mapped[str]  # hashed: people type their password into the wrong field
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
    company: str = ""  # whose bots alone they look after; empty: of the house


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)


def begin(session: Session, staff_id: int, address: str, browser: str) -> str:
    """Returns the token for the cookie."""
    token, now = secrets.token_urlsafe(32), _now()
    row = StaffSession(token_hash=hashed(token), staff_id=staff_id, began_at=now, seen_at=now, address=address)
    row.browser = storable(browser, 300)
    session.add(row)
    session.execute(update(Staff).where(Staff.id == staff_id).values(seen_at=now))
    return token


def find(session: Session, token: str) -> tuple[Who, bool] | None:
    """Whose session it is, and whether it is time to note that they were seen."""
    now = _now()
    query = (
        select(StaffSession, Staff)
        .join(Staff, Staff.id == StaffSession.staff_id)
        .where(StaffSession.token_hash == hashed(token), Staff.left_at.is_(None))
        .where(_open())
    )
    row = session.execute(query).first()
    if row is None:
        return None
    kept, account = row
    who = Who(account.id, account.email, account.role, kept.token_hash, bool(account.sealed_totp), account.company)
    return who, kept.seen_at < now - NOTED_EVERY


def seen(session: Session, who: Who) -> None:
    now = _now()
    session.execute(update(StaffSession).where(StaffSession.token_hash == who.session).values(seen_at=now))
    session.execute(update(Staff).where(Staff.id == who.id).values(seen_at=now))


def end(session: Session, staff_id: int, token_hash: str = "", but: str = "") -> int:
    """One session of an account, or all of them (but one)."""
    which = delete(StaffSession).where(StaffSession.staff_id == staff_id, StaffSession.token_hash != but)
    if token_hash:
        which = which.where(StaffSession.token_hash == token_hash)
    return int(session.execute(which).rowcount)  # type: ignore[attr-defined]


def listed(session: Session, staff_id: int) -> list[StaffSession]:
    query = select(StaffSession).where(_open(), StaffSession.staff_id == staff_id)
    return list(session.scalars(query.order_by(StaffSession.seen_at.desc())))


def counts(session: Session) -> dict[int, int]:
    """Open sessions by account."""
    query = select(StaffSession.staff_id, func.count()).where(_open()).group_by(StaffSession.staff_id)
    return {staff_id: count for staff_id, count in session.execute(query)}


def _open() -> ColumnElement[bool]:
    now = _now()
    return and_(StaffSession.seen_at > now - IDLE, StaffSession.began_at > now - LONGEST)


def in_turn(session: Session, email: str) -> None:
    """To the end of the transaction: tries of one account are counted one after another. SQLite's writers are alone
    anyway."""
    if not is_sqlite(session):
        turn = text("SELECT pg_advisory_xact_lock(730117, hashtext(:account))")
        session.execute(turn, {"account": hashed(email)})


def tried(session: Session, email: str, address: str) -> int:
    """Counted before it is judged, so that a hundred tries at once are a hundred. `take_back` what was right."""
    row = Failure(account=hashed(email), address=network(address), at=_now())
    session.add(row)
    session.flush()
    return row.id


def take_back(session: Session, try_id: int) -> None:
    session.execute(delete(Failure).where(Failure.id == try_id))


def is_slowed(session: Session, email: str, address: str) -> bool:
    """Too many failures lately: of this account from here, from here at all, or of this account anywhere."""
    account, here = hashed(email), network(address)
    counts = select(
        func.count().filter(Failure.account == account, Failure.address == here),
        func.count().filter(Failure.address == here),
        func.count().filter(Failure.account == account),
    ).where(Failure.at > _now() - SPAN, or_(Failure.account == account, Failure.address == here))
    of_both, of_address, of_account = session.execute(counts).one()
    return bool(of_both >= MOST_OF_ACCOUNT or of_address >= MOST_OF_ADDRESS or of_account >= MOST_ANYWHERE)


def network(address: str) -> str:
    """Where somebody sits: of IPv6 the first half, since whoever has one such address has 2⁶⁴ of them."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))


def forgive(session: Session, email: str, address: str | None = None) -> None:
    """The failures of an account: from one address, or all."""
    which = delete(Failure).where(Failure.account == hashed(email))
    session.execute(which if address is None else which.where(Failure.address == network(address)))


def admit_with(session: Session, account: Staff, hashed_password: str) -> None:
    """A new password for one who lost theirs, or their telephone: whatever else opened the account ends."""
    account.password, account.sealed_totp = hashed_password, ""
    end(session, account.id)
    forgive(session, account.email)
    revoke_links(session, Link.email == account.email)


def make_link(session: Session, email: str, role: str, made_by: str) -> str:
    """Returns the token for the address; an earlier link for the same person no longer opens."""
    token = secrets.token_urlsafe(24)
    revoke_links(session, Link.email == email)
    session.add(Link(token_hash=hashed(token), email=email, role=role, made_by=made_by, made_at=_now()))
    return token


def revoke_links(session: Session, which: ColumnElement[bool]) -> int:
    return int(session.execute(delete(Link).where(which)).rowcount)  # type: ignore[attr-defined]


def find_link(session: Session, token: str) -> Link | None:
    query = select(Link).where(Link.token_hash == hashed(token), Link.made_at > _now() - LINK_LIVES)
    return session.scalars(query).first()


def open_links(session: Session, most: int) -> list[Link]:
    """The newest first."""
    query = select(Link).where(Link.made_at > _now() - LINK_LIVES).order_by(Link.made_at.desc())
    return list(session.scalars(query.limit(most)))


def use_up(session: Session, link: Link) -> bool:
    """False when somebody else used it in the meantime."""
    return bool(revoke_links(session, Link.token_hash == link.token_hash))


def forget_old(session: Session) -> None:
    """Sessions, links and failures that no longer count."""
    now = _now()
    session.execute(delete(Failure).where(Failure.at < now - SPAN))
    session.execute(delete(Link).where(Link.made_at < now - LINK_LIVES))
    over = or_(StaffSession.seen_at < now - IDLE, StaffSession.began_at < now - LONGEST)
    session.execute(delete(StaffSession).where(over))
