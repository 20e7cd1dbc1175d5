"""flask topics: what can be told unasked."""

from typing import Any

import click
from flask.cli import AppGroup

import clock
from commands.printing import as_json, fail, local, show, show_rows
from commands.publishing import SHELL
from store import alerts, audit, database, topics
from workers.spoken.topics import NAME

command = AppGroup("topics", help="Topics: what can be told unasked.")


def a_topic(_: click.Context, __: click.Parameter, name: str) -> str:
    if not NAME.fullmatch(name):
        raise click.BadParameter("a topic is one word of letters, digits, _ . and -, of at most 64")
    return name


@command.command("add")
@click.argument("name", callback=a_topic)
@click.option("--public", is_flag=True, help="Outsiders may subscribe to it, too.")
@as_json
def add(name: str, public: bool, as_json: bool) -> None:
    """Make a topic; --public opens one that is there."""
    with database.writing() as session:
        new = topics.ensure(session, name, clock.now())
        if public:
            topics.make_public(session, name)
        kept = topics.get(session, name)
        found = {"name": name, "public": bool(kept and kept.public), "new": new}
        audit.note(session, clock.now(), SHELL, "topic.added", f"topic:{name}", None, found)
    show(found, as_json, f"{name}: {'public' if found['public'] else 'internal'}{'' if new else ', was there already'}")


@command.command("set")
@click.argument("name")
@click.option("--group-seconds", type=click.IntRange(0, 3600), help="What follows within it is bundled; 0: nothing is.")
@click.option("--repeat-minutes", type=click.IntRange(1, 10_080), help="What still fires is told again.")
@click.option(
    "--ack-minutes", type=click.IntRange(1, 10_080), help="How long repeats rest once somebody looks after it."
)
@click.option("--public/--internal", default=None, help="Whether outsiders may subscribe.")
@as_json
def set_topic(name: str, public: bool | None, as_json: bool, **given: int | None) -> None:
    """How its alerts are told."""
    with database.writing() as session:
        topic = topics.get(session, name)
        if topic is None:
            fail(f"There is no topic {name}.")
        before = _rules(topic)
        for rule, value in given.items():
            if value is not None:
                setattr(topic, rule, value)
        topic.public = topic.public if public is None else public
        found = _rules(topic)
        audit.note(session, clock.now(), SHELL, "topic.set", f"topic:{name}", before, found)
    show(found, as_json, ", ".join(f"{key} {value}" for key, value in found.items()))


def _rules(topic: topics.Topic) -> dict[str, Any]:
    return {
        "name": topic.name,
        "public": topic.public,
        "group_seconds": alerts.GROUP_SECONDS if topic.group_seconds is None else topic.group_seconds,
        "repeat_minutes": topic.repeat_minutes or alerts.REPEAT_MINUTES,
        "ack_minutes": topic.ack_minutes or alerts.ACK_MINUTES,
    }


@command.command("list")
@as_json
def list_topics(as_json: bool) -> None:
    """All topics, and how many hear each."""
    with database.reading() as session:
        counts = topics.counts(session)
        rows = [
            {
                "name": topic.name,
                "public": topic.public,
                "subscribers": counts.get(topic.name, 0),
                "since": local(topic.created_at),
            }
            for topic in topics.listed(session)
        ]
    show_rows(rows, as_json, "No topics yet: flask topics add NAME")
