"""Events: what a platform told us, each once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

from sqlalchemy import JSON, Index, and_, exists, func, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from store import answers, chats, processes
from store.answers import Answer
from store.chats import Chat
from store.database import Base, Id, Moment, is_one_of, is_sqlite, storable

NEW, ANSWERED, IGNORED, DEAD = "new", "answered", "ignored", "dead"
ENDS = {"manager_wrote": "a manager wrote", "chat_closed": "the chat was closed"}
NO_TALK = (
    "alert",
    "notification",
    "watch",
)  # their "chat" is an alarm: it keeps its news in order, and nobody talks there
MOST_ATTEMPTS = 5


class Event(Base):
    __tablename__ = "events"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    channel: Mapped[str]
    platform_id: Mapped[str]
    kind: Mapped[str]
    chat: Mapped[str]
    person: Mapped[str]
    inbound: Mapped[dict[str, Any]] = mapped_column(JSON)  # as the channel read it
    payload: Mapped[str]  # as it came
    trace: Mapped[str]  # correlation id, from webhook to message
    received_at: Mapped[datetime] = mapped_column(Moment)
    state: Mapped[str] = mapped_column(default=NEW)
    reason: Mapped[str] = mapped_column(default="")
    module: Mapped[str] = mapped_column(default="")
    attempts: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None] = mapped_column(Moment)
    owner: Mapped[str | None]

    __table_args__ = (
        Index("ux_events_platform", "channel", "platform_id", unique=True),
        Index("ix_events_chat", "channel", "chat", "id"),
        Index("ix_events_person", "channel", "person"),
        Index("ix_events_received", "received_at"),
        Index(
            "ix_events_dead",
            "received_at",
            sqlite_where=is_one_of(state, DEAD),
            postgresql_where=is_one_of(state, DEAD),
        ),
        Index("ix_events_new", "id", sqlite_where=is_one_of(state, NEW), postgresql_where=is_one_of(state, NEW)),
        Index(
            "ix_events_new_of_chat",
            "channel",
            "chat",
            "id",
            sqlite_where=is_one_of(state, NEW),
            postgresql_where=is_one_of(state, NEW),
        ),
    )


@dataclass(frozen=True)
class Fact:
    """One event to be recorded."""

    channel: str
    platform_id: str
    kind: str
    chat: str
    person: str
    inbound: dict[str, Any]
    payload: str
    trace: str
    received_at: datetime


def record(session: Session, facts: Sequence[Fact]) -> list[int]:
    """Insert the facts not seen before; a manager's message or a closed chat ends the chat's series right here.

    Returns the ids of the new rows; one that was there already is left alone.
    """
    fresh = []
    for fact in facts:
        insert = (sqlite if is_sqlite(session) else postgresql).insert(Event)
        row = insert.values(**vars(fact), state=NEW, reason="", module="", attempts=0)
        new_id = session.scalar(row.on_conflict_do_nothing().returning(Event.id))
        if new_id is None:
            continue
        fresh.append(new_id)
        if not fact.chat or fact.kind in NO_TALK:
            continue
        told = fact.inbound
        facts_of_chat = {"person": told.get("person_is_customer") and fact.person, "name": told.get("name")}
        facts_of_chat |= {"bots": told.get("bots"), "tags": told.get("tags"), "room": told.get("room")}
        chats.meet(session, fact.channel, fact.chat, **facts_of_chat)
        if fact.kind in ENDS:
            chats.hold(session, fact.channel, fact.chat)
            answers.end_series(session, fact.channel, fact.chat, ENDS[fact.kind], always=fact.kind == "chat_closed")
            settle(session, new_id, IGNORED, ENDS[fact.kind])
    return fresh


def _free(me: str, busy: Sequence[int]) -> Any:
    """Nobody's, a dead process's, or `me`'s own although no thread of mine is busy with it (its last write failed)."""
    mine = and_(Event.owner == me, Event.id.not_in(busy))
    return or_(Event.owner.is_(None), mine, Event.owner.not_in(processes.alive()))


def claim(
    session: Session,
    owner: str,
    busy: Sequence[int],
    most: int,
    now: datetime,
    replies: bool = False,
    without: str = "",
) -> list[Event]:
    """Take undecided events for `owner`: the oldest of each chat, leaving those that a living process holds.
    `replies`: only those of chats in which a question of ours is open. `without`: a kind that is left to others."""
    older = aliased(Event)
    free = _free(owner, busy)
    first_of_chat = (Event.chat == "") | ~exists().where(
        is_one_of(older.state, NEW), older.channel == Event.channel, older.chat == Event.chat, older.id < Event.id
    )
    due = and_(is_one_of(Event.state, NEW), or_(Event.retry_at.is_(None), Event.retry_at <= now))
    if not is_sqlite(session):
        # While its statistics are older than a flood, PostgreSQL would read and sort the whole backlog for each claim.
        session.execute(text("SET LOCAL enable_sort = off"))
    # SKIP LOCKED lets PostgreSQL's workers pass each other; SQLite has one writer and ignores it.
    wanted = select(Event.id).where(due, free, first_of_chat).order_by(Event.id).limit(most)
    if without:
        wanted = wanted.where(Event.kind != without)
    if replies:
        asked = exists().where(Answer.channel == Event.channel, Answer.chat == Event.chat)
        wanted = wanted.where(asked.where(is_one_of(Answer.state, answers.ASKING)))
    ids = list(session.scalars(wanted.with_for_update(skip_locked=True)))
    if not ids:
        return []
    session.execute(update(Event).where(Event.id.in_(ids)).values(owner=owner, attempts=Event.attempts + 1))
    return list(session.scalars(select(Event).where(Event.id.in_(ids)).order_by(Event.id)))


