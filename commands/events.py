"""flask events: what came in."""

from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

import clock
from commands.printing import as_json, fail, local, show, show_rows
from store import answers, database, deliveries, events
from workers.queues import ANSWER

command = AppGroup("events", help="What came in.")


def row(event: events.Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "channel": event.channel,
        "kind": event.kind,
        "chat": event.chat,
        "person": event.person,
        "state": event.state,
        "reason": event.reason,
        "at": local(event.received_at),
    }


@command.command("list")
@click.option("--chat", help="Only this chat's.")
@click.option("--most", default=1000, show_default=True, help="The newest so many.")
@as_json
def list_events(chat: str | None, most: int, as_json: bool) -> None:
    """The newest events, the oldest of them first."""
    with database.reading() as session:
        show_rows([row(event) for event in reversed(events.listed(session, chat, most))], as_json, "No events yet.")


@command.command("show")
@click.argument("id", type=int)
@as_json
def show_event(id: int, as_json: bool) -> None:
    """One event: how it came, and what became of it."""
    with database.reading() as session:
        event = events.get(session, id)
        if event is None:
            fail(f"There is no event {id}.")
        answer = answers.of_event(session, id)
        sent = deliveries.of_event(session, id)
        found = row(event) | {
            "module": event.module,
            "inbound": event.inbound,
            "attempts": event.attempts,
            "trace": event.trace,
            "answer": answer and {"id": answer.id, "module": answer.module, "version": answer.version},
            "deliveries": [{"id": one.id, "state": one.state, "text": one.text} for one in sent],
        }
    show(found, as_json, "\n".join(f"{key}: {value}" for key, value in found.items()))


@command.command("replay")
@click.argument("id", type=int)
@click.option("--send", is_flag=True, help="Let it be answered once more, for real.")
@as_json
def replay(id: int, send: bool, as_json: bool) -> None:
    """Compute what this event would be answered with now; nothing is sent unless --send is given."""
    from channels.contract import inbound_from
    from workers import rehearsal

    with database.reading() as session:
        event = events.get(session, id)
        if event is None:
            fail(f"There is no event {id}.")
        if not event.inbound:
            fail(f"The content of event {id} is no longer kept.")
        found = rehearsal.of_event(session, event, inbound_from(event.inbound), current_app.extensions)
    if send:
        with database.writing() as session:
            found["event"] = events.repeat(session, id, clock.now())
        current_app.extensions["intake"].bell.ring(ANSWER)
    words = [f"{found['module'] or 'no module'}: {found['reason'] or 'answers'}"]
    words += [message["plain"] for message in found["messages"]]
    show(found, as_json, "\n\n".join(words + ([f"sent anew as event {found['event']}"] if send else [])))
