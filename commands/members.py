"""flask members: chats that a company has admitted; who is no member of it is an outsider there."""

import click
from flask import current_app
from flask.cli import AppGroup

import clock
from commands.bots import a_company, demand_company
from commands.printing import as_json, fail, local, show, show_rows
from commands.publishing import SHELL
from commands.subscribers import a_channel
from store import audit, database, members

command = AppGroup("members", help="Chats that are no outsiders.")

a_chat = click.argument("chat")


@command.command("add")
@a_company
@a_channel
@a_chat
@click.option("--guest", is_flag=True, help="Only for commands that bots open to guests.")
@as_json
def add(company: str, channel: str, chat: str, guest: bool, as_json: bool) -> None:
    """Admit a chat."""
    with database.writing() as session:
        demand_company(session, company)
        new = members.add(session, company, channel, chat, clock.now(), SHELL, guest)
        if new:
            audit.note(
                session, clock.now(), SHELL, "member.added", f"chat:{channel}/{chat}", None, {"company": company}
            )
    found = {"company": company, "channel": channel, "chat": chat, "guest": guest, "new": new}
    show(found, as_json, f"{channel}:{chat}: {'admitted' if new else 'was admitted already'}")


@command.command("invite")
@a_company
@click.option("--guest", is_flag=True, help="Only for commands that bots open to guests.")
@click.option("--days", type=click.IntRange(1, 365), default=members.DAYS, show_default=True)
@click.option("--uses", type=click.IntRange(1, 10_000), default=members.USES, show_default=True)
@as_json
def invite(company: str, guest: bool, days: int, uses: int, as_json: bool) -> None:
    """A code that admits whoever shows it: by its link in a browser, by /start CODE in Telegram. It is shown once."""
    with database.writing() as session:
        demand_company(session, company)
        code = members.invite(session, company, guest, clock.now(), SHELL, days, uses)
        after = {"guest": guest, "days": days, "uses": uses}
        audit.note(session, clock.now(), SHELL, "member.invited", f"company:{company}", None, after)
    # Behind the #, so that no log of any server on the way has it.
    url = f"{current_app.extensions['settings'].base_url}/chat/{company}#invite={code}"
    show({"url": url, "code": code}, as_json, f"{url}\nIn Telegram: /start {code}\nFor {days} days and {uses} chats.")


@command.command("list")
@click.option("--company", default=None)
@as_json
def list_members(company: str | None, as_json: bool) -> None:
    """All chats that were admitted."""
    with database.reading() as session:
        rows = [
            {
                "company": one.company,
                "channel": one.channel,
                "chat": one.chat,
                "name": one.name,
                "guest": one.guest,
                "by": one.admitted_by,
                "since": local(one.since),
            }
            for one in members.listed(session, company)
        ]
    show_rows(rows, as_json, "No members yet: flask members add COMPANY CHANNEL CHAT")


@command.command("remove")
@a_company
@a_channel
@a_chat
@as_json
def remove(company: str, channel: str, chat: str, as_json: bool) -> None:
    """The chat is an outsider from now on."""
    with database.writing() as session:
        if not members.remove(session, company, channel, chat):
            fail(f"{channel}:{chat} is no member of {company}.")
        audit.note(session, clock.now(), SHELL, "member.removed", f"chat:{channel}/{chat}", {"company": company})
    show({"company": company, "channel": channel, "chat": chat}, as_json, f"{channel}:{chat} is no member any more")
