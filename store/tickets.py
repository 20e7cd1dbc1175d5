"""Tickets: a browser fetches one by POST and shows it to the relay, once and soon. Kept as SHA-256, in real time."""

import secrets
from dataclasses import dataclass

from sqlalchemy import Double, delete
from sqlalchemy.orm import Mapped, Session, mapped_column

import clock
from store.bots import digest_of
from store.database import Base

SECONDS = 30.0


class Row(Base):
    __tablename__ = "tickets"

    digest: Mapped[str] = mapped_column(primary_key=True)
    company: Mapped[str]
    chat: Mapped[str]
    name: Mapped[str] = mapped_column(default="")
    until: Mapped[float] = mapped_column(Double)


@dataclass(frozen=True)
class Ticket:
    company: str
    chat: str  # who it is: `company/person` of the web chat
    name: str


def issue(session: Session, company: str, chat: str, name: str = "") -> str:
    """For a member's or guest's browser; whoever issues it has seen that they are one."""
    session.execute(delete(Row).where(Row.until < clock.real()))
    ticket = f"tk_{secrets.token_urlsafe(32)}"
    row = Row(digest=digest_of(ticket), company=company, chat=chat, name=name, until=clock.real() + SECONDS)
    session.add(row)
    session.flush()
    return ticket


def take(session: Session, ticket: str) -> Ticket | None:
    """The first who shows it gets it."""
    mine = delete(Row).where(Row.digest == digest_of(ticket))
    row = session.execute(mine.returning(Row.company, Row.chat, Row.name, Row.until)).first()
    return Ticket(row.company, row.chat, row.name) if row is not None and row.until >= clock.real() else None