def take(session: Session, id: int, owner: str) -> Event:
    """An event that was just recorded, for whoever recorded it."""
    session.execute(update(Event).where(Event.id == id).values(owner=owner, attempts=1))
    return session.scalars(select(Event).where(Event.id == id).execution_options(populate_existing=True)).one()


def any_due(session: Session, now: datetime, owner: str = "", busy: Sequence[int] = ()) -> bool:
    due = or_(Event.retry_at.is_(None), Event.retry_at <= now)
    query = select(Event.id).where(is_one_of(Event.state, NEW), _free(owner, busy), due)
    return session.scalar(query.limit(1)) is not None


def still_mine(session: Session, id: int, owner: str) -> Event | None:
    """The event, locked, if it is still undecided and ours."""
    query = select(Event).where(Event.id == id, Event.owner == owner, is_one_of(Event.state, NEW))
    return session.scalars(query.with_for_update().execution_options(populate_existing=True)).first()


def settle(session: Session, id: int, state: str, reason: str = "", module: str = "") -> None:
    session.execute(
        update(Event).where(Event.id == id).values(state=state, reason=storable(reason, 500), module=module, owner=None)
    )


def understood(session: Session, id: int, owner: str, inbound: dict[str, Any]) -> None:
    """Keep the words that were fetched; the next look at the event needs not ask for them again."""
    mine = update(Event).where(Event.id == id, Event.owner == owner, is_one_of(Event.state, NEW))
    session.execute(mine.values(inbound=inbound | {"source": ""}))


def put_off(session: Session, id: int, now: datetime, seconds: float, reason: str) -> None:
    """Try again later."""
    later = now + timedelta(seconds=seconds)
    session.execute(
        update(Event).where(Event.id == id).values(owner=None, retry_at=later, reason=storable(reason, 500))
    )


def ended_since(session: Session, event: Event) -> str | None:
    """Why the chat's series ended after this event came in, if it did: 'manager_wrote' or 'chat_closed'."""
    later = select(Event.kind).where(
        Event.channel == event.channel, Event.chat == event.chat, Event.id > event.id, Event.kind.in_(ENDS)
    )
    kinds = set(session.scalars(later))
    return "chat_closed" if "chat_closed" in kinds else "manager_wrote" if kinds else None


def before(session: Session, event: Event) -> str:
    """The kind of what was heard last in this chat before the event; '' when nothing was."""
    earlier = select(Event.kind).where(Event.channel == event.channel, Event.chat == event.chat, Event.id < event.id)
    return session.scalar(earlier.order_by(Event.id.desc()).limit(1)) or ""


def get(session: Session, id: int) -> Event | None:
    return session.get(Event, id)


def listed(session: Session, chat: str | None = None, most: int = 1000) -> list[Event]:
    query = select(Event) if chat is None else select(Event).where(Event.chat == chat)
    return list(session.scalars(query.order_by(Event.id.desc()).limit(most)))


def heard(session: Session, channel: str, since: datetime, most: int) -> list[tuple[str, bool, datetime]]:
    """Chats in which something was told since then: id, whether several people are there, and when the first of it
    came in. Those of the latest news first."""
    first, last = func.min(Event.received_at), func.max(Event.received_at)
    recent = select(Event.chat, first.label("first"), last.label("last")).where(
        Event.channel == channel, Event.chat != "", Event.received_at >= since
    )
    latest = recent.group_by(Event.chat).order_by(last.desc()).limit(most).subquery()
    rows = select(Chat.chat, Chat.room, latest.c.first).join(latest, Chat.chat == latest.c.chat)
    found = session.execute(rows.where(Chat.channel == channel).order_by(latest.c.last.desc()))
    return [(chat, room, first_at) for chat, room, first_at in found]


def oldest_waiting(session: Session) -> datetime | None:
    return session.scalar(select(Event.received_at).where(is_one_of(Event.state, NEW)).order_by(Event.id).limit(1))


def waiting(session: Session) -> int:
    """How many are not decided yet."""
    return int(session.scalar(select(func.count()).where(is_one_of(Event.state, NEW))) or 0)


def repeat(session: Session, id: int, now: datetime) -> int:
    """The same event once more, as a new row: the old one keeps its answer."""
    event = session.get_one(Event, id)
    platform_id = f"replay:{id}:{token_hex(6)}"
    kept = {name: getattr(event, name) for name in ("channel", "kind", "chat", "person", "inbound", "payload", "trace")}
    return record(session, [Fact(platform_id=platform_id, received_at=now, **kept)])[0]
