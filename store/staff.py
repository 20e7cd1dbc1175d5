"""Console accounts. Passwords are kept as Argon2id hashes, a second factor's secret sealed."""

import secrets
import threading
from datetime import datetime
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, Id, Moment

ROLES = ("viewer", "editor", "publisher", "admin")  # each may what the one before it may, and more
SHORTEST_PASSWORD = 10

_hasher = PasswordHasher()
# A password takes 64 MiB and a fiftieth of a second: two at a time, however many come.
_turns = threading.BoundedSemaphore(2)
TURN_SECONDS = 5.0


@cache
def _nobodys() -> str:
    """Verified when there is no such account, so that the answer takes as long as with one."""
    return _hasher.hash(secrets.token_urlsafe())


class Busy(Exception):
    """So many passwords are being checked that this one would wait too long."""


class Staff(Base):
    __tablename__ = "staff"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    password: Mapped[str]
    added_at: Mapped[datetime] = mapped_column(Moment)
    sealed_totp: Mapped[str] = mapped_column(default="")  # the second factor's secret; empty: none is set up
    totp_step: Mapped[int] = mapped_column(Id, default=0)  # the last code's time step, which counts once
    seen_at: Mapped[datetime | None] = mapped_column(Moment)  # by the machine's clock, like their sessions
    left_at: Mapped[datetime | None] = mapped_column(Moment)  # no longer here: may not log in, stays in the audit
    company: Mapped[str] = mapped_column(default="")  # whose bots alone they look after; empty: of the house


def normal(email: str) -> str:
    return email.strip().lower()


def find(session: Session, email: str) -> Staff | None:
    return session.scalars(select(Staff).where(Staff.email == normal(email))).first()


def get(session: Session, id: int) -> Staff | None:
    """To be changed: locked to the end of the transaction."""
    return session.get(Staff, id, with_for_update=True, populate_existing=True)


def add(session: Session, email: str, role: str, now: datetime, hashed: str = "", company: str = "") -> str:
    """Returns the first password, which is kept nowhere else; none when its hash is given."""
    password = "" if hashed else new_password()
    row = Staff(email=normal(email), role=role, password=hashed or hashed_password(password), added_at=now)
    row.company = company
    session.add(row)
    return password


def new_password() -> str:
    return secrets.token_urlsafe(15)


def hashed_password(password: str) -> str:
    with _Turn():
        return _hasher.hash(password)


def is_password(account: Staff | None, password: str) -> bool:
    """Takes equally long when nobody has that account."""
    try:
        with _Turn():
            right = _hasher.verify(account.password if account else _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False
    return right and account is not None and account.left_at is None


class _Turn:
    def __enter__(self) -> None:
        if not _turns.acquire(timeout=TURN_SECONDS):
            raise Busy

    def __exit__(self, *error: object) -> None:
        _turns.release()


def is_last_admin(session: Session, id: int) -> bool:
    """Within a writing transaction, and before anybody is locked alone: the admins' rows are locked, so that of two
    who would leave at once the second sees that the first is gone."""
    admins = select(Staff).where(Staff.role == ROLES[-1], Staff.left_at.is_(None), Staff.company == "")
    admins = admins.order_by(Staff.id)
    locked = session.scalars(admins.with_for_update().execution_options(populate_existing=True))
    return [one.id for one in locked] == [id]


def listed(session: Session) -> list[Staff]:
    return list(session.scalars(select(Staff).order_by(Staff.email)))


def here(session: Session, containing: str, after: str, most: int) -> list[Staff]:
    """Those who may log in, from one e-mail on, if so wished only those with these letters in it."""
    return _some(session, Staff.left_at.is_(None), containing, after, most)


def gone(session: Session, containing: str, after: str, most: int) -> list[Staff]:
    return _some(session, Staff.left_at.is_not(None), containing, after, most)


def _some(session: Session, which: ColumnElement[bool], containing: str, after: str, most: int) -> list[Staff]:
    query = select(Staff).where(which, Staff.email > after).order_by(Staff.email).limit(most)
    if containing:
        query = query.where(Staff.email.contains(normal(containing), autoescape=True))
    return list(session.scalars(query))


def may(role: str, needed: str) -> bool:
    return ROLES.index(role) >= ROLES.index(needed)
