"""flask bots: companies, their bots, and the keys by which those connect."""

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.orm import Session

import clock
from commands.printing import as_json, fail, local, show, show_rows
from commands.publishing import SHELL
from store import audit, bot_calls, bots, companies, database
from store.bots import Bot
from workers.queues import KEYS

command = AppGroup("bots", help="The bot platform: companies, bots, keys.")


def a_name(_: click.Context, parameter: click.Parameter, value: str) -> str:
    if not companies.NAME.fullmatch(value):
        raise click.BadParameter(f"{parameter.human_readable_name}: 1 to 40 of a-z, 0-9 and -")
    return value


a_company = click.argument("company", callback=a_name)
a_bot = click.argument("bot", callback=a_name)


def demand_company(session: Session, name: str) -> None:
    if not companies.exists(session, name):
        fail(f"There is no company {name}: flask bots company {name}")


@command.command("company")
@click.argument("name", callback=a_name)
@as_json
def add_company(name: str, as_json: bool) -> None:
    """Make a company."""
    with database.writing() as session:
        new = companies.ensure(session, name, clock.now())
        if new:
            audit.note(session, clock.now(), SHELL, "company.added", f"company:{name}")
    show({"company": name, "new": new}, as_json, f"{name}: {'made' if new else 'was there already'}")


@command.command("add")
@a_company
@a_bot
@as_json
def add(company: str, bot: str, as_json: bool) -> None:
    """Make a bot. Its key is shown once; nobody can read it again."""
    with database.writing() as session:
        demand_company(session, company)
        key = bots.add(session, company, bot, clock.now())
        if key is None:
            fail(f"{company} has a bot {bot} already. A further key for it: flask bots rotate {company} {bot}")
        audit.note(session, clock.now(), SHELL, "bot.added", f"bot:{company}/{bot}")
    _show_key(company, bot, key, as_json)


@command.command("rotate")
@a_company
@a_bot
@as_json
def rotate(company: str, bot: str, as_json: bool) -> None:
    """Give it one more key. The one before goes on opening until the next rotation, or `revoke --old`."""
    with database.writing() as session:
        key = bots.rotate(session, _demand(session, company, bot), clock.now())
        audit.note(session, clock.now(), SHELL, "bot.rotated", f"bot:{company}/{bot}")
    _show_key(company, bot, key, as_json)


def _show_key(company: str, bot: str, key: str, as_json: bool) -> None:
    words = f"{key}\nThis is the key of {company}/{bot}, and is shown only now."
    show({"company": company, "bot": bot, "key": key}, as_json, words)


def _demand(session: Session, company: str, name: str) -> Bot:
    bot = bots.find(session, company, name)
    if bot is None or bot.revoked_at is not None:
        fail(f"{company} has no bot {name} that is in use.")
    return bot


@command.command("revoke")
@a_company
@a_bot
@click.option("--old", is_flag=True, help="Only the keys before the latest; the bot goes on.")
@as_json
def revoke(company: str, bot: str, old: bool, as_json: bool) -> None:
    """Its keys open nothing from now on, and its connections are closed."""
    with database.writing() as session:
        found = _demand(session, company, bot)
        if old:
            before = bots.keys(session, found)[1:]
            if not before:
                fail(f"{company}/{bot} has one key only.")
            for key in before:
                key.revoked_at = clock.now()
        else:
            bots.revoke(session, found, clock.now())
            bot_calls.expire_of(session, found.id, clock.now())
        audit.note(
            session, clock.now(), SHELL, "bot.old_keys_revoked" if old else "bot.revoked", f"bot:{company}/{bot}"
        )
    current_app.extensions["intake"].bell.tell_relays(KEYS)
    words = f"{company}/{bot}: {'the old key is' if old else 'its keys are'} revoked"
    show({"company": company, "bot": bot, "revoked": True}, as_json, words)


@command.command("list")
@as_json
def list_bots(as_json: bool) -> None:
    """All bots, by company."""
    with database.reading() as session:
        found = bots.listed(session)
        open_ones = [one.bot_id for one in bots.sockets(session, [bot.id for bot in found])]
        rows = [
            {
                "company": bot.company,
                "bot": bot.name,
                "sockets": open_ones.count(bot.id),
                "keys": len(bots.keys(session, bot)),
                "seen": local(bot.seen_at),
                "ip": bot.ip,
                "version": bot.sdk,
                "revoked": bot.revoked_at is not None,
            }
            for bot in found
        ]
    show_rows(rows, as_json, "No bots yet: flask bots add COMPANY BOT")
