"""What a customer would be told, with nothing sent: preview, replay and backtest."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

import clock
from channels.contract import Inbound
from curation import answer as curation
from curation import backtest as comparing
from interaction import decide
from responses.module import Module
from responses.problems import ModuleError
from responses.starts import Occasion
from settings import Settings
from store import answers, chats, events, surveys, versions
from workers import words

CHANNEL = "channeltalk"


def preview(
    session: Session,
    settings: Settings,
    module: Module,
    version: int | None,
    survey: Mapping[str, Any],
    now: datetime | None,
) -> dict[str, Any]:
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
    return _answer(session, settings, module, version, received, context, at, CHANNEL, numbers).json()


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
) -> curation.Answer:
    return curation.answer(
        module,
        received,
        tables=words.tables(session, numbers),
        now=now.astimezone(settings.timezone),
        customer=context["customer"],
        chat=context["chat"],
        channel=channel,
        matched=context.get("matched"),
        others=lambda: surveys.others(session, channel, context["customer"]["id"]),
        version=version,
        site=settings.base_url,
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


def backtest(session: Session, settings: Settings, name: str, most: int) -> dict[str, Any]:
    """The draft against what is live, over the latest survey of each of the last customers who started it."""
    draft = versions.get(session, versions.MODULE, name, versions.DRAFT)
    number = versions.live_number(session, versions.MODULE, name)
    if draft is None:
        raise versions.Nothing(f"module {name} has no draft to compare")
    if number is None:
        raise versions.Nothing(f"module {name} was never published: there is nothing to compare its draft with")
    before_module = words.module_version(session, name, number)
    after_module = words.parsed(draft)
    numbers = versions.live(session, versions.TABLE)
    result = comparing.Comparison()
    for kept in answers.latest_of_customers(session, name, most):
        sides: list[curation.Answer | ModuleError] = []
        for module, version in ((before_module, number), (after_module, None)):
            try:
                received, context = kept.received, kept.context
                sides.append(
                    _answer(session, settings, module, version, received, context, kept.now, kept.channel, numbers)
                )
            except ModuleError as error:
                sides.append(error)
        result.add(kept.received, *sides)
    return result.document()
