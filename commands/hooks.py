"""flask hooks: tokens by which other programs tell alerts."""

import re

import click
from flask import current_app
from flask.cli import AppGroup

import clock
from commands.printing import as_json, fail, local, show, show_rows
from commands.publishing import SHELL
from store import audit, database, hooks, topics
from workers.spoken.topics import NAME

command = AppGroup("hooks", help="Tokens for POST /hooks/alert/TOKEN.")


@command.command("add")
@click.argument("name")
@click.option("--topics", "wanted", required=True, help="The topics that it may tell, with commas between them.")
@as_json
def add(name: str, wanted: str, as_json: bool) -> None:
    """Make a token. It is shown once; nobody can read it again."""
    if not re.fullmatch(r"[\w가-힣][\w가-힣.-]{0,39}", name):
        raise click.UsageError("NAME: 1 to 40 letters, digits, _ . or -")
    names = list(dict.fromkeys(one.strip() for one in wanted.split(",") if one.strip()))
    wrong = [one for one in names if not NAME.fullmatch(one)]
    if not names or wrong:
        raise click.UsageError(f"--topics: {', '.join(wrong) or 'empty'}: a topic is one word of at most 64")
    with database.writing() as session:
        known = hooks.get(session, name)
        if known is not None and known.revoked_at is None:
            fail(f"There is a hook {name} already. Revoke it first, or take another name.")
        for topic in names:
            topics.ensure(session, topic, clock.now())
        token = hooks.add(session, name, names, clock.now())
        audit.note(session, clock.now(), SHELL, "hook.added", f"hook:{name}", None, names)
    url = f"{current_app.extensions['settings'].base_url}/hooks/alert/{token}"
    words = f"{url}\nThis address holds the token and is shown only now. It tells: {', '.join(names)}"
    show({"name": name, "token": token, "url": url, "topics": names}, as_json, words)


@command.command("revoke")
@click.argument("name")
@as_json
def revoke(name: str, as_json: bool) -> None:
    """From now on its token is refused."""
    with database.writing() as session:
        if not hooks.revoke(session, name, clock.now()):
            fail(f"There is no hook {name} that is in use.")
        audit.note(session, clock.now(), SHELL, "hook.revoked", f"hook:{name}")
    show({"name": name, "revoked": True}, as_json, f"{name} is revoked")


@command.command("list")
@as_json
def list_hooks(as_json: bool) -> None:
    """All of them, without their tokens."""
    with database.reading() as session:
        rows = [
            {
                "name": one.name,
                "topics": list(one.topics) if as_json else ", ".join(one.topics),
                "revoked": one.revoked_at is not None,
                "since": local(one.created_at),
                "used": local(one.used_at),
            }
            for one in hooks.listed(session)
        ]
    show_rows(rows, as_json, "No hooks yet: flask hooks add NAME --topics A,B")
