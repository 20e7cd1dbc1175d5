"""Telling what happened: for every subscriber a row of the log, and a message where one is due."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

import clock
from alerts import routing, wording
from alerts.routing import ACKNOWLEDGED, BUNDLED, QUIET, TOLD, UNTOLD, Hush, Listener, Matter, Verdict
from alerts.wording import CLEARED, HUSHED, SEEN, UNHUSHED, Telling
from responses import markup
from settings import Settings
from store import alerts, chats, database, deliveries, events, silences, topics, totals
from store.alerts import Happening
from store.deliveries import Delivery
from store.topics import Subscriber

HEARD = (TOLD, BUNDLED, QUIET)


def hushes(session: Session, now: datetime) -> list[Hush]:
    """The silences that are on."""
    return [
        Hush(one.id, one.topic, one.key, one.words, one.severity, one.comment, one.by, one.starts_at, one.ends_at)
        for one in silences.on(session, now)
    ]


def listener(one: Subscriber) -> Listener:
    return Listener(one.channel, one.chat, one.severity, one.quiet_from, one.quiet_until, one.zone)


class Teller:
    """Some happenings of one topic that are told together, and what has to be known to tell them."""

    def __init__(self, session: Session, settings: Settings, made: Sequence[Happening], event: events.Event) -> None:
        self.session, self.settings, self.event = session, settings, event
        self.made = {one.id: one for one in made}
        self.now = clock.now()
        self.korean = settings.locale == "ko"
        self.public = bool((found := topics.get(session, made[0].topic)) and found.public)
        self.alerts = sorted({one.alert_id for one in made if one.alert_id})
        self.rows = alerts.of_ids(session, self.alerts)
        self.hushes = hushes(session, self.now)
        self.told: dict[tuple[int, str, str], int] = {}
        self.bodies: dict[tuple[int, ...], dict[str, Any]] = {}

    def tell(self, some: Sequence[Subscriber]) -> int:
        """Returns how many of them are told."""
        chats_of_some = sorted({one.chat for one in some})
        self.told = alerts.told_in(self.session, self.alerts, HEARD, chats_of_some)
        # Who unsubscribes and subscribes again meanwhile comes by a second time.
        logged = alerts.logged_in(self.session, list(self.made), chats_of_some)
        log: list[dict[str, Any]] = []
        out: list[tuple[Delivery, list[dict[str, Any]]]] = []
        for one in some:
            rows = self._rows(one, logged)
            log += rows
            to_tell = [row for row in rows if row["outcome"] == TOLD]
            if to_tell:
                out.append((self._delivery(one, [row["happening_id"] for row in to_tell]), to_tell))
        deliveries.add_each(self.session, [delivery for delivery, _ in out], self.now)
        for delivery, rows in out:
            for row in rows:
                row["delivery_id"] = delivery.id
                row["outcome"] = BUNDLED if len(rows) > 1 else TOLD
        alerts.keep(self.session, log)
        totals.count(self.session, totals.ALERT_ROWS, Counter((row["channel"], row["outcome"]) for row in log))
        return len(out)

    def _rows(self, one: Subscriber, logged: frozenset[tuple[int, str, str]]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        heard: set[int] = set()  # of in this very message: then its end, or who looks after it, belongs there, too
        for happening in self.made.values():
            if (happening.id, one.channel, one.chat) in logged:
                continue
            verdict = self._verdict(happening, one, heard)
            if verdict.outcome in HEARD and happening.alert_id:
                heard.add(happening.alert_id)
            rows.append(
                {
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
            )
        return rows

    def _verdict(self, happening: Happening, one: Subscriber, heard: set[int]) -> Verdict:
        if happening.verdict:
            return Verdict(happening.verdict, happening.detail)
        known = happening.alert_id in heard or (happening.alert_id or 0, one.channel, one.chat) in self.told
        if happening.what in (CLEARED, SEEN) and not known:
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
            first = self.told.get((self.made[ids[0]].alert_id or 0, one.channel, one.chat))
            if first:
                body["follows"] = first
        source = f"alert:{ids[0]}" if len(self.made) == 1 else f"bundle:{self._bundle()}"
        return message(f"{source}:{one.id}", self.event, one.channel, one.chat, body)

    def _bundle(self) -> int | None:
        return next(iter(self.made.values())).bundle_id

    def _body(self, ids: Sequence[int]) -> dict[str, Any]:
        key = tuple(ids)
        if key not in self.bodies:
            told = [telling(self.made[id], self.rows, self.settings) for id in ids]
            if len(told) == 1:
                body = wording.body(told[0], self.korean, not self.public)
            else:
                body = wording.bundle(told, self.korean) | {"thread_key": f"maru-bundle-{self._bundle()}"}
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


def message(source: str, event: events.Event, channel: str, chat: str, body: dict[str, Any]) -> Delivery:
    return Delivery(
        source=source,
        step=0,
        event_id=event.id,
        kind=deliveries.MESSAGE,
        channel=channel,
        chat=chat,
        body=body,
        text=body["plain"],
        wait=0,
        yields=False,
        key=deliveries.new_key(),
        trace=event.trace,
    )


def after_quiet(settings: Settings, event: events.Event, owner: str) -> None:
    """Quiet hours are over: all that fell into them in one message, and the event settled."""
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
        made = alerts.happenings(session, [row.happening_id for row in wanted])
        known = alerts.of_ids(session, sorted({one.alert_id for one in made if one.alert_id}))
        firing = frozenset(id for id, one in known.items() if one.state == alerts.FIRING)
        told = [telling(one, known, settings) for one in made]
        body = finished(wording.after_quiet(told, firing, settings.locale == "ko"))
        delivery = message(f"quiet:{event.id}", event, event.channel, event.chat, body)
        deliveries.add(session, chats.hold(session, event.channel, event.chat), [delivery], now)
        for row in wanted:
            row.delivery_id = delivery.id
        events.settle(session, event.id, events.ANSWERED)
