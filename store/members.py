"""Members: the chats of people whom a company has admitted; who is no member of it is an outsider there."""

from datetime import datetime

from sqlalchemy import Index, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, Id, Moment


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
