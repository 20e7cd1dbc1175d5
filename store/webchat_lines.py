"""What stands in web chats: what people said there, and what they were told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from store.database import is_one_of
from store.deliveries import ASK, MESSAGE, SENT, Delivery
from store.events import Event

CHANNEL = "webchat"


@dataclass(frozen=True)
class Line:
    id: str  # e12: said; d34: told
    chat: str
    at: datetime
    text: str
    plain: str
    buttons: Sequence[dict[str, str]] = ()
    image: str = ""

    @property
    def mine(self) -> bool:
        return self.id.startswith("e")


def since(session: Session, at: datetime) -> list[tuple[str, str]]:
    """Of all chats what came since then: ids and chats alone, for most of it was shown before or is for nobody here."""
    said = select(Event.id, Event.chat).where(
        Event.channel == CHANNEL, Event.kind == "message", Event.received_at >= at
    )
    told = select(Delivery.id, Delivery.chat).where(_told(), Delivery.sent_at >= at)
    return [
        *((f"e{id}", chat) for id, chat in session.execute(said)),
        *((f"d{id}", chat) for id, chat in session.execute(told)),
    ]


def of_ids(session: Session, ids: Sequence[str]) -> list[Line]:
    """In their order."""
    said, told = ([int(id[1:]) for id in ids if id[0] == kind] for kind in "ed")
    return _lines(
        session.scalars(select(Event).where(Event.id.in_(said))).all() if said else [],
        session.scalars(select(Delivery).where(Delivery.id.in_(told))).all() if told else [],
    )


def of_person(session: Session, person: str, chats: Sequence[str], since: datetime, most: int) -> list[Line]:
    """The latest of these chats of one person, since then. Looked up by person and chats, which have indexes: how much
    others have said costs nothing."""
    mine = (Event.channel == CHANNEL, Event.person == person, Event.chat.in_(chats))
    said = select(Event).where(*mine, Event.kind == "message", Event.received_at >= since)
    told = select(Delivery).where(_told(), Delivery.chat.in_(chats), Delivery.sent_at >= since)
    return _lines(
        session.scalars(said.order_by(Event.received_at.desc()).limit(most)).all(),
        session.scalars(told.order_by(Delivery.sent_at.desc()).limit(most)).all(),
    )[-most:]


def before(session: Session, chat: str, at: datetime, most: int) -> list[Line]:
    """One chat's lines before that, the last `most`."""
    said = select(Event).where(Event.channel == CHANNEL, Event.chat == chat, Event.kind == "message")
    told = select(Delivery).where(_told(), Delivery.chat == chat, Delivery.sent_at < at)
    return _lines(
        session.scalars(said.where(Event.received_at < at).order_by(Event.received_at.desc()).limit(most)).all(),
        session.scalars(told.order_by(Delivery.sent_at.desc()).limit(most)).all(),
    )[-most:]


def _told() -> Any:
    """Written so that SQLite sees that the partial index of sent times serves."""
    here = and_(is_one_of(Delivery.channel, CHANNEL), Delivery.sent_at.is_not(None))
    return and_(here, Delivery.state == SENT, Delivery.kind.in_((MESSAGE, ASK)))


def _lines(said: Sequence[Event], told: Sequence[Delivery]) -> list[Line]:
    found = [_said(event) for event in said if event.inbound] + [_was_told(row) for row in told if row.body]
    return sorted(found, key=lambda line: (line.at, not line.mine, int(line.id[1:])))


def _said(event: Event) -> Line:
    text = str(event.inbound.get("text", ""))
    return Line(f"e{event.id}", event.chat, event.received_at, text, text)


def _was_told(row: Delivery) -> Line:
    body: dict[str, Any] = row.body or {}
    buttons = tuple(body.get("buttons") or ())
    at = row.sent_at or datetime.min
    plain = str(body.get("plain", ""))
    return Line(f"d{row.id}", row.chat, at, str(body.get("text", "")), plain, buttons, str(body.get("image") or ""))
