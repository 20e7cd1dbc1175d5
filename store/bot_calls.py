"""Calls: what somebody said to a bot, until the bot is done with it. The row is the truth; whatever connects bots
only carries it.

A call waits (nobody has it), is given (to a socket of its bot), then done or expired. What the bot says of it has
numbers, each of which counts once: the text of number 2 is the delivery (`call:ID`, step 2).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Index, and_, exists, func, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from store import bots
from store.database import Base, Id, Moment, is_one_of

WAITING, GIVEN, DONE, EXPIRED = "waiting", "given", "done", "expired"
OPEN = (WAITING, GIVEN)
PATIENCE = timedelta(minutes=10)
LONGEST_TEXT = 10_000  # characters; in a frame up to three times as many bytes


class Call(Base):
    __tablename__ = "bot_calls"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    event_id: Mapped[int] = mapped_column(Id, unique=True)
    bot_id: Mapped[int] = mapped_column(Id)
    company: Mapped[str]
    command: Mapped[str] = mapped_column(default="")  # empty: a message, which is no command
    text: Mapped[str]
    channel: Mapped[str]
    chat: Mapped[str]
    room: Mapped[bool] = mapped_column(default=False)
    thread: Mapped[str] = mapped_column(default="")
    person: Mapped[str]
    name: Mapped[str] = mapped_column(default="")
    guest: Mapped[bool] = mapped_column(default=False)
    language: Mapped[str] = mapped_column(default="ko")
    trace: Mapped[str]
    state: Mapped[str] = mapped_column(default=WAITING)
    why: Mapped[str] = mapped_column(default="")  # it ended without being done
    socket: Mapped[str | None]
    gives: Mapped[int] = mapped_column(default=0)  # how often it was given
    last_seq: Mapped[int] = mapped_column(default=0)
    wait_seq: Mapped[int] = mapped_column(default=0)  # by which the bot asked the person last; 0: it did not
    wait_until: Mapped[datetime | None] = mapped_column(Moment)  # null: the question is answered, or there is none
    asked_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        Index(
            "ix_bot_calls_open",
            "bot_id",
            "id",
            sqlite_where=is_one_of(state, *OPEN),
            postgresql_where=is_one_of(state, *OPEN),
        ),
        Index(
            "ix_bot_calls_expiry",
            "expires_at",
            sqlite_where=is_one_of(state, *OPEN),
            postgresql_where=is_one_of(state, *OPEN),
        ),
        Index("ix_bot_calls_chat", "channel", "chat", "id"),
    )

    @property
    def source(self) -> str:
        return f"call:{self.id}"


class Answer(Base):
    """What the person said to the bot's question."""

    __tablename__ = "bot_answers"

    call_id: Mapped[int] = mapped_column(Id, primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)  # of the question
    text: Mapped[str | None]  # null: nobody answered in time
    event_id: Mapped[int | None] = mapped_column(Id, unique=True)


_open = is_one_of(Call.state, *OPEN)


def open(session: Session, call: Call) -> Call:
    call.expires_at = call.asked_at + PATIENCE
    session.add(call)
    session.flush()
    return call


def get(session: Session, id: int) -> Call | None:
    return session.get(Call, id)


def hold_all(session: Session, ids: Collection[int]) -> dict[int, Call]:
    """Locked to the end of the transaction, in the order of their numbers."""
    query = select(Call).where(Call.id.in_(ids)).order_by(Call.id).with_for_update()
    return {call.id: call for call in session.scalars(query.execution_options(populate_existing=True))}


def listed(session: Session, company: str, most: int) -> Sequence[Call]:
    return session.scalars(select(Call).where(Call.company == company).order_by(Call.id.desc()).limit(most)).all()


# --- giving ---


def _free() -> ColumnElement[bool]:
    """Nobody's, or a socket's that is gone."""
    lost = or_(Call.socket.is_(None), Call.socket.not_in(bots.live()))
    return or_(is_one_of(Call.state, WAITING), and_(is_one_of(Call.state, GIVEN), lost))


