"""Everything that we hold of one person: to hand it out, or to let it go so that nothing leads to them."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from store import audit, bot_calls, database, errands, processes, webchat_lines
from store.alerts import Alert, Happening, Row
from store.answers import ASKING, ENDED, Answer
from store.bot_calls import Answer as Said
from store.bot_calls import Call
from store.chats import Chat
from store.database import is_one_of
from store.deliveries import CANCELLED, SENDING, WAITING, Delivery
from store.events import IGNORED, NEW, Event
from store.members import Member
from store.retention import ANSWER, CALL, DELIVERY, EVENT, empty
from store.surveys import Survey
from store.topics import Subscriber

ERASED = "erased"
MAIL = "email"
STAFF = "manager_wrote"  # the person of such an event is no customer

_QUIETLY = {"synchronize_session": False}


@dataclass(frozen=True)
class Person:
    """A customer, the chats that are theirs alone, and what is of them in each table."""

    channel: str
    id: str
    chats: tuple[str, ...]

    def events(self) -> ColumnElement[bool]:
        theirs = and_(Event.person == self.id, Event.kind != STAFF)
        return and_(Event.channel == self.channel, or_(theirs, Event.chat.in_(self.chats)))

    def answers(self) -> ColumnElement[bool]:
        return and_(Answer.channel == self.channel, or_(Answer.person == self.id, Answer.chat.in_(self.chats)))

    def deliveries(self) -> ColumnElement[bool]:
        in_their_chats = and_(Delivery.channel == self.channel, Delivery.chat.in_(self.chats))
        return or_(in_their_chats, Delivery.event_id.in_(select(Event.id).where(self.events())))

    def subscriptions(self) -> ColumnElement[bool]:
        return and_(Subscriber.channel == self.channel, Subscriber.chat.in_(self.chats))

    def calls(self) -> ColumnElement[bool]:
        """What they said to bots."""
        return and_(Call.channel == self.channel, or_(Call.person == self.id, Call.chat.in_(self.chats)))

    def memberships(self) -> ColumnElement[bool]:
        on_page = and_(Member.channel == webchat_lines.CHANNEL, Member.chat.endswith(f"/{self.id}", autoescape=True))
        return and_(Member.channel == self.channel, or_(Member.chat.in_(self.chats), on_page))

    def alert_rows(self) -> ColumnElement[bool]:
        return and_(Row.channel == self.channel, Row.chat.in_(self.chats))

    def acknowledged(self) -> ColumnElement[bool]:
        here = [f"{self.channel}:{chat}" for chat in self.chats]
        return and_(Happening.what == "acknowledged", Happening.detail.in_(here))

    def rows_of_chats(self) -> ColumnElement[bool]:
        return and_(Chat.channel == self.channel, Chat.chat.in_(self.chats))


def find(session: Session, channel: str, id: str, more_chats: tuple[str, ...] = ()) -> Person:
    """`more_chats`: theirs by what waits in the spool."""
    known = select(Chat.chat).where(Chat.channel == channel, Chat.person == id)
    named = select(Event.chat).where(Event.channel == channel, Event.person == id, Event.kind != STAFF)
    chats = {*session.scalars(known), *session.scalars(named), *more_chats} - {""}
    return Person(channel, id, tuple(sorted(chat for chat in chats if not _shared(session, channel, chat, id))))


def _shared(session: Session, channel: str, chat: str, id: str) -> bool:
    """Does another customer write there too? A room is nobody's own."""
    others = and_(Event.person != id, Event.person != "", Event.kind != STAFF)
    return bool(session.scalar(select(exists().where(Event.channel == channel, Event.chat == chat, others))))


def is_known(session: Session, person: Person) -> bool:
    tables = (
        *((Event, person.events()), (Answer, person.answers()), (Chat, person.rows_of_chats())),
        (Member, person.memberships()),
    )
    if session.get(Survey, (person.channel, person.id)) is not None:
        return True
    return any(session.scalar(select(exists().select_from(table).where(which))) for table, which in tables)


