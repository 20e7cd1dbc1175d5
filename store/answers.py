"""Answers: one run of one module for one person, and the question that it may be waiting on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, Index, Select, and_, bindparam, case, func, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from store import chats
from store.database import Base, Id, Moment, is_one_of
from store.deliveries import CANCELLED, DEAD, MAIL, SENDING, SENT, UNFINISHED, WAITING, Delivery

GOING, ASKING, ENDED = "going", "asking", "ended"
EMPTIED = "emptied"  # what it held aged out, or its person was erased
PATIENCE = timedelta(hours=24)
NO_ANSWER = "no answer"
_AT_ONCE = 200


class Answer(Base):
    __tablename__ = "answers"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    event_id: Mapped[int] = mapped_column(Id)
    module: Mapped[str]
    version: Mapped[int]
    tables: Mapped[dict[str, int]] = mapped_column(JSON)  # the versions it began with, and ends with
    channel: Mapped[str]
    chat: Mapped[str]
    person: Mapped[str]
    received: Mapped[dict[str, Any]] = mapped_column(JSON)  # the survey as it came
    context: Mapped[dict[str, Any]] = mapped_column(JSON)  # customer, chat, matched groups, site
    now: Mapped[datetime] = mapped_column(Moment)
    values: Mapped[dict[str, Any]] = mapped_column(JSON)
    missing: Mapped[list[str]] = mapped_column(JSON)
    answer_trace: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(default=GOING)
    ask_key: Mapped[str] = mapped_column(default="")
    ask_index: Mapped[int] = mapped_column(default=-1)  # its place in the module's messages
    ask_delivery: Mapped[int | None] = mapped_column(Id)
    ask_tries: Mapped[int] = mapped_column(default=0)

    __table_args__ = (
        Index("ux_answers_event_module", "event_id", "module", unique=True),
        Index("ix_answers_module", "module", "channel", "person", "id"),
        Index("ix_answers_person", "channel", "person"),
        Index("ix_answers_now", "now", "module", "state", "ask_delivery", "event_id"),
        Index(
            "ix_answers_asking",
            "channel",
            "chat",
            sqlite_where=is_one_of(state, ASKING),
            postgresql_where=is_one_of(state, ASKING),
        ),
    )

    @property
    def source(self) -> str:
        return f"answer:{self.id}"


_answers, _deliveries = Answer.__table__, Delivery.__table__


def get(session: Session, id: int) -> Answer | None:
    return session.get(Answer, id)


def of_event(session: Session, event_id: int) -> Answer | None:
    return session.scalars(select(Answer).where(Answer.event_id == event_id).order_by(Answer.id.desc())).first()


def asking(session: Session, channel: str, chat: str) -> Answer | None:
    """The answer whose question is out in this chat. A question still on its way is not asked yet."""
    query = (
        select(Answer)
        .join(Delivery, Delivery.id == Answer.ask_delivery)
        .where(Answer.channel == channel, Answer.chat == chat, is_one_of(Answer.state, ASKING))
        .where(or_(Delivery.state.in_((SENDING, SENT)), Delivery.unclear))
    )
    return session.scalars(query.order_by(Answer.id.desc()).limit(1)).first()


def end_series(session: Session, channel: str, chat: str, reason: str, always: bool, module: str = "") -> int:
    """Cancel what waits in this chat: every series (`always`) or those that yield; only of `module`, if named. What
    is being sent just now may arrive, and is not tried again if it does not."""
    if not _anything_open(session, channel, chat):
        return 0
    here = and_(Delivery.channel == channel, Delivery.chat == chat, is_one_of(Delivery.state, *UNFINISHED))
    if not always:
        here = and_(here, Delivery.yields)
    if module:
        of_module = select(Answer.id).where(Answer.channel == channel, Answer.chat == chat, Answer.module == module)
        here = and_(here, Delivery.answer_id.in_(of_module))
    # One statement for both: between two, a message on its way could come back and be seen by neither.
    waits = is_one_of(Delivery.state, WAITING)
    ended = session.execute(
        update(Delivery)
        .where(here)
        .values(
            state=case((waits, CANCELLED), else_=Delivery.state),
            reason=case((waits, reason), else_=Delivery.reason),
            ended=case((waits, ""), else_=reason),
        )
        .returning(Delivery.answer_id, Delivery.state),
        execution_options={"synchronize_session": False},
    ).all()
    # A question that was the last message leaves nothing waiting; whether its series yields is on its own row.
    last = and_(Answer.channel == channel, Answer.chat == chat, is_one_of(Answer.state, ASKING))
    questions = select(Answer.id).join(Delivery, Delivery.id == Answer.ask_delivery).where(last)
    if not always:
        questions = questions.where(Delivery.yields)
    if module:
        questions = questions.where(Answer.module == module)
    over = [*session.scalars(questions), *(row.answer_id for row in ended if row.answer_id is not None)]
    session.execute(update(Answer).where(Answer.id.in_(over)).values(state=ENDED))
    # Mails that would follow wait in chats of their own.
    mails = and_(Delivery.answer_id.in_(over), Delivery.kind == MAIL, is_one_of(Delivery.state, WAITING))
    session.execute(update(Delivery).where(mails).values(state=CANCELLED, reason=reason))
    return sum(row.state == CANCELLED for row in ended)


_unsent = (
    select(_deliveries.c.id)
    .where(_deliveries.c.channel == bindparam("of_channel"), _deliveries.c.chat == bindparam("of_chat"))
    .where(is_one_of(_deliveries.c.state, *UNFINISHED))
    .limit(1)
)
_asked = (
    select(_answers.c.id)
    .where(_answers.c.channel == bindparam("of_channel"), _answers.c.chat == bindparam("of_chat"))
    .where(is_one_of(_answers.c.state, ASKING))
    .limit(1)
)


def _anything_open(session: Session, channel: str, chat: str) -> bool:
    """Mostly nothing is: two quick looks save the four statements that end a series."""
    of_chat = {"of_channel": channel, "of_chat": chat}
    run = session.connection()
    return run.execute(_unsent, of_chat).first() is not None or run.execute(_asked, of_chat).first() is not None


def end_one(session: Session, answer: Answer, reason: str) -> None:
    """Cancel what is left of this answer's series."""
    waiting = and_(Delivery.answer_id == answer.id, is_one_of(Delivery.state, WAITING))
    session.execute(update(Delivery).where(waiting).values(state=CANCELLED, reason=reason))
    answer.state = ENDED


