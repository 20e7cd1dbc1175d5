"""Alerts, what happened to them, and one row for everybody who could have been told of it.

An alert is one episode: it fires, and perhaps again, until it is resolved. Each time there is something to tell is a
happening; its rows in the log say who was told, and why the others were not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, ColumnElement, Index, and_, case, delete, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from store.database import Base, Id, Moment, is_one_of, is_sqlite
from store.deliveries import CANCELLED, DEAD, SENT, Delivery
from store.topics import Subscriber, Topic

FIRING, RESOLVED, NEWS = "firing", "resolved", "news"
WAITING, TELLING, DONE = "waiting", "telling", "told"  # of a happening
OPEN, CLOSED = "open", "closed"  # of a bundle
BLOCKED = "blocked"  # of a row: by whoever should have heard it
GROUP_SECONDS, REPEAT_MINUTES, ACK_MINUTES = 30, 240, 240
KEYLESS_LISTED = timedelta(days=1)  # nobody can resolve what has no key
_QUIETLY = {"synchronize_session": False}


class Alert(Base):
    __tablename__ = "alerts"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    topic: Mapped[str]
    key: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default=FIRING)
    severity: Mapped[str]
    title: Mapped[str]
    text: Mapped[str] = mapped_column(default="")
    url: Mapped[str] = mapped_column(default="")
    source: Mapped[str] = mapped_column(default="")
    thread: Mapped[str] = mapped_column(default="")  # the same for all alerts of a key: their messages stand together
    fields: Mapped[list[list[str]]] = mapped_column(JSON, default=list)
    began_at: Mapped[datetime] = mapped_column(Moment)
    changed_at: Mapped[datetime] = mapped_column(Moment)  # as its source says
    resolved_at: Mapped[datetime | None] = mapped_column(Moment)
    times: Mapped[int] = mapped_column(default=1)
    acked_by: Mapped[str] = mapped_column(default="")
    acked_at: Mapped[datetime | None] = mapped_column(Moment)
    muted_until: Mapped[datetime | None] = mapped_column(Moment)
    repeat_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        Index(
            "ux_alerts_open",
            "topic",
            "key",
            unique=True,
            sqlite_where=and_(is_one_of(state, FIRING), key != ""),
            postgresql_where=and_(is_one_of(state, FIRING), key != ""),
        ),
        Index("ix_alerts_key", "topic", "key", "id"),
        Index("ix_alerts_began", "began_at"),
        Index(
            "ix_alerts_firing",
            "began_at",
            sqlite_where=is_one_of(state, FIRING),
            postgresql_where=is_one_of(state, FIRING),
        ),
        Index(
            "ix_alerts_repeat",
            "repeat_at",
            sqlite_where=is_one_of(state, FIRING),
            postgresql_where=is_one_of(state, FIRING),
        ),
    )


class Bundle(Base):
    """What happens within seconds of the first of its group is told in one message."""

    __tablename__ = "bundles"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    topic: Mapped[str]
    of: Mapped[str] = mapped_column(default="")
    opened_at: Mapped[datetime] = mapped_column(Moment)
    closes_at: Mapped[datetime] = mapped_column(Moment)
    state: Mapped[str] = mapped_column(default=OPEN)

    __table_args__ = (
        Index("ix_bundles_topic", "topic", "of", "closes_at"),
        Index(
            "ix_bundles_open",
            "closes_at",
            sqlite_where=is_one_of(state, OPEN),
            postgresql_where=is_one_of(state, OPEN),
        ),
    )


class Happening(Base):
    """What there is to tell, as it was then. `verdict`: one for all listeners, such as 'same as before'. `through`: up
    to which subscriber it has been told."""

    __tablename__ = "happenings"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    alert_id: Mapped[int | None] = mapped_column(Id)
    event_id: Mapped[int] = mapped_column(Id, unique=True)
    bundle_id: Mapped[int | None] = mapped_column(Id)
    topic: Mapped[str]
    what: Mapped[str]
    severity: Mapped[str] = mapped_column(default="")
    title: Mapped[str]
    text: Mapped[str] = mapped_column(default="")
    url: Mapped[str] = mapped_column(default="")
    who: Mapped[str] = mapped_column(default="")
    verdict: Mapped[str] = mapped_column(default="")
    detail: Mapped[str] = mapped_column(default="")
    fields: Mapped[list[list[str]]] = mapped_column(JSON, default=list)
    at: Mapped[datetime] = mapped_column(Moment)
    state: Mapped[str] = mapped_column(default=TELLING)
    through: Mapped[int] = mapped_column(Id, default=0)

    __table_args__ = (
        Index("ix_happenings_alert", "alert_id", "id"),
        Index("ix_happenings_bundle", "bundle_id"),
        Index("ix_happenings_at", "at"),
    )


class Row(Base):
    """What became of a happening for one subscriber."""

    __tablename__ = "alert_log"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    happening_id: Mapped[int] = mapped_column(Id)
    alert_id: Mapped[int | None] = mapped_column(Id)
    topic: Mapped[str]
    channel: Mapped[str]
    chat: Mapped[str]
    outcome: Mapped[str]
    detail: Mapped[str] = mapped_column(default="")
    delivery_id: Mapped[int | None] = mapped_column(Id)
    held_until: Mapped[datetime | None] = mapped_column(Moment)  # quiet hours: then it is told, and this is empty
    at: Mapped[datetime] = mapped_column(Moment)

    __table_args__ = (
        Index("ux_alert_log", "happening_id", "channel", "chat", unique=True),
        Index("ix_alert_log_alert", "alert_id", "channel", "chat"),
        Index("ix_alert_log_chat", "channel", "chat", "id"),
        Index(
            "ix_alert_log_held",
            "held_until",
            sqlite_where=held_until.is_not(None),
            postgresql_where=held_until.is_not(None),
        ),
    )


TOGETHER = 5000  # ids in one statement: fewer than either database takes


def batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), TOGETHER):
        yield ids[start : start + TOGETHER]


# --- alerts ---


def get(session: Session, id: int) -> Alert | None:
    return session.get(Alert, id, populate_existing=True)


def hold(session: Session, id: int) -> Alert | None:
    """The alert, and its topic locked to the end of the transaction: nobody else changes it meanwhile."""
    row = session.get(Alert, id)
    if row is None:
        return None
    held_topic(session, row.topic)
    return get(session, id)


def held_topic(session: Session, name: str) -> Topic:
    """The topic, locked to the end of the transaction: what happens on it happens one after the other."""
    query = select(Topic).where(Topic.name == name).execution_options(populate_existing=True)
    return session.scalars(query.with_for_update()).one()


def newest(session: Session, topic: str, key: str) -> Alert | None:
    query = select(Alert).where(Alert.topic == topic, Alert.key == key).order_by(Alert.id.desc()).limit(1)
    return session.scalars(query).first()


def firing(session: Session, now: datetime, topics: Sequence[str] | None = None) -> Sequence[Alert]:
    """The newest first. What has no key is listed for a day."""
    lasting = or_(Alert.key != "", Alert.began_at > now - KEYLESS_LISTED)
    query = select(Alert).where(is_one_of(Alert.state, FIRING), lasting)
    if topics is not None:
        query = query.where(Alert.topic.in_(topics))
    return session.scalars(query.order_by(Alert.id.desc())).all()


def end_keyless(session: Session, now: datetime) -> int:
    """What has no key, and so no end, is over after a day."""
    old = update(Alert).where(is_one_of(Alert.state, FIRING), Alert.began_at <= now - KEYLESS_LISTED, Alert.key == "")
    done = session.execute(old.values(state=RESOLVED, resolved_at=now), execution_options=_QUIETLY)
    return int(done.rowcount)  # type: ignore[attr-defined]


def of_ids(session: Session, ids: Sequence[int]) -> dict[int, Alert]:
    found: dict[int, Alert] = {}
    for some in batches(ids):
        found |= {one.id: one for one in session.scalars(select(Alert).where(Alert.id.in_(some)))}
    return found


def any_repeating(session: Session, now: datetime) -> bool:
    return session.scalar(select(Alert.id).where(_repeats(now)).limit(1)) is not None


def repeating(session: Session, now: datetime, most: int) -> Sequence[Alert]:
    query = select(Alert).where(_repeats(now)).order_by(Alert.repeat_at).limit(most)
    return session.scalars(query.with_for_update(skip_locked=True)).all()


def _repeats(now: datetime) -> Any:
    return and_(is_one_of(Alert.state, FIRING), Alert.repeat_at <= now)


# --- bundles ---


def open_bundle(session: Session, topic: str, of: str, now: datetime) -> Bundle | None:
    """Locked: the clock must not close it before what joins it is there."""
    query = select(Bundle).where(Bundle.topic == topic, Bundle.of == of, Bundle.closes_at > now)
    query = query.where(is_one_of(Bundle.state, OPEN)).order_by(Bundle.id).limit(1)
    return session.scalars(query.with_for_update().execution_options(populate_existing=True)).first()


def bundle_of(session: Session, alert_id: int | None) -> Bundle | None:
    """In which what happened to the alert before still waits, locked; None when nothing waits, or it is closed."""
    waiting = select(Happening.bundle_id).where(Happening.alert_id == alert_id, Happening.state == WAITING)
    id = session.scalar(waiting.order_by(Happening.id.desc()).limit(1))
    query = select(Bundle).where(Bundle.id == id, is_one_of(Bundle.state, OPEN))
    return session.scalars(query.with_for_update().execution_options(populate_existing=True)).first() if id else None


def any_closing(session: Session, now: datetime) -> bool:
    closing = select(Bundle.id).where(is_one_of(Bundle.state, OPEN), Bundle.closes_at <= now)
    return session.scalar(closing.limit(1)) is not None


def closing(session: Session, now: datetime, most: int) -> Sequence[Bundle]:
    query = select(Bundle).where(is_one_of(Bundle.state, OPEN), Bundle.closes_at <= now)
    return session.scalars(query.order_by(Bundle.closes_at).limit(most).with_for_update(skip_locked=True)).all()


# --- happenings ---


def happening(session: Session, id: int) -> Happening | None:
    return session.get(Happening, id, populate_existing=True)


def happenings(session: Session, ids: Sequence[int]) -> list[Happening]:
    found: list[Happening] = []
    for some in batches(ids):
        found += session.scalars(select(Happening).where(Happening.id.in_(some)).order_by(Happening.id))
    return sorted(found, key=lambda one: one.id)


def of_event(session: Session, event_id: int) -> Happening | None:
    return session.scalars(select(Happening).where(Happening.event_id == event_id)).first()


def of_bundle(session: Session, bundle_id: int) -> Sequence[Happening]:
    query = select(Happening).where(Happening.bundle_id == bundle_id, Happening.state != DONE)
    return session.scalars(query.order_by(Happening.id)).all()


def are_next(session: Session, ids: Sequence[int]) -> bool:
    """Has everything been told that happened to their alerts before?"""
    earlier = aliased(Happening)
    for some in batches(ids):
        untold = select(earlier.id).join(Happening, Happening.alert_id == earlier.alert_id)
        untold = untold.where(Happening.id.in_(some), earlier.id < Happening.id, earlier.state != DONE)
        if any(id not in ids for id in session.scalars(untold)):
            return False
    return True


def held_happenings(session: Session, ids: Sequence[int]) -> Sequence[Happening]:
    """Those that are not told to the end, locked: whoever else tells them goes on behind us."""
    query = select(Happening).where(Happening.id.in_(ids), Happening.state != DONE).order_by(Happening.id)
    return session.scalars(query.with_for_update().execution_options(populate_existing=True)).all()


# --- who hears it, and what became of it ---


def listeners(session: Session, topic: str, after: int, most: int) -> Sequence[Subscriber]:
    query = select(Subscriber).where(Subscriber.topic == topic, Subscriber.id > after)
    return session.scalars(query.order_by(Subscriber.id).limit(most)).all()


def keep(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Rows that are there already stay as they are."""
    if rows:
        insert = (sqlite if is_sqlite(session) else postgresql).insert(Row)
        session.execute(insert.on_conflict_do_nothing(), list(rows))