def stop(session: Session, person: Person) -> bool:
    """Nothing more goes out to them. False while a message is just being sent: then look again."""
    dead = and_(
        is_one_of(Delivery.state, SENDING),
        or_(Delivery.owner.is_(None), Delivery.owner.not_in(processes.alive())),
    )
    left = and_(person.deliveries(), or_(is_one_of(Delivery.state, WAITING), dead))
    cancelled = update(Delivery).where(left).values(state=CANCELLED, reason=ERASED, owner=None)
    session.execute(cancelled, execution_options=_QUIETLY)
    undecided = update(Event).where(person.events(), is_one_of(Event.state, NEW))
    session.execute(undecided.values(state=IGNORED, reason=ERASED, owner=None), execution_options=_QUIETLY)
    asking = update(Answer).where(person.answers(), is_one_of(Answer.state, ASKING))
    session.execute(asking.values(state=ENDED), execution_options=_QUIETLY)
    sending = and_(person.deliveries(), is_one_of(Delivery.state, SENDING))
    return not session.scalar(select(exists().select_from(Delivery).where(sending)))


def erase(session: Session, person: Person) -> dict[str, int]:
    """Rows stay for the counts, emptied and marked; what is nothing but the person goes. Returns how many."""
    database.overwrite_what_goes(session)
    errands.forget_all(session)
    audit.empty(session, [f"chat:{person.channel}/{chat}" for chat in person.chats], f"chat:{ERASED}")
    none = {"chat": "", "reason": ERASED}
    left = {**DELIVERY, **none, "key": "", "message_id": "", "ended": ""}
    mailed = list(session.scalars(select(Delivery.chat).where(person.deliveries(), Delivery.channel == MAIL)))
    done = {"deliveries": empty(session, Delivery, person.deliveries(), left)}  # found by the events: so before them
    done["answers"] = empty(session, Answer, person.answers(), {**ANSWER, "chat": "", "person": "", "ask_key": ""})
    _erase_calls(session, person)
    unique = ERASED + ":" + cast(Event.id, String)
    done["events"] = empty(session, Event, person.events(), {**EVENT, **none, "person": "", "platform_id": unique})
    _forget_addresses(session, mailed)
    done["alert_log"] = _forget_alerts(session, person)
    for table, which in (
        (Survey, and_(Survey.channel == person.channel, Survey.person == person.id)),
        (Subscriber, person.subscriptions()),
        (Member, person.memberships()),
        (Chat, person.rows_of_chats()),
    ):
        gone = session.execute(delete(table).where(which), execution_options=_QUIETLY)
        done[table.__tablename__] = int(gone.rowcount)  # type: ignore[attr-defined]
    return done


def _erase_calls(session: Session, person: Person) -> None:
    said = select(Call.id).where(person.calls())
    empty(session, Said, Said.call_id.in_(said), {"text": None})
    ended = update(Call).where(person.calls(), is_one_of(Call.state, *bot_calls.OPEN))
    session.execute(ended.values(state=bot_calls.EXPIRED, socket=None, wait_until=None), execution_options=_QUIETLY)
    empty(session, Call, person.calls(), {**CALL, "person": "", "chat": "", "thread": "", "why": ERASED})


def _forget_alerts(session: Session, person: Person) -> int:
    seen = list(session.scalars(select(Happening.alert_id).where(person.acknowledged())))
    empty(session, Alert, Alert.id.in_(seen), {"acked_by": ERASED})
    empty(session, Happening, person.acknowledged(), {"who": ERASED, "detail": ""})
    nobody = ERASED + ":" + cast(Row.id, String)
    return empty(session, Row, person.alert_rows(), {"chat": nobody, "detail": "", "held_until": None})


def _forget_addresses(session: Session, mailed: list[str]) -> None:
    """Where mails about them went may be an address of their own; one that gets others' mails too stays."""
    others = exists().where(Delivery.channel == Chat.channel, Delivery.chat == Chat.chat)
    session.execute(
        delete(Chat).where(Chat.channel == MAIL, Chat.chat.in_(mailed), ~others), execution_options=_QUIETLY
    )


def export(session: Session, person: Person) -> dict[str, list[dict[str, Any]]]:
    """Every row, in full, by table."""
    orders = (
        (Survey, and_(Survey.channel == person.channel, Survey.person == person.id), Survey.person),
        (Chat, person.rows_of_chats(), Chat.chat),
        (Subscriber, person.subscriptions(), Subscriber.id),
        (Member, person.memberships(), Member.id),
        (Call, person.calls(), Call.id),
        (Said, Said.call_id.in_(select(Call.id).where(person.calls())), Said.call_id),
        (Event, person.events(), Event.id),
        (Answer, person.answers(), Answer.id),
        (Delivery, person.deliveries(), Delivery.id),
        (Row, person.alert_rows(), Row.id),
        (Happening, person.acknowledged(), Happening.id),
    )
    return {
        table.__tablename__: [_columns(row) for row in session.scalars(select(table).where(which).order_by(order))]
        for table, which, order in orders
    }


def _columns(row: Any) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}
