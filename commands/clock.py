"""flask clock: the process that knows what is due. Any number may run."""

import click
from flask import current_app
from flask.cli import with_appcontext

import clock
from settings import Wrong, demand_secret_key


@click.command("clock")
@with_appcontext
def command() -> None:
    """Ring for what is due until stopped."""
    from app import report
    from workers import schedule

    settings = current_app.extensions["settings"]
    try:
        demand_secret_key(settings)
    except Wrong as error:
        raise SystemExit(f"maru: {error}") from None
    clock.refuse_moved(settings.data_dir)
    report(settings, "clock")
    schedule.tick(current_app._get_current_object(), settings)  # type: ignore[attr-defined]
