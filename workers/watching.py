"""Looking at the pages of watches: fetched without any lock, judged one look after the other, told like any alert."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from secrets import token_hex
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy.orm import Session

import clock
import logs
from alerts import page, watch_file, watching
from alerts.alert import Alert
from alerts.watching import CHANGED, UNREADABLE, Outcome
from alerts.wording import quoted
from channels import fetching
from channels.contract import Inbound
from responses import markup
from responses.problems import Invalid, ModuleError
from settings import Settings
from store import database, events, topics, watches
from store.database import storable
from store.errands import Errand
from workers import alerting

KIND = "watch"
FAILURES_TOLD = 3
LARGEST_PAGE = 2 * 1024 * 1024
AGENT = "Maru/1.0 (+watched figures; {site})"


@dataclass(frozen=True)
class Look:
    """What a look at the page brought. `unchanged`: the page itself says that it is the one we know."""

    reading: page.Reading | None
    why: str = ""
    etag: str = ""
    modified: str = ""
    unchanged: bool = False


@dataclass(frozen=True)
class Result:
    outcome: Outcome
    figures: Mapping[str, Any]
    told: int


def kept(row: watches.Watch) -> watch_file.Watch:
    return _parsed(row.source, f"{row.name}.yaml")


_parsed = lru_cache(maxsize=256)(watch_file.parse)


# --- the definition ---


def save(session: Session, text: str, file: str, now: datetime) -> watch_file.Watch:
    """Keep a watch, new or instead of the one of its name; or `Invalid`. Its topic is public from now on."""
    watch = watch_file.parse(text, file)
    topics.ensure(session, watch.topic, now)
    topics.make_public(session, watch.topic)
    row = watches.get(session, watch.name) or watches.Watch(name=watch.name, failures=0)
    row.title, row.topic, row.source, row.updated_at = watch.title, watch.topic, text, now
    row.next_at, row.etag, row.modified, row.on = watch.next_after(now), "", "", True
    session.add(row)
    return watch


def switch(session: Session, settings: Settings, row: watches.Watch, on: bool, now: datetime) -> None:
    """Look at it no more by itself, or again. What nobody looks at cannot be read any better: staff hear no more."""
    row.on, row.next_at = on, None
    try:
        watch = kept(row)
    except Invalid:  # it was written for another release
        return
    row.next_at = watch.next_after(now) if on else None
    if not on and row.failures >= FAILURES_TOLD:
        _tell_staff(session, settings, watch, "resolved", "", now)
        row.failures = 0


# --- looking ---


def fetch(
    settings: Settings, watch: watch_file.Watch, etag: str = "", modified: str = "", placed: bool = False
) -> Look:
    """The page as it is now; nothing is kept. `placed`: with where each figure's words stand in it."""
    try:
        got = fetching.get(
            watch.url,
            allow_private=settings.allow_private_urls,
            accept="text/html, application/json;q=0.9, */*;q=0.5",
            largest=LARGEST_PAGE,
            etag=etag,
            modified=modified,
            agent=AGENT.format(site=settings.base_url),
        )
    except fetching.Unfetched as error:
        return Look(None, str(error))
    if got.status == 304 and (etag or modified):
        return Look(None, etag=etag, modified=modified, unchanged=True)
    if got.status != 200:
        return Look(None, f"the page answered {got.status}")
    read = page.read(got.body, got.content_type, watch.figures, placed)
    return Look(read, read.why, got.etag, got.modified)


def hear(settings: Settings, event: events.Event, owner: str) -> Result | None:
    """Look because an event says so, and settle it. None: the event is somebody else's by now."""
    name = str(event.inbound["source"]).split(":")[1]
    with database.reading() as session:
        row = watches.get(session, name)
        seen = watches.of_event(session, event.id)
        told = (row.etag, row.modified) if row else ("", "")
    if row is None:
        _settle(event, owner, events.IGNORED, "there is no such watch any more")
        return None
    watch = kept(row)
    if seen is None:
        look = fetch(settings, watch, *told)
        with database.writing() as session:
            if not events.still_mine(session, event.id, owner):
                return None
            seen = _judge(session, settings, watch, look, event)
            session.flush()
            session.expunge(seen)
    return _tell(settings, event, owner, seen)


def _judge(
    session: Session, settings: Settings, watch: watch_file.Watch, look: Look, event: events.Event
) -> watches.Reading:
    row = watches.hold(session, watch.name)
    assert row is not None
    before = [one.figures for one in watches.accepted(session, watch.name)]
    good = watches.last_good(session, watch.name)
    seen = dict(good.figures) if good else None
    values = dict(seen or {}) if look.unchanged else look.reading.values if look.reading else {}
    outcome = watching.judge(watch, before, values, look.why, event.inbound.get("again", False), seen)
    made = watches.Reading(
        watch=watch.name,
        event_id=event.id,
        at=event.received_at,
        outcome=outcome.name,
        why=storable(outcome.why, 500),
        figures=values,
        told=outcome.told,
    )
    session.add(made)
    session.flush()
    if outcome.name == UNREADABLE:
        row.failures += 1
        row.etag = row.modified = ""
        if row.failures == FAILURES_TOLD:
            _tell_staff(session, settings, watch, "firing", outcome.why, event.received_at)
    else:
        if row.failures >= FAILURES_TOLD:
            _tell_staff(session, settings, watch, "resolved", "", event.received_at)
        row.failures = 0
        if not look.unchanged:  # else somebody else may have read a newer page meanwhile
            row.etag, row.modified = storable(look.etag, 500), storable(look.modified, 100)
    if outcome.told:
        _publish(session, settings, watch, values, event, outcome)
    logs.say("watch.read", watch=watch.name, outcome=outcome.name)
    return made


