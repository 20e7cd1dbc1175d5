"""Alive, and ready: readiness proves that what comes in can be recorded, and tells what else is in trouble."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flask import Blueprint, Response, current_app, jsonify
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

import clock
from channels import email
from store import bots, database, deliveries, events, mail, processes, schema, services, standing, stuck

IN_ORDER = {
    "channeltalk": "keys and webhooks in order",
    "webex": "token and webhooks in order",
    "telegram": "token in order, and updates come in",
    "google_chat": "the app's account in order",
    "sns": "topics listed",
    standing.ELASTICSEARCH: "answered",
}
OLD_SECONDS = 30.0  # an event older than this and still undecided means that the workers do not keep up

health = Blueprint("health", __name__)


@health.get("/healthz")
def alive() -> Response:
    return Response("ok\n", content_type="text/plain; charset=utf-8")


@health.get("/readyz")
def ready() -> tuple[Response, int]:
    found = readiness()
    return jsonify(found), 200 if found["ready"] else 503


def readiness() -> dict[str, Any]:
    checks: dict[str, Callable[[], str]] = {"database": _database, "redis": _redis}
    if current_app.extensions["intake"].spool is not None:
        checks["spool"] = _spool
    parts = _judged(checks)
    recording = parts["database"]["ok"] or parts.get("spool", {}).get("ok", False)
    if parts["database"]["ok"]:
        within = {"worker": _worker, "clock": _clock, "queue": _queue, "deliveries": _deliveries}
        within |= {name: partial(_standing, name) for name in _connected()}
        within |= {"relay": _relay, "email": _email, "search": _search}
        if current_app.extensions["settings"].elasticsearch_url:
            within[standing.ELASTICSEARCH] = partial(_standing, standing.ELASTICSEARCH)
        parts |= _judged(within)
    return {"ready": recording, "parts": parts}


class _Trouble(Exception):
    """It does not work, or (`works`) it does and somebody should look all the same."""

    def __init__(self, detail: str, works: bool = False) -> None:
        super().__init__(detail)
        self.works = works


class _Off(Exception):
    """It is not used here, so there is nothing to tell."""


def _judged(checks: Mapping[str, Callable[[], str]]) -> dict[str, dict[str, Any]]:
    found = {name: _verdict(check) for name, check in checks.items()}
    return {name: verdict for name, verdict in found.items() if verdict is not None}


def _verdict(check: Callable[[], str]) -> dict[str, Any] | None:
    try:
        return {"ok": True, "level": "ok", "detail": check()}
    except _Off:
        return None
    except _Trouble as trouble:
        return {"ok": trouble.works, "level": "warn", "detail": str(trouble)}
    except SQLAlchemyError as error:
        return {"ok": False, "level": "warn", "detail": f"cannot be read: {type(error).__name__}"}


def _database() -> str:
    try:
        database.writable()
    except SQLAlchemyError as error:
        raise _Trouble(f"cannot be written: {type(error).__name__}") from None
    with database.reading() as session:
        if schema.is_behind(session):
            raise _Trouble("older than the program, which waits: run flask db upgrade", works=True)
    return "writable"


def _spool() -> str:
    spool = current_app.extensions["intake"].spool
    try:
        spool.probe()
        waiting, bad = len(spool.waiting()), len(spool.laid_aside())
    except OSError as error:
        raise _Trouble(f"cannot be written: {error.strerror}") from None
    if waiting:
        raise _Trouble(f"{waiting} calls wait for the database", works=True)
    if bad:
        raise _Trouble(
            f"{bad} calls that no database takes lie in spool/bad: look at them, then delete them", works=True
        )
    return "empty"


def _redis() -> str:
    try:
        current_app.extensions["intake"].bell.redis.ping()
    except RedisError as error:
        raise _Trouble(f"away ({type(error).__name__}); workers look by themselves every second") from None
    return "answers"


def _alive(part: str) -> str:
    with database.reading() as session:
        beating = set(session.scalars(processes.alive()))
        rows = [row for row in processes.parts(session) if row.part == part and row.id in beating]
    if not rows:
        raise _Trouble(f"no {part} is running")
    return f"{len(rows)} running"


def _worker() -> str:
    return _alive("worker")


def _clock() -> str:
    return _alive("clock")


def _relay() -> str:
    """Absent where nobody needs one: no bot was made yet, and none has been started lately."""
    with database.reading() as session:
        wanted = bots.any_in_use(session) or any(row.part == "relay" for row in processes.parts(session))
        open_ones = bots.count_open(session)
    if not wanted:
        raise _Off
    return f"{_alive('relay')}, {open_ones} bots connected"


def _queue() -> str:
    with database.reading() as session:
        oldest = events.oldest_waiting(session)
    age = (clock.now() - oldest).total_seconds() if oldest else 0.0
    if age > OLD_SECONDS:
        raise _Trouble(f"the oldest event has waited {age:.0f} s")
    return f"the oldest event has waited {age:.0f} s" if oldest else "empty"


def _deliveries() -> str:
    with database.reading() as session:
        due, in_vain = deliveries.next_due(session), stuck.tried_in_vain(session, clock.now())
    late = (clock.now() - due).total_seconds() if due else 0.0
    if late > OLD_SECONDS:
        raise _Trouble(f"a message is {late:.0f} s overdue", works=True)
    if in_vain:
        raise _Trouble(f"{in_vain} messages were tried {stuck.MANY_ATTEMPTS} times or more", works=True)
    return "on time"


def _connected() -> list[str]:
    """Channels that have keys; the others are off."""
    intake = current_app.extensions["intake"]
    return [name for name, channel in intake.channels.items() if channel.configured(intake.keys[name])]


def _standing(channel: str) -> str:
    """As the clock found it: nobody who asks us makes us ask others."""
    with database.reading() as session:
        trouble, row = standing.trouble(session, channel), standing.get(session, channel)
        asked_at = row.checked_at if row else None
    if trouble:
        raise _Trouble(trouble)
    if asked_at is None:
        return "no trouble known; not asked yet"
    ago = max((clock.now() - asked_at).total_seconds(), 0)
    return f"{IN_ORDER.get(channel, 'in order')} when asked {ago:.0f} s ago"


def _search() -> str:
    with database.reading() as session:
        count, _ = services.state(session)
    return f"the embedded index of {count} services"


def _email() -> str:
    key = str(current_app.config["SECRET_KEY"])
    with database.reading() as session:
        profiles = mail.listed(session)
        sealed = sum(mail.password(one, key) is None for one in profiles)
        in_vain = stuck.tried_in_vain(session, clock.now(), "email")
    own = email.configured(current_app.extensions["keys"]["email"])
    if not own and not profiles:
        raise _Off
    if in_vain:
        raise _Trouble(f"{in_vain} mails were tried {stuck.MANY_ATTEMPTS} times or more: flask doctor --mail")
    if sealed:
        why = "sealed with another SECRET_KEY: type it in again"
        raise _Trouble(f"of {sealed} mail profiles the password is {why}", works=True)
    return f"{len(profiles) + own} ways to send, no mail in trouble"
