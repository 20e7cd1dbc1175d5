"""From something that happened to who is told of it: an alert's row, a happening, a row of the log for every
subscriber, and the deliveries.

What happens on a topic is decided in one transaction; telling it goes on in further ones, some hundred subscribers
each, and takes up again where a killed worker left off.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

from sqlalchemy.orm import Session

import clock
import logs
from alerts import routing, wording
from alerts.alert import RESOLVED, Alert, rank
from alerts.routing import ACKNOWLEDGED, BUNDLED, QUIET, SAME, TOLD, UNTOLD, Hush, Listener, Matter, Verdict
from alerts.wording import AGAIN, CLEARED, FIRED, HUSHED, NEWS, REPEATED, SEEN, UNHUSHED, WORSE, Telling
from channels import alert as hook
from channels.contract import Inbound
from responses import markup
from settings import Settings
from store import alerts, chats, database, deliveries, events, silences, topics
from store.alerts import Happening
from store.deliveries import Delivery
from store.topics import Subscriber, Topic

BEFORE_SECONDS = 0.3  # between looks whether what happened before has been told
TOGETHER = 500  # subscribers in one transaction
CHANNEL = "alert"  # of the events that are ours
HEARD = (TOLD, BUNDLED, QUIET)
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
        _tell_after_quiet(settings, event, owner)
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
    return _tell_and_settle(settings, event, owner)


# --- what happens ---


def happen(session: Session, event_id: int, alert: Alert, now: datetime) -> Happening | str:
    """What the alert changes, in the caller's transaction; why it changes nothing, if so. `tell` tells it."""
    topics.ensure(session, alert.topic, now)
    topic = alerts.held_topic(session, alert.topic)
    at = alert.at or now
    known = alerts.newest(session, alert.topic, alert.key) if alert.key and not alert.news else None
    if known is not None and at < known.changed_at:
        return "out of order: a newer state of it is known"
    is_firing = known is not None and known.state == alerts.FIRING
    if alert.state == RESOLVED and not alert.news:
        if known is None or not is_firing:
            # Where the source says when, an older state that arrives later must not ring for ever.
            if alert.at and alert.key:
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
    if known is None:
        known = alerts.Alert(
            topic=alert.topic,
            key=alert.key,
            state=alerts.RESOLVED,
            severity=alert.severity,
            title=alert.title,
            text=alert.text,
            url=alert.url,
            source=alert.source,
            thread=f"maru-{token_hex(8)}",
            fields=[list(one) for one in alert.fields],
            began_at=now,
            resolved_at=now,
        )
        session.add(known)
    known.changed_at = at


def _new(
    session: Session, topic: Topic, alert: Alert, before: alerts.Alert | None, at: datetime, now: datetime
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
        repeat_at=now + _repeats_after(topic) if repeats else None,
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
        known.muted_until = None
        return _happening(session, topic, known, WORSE, event_id, now, alert, of=alert.group)
    same = Verdict(SAME, f"the {known.times}th time since {known.began_at:%Y-%m-%d %H:%M:%S} UTC")
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
        severity=said.severity,
        title=said.title or row.title,
        text=said.text,
        url=said.url or row.url,
        who=who,
        verdict=verdict.outcome if verdict else "",
        detail=verdict.detail if verdict else "",
        fields=[list(one) for one in said.fields],
        at=now,
    )
    if verdict is None and what not in (NEWS, SEEN):
        _group(session, made, topic, of, now)
    session.add(made)
    session.flush()
    return made


def _group(session: Session, made: Happening, topic: Topic, of: str, now: datetime) -> None:
    """The first of its group is told at once; what follows within seconds waits to be told in one message."""
    seconds = alerts.GROUP_SECONDS if topic.group_seconds is None else topic.group_seconds
    bundle = alerts.open_bundle(session, topic.name, of, now)
    if bundle is not None:
        made.bundle_id, made.state = bundle.id, alerts.WAITING
    elif seconds:
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
        early = made is not None and made.state == alerts.TELLING and not alerts.is_next(session, made)
        ids = [made.id] if made is not None and made.state == alerts.TELLING else []
        words = "waits to be told with others" if made is not None and made.state == alerts.WAITING else ""
    if early:
        with database.writing() as session:
            if events.still_mine(session, event.id, owner):
                events.put_off(
                    session, event.id, clock.now(), BEFORE_SECONDS, "what happened before is just being told"
                )
        return 0
    told = tell(settings, ids, event)
    _settle(event, owner, words or f"{told} told")
    return told


