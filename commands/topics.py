"""flask topics: what can be told unasked."""

import click
from flask.cli import AppGroup

import clock
from commands.printing import as_json, local, show, show_rows
from commands.publishing import SHELL
from store import audit, database, topics
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
