"""Companies: tenants of the bot platform. The house's own is HOME_COMPANY; chats of the platforms belong to it."""

import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, Moment, is_sqlite

NAME = re.compile(r"[a-z0-9-]{1,40}")  # of companies and of bots


class Company(Base):
    __tablename__ = "companies"

    name: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(Moment)


def ensure(session: Session, name: str, now: datetime) -> bool:
    """True when it is new."""
    insert = (sqlite if is_sqlite(session) else postgresql).insert(Company).values(name=name, created_at=now)
    return session.scalar(insert.on_conflict_do_nothing().returning(Company.name)) is not None


def exists(session: Session, name: str) -> bool:
    return session.get(Company, name) is not None


def listed(session: Session) -> Sequence[Company]:
    return session.scalars(select(Company).order_by(Company.name)).all()
