"""Chats that are gone or have another id: what they heard ends, or goes with them."""

from sqlalchemy.orm import Session

from channels.contract import Inbound
from store import alerts, chats, deliveries, events, members, topics
from store.database import storable
from workers import alerting


def follow(session: Session, event: events.Event, inbound: Inbound) -> str:
    """We were removed or blocked, or the chat has moved. Returns what was done about it."""
    if inbound.kind == "moved":
        moved(session, event.channel, event.chat, inbound.text)
        return f"the chat is {inbound.text} from now on"
    heard = gone(session, event.channel, event.chat, "the chat removed or blocked us")
    return (
        f"we were removed or blocked; unsubscribed from {', '.join(heard)}" if heard else "we were removed or blocked"
    )


def gone(session: Session, channel: str, chat: str, reason: str) -> list[str]:
    """Nobody hears us there any more. Returns the topics that it heard."""
    reason = storable(reason, 200) or "the chat is gone"
    chats.hold(session, channel, chat)
    heard = topics.unsubscribe_all(session, channel, chat)
    for sources in alerting.OURS:
        deliveries.cancel_waiting(session, channel, chat, sources, reason)
    alerts.blocked(session, channel, chat, reason)
    return heard


def moved(session: Session, channel: str, chat: str, to: str) -> None:
    if not to or to == chat:
        return
    topics.move(session, channel, chat, to)
    members.move(session, channel, chat, to)
    deliveries.move(session, channel, chat, to)
    alerts.move(session, channel, chat, to)