def tell_event(settings: Settings, event: events.Event) -> int:
    """Tell what happened by this event; how many are told. Whoever calls settles the event."""
    with database.reading() as session:
        made = alerts.of_event(session, event.id)
        ids = [made.id] if made is not None and made.state == alerts.TELLING else []
    return tell(settings, ids, event)


def _tell_bundle(settings: Settings, event: events.Event, owner: str, bundle: int) -> None:
    with database.reading() as session:
        ids = [one.id for one in alerts.of_bundle(session, bundle)]
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
    teller = _Teller(session, settings, made, event)
    some = alerts.listeners(session, made[0].topic, made[0].through, TOGETHER)
    told += teller.tell(some)
    for one in made:
        one.through = some[-1].id if some else one.through
        one.state = alerts.DONE if len(some) < TOGETHER else alerts.TELLING
    return told, len(some) == TOGETHER


def hushes(session: Session, now: datetime) -> list[Hush]:
    """The silences that are on."""
    return [
        Hush(one.id, one.topic, one.key, one.words, one.severity, one.comment, one.by, one.starts_at, one.ends_at)
        for one in silences.on(session, now)
    ]


def listener(one: Subscriber) -> Listener:
    return Listener(one.channel, one.chat, one.severity, one.quiet_from, one.quiet_until, one.zone)


class _Teller:
    """Some happenings, and what has to be known to tell them."""

    def __init__(self, session: Session, settings: Settings, made: Sequence[Happening], event: events.Event) -> None:
        self.session, self.settings, self.made, self.event = session, settings, made, event
        self.now = clock.now()
        self.korean = settings.locale == "ko"
        self.public = bool((found := topics.get(session, made[0].topic)) and found.public)
        self.rows = alerts.of_ids(session, [one.alert_id for one in made if one.alert_id])
        self.hushes = hushes(session, self.now)
        told = [one.alert_id for one in made if one.alert_id]
        self.told = alerts.told_in(session, told, HEARD)
        self.bodies: dict[tuple[int, ...], dict[str, Any]] = {}

    def tell(self, some: Sequence[Subscriber]) -> int:
        log: list[dict[str, Any]] = []
        out: list[Delivery] = []
        by_delivery: list[tuple[Delivery, list[dict[str, Any]]]] = []
        for one in some:
            rows = [self._row(happening, one) for happening in self.made]
            log += rows
            to_tell = [row for row in rows if row["outcome"] == TOLD]
            if to_tell:
                delivery = self._delivery(one, [row["happening_id"] for row in to_tell])
                out.append(delivery)
                by_delivery.append((delivery, to_tell))
        deliveries.add_each(self.session, out, self.now)
        for delivery, rows in by_delivery:
            for row in rows:
                row["delivery_id"] = delivery.id
                row["outcome"] = BUNDLED if len(rows) > 1 else TOLD
        alerts.keep(self.session, log)
        return len(out)

    def _row(self, happening: Happening, one: Subscriber) -> dict[str, Any]:
        verdict = self._verdict(happening, one)
        return {
            "happening_id": happening.id,
            "alert_id": happening.alert_id,
            "topic": happening.topic,
            "channel": one.channel,
            "chat": one.chat,
            "outcome": verdict.outcome,
            "detail": verdict.detail,
            "delivery_id": None,
            "held_until": verdict.held_until,
            "at": self.now,
        }

    def _verdict(self, happening: Happening, one: Subscriber) -> Verdict:
        if happening.verdict:
            return Verdict(happening.verdict, happening.detail)
        heard = (happening.alert_id or 0, one.channel, one.chat) in self.told
        if happening.what in (CLEARED, SEEN) and not heard:
            return Verdict(UNTOLD, "was not told of it")
        if happening.what == SEEN and happening.detail == f"{one.channel}:{one.chat}":
            return Verdict(ACKNOWLEDGED, f"acknowledged here by {happening.who}")
        row = self.rows.get(happening.alert_id or 0)
        matter = Matter(happening.topic, row.key if row else "", happening.title, happening.severity)
        found = routing.decide(matter, listener(one), self.hushes if row else (), self.now, self.settings.timezone)
        if row is None and found.held_until is not None:  # that a silence began is no news in the morning
            return Verdict(found.outcome, found.detail)
        return found

    def _delivery(self, one: Subscriber, ids: list[int]) -> Delivery:
        body = dict(self._body(ids))
        if len(ids) == 1:
            first = self.told.get((self._of(ids[0]).alert_id or 0, one.channel, one.chat))
            if first:
                body["follows"] = first
        source = f"alert:{ids[0]}" if len(self.made) == 1 else f"bundle:{self.made[0].bundle_id}"
        return Delivery(
            source=f"{source}:{one.id}",
            step=0,
            event_id=self.event.id,
            kind=deliveries.MESSAGE,
            channel=one.channel,
            chat=one.chat,
            body=body,
            text=body["plain"],
            wait=0,
            yields=False,
            key=deliveries.new_key(),
            trace=self.event.trace,
        )

    def _of(self, id: int) -> Happening:
        return next(one for one in self.made if one.id == id)

    def _body(self, ids: Sequence[int]) -> dict[str, Any]:
        key = tuple(ids)
        if key not in self.bodies:
            told = [telling(self._of(id), self.rows, self.settings) for id in ids]
            if len(told) == 1:
                body = wording.body(told[0], self.korean, not self.public)
            else:
                body = wording.bundle(told, self.korean) | {"thread_key": f"maru-bundle-{self.made[0].bundle_id}"}
            self.bodies[key] = finished(body)
        return self.bodies[key]


