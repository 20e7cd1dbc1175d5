"""From an event to an answer: load rows, ask the decider, render the words, save deliveries with the event's state
in one transaction."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete
from sqlalchemy.orm import Session

import clock
import logs
from channels.contract import Inbound, Keys, Known, SendError, inbound_from
from curation import answer as curation
from curation.peers import Crowd
from curation.plain import plain
from interaction import decide
from responses.module import Module
from responses.problems import ModuleError
from responses.starts import Occasion
from settings import Settings
from store import answers, chats, database, deliveries, events, surveys, versions
from store.answers import Answer
from store.deliveries import Delivery
from workers import alerting, handing, hearing, mailing, notifications, spoken, watching, welcoming, words
from workers.queues import CALLS

MOST_ATTEMPTS = 60  # with the pauses below about an hour
MOST_TRIES = 3  # unreadable replies to one question


@dataclass(frozen=True)
class Desk:
    """What answering needs of the house."""

    channels: Mapping[str, ModuleType]
    keys: Mapping[str, Keys]
    timezone: ZoneInfo
    site: str
    settings: Settings
    tell_relays: Callable[[str], object] = lambda what: None


class Later(Exception):
    """The platform has to be asked first, and is out of reach just now."""


def answer_event(desk: Desk, event: events.Event, owner: str) -> None:
    """Decide one claimed event. Whatever goes wrong is kept on its row; nothing is raised."""
    with logs.following(event.trace):
        try:
            if event.attempts > MOST_ATTEMPTS:  # it may be what kills the process each time
                _settle(event, owner, events.DEAD, f"given up after {MOST_ATTEMPTS} attempts")
                return
            _decide(desk, event, owner)
        except Later as error:
            _put_off(event, owner, str(error))
        except ModuleError as error:
            # Where, not why: a module's words quote what it stumbled over. They are kept on the row.
            logs.error("module.failed", event=event.id, where=error.where)
            _settle(event, owner, events.DEAD, str(error))
        except Exception as error:  # the top of the job: one event's fault must not stop the others
            logs.error("event.failed", exception=error, event=event.id)
            if event.attempts >= events.MOST_ATTEMPTS and not database.is_away(error):
                _settle(event, owner, events.DEAD, f"{type(error).__name__} in {event.attempts} attempts")
            else:
                _put_off(event, owner, type(error).__name__)


def _put_off(event: events.Event, owner: str, reason: str) -> None:
    with database.writing() as session:
        if not events.still_mine(session, event.id, owner):
            return
        if event.attempts >= MOST_ATTEMPTS:
            events.settle(session, event.id, events.DEAD, reason)
            return
        seconds = min(2.0 ** (event.attempts - 1), 60.0) * random.uniform(0.5, 1.0)
        events.put_off(session, event.id, clock.now(), seconds, reason)


def _settle(event: events.Event, owner: str, state: str, reason: str, module: str = "") -> None:
    with database.writing() as session:
        if events.still_mine(session, event.id, owner):
            events.settle(session, event.id, state, reason, module)


def _decide(desk: Desk, event: events.Event, owner: str) -> None:
    inbound = inbound_from(event.inbound)
    if alerting.is_ours(inbound):
        alerting.hear(desk.settings, event, owner, inbound)
        return
    if inbound.kind == watching.KIND:
        watching.hear(desk.settings, event, owner)
        return
    if notifications.is_ours(event, inbound):
        try:
            notifications.hear(desk.settings, desk.keys[event.channel], event, owner, inbound)
        except notifications.Unconfirmed as error:
            raise Later(str(error)) from None
        return
    if welcoming.welcome(desk.settings, event, owner, inbound):
        return
    if inbound.kind == "profile":
        with database.writing() as session:
            if events.still_mine(session, event.id, owner):
                surveys.learn(session, event.channel, event.person, inbound.profile or {}, event.received_at)
                events.settle(session, event.id, events.IGNORED, "the profile was noted")
        return
    try:
        fetched = hearing.read(desk.channels[event.channel], desk.keys[event.channel], inbound)
    except hearing.Unreadable as error:
        _settle(event, owner, events.IGNORED, str(error))
        return
    except hearing.Unreachable as error:
        raise Later(str(error)) from None
    if fetched is not inbound:
        inbound = fetched
        with database.writing() as session:
            events.understood(session, event.id, owner, inbound.json())
    with database.reading() as session:
        live = words.live_modules(session)
        question = answers.asking(session, event.channel, event.chat)
        chat = chats.get(session, event.channel, event.chat)
        kept = (list(chat.bots), list(chat.tags), chat.person, chat.name) if chat else ([], [], "", "")
        said = inbound.kind == "message"
        for_bots = said and handing.is_for_bots(session, desk.settings, event, inbound)
        awaited = said and question is None and handing.is_awaited(session, event, inbound)
    # A question takes the next message that is no command.
    if inbound.kind in ("due", "joined", "left", "moved") or (
        inbound.kind == "message" and (for_bots or spoken.begins(inbound.text, question is None and not awaited))
    ):
        if hearing.hear(desk.settings, event, owner, inbound):
            if for_bots:
                desk.tell_relays(CALLS)
            return
    if awaited and hearing.hand(desk.settings, event, owner, inbound):
        desk.tell_relays(CALLS)
        return
    if hearing.is_among_a_team(event, inbound):
        _settle(event, owner, events.IGNORED, "said among the team")
        return
    inbound = _complete(desk, event, inbound, kept, [module for module, _ in live])
    occasion = Occasion(
        kind=inbound.kind,
        again=inbound.again,
        channel=event.channel,
        bots=inbound.bots,
        tags=inbound.tags,
        text=inbound.text,
    )
    decision = decide.decide(occasion, question is not None, [module for module, _ in live])
    if isinstance(decision, decide.Reply) and question is not None:
        _take_reply(desk, event, owner, inbound, question.id)
    elif isinstance(decision, decide.Start):
        number = next(number for module, number in live if module is decision.module)
        _start(desk, event, owner, inbound, decision, number)
    elif inbound.kind == "message" and event.channel in hearing.EMPLOYEES_TALK:
        hearing.search(desk.settings, event, owner, inbound)
    elif inbound.kind == "message" and hearing.tell_figures(desk.settings, event, owner, inbound, heard_only=True):
        return  # where people answer: only about what this chat is told anyway
    elif isinstance(decision, decide.Silence):
        _settle(event, owner, events.IGNORED, decision.reason)


def _complete(
    desk: Desk,
    event: events.Event,
    inbound: Inbound,
    kept: tuple[list[str], list[str], str, str],
    modules: Sequence[Module],
) -> Inbound:
    """Fill in what the event left out, from what we know of the chat, else from the platform."""
    bots, tags, person, name = kept
    known = Known(tags=inbound.tags or tuple(tags), bots=inbound.bots or tuple(bots), name=inbound.name or name)
    person = inbound.person or person
    lacks_chat = inbound.kind == "message" and not known.bots and not known.tags and decide.asks_for_chat(modules)
    if lacks_chat or not person:
        told = _ask(desk, event.channel, "about_chat", event.chat)
        if told is not None:
            known = Known(tags=told.tags or known.tags, bots=told.bots or known.bots, name=known.name or told.name)
            person = person or told.person
            if inbound.profile is None and told.profile:
                inbound = Inbound(**{**vars(inbound), "profile": told.profile})
    facts = {"tags": known.tags, "bots": known.bots, "name": known.name, "person": person}
    return Inbound(**{**vars(inbound), **facts})


def _ask(desk: Desk, channel: str, question: str, about: str) -> Known | None:
    """Ask the platform about a person or a chat. None where it has no answer; Later when it is out of reach."""
    ask = getattr(desk.channels[channel], question, None)
    if ask is None or not about:
        return None
    try:
        known: Known = ask(desk.keys[channel], about)
        return known
    except SendError as error:
        if error.permanent:
            return None
        raise Later(error.reason) from None


# --- a module starts ---


def _start(desk: Desk, event: events.Event, owner: str, inbound: Inbound, decision: decide.Start, number: int) -> None:
    module = decision.module
    with database.reading() as session:
        numbers = versions.live(session, versions.TABLE)
        survey = surveys.get(session, event.channel, inbound.person)
        kept = survey.known() if survey else {}
    profile = inbound.profile
    if profile is None and inbound.person:
        told = _ask(desk, event.channel, "about_person", inbound.person)
        profile = told.profile if told else None
    context = _context(desk, event, inbound, decision.groups)
    received = _merged(kept, profile, survey)
    found = _answer(desk, event, module, number, numbers, received, context)
    if found.missing and inbound.profile is not None:
        # Survey answers may still be on their way into the profile when the chat opens: look once more.
        told = _ask(desk, event.channel, "about_person", inbound.person)
        if told and told.profile:
            profile = {**inbound.profile, **told.profile}
            received = _merged(kept, profile, survey)
            found = _answer(desk, event, module, number, numbers, received, context)
    with database.writing() as session:
        if not events.still_mine(session, event.id, owner):
            return
        if inbound.person and profile:
            surveys.learn(session, event.channel, inbound.person, profile, event.received_at)
        if not _said(found):
            missing = f"missing: {', '.join(found.missing)}" if found.missing else "the module had nothing to say"
            events.settle(session, event.id, events.IGNORED, missing, module.name)
            return
        _save(session, event, inbound, module, number, numbers, received, found, context)
    logs.say("event.answered", event=event.id, module=module.name, version=number, messages=len(found.messages))


def _merged(
    kept: Mapping[str, Any], profile: Mapping[str, Any] | None, survey: surveys.Survey | None
) -> dict[str, Any]:
    """The profile as told now wins over what we kept, except where the chat's own answer replaced just that value."""
    if not profile:
        return dict(kept)
    merged = {**kept, **profile}
    for key, given in (survey.asked if survey else {}).items():
        if profile.get(key) == given["instead_of"]:
            merged[key] = given["answer"]
    return merged


