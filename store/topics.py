"""Topics: what can be told unasked, and who hears it."""

from collections.abc import Sequence
from datetime import datetime, time

from sqlalchemy import Index, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, Id, Moment, is_sqlite


class Topic(Base):
    __tablename__ = "topics"

    name: Mapped[str] = mapped_column(primary_key=True)
    public: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(Moment)
    group_seconds: Mapped[int | None]  # of its alerts; empty: as usual (store/alerts.py)
    repeat_minutes: Mapped[int | None]
    ack_minutes: Mapped[int | None]


class Subscriber(Base):
    """A chat on a channel, or an e-mail address, that hears a topic."""

    __tablename__ = "subscribers"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    topic: Mapped[str]
    channel: Mapped[str]
    chat: Mapped[str]
    person: Mapped[str] = mapped_column(default="")  # who asked for it, where a person did; an employee by e-mail
    since: Mapped[datetime] = mapped_column(Moment)
    quiet_from: Mapped[time | None]  # local; both or none
    quiet_until: Mapped[time | None]
    severity: Mapped[str] = mapped_column(default="")  # only what is at least so grave; empty: everything
    zone: Mapped[str] = mapped_column(default="")  # of the quiet hours; empty: the house's

    __table_args__ = (
        Index("ux_subscribers", "topic", "channel", "chat", unique=True),
        Index("ix_subscribers_chat", "channel", "chat"),
    )


def get(session: Session, name: str) -> Topic | None:
    return session.get(Topic, name)


def listed(session: Session, public_only: bool = False) -> Sequence[Topic]:
    query = select(Topic).order_by(Topic.name)
    return session.scalars(query.where(Topic.public) if public_only else query).all()


def ensure(session: Session, name: str, now: datetime) -> bool:
    """It exists from now on, internal unless it was there. True when it is new."""
    insert = (sqlite if is_sqlite(session) else postgresql).insert(Topic)
    row = insert.values(name=name, public=False, created_at=now).on_conflict_do_nothing()
    return session.scalar(row.returning(Topic.name)) is not None


def hold(session: Session, name: str, now: datetime) -> Topic:
    """The topic, made where it is missing, locked to the end of the transaction: what happens on it happens one after
    the other."""
    query = select(Topic).where(Topic.name == name).execution_options(populate_existing=True).with_for_update()
    found = session.scalars(query).first()
    if found is None:
        ensure(session, name, now)
        found = session.scalars(query).one()
    return found


def make_public(session: Session, name: str) -> None:
    session.get_one(Topic, name).public = True


def counts(session: Session) -> dict[str, int]:
    """How many hear each topic."""
    query = select(Subscriber.topic, func.count()).group_by(Subscriber.topic)
    return dict(session.execute(query).tuples().all())


# --- who hears it ---


def subscribers(session: Session, topic: str = "") -> Sequence[Subscriber]:
    query = select(Subscriber).order_by(Subscriber.topic, Subscriber.id)
    return session.scalars(query.where(Subscriber.topic == topic) if topic else query).all()


def heard(session: Session, channel: str, chat: str) -> Sequence[str]:
    """The topics that this chat hears."""
    query = select(Subscriber.topic).where(Subscriber.channel == channel, Subscriber.chat == chat)
    return session.scalars(query.order_by(Subscriber.topic)).all()


def subscriber(session: Session, topic: str, channel: str, chat: str) -> Subscriber | None:
    query = select(Subscriber).where(Subscriber.topic == topic, Subscriber.channel == channel)
    return session.scalars(query.where(Subscriber.chat == chat)).first()


def of_chat(session: Session, channel: str, chat: str, public_only: bool = False) -> Sequence[Subscriber]:
    """What this chat hears, with its quiet hours and the like."""
    query = select(Subscriber).where(Subscriber.channel == channel, Subscriber.chat == chat)
    if public_only:
        query = query.where(Subscriber.topic.in_(select(Topic.name).where(Topic.public)))
    return session.scalars(query.order_by(Subscriber.topic)).all()


def subscribe(session: Session, topic: str, channel: str, chat: str, now: datetime, person: str = "") -> bool:
    """False when it heard the topic already. The topic exists from now on."""
    ensure(session, topic, now)
    insert = (sqlite if is_sqlite(session) else postgresql).insert(Subscriber)
    row = insert.values(topic=topic, channel=channel, chat=chat, person=person, since=now, severity="", zone="")
    return session.scalar(row.on_conflict_do_nothing().returning(Subscriber.id)) is not None


def unsubscribe(session: Session, topic: str, channel: str, chat: str) -> bool:
    """False when it did not hear it."""
    mine = delete(Subscriber).where(Subscriber.topic == topic, Subscriber.channel == channel, Subscriber.chat == chat)
    done = session.execute(mine, execution_options={"synchronize_session": False})
    return bool(done.rowcount)  # type: ignore[attr-defined]


def unsubscribe_all(session: Session, channel: str, chat: str) -> list[str]:
    """A chat that is gone hears nothing any more. Returns what it heard."""
    mine = delete(Subscriber).where(Subscriber.channel == channel, Subscriber.chat == chat)
    gone = session.scalars(mine.returning(Subscriber.topic), execution_options={"synchronize_session": False})
    return sorted(gone)


def move(session: Session, channel: str, chat: str, to: str) -> None:
    """The chat has another id from now on. Where it hears a topic under both, once is enough."""
    there = select(Subscriber.topic).where(Subscriber.channel == channel, Subscriber.chat == to)
    old = (Subscriber.channel == channel, Subscriber.chat == chat)
    quietly = {"synchronize_session": False}
    session.execute(delete(Subscriber).where(*old, Subscriber.topic.in_(there)), execution_options=quietly)
    session.execute(update(Subscriber).where(*old).values(chat=to), execution_options=quietly)


def let_go(session: Session, email: str) -> None:
    """Who is an employee no more hears no internal topic, in a chat of their own or by mail."""
    theirs = or_(Subscriber.person == email, Subscriber.chat == email)
    internal = Subscriber.topic.not_in(select(Topic.name).where(Topic.public))
    session.execute(delete(Subscriber).where(theirs, internal), execution_options={"synchronize_session": False})