def telling(one: Happening, rows: Mapping[int, alerts.Alert], settings: Settings) -> Telling:
    row = rows.get(one.alert_id or 0)
    since = row.began_at if row else one.at
    return Telling(
        what=one.what,
        alert=one.alert_id or 0,
        title=one.title,
        text=one.text,
        severity=one.severity,
        url=one.url,
        fields=one.fields,
        at=one.at.astimezone(settings.timezone),
        since=since.astimezone(settings.timezone),
        thread=row.thread if row else "",
        who=one.who,
        until=one.detail if one.what in (HUSHED, UNHUSHED) else "",
    )


def finished(body: dict[str, Any]) -> dict[str, Any]:
    text, plain = markup.finish(body["text"])
    return {**body, "text": text, "plain": plain}


# --- after quiet hours ---


def _tell_after_quiet(settings: Settings, event: events.Event, owner: str) -> None:
    with database.writing() as session:
        if not events.still_mine(session, event.id, owner):
            return
        now = clock.now()
        rows = alerts.held(session, event.channel, event.chat, now)
        heard = set(topics.heard(session, event.channel, event.chat))
        wanted = [row for row in rows if row.topic in heard]
        for row in rows:
            row.held_until = None
            row.detail = "told when the quiet hours ended" if row.topic in heard else "unsubscribed meanwhile"
        if not wanted:
            events.settle(session, event.id, events.IGNORED, "nothing is left to tell")
            return
        made = [one for row in wanted if (one := alerts.happening(session, row.happening_id)) is not None]
        known = alerts.of_ids(session, [one.alert_id for one in made if one.alert_id])
        firing = frozenset(id for id, one in known.items() if one.state == alerts.FIRING)
        told = [telling(one, known, settings) for one in made]
        body = finished(wording.after_quiet(told, firing, settings.locale == "ko"))
        delivery = Delivery(
            source=f"quiet:{event.id}",
            step=0,
            event_id=event.id,
            kind=deliveries.MESSAGE,
            channel=event.channel,
            chat=event.chat,
            body=body,
            text=body["plain"],
            wait=0,
            yields=False,
            key=deliveries.new_key(),
            trace=event.trace,
        )
        deliveries.add(session, chats.hold(session, event.channel, event.chat), [delivery], now)
        for row in wanted:
            row.delivery_id = delivery.id
        events.settle(session, event.id, events.ANSWERED)


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
