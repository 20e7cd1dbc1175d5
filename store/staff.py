"""Console accounts. Passwords are kept as Argon2id hashes."""

import secrets
from datetime import datetime

from argon2 import PasswordHasher
from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, Moment

ROLES = ("viewer", "editor", "publisher", "admin")


class Staff(Base):
    __tablename__ = "staff"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    password: Mapped[str]
    added_at: Mapped[datetime] = mapped_column(Moment)


def find(session: Session, email: str) -> Staff | None:
    return session.scalars(select(Staff).where(Staff.email == email.strip().lower())).first()


def add(session: Session, email: str, role: str, now: datetime) -> str:
    """Returns the first password, which is kept nowhere else."""
    password = new_password()
    hashed = PasswordHasher().hash(password)
    session.add(Staff(email=email.strip().lower(), role=role, password=hashed, added_at=now))
    return password


def reset_password(account: Staff) -> str:
    password = new_password()
    account.password = PasswordHasher().hash(password)
    return password


def new_password() -> str:
    return secrets.token_urlsafe(15)


def listed(session: Session) -> list[Staff]:
    return list(session.scalars(select(Staff).order_by(Staff.email)))