def _context(desk: Desk, event: events.Event, inbound: Inbound, groups: Mapping[str, str]) -> dict[str, Any]:
    return {
        "customer": {"id": inbound.person, "name": inbound.name},
        "chat": {"id": event.chat, "tags": list(inbound.tags), "bots": list(inbound.bots)},
        "matched": dict(groups),
        "site": desk.site,
    }


def _answer(
    desk: Desk,
    event: events.Event,
    module: Module,
    number: int,
    numbers: Mapping[str, int],
    received: Mapping[str, Any],
    context: Mapping[str, Any],
) -> curation.Answer:
    with database.reading() as session:
        return curation.answer(
            module,
            received,
            tables=words.tables(session, numbers),
            now=event.received_at.astimezone(desk.timezone),
            customer=context["customer"],
            chat=context["chat"],
            channel=event.channel,
            site=context["site"],
            matched=context["matched"],
            crowd=lambda: Crowd(surveys.latest(session, event.channel)),
            version=number,
        )


def _save(
    session: Session,
    event: events.Event,
    inbound: Inbound,
    module: Module,
    number: int,
    numbers: Mapping[str, int],
    received: Mapping[str, Any],
    found: curation.Answer,
    context: Mapping[str, Any],
) -> None:
    held = chats.hold(session, event.channel, event.chat)
    answers.end_series(session, event.channel, event.chat, "the module started again", False, module.name)
    row = Answer(
        event_id=event.id,
        module=module.name,
        version=number,
        tables=dict(numbers),
        channel=event.channel,
        chat=event.chat,
        person=inbound.person,
        received=dict(received),
        context=dict(context),
        now=event.received_at,
        values=plain(found.values),
        missing=found.missing,
        answer_trace=found.trace,
        state=answers.GOING,
    )
    session.add(row)
    session.flush()
    rows = [_row(event, row, module, said) for said in _said(found)] + _pending(event, row, module, found)
    rows[0].began_at = event.received_at
    deliveries.add(session, held, rows, clock.now())
    session.add_all(mailing.after(row, module, found, event.trace))
    _ask_next(row, found, rows)
    events.settle(session, event.id, events.ANSWERED, "", module.name)
    ended = events.ended_since(session, event)
    if ended:
        answers.end_series(session, event.channel, event.chat, events.ENDS[ended], always=ended == "chat_closed")


