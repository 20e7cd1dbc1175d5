"""From something that happened to who is told of it: an alert's row, a happening, a row of the log for every
subscriber, and the deliveries.

What happens on a topic is decided in one transaction; telling it goes on in further ones, some hundred subscribers
each, and takes up again where a killed worker left off.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex

from sqlalchemy.orm import Session

import clock
import logs
from alerts import wording
from alerts.alert import RESOLVED, Alert, rank
from alerts.routing import ACKNOWLEDGED, SAME, Verdict
from alerts.wording import AGAIN, CLEARED, FIRED, HUSHED, NEWS, REPEATED, SEEN, UNHUSHED, WORSE
from channels import alert as hook
from channels.contract import Inbound
from settings import Settings
from store import alerts, database, events, hooks, silences, topics, totals
from store.alerts import Happening
from store.topics import Topic
from workers import telling
from workers.telling import Teller

BEFORE_SECONDS, LONGEST_BEFORE = 0.3, 10.0  # between looks whether what happened before has been told
TOGETHER = 500  # subscribers in one transaction
CHANNEL = "alert"  # of the events that are ours
TOLD_LATER = "waits to be told with others"
OURS = ("alert:", "bundle:", "quiet:")  # how the sources of our deliveries begin
DUE = ("bundle", "repeat", "quiet", "silence", "tell")  # what the clock or somebody finds for us


def is_ours(inbound: Inbound) -> bool:
    return inbound.kind == "alert" or (inbound.kind == "due" and inbound.source.partition(":")[0] in DUE)


def hear(settings: Settings, event: events.Event, owner: str, inbound: Inbound) -> None:
    """An event of ours: something happened, or is to be told now."""
    what, _, rest = inbound.source.partition(":")
    if inbound.kind == "alert":
        publish(settings, event, owner, of_hook(event))
    elif what == "bundle":
        _tell_bundle(settings, event, owner, int(rest))
    elif what == "quiet":
        telling.after_quiet(settings, event, owner)
    else:
        with database.writing() as session:
            if events.still_mine(session, event.id, owner) and alerts.of_event(session, event.id) is None:
                why = _happen_again(session, event, what, rest)
                if why:
                    events.settle(session, event.id, events.IGNORED, why)
                    return
        _tell_and_settle(settings, event, owner)


def of_hook(event: events.Event) -> Alert:
    """What a program told us: data, none of it markup."""
    told = hook.read(json.loads(event.payload))
    first, _, rest = told["text"].partition("\n")
    title, text = (told["title"], told["text"]) if told["title"] else (first, rest)
    title = " ".join(title.split())  # the subject of mails, and the head of cards: one line
    return Alert(
        topic=told["topic"],
        title=title[:300],
        text=wording.quoted(text.strip()),
        key=told["key"],
        state=told["state"],
        severity=told["severity"],
        url=told["url"],
        source=str(event.inbound.get("source", "")),
    )


def publish(settings: Settings, event: events.Event, owner: str, alert: Alert) -> int:
    """The whole way of an alert: what it changes, who is told, and the event settled. Returns how many are told."""
    with database.writing() as session:
        if not events.still_mine(session, event.id, owner):
            return 0
        if alerts.of_event(session, event.id) is None:
            found = happen(session, event.id, alert, event.received_at)
            if isinstance(found, str):
                events.settle(session, event.id, events.IGNORED, found)
                return 0
            if found.state == alerts.WAITING:  # at once: in a storm nearly all are of this kind
                events.settle(session, event.id, events.ANSWERED, TOLD_LATER)
                return 0
    return _tell_and_settle(settings, event, owner)


# --- what happens ---


def happen(session: Session, event_id: int, alert: Alert, now: datetime) -> Happening | str:
    """What the alert changes, in the caller's transaction; why it changes nothing, if so. `tell` tells it."""
    topic = topics.hold(session, alert.topic, now)
    if alert.source.startswith("hook:"):
        hooks.used(session, alert.source.removeprefix("hook:"), now)
    at = alert.at or now
    known = alerts.newest(session, alert.topic, alert.key) if alert.key and not alert.news else None
    if known is not None and at < known.changed_at:
        return "out of order: a newer state of it is known"
    is_firing = known is not None and known.state == alerts.FIRING
    if alert.state == RESOLVED and not alert.news:
        if known is None or not is_firing:
            _remember_end(session, alert, known, at, now)
            return "nothing fires under this key"
        known.state, known.resolved_at, known.repeat_at = alerts.RESOLVED, now, None
        known.title, known.changed_at = alert.title or known.title, at
        return _happening(session, topic, known, CLEARED, event_id, now, alert, of=alert.group)
    if known is not None and is_firing:
        return _fires_again(session, topic, known, alert, event_id, at, now)
    row = _new(session, topic, alert, known, at, now)
    return _happening(session, topic, row, NEWS if alert.news else FIRED, event_id, now, alert, of=alert.group)


