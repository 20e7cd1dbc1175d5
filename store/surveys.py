"""What we know of each customer: their profile as the platform last told it, and what we asked for in the chat."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Text, cast, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.chats import Chat
from store.database import Base, Moment, is_sqlite

NEWEST = 20_000  # customers among whom a word is searched for

MOST_OTHERS = 10_000  # read in a quarter of a second; the share is exact to half a hundredth


class Survey(Base):
    __tablename__ = "surveys"

    channel: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(primary_key=True)
    profile: Mapped[dict[str, Any]] = mapped_column(JSON)
    asked: Mapped[dict[str, Any]] = mapped_column(JSON)  # key -> {"answer", "instead_of"}
    updated_at: Mapped[datetime] = mapped_column(Moment, index=True)

    def known(self) -> dict[str, Any]:
        return _known(self.profile, self.asked)


def _known(profile: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """An answer given in the chat stands until the profile's own value for it changes."""
    answered = {key: given["answer"] for key, given in asked.items() if profile.get(key) == given["instead_of"]}
    return {**profile, **answered}


def get(session: Session, channel: str, person: str) -> Survey | None:
    return session.get(Survey, (channel, person), populate_existing=True)


def learn(session: Session, channel: str, person: str, profile: Mapping[str, Any], now: datetime) -> Survey:
    """Keep the profile as it was told now. Keys that were not mentioned stay: an event may carry a part of it."""
    survey = _row(session, channel, person, now)
    survey.profile = {**survey.profile, **profile}
    survey.updated_at = now
    return survey


def answered(session: Session, channel: str, person: str, key: str, answer: Any, now: datetime) -> Survey:
    survey = _row(session, channel, person, now)
    survey.asked = {**survey.asked, key: {"answer": answer, "instead_of": survey.profile.get(key)}}
    survey.updated_at = now
    return survey


def _row(session: Session, channel: str, person: str, now: datetime) -> Survey:
    """The survey's row, locked: what is added to it must not undo what another event adds at the same time."""
    empty = {"channel": channel, "person": person, "profile": {}, "asked": {}, "updated_at": now}
    insert = (sqlite if is_sqlite(session) else postgresql).insert(Survey).values(empty)
    found = session.get(Survey, (channel, person), populate_existing=True, with_for_update=True)
    if found is None:
        session.execute(insert.on_conflict_do_nothing())
        found = session.get_one(Survey, (channel, person), with_for_update=True)
    return found


def latest(session: Session, channel: str) -> list[tuple[str, dict[str, Any]]]:
    """The channel's customers, each with what is known; of very many, those that were heard of last: a share of so
    many says the same, and an answer must not take the longer the more customers there are."""
    query = select(Survey.person, Survey.profile, Survey.asked).where(Survey.channel == channel)
    rows = session.execute(query.order_by(Survey.updated_at.desc()).limit(MOST_OTHERS))
    return [(person, _known(profile, asked)) for person, profile, asked in rows]


def search(session: Session, words: str, channels: Collection[str], most: int = 20) -> list[Survey]:
    """Customers whose survey says these words, or whose id or chat this is; the newest first. Only the newest are
    looked through for words, so that an answer comes at once however many there are."""
    newest = select(Survey.channel, Survey.person, Survey.profile, Survey.asked, Survey.updated_at)
    newest = newest.order_by(Survey.updated_at.desc())
    if not words:
        return list(session.scalars(select(Survey).order_by(Survey.updated_at.desc()).limit(most)))
    in_chat = select(Chat.person).where(Chat.channel.in_(channels), Chat.chat == words, Chat.person != "")
    is_it = or_(Survey.person == words, Survey.person.in_(in_chat))
    found = list(session.scalars(select(Survey).where(Survey.channel.in_(channels), is_it).limit(most)))
    looked = newest.limit(NEWEST).subquery()
    # As JSON writes it: other letters than Latin ones are escapes there.
    fragments = {words, json.dumps(words)[1:-1]}
    columns = (looked.c.profile, looked.c.asked)
    says = or_(*(cast(column, Text).icontains(one, autoescape=True) for column in columns for one in fragments))
    places = session.execute(
        select(looked.c.channel, looked.c.person).where(says).order_by(looked.c.updated_at.desc()).limit(most)
    )
    for channel, person in places:
        survey = session.get(Survey, (channel, person))
        if survey is not None and survey not in found:
            found.append(survey)
    return found[:most]
