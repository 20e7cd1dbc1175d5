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


def welcome(settings: Settings, event: events.Event, owner: str, inbound: Inbound) -> bool:
    """Before what was said is answered, and once, although that may have to be tried again. True: that was all."""
    if event.channel not in HEAR_ALARMS or inbound.kind not in ("joined", "message"):
        return False
    with database.reading() as session:
        if inbound.kind == "message" and not _is_new(session, event):
            return False
    with database.writing() as session:
        if not events.still_mine(session, event.id, owner):
            return True
        if not deliveries.of_source(session, _source(event)):
            topics.subscribe(session, TOPIC, event.channel, event.chat, event.received_at, inbound.person)
            row = _greeting(settings, event)
            deliveries.add(session, chats.hold(session, event.channel, event.chat), [row], clock.now())
        if inbound.kind == "joined":
            events.settle(session, event.id, events.ANSWERED)
    return inbound.kind == "joined"


def _greeting(settings: Settings, event: events.Event) -> Delivery:
    text, plain = markup.finish(spoken.welcome(settings.locale, TOPIC))
    return Delivery(
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


def _is_new(session: Session, event: events.Event) -> bool:
    """Nothing was ever heard of it, as after it had removed us."""
    return events.before(session, event) in ("", "left")


def _source(event: events.Event) -> str:
    return f"welcome:{event.id}"
