"""A space that hears of us for the first time hears the alarms from then on, and is told so."""

from sqlalchemy.orm import Session

import clock
from alerts.alarms import TOPIC
from channels.contract import Inbound
from responses import markup
from settings import Settings
from store import chats, database, deliveries, events, topics
from store.deliveries import Delivery
from workers import spoken

HEAR_ALARMS = ("google_chat",)  # where those who add us are the company's own, and look after its machines


def welcome(settings: Settings, event: events.Event, owner: str, inbound: Inbound) -> None:
    """Before the event itself is answered: it may have to be tried again, and this is done once all the same."""
    if event.channel not in HEAR_ALARMS or inbound.kind not in ("joined", "message"):
        return
    with database.reading() as session:
        if not _is_new(session, event, inbound):
            return
    with database.writing() as session:
        if not events.still_mine(session, event.id, owner) or deliveries.of_source(session, _source(event)):
            return
        topics.subscribe(session, TOPIC, event.channel, event.chat, event.received_at, inbound.person)
        text, plain = markup.finish(spoken.welcome(settings.locale, TOPIC))
        row = Delivery(
            source=_source(event),
            step=0,
            event_id=event.id,
            kind=deliveries.MESSAGE,
            channel=event.channel,
            chat=event.chat,
            body={"text": text, "plain": plain, "buttons": []},
            text=plain,
            wait=0,
            yields=False,
            key=deliveries.new_key(),
            trace=event.trace,
        )
        deliveries.add(session, chats.hold(session, event.channel, event.chat), [row], clock.now())


def _is_new(session: Session, event: events.Event, inbound: Inbound) -> bool:
    """Added by somebody; or nothing was ever heard of it before, as after it had removed us."""
    return inbound.kind == "joined" or events.before(session, event) in ("", "left")


def _source(event: events.Event) -> str:
    return f"welcome:{event.id}"
