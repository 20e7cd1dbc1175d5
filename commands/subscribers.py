"""flask subscribers: who hears which topic."""

from zoneinfo import available_timezones

import click
from flask.cli import AppGroup

import clock
from alerts.alert import SEVERITIES
from commands.printing import as_json, fail, local, show, show_rows
from commands.publishing import SHELL
from commands.topics import a_topic
from interaction.when import read_span
from store import audit, database, topics

# Where a chat can be told something, as PRODUCT.md names the channels.
CHANNELS = ("channeltalk", "webex", "google_chat", "telegram", "email", "webchat")

command = AppGroup("subscribers", help="Who hears which topic.")
a_channel = click.argument("channel", type=click.Choice(CHANNELS))

CHATS_BEGIN_SO = {"ignore_unknown_options": True}  # a group in Telegram has a number such as -1002000300400


@command.command("list")
@as_json
def list_subscribers(as_json: bool) -> None:
    """All of them."""
    with database.reading() as session:
        rows = [{**_shown(one), "since": local(one.since)} for one in topics.subscribers(session)]
    show_rows(rows, as_json, "Nobody has subscribed yet.")


@command.command("add", context_settings=CHATS_BEGIN_SO)
@click.argument("topic", callback=a_topic)
@a_channel
@click.argument("chat")
@as_json
def add(topic: str, channel: str, chat: str, as_json: bool) -> None:
    """Let a chat, or an e-mail address on the channel `email`, hear a topic."""
    _check(channel, chat)
    with database.writing() as session:
        new = topics.subscribe(session, topic, channel, chat, clock.now())
        if new:
            audit.note(session, clock.now(), SHELL, "subscriber.added", f"topic:{topic}", None, f"{channel}:{chat}")
    found = {"topic": topic, "channel": channel, "chat": chat, "new": new}
    show(found, as_json, f"{channel} {chat} hears {topic}{'' if new else ' already'}")


def _check(channel: str, chat: str) -> None:
    if not chat.strip():
        raise click.UsageError("CHAT is empty")
    if channel == "email" and "@" not in chat:
        raise click.UsageError(f"'{chat}' is no e-mail address")


@command.command("set", context_settings=CHATS_BEGIN_SO)
@click.argument("topic")
@a_channel
@click.argument("chat")
@click.option("--quiet", help="22:00~07:00, or off.")
@click.option("--zone", help="Of the quiet hours, such as Asia/Seoul; '' is the house's.")
@click.option(
    "--severity", type=click.Choice(("", *SEVERITIES)), help="Only what is at least so grave; '' is everything."
)
@as_json
def set_subscriber(
    topic: str, channel: str, chat: str, quiet: str | None, zone: str | None, severity: str | None, as_json: bool
) -> None:
    """When, and how grave a thing, a subscriber wants to hear."""
    span = read_span(quiet) if quiet and quiet != "off" else None
    if quiet and quiet != "off" and span is None:
        raise click.UsageError(f"--quiet: '{quiet}' is not of the form 22:00~07:00")
    if zone and zone not in available_timezones():
        raise click.UsageError(f"--zone: '{zone}' is no time zone; Asia/Seoul is one")
    with database.writing() as session:
        one = topics.subscriber(session, topic, channel, chat)
        if one is None:
            fail(f"{channel} {chat} does not hear {topic}.")
        before = _shown(one)
        if quiet:
            one.quiet_from, one.quiet_until = span or (None, None)
        one.zone = one.zone if zone is None else zone
        one.severity = one.severity if severity is None else severity
        found = _shown(one)
        audit.note(session, clock.now(), SHELL, "subscriber.set", f"topic:{topic}", before, found)
    show(found, as_json, f"{channel} {chat}: quiet {found['quiet'] or 'never'}, severity {found['severity'] or 'any'}")


def _shown(one: topics.Subscriber) -> dict[str, str]:
    begin, end = one.quiet_from, one.quiet_until
    quiet = f"{begin:%H:%M}~{end:%H:%M}" if begin and end else ""
    named = {"topic": one.topic, "channel": one.channel, "chat": one.chat}
    return named | {"quiet": quiet, "zone": one.zone, "severity": one.severity}


@command.command("remove", context_settings=CHATS_BEGIN_SO)
@click.argument("topic")
@a_channel
@click.argument("chat")
@as_json
def remove(topic: str, channel: str, chat: str, as_json: bool) -> None:
    """Let it hear the topic no more."""
    with database.writing() as session:
        gone = topics.unsubscribe(session, topic, channel, chat)
        if gone:
            audit.note(session, clock.now(), SHELL, "subscriber.removed", f"topic:{topic}", f"{channel}:{chat}", None)
    if not gone:
        fail(f"{channel} {chat} does not hear {topic}.")
    show({"topic": topic, "channel": channel, "chat": chat}, as_json, f"{channel} {chat} hears {topic} no more")
