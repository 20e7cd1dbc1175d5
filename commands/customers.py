"""flask customers: one person's data, out or gone."""

import time
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

import clock
import logs
from channels import CHANNELS
from commands.printing import as_json, fail, local, show
from store import database, erasure
from store.spool import Spool

command = AppGroup("customers", help="One person's data: export, erase. A customer is CHANNEL:ID.")

PATIENCE_SECONDS = 30.0  # for a message that is being sent just now


def _named(context: click.Context, parameter: click.Parameter, value: str) -> tuple[str, str]:
    channel, colon, id = value.partition(":")
    if channel not in CHANNELS or not colon or not id:
        raise click.BadParameter(f"{value!r} is not of the form channel:id; channels: {', '.join(CHANNELS)}")
    return channel, id


customer = click.argument("customer", metavar="CHANNEL:ID", callback=_named)


def _spooled(spool: Spool | None, channel: str, id: str, chats: tuple[str, ...]) -> list[dict[str, Any]]:
    facts = spool.facts() if spool is not None else []
    return [fact for fact in facts if _concerns(fact, channel, id, chats)]


def _concerns(fact: dict[str, Any], channel: str, id: str, chats: tuple[str, ...]) -> bool:
    theirs = fact["person"] == id and fact["kind"] != erasure.STAFF
    return bool(fact["channel"] == channel and (theirs or fact["chat"] in chats))


def _person(channel: str, id: str, spool: Spool | None) -> erasure.Person:
    chats = tuple(str(fact["chat"]) for fact in _spooled(spool, channel, id, ()))
    with database.reading() as session:
        return erasure.find(session, channel, id, chats)


@command.command("export")
@customer
@as_json
def export(customer: tuple[str, str], as_json: bool) -> None:
    """Print everything that is kept of one person, as one JSON document."""
    channel, id = customer
    spool: Spool | None = current_app.extensions["intake"].spool
    person = _person(channel, id, spool)
    spooled = _spooled(spool, channel, id, person.chats)
    with database.reading() as session:
        if not spooled and not erasure.is_known(session, person):
            fail(f"Nothing is kept of {channel}:{id}.")
        rows = erasure.export(session, person)
    survey = rows.pop("surveys")
    found: dict[str, Any] = {"customer": f"{channel}:{id}", "exported_at": local(clock.now())}
    found["survey"] = survey[0] if survey else None
    found |= rows | {"spool": spooled}
    show(found, True)


@command.command("erase")
@customer
@as_json
def erase(customer: tuple[str, str], as_json: bool) -> None:
    """Let one person's data go: nothing that is kept leads back to them afterwards. Counts stay."""
    channel, id = customer
    spool: Spool | None = current_app.extensions["intake"].spool
    person = _person(channel, id, spool)
    if not _spooled(spool, channel, id, person.chats):
        with database.reading() as session:
            if not erasure.is_known(session, person):
                fail(f"Nothing is kept of {channel}:{id}.")
    erased = {"spool": _erase_spooled(spool, person)} | _erase_rows(person)
    logs.say("customer.erased", channel=channel, **erased)
    if not database.empty_journal():
        click.echo("SQLite's journal is busy and keeps what was erased until its next checkpoint.", err=True)
    words = ", ".join(f"{name} {count}" for name, count in erased.items() if count)
    show({"customer": f"{channel}:{id}", "erased": erased}, as_json, f"erased: {words}")


def _erase_spooled(spool: Spool | None, person: erasure.Person) -> int:
    if spool is None:
        return 0
    try:
        marks = (person.id, *person.chats)
        return spool.forget(
            lambda fact: _concerns(fact, person.channel, person.id, person.chats), marks, PATIENCE_SECONDS
        )
    except TimeoutError as error:
        fail(f"Nothing was erased: {error}. Try again in a minute.")


def _erase_rows(person: erasure.Person) -> dict[str, int]:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        with database.writing() as session:
            person = erasure.find(session, person.channel, person.id, person.chats)  # a new chat may have come in
            if erasure.stop(session, person):
                return erasure.erase(session, person)
        if time.monotonic() > until:
            fail("A message to them is being sent just now; what waited was cancelled. Try again in a minute.")
        time.sleep(0.2)
