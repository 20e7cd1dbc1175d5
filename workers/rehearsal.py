"""What a customer would be told, with nothing sent: preview, replay and backtest."""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

import clock
from channels.contract import Inbound
from curation import answer as curation
from curation import backtest as comparing
from curation.memory import Memory
from curation.peers import Crowd
from interaction import decide
from responses.module import Module
from responses.problems import ModuleError
from responses.starts import Occasion
from settings import Settings
from store import answers, chats, events, surveys, versions
from workers import words

CHANNEL = "channeltalk"
COLLECT_EVERY = 1_000


def preview(
    session: Session,
    settings: Settings,
    module: Module,
    version: int | None,
    survey: Mapping[str, Any],
    now: datetime | None,
) -> dict[str, Any]:
    """What would be told, as `flask responses preview` prints it."""
    return rehearse(session, settings, module, version, survey, now).json()


def rehearse(
    session: Session,
    settings: Settings,
    module: Module,
    version: int | None,
    survey: Mapping[str, Any],
    now: datetime | None,
) -> curation.Answer:
    """`survey` is a flat object of survey keys; a key may go by its own name or by the profile's (`from`)."""
    received = dict(survey)
    for name, key in module.survey.items():
        if name in survey and key.source not in survey:
            received[key.source] = survey[name]
    context = {
        "customer": {"id": "", "name": str(survey.get("name") or "")},
        "chat": {"id": "", "tags": [], "bots": []},
    }
    numbers = versions.live(session, versions.TABLE)
    at = now or clock.now()
    return _answer(session, settings, module, version, received, context, at, CHANNEL, numbers)


def _answer(
    session: Session,
    settings: Settings,
    module: Module,
    version: int | None,
    received: Mapping[str, Any],
    context: Mapping[str, Any],
    now: datetime,
    channel: str,
    numbers: Mapping[str, int],
    memory: Memory | None = None,
) -> curation.Answer:

    def load() -> Crowd:
        return Crowd(surveys.latest(session, channel))

    return curation.answer(
        module,
        received,
        tables=words.tables(session, numbers),
        now=now.astimezone(settings.timezone),
        customer=context["customer"],
        chat=context["chat"],
        channel=channel,
        matched=context.get("matched"),
        crowd=load if memory is None else lambda: memory.crowd(channel, load),
        version=version,
        site=settings.base_url,
        memory=memory,
    )


def of_event(session: Session, event: events.Event, inbound: Inbound, house: Mapping[str, Any]) -> dict[str, Any]:
    """What this event would be answered with by what is live now."""
    settings: Settings = house["settings"]
    live = words.live_modules(session)
    chat = chats.get(session, event.channel, event.chat)
    if chat:
        inbound = replace(
            inbound,
            bots=inbound.bots or tuple(chat.bots),
            tags=inbound.tags or tuple(chat.tags),
            person=inbound.person or chat.person,
        )
    occasion = Occasion(inbound.kind, inbound.again, event.channel, inbound.bots, inbound.tags, inbound.text)
    decision = decide.decide(occasion, False, [module for module, _ in live])
    nothing: dict[str, Any] = {"module": "", "version": None, "missing": [], "values": {}, "messages": [], "trace": {}}
    if not isinstance(decision, decide.Start):
        reason = decision.reason if isinstance(decision, decide.Silence) else "it answers a question"
        return {"event": event.id, "reason": reason} | nothing
    number = next(number for module, number in live if module is decision.module)
    survey = surveys.get(session, event.channel, inbound.person)
    received = {**(survey.known() if survey else {}), **(inbound.profile or {})}
    context = {
        "customer": {"id": inbound.person, "name": inbound.name},
        "chat": {"id": event.chat, "tags": list(inbound.tags), "bots": list(inbound.bots)},
        "matched": dict(decision.groups),
    }
    numbers = versions.live(session, versions.TABLE)
    try:
        found = _answer(
            session, settings, decision.module, number, received, context, event.received_at, event.channel, numbers
        )
    except ModuleError as error:
        return {"event": event.id, "reason": str(error)} | nothing | {"module": decision.module.name}
    return {"event": event.id, "reason": ""} | found.json()


def of_answer(
    session: Session, settings: Settings, given: answers.Asked | answers.Answer, module: Module, version: int | None
) -> dict[str, Any]:
    """What the survey of an answer that was given would be told by another version of its module and today's tables,
    with the same `now`."""
    numbers = versions.live(session, versions.TABLE)
    found = _answer(
        session, settings, module, version, given.received, given.context, given.now, given.channel, numbers
    )
    return found.json()


def backtest(
    session: Session,
    settings: Settings,
    name: str,
    most: int,
    tell: Callable[[int, int], bool] | None = None,
) -> dict[str, Any]:
    """The draft against what is live, over the latest survey of each of the last customers who started it.

    `tell` hears how many of how many are compared; it says False when nobody wants to know any more.
    """
    live, draft, number = _sides(session, name)
    numbers = versions.live(session, versions.TABLE)
    found, memory = comparing.Comparison(), Memory()
    ids = answers.latest_of_customers(session, name, most)
    with _collecting_between():
        for place, asked in enumerate(answers.asked(session, ids), 1):
            sides = [
                _side(session, settings, module, version, asked, numbers, memory)
                for module, version in ((live, number), (draft, None))
            ]
            found.add(asked.received, *sides)
            if place % COLLECT_EVERY == 0:
                gc.collect()
            if tell is not None and not tell(place, len(ids)):
                break
    return found.document()


@contextmanager
def _collecting_between() -> Iterator[None]:
    """Python's search for garbage takes longer than a module may compute: while answers are made it would look like
    the module's fault, now here and now there."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def _sides(session: Session, name: str) -> tuple[Module, Module, int]:
    """What is live, the draft, and the number of what is live."""
    draft = versions.get(session, versions.MODULE, name, versions.DRAFT)
    number = versions.live_number(session, versions.MODULE, name)
    if draft is None:
        raise versions.Nothing(f"module {name} has no draft to compare")
    if number is None:
        raise versions.Nothing(f"module {name} was never published: there is nothing to compare its draft with")
    return words.module_version(session, name, number), words.parsed(draft), number


def _side(
    session: Session,
    settings: Settings,
    module: Module,
    version: int | None,
    asked: answers.Asked,
    numbers: Mapping[str, int],
    memory: Memory,
) -> curation.Answer | ModuleError:
    try:
        return _answer(
            session, settings, module, version, asked.received, asked.context, asked.now, asked.channel, numbers, memory
        )
    except ModuleError as error:
        return error
