"""Employees and their teams, as staff import them; who is not here is an outsider."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, time

from sqlalchemy import Index, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from store import topics
from store.database import Base, Id, Moment

ADDED, CHANGED, SAME = "added", "changed", "same"


class Person(Base):
    __tablename__ = "people"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)  # in small letters: by it a platform's person is known
    name: Mapped[str]
    team: Mapped[str] = mapped_column(default="")
    quiet_from: Mapped[time | None]  # local; both or none
    quiet_until: Mapped[time | None]
    language: Mapped[str] = mapped_column(default="")  # of the last command; what is told unasked is said in it
    updated_at: Mapped[datetime] = mapped_column(Moment)

    __table_args__ = (Index("ix_people_team", "team"),)


class Team(Base):
    """A team that has a room of its own. (One without is just a word beside its people.)"""

    __tablename__ = "teams"

    name: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str]
    chat: Mapped[str]
    updated_at: Mapped[datetime] = mapped_column(Moment)


def find(session: Session, email: str) -> Person | None:
    email = email.strip().lower()
    return session.scalars(select(Person).where(Person.email == email)).first() if email else None


def get(session: Session, id: int) -> Person | None:
    return session.get(Person, id)


def listed(session: Session) -> Sequence[Person]:
    return session.scalars(select(Person).order_by(Person.team == "", Person.team, Person.name, Person.id)).all()


def members(session: Session, team: str) -> Sequence[Person]:
    return session.scalars(select(Person).where(Person.team == team).order_by(Person.name, Person.id)).all()


def save(session: Session, rows: Sequence[Mapping[str, str]], now: datetime) -> list[str]:
    """Add or change by e-mail; of each row what became of it. Those who are not in `rows` stay."""
    kept = {person.email: person for person in session.scalars(select(Person))}
    outcomes = []
    for row in rows:
        person = kept.get(row["email"])
        if person is None:
            session.add(Person(**row, updated_at=now))
            outcomes.append(ADDED)
        elif (person.name, person.team) == (row["name"], row["team"]):
            outcomes.append(SAME)
        else:
            person.name, person.team, person.updated_at = row["name"], row["team"], now
            outcomes.append(CHANGED)
    session.flush()
    return outcomes


def remove(session: Session, id: int) -> None:
    """With their days, their reminders, and what internal topics they hear."""
    topics.let_go(session, session.get_one(Person, id).email)
    session.execute(delete(Person).where(Person.id == id))


# --- teams ---


def teams(session: Session) -> list[tuple[str, int, Team | None]]:
    """Every team by name, how many it has, and its room."""
    counts = Counter(dict(session.execute(select(Person.team, func.count()).group_by(Person.team)).tuples().all()))
    rooms = {team.name: team for team in session.scalars(select(Team))}
    return [(name, counts[name], rooms.get(name)) for name in sorted({*counts, *rooms} - {""})]


def room(session: Session, team: str) -> Team | None:
    return session.get(Team, team) if team else None


def give_room(session: Session, team: str, channel: str, chat: str, now: datetime) -> None:
    found = session.get(Team, team)
    if found is None:
        session.add(Team(name=team, channel=channel, chat=chat, updated_at=now))
    else:
        found.channel, found.chat, found.updated_at = channel, chat, now
