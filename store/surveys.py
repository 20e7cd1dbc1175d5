"""What we know of each customer: their profile as the platform last told it, and what we asked for in the chat."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, Moment, is_sqlite


class Survey(Base):
    __tablename__ = "surveys"

    channel: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(primary_key=True)
    profile: Mapped[dict[str, Any]] = mapped_column(JSON)
    asked: Mapped[dict[str, Any]] = mapped_column(JSON)  # key -> {"answer", "instead_of"}
    updated_at: Mapped[datetime] = mapped_column(Moment, index=True)

    def known(self) -> dict[str, Any]:
        """An answer given in the chat stands until the profile's own value for it changes."""
        answered = {
            key: given["answer"] for key, given in self.asked.items() if self.profile.get(key) == given["instead_of"]
        }
        return {**self.profile, **answered}


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


def others(session: Session, channel: str, person: str) -> list[dict[str, Any]]:
    """The latest surveys of the channel's other customers."""
    query = select(Survey).where(Survey.channel == channel, Survey.person != person)
    return [survey.known() for survey in session.scalars(query)]