def _expired(now: datetime) -> Select[Answer]:
    return (
        select(Answer)
        .join(Delivery, Delivery.id == Answer.ask_delivery)
        .where(is_one_of(Answer.state, ASKING))
        .where(
            or_(
                and_(Delivery.state == SENT, Delivery.sent_at <= now - PATIENCE),
                Delivery.state.in_((DEAD, CANCELLED)),
            )
        )
    )


def any_expired(session: Session, now: datetime) -> bool:
    return session.scalars(_expired(now).limit(1)).first() is not None


def expire_questions(session: Session, now: datetime) -> int:
    """End the series whose question nobody answered for a day, or whose question itself could not be sent."""
    found = session.scalars(_expired(now).limit(500)).all()
    count = 0
    for answer in sorted(found, key=lambda one: (one.channel, one.chat)):  # the order in which intake locks them too
        chats.hold(session, answer.channel, answer.chat)
        still = _expired(now).where(Answer.id == answer.id).execution_options(populate_existing=True)
        if session.scalars(still).first() is None:
            continue  # a reply came while we waited for the chat
        asked = session.get_one(Delivery, answer.ask_delivery, populate_existing=True)
        end_one(session, answer, NO_ANSWER if asked.state == SENT else "the question was not sent")
        count += 1
    return count


@dataclass(frozen=True)
class Asked:
    """What an answer was made from."""

    received: dict[str, Any]
    context: dict[str, Any]
    now: datetime
    channel: str


def latest_of_customers(session: Session, module: str, most: int) -> Sequence[int]:
    """The latest answer of each of the last `most` customers who started this module, the newest first."""
    newest = (
        select(func.max(Answer.id))
        .where(Answer.module == module, Answer.state != EMPTIED)
        .group_by(Answer.channel, Answer.person)
        .order_by(func.max(Answer.id).desc())
        .limit(most)
    )
    return session.scalars(newest).all()


def asked(session: Session, ids: Sequence[int]) -> Iterator[Asked]:
    """What these answers were made from, some hundred at a time. Their traces, which are large, stay where they are."""
    columns = select(Answer.received, Answer.context, Answer.now, Answer.channel)
    for start in range(0, len(ids), _AT_ONCE):
        some = columns.where(Answer.id.in_(ids[start : start + _AT_ONCE])).order_by(Answer.id.desc())
        yield from (Asked(*row) for row in session.execute(some).all())
