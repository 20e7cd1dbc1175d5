"""create_app(): Flask, database, blueprints. No logic."""

import os

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

import channels
import clock
import logs
import reporting
import settings as knobs
from commands import register
from intake import Intake
from store.database import db, engine_options, prepare
from store.spool import Spool
from workers.queues import Bell

WEB_PATIENCE, COMMAND_PATIENCE = 2.0, 10.0


def create_app() -> Flask:
    try:
        settings = knobs.load()
    except knobs.Wrong as error:
        raise SystemExit(f"maru: {error}") from None
    # Flask's own sign that we are a shell command (a worker too), not a web process.
    command = os.environ.get("FLASK_RUN_FROM_CLI") == "true"
    patience = COMMAND_PATIENCE if command else WEB_PATIENCE
    if command:
        clock.follow(settings.data_dir)
    logs.hide(*settings.secrets())
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.database_url, patience),
        LOCALE=settings.locale,
        # Flask's own cookie carries the words for the next page, the login has one of its own.
        SESSION_COOKIE_NAME="maru_said",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.base_url.startswith("https://"),
    )
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    db.init_app(app)
    with app.app_context():
        prepare(db.engine, patience)
    keys = {name: {**settings.channels[name], "site": settings.base_url} for name in channels.CHANNELS}
    spool = Spool(settings.data_dir / "spool")
    app.extensions["settings"] = settings
    app.extensions["keys"] = keys
    # Alerts of other programs come in like what platforms tell; each has a token with keys of its own.
    heard, keyrings = {**channels.CHANNELS, "alert": channels.alert}, {**keys, "alert": {}}
    app.extensions["intake"] = Intake(heard, keyrings, Bell(settings.redis_url), spool, settings.spool)
    if not command:
        _add_pages(app)
    register(app)
    return app


def _add_pages(app: Flask) -> None:
    """For web processes alone: without them, a command and a worker start a third sooner and are smaller."""
    from web import bots, chat, console, errors, front, health, hooks, metrics

    app.config["READINESS"] = health.readiness
    app.url_map.merge_slashes = False  # //hooks is no address of ours, and no redirect either
    for blueprint in (
        front.front, hooks.hooks, health.health, metrics.metrics, console.console, chat.chat, bots.guide,
    ):  # fmt: skip
        app.register_blueprint(blueprint)
    errors.register(app)
    app.after_request(front.security_headers)
    app.after_request(front.keep_language)


def report(settings: knobs.Settings, part: str) -> None:
    """Logs and Sentry of one part."""
    logs.setup(settings.log_level, part, settings.timezone)
    reporting.start(
        settings.sentry_dsn,
        settings.sentry_environment,
        release(),
        settings.sentry_traces_sample_rate,
        part,
        settings.secrets(),
    )


def release() -> str:
    return "maru@" + (knobs.ROOT / "VERSION").read_text().strip()
