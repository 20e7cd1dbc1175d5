"""Deliveries: one message to one chat each, in the line of its chat.

A series (the messages of one answer) shares a `source`. Only its next message has a `due_at`: the time is known
when the one before was sent. A message that follows a long pause or a question leaves the line (`position` is
null) until it is due, so it holds nobody up.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    JSON,
    ColumnElement,
    CompoundSelect,
    Index,
    Select,
    Table,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from store import chats, processes, totals
from store.database import Base, Id, Moment, is_one_of, storable

WAITING, SENDING, SENT, CANCELLED, DEAD = "waiting", "sending", "sent", "cancelled", "dead"
UNFINISHED = (WAITING, SENDING)
MESSAGE, ASK, EFFECTS, MAIL = "message", "ask", "effects", "mail"
AFTERWARDS = (EFFECTS, MAIL)  # they come once every message of the series was sent
OWN_LOSS_SECONDS = 3
LONG_PAUSE = 60  # seconds; a longer wait leaves the chat's line


def _in_line(state: Any, due_at: Any, position: Any) -> ColumnElement[bool]:
    """Its turn may have come: it has a time and a place."""
    return and_(is_one_of(state, WAITING), due_at.is_not(None), position.is_not(None))


def _apart(state: Any, position: Any) -> ColumnElement[bool]:
    """It has left its chat's line for a long pause, or never stood in it."""
    return and_(is_one_of(state, WAITING), position.is_(None))


class Delivery(Base):
    __tablename__ = "deliveries"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    source: Mapped[str]  # answer:12 or event:34
    step: Mapped[int]
    event_id: Mapped[int] = mapped_column(Id)  # the older the event, the sooner its messages go
    answer_id: Mapped[int | None] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(default=MESSAGE)
    channel: Mapped[str]
    chat: Mapped[str]
    position: Mapped[int | None] = mapped_column()
    body: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True)
    )  # null until the question before it is answered
    text: Mapped[str]
    wait: Mapped[float] = mapped_column(default=0)
    yields: Mapped[bool] = mapped_column(default=True)
    key: Mapped[str]  # what the platform may recognise a repeat by
    trace: Mapped[str]
    state: Mapped[str] = mapped_column(default=WAITING)
    reason: Mapped[str] = mapped_column(default="")
    due_at: Mapped[datetime | None] = mapped_column(Moment)
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    began_at: Mapped[datetime | None] = mapped_column(Moment)  # of an answer's first message: when its event came in
    attempts: Mapped[int] = mapped_column(default=0)
    unclear: Mapped[bool] = mapped_column(default=False)  # an attempt was made and nobody knows how it ended
    ended: Mapped[str] = mapped_column(default="", server_default="")  # why its series ended while it was being sent
    owner: Mapped[str | None]
    message_id: Mapped[str] = mapped_column(default="")  # of several parts all ids, with spaces between them
    parts_sent: Mapped[int] = mapped_column(default=0)  # of a message that the platform takes only in parts
    repeated: Mapped[bool] = mapped_column(default=False)  # unclear, and sent again where nobody could look for it

    __table_args__ = (
        Index("ux_deliveries_step", "source", "step", unique=True),
        Index(
            "ix_deliveries_due",
            "due_at",
            sqlite_where=is_one_of(state, WAITING),
            postgresql_where=is_one_of(state, WAITING),
        ),
        Index(
            "ix_deliveries_turn",
            "channel",
            "event_id",
            "step",
            sqlite_where=_in_line(state, due_at, position),
            postgresql_where=_in_line(state, due_at, position),
        ),
        Index(
            "ix_deliveries_apart",
            "due_at",
            sqlite_where=_apart(state, position),
            postgresql_where=_apart(state, position),
        ),
        Index(
            "ix_deliveries_line",
            "channel",
            "chat",
            "position",
            sqlite_where=is_one_of(state, *UNFINISHED),
            postgresql_where=is_one_of(state, *UNFINISHED),
        ),
        Index("ix_deliveries_chat", "channel", "chat", "id"),
        Index("ix_deliveries_event", "event_id"),
        Index(
            "ix_deliveries_sent",
            "sent_at",
            "kind",
            "began_at",
            "wait",
            sqlite_where=sent_at.is_not(None),
            postgresql_where=sent_at.is_not(None),
        ),
        Index(
            "ix_deliveries_dead",
            "due_at",
            sqlite_where=is_one_of(state, DEAD),
            postgresql_where=is_one_of(state, DEAD),
        ),
        Index(
            "ix_deliveries_sending",
            "owner",
            sqlite_where=is_one_of(state, SENDING),
            postgresql_where=is_one_of(state, SENDING),
        ),
    )