def wanted(session: Session, bot_ids: Sequence[int], now: datetime) -> set[int]:
    """Of these bots, those for which something waits."""
    if not bot_ids:
        return set()
    query = select(Call.bot_id).where(_open, Call.bot_id.in_(bot_ids), Call.expires_at > now, _free()).distinct()
    return set(session.scalars(query))


def waiting(session: Session, most: Mapping[int, int], now: datetime) -> dict[int, list[int]]:
    """By bot, the oldest that wait, so many of each. They are not locked: `give` looks again."""
    place = func.row_number().over(partition_by=Call.bot_id, order_by=Call.id).label("place")
    first = select(Call.id, Call.bot_id, place).where(_open, Call.bot_id.in_(most), Call.expires_at > now, _free())
    ranked = first.subquery()
    rows = session.execute(
        select(ranked.c.id, ranked.c.bot_id).where(ranked.c.place <= max(most.values())).order_by(ranked.c.id)
    )
    found: dict[int, list[int]] = {}
    for id, bot_id in rows:
        if len(found.setdefault(bot_id, [])) < most[bot_id]:
            found[bot_id].append(id)
    return found


def give(session: Session, to: Mapping[str, Sequence[int]]) -> dict[str, list[Call]]:
    """To each socket these calls, as far as nobody else was given them meanwhile. They are locked in the order of
    their numbers first, so that two relays who do this do not stand in each other's way."""
    wanted = select(Call.id).where(Call.id.in_([id for ids in to.values() for id in ids]), _open)
    locked = set(session.scalars(wanted.order_by(Call.id).with_for_update(skip_locked=True)))
    to = {socket: [id for id in ids if id in locked] for socket, ids in to.items()}
    for socket, ids in to.items():
        session.execute(
            update(Call)
            .where(Call.id.in_(ids), _open, _free())
            .values(state=GIVEN, socket=socket, gives=Call.gives + 1),
            execution_options={"synchronize_session": False},
        )
    every = [id for ids in to.values() for id in ids]
    query = select(Call).where(Call.id.in_(every), Call.socket.in_(to)).order_by(Call.id)
    given: dict[str, list[Call]] = {}
    for call in session.scalars(query.execution_options(populate_existing=True)):
        given.setdefault(str(call.socket), []).append(call)
    return given


def resume(session: Session, bot_id: int, socket: str, ids: Sequence[int]) -> list[Call]:
    """The bot still works on these, and speaks of them through this socket from now on."""
    mine = select(Call.id).where(_open, Call.bot_id == bot_id, Call.id.in_(ids))
    return _given(session, list(session.scalars(mine.order_by(Call.id).with_for_update())), socket)


def _given(session: Session, ids: Sequence[int], socket: str) -> list[Call]:
    if not ids:
        return []
    given = {"state": GIVEN, "socket": socket, "gives": Call.gives + 1}
    session.execute(
        update(Call).where(Call.id.in_(ids)).values(given), execution_options={"synchronize_session": False}
    )
    query = select(Call).where(Call.id.in_(ids)).order_by(Call.id).execution_options(populate_existing=True)
    return list(session.scalars(query))


def let_go(session: Session, sockets: Sequence[str]) -> None:
    """What these sockets were given waits for others."""
    theirs = update(Call).where(is_one_of(Call.state, GIVEN), Call.socket.in_(sockets))
    session.execute(theirs.values(state=WAITING, socket=None), execution_options={"synchronize_session": False})


def worked_on(session: Session, channel: str) -> set[str]:
    """Chats of this channel in which a bot is at work just now, and waits for nobody."""
    busy = select(Call.chat).where(_open, is_one_of(Call.state, GIVEN), Call.channel == channel)
    return set(session.scalars(busy.where(Call.wait_until.is_(None), Call.socket.in_(bots.live()))))


# --- what the bot says of it ---


def told(call: Call, seq: int, now: datetime) -> None:
    """The bot has told something: it has as long again for what comes next. A question of it stays open."""
    call.last_seq = max(call.last_seq, seq)
    call.expires_at = max(now, call.wait_until or now) + PATIENCE


