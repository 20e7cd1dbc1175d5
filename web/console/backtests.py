"""The backtest of a draft: which real customers would hear something else, before anybody does."""

import re
from typing import Any

from flask import Response, abort, current_app, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

import clock
from responses import differing
from responses.differing import Piece
from store import database, errands, versions
from web.console import problem_words
from web.console.frame import console, may, needs, page, personal, who
from web.console.module_page import KIND, head
from web.console.numbers import whole
from web.console.versions import BACKTEST
from web.words import t
from workers import words
from workers.queues import ERRAND

SIZES = (100, 1_000, 10_000)
_GROUPS = 50
_SURVEY = 30  # keys of one customer that are shown
_FAILS = "fails: "
_QUOTED = re.compile(r"'[^']*'")


@console.get("/responses/<module>/backtest")
def responses_backtest(module: str) -> Response:
    """The page; for htmx the piece that looks by itself until the errand is done."""
    with database.reading() as session:
        shown = head(session, module) | _latest(session, module)
    piece = "HX-Request" in request.headers and "HX-Boosted" not in request.headers
    return page("responses_backtest_found.html" if piece else "responses_backtest.html", **shown, tab="backtest")


def _latest(session: Session, module: str) -> dict[str, Any]:
    draft = versions.get(session, KIND, module, versions.DRAFT)
    errand = errands.latest(session, BACKTEST, module)
    found: Any = errand.found if errand is not None and errand.state == errands.DONE else None
    live = versions.live_number(session, KIND, module)
    return {
        "errand": errand,
        "sizes": SIZES,
        "chosen": errand.given["last"] if errand is not None else SIZES[0],
        "open": errand is not None and errand.state in errands.OPEN,
        "of_older": bool(found) and (draft is None or found["revision"] != draft.revision),
        "of_other": bool(found) and found["live"] != live,
        "reason": _reason(errand.reason) if errand is not None else "",
        "found": found,
        "bars": _bars(found) if found else [],
        "groups": _groups(session, module, found) if found else [],
        "more": max(len(found["groups"]) - _GROUPS, 0) if found else 0,
    }


@console.post("/responses/<module>/backtest")
@needs("editor")
def responses_backtest_start(module: str) -> AnyResponse:
    last = request.form.get("last", type=whole)
    if last not in SIZES:
        abort(400)
    with database.writing() as session:
        draft, live = head(session, module)["draft"], versions.live_number(session, KIND, module)
        if draft is None or live is None:
            abort(409)
        latest = errands.latest(session, BACKTEST, module)
        if latest is None or latest.state not in errands.OPEN:
            given = {"last": last}
            errands.ask(session, BACKTEST, module, given, who().email, clock.now())
    current_app.extensions["intake"].bell.ring(ERRAND)
    return redirect(url_for("console.responses_backtest", module=module), 303)


@console.post("/responses/<module>/backtest/cancel")
@needs("editor")
def responses_backtest_cancel(module: str) -> AnyResponse:
    with database.writing() as session:
        latest = errands.latest(session, BACKTEST, module)
        if latest is not None:
            errands.cancel(session, latest.id, clock.now())
    return redirect(url_for("console.responses_backtest", module=module), 303)


# ---- what came of it -------------------------------------------------------------------

_REASONS = {
    "it took too long": (
        "너무 오래 걸려 멈췄어요. 더 적은 고객으로 해 보세요.",
        "it took too long. Try it with fewer.",
    ),
    "the worker died of it several times": (
        "처리하던 프로세스가 여러 번 꺼졌어요. 잠시 뒤 다시 해 보세요.",
        "its process died several times. Try it again later.",
    ),
}


def _reason(said: str) -> str:
    """Why it could not be done."""
    return t(*_REASONS[said]) if said in _REASONS else problem_words.said(said)