def _remember_end(session: Session, alert: Alert, known: alerts.Alert | None, at: datetime, now: datetime) -> None:
    """Its end came first: the beginning, should it come later, is out of order and must not fire for ever. Only where
    the source says when it changed can we tell one from the other."""
    if alert.at is None or not alert.key:
        return
    row = known or _new(session, None, alert, None, at, now)
    row.state, row.resolved_at, row.changed_at = alerts.RESOLVED, row.resolved_at or now, at


def _new(
    session: Session, topic: Topic | None, alert: Alert, before: alerts.Alert | None, at: datetime, now: datetime
) -> alerts.Alert:
    repeats = bool(alert.key) and not alert.news
    row = alerts.Alert(
        topic=alert.topic,
        key=alert.key,
        state=alerts.NEWS if alert.news else alerts.FIRING,
        severity=alert.severity,
        title=alert.title,
        text=alert.text,
        url=alert.url,
        source=alert.source,
        thread=before.thread if before else f"maru-{token_hex(8)}",
        fields=[list(one) for one in alert.fields],
        began_at=now,
        changed_at=at,
        repeat_at=now + _repeats_after(topic) if topic is not None and repeats else None,
    )
    session.add(row)
    session.flush()
    return row


def _repeats_after(topic: Topic) -> timedelta:
    return timedelta(minutes=topic.repeat_minutes or alerts.REPEAT_MINUTES)


def _fires_again(
    session: Session, topic: Topic, known: alerts.Alert, alert: Alert, event_id: int, at: datetime, now: datetime
) -> Happening:
    """Told only when it has become graver; that also ends its rest by an acknowledgement."""
    worse = rank(alert.severity) > rank(known.severity)
    known.times += 1
    known.changed_at, known.title, known.text, known.url = at, alert.title, alert.text, alert.url
    known.severity, known.fields = alert.severity, [list(one) for one in alert.fields]
    if worse:
        known.muted_until, known.acked_by, known.acked_at = None, "", None
        return _happening(session, topic, known, WORSE, event_id, now, alert, of=alert.group)
    same = Verdict(SAME, f"fired {known.times} times since {known.began_at:%Y-%m-%d %H:%M:%S} UTC")
    return _happening(session, topic, known, AGAIN, event_id, now, alert, verdict=_rests(known, now) or same)


def _rests(alert: alerts.Alert, now: datetime) -> Verdict | None:
    if alert.muted_until is None or alert.muted_until <= now:
        return None
    return Verdict(ACKNOWLEDGED, f"acknowledged by {alert.acked_by}")


def _happening(
    session: Session,
    topic: Topic,
    row: alerts.Alert,
    what: str,
    event_id: int,
    now: datetime,
    said: Alert | alerts.Alert,
    *,
    verdict: Verdict | None = None,
    of: str = "",
    who: str = "",
) -> Happening:
    made = Happening(
        alert_id=row.id,
        event_id=event_id,
        topic=topic.name,
        what=what,
        severity=row.severity,  # of what ends as of what began: else who hears only of grave things would miss the end
        title=said.title or row.title,
        text=said.text,
        url=said.url or row.url,
        who=who,
        verdict=verdict.outcome if verdict else "",
        detail=verdict.detail if verdict else "",
        fields=[list(one) for one in said.fields],
        at=now,
    )
    if verdict is None and what != NEWS:
        _group(session, made, topic, of, now)
    session.add(made)
    session.flush()
    totals.count(session, totals.ALERTS, {(topic.name, what): 1})
    return made


