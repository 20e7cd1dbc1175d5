"""Watches: what each page says, how its figures went, and the watch itself: written, tried and kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, abort, current_app, flash, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

import clock
from alerts import watch_file
from alerts.watch_file import NUMBER, Watch
from responses import markup
from responses.problems import Invalid, Problem
from store import database, errands, watches
from web.console.frame import console, needs, note, page, settings, when, who
from web.console.reasons import in_words
from web.words import t
from workers import watching
from workers.queues import ERRAND

MOST_SHOWN, MOST_DRAWN = 100, 400
LONGEST_SOURCE = 64 * 1024
NEW = "new"
OUTCOMES = {
    "first": ("처음 읽음", "First", ""),
    "unchanged": ("그대로", "Unchanged", ""),
    "changed": ("새 소식", "Changed", "ok"),
    "corrected": ("정정", "Corrected", "warn"),
    "reverted": ("되돌아감", "Reverted", "warn"),
    "unreadable": ("못 읽음", "Unreadable", "bad"),
}
EXAMPLE = """watch: cases
title: 확진자 현황
url: https://health.example.kr/status
schedule: {cron: ["*/6 8-12 * * *", "0 13,14,15,16,18,22 * * *"], timezone: Asia/Seoul}
figures:
  total: {css: "#total", label: 누적, never_falls: true}
  new:   {css: ".today dd", label: 신규, max_jump: 50000}
  asof:  {css: "#asof", label: 기준일, type: text}