def new_key() -> str:
    """Not the row's number: a restored database must not repeat the keys of messages that a platform still knows."""
    return f"maru-{uuid.uuid4().hex}"


def add(session: Session, held: chats.Chat, rows: Sequence[Delivery], now: datetime) -> None:
    """Put a series (or what follows a question in one) at the end of its chat's line; its first message is due
    after its own wait."""
    ready = [row for row in rows if row.body is not None]
    if ready:
        ready[0].due_at = now + timedelta(seconds=ready[0].wait)
        _line_up(held, ready)
    session.add_all(rows)
    session.flush()


def add_each(session: Session, rows: Sequence[Delivery], now: datetime) -> None:
    """One message to each of many chats, due at once."""
    held = chats.hold_each(session, {(row.channel, row.chat) for row in rows})
    for row in rows:
        row.due_at, row.position = now, chats.places(held[row.channel, row.chat], 1)[0]
    session.add_all(rows)
    session.flush()


def _line_up(held: chats.Chat, rows: Sequence[Delivery]) -> None:
    """Give places to the messages that run at the pace of a conversation, up to the first long pause."""
    count = 0
    for row in rows:
        if row.wait > LONG_PAUSE and row.due_at is None:
            break
        if count == 0 and row.wait > LONG_PAUSE:
            return  # its own pause comes first; it lines up when due
        count += 1
    for row, place in zip(rows[:count], chats.places(held, count), strict=True):
        row.position = place


def line_up_due(session: Session, now: datetime) -> None:
    """Messages whose long pause is over join their chat's line."""
    ready = select(Delivery).where(_apart(Delivery.state, Delivery.position), Delivery.due_at <= now)
    for row in session.scalars(ready.limit(200)):
        held = chats.hold(session, row.channel, row.chat)
        session.refresh(row)
        if row.state != WAITING or row.position is not None:
            continue
        rest = select(Delivery).where(
            Delivery.source == row.source, Delivery.step > row.step, is_one_of(Delivery.state, WAITING),
            Delivery.body.is_not(None), Delivery.channel == row.channel, Delivery.chat == row.chat,
        )  # fmt: skip
        row.position = chats.places(held, 1)[0]
        following = list(session.scalars(rest.order_by(Delivery.step)))
        _line_up(held, following)


# --- taking and finishing: the statements of the hot path are built once, since building costs more than running ---

_rows = cast(Table, Delivery.__table__)
_ahead = _rows.alias("ahead")
_first_in_line = ~(
    select(_ahead.c.id)
    .where(
        _ahead.c.channel == _rows.c.channel,
        _ahead.c.chat == _rows.c.chat,
        is_one_of(_ahead.c.state, *UNFINISHED),
        or_(_ahead.c.state == SENDING, _ahead.c.position < _rows.c.position),
        _ahead.c.id != _rows.c.id,
    )
    # Else PostgreSQL makes a join of it, which reads the whole backlog for each row while its statistics are older
    # than the flood. This way it looks the chat up.
    .offset(0)
    .exists()
)
_waits = is_one_of(_rows.c.state, WAITING)
_is_mine = and_(_rows.c.owner == bindparam("me"), is_one_of(_rows.c.state, SENDING))
_taken = {"state": SENDING, "owner": bindparam("me"), "attempts": _rows.c.attempts + 1}

