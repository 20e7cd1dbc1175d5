"""What came in and went out lately, counted in the database; and the newest events with what became of them.

Counts come by quarter of an hour since 1970: whole quarters of UTC fold into the hours and days of every zone.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, cast, func, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from store import deliveries, events
from store.answers import ASKING, Answer
from store.chats import Chat
from store.database import is_one_of
from store.deliveries import EFFECTS, Delivery
from store.events import Event

QUARTER = 900  # seconds
LONGEST = 36_000  # tenths of a second; who waited longer than this hour counts as this


class quarter(FunctionElement[int]):
    """Which quarter of an hour since 1970 a moment lies in."""

    type = Integer()
    inherit_cache = True


@compiles(quarter)
def _quarter(element: quarter, compiler: SQLCompiler, **more: Any) -> str:
    moment = compiler.process(element.clauses, **more)
    if compiler.dialect.name == "sqlite":
        return f"(CAST(strftime('%s', {moment}) AS INTEGER) / {QUARTER})"
    return f"CAST(floor(EXTRACT(EPOCH FROM {moment}) / {QUARTER}) AS BIGINT)"


class seconds_between(FunctionElement[float]):
    """Seconds from the second moment to the first."""

    inherit_cache = True


@compiles(seconds_between)
def _seconds_between(element: seconds_between, compiler: SQLCompiler, **more: Any) -> str:
    later, earlier = (compiler.process(one, **more) for one in element.clauses)
    if compiler.dialect.name == "sqlite":
        return f"((julianday({later}) - julianday({earlier})) * 86400.0)"
    return f"CAST(EXTRACT(EPOCH FROM ({later} - {earlier})) AS DOUBLE PRECISION)"


Counts = Mapping[int, int]


@dataclass(frozen=True)
class Pulse:
    """Counts by quarter of an hour. `waits` has for each how many customers waited how many tenths of a second for
    their first message."""

    events: Counts
    answers: Counts
    sent: Counts
    failed: Counts
    waits: Mapping[int, Counts]


def pulse(session: Session, since: datetime) -> Pulse:
    # When a message was given up is when it was last due.
    given_up = _counted(session, Delivery.due_at, is_one_of(Delivery.state, deliveries.DEAD), Delivery.due_at >= since)
    undecided = _counted(session, Event.received_at, is_one_of(Event.state, events.DEAD), Event.received_at >= since)
    return Pulse(
        events=_counted(session, Event.received_at, Event.received_at >= since),
        answers=_counted(session, Answer.now, Answer.now >= since),
        sent=_counted(session, Delivery.sent_at, Delivery.sent_at >= since, Delivery.kind != EFFECTS),
        failed={at: given_up.get(at, 0) + undecided.get(at, 0) for at in given_up.keys() | undecided.keys()},
        waits=_waits(session, since),
    )


def _counted(session: Session, moment: Any, *which: ColumnElement[bool]) -> dict[int, int]:
    at = quarter(moment).label("at")
    rows = session.execute(select(at, func.count()).where(*which).group_by(at))
    return {int(when): int(count) for when, count in rows}


def _waits(session: Session, since: datetime) -> dict[int, dict[int, int]]:
    at = quarter(Delivery.sent_at).label("at")
    # Its own pause is the module's wish, not the customer's wait.
    waited = seconds_between(Delivery.sent_at, Delivery.began_at) - Delivery.wait
    tenths = cast(waited * 10, Integer).label("tenths")
    query = select(at, tenths, func.count()).where(Delivery.sent_at >= since, Delivery.began_at.is_not(None))
    found: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for when, tenth, count in session.execute(query.group_by(at, tenths)):
        found[int(when)][min(max(int(tenth), 0), LONGEST)] += int(count)
    return found


@dataclass(frozen=True)
class Waiting:
    """Right now."""

    events: int
    messages: int
    questions: int
    next_due: datetime | None


def waiting(session: Session) -> Waiting:
    undecided = select(func.count()).where(is_one_of(Event.state, events.NEW))
    asking = select(func.count()).where(is_one_of(Answer.state, ASKING))
    return Waiting(
        events=int(session.scalar(undecided) or 0),
        messages=deliveries.waiting(session),
        questions=int(session.scalar(asking) or 0),
        next_due=deliveries.next_due(session),
    )


def is_new_house(session: Session) -> bool:
    """Nothing ever came in."""
    return session.scalar(select(Event.id).limit(1)) is None


# --- the feed ---


@dataclass(frozen=True)
class Happening:
    """One event and what became of it."""

    id: int
    channel: str
    kind: str
    chat: str
    name: str
    text: str  # the customer's words
    at: datetime
    state: str
    reason: str
    module: str
    messages: Mapping[str, int]  # by state
    said: str  # the first of our messages

    @property
    def is_open(self) -> bool:
        return self.state == events.NEW or any(state in deliveries.UNFINISHED for state in self.messages)


def newest(session: Session, most: int, after: int = 0, among: Collection[int] = ()) -> list[Happening]:
    """The newest events, the newest first: those that came after the event `after`, and those `among` named ones."""
    columns = (Event.id, Event.channel, Event.kind, Event.chat, Event.inbound, Event.received_at, Event.state)
    named = select(*columns, Event.reason, Event.module, func.coalesce(Chat.name, "").label("name")).outerjoin(
        Chat, and_(Chat.channel == Event.channel, Chat.chat == Event.chat)
    )
    oldest = min([after + 1, *among])  # else the whole table would be read for a few
    query = named.where(Event.id >= oldest, or_(Event.id > after, Event.id.in_(among)))
    rows = session.execute(query.order_by(Event.id.desc()).limit(most)).all()
    ids = [row.id for row in rows]
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    of_event = and_(Delivery.event_id.in_(ids), Delivery.kind != EFFECTS)
    by_state = select(Delivery.event_id, Delivery.state, func.count()).where(of_event)
    for event_id, state, count in session.execute(by_state.group_by(Delivery.event_id, Delivery.state)):
        counts[event_id][state] = count
    first = select(func.min(Delivery.id)).where(of_event).group_by(Delivery.event_id)
    texts = select(Delivery.event_id, Delivery.text).where(Delivery.id.in_(first))
    said: dict[int, str] = {event_id: text for event_id, text in session.execute(texts)}
    return [
        Happening(
            id=row.id,
            channel=row.channel,
            kind=row.kind,
            chat=row.chat,
            name=row.name,
            text=str(row.inbound.get("text") or ""),
            at=row.received_at,
            state=row.state,
            reason=row.reason,
            module=row.module,
            messages=counts[row.id],
            said=said.get(row.id, ""),
        )
        for row in rows
    ]
