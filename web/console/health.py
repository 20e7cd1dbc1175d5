"""Health: whether every part is there, who works, what waits, and how the platforms stand with us."""

import os
import platform
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Response, current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

import clock
from settings import ROOT
from store import database, deliveries, errands, events, processes, standing, stuck
from web import front
from web.console.frame import console, is_htmx, page, settings
from web.console.health_words import ERRANDS, PARTS, PROCESSES
from web.health import readiness
from web.words import t

MOST_ERRANDS = 20
MOVED_SECONDS = 1.0


@dataclass(frozen=True)
class Part:
    name: str
    level: str
    said: str
    detail: str  # technical; empty where all is well


@console.get("/health", endpoint="health")
def health_page() -> Response:
    """The page; asked by htmx every few seconds, the piece of it that changes."""
    with database.reading() as session:
        shown: dict[str, Any] = {
            "waiting": _waiting(session),
            "processes": _processes(session),
            "channels": _channels(session),
            "errands": _errands(session),
            "installed": _installed(session),
        }
    return page("health_now.html" if is_htmx() else "health.html", overall=front.status(), parts=_parts(), **shown)


def _parts() -> list[Part]:
    found = []
    for name, part in readiness()["parts"].items():
        if name in _all_channels():
            continue  # they have a place of their own
        level = "ok" if part["level"] == "ok" else "warn" if part["ok"] else "bad"
        title, fine, trouble = PARTS.get(
            name, ((name, name), ("정상이에요", "fine"), ("살펴봐 주세요", "needs a look"))
        )
        said = fine if level == "ok" else trouble
        found.append(Part(t(*title), level, t(*said), "" if level == "ok" else str(part["detail"])))
    return found


def _all_channels() -> dict[str, Any]:
    return dict(current_app.extensions["intake"].channels)


def _waiting(session: Session) -> dict[str, Any]:
    now, oldest, due = clock.now(), events.oldest_waiting(session), deliveries.next_due(session)
    return {
        "events": events.waiting(session),
        "oldest_seconds": max((now - oldest).total_seconds(), 0.0) if oldest else 0.0,
        "deliveries": deliveries.waiting(session),
        "in_vain": stuck.tried_in_vain(session, now),
        "late_seconds": max((now - due).total_seconds(), 0.0) if due else 0.0,
        "moved_seconds": _moved(now),
    }


def _moved(now: datetime) -> float:
    """How far a practice run has moved the clock."""
    moved = (now - datetime.now(UTC)).total_seconds()
    return moved if abs(moved) > MOVED_SECONDS else 0.0


def _processes(session: Session) -> list[dict[str, Any]]:
    """Those with a heartbeat, and the web process that speaks just now: it has none, being asked is its proof."""
    now = float(session.scalar(select(database.real_time())) or 0)
    found = [
        {
            "part": t(*PROCESSES.get(one.part, (one.part, one.part))),
            "host": one.host,
            "pid": one.pid,
            "ago_seconds": max(now - one.beat_at, 0.0),
            "alive": now - one.beat_at < processes.LOST_SECONDS,
        }
        for one in processes.parts(session)
    ]
    web = {"part": t(*PROCESSES["web"]), "host": socket.gethostname(), "pid": os.getpid()}
    return [{**web, "ago_seconds": 0.0, "alive": True}, *found]


def _channels(session: Session) -> list[dict[str, Any]]:
    intake = current_app.extensions["intake"]
    found = []
    for name, channel in intake.channels.items():
        row, on = standing.get(session, name), channel.configured(intake.keys[name])
        refused, trouble, at = (row.refused, row.trouble, row.checked_at) if row else (0, "", None)
        many = refused >= standing.SUSPICIOUS
        level = "off" if not on else "bad" if trouble else "warn" if many else "ok"
        title = t(*PARTS[name][0]) if name in PARTS else name
        found.append({"name": title, "level": level, "refused": refused, "trouble": trouble, "checked_at": at})
    return found


def _errands(session: Session) -> list[dict[str, Any]]:
    return [
        {
            "what": t(*ERRANDS.get(one.kind, (one.kind, one.kind))),
            "subject": one.subject,
            "asked_by": one.asked_by,
            "asked_at": one.asked_at,
            "working": one.state == errands.WORKING,
            "done": one.done,
            "total": one.total,
        }
        for one in errands.open_ones(session, MOST_ERRANDS)
    ]


def _installed(session: Session) -> dict[str, Any]:
    kind, version, size = database.about(session)
    spool = current_app.extensions["intake"].spool
    return {
        "version": (ROOT / "VERSION").read_text().strip(),
        "python": platform.python_version(),
        "database": f"{kind} {version}",
        "mib": size / 1024**2,
        "spool": None if spool is None else (len(spool.waiting()), len(spool.laid_aside())),
        "web": settings().web_concurrency,
        "retention_days": settings().retention_days,
        "address": settings().base_url,
    }