def _bars(found: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Kind, where it begins and how long it is, in hundredths of all surveys."""
    bars, at = [], 0.0
    for kind in ("same", "changed", "failed"):
        share = 100 * found[kind] / found["surveys"] if found["surveys"] else 0.0
        bars.append((kind, round(at, 3), round(share, 3)))
        at += share
    return bars


def _groups(session: Session, module: str, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Failures first: they are what has to be seen before publishing."""
    groups = sorted(found["groups"], key=lambda group: not group["cause"].startswith(_FAILS))
    keys = words.module_version(session, module, found["live"]).survey.values()
    labels = {key.source: key.label or key.name for key in keys}
    return [_group(group, labels) for group in groups[:_GROUPS]]


def _group(group: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    said, examples = group["cause"], [personal(one) for one in group["examples"]]
    fails = said.startswith(_FAILS)
    if fails or said.startswith("failed before: "):  # what was said on the other side is no news
        examples = [one | {"before": [], "after": []} for one in examples]
    told = [_example(one, labels) for one in examples]
    return {"cause": cause(said), "count": group["count"], "fails": fails, "examples": told}


def _example(example: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    """The customer's survey, and the messages beside each other; the same ones are only counted."""
    before, after = example["before"], example["after"]
    rows: list[tuple[list[Piece] | None, list[Piece] | None]] = []
    same = 0
    for old, new in differing.paired(before, after, str):
        if old is not None and new is not None:
            if before[old] == after[new]:
                same += 1
            else:
                rows.append(differing.words(before[old], after[new]))
        elif old is not None:
            rows.append(([Piece(before[old], True)], None))
        elif new is not None:
            rows.append((None, [Piece(after[new], True)]))
    survey = [(labels.get(key, key), value) for key, value in example["survey"].items() if value not in (None, "")]
    return {"survey": survey[:_SURVEY], "rows": rows, "same": same, "has_texts": bool(before or after)}


_DETAILS = {
    "text": ("글", "text"),
    "wait": ("기다림", "wait"),
    "buttons": ("버튼", "buttons"),
    "image": ("그림", "image"),
    "markup": ("꾸밈", "markup"),
}
_PLACES = (
    (re.compile(r"fails: (.*)", re.DOTALL), ("실패: {}", "Fails: {}")),
    (re.compile(r"failed before: (.*)", re.DOTALL), ("전에는 실패했어요: {}", "Failed before: {}")),
    (re.compile(r"missing: nothing any more"), ("이제 빠진 정보가 없어요", "Nothing is missing any more")),
    (re.compile(r"missing: (.*)", re.DOTALL), ("빠진 정보: {}", "Missing: {}")),
    (re.compile(r"value (.*)"), ("값 {}", "Value {}")),
    (re.compile(r"message (\d+): new"), ("메시지 {} 추가", "Message {} is new")),
    (re.compile(r"message (\d+): left out"), ("메시지 {} 빠짐", "Message {} is left out")),
)
_CHANGED_MESSAGE = re.compile(r"message (\d+): (.*)")


def cause(said: str) -> str:
    """The first thing that differs, in the reader's language. What an error quotes may be a customer's words."""
    if not may("editor"):
        said = _QUOTED.sub("'•••'", said)
    for pattern, sentence in _PLACES:
        found = pattern.fullmatch(said)
        if found:
            return t(*sentence).format(*map(_place, found.groups()))
    found = _CHANGED_MESSAGE.fullmatch(said)
    if found is None:
        return said
    parts = ", ".join(t(*_DETAILS[part]) for part in found[2].split(", "))
    return t(f"메시지 {found[1]}: {parts}", f"Message {found[1]}: {parts}")


_ERROR = re.compile(
    r"(?:values\.(?P<value>\w+)|messages\[(?P<message>\d+)\]) \(line (?P<line>\d+)\): (?P<why>.*)", re.DOTALL
)


def _place(said: str) -> str:
    """An error of a module, with its place in words."""
    found = _ERROR.fullmatch(said)
    if found is None:
        return said
    value, message, line, why = found["value"], found["message"], found["line"], problem_words.said(found["why"])
    part = t(f"값 {value}", f"value {value}") if value else t(f"메시지 {message}", f"message {message}")
    return t(f"{part} ({line}번째 줄): {why}", f"{part} (line {line}): {why}")