def ask_back(call: Call, seq: int, seconds: int, now: datetime) -> None:
    """The next message of the person is for the bot."""
    call.wait_seq, call.wait_until = seq, now + timedelta(seconds=seconds)
    told(call, seq, now)


def end(call: Call, state: str, now: datetime, why: str = "") -> None:
    call.state, call.ended_at, call.why, call.socket, call.wait_until = state, now, why, None, None


# --- the person's answers ---


def asking(session: Session, channel: str, chat: str, person: str, now: datetime) -> Call | None:
    """The call whose bot waits for what this person says next."""
    here = (Call.channel == channel, Call.chat == chat, Call.person == person)
    query = select(Call).where(_open, *here, Call.wait_until > now).order_by(Call.id.desc())
    return session.scalars(query.with_for_update()).first()


def any_asking(session: Session, channel: str, chat: str, person: str, now: datetime) -> bool:
    here = (Call.channel == channel, Call.chat == chat, Call.person == person)
    return bool(session.scalar(select(exists().where(_open, *here, Call.wait_until > now))))


def is_asking(call: Call) -> bool:
    """Does its bot wait for an answer, or is there one that it may not have got? What it says later tells that it
    has."""
    return call.wait_seq > 0 and (call.wait_until is not None or call.last_seq == call.wait_seq)


def answered(session: Session, call: Call, text: str | None, event_id: int | None, now: datetime) -> None:
    session.add(Answer(call_id=call.id, seq=call.wait_seq, text=text, event_id=event_id))
    call.wait_until, call.expires_at = None, now + PATIENCE
    session.flush()


def answer(session: Session, call_id: int, seq: int) -> Answer | None:
    return session.get(Answer, (call_id, seq))


def answers(session: Session, asking: Mapping[int, int]) -> list[Answer]:
    """To the questions with these numbers, by their calls."""
    if not asking:
        return []
    found = session.scalars(select(Answer).where(Answer.call_id.in_(asking)))
    return [one for one in found if asking[one.call_id] == one.seq]


def unanswered(session: Session, ids: Sequence[int], now: datetime) -> list[int]:
    """Of these calls, those whose question nobody answered in time."""
    if not ids:
        return []
    return list(session.scalars(select(Call.id).where(Call.id.in_(ids), _open, Call.wait_until <= now)))


def still_unanswered(session: Session, id: int, now: datetime) -> Call | None:
    query = select(Call).where(Call.id == id, _open, Call.wait_until <= now)
    return session.scalars(query.with_for_update().execution_options(populate_existing=True)).first()


def over(session: Session, ids: Sequence[int]) -> set[int]:
    """Of these calls, those that have ended."""
    if not ids:
        return set()
    return set(session.scalars(select(Call.id).where(Call.id.in_(ids), ~_open)))


# --- the end of patience ---


def any_expired(session: Session, now: datetime) -> bool:
    return bool(session.scalar(select(exists().where(_open, Call.expires_at <= now))))


def expired(session: Session, now: datetime, most: int) -> Sequence[Call]:
    query = select(Call).where(_open, Call.expires_at <= now).order_by(Call.expires_at).limit(most)
    return session.scalars(query.execution_options(populate_existing=True)).all()


def expire(session: Session, id: int, now: datetime) -> Call | None:
    """End it, if it is still due to end."""
    late = (Call.id == id, _open, Call.expires_at <= now)
    call = session.scalars(
        select(Call).where(*late).with_for_update().execution_options(populate_existing=True)
    ).first()
    if call is not None:
        end(call, EXPIRED, now, "nobody answered" if call.last_seq == 0 else "the bot did not finish")
    return call


def left_alone(session: Session, call: Call) -> bool:
    """Did the person hear nothing after what they said last?"""
    if call.last_seq == 0:
        return True
    last = answer(session, call.id, call.last_seq)
    return last is not None and last.text is not None


def expire_of(session: Session, bot_id: int, now: datetime) -> None:
    """The bot is no more: whoever waits for it is told with the clock's next look."""
    theirs = update(Call).where(_open, Call.bot_id == bot_id, Call.expires_at > now)
    session.execute(theirs.values(expires_at=now), execution_options={"synchronize_session": False})
