"""Hooks: tokens by which other programs tell alerts on the topics that were opened to them."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import JSON, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, Moment

MINUTE = timedelta(minutes=1)


class Hook(Base):
    __tablename__ = "hooks"

    name: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)  # SHA-256 of the token, which nobody keeps
    topics: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode("utf8", "surrogatepass")).hexdigest()


def get(session: Session, name: str) -> Hook | None:
    return session.get(Hook, name)


def by_token(session: Session, token: str) -> Hook | None:
    """Looked up by its digest, so no comparison tells how much of a guess was right."""
    query = select(Hook).where(Hook.digest == digest_of(token), Hook.revoked_at.is_(None))
    return session.scalars(query).first()


def add(session: Session, name: str, topics: Sequence[str], now: datetime) -> str:
    """Returns the token; it is shown once."""
    token = f"hk_{secrets.token_urlsafe(32)}"
    session.merge(Hook(name=name, digest=digest_of(token), topics=list(topics), created_at=now, revoked_at=None))
    return token


def revoke(session: Session, name: str, now: datetime) -> bool:
    found = session.get(Hook, name)
    if found is None or found.revoked_at is not None:
        return False
    found.revoked_at = now
    return True


def used(session: Session, name: str, now: datetime) -> None:
    """To the minute: in a storm the row is written once."""
    before = or_(Hook.used_at.is_(None), Hook.used_at < now - MINUTE)
    session.execute(
        update(Hook).where(Hook.name == name, before).values(used_at=now),
        execution_options={"synchronize_session": False},
    )


def listed(session: Session) -> Sequence[Hook]:
    return session.scalars(select(Hook).order_by(Hook.name)).all()
