"""Members: the chats of people whom a company has admitted; who is no member of it is an outsider there."""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Index, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, Id, Moment, is_sqlite


class Member(Base):
    __tablename__ = "members"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    company: Mapped[str]
    channel: Mapped[str]
    chat: Mapped[str]
    name: Mapped[str] = mapped_column(default="")
    guest: Mapped[bool] = mapped_column(default=False)  # admitted to the commands for guests only: an outsider still
    admitted_by: Mapped[str] = mapped_column(default="")
    since: Mapped[datetime] = mapped_column(Moment)

    __table_args__ = (
        Index("ux_members", "company", "channel", "chat", unique=True),
        Index("ix_members_chat", "channel", "chat"),
    )


def get(session: Session, company: str, channel: str, chat: str) -> Member | None:
    here = select(Member).where(Member.company == company, Member.channel == channel, Member.chat == chat)
    return session.scalars(here).first()


def guests(session: Session, channel: str, chats: Collection[str]) -> dict[tuple[str, str], bool]:
    """Of these chats, by company and chat those that are admitted: whether as a guest."""
    here = select(Member.company, Member.chat, Member.guest).where(Member.channel == channel, Member.chat.in_(chats))
    return {(company, chat): guest for company, chat, guest in session.execute(here)}


def is_member(session: Session, company: str, channel: str, chat: str) -> bool:
    found = get(session, company, channel, chat)
    return found is not None and not found.guest


def move(session: Session, channel: str, chat: str, to: str) -> None:
    """The chat has another id from now on."""
    there = select(Member.company).where(Member.channel == channel, Member.chat == to)
    old = (Member.channel == channel, Member.chat == chat)
    quietly = {"synchronize_session": False}
    session.execute(delete(Member).where(*old, Member.company.in_(there)), execution_options=quietly)
    session.execute(update(Member).where(*old).values(chat=to), execution_options=quietly)


def add(
    session: Session,
    company: str,
    channel: str,
    chat: str,
    now: datetime,
    by: str = "",
    guest: bool = False,
    name: str = "",
) -> bool:
    """Admit the chat. False when it was admitted already, at least so far; a guest may become a member."""
    row = {"company": company, "channel": channel, "chat": chat, "name": name, "guest": guest}
    row |= {"admitted_by": by, "since": now}
    insert = (sqlite if is_sqlite(session) else postgresql).insert(Member).values(row)
    if session.scalar(insert.on_conflict_do_nothing().returning(Member.id)) is not None:
        return True
    here = (Member.company == company, Member.channel == channel, Member.chat == chat)
    raised = update(Member).where(*here, Member.guest).values(guest=False, admitted_by=by)
    return not guest and session.execute(raised).rowcount == 1  # type: ignore[attr-defined]


def remove(session: Session, company: str, channel: str, chat: str) -> bool:
    gone = delete(Member).where(Member.company == company, Member.channel == channel, Member.chat == chat)
    return session.execute(gone).rowcount == 1  # type: ignore[attr-defined, no-any-return]


def listed(session: Session, company: str | None = None) -> Sequence[Member]:
    query = select(Member).order_by(Member.company, Member.channel, Member.chat)
    return session.scalars(query.where(Member.company == company) if company is not None else query).all()


# --- invites: codes that admit whoever shows them ---

DAYS, USES = 7, 50


class Invite(Base):
    __tablename__ = "invites"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    company: Mapped[str]
    digest: Mapped[str] = mapped_column(unique=True)  # SHA-256 of the code, which nobody keeps
    guest: Mapped[bool] = mapped_column(default=False)
    made_by: Mapped[str] = mapped_column(default="")
    made_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    uses_left: Mapped[int]
    uses: Mapped[int] = mapped_column(default=0)


@dataclass(frozen=True)
class Admitted:
    company: str
    guest: bool
    new: bool  # else they were admitted before, and the code is as good as it was


def invite(
    session: Session, company: str, guest: bool, now: datetime, by: str, days: int = DAYS, uses: int = USES
) -> str:
    """A code that is shown once. Telegram takes up to 64 letters, digits, _ and - behind /start."""
    code = secrets.token_urlsafe(24)
    until = now + timedelta(days=days)
    row = Invite(company=company, digest=_digest(code), guest=guest, made_by=by, made_at=now, expires_at=until)
    row.uses_left, row.uses = uses, 0
    session.add(row)
    session.flush()
    return code


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode("utf8", "surrogatepass")).hexdigest()


def invited(session: Session, code: str, now: datetime) -> Invite | None:
    """The invite, as long as it holds."""
    query = select(Invite).where(Invite.digest == _digest(code), Invite.expires_at > now, Invite.uses_left > 0)
    return session.scalars(query.with_for_update()).first()


def admit(session: Session, code: str, channel: str, chat: str, now: datetime, name: str = "") -> Admitted | None:
    """Admit the chat by the code of an invite; None when the code is none, was used up or is too old."""
    found = invited(session, code, now)
    if found is None:
        return None
    new = add(session, found.company, channel, chat, now, f"invite {found.id}", found.guest, name)
    if new:
        found.uses_left, found.uses = found.uses_left - 1, found.uses + 1
    return Admitted(found.company, found.guest, new)


def invites(session: Session, company: str, now: datetime) -> Sequence[Invite]:
    holds = (Invite.company == company, Invite.expires_at > now, Invite.uses_left > 0)
    return session.scalars(select(Invite).where(*holds).order_by(Invite.id)).all()


def withdraw(session: Session, company: str, id: int, now: datetime) -> bool:
    holds = update(Invite).where(Invite.company == company, Invite.id == id, Invite.expires_at > now)
    return session.execute(holds.values(expires_at=now)).rowcount == 1  # type: ignore[attr-defined, no-any-return]
