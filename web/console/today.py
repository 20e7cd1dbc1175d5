"""Today: what came in, what went out, and what the house is doing right now."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Response, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

import clock
import store.funnels
from store import activity, database
from web.console import charts, funnels, reasons, stuck
from web.console.chats import channel_name
from web.console.frame import console, page, settings
from web.console.turns import KINDS
from web.words import t

FEED = 25  # events
DEAREST = 50  # a count that took so long is kept for fifty times as long

Made = TypeVar("Made")


class Kept:
    """Counts of a moment ago, for the many who look at the same page. What was cheap to count is counted anew."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, tuple[float, Any]] = {}

    def get(self, key: str, make: Callable[[], Made]) -> Made:
        with self._lock:  # whoever comes meanwhile waits for this result instead of counting too
            until, found = self._found.get(key, (0.0, None))
            began = time.monotonic()
            if began >= until:
                found = make()
                ended = time.monotonic()
                self._found[key] = (ended + DEAREST * (ended - began), found)
            return found  # type: ignore[no-any-return]


_kept = Kept()


@console.get("/")
def home() -> AnyResponse:
    return redirect(url_for("console.today"))


@console.get("/today")
def today() -> Response:
    where = _span()
    with database.reading() as session:
        if activity.is_new_house(session):
            return page("today_new.html", sandbox=_sandbox(), hook=f"{settings().base_url}/hooks/channeltalk")
        shown = stuck.found(session) | _figures(session, where) | _feed(session)
        said = stuck.done(session, request.args.get("done", ""))
        # A week's take the longest to count: they come after the page.
        later = where.name == charts.WEEK and "funnels" not in request.args
        shown |= {"funnels": None} if later else _funnels(session, where)
    return page("today.html", where=where, spans=_spans(), said=said, after=0, **shown)


@console.get("/today/figures")
def today_figures() -> Response:
    where = _span()
    with database.reading() as session:
        return page("today_figures.html", where=where, **_figures(session, where))


@console.get("/today/funnels")
def today_funnels() -> Response:
    where = _span()
    with database.reading() as session:
        return page("today_funnels.html", where=where, **_funnels(session, where))


@console.get("/today/feed")
def today_feed() -> Response:
    """What is new since the page last asked: later events, and those whose messages were still on their way."""
    after, among = _number(request.args.get("after", "")), request.args.get("open", "")
    unfinished = [id for word in among.split(",")[:FEED] if (id := _number(word))]
    with database.reading() as session:
        shown = _feed(session, after, unfinished)
    if not shown["feed"]:
        return Response(status=204)
    return page("today_feed.html", after=after, **shown)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _span() -> charts.Span:
    name = request.args.get("span", "")
    return charts.span(name if name in charts.SPANS else charts.TODAY, clock.now(), settings().timezone)


def _spans() -> list[tuple[str, str]]:
    return [
        (charts.TODAY, t("오늘", "Today")),
        (charts.DAY, t("24시간", "24 hours")),
        (charts.WEEK, t("7일", "7 days")),
    ]


def _sandbox() -> str:
    """The address of the practice room, when that is what we are connected to."""
    address = str(settings().channels["channeltalk"].get("api_url", ""))
    return address if address.startswith(("http://127.0.0.1:", "http://localhost:", "http://[::1]:")) else ""


# --- figures ---


@dataclass(frozen=True)
class Tile:
    name: str
    label: str
    value: str
    chart: charts.Chart | None = None
    note: str = ""
    level: str = ""


def _figures(session: Session, where: charts.Span) -> dict[str, Any]:
    pulse = _kept.get(f"pulse {where.name}", lambda: activity.pulse(session, where.since))
    events, answers = where.fold(pulse.events), where.fold(pulse.answers)
    sent, failed = where.fold(pulse.sent), where.fold(pulse.failed)
    waits = where.fold_waits(pulse.waits)
    medians = [charts.median(step) for step in waits]
    tiles = [
        _counted("events", t("들어온 일", "Events"), where, events),
        _counted("answers", t("시작한 응답", "Answers"), where, answers),
        _counted("sent", t("보낸 메시지", "Messages sent"), where, sent),
        _counted("failed", t("실패", "Failures"), where, failed, "bad"),
        _waiting(_kept.get("waiting", lambda: activity.waiting(session))),
        _waits(where, waits, medians),
    ]
    table = list(zip(where.labels(), events, answers, sent, failed, map(_seconds, medians), strict=True))
    return {"tiles": tiles, "table": table}


def _counted(name: str, label: str, where: charts.Span, values: list[int], level: str = "") -> Tile:
    said = [t(f"{value:,}건", f"{value:,}") for value in values]
    total = sum(values)
    drawn = charts.chart(label, where, values, said)
    return Tile(name, label, f"{total:,}", drawn, where.ends(), level if total else "")


def _waiting(now: activity.Waiting) -> Tile:
    parts = []
    if now.events:
        parts.append(t(f"처리할 일 {now.events:,}", f"{now.events:,} events to decide"))
    if now.questions:
        parts.append(t(f"고객의 답을 기다리는 질문 {now.questions:,}", f"{now.questions:,} questions out"))
    note = " · ".join(parts) or (t("차례를 기다려요", "in line") if now.messages else t("밀린 일이 없어요", "all done"))
    return Tile("waiting", t("보낼 메시지", "Messages waiting"), f"{now.messages:,}", note=note)


def _waits(where: charts.Span, waits: list[Counter[int]], medians: list[float | None]) -> Tile:
    label = t("첫 메시지까지 (가운데값)", "To first message (median)")
    middle = charts.median(sum(waits, Counter()))
    drawn = charts.chart(label, where, medians, [_seconds(one) for one in medians])
    return Tile("waits", label, _seconds(middle), drawn, where.ends())


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return t(f"{seconds:.1f}초", f"{seconds:.1f} s") if seconds < 100 else t(f"{seconds:,.0f}초", f"{seconds:,.0f} s")


# --- feed and funnels ---


def _feed(session: Session, after: int = 0, unfinished: Sequence[int] = ()) -> dict[str, Any]:
    found = activity.newest(session, FEED, after, unfinished)
    return {
        "feed": found,
        "newest": max((one.id for one in found), default=after),
        "still_open": ",".join(str(one.id) for one in found if one.is_open),
        "titles": {name: module.title or name for name, module in funnels.readable(session).items()},
        "kinds": KINDS,
        "reasons": reasons,
        "channel_name": channel_name,
    }


def _funnels(session: Session, where: charts.Span) -> dict[str, Any]:
    found = _kept.get(f"funnels {where.name}", lambda: store.funnels.since(session, where.since))
    return {"funnels": funnels.shown(session, found)}
