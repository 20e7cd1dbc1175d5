"""What is stuck: messages and events that were given up or wait too long, and what staff do about them, many at once.

Each change tells which rows it changed, so that it can be taken back for those that are still as it left them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, exists, func, literal, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from store import deliveries, events
from store.chats import Chat
from store.database import is_one_of
from store.deliveries import Delivery
from store.events import Event

LATE = timedelta(minutes=1)  # overdue for longer than this, a message is stuck
MANY_ATTEMPTS = 3
LONGEST_PAUSE = timedelta(seconds=90)  # longer than the pause between two attempts
BY_STAFF = "cancelled by staff"
SET_ASIDE = "set aside by staff: "  # before the reason that it was given up for

_QUIETLY = {"synchronize_session": False}


@dataclass(frozen=True)
class Row:
    id: int
    channel: str
    chat: str
    name: str
    text: str
    reason: str
    at: datetime | None


@dataclass(frozen=True)
class Group:
    name: str
    count: int
    newest: int  # the highest id: what comes later is not meant by a click on what is shown now
    rows: Sequence[Row]


def dead_messages(now: datetime) -> ColumnElement[bool]:
    return is_one_of(Delivery.state, deliveries.DEAD)


def dead_events(now: datetime) -> ColumnElement[bool]:
    return is_one_of(Event.state, events.DEAD)


def late_messages(now: datetime) -> ColumnElement[bool]:
    waits = and_(is_one_of(Delivery.state, deliveries.WAITING), Delivery.due_at < now + LONGEST_PAUSE)
    return and_(waits, or_(Delivery.due_at < now - LATE, Delivery.attempts >= MANY_ATTEMPTS))


def late_events(now: datetime) -> ColumnElement[bool]:
    # Not written as a range: else all events ever received would be read, in the index of their times.
    return and_(is_one_of(Event.state, events.NEW), func.coalesce(Event.received_at, now) < now - LATE)


def tried_in_vain(session: Session, now: datetime, channel: str = "") -> int:
    """Messages that go back into the line again and again: each next try is due later, so none is ever late."""
    soon = and_(is_one_of(Delivery.state, deliveries.WAITING), Delivery.due_at < now + LONGEST_PAUSE)
    soon = and_(soon, Delivery.channel == channel) if channel else soon
    return int(session.scalar(select(func.count()).where(soon, Delivery.attempts >= MANY_ATTEMPTS)) or 0)


GROUPS: dict[str, Callable[[datetime], ColumnElement[bool]]] = {
    "dead_messages": dead_messages,
    "dead_events": dead_events,
    "late_messages": late_messages,
    "late_events": late_events,
}


def _table(group: str) -> type[Delivery] | type[Event]:
    return Event if group.endswith("events") else Delivery


def groups(session: Session, now: datetime, most: int) -> list[Group]:
    """Those that hold anything, with their newest rows."""
    found = (_group(session, name, now, most) for name in GROUPS)
    return [group for group in found if group.count]


def _group(session: Session, name: str, now: datetime, most: int) -> Group:
    table = _table(name)
    which = GROUPS[name](now)
    count, newest = session.execute(select(func.count(), func.max(table.id)).where(which)).one()
    rows = _rows(session, table, which, most) if count else []
    return Group(name, int(count), int(newest or 0), rows)


def _rows(session: Session, table: Any, which: ColumnElement[bool], most: int) -> list[Row]:
    is_event = table is Event
    text = literal("") if is_event else Delivery.text
    at: InstrumentedAttribute[Any] = Event.received_at if is_event else Delivery.due_at
    name = func.coalesce(Chat.name, "")
    query = (
        select(table.id, table.channel, table.chat, name, text, table.reason, at)
        .outerjoin(Chat, and_(Chat.channel == table.channel, Chat.chat == table.chat))
        .where(which)
        .order_by(at.desc(), table.id.desc())
        .limit(most)
    )
    return [Row(*row) for row in session.execute(query)]


def ids(session: Session, group: str, now: datetime, newest: int, most: int) -> list[int]:
    """What a click on the whole group means, the oldest first."""
    table = _table(group)
    query = select(table.id).where(GROUPS[group](now), table.id <= newest).order_by(table.id).limit(most)
    return list(session.scalars(query))


# --- changes; each returns the rows that it changed ---


def retry(session: Session, group: str, chosen: Sequence[int], now: datetime) -> list[int]:
    if group == "dead_messages":
        return [id for id in chosen if _send_again(session, id, now)]
    if group == "late_messages":
        return _changed(session, Delivery, and_(Delivery.id.in_(chosen), late_messages(now)), due_at=now)
    if group == "late_events":
        return _changed(session, Event, and_(Event.id.in_(chosen), late_events(now)), retry_at=None)
    # Its content may have aged out meanwhile: then there is nothing to decide on.
    dead = and_(Event.id.in_(chosen), dead_events(now), Event.payload != "")
    return _changed(session, Event, dead, state=events.NEW, attempts=0, retry_at=None, owner=None)


def _send_again(session: Session, id: int, now: datetime) -> bool:
    row = deliveries.get(session, id)
    if row is None or row.state != deliveries.DEAD:
        return False
    reason = row.reason
    if not deliveries.retry(session, id, now):
        return False
    row.reason = reason  # what the last attempt told, as with every message that waits for the next
    return True


def cancel(session: Session, group: str, chosen: Sequence[int], now: datetime) -> list[int]:
    """What waits is not sent, what was given up is no longer shown as stuck."""
    if group == "late_messages":
        return [id for id in chosen if deliveries.cancel(session, id, BY_STAFF, now)]
    if group == "late_events":
        waits = and_(Event.id.in_(chosen), late_events(now), Event.owner.is_(None))
        return _changed(session, Event, waits, state=events.IGNORED, reason=BY_STAFF)
    table = _table(group)
    state = deliveries.CANCELLED if table is Delivery else events.IGNORED
    given_up = and_(table.id.in_(chosen), GROUPS[group](now))
    return _changed(session, table, given_up, state=state, reason=literal(SET_ASIDE).concat(table.reason))


def take_back(session: Session, group: str, was_retry: bool, changed: Sequence[int], since: datetime) -> list[int]:
    """Of what was changed at `since`, that which is still as the change left it goes back to where it was."""
    table = _table(group)
    chosen = and_(table.id.in_(changed), table.owner.is_(None))
    if was_retry:
        return _given_up_again(session, group, chosen)
    if group.startswith("late"):
        left = deliveries.CANCELLED if table is Delivery else events.IGNORED
        before = deliveries.WAITING if table is Delivery else events.NEW
        untouched = and_(chosen, table.state == left, table.reason == BY_STAFF)
        if table is Delivery:
            untouched &= ~_was_ended(since)
        return _changed(session, table, untouched, state=before, reason="")
    set_aside = and_(chosen, table.reason.startswith(SET_ASIDE, autoescape=True))
    reason = func.substr(table.reason, len(SET_ASIDE) + 1)
    return _changed(session, table, set_aside, state=deliveries.DEAD, reason=cast(reason, String))


def _was_ended(since: datetime) -> ColumnElement[bool]:
    """A person took the chat over meanwhile, or closed it: people come first."""
    ends = or_(Event.kind == "chat_closed", and_(Event.kind == "manager_wrote", Delivery.yields))
    of_chat = and_(Event.channel == Delivery.channel, Event.chat == Delivery.chat)
    return exists().where(of_chat, Event.received_at > since, ends)


def _given_up_again(session: Session, group: str, chosen: ColumnElement[bool]) -> list[int]:
    if group == "dead_messages":
        waits = and_(chosen, is_one_of(Delivery.state, deliveries.WAITING), Delivery.unclear.is_(False))
        return _changed(session, Delivery, waits, state=deliveries.DEAD)
    if group == "dead_events":
        return _changed(session, Event, and_(chosen, is_one_of(Event.state, events.NEW)), state=events.DEAD)
    return []  # what waited too long was only told to hurry


def _changed(session: Session, table: Any, which: ColumnElement[bool], **values: Any) -> list[int]:
    done = update(table).where(which).values(**values).returning(table.id)
    return sorted(session.scalars(done, execution_options=_QUIETLY))
