"""What employees say, and what the clock has to tell them: fetched where the call brought only an id, answered by a
command, else by the search of services. Deliveries are saved with the event's state in one transaction."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

import clock
import logs
from channels import webchat
from channels.contract import Inbound, SendError
from interaction.services import Found
from responses import markup
from settings import Settings
from store import chats, database, deliveries, events, members, people
from store.deliveries import Delivery
from workers import due, handing, searching, spoken, subscribing
from workers.spoken import Ask, Told

EMPLOYEES_TALK = ("webex", "google_chat", "telegram", "webchat")  # where insiders may search
OVERHEARS = ("telegram",)  # a bot that may read all of a group hears what is not meant for it
HANDED = "handed to a bot"
OF_THE_COMPANY = ("google_chat",)  # Google lets only the company's own people talk to its app
TEAMS_TALK = ("channeltalk",)  # whose rooms are the company's own people among themselves, and others' chats customers'


class Unreadable(Exception):
    """The platform has no words for us there; the text is the reason that is kept."""


class Unreachable(Exception):
    """It could not be asked just now."""


def read(channel: object, keys: object, inbound: Inbound) -> Inbound:
    """The event with its words, where a platform told only that there are some."""
    fetch = getattr(channel, "read", None)
    if fetch is None or not inbound.source or inbound.kind == "due":
        return inbound
    try:
        found: Inbound | None = fetch(keys, inbound)
    except SendError as error:
        raise (Unreadable if error.permanent else Unreachable)(error.reason) from None
    if found is None:
        raise Unreadable("nothing that is meant for us")
    return _pressed(channel, found)


def _pressed(channel: Any, inbound: Inbound) -> Inbound:
    """A button that could not hold its words: the row of its message has them."""
    message = channel.pressed_message(inbound) if hasattr(channel, "pressed_message") else ""
    if not message:
        return inbound
    with database.reading() as session:
        row = deliveries.under(session, channel.__name__.rpartition(".")[2], inbound.chat, message)
        buttons = (row.body or {}).get("buttons") or [] if row else []
    said = channel.said_by(inbound.text, buttons)
    if said is None:
        raise Unreadable("a button of no message that is known")
    return replace(inbound, text=said)


def hear(settings: Settings, event: events.Event, owner: str, inbound: Inbound) -> bool:
    """Answer what is a command, or news of a room or of the clock. False: it is something else."""
    with database.writing() as session:
        if not events.still_mine(session, event.id, owner):
            return True
        if inbound.kind in ("left", "moved"):
            events.settle(session, event.id, events.IGNORED, subscribing.follow(session, event, inbound))
            return True
        ask = _ask(session, settings, event, inbound)
        kind, _, id = inbound.source.partition(":")
        if inbound.kind == "due" and kind == due.CALL:
            told: list[Told] | None = handing.expired(session, int(id.partition(":")[0]), ask)
        elif inbound.kind == "due":
            told = spoken.due(session, settings, inbound.source, ask.now)
        elif inbound.kind == "joined":
            told = spoken.joined(ask)
        else:
            told = handing.command(ask, event, inbound)
            if told is not None:
                _save(session, event, inbound, told, HANDED)
                return True
            told = spoken.hear(ask, inbound.text)
        if told is None:
            return False
        _save(session, event, inbound, told)
    return True


def hand(settings: Settings, event: events.Event, owner: str, inbound: Inbound) -> bool:
    """What is no command may be for a bot: it asked this person something, or the chat is held with it."""
    with database.writing() as session:
        if not events.still_mine(session, event.id, owner):
            return True
        ask = _ask(session, settings, event, inbound)
        for look in (handing.follow_up, handing.message):
            told = look(ask, event, inbound)
            if told is not None:
                _save(session, event, inbound, told, HANDED)
                return True
    return False


def search(settings: Settings, event: events.Event, owner: str, inbound: Inbound) -> None:
    """Nothing else answers: perhaps it is a question about figures, or an employee looks for a service. An outsider is
    told whom to ask."""
    overheard = inbound.room and event.channel in OVERHEARS
    if tell_figures(settings, event, owner, inbound, heard_only=overheard):
        return
    found = Found(None, ())
    with database.reading() as session:
        known = not _ask(session, settings, event, inbound).outsider
        known = known and not overheard
        if known:
            found = searching.answer(session, inbound.text, settings.elasticsearch_url)
    with database.writing() as session:
        if not events.still_mine(session, event.id, owner):
            return
        ask = _ask(session, settings, event, inbound)
        still_known = known and not ask.outsider
        told = [spoken.searches.found(ask, inbound.text, found)] if still_known else _astray(ask)
        _save(session, event, inbound, told or [])


def tell_figures(settings: Settings, event: events.Event, owner: str, inbound: Inbound, heard_only: bool) -> bool:
    """Answer a question about watched figures; False when it is none."""
    if not spoken.figures.is_question(inbound.text):
        return False
    with database.writing() as session:
        if not events.still_mine(session, event.id, owner):
            return True
        told = spoken.figures.asked(_ask(session, settings, event, inbound), inbound.text, heard_only)
        if told is not None:
            _save(session, event, inbound, [told])
    return told is not None


def _astray(ask: Ask) -> list[Told] | None:
    return handing.lost(ask) or spoken.astray(ask)


def is_among_a_team(event: events.Event, inbound: Inbound) -> bool:
    return inbound.room and event.channel in TEAMS_TALK


def _ask(session: Session, settings: Settings, event: events.Event, inbound: Inbound) -> Ask:
    team = is_among_a_team(event, inbound)
    employee = (
        people.find(session, inbound.email) if (event.channel in EMPLOYEES_TALK or team) and inbound.email else None
    )
    company = handing.company_of(settings, event.channel, event.chat)
    own = webchat.place(event.chat).member if event.channel == handing.WEBCHAT else event.chat
    member = members.get(session, company, event.channel, own)
    inside = (
        employee is not None or team or event.channel in OF_THE_COMPANY or (member is not None and not member.guest)
    )
    bots = spoken.ALL if inside else spoken.GUESTS if member is not None else ""
    return Ask(
        session=session,
        settings=settings,
        now=event.received_at.astimezone(settings.timezone),
        channel=event.channel,
        chat=event.chat,
        person=inbound.person,
        email=inbound.email,
        name=inbound.name,
        room=inbound.room,
        thread=inbound.thread,
        employee=employee,
        language=spoken.language_of(inbound.text),
        outsider=not inside or company != settings.home_company,  # another company's members are none of the house's
        event=event.id,
        company=company,
        bots=bots,
    )


def _save(session: Session, event: events.Event, inbound: Inbound, told: Sequence[Told], handed: str = "") -> None:
    if not told and handed:
        events.settle(session, event.id, events.ANSWERED, handed)
        return
    if not told:
        events.settle(session, event.id, events.IGNORED, "nobody answers that here")
        return
    held = chats.hold(session, event.channel, event.chat)
    rows = [_row(event, inbound, step, one) for step, one in enumerate(told)]
    rows[0].began_at = event.received_at
    deliveries.add(session, held, rows, clock.now())
    events.settle(session, event.id, events.ANSWERED, handed)
    logs.say("event.spoken", event=event.id, messages=len(rows))


def _row(event: events.Event, inbound: Inbound, step: int, told: Told) -> Delivery:
    text, plain = markup.finish(told.text)
    body: dict[str, Any] = {"text": text, "plain": plain, "buttons": list(told.buttons)}
    if told.subject:
        body["subject"] = told.subject
    if inbound.thread:
        body["thread"] = inbound.thread
    return Delivery(
        source=f"event:{event.id}",
        step=step,
        event_id=event.id,
        kind=deliveries.MESSAGE,
        channel=event.channel,
        chat=event.chat,
        body=body,
        text=plain,
        wait=0,
        yields=False,  # it answers what somebody asked; a manager's message does not make it wrong
        key=deliveries.new_key(),
        trace=event.trace,
    )
