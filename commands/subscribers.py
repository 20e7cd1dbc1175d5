"""flask subscribers: who hears which topic."""

import click
from flask.cli import AppGroup

import clock
from commands.printing import as_json, fail, local, show, show_rows
from commands.publishing import SHELL
from commands.topics import a_topic
from store import audit, database, topics

# Where a chat can be told something, as PRODUCT.md names the channels.
CHANNELS = ("channeltalk", "webex", "google_chat", "telegram", "email", "webchat")

command = AppGroup("subscribers", help="Who hears which topic.")
a_channel = click.argument("channel", type=click.Choice(CHANNELS))


@command.command("list")
@as_json
def list_subscribers(as_json: bool) -> None:
    """All of them."""
    with database.reading() as session:
        rows = [
            {"topic": one.topic, "channel": one.channel, "chat": one.chat, "since": local(one.since)}
            for one in topics.subscribers(session)
        ]
    show_rows(rows, as_json, "Nobody has subscribed yet.")


@command.command("add")
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


@command.command("remove")
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
