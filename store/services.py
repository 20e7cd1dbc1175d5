"""The catalogue of services that people search in chats, and what they searched for and did not find."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, Id, Moment, is_sqlite, storable

SHIPPED = "shipped"  # the origin of the examples that set-up brought, until somebody changes them
ADDED, CHANGED, SAME, REMOVED = "added", "changed", "same", "removed"
LONGEST_SEARCH = 200
MOST_MISSED = 200
TOGETHER = 500

State = tuple[int, int]


class Service(Base):
    __tablename__ = "services"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    synonyms: Mapped[list[str]] = mapped_column(JSON)
    description: Mapped[str] = mapped_column(default="")
    team: Mapped[str] = mapped_column(default="")
    answer: Mapped[str] = mapped_column(default="")
    link: Mapped[str] = mapped_column(default="")
    run: Mapped[str] = mapped_column(default="")  # a command, as somebody would type it
    origin: Mapped[str] = mapped_column(default="")
    updated_at: Mapped[datetime] = mapped_column(Moment)
    updated_by: Mapped[str] = mapped_column(default="")
    stamp: Mapped[int] = mapped_column(Id)  # another number whenever the row changes


class Missed(Base):
    """Searched and not found, by the words. Who asked is not kept."""

    __tablename__ = "searches_missed"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    text: Mapped[str]
    channel: Mapped[str]
    count: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(Moment)

    __table_args__ = (
        Index("ux_searches_missed_text", "text", "channel", unique=True),
        Index("ix_searches_missed_last", "last_at"),
    )


# --- the catalogue ---


def listed(session: Session) -> Sequence[Service]:
    return session.scalars(select(Service).order_by(Service.id)).all()


def find(session: Session, name: str) -> Service | None:
    return session.scalars(select(Service).where(Service.name == name)).first()


def state(session: Session) -> State:
    """Another one whenever a service was added, changed or removed."""
    count, stamps = session.execute(select(func.count(), func.sum(Service.stamp)).select_from(Service)).one()
    return count, int(stamps or 0)


def save(
    session: Session,
    wanted: Sequence[Mapping[str, Any]],
    now: datetime,
    who: str = "",
    origin: str = "",
    gone: Callable[[Service], bool] = lambda service: False,
) -> dict[str, list[str]]:
    """Add these services, or change those of the same name; of the others go those that `gone` says. Returns the
    names, by what became of them."""
    known = {service.name: service for service in listed(session)}
    done: dict[str, list[str]] = {ADDED: [], CHANGED: [], SAME: [], REMOVED: []}
    for values in wanted:
        kept = known.pop(values["name"], None)
        done[_save(session, kept, values, now, who, origin)].append(values["name"])
    done[REMOVED] = [name for name, service in known.items() if gone(service)]
    remove(session, done[REMOVED])
    session.flush()
    return done


def _save(
    session: Session, kept: Service | None, values: Mapping[str, Any], now: datetime, who: str, origin: str
) -> str:
    if kept is None:
        session.add(Service(**values, origin=origin, updated_at=now, updated_by=who, stamp=_stamp()))
        return ADDED
    if all(getattr(kept, key) == value for key, value in values.items()):
        kept.origin = origin
        return SAME
    _change(kept, values, now, who, origin)
    return CHANGED


def _change(kept: Service, values: Mapping[str, Any], now: datetime, who: str, origin: str) -> None:
    for key, value in values.items():
        setattr(kept, key, value)
    kept.origin, kept.updated_at, kept.updated_by, kept.stamp = origin, now, who, _stamp()


def edit(session: Session, kept: Service | None, values: Mapping[str, Any], now: datetime, who: str) -> None:
    """One service as a person wrote it in a form: its name may be another one now. None: a new one."""
    if kept is None:
        _save(session, None, values, now, who, "")
    else:
        _change(kept, values, now, who, "")
    session.flush()


def _stamp() -> int:
    """Random, so that no two changes cancel out, as a row removed and one added in its place would."""
    return secrets.randbits(40)


def remove(session: Session, names: Sequence[str]) -> None:
    for start in range(0, len(names), TOGETHER):
        session.execute(delete(Service).where(Service.name.in_(names[start : start + TOGETHER])))


# --- what was not found ---


def miss(session: Session, text: str, channel: str, now: datetime) -> None:
    """Somebody searched for this and found nothing; the same words in another case or spacing count together."""
    row = {"text": storable(" ".join(text.split()).casefold(), LONGEST_SEARCH), "channel": channel}
    if not row["text"]:
        return
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    adding = insert(Missed).values(**row, count=1, last_at=now)
    once_more = {"count": Missed.count + 1, "last_at": now}
    session.execute(adding.on_conflict_do_update(index_elements=[Missed.text, Missed.channel], set_=once_more))


def missed(session: Session, most: int = MOST_MISSED) -> Sequence[Missed]:
    """What people look for in vain, the most frequent first."""
    return session.scalars(select(Missed).order_by(Missed.count.desc(), Missed.last_at.desc()).limit(most)).all()


def adopt(session: Session, missed_id: int, name: str, now: datetime, who: str) -> bool:
    """Make what was not found a synonym of this service. False when one of them is gone."""
    found, service = session.get(Missed, missed_id), find(session, name)
    if found is None or service is None:
        return False
    if found.text not in service.synonyms:
        _change(service, {"synonyms": [*service.synonyms, found.text]}, now, who, "")
    dismiss(session, found.text)
    return True


def dismiss(session: Session, text: str) -> None:
    """No longer listed, on any channel."""
    session.execute(delete(Missed).where(Missed.text == text))


def forget(session: Session, before: datetime, most: int) -> int:
    """Let go of what nobody searched for since; returns how many. Called until there are none."""
    old = list(session.scalars(select(Missed.id).where(Missed.last_at < before).limit(most)))
    if old:
        session.execute(delete(Missed).where(Missed.id.in_(old)))
    return len(old)
