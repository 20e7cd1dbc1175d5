"""flask errand: what a worker starts for each errand; nobody types it."""

import click
from flask import current_app
from flask.cli import with_appcontext


@click.command("errand", hidden=True)
@click.argument("id", type=int)
@click.argument("owner")
@with_appcontext
def command(id: int, owner: str) -> None:
    """Do one errand that a worker has claimed."""
    from app import report
    from workers import errands

    report(current_app.extensions["settings"], "errand")
    errands.do(current_app._get_current_object(), id, owner)  # type: ignore[attr-defined]