def told_in(
    session: Session, alert_ids: Sequence[int], outcomes: Sequence[str], chats: Sequence[str]
) -> dict[tuple[int, str, str], int]:
    """Of these chats those that were told, by alert and chat: the first delivery that told of it (0: it will be told
    when the quiet hours end)."""
    told: dict[tuple[int, str, str], int] = {}
    for some in batches(alert_ids):
        query = select(Row.alert_id, Row.channel, Row.chat, func.coalesce(func.min(Row.delivery_id), 0))
        query = query.where(Row.alert_id.in_(some), Row.chat.in_(chats), Row.outcome.in_(outcomes))
        for alert, channel, chat, first in session.execute(query.group_by(Row.alert_id, Row.channel, Row.chat)):
            told[alert or 0, channel, chat] = int(first or 0)
    return told


def logged_in(session: Session, happening_ids: Sequence[int], chats: Sequence[str]) -> frozenset[tuple[int, str, str]]:
    """Of these chats those that have a row already: happening, channel, chat."""
    found: set[tuple[int, str, str]] = set()
    for some in batches(happening_ids):
        query = select(Row.happening_id, Row.channel, Row.chat)
        query = query.where(Row.happening_id.in_(some), Row.chat.in_(chats))
        found |= {(happening, channel, chat) for happening, channel, chat in session.execute(query)}
    return frozenset(found)


