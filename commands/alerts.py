"""flask alerts: what fires, who is told of it, and why the others are not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

import clock
from alerts import routing
from alerts.alert import SEVERITIES, WARNING
from alerts.routing import Matter
from commands.printing import as_json, fail, local, show, show_rows
from commands.publishing import SHELL
from settings import Settings
from store import alerts, audit, database, silences, topics
from workers import alerting, telling

command = AppGroup("alerts", help="What fires, and who is told.")
a_severity = click.option("--severity", type=click.Choice(SEVERITIES), default=WARNING, show_default=True)


def _settings() -> Settings:
    found: Settings = current_app.extensions["settings"]
    return found


@command.command("list")
@as_json
def list_alerts(as_json: bool) -> None:
    """What is firing."""
    with database.reading() as session:
        rows = [
            {
                "id": one.id,
                "topic": one.topic,
                "key": one.key,
                "state": one.state,
                "severity": one.severity,
                "title": one.title,
                "since": local(one.began_at),
                "times": one.times,
                "acknowledged_by": one.acked_by or None,
            }
            for one in alerts.firing(session, clock.now())
        ]
    show_rows(rows, as_json, "Nothing is firing.")


@command.command("route")
@click.option("--topic", required=True)
@click.option("--at", "at", help="ISO, or HH:MM of today; now unless given.")
@click.option("--key", default="", help="The alert's key, for silences that look at it.")
@click.option("--title", default="")
@a_severity
@as_json
def route(topic: str, at: str | None, key: str, title: str, severity: str, as_json: bool) -> None:
    """Who would be told of an alert on this topic, and why the others would not."""
    now = _moment(at) if at else clock.now()
    with database.reading() as session:
        if topics.get(session, topic) is None:
            fail(f"There is no topic {topic}.")
        matter = Matter(topic, key, title, severity)
        hushes = telling.hushes(session, now)
        rows = []
        for one in topics.subscribers(session, topic):
            found = routing.decide(matter, telling.listener(one), hushes, now, _settings().timezone)
            rows.append(
                {
                    "topic": one.topic,
                    "channel": one.channel,
                    "chat": one.chat,
                    "told": found.outcome == routing.TOLD,
                    "outcome": found.outcome,
                    "why": found.detail,
                    "until": local(found.held_until),
                }
            )
    show_rows(rows, as_json, f"Nobody has subscribed to {topic}.")


def _moment(words: str) -> datetime:
    zone = _settings().timezone
    try:
        if len(words) <= 5 and ":" in words:
            at = datetime.strptime(words, "%H:%M").time()
            return datetime.combine(clock.now().astimezone(zone).date(), at, zone).astimezone(UTC)
        found = datetime.fromisoformat(words)
    except ValueError:
        raise click.UsageError(f"'{words}' is no time such as 2026-12-24T09:00 or 23:30") from None
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


@command.command("ack")
@click.argument("id", type=int)
@click.option("--by", "who", default=SHELL, show_default=True)
@as_json
def ack(id: int, who: str, as_json: bool) -> None:
    """Say that somebody looks after it: repeats rest for a while."""
    with database.writing() as session:
        row = alerts.get(session, id)
        if row is None or row.state != alerts.FIRING:
            fail(f"Alert {id} does not fire.")
        until = alerting.acknowledge(session, row, who, clock.now())
    show({"id": id, "acknowledged_by": who, "until": local(until)}, as_json, f"{id} rests until {local(until)}")


# --- silences ---


@command.command("silence")
@click.option("--topic", required=True)
@click.option("--key", default="", help="Only alerts with this key; * and ? stand for anything.")
@click.option("--words", default="", help="Only alerts with these words in their title.")
@click.option("--severity", type=click.Choice(("", *SEVERITIES)), default="", help="Only up to this severity.")
@click.option("--comment", required=True, help="Why; everybody who hears the topic reads it.")
@click.option("--from", "begin", help="ISO or HH:MM; now unless given.")
@click.option("--until", help="ISO or HH:MM.")
@click.option("--minutes", type=click.IntRange(1, 525_600), help="How long, instead of --until.")
@click.option("--by", "who", default=SHELL, show_default=True)
@as_json
def silence(as_json: bool, begin: str | None, until: str | None, minutes: int | None, **given: str) -> None:
    """Tell nothing of what matches, for a while. The rooms are told when it starts and ends."""
    starts_at = _moment(begin) if begin else clock.now()
    if (until is None) == (minutes is None):
        raise click.UsageError("give either --until or --minutes")
    ends_at = _moment(until) if until else starts_at + timedelta(minutes=minutes or 0)
    if ends_at <= max(starts_at, clock.now()):
        raise click.UsageError("it would end before it starts")
    if not given["comment"].strip():
        raise click.UsageError("--comment is empty")
    by = given.pop("who")
    with database.writing() as session:
        topics.ensure(session, given["topic"], clock.now())
        made = silences.Silence(**given, by=by, starts_at=starts_at, ends_at=ends_at)
        session.add(made)
        session.flush()
        found = _shown(made)
        audit.note(session, clock.now(), SHELL, "silence.added", f"silence:{made.id}", None, found)
    show(found, as_json, f"silence {found['id']}: {found['starts_at']} to {found['ends_at']}")


@command.command("unsilence")
@click.argument("id", type=int)
@as_json
def unsilence(id: int, as_json: bool) -> None:
    """End a silence now."""
    with database.writing() as session:
        found = silences.get(session, id)
        if found is None or found.ends_at <= clock.now():
            fail(f"Silence {id} is not on.")
        silences.end(found, clock.now())
        audit.note(session, clock.now(), SHELL, "silence.ended", f"silence:{id}")
    show({"id": id, "ended": True}, as_json, f"silence {id} is over")


@command.command("silences")
@click.option("--all", "every", is_flag=True, help="Those that are over, too.")
@as_json
def list_silences(every: bool, as_json: bool) -> None:
    """What is silenced now, or will be."""
    with database.reading() as session:
        rows = [_shown(one) for one in silences.listed(session, None if every else clock.now())]
    show_rows(rows, as_json, "Nothing is silenced.")


def _shown(one: silences.Silence) -> dict[str, Any]:
    kept = ("id", "topic", "key", "words", "severity", "comment", "by")
    times = {"starts_at": local(one.starts_at), "ends_at": local(one.ends_at)}
    return {name: getattr(one, name) for name in kept} | times


# --- the log ---


@command.command("log")
@click.option("--topic", default="")
@click.option("--chat", default="")
@click.option("--outcome", default="")
@click.option("--alert", type=int)
@click.option("--most", type=click.IntRange(1, 100_000), default=1000, show_default=True)
@as_json
def log(topic: str, chat: str, outcome: str, alert: int | None, most: int, as_json: bool) -> None:
    """One row for every happening and everybody who could have been told of it, the newest first."""
    with database.reading() as session:
        found = alerts.log(session, topic=topic, chat=chat, outcome=outcome, alert=alert, most=most)
        rows = [
            {
                "id": one.row.id,
                "alert": one.row.alert_id,
                "topic": one.row.topic,
                "what": one.happening.what,
                "title": one.happening.title,
                "channel": one.row.channel,
                "chat": one.row.chat,
                "outcome": one.outcome,
                "why": one.why,
                "delivery": one.row.delivery_id,
                "at": local(one.row.at),
            }
            for one in found
        ]
    show_rows(rows, as_json, "Nothing has happened yet.")