def _row(event: events.Event, answer: Answer, module: Module, said: curation.Said) -> Delivery:
    return _delivery(event, answer, module, said.index, deliveries.MESSAGE, said.json(), said.plain, said.wait)


def _said(found: curation.Answer) -> list[curation.Said]:
    """What can be told now: the messages, and the question they lead to."""
    return [*found.messages, *([found.asking.said] if found.asking else [])]


def _delivery(
    event: events.Event,
    answer: Answer,
    module: Module,
    step: int,
    kind: str,
    body: dict[str, Any] | None,
    text: str,
    wait: float,
) -> Delivery:
    return Delivery(
        source=answer.source,
        step=step,
        event_id=answer.event_id,
        answer_id=answer.id,
        kind=kind,
        channel=answer.channel,
        chat=answer.chat,
        body=body,
        text=text,
        wait=wait,
        yields=module.yields,
        key=deliveries.new_key(),
        trace=event.trace,
    )


def _pending(event: events.Event, answer: Answer, module: Module, found: curation.Answer) -> list[Delivery]:
    """What comes after a question: rows whose words are not known yet. And the effects, which come last."""
    rows = []
    if found.asking is not None:
        for index in range(found.asking.index + 1, len(module.messages)):
            rows.append(_delivery(event, answer, module, index, deliveries.MESSAGE, None, "", 0))
    if module.effects and module.effects.on_customer and not found.missing:
        ready = {"effects": found.effects} if found.effects is not None and found.asking is None else None
        rows.append(_delivery(event, answer, module, len(module.messages), deliveries.EFFECTS, ready, "", 0))
    return rows