_due_ones = (
    select(_rows.c.id)
    .where(_in_line(_rows.c.state, _rows.c.due_at, _rows.c.position))
    # Not written as a range: in the index of due times a backlog would be read and sorted whole for each few messages.
    .where(func.coalesce(_rows.c.due_at, bindparam("now")) <= bindparam("now"), _first_in_line)
    .where(_rows.c.channel == bindparam("of_channel"))
    .order_by(_rows.c.event_id, _rows.c.step)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_take = update(_rows).where(_rows.c.id == bindparam("of_id"), _waits).values(_taken)
_next_of_series = (
    select(_rows.c.id, _rows.c.wait, _rows.c.body.is_not(None).label("has_words"))
    .where(_rows.c.source == bindparam("of_source"), _rows.c.step > bindparam("after"), _waits)
    .order_by(_rows.c.step)
    .limit(1)
)
_set_due = update(_rows).where(_rows.c.id == bindparam("of_id"), _waits).values(due_at=bindparam("at"))
_finished = (
    update(_rows)
    .where(_rows.c.id == bindparam("of_id"), _is_mine)
    .values(
        state=bindparam("as_state"),
        reason=bindparam("why"),
        message_id=bindparam("as_id"),
        sent_at=bindparam("at"),
        unclear=False,
        owner=None,
    )
)


def _due_on(channel: str) -> Select[Any]:
    """The channel's name, should something be due there; both indexes are asked at one place each."""
    due = func.coalesce(_rows.c.due_at, bindparam("now")) <= bindparam("now")
    here = _rows.c.channel == channel
    in_line = select(_rows.c.id).where(here, _in_line(_rows.c.state, _rows.c.due_at, _rows.c.position), due)
    apart = select(_rows.c.id).where(here, _apart(_rows.c.state, _rows.c.position), _rows.c.due_at <= bindparam("now"))
    return select(literal(channel)).where(or_(in_line.exists(), apart.exists()))


@cache
def _due_anywhere(channels: tuple[str, ...]) -> CompoundSelect[Any]:
    return union_all(*(_due_on(channel) for channel in channels))


def channels_due(session: Session, channels: Sequence[str], now: datetime) -> list[str]:
    return list(session.connection().execute(_due_anywhere(tuple(channels)), {"now": now}).scalars())


def claim(session: Session, owner: str, channel: str, most: int, now: datetime) -> list[Delivery]:
    """Take up to `most` due messages, each the first of its chat's line; the oldest series first, so that a flood
    of new chats does not hold up one that has begun."""
    run = session.connection()
    ids = run.execute(_due_ones, {"now": now, "of_channel": channel, "most": most}).scalars().all()
    mine = [id for id in ids if run.execute(_take, {"of_id": id, "me": owner}).rowcount == 1]
    if not mine:
        return []
    return list(session.scalars(select(Delivery).where(Delivery.id.in_(mine)).order_by(Delivery.event_id)))


def sent(session: Session, delivery: Delivery, owner: str, message_id: str, now: datetime, why: str = "") -> None:
    """It arrived; the next message of the series is due after its wait."""
    facts = {"as_state": SENT, "why": why, "as_id": message_id, "at": now}
    done = session.connection().execute(_finished, {"of_id": delivery.id, "me": owner} | facts)
    if done.rowcount == 1:
        if delivery.began_at is not None:
            totals.waited(session, delivery.channel, (now - delivery.began_at).total_seconds() - delivery.wait)
        follow(session, delivery, now)


def died(session: Session, delivery: Delivery, owner: str, reason: str, now: datetime) -> None:
    """It never will. What comes after it in the series still goes."""
    facts = {"as_state": DEAD, "why": storable(reason, 500), "as_id": "", "at": None}
    done = session.connection().execute(_finished, {"of_id": delivery.id, "me": owner} | facts)
    if done.rowcount == 1:
        follow(session, delivery, now)


def dropped(session: Session, delivery: Delivery, owner: str, reason: str) -> None:
    """It did not arrive, and its series ended meanwhile."""
    facts = {"as_state": CANCELLED, "why": reason, "as_id": "", "at": None}
    session.connection().execute(_finished, {"of_id": delivery.id, "me": owner} | facts)


def follow(session: Session, delivery: Delivery, now: datetime) -> None:
    """Set the next message of the series due, unless it still waits for a reply."""
    run = session.connection()
    place = {"of_source": delivery.source, "after": delivery.step}
    # Staff may cancel the one that was found before it is written: then it is the turn of the one behind it.
    while (after := run.execute(_next_of_series, place).first()) is not None and after.has_words:
        due_at = now + timedelta(seconds=after.wait)
        if run.execute(_set_due, {"of_id": after.id, "at": due_at}).rowcount == 1:
            return


def note(session: Session, id: int, owner: str, **facts: Any) -> bool:
    """Write down how far the sending is. False when it is no longer this owner's."""
    mine = update(Delivery).where(Delivery.id == id, Delivery.owner == owner, is_one_of(Delivery.state, SENDING))
    return bool(session.execute(mine.values(**facts)).rowcount)  # type: ignore[attr-defined]


def message_ids(session: Session, channel: str, chat: str, most: int = 200) -> frozenset[str]:
    """The ids under which our last messages of a chat arrived."""
    here = select(Delivery.message_id).where(Delivery.channel == channel, Delivery.chat == chat)
    newest = here.where(Delivery.message_id != "").order_by(Delivery.id.desc()).limit(most)
    return frozenset(id for ids in session.scalars(newest) for id in ids.split())


def under(session: Session, channel: str, chat: str, message_id: str, most: int = 500) -> Delivery | None:
    """The message of ours that a chat has under this id of its platform."""
    here = select(Delivery).where(Delivery.channel == channel, Delivery.chat == chat, Delivery.message_id != "")
    newest = session.scalars(here.order_by(Delivery.id.desc()).limit(most))
    return next((row for row in newest if message_id in row.message_id.split()), None)


def put_off(session: Session, delivery: Delivery, owner: str, due_at: datetime, reason: str, **values: Any) -> bool:
    """Try again at `due_at`; it keeps its place in the line. If its series ended meanwhile it is over, unless it has
    to be found out first whether it arrived."""
    mine = update(Delivery).where(
        Delivery.id == delivery.id, Delivery.owner == owner, is_one_of(Delivery.state, SENDING)
    )
    later = {"state": WAITING, "owner": None, "due_at": due_at, "reason": storable(reason, 500)}
    done = session.execute(mine.values(**later, **values))
    if not values.get("unclear", delivery.unclear):
        over = update(Delivery).where(
            Delivery.id == delivery.id, is_one_of(Delivery.state, WAITING), Delivery.ended != ""
        )
        session.execute(over.values(state=CANCELLED, reason=Delivery.ended))
    return bool(done.rowcount == 1)  # type: ignore[attr-defined]


def _lost(me: str, busy: Sequence[int]) -> Any:
    """Being sent by a process that is dead, or by `me` although no thread of mine is busy with it: its last write
    failed."""
    mine = and_(Delivery.owner == me, Delivery.id.not_in(busy))
    dead = or_(Delivery.owner.is_(None), Delivery.owner.not_in(processes.alive()))
    return and_(is_one_of(Delivery.state, SENDING), or_(mine, dead))


def any_lost(session: Session, me: str, busy: Sequence[int]) -> bool:
    return session.scalar(select(Delivery.id).where(_lost(me, busy)).limit(1)) is not None


def recover(session: Session, me: str, busy: Sequence[int], now: datetime) -> int:
    """Free what was lost: nobody knows whether it arrived, so the next owner asks first. A host that was cut off may
    hold some of it locked for a while; that keeps nobody from the rest."""
    free = select(Delivery.id).where(_lost(me, busy)).with_for_update(skip_locked=True)
    lost = update(Delivery).where(Delivery.id.in_(free)).execution_options(synchronize_session=False)
    # What this very process lost it might lose again at once, so that waits a little.
    due_at = case((Delivery.owner == me, now + timedelta(seconds=OWN_LOSS_SECONDS)), else_=now)
    freed = session.execute(lost.values(state=WAITING, owner=None, unclear=True, due_at=due_at))
    return int(freed.rowcount)  # type: ignore[attr-defined]


_soonest = select(func.min(_rows.c.due_at)).where(_waits)
_soonest_of = _soonest.where(_rows.c.channel.in_(bindparam("channels", expanding=True)))


def next_due(session: Session, channels: Sequence[str] | None = None) -> datetime | None:
    """When the next message is due: of all channels, or of these."""
    run = session.connection()
    found = run.scalar(_soonest) if channels is None else run.scalar(_soonest_of, {"channels": list(channels)})
    return cast("datetime | None", found)


def waiting(session: Session) -> int:
    """How many messages are not sent yet."""
    unsent = select(func.count()).where(is_one_of(_rows.c.state, *UNFINISHED), _rows.c.kind != EFFECTS)
    return int(session.scalar(unsent) or 0)


def show(session: Session, rows: Sequence[Delivery], now: datetime) -> None:
    """Messages that need no call to arrive, all of one channel, just added: they are sent with their rows, unless
    others of their chat come first."""
    if not rows:
        return
    chats_of, ids = {row.chat for row in rows}, [row.id for row in rows]
    ahead = select(Delivery.chat).where(
        Delivery.channel == rows[0].channel, Delivery.chat.in_(chats_of), is_one_of(Delivery.state, *UNFINISHED),
        Delivery.id.not_in(ids),
    )  # fmt: skip
    held_up = set(session.scalars(ahead.distinct()))
    free = [row for row in rows if row.chat not in held_up]
    sent = update(Delivery).where(Delivery.id.in_([row.id for row in free]))
    session.execute(
        sent.values(state=SENT, sent_at=now, message_id=Delivery.key), execution_options={"synchronize_session": False}
    )
    began = [row.began_at for row in free if row.began_at is not None]
    totals.waited_each(session, rows[0].channel, [(now - at).total_seconds() for at in began])


def is_there(session: Session, source: str, step: int) -> bool:
    return session.scalar(select(Delivery.id).where(Delivery.source == source, Delivery.step == step)) is not None


def of_source(session: Session, source: str) -> list[Delivery]:
    return list(session.scalars(select(Delivery).where(Delivery.source == source).order_by(Delivery.step)))


def of_event(session: Session, event_id: int) -> list[Delivery]:
    query = select(Delivery).where(Delivery.event_id == event_id, Delivery.kind != EFFECTS)
    return list(session.scalars(query.order_by(Delivery.id)))


def get(session: Session, id: int) -> Delivery | None:
    return session.get(Delivery, id)


def listed(session: Session, state: str | None = None, chat: str | None = None, most: int = 1000) -> list[Delivery]:
    """Messages; and effects that failed, since nothing disappears silently."""
    query = select(Delivery).where(or_(Delivery.kind != EFFECTS, Delivery.state == DEAD))
    if state:
        query = query.where(Delivery.state == state)
    if chat is not None:
        query = query.where(Delivery.chat == chat)
    return list(session.scalars(query.order_by(Delivery.id.desc()).limit(most)))


def retry(session: Session, id: int, now: datetime) -> bool:
    """A dead or cancelled message is put at the end of its chat's line."""
    row = session.get(Delivery, id)
    if row is None:
        return False
    held = chats.hold(session, row.channel, row.chat)
    session.refresh(row, with_for_update=True)  # somebody else may have retried it just now
    if row.state not in (DEAD, CANCELLED) or row.body is None:
        return False
    row.position = chats.places(held, 1)[0]
    row.state, row.reason, row.ended, row.attempts, row.due_at = WAITING, "", "", 0, now
    row.repeated = False
    return True


def cancel_waiting(session: Session, channel: str, chat: str, sources: str, reason: str) -> int:
    """What waits for a chat that is gone, of the sources that begin so."""
    waiting = update(Delivery).where(
        Delivery.channel == channel, Delivery.chat == chat, is_one_of(Delivery.state, WAITING),
        Delivery.source.startswith(sources, autoescape=True),
    )  # fmt: skip
    done = session.execute(
        waiting.values(state=CANCELLED, reason=reason), execution_options={"synchronize_session": False}
    )
    return int(done.rowcount)  # type: ignore[attr-defined]


def move(session: Session, channel: str, chat: str, to: str) -> None:
    """What waits for a chat that has another id from now on."""
    held = chats.hold(session, channel, to)
    here = select(Delivery).where(
        Delivery.channel == channel, Delivery.chat == chat, is_one_of(Delivery.state, WAITING)
    )
    for row in session.scalars(here.order_by(Delivery.position.is_(None), Delivery.position, Delivery.id)):
        row.chat = to
        if row.position is not None:
            row.position = chats.places(held, 1)[0]


def cancel(session: Session, id: int, reason: str, now: datetime) -> bool:
    row = session.get(Delivery, id)
    if row is None:
        return False
    waiting = update(Delivery).where(Delivery.id == id, is_one_of(Delivery.state, WAITING))
    ended = waiting.values(state=CANCELLED, reason=reason).returning(Delivery.due_at)
    done = session.execute(ended, execution_options={"synchronize_session": False}).first()
    if done is not None and done.due_at is not None:
        follow(session, row, now)
    return done is not None