def _group(session: Session, made: Happening, topic: Topic, of: str, now: datetime) -> None:
    """The first of its group is told at once; what follows within seconds waits to be told in one message. So does
    what happens to an alert that waits already. The house's time counts, not the event's: after an outage much comes
    at once that is late."""
    now = max(now, clock.now())
    seconds = alerts.GROUP_SECONDS if topic.group_seconds is None else topic.group_seconds
    bundle = alerts.bundle_of(session, made.alert_id) if made.what != FIRED else None
    if bundle is None and made.what != SEEN:
        bundle = alerts.open_bundle(session, topic.name, of, now)
    if bundle is not None:
        made.bundle_id, made.state = bundle.id, alerts.WAITING
    elif seconds and made.what != SEEN:
        closes_at = now + timedelta(seconds=seconds)
        session.add(alerts.Bundle(topic=topic.name, of=of, opened_at=now, closes_at=closes_at))


def _happen_again(session: Session, event: events.Event, what: str, rest: str) -> str:
    """A repeat, or a silence that starts or ends. Returns why there is nothing to tell, if so."""
    now = event.received_at
    if what == "silence":
        id, _, when = rest.partition(":")
        hush = silences.get(session, int(id))
        if hush is None:
            return "the silence is gone"
        topics.ensure(session, hush.topic, now)
        _of_silence(session, hush, when, event.id, now)
        return ""
    row = alerts.get(session, int(rest.partition(":")[0]))
    if row is None or row.state != alerts.FIRING:
        return "it fires no more"
    topic = alerts.held_topic(session, row.topic)
    _happening(session, topic, row, REPEATED, event.id, now, row, verdict=_rests(row, now))
    return ""


def _of_silence(session: Session, hush: silences.Silence, when: str, event_id: int, now: datetime) -> None:
    matched = " · ".join(part for part in (hush.topic, hush.key, hush.words, hush.severity) if part)
    session.add(
        Happening(
            alert_id=None,
            event_id=event_id,
            topic=hush.topic,
            what=HUSHED if when == "start" else UNHUSHED,
            title=matched,
            text=wording.quoted(hush.comment),
            who=hush.by,
            detail=hush.ends_at.isoformat(),
            at=now,
        )
    )


@dataclass(frozen=True)
class Place:
    """Where somebody said something: told there by the answer itself."""

    channel: str = ""
    chat: str = ""


def acknowledge(session: Session, row: alerts.Alert, who: str, now: datetime, place: Place = Place()) -> datetime:  # noqa: B008 (frozen)
    """Somebody looks after it: it rests for a while, and whoever was told of it hears who. Returns until when."""
    topic = alerts.held_topic(session, row.topic)
    row.acked_by, row.acked_at = who, now
    row.muted_until = now + timedelta(minutes=topic.ack_minutes or alerts.ACK_MINUTES)
    source = f"tell:{row.id}:{token_hex(8)}"
    (event_id,) = events.record(session, [fact(source, now)])
    made = _happening(session, topic, row, SEEN, event_id, now, row, who=who)
    made.detail = f"{place.channel}:{place.chat}"
    return row.muted_until


def fact(source: str, now: datetime, channel: str = CHANNEL, chat: str = "") -> events.Fact:
    """The event that something of ours is due."""
    return events.Fact(
        channel=channel,
        platform_id=source,
        kind="due",
        chat=chat,
        person="",
        inbound=Inbound(id=source, kind="due", chat=chat, source=source).json(),
        payload=json.dumps({"due": source}),
        trace=token_hex(6),
        received_at=now,
    )


# --- telling it ---


def _tell_and_settle(settings: Settings, event: events.Event, owner: str) -> int:
    with database.reading() as session:
        made = alerts.of_event(session, event.id)
        ids = [made.id] if made is not None and made.state == alerts.TELLING else []
        early = made is not None and not made.verdict and not alerts.are_next(session, ids)
        words = TOLD_LATER if made is not None and made.state == alerts.WAITING else ""
    if early:
        _wait_for_turn(event, owner)
        return 0
    told = tell(settings, ids, event)
    _settle(event, owner, words or f"{told} told")
    return told