def _ask_next(answer: Answer, found: curation.Answer, rows: Sequence[Delivery]) -> None:
    if found.asking is None:
        answer.state, answer.ask_key, answer.ask_delivery = answers.GOING, "", None
        return
    asked = next(row for row in rows if row.step == found.asking.index)
    asked.kind = deliveries.ASK
    answer.state, answer.ask_key, answer.ask_index = answers.ASKING, found.asking.key, found.asking.index
    answer.ask_delivery, answer.ask_tries = asked.id, 0


# --- a question is answered ---


def _take_reply(desk: Desk, event: events.Event, owner: str, inbound: Inbound, answer_id: int) -> None:
    with database.writing() as session:
        if not events.still_mine(session, event.id, owner):
            return
        held = chats.hold(session, event.channel, event.chat)
        asked = answers.asking(session, event.channel, event.chat)
        if asked is None or asked.id != answer_id:
            events.put_off(session, event.id, clock.now(), 0, "")  # it was cancelled meanwhile: decide anew
            return
        module = words.module_version(session, asked.module, asked.version)
        ok, value, hint = curation.read_reply(module, asked.ask_key, inbound.text)
        if not ok:
            _hint(session, event, held, asked, module, hint)
            return
        received_key = module.survey[asked.ask_key].source
        if inbound.profile:
            surveys.learn(session, event.channel, asked.person, inbound.profile, event.received_at)
        surveys.answered(session, event.channel, asked.person, received_key, value, event.received_at)
        received = {**asked.received, received_key: value}
        now = asked.now.astimezone(desk.timezone)
        found = curation.answer(
            module,
            received,
            tables=words.tables(session, asked.tables),
            now=now,
            customer=asked.context["customer"],
            chat=asked.context["chat"],
            channel=asked.channel,
            site=asked.context["site"],
            matched=asked.context["matched"],
            crowd=lambda: Crowd(surveys.latest(session, asked.channel)),
            version=asked.version,
        )
        _go_on(session, held, asked, module, received, found, event.trace)
        events.settle(session, event.id, events.ANSWERED, "", module.name)


def _hint(session: Session, event: events.Event, held: chats.Chat, asked: Answer, module: Module, hint: str) -> None:
    asked.ask_tries += 1
    if asked.ask_tries >= MOST_TRIES:
        answers.end_one(session, asked, answers.NO_ANSWER)
        events.settle(session, event.id, events.IGNORED, "no readable answer in three replies", module.name)
        return
    row = _delivery(event, asked, module, 0, deliveries.MESSAGE, {"text": hint, "plain": hint}, hint, 0)
    row.source, row.event_id = f"event:{event.id}", event.id
    deliveries.add(session, held, [row], clock.now())
    events.settle(session, event.id, events.ANSWERED, "asked again", module.name)


def _go_on(
    session: Session,
    held: chats.Chat,
    asked: Answer,
    module: Module,
    received: Mapping[str, Any],
    found: curation.Answer,
    trace: str,
) -> None:
    """Put words into the rows that waited for the reply; what its conditions leave out goes away."""
    after = asked.ask_index
    said = {one.index: one for one in _said(found) if one.index > after}
    last_known = found.asking.index if found.asking else len(module.messages)
    ready: list[Delivery] = []
    for row in deliveries.of_source(session, asked.source):
        if row.step <= after or row.body is not None:
            continue
        if row.kind == deliveries.EFFECTS:
            if found.asking is None:
                row.body = {"effects": found.effects}
                ready.append(row)
        elif row.step in said:
            one = said[row.step]
            row.body, row.text, row.wait = one.json(), one.plain, one.wait
            ready.append(row)
        elif row.step <= last_known:
            session.execute(delete(Delivery).where(Delivery.id == row.id))
    deliveries.add(session, held, ready, clock.now())
    session.add_all(mailing.after(asked, module, found, trace))
    asked.received, asked.values, asked.answer_trace = dict(received), plain(found.values), found.trace
    _ask_next(asked, found, ready)