alert_on: [total, new]
asof: asof
topic: cases
text: "누적 {{ total | comma }}명 (신규 {{ new | comma }}명), {{ asof }}"
"""


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    said: str
    kind: str


@dataclass(frozen=True)
class Course:
    """How one figure went: a line over its readings, those that were told marked."""

    label: str
    line: str
    area: str
    dots: Sequence[Dot]
    low: str
    high: str
    begin: str
    end: str
    described: str


@console.get("/watches", endpoint="watches")
def the_watches() -> Response:
    with database.reading() as session:
        shown = []
        for row in watches.listed(session):
            last = next(iter(watches.accepted(session, row.name, 1)), None)
            shown.append((row, _kept(row), last, watches.last_seen(session, row.name)))
    return page("watches.html", watches=shown)


def _kept(row: watches.Watch) -> Watch | None:
    try:
        return watching.kept(row)
    except Invalid:
        return None


@console.get("/watches/<name>", endpoint="watches_one")
def one_watch(name: str) -> Response:
    return _page(name)


def _page(name: str, status: int = 200, source: str = "", problems: Sequence[Problem] = ()) -> Response:
    with database.reading() as session:
        row = watches.get(session, name)
        if row is None and name != NEW:
            abort(404)
        history = watches.history(session, name, MOST_DRAWN) if row else []
        tried = _tried(errands.latest(session, watching.TRY, name))
    watch = _kept(row) if row else None
    return page(
        "watch.html",
        status,
        row=row,
        watch=watch,
        name=name,
        said=_said(watch, history),
        source=source or (row.source if row else EXAMPLE),
        problems=problems,
        courses=_courses(watch, history) if watch else [],
        history=history[:MOST_SHOWN],
        outcomes=OUTCOMES,
        tried=tried,
        in_words=in_words,
    )


def _said(watch: Watch | None, history: Sequence[watches.Reading]) -> str:
    """What subscribers were, or would have been, told of the newest figures."""
    last = next((one for one in history if one.outcome in watches.ACCEPTED), None)
    return markup.finish(watching.shown(watch, last.figures, last.at))[1] if watch and last else ""


def _courses(watch: Watch, history: Sequence[watches.Reading]) -> list[Course]:
    read = [one for one in reversed(history) if one.outcome != "unreadable"]
    return [
        course
        for figure in watch.figures.values()
        if figure.type == NUMBER and (course := _course(figure.label, figure.name, read)) is not None
    ]


def _course(label: str, name: str, read: Sequence[watches.Reading]) -> Course | None:
    points = [(one.at, float(one.figures[name]), one) for one in read if isinstance(one.figures.get(name), int | float)]
    if len(points) < 2:
        return None
    first, last = points[0][0], points[-1][0]
    low, high = min(value for _, value, _ in points), max(value for _, value, _ in points)
    span, height = (last - first).total_seconds() or 1.0, (high - low) or 1.0

    def place(at: datetime, value: float) -> tuple[float, float]:
        return round(1000 * (at - first).total_seconds() / span, 1), round(190 - 180 * (value - low) / height, 1)

    places = [place(at, value) for at, value, _ in points]
    line = " ".join(f"{x},{y}" for x, y in places)
    dots = [
        Dot(x, y, f"{when(at)} · {_number(value)} · {t(*OUTCOMES[one.outcome][:2])}", _kind(one))
        for (x, y), (at, value, one) in zip(places, points, strict=True)
        if one.outcome != "unchanged"
    ]
    said = t(
        f"{label}: {_number(low)}에서 {_number(high)}까지, 마지막은 {_number(points[-1][1])}",
        f"{label}: from {_number(low)} to {_number(high)}, {_number(points[-1][1])} at last",
    )
    area = f"0,200 {line} {places[-1][0]},200"
    return Course(label, line, area, dots, _number(low), _number(high), when(first), when(last), said)


def _kind(one: watches.Reading) -> str:
    return "told" if one.told else "odd" if one.outcome in ("corrected", "reverted") else ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


# --- writing it ---


def _posted() -> str:
    return request.form.get("source", "").replace("\r\n", "\n")[:LONGEST_SOURCE]


@console.post("/watches/<name>", endpoint="watches_save")
@needs("publisher")
def save(name: str) -> AnyResponse:
    source = _posted()
    try:
        wanted = watch_file.parse(source, "").name
        with database.writing() as session:
            if name not in (NEW, wanted):
                raise Invalid([_renamed(wanted)])
            if name == NEW and watches.get(session, wanted) is not None:
                raise Invalid([_taken(wanted)])
            watch = watching.save(session, source, "", clock.now())
            note(session, "watch.saved", f"watch:{watch.name}", None, {"url": watch.url})
    except Invalid as error:
        return _page(name, 400, source, error.problems)
    flash(t("저장했어요. 정한 때에 지켜볼게요.", "Saved; it is looked at when its schedule says."), "ok")
    return redirect(url_for("console.watches_one", name=watch.name), 303)


def _renamed(name: str) -> Problem:
    korean = ("이름은 바꿀 수 없어요", "새 수치로 만들어 주세요.")
    return Problem("", 1, f"It would be called '{name}' now", "Make a new watch of it.", korean=korean)


def _taken(name: str) -> Problem:
    korean = (f"'{name}'은(는) 이미 있어요", "다른 이름을 지어 주세요.")
    return Problem("", 1, f"There is a watch '{name}' already", "Give it another name.", korean=korean)


@console.post("/watches/<name>/stop", endpoint="watches_stop")
@needs("editor")
def stop(name: str) -> AnyResponse:
    with database.writing() as session:
        row = watches.hold(session, name)
        if row is None:
            abort(404)
        watching.switch(session, settings(), row, not row.on, clock.now())
        note(session, "watch.on" if row.on else "watch.off", f"watch:{name}")
    flash(t("다시 지켜봐요.", "Watched again.") if row.on else t("더는 지켜보지 않아요.", "Watched no more."), "ok")
    return redirect(url_for("console.watches_one", name=name), 303)


# --- try now: a worker fetches the page, since that may take its time ---


@console.post("/watches/<name>/try", endpoint="watches_try")
@needs("editor")
def try_now(name: str) -> AnyResponse:
    source = _posted()
    try:
        watch_file.parse(source, "")
    except Invalid as error:
        return _page(name, 400, source, error.problems)
    with database.writing() as session:
        latest = errands.latest(session, watching.TRY, name)
        if latest is not None and latest.state in errands.OPEN:
            errands.cancel(session, latest.id, clock.now())
        errands.ask(session, watching.TRY, name, {"source": source}, who().email, clock.now())
    current_app.extensions["intake"].bell.ring(ERRAND)
    return _page(name, source=source)


@console.get("/watches/<name>/try", endpoint="watches_tried")
@needs("editor")
def tried_now(name: str) -> Response:
    with database.reading() as session:
        tried = _tried(errands.latest(session, watching.TRY, name))
    return page("watch_tried.html", tried=tried, name=name, in_words=in_words)


def _tried(errand: errands.Errand | None) -> dict[str, Any] | None:
    if errand is None:
        return None
    found = errand.found or {}
    return {
        "open": errand.state in errands.OPEN,
        "reason": errand.reason,
        "why": found.get("why", ""),
        "figures": found.get("figures", []),
        "pieces": _pieces(str(found.get("text", "")), found.get("figures", [])),
        "said": found.get("said", ""),
        "at": errand.ended_at or errand.asked_at,
    }


def _pieces(text: str, figures: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """The page's text, cut where a figure was read: (words, the figure's label or '')."""
    pieces, at = [], 0
    for one in sorted((one for one in figures if one["begin"] >= 0), key=lambda one: int(one["begin"])):
        if one["begin"] >= at and one["end"] <= len(text):
            pieces += [(text[at : one["begin"]], ""), (text[one["begin"] : one["end"]], one["label"])]
            at = one["end"]
    return [*pieces, (text[at:], "")]
