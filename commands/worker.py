"""flask worker: the process that decides and sends. In production each is one of these."""

import click
from flask import current_app
from flask.cli import with_appcontext

import clock
from settings import Wrong, demand_secret_key


@click.command("worker")
@with_appcontext
def command() -> None:
    """Decide events and send deliveries until stopped."""
    from app import report
    from workers import worker

    settings = current_app.extensions["settings"]
    try:
        demand_secret_key(settings)
    except Wrong as error:
        raise SystemExit(f"maru: {error}") from None
    clock.refuse_moved(settings.data_dir)
    report(settings, "worker")
    worker.work(current_app._get_current_object(), settings)  # type: ignore[attr-defined]
