"""Chats: who is in them, and the line in which their messages wait."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import JSON, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, is_sqlite


class Chat(Base):
    __tablename__ = "chats"

    channel: Mapped[str] = mapped_column(primary_key=True)
    chat: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(default="", index=True)
    name: Mapped[str] = mapped_column(default="")
    room: Mapped[bool] = mapped_column(default=False)  # several people are there
    bots: Mapped[list[str]] = mapped_column(JSON, default=list)
    tags: Mapped[list[str]] = mapped_column(JSON, default=list)
    positions: Mapped[int] = mapped_column(default=0)  # how many places in the line were given out


def meet(session: Session, channel: str, chat: str, **known: Any) -> None:
    """Make the chat's row, or bring it up to date with what an event told; empty facts change nothing."""
    told = {key: value for key, value in known.items() if value}
    values = {"person": "", "name": "", "room": False, "bots": [], "tags": [], "positions": 0} | told
    insert = (sqlite if is_sqlite(session) else postgresql).insert(Chat).values(channel=channel, chat=chat, **values)
    if told:
        session.execute(insert.on_conflict_do_update(index_elements=["channel", "chat"], set_=told))
    else:
        session.execute(insert.on_conflict_do_nothing(index_elements=["channel", "chat"]))


def hold(session: Session, channel: str, chat: str) -> Chat:
    """The chat's row, locked to the end of the transaction: whoever changes a chat's line does it alone."""
    meet(session, channel, chat)
    found = select(Chat).where(Chat.channel == channel, Chat.chat == chat).execution_options(populate_existing=True)
    return session.scalars(found.with_for_update()).one()  # SQLite ignores FOR UPDATE: its writers are alone anyway


def hold_each(session: Session, wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], Chat]:
    """The rows of many chats, locked in one order, so that two who do this do not stand in each other's way."""
    if not wanted:
        return {}
    empty = {"person": "", "name": "", "room": False, "bots": [], "tags": [], "positions": 0}
    insert = (sqlite if is_sqlite(session) else postgresql).insert(Chat)
    rows = [{"channel": channel, "chat": chat, **empty} for channel, chat in sorted(wanted)]
    session.execute(insert.on_conflict_do_nothing(index_elements=["channel", "chat"]), rows)
    found = select(Chat).where(tuple_(Chat.channel, Chat.chat).in_(sorted(wanted))).order_by(Chat.channel, Chat.chat)
    held = session.scalars(found.with_for_update().execution_options(populate_existing=True))
    return {(one.channel, one.chat): one for one in held}


def get(session: Session, channel: str, chat: str) -> Chat | None:
    return session.get(Chat, (channel, chat), populate_existing=True)


def places(held: Chat, count: int) -> range:
    """`count` places at the end of the line of a held chat."""
    first = held.positions + 1
    held.positions += count
    return range(first, first + count)
