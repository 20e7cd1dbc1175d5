"""One chat as it happened: events and messages in one order of time, read by the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from store.answers import Answer
from store.database import is_one_of
from store.deliveries import DEAD, EFFECTS, SENT, UNFINISHED, Delivery
from store.events import NEW, Event

EVENT, DELIVERY = 0, 1  # of two things at one moment the event comes first: it is the cause
LATER = datetime(9999, 1, 1, tzinfo=UTC)  # of messages whose time is not known yet
MOST_SHOWN = 400


@dataclass(frozen=True, order=True)
class Place:
    """Where something stands in its chat. Also the key by which pages go back."""

    at: datetime
    kind: int
    id: int

    def __str__(self) -> str:
        return f"{self.at.astimezone(UTC):%Y%m%dT%H%M%S.%f}-{self.kind}-{self.id}"

    @classmethod
    def read(cls, text: str) -> "Place | None":
        """None when it is no place: somebody mended the address by hand."""
        try:
            at, kind, id = text.split("-")
            moment = datetime.strptime(at, "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
            return cls(moment, int(kind), min(int(id), 2**62))
        except ValueError:
            return None


@dataclass(frozen=True)
class Page:
    """A stretch of a chat, the oldest first. `older`: there is more before it."""

    places: list[Place]
    events: Mapping[int, Event]
    deliveries: Mapping[int, Delivery]
    answers: Mapping[int, Answer]
    older: bool


def page(
    session: Session, channel: str, chat: str, most: int, before: Place | None = None, since: Place | None = None
) -> Page:
    """The newest `most` things of the chat, of those before `before`; or everything from `since` on."""
    most = MOST_SHOWN if since else most
    places: list[Place] = []
    for kind, query in ((EVENT, _events(channel, chat)), (DELIVERY, _deliveries(channel, chat))):
        at, id = query.selected_columns
        if before:
            query = query.where(_is_before(kind, at, id, before))
        if since:
            query = query.where(at >= since.at)
        rows = session.execute(query.order_by(at.desc(), id.desc()).limit(most + 1))
        places += [Place(row[0], kind, row[1]) for row in rows]
    places = sorted(place for place in places if since is None or place >= since)
    return _loaded(session, places[-most:], older=len(places) > most)


def _is_before(kind: int, at: ColumnElement[datetime], id: ColumnElement[int], place: Place) -> ColumnElement[bool]:
    if kind < place.kind:
        return at <= place.at
    if kind > place.kind:
        return at < place.at
    return or_(at < place.at, and_(at == place.at, id < place.id))


def _events(channel: str, chat: str) -> Select[datetime, int]:
    return select(Event.received_at, Event.id).where(Event.channel == channel, Event.chat == chat)


def _deliveries(channel: str, chat: str) -> Select[datetime, int]:
    return select(_moment(), Delivery.id).where(Delivery.channel == channel, Delivery.chat == chat)


def _moment() -> ColumnElement[datetime]:
    """When it was sent, died or is due. What was cancelled stands behind the last message of its series that went:
    its own time never came."""
    ahead = aliased(Delivery)
    went = select(func.max(ahead.sent_at)).where(ahead.source == Delivery.source, ahead.step < Delivery.step)
    began = select(Event.received_at).where(Event.id == Delivery.event_id)
    own = case(
        (is_one_of(Delivery.state, SENT), Delivery.sent_at),
        (is_one_of(Delivery.state, *UNFINISHED), func.coalesce(Delivery.due_at, LATER)),
        (is_one_of(Delivery.state, DEAD), Delivery.due_at),
        else_=None,
    )
    return func.coalesce(own, went.scalar_subquery(), began.scalar_subquery(), LATER)


def _loaded(session: Session, places: list[Place], older: bool) -> Page:
    ids: tuple[list[int], list[int]] = ([], [])
    for place in places:
        ids[place.kind].append(place.id)
    events = {one.id: one for one in session.scalars(select(Event).where(Event.id.in_(ids[EVENT])))}
    deliveries = {one.id: one for one in session.scalars(select(Delivery).where(Delivery.id.in_(ids[DELIVERY])))}
    runs = {one.answer_id for one in deliveries.values() if one.answer_id is not None}
    answers = {one.id: one for one in session.scalars(select(Answer).where(Answer.id.in_(runs)))}
    return Page(places, events, deliveries, answers, older)


def is_moving(session: Session, channel: str, chat: str) -> bool:
    """Is something on its way, or not decided yet?"""
    unsent = select(Delivery.id).where(
        Delivery.channel == channel, Delivery.chat == chat, is_one_of(Delivery.state, *UNFINISHED)
    )
    undecided = select(Event.id).where(Event.channel == channel, Event.chat == chat, is_one_of(Event.state, NEW))
    return any(session.scalar(query.limit(1)) is not None for query in (unsent, undecided))


def runs(session: Session, channel: str, chat: str, most: int = 20) -> list[Answer]:
    """The chat's latest answers, the newest first."""
    newest = (
        select(Delivery.answer_id)
        .where(Delivery.channel == channel, Delivery.chat == chat, Delivery.answer_id.is_not(None))
        .group_by(Delivery.answer_id)
        .order_by(Delivery.answer_id.desc())
        .limit(most)
    )
    ids = list(session.scalars(newest))
    return list(session.scalars(select(Answer).where(Answer.id.in_(ids)).order_by(Answer.id.desc())))


def counts(session: Session, answer_ids: list[int]) -> dict[int, dict[str, int]]:
    """How many messages of each answer stand how."""
    # By event: messages have no index of their answer, and an answer's messages are of its event.
    of_them = select(Answer.event_id).where(Answer.id.in_(answer_ids))
    query = (
        select(Delivery.answer_id, Delivery.state, func.count())
        .where(Delivery.event_id.in_(of_them), Delivery.answer_id.in_(answer_ids), Delivery.kind != EFFECTS)
        .group_by(Delivery.answer_id, Delivery.state)
    )
    found: dict[int, dict[str, int]] = {id: {} for id in answer_ids}
    for answer_id, state, count in session.execute(query):
        if answer_id is not None:
            found[answer_id][state] = count
    return found