def any_held(session: Session, now: datetime) -> bool:
    return session.scalar(select(Row.id).where(Row.held_until <= now).limit(1)) is not None


def held_chats(session: Session, now: datetime, most: int) -> Sequence[tuple[str, str, int]]:
    """Chats whose quiet hours are over: channel, chat, and the last of the rows that waited for it."""
    query = select(Row.channel, Row.chat, func.max(Row.id)).where(Row.held_until <= now)
    found = session.execute(query.group_by(Row.channel, Row.chat).order_by(func.max(Row.id)).limit(most))
    return [(channel, chat, last) for channel, chat, last in found]


def held(session: Session, channel: str, chat: str, now: datetime) -> Sequence[Row]:
    query = select(Row).where(Row.channel == channel, Row.chat == chat, Row.held_until <= now)
    return session.scalars(query.order_by(Row.id).with_for_update()).all()


def move(session: Session, channel: str, chat: str, to: str) -> None:
    """The chat has another id from now on: what it was told, and what waits for the end of its quiet hours."""
    there = aliased(Row)
    doubled = exists().where(there.happening_id == Row.happening_id, there.channel == Row.channel, there.chat == to)
    old = (Row.channel == channel, Row.chat == chat)
    session.execute(delete(Row).where(*old, doubled), execution_options=_QUIETLY)
    session.execute(update(Row).where(*old).values(chat=to), execution_options=_QUIETLY)


