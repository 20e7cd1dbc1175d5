"""What is older than RETENTION_DAYS loses its content: payloads, surveys, values, traces, texts, names. The
rows stay, so that counts hold; versions of modules and tables stay as they are."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, select, tuple_, update
from sqlalchemy.orm import Session

from store import database, services
from store.alerts import DONE, FIRING, Alert, Happening, Row
from store.answers import ASKING, EMPTIED, Answer
from store.bot_calls import Answer as Said
from store.bot_calls import Call
from store.chats import Chat
from store.database import is_one_of
from store.deliveries import UNFINISHED, Delivery
from store.events import NEW, Event
from store.surveys import Survey

TOGETHER = 100  # events in one transaction, with their messages: some 20 ms of the write lock
ROWS_EACH = 20  # what happened to an alert may have a row for each of thousands: so fewer of these at once
PAUSE_SECONDS = 0.05  # between two of them, for the others' sake

# What is left of a row that lost its content.
EVENT: dict[str, Any] = {"payload": "", "inbound": {}}
ANSWER: dict[str, Any] = {
    "received": {}, "context": {}, "values": {}, "missing": [], "answer_trace": {}, "state": EMPTIED
}  # fmt: skip
DELIVERY: dict[str, Any] = {"text": "", "body": None}
CALL: dict[str, Any] = {"text": "", "name": ""}
ALERT: dict[str, Any] = {"title": "", "text": "", "url": "", "fields": [], "acked_by": ""}
HAPPENING: dict[str, Any] = {"title": "", "text": "", "url": "", "fields": [], "who": "", "detail": ""}
CHAT: dict[str, Any] = {"name": "", "bots": [], "tags": []}

_QUIETLY = {"synchronize_session": False}


def age_out(before: datetime, rest: Callable[[float], bool]) -> Counter[str]:
    """Empty what is older than `before`, in small transactions; returns what was emptied, by table.

    `rest` waits so many seconds, and tells whether to stop.
    """
    emptied: Counter[str] = Counter()
    since: datetime | None = None
    while True:
        with database.writing() as session:
            database.overwrite_what_goes(session)
            since = _events(session, before, since, emptied)
        if since is None or rest(PAUSE_SECONDS):
            break
    kinds = (("surveys", _surveys), ("searches_missed", services.forget), ("happenings", _alerts))
    for name, forget in kinds:
        while since is None:
            with database.writing() as session:
                database.overwrite_what_goes(session)
                gone = forget(session, before, TOGETHER)
            emptied[name] += gone
            if not gone or rest(PAUSE_SECONDS):
                break
    return emptied


def _events(session: Session, before: datetime, since: datetime | None, emptied: Counter[str]) -> datetime | None:
    """One batch; returns where the next one begins, or None when nothing is left."""
    unfinished = exists().where(Delivery.event_id == Event.id, is_one_of(Delivery.state, *UNFINISHED))
    asking = exists().where(Answer.event_id == Event.id, is_one_of(Answer.state, ASKING))
    old = select(Event.id, Event.received_at, Event.channel, Event.chat).where(
        Event.received_at < before, Event.payload != "", Event.state != NEW, ~unfinished, ~asking
    )
    if since is not None:
        old = old.where(Event.received_at >= since)
    rows = session.execute(old.order_by(Event.received_at).limit(TOGETHER)).all()
    if not rows:
        return None
    ids = [row.id for row in rows]
    empty(session, Event, Event.id.in_(ids), EVENT)
    empty(session, Answer, Answer.event_id.in_(ids), ANSWER)
    empty(session, Call, Call.event_id.in_(ids), CALL)
    empty(session, Said, Said.event_id.in_(ids), {"text": None})
    emptied["deliveries"] += empty(session, Delivery, Delivery.event_id.in_(ids), DELIVERY)
    emptied["events"] += len(ids)
    chats = {(row.channel, row.chat) for row in rows if row.chat}
    younger = exists().where(Event.channel == Chat.channel, Event.chat == Chat.chat, Event.received_at >= before)
    empty(session, Chat, tuple_(Chat.channel, Chat.chat).in_(chats) & ~younger, CHAT)
    last: datetime = rows[-1].received_at
    return last


def _surveys(session: Session, before: datetime, most: int) -> int:
    old = select(Survey.channel, Survey.person).where(Survey.updated_at < before).limit(most)
    keys = [(row.channel, row.person) for row in session.execute(old)]
    if keys:
        gone = delete(Survey).where(tuple_(Survey.channel, Survey.person).in_(keys), Survey.updated_at < before)
        session.execute(gone, execution_options=_QUIETLY)
    return len(keys)


def _alerts(session: Session, before: datetime, most: int) -> int:
    """What happened to alerts, with who was told of it; and the alerts that are over. The youngest first: what was
    emptied on other nights lies behind it."""
    old = select(Happening.id, Happening.alert_id).where(
        Happening.at < before, Happening.title != "", Happening.state == DONE
    )
    rows = session.execute(old.order_by(Happening.at.desc()).limit(max(most // ROWS_EACH, 1))).all()
    ids, of = [row.id for row in rows], {row.alert_id for row in rows if row.alert_id}
    if ids:
        empty(session, Happening, Happening.id.in_(ids), HAPPENING)
        empty(session, Row, Row.happening_id.in_(ids), {"detail": ""})
        over = Alert.id.in_(of) & ~is_one_of(Alert.state, FIRING) & (Alert.changed_at < before)
        empty(session, Alert, over, ALERT)
    return len(ids)


def empty(session: Session, table: Any, which: Any, left: dict[str, Any]) -> int:
    done = session.execute(update(table).where(which).values(left), execution_options=_QUIETLY)
    return int(done.rowcount)  # type: ignore[attr-defined]