def _wait_for_turn(event: events.Event, owner: str) -> None:
    """What happened to an alert is told in its order, whoever tells it. The longer the wait the rarer the looks: those
    who wait are the oldest, and must not keep every thread from what they wait for."""
    age = (clock.now() - event.received_at).total_seconds()
    seconds = min(max(age / 4, BEFORE_SECONDS), LONGEST_BEFORE)
    with database.writing() as session:
        mine = events.still_mine(session, event.id, owner)
        if mine is not None:
            mine.attempts -= 1  # that is no failure
            events.put_off(session, event.id, clock.now(), seconds, "what happened before is being told")


def tell_event(settings: Settings, event: events.Event) -> int:
    """Tell what happened by this event; how many are told. Whoever calls settles the event."""
    with database.reading() as session:
        made = alerts.of_event(session, event.id)
        ids = [made.id] if made is not None and made.state == alerts.TELLING else []
    return tell(settings, ids, event)


def _tell_bundle(settings: Settings, event: events.Event, owner: str, bundle: int) -> None:
    with database.reading() as session:
        ids = [one.id for one in alerts.of_bundle(session, bundle)]
        early = not alerts.are_next(session, ids)
    if early:
        _wait_for_turn(event, owner)
        return
    told = tell(settings, ids, event)
    _settle(event, owner, f"{told} told of {len(ids)} alerts")


def _settle(event: events.Event, owner: str, reason: str) -> None:
    with database.writing() as session:
        if events.still_mine(session, event.id, owner):
            events.settle(session, event.id, events.ANSWERED, reason)


def tell(settings: Settings, ids: Sequence[int], event: events.Event) -> int:
    """Tell these happenings of one topic together to everybody who hears it. Returns how many were told; called again
    after a crash it goes on with those who were not."""
    told, more = 0, bool(ids)
    while more:
        with database.writing() as session:
            told, more = _tell_some(session, settings, ids, event, told)
    if ids:
        logs.say("alert.told", happenings=len(ids), told=told)
    return told


def _tell_some(
    session: Session, settings: Settings, ids: Sequence[int], event: events.Event, told: int
) -> tuple[int, bool]:
    made = alerts.held_happenings(session, ids)
    if not made:
        return told, False
    teller = Teller(session, settings, made, event)
    some = alerts.listeners(session, made[0].topic, made[0].through, TOGETHER)
    told += teller.tell(some)
    for one in made:
        one.through = some[-1].id if some else one.through
        one.state = alerts.DONE if len(some) < TOGETHER else alerts.TELLING
    return told, len(some) == TOGETHER


# --- what the clock finds ---


def any_due(session: Session, now: datetime) -> bool:
    return (
        alerts.any_closing(session, now)
        or alerts.any_repeating(session, now)
        or alerts.any_held(session, now)
        or silences.any_untold(session, now)
    )


def due(session: Session, now: datetime, most: int = 200) -> list[events.Fact]:
    """The events of what is due; recorded in this transaction, in which the rows go on to their next time."""
    found = []
    for bundle in alerts.closing(session, now, most):
        bundle.state = alerts.CLOSED
        if alerts.of_bundle(session, bundle.id):
            found.append(fact(f"bundle:{bundle.id}", now))
    for row in alerts.repeating(session, now, most):
        assert row.repeat_at is not None
        found.append(fact(f"repeat:{row.id}:{row.repeat_at.isoformat()}", now))
        topic = topics.get(session, row.topic)
        row.repeat_at = now + (_repeats_after(topic) if topic else timedelta(minutes=alerts.REPEAT_MINUTES))
    for channel, chat, last in alerts.held_chats(session, now, most):
        found.append(fact(f"quiet:{last}", now, channel, chat))
    for hush in silences.untold(session, now, most):
        if not hush.start_told:
            hush.start_told = True
            found.append(fact(f"silence:{hush.id}:start", now))
        if not hush.end_told and hush.ends_at <= now:
            hush.end_told = True
            found.append(fact(f"silence:{hush.id}:end", now))
    return found
