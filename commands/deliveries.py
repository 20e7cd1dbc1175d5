"""flask deliveries: what goes out."""

from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

import clock
from commands.printing import as_json, fail, local, show, show_rows
from store import database, deliveries
from workers.queues import DELIVER

command = AppGroup("deliveries", help="What goes out.")
STATES = (deliveries.WAITING, deliveries.SENDING, deliveries.SENT, deliveries.CANCELLED, deliveries.DEAD)


def row(one: deliveries.Delivery) -> dict[str, Any]:
    return {
        "id": one.id,
        "event": one.event_id,
        "channel": one.channel,
        "chat": one.chat,
        "step": one.step,
        "text": "(profile and tags)" if one.kind == deliveries.EFFECTS else one.text,
        "state": one.state,
        "reason": one.reason,
        "due_at": local(one.due_at),
        "sent_at": local(one.sent_at),
    }


@command.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only these.")
@click.option("--chat", help="Only this chat's.")
@click.option("--most", default=1000, show_default=True, help="The newest so many.")
@as_json
def list_deliveries(state: str | None, chat: str | None, most: int, as_json: bool) -> None:
    """The newest messages, the oldest of them first."""
    with database.reading() as session:
        rows = [row(one) for one in reversed(deliveries.listed(session, state, chat, most))]
    show_rows(rows, as_json, "No deliveries yet." if not state else f"Nothing is {state}.")


@command.command("retry")
@click.argument("ids", type=int, nargs=-1, required=True)
@as_json
def retry(ids: tuple[int, ...], as_json: bool) -> None:
    """Send dead or cancelled messages again."""
    with database.writing() as session:
        done = [id for id in ids if deliveries.retry(session, id, clock.now())]
    current_app.extensions["intake"].bell.ring(DELIVER)
    _told("retried", ids, done, "neither dead nor cancelled, or without words", as_json)


@command.command("cancel")
@click.argument("ids", type=int, nargs=-1, required=True)
@as_json
def cancel(ids: tuple[int, ...], as_json: bool) -> None:
    """Keep waiting messages from being sent."""
    with database.writing() as session:
        done = [id for id in ids if deliveries.cancel(session, id, "cancelled by staff", clock.now())]
    _told("cancelled", ids, done, "not waiting", as_json)


def _told(what: str, ids: tuple[int, ...], done: list[int], why_not: str, as_json: bool) -> None:
    left = [id for id in ids if id not in done]
    show({what: done, "left": left}, as_json, f"{what}: {', '.join(map(str, done)) or 'none'}")
    if left:
        fail(f"Left as they are ({why_not}): {', '.join(map(str, left))}")
