"""Console accounts. Passwords are kept as Argon2id hashes, a second factor's secret sealed."""

import secrets
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, Id, Moment

ROLES = ("viewer", "editor", "publisher", "admin")  # each may what the one before it may, and more
SHORTEST_PASSWORD = 10

_hasher = PasswordHasher()
# Verified when there is no such account, so that the answer takes as long as with one.
_nobodys = _hasher.hash(secrets.token_urlsafe())


class Staff(Base):
    __tablename__ = "staff"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    password: Mapped[str]
    added_at: Mapped[datetime] = mapped_column(Moment)
    sealed_totp: Mapped[str] = mapped_column(default="")  # the second factor's secret; empty: none is set up
    totp_step: Mapped[int] = mapped_column(Id, default=0)  # the last code's time step, which counts once
    left_at: Mapped[datetime | None] = mapped_column(Moment)  # no longer here: may not log in, stays in the audit


def normal(email: str) -> str:
    return email.strip().lower()


def find(session: Session, email: str) -> Staff | None:
    return session.scalars(select(Staff).where(Staff.email == normal(email))).first()


def get(session: Session, id: int) -> Staff | None:
    return session.get(Staff, id)


def add(session: Session, email: str, role: str, now: datetime, password: str = "") -> str:
    """Returns the first password, which is kept nowhere else."""
    password = password or new_password()
    session.add(Staff(email=normal(email), role=role, password=_hasher.hash(password), added_at=now))
    return password


def set_password(account: Staff, password: str) -> None:
    account.password = _hasher.hash(password)


def reset_password(account: Staff) -> str:
    password = new_password()
    set_password(account, password)
    return password


def new_password() -> str:
    return secrets.token_urlsafe(15)


def is_password(account: Staff | None, password: str) -> bool:
    """Takes equally long when nobody has that account."""
    try:
        right = _hasher.verify(account.password if account else _nobodys, password)
    except (VerificationError, InvalidHashError):
        return False
    return right and account is not None and account.left_at is None


def listed(session: Session) -> list[Staff]:
    return list(session.scalars(select(Staff).order_by(Staff.email)))


def may(role: str, needed: str) -> bool:
    return ROLES.index(role) >= ROLES.index(needed)
