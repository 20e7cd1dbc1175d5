"""Prometheus text, read from the database at each scrape: the figures are the house's, not one process's.

The format is twenty lines; a library would bring its files per process, which is what this does without.
"""

import hmac
import ipaddress
from collections.abc import Iterable, Mapping
from typing import NoReturn

from flask import Blueprint, Response, abort, current_app, request
from sqlalchemy.exc import SQLAlchemyError

import clock
from store import bots, database, deliveries, events, ticks, totals
from web.health import readiness

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MINUTE = 60.0

metrics = Blueprint("metrics", __name__)

Sample = tuple[str, Mapping[str, str], float]  # suffix of the name, labels, value


@metrics.get("/metrics")
def page() -> Response:
    _admit()
    return Response("".join(_lines()), content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def _admit() -> None:
    """With METRICS_TOKEN whoever shows it; without, this machine alone."""
    token = current_app.extensions["settings"].metrics_token
    if token:
        kind, _, shown = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(shown.strip().encode(), token.encode()):
            _refuse(401, "Bearer METRICS_TOKEN")
        return
    # A header of a proxy that TRUSTED_PROXIES does not know of: the client behind it may be anybody.
    forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"))
    untold = forwarded and not current_app.extensions["settings"].trusted_proxies
    if untold or not _is_loopback(request.remote_addr or ""):
        _refuse(403, "only from this machine; set METRICS_TOKEN to ask from elsewhere")


def _refuse(status: int, words: str) -> NoReturn:
    refusal = Response(words + "\n", status, content_type="text/plain; charset=utf-8")
    if status == 401:
        refusal.headers["WWW-Authenticate"] = "Bearer"
    abort(refusal)


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return bool((getattr(found, "ipv4_mapped", None) or found).is_loopback)


def _lines() -> Iterable[str]:
    parts = readiness()["parts"]
    up = [("", {"part": name}, float(part["ok"])) for name, part in parts.items()]
    yield from _metric("maru_part_up", "gauge", "1 where the part of /readyz works.", up)
    spool = current_app.extensions["intake"].spool
    if spool is not None:
        waiting: list[Sample] = [("", {}, float(len(spool.waiting())))]
        yield from _metric(
            "maru_spool_files", "gauge", "Calls on this host's disk that wait for the database.", waiting
        )
    try:
        yield from _of_database()
    except SQLAlchemyError:
        return  # maru_part_up tells of it


def _of_database() -> list[str]:
    now = clock.now()
    with database.reading() as session:
        noted = totals.read(session)
        oldest, waiting = events.oldest_waiting(session), deliveries.waiting(session)
        silent, sockets = bots.oldest_silence(session), bots.count_open(session)
        due, minute = deliveries.next_due(session), ticks.latest(session, "minute")
    lines = []
    for name, words in (
        (totals.EVENTS, "Events by how they ended."),
        (totals.DELIVERIES, "Messages by how they ended."),
    ):
        ended = [
            ("", {"channel": channel, "outcome": outcome}, amount)
            for (kind, channel, outcome), amount in sorted(noted.items())
            if kind == name
        ]
        lines += _metric(f"maru_{name}_total", "counter", words, ended)
    for name, label, told, words in (
        (totals.ALERTS, "topic", "what", "What happened to alerts."),
        (totals.ALERT_ROWS, "channel", "outcome", "Who was told of it, and why the others were not."),
    ):
        counted = [
            ("", {label: of, told: what}, amount) for (kind, of, what), amount in sorted(noted.items()) if kind == name
        ]
        lines += _metric(f"maru_{name}_total", "counter", words, counted)
    lines += _metric("maru_delivery_seconds", "histogram", "From the event to the first message.", _histogram(noted))
    since = {
        "maru_queue_age_seconds": ("How long the oldest undecided event has waited.", oldest, 0.0),
        "maru_delivery_overdue_seconds": ("How late the most overdue message is.", due, 0.0),
        "maru_schedule_lag_seconds": ("How late the clock's next minute is.", minute, MINUTE),
        "maru_socket_idle_seconds": ("How long the quietest connected bot has given no sign of life.", silent, 0.0),
    }
    for name, (words, moment, free) in since.items():
        seconds = max((now - moment).total_seconds() - free, 0.0) if moment else 0.0
        lines += _metric(name, "gauge", words, [("", {}, seconds)])
    lines += _metric("maru_bots_connected", "gauge", "Bots with an open socket.", [("", {}, float(sockets))])
    lines += _metric("maru_deliveries_waiting", "gauge", "Messages that are not sent yet.", [("", {}, float(waiting))])
    return lines


def _histogram(noted: Mapping[totals.Key, float]) -> list[Sample]:
    samples: list[Sample] = []
    for channel in sorted({channel for kind, channel, _ in noted if kind == totals.SECONDS}):
        count = 0.0
        for bound in totals.BUCKETS:
            count += noted.get((totals.SECONDS, channel, str(bound)), 0.0)
            samples.append(("_bucket", {"channel": channel, "le": _number(bound)}, count))
        samples.append(("_sum", {"channel": channel}, noted.get((totals.SECONDS_SUM, channel, ""), 0.0)))
        samples.append(("_count", {"channel": channel}, count))
    return samples


def _metric(name: str, kind: str, words: str, samples: Iterable[Sample]) -> list[str]:
    lines = [f"# HELP {name} {words}\n", f"# TYPE {name} {kind}\n"]
    for suffix, labels, value in samples:
        inside = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
        lines.append(f"{name}{suffix}{'{' + inside + '}' if inside else ''} {_number(value)}\n")
    return lines


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if value == int(value) else repr(round(value, 6))
