"""flask relay: the process that holds the sockets of bots and of the web chat. Any number may run."""

import click
from flask import current_app
from flask.cli import with_appcontext

import clock
from settings import Wrong, demand_secret_key


@click.command("relay")
@with_appcontext
def command() -> None:
    """Hold the sockets of bots and browsers until stopped."""
    from app import report
    from relay import serve
    from workers import spoken

    settings = current_app.extensions["settings"]
    try:
        demand_secret_key(settings)
    except Wrong as error:
        raise SystemExit(f"maru: {error}") from None
    clock.refuse_moved(settings.data_dir)
    report(settings, "relay")
    serve.serve(current_app._get_current_object(), settings, spoken.is_built_in)  # type: ignore[attr-defined]