def _publish(
    session: Session,
    settings: Settings,
    watch: watch_file.Watch,
    values: Mapping[str, Any],
    event: events.Event,
    outcome: Outcome,
) -> None:
    corrected = "정정 · " if settings.locale == "ko" else "Corrected · "
    title = watch.title if outcome.name == CHANGED else corrected + watch.title
    text = shown(watch, values, event.received_at)
    alert = Alert(
        topic=watch.topic,
        title=title[:300],
        text=text,
        severity="info",
        source=f"watch:{watch.name}",
        news=True,
    )
    alerting.happen(session, event.id, alert, event.received_at)


def shown(watch: watch_file.Watch, values: Mapping[str, Any], at: datetime) -> str:
    """The watch's text; should it fail, the figures by themselves."""
    try:
        return watch_file.shown(watch, values, at.astimezone(ZoneInfo(watch.zone)))
    except ModuleError as error:
        logs.warn("watch.text", watch=watch.name, where=error.where)
        known = ((one.label, values.get(one.name, "")) for one in watch.figures.values())
        return "\n".join(f"{quoted(label)}: {quoted(str(value))}" for label, value in known)


def _tell_staff(
    session: Session, settings: Settings, watch: watch_file.Watch, state: str, why: str, now: datetime
) -> None:
    cannot = "읽을 수 없는 페이지" if settings.locale == "ko" else "Cannot be read any more"
    told = {
        "topic": watch_file.STAFF_TOPIC,
        "key": f"watch:{watch.name}",
        "title": f"{cannot}: {watch.title}"[:300],
        "text": storable(why, 2000),
        "state": state,
        "severity": "warning",
        "url": watch.url,
    }
    source = f"watch:{watch.name}:{state}:{token_hex(6)}"
    events.record(
        session,
        [
            events.Fact(
                channel=alerting.CHANNEL,
                platform_id=source,
                kind="alert",
                chat=f"{watch_file.STAFF_TOPIC}:watch:{watch.name}",
                person="",
                inbound=Inbound(id=source, kind="alert", chat="", source=f"watch:{watch.name}").json(),
                payload=json.dumps(told, ensure_ascii=False),
                trace=token_hex(6),
                received_at=now,
            )
        ],
    )


def _tell(settings: Settings, event: events.Event, owner: str, seen: watches.Reading) -> Result:
    told = 0
    if seen.told:
        told = alerting.tell_event(settings, event)
    _settle(event, owner, events.ANSWERED, f"{seen.outcome}, {told} told" if seen.told else seen.outcome)
    return Result(Outcome(seen.outcome, seen.why, seen.told), seen.figures, told)


def _settle(event: events.Event, owner: str, state: str, reason: str) -> None:
    with database.writing() as session:
        if events.still_mine(session, event.id, owner):
            events.settle(session, event.id, state, reason)


# --- when ---


def any_due(session: Session, now: datetime) -> bool:
    return watches.any_due(session, now)


def due(session: Session, now: datetime, most: int = 100) -> list[events.Fact]:
    """Of looks that were missed only the last one is made up for: the page says what is true now, not what was."""
    found = []
    for row in watches.due(session, now, most):
        try:
            watch = kept(row)
        except Invalid as error:  # it was written for another release
            logs.error("watch.unreadable", watch=row.name, why=str(error).splitlines()[0])
            row.next_at = None
            continue
        assert row.next_at is not None
        # Looking back over a change of clocks may find an earlier time than looking ahead did, which was run already.
        latest = max(watch.latest(now) or row.next_at, row.next_at)
        found.append(fact(row.name, latest.astimezone(UTC).isoformat(), now))
        row.next_at = watch.next_after(now)
    return found


def fact(name: str, when: str, now: datetime, any_jump: bool = False) -> events.Fact:
    source = f"watch:{name}:{when}"
    return events.Fact(
        channel=alerting.CHANNEL,
        platform_id=source,
        kind=KIND,
        chat=f"watch:{name}",
        person="",
        inbound=Inbound(id=source, kind=KIND, chat=f"watch:{name}", source=source, again=any_jump).json(),
        payload=json.dumps({"due": source}),
        trace=token_hex(6),
        received_at=now,
    )


def look_now(settings: Settings, owner: str, name: str, any_jump: bool = False) -> Result | None:
    """Look out of turn. None: there is no such watch."""
    with database.writing() as session:
        if watches.get(session, name) is None:
            return None
        (id,) = events.record(session, [fact(name, f"now:{token_hex(8)}", clock.now(), any_jump)])
        event = events.take(session, id, owner)
        session.expunge(event)
    return hear(settings, event, owner)


# --- try now: what each selector reads on the page as it is, and nothing is kept ---

TRY = "watch"  # the errand's kind
LONGEST_SHOWN = 20_000  # characters of the page


def errand(app: Flask, asked: Errand, tell: object) -> dict[str, Any]:
    settings: Settings = app.extensions["settings"]
    watch = watch_file.parse(str(asked.given["source"]), asked.subject)
    look = fetch(settings, watch, placed=True)
    read = look.reading
    if read is None:
        return {"why": look.why, "figures": [], "text": "", "said": ""}
    figures = [asdict(one) | {"label": watch.figures[one.name].label} for one in read.figures.values()]
    said = "" if read.why else markup.finish(shown(watch, read.values, clock.now()))[1]
    return {"why": "", "figures": figures, "text": read.text[:LONGEST_SHOWN], "said": said}