def blocked(session: Session, channel: str, chat: str, reason: str) -> None:
    """The chat will never hear us again: what was to be told there, and what waited for its quiet hours to end."""
    left = select(Delivery.id).where(
        Delivery.channel == channel, Delivery.chat == chat, is_one_of(Delivery.state, CANCELLED, DEAD),
        func.substr(Delivery.reason, 1, len(reason)) == reason,
    )  # fmt: skip
    here = update(Row).where(Row.channel == channel, Row.chat == chat)
    unsaid = here.where(Row.outcome.in_(("told", "bundled")), Row.delivery_id.in_(left))
    session.execute(unsaid.values(outcome=BLOCKED, detail=reason), execution_options=_QUIETLY)
    held = here.where(Row.held_until.is_not(None))
    session.execute(held.values(outcome=BLOCKED, detail=reason, held_until=None), execution_options=_QUIETLY)


# --- the log ---

_has_words = Row.outcome.in_(("told", "bundled", BLOCKED))
# As it is shown: sent, waiting, cancelled or dead where there is a message; else why there is none.
_shown: ColumnElement[str] = case(
    (and_(Row.outcome == "bundled", is_one_of(Delivery.state, SENT)), "bundled"),
    (and_(Row.outcome == BLOCKED, is_one_of(Delivery.state, CANCELLED, DEAD)), BLOCKED),
    (and_(_has_words, Delivery.state.is_not(None)), Delivery.state),
    else_=Row.outcome,
)


@dataclass(frozen=True)
class Logged:
    """A row of the log with its happening, and how its message stands."""

    row: Row
    happening: Happening
    outcome: str
    reason: str
    sent_at: datetime | None

    @property
    def why(self) -> str:
        if self.outcome == "bundled":
            return f"bundled into message {self.row.delivery_id}"
        return self.row.detail if self.outcome == self.row.outcome else self.reason


def log(
    session: Session,
    *,
    topic: str = "",
    channel: str = "",
    chat: str = "",
    outcome: str = "",
    alert: int | None = None,
    before: int | None = None,
    most: int = 200,
) -> list[Logged]:
    """The newest first. `outcome`: as it is shown."""
    query = select(Row, Happening, _shown, Delivery.reason, Delivery.sent_at)
    query = query.join(Happening, Happening.id == Row.happening_id).outerjoin(Delivery, Delivery.id == Row.delivery_id)
    for column, value in ((Row.topic, topic), (Row.channel, channel), (Row.chat, chat), (_shown, outcome)):
        if value:
            query = query.where(column == value)
    if alert is not None:
        query = query.where(Row.alert_id == alert)
    if before is not None:
        query = query.where(Row.id < before)
    found = session.execute(query.order_by(Row.id.desc()).limit(most))
    return [Logged(row, happening, shown, reason or "", sent_at) for row, happening, shown, reason, sent_at in found]
