"""Two versions of a module beside each other: what changed, in words, and where."""

from dataclasses import dataclass
from typing import Any

from flask import Response, abort, request
from sqlalchemy.orm import Session

from responses import compare, differing
from responses.compare import ADDED, MOVED, REMOVED, Change
from responses.differing import Piece
from responses.module import Module
from responses.problems import Invalid
from store import database, versions
from web.console.frame import console, page
from web.console.module_page import KIND, head
from web.console.numbers import whole
from web.words import t
from workers import words

PARTS = {
    "title": ("제목", "title"),
    "order": ("순서", "order"),
    "starts": ("시작 조건", "when it starts"),
    "survey": ("설문 항목 {}", "survey key {}"),
    "value": ("값 {}", "value {}"),
    "message": ("메시지 {}", "message {}"),
    "incomplete": ("정보가 모자랄 때의 메시지 {}", "message {} for missing keys"),
    "yields": ("사람이 오면 멈추기", "stops for people"),
    "effects": ("끝난 뒤 남길 것", "what it leaves behind"),
}
DETAILS = {
    "ask": ("질문", "question"),
    "text": ("글", "text"),
    "when": ("조건", "condition"),
    "wait": ("기다림", "wait"),
    "image": ("그림", "image"),
    "buttons": ("버튼", "buttons"),
}


@dataclass(frozen=True)
class Difference:
    """One change as the page shows it."""

    said: str
    what: str
    before: list[Piece]
    after: list[Piece]


def sentence(change: Change) -> str:
    name = change.name
    part = t(*PARTS[change.part]).format(name).strip()
    if change.what == ADDED:
        return t(f"{part} 추가", f"{part} added")
    if change.what == REMOVED:
        return t(f"{part} 빠짐", f"{part} left out")
    if change.what == MOVED:
        return t(f"{part}차례 바뀜" if part.endswith(" ") else f"{part} 차례 바뀜", f"{part}: other order")
    if change.details:
        return f"{part}: {', '.join(t(*DETAILS[detail]) for detail in change.details)}"
    return t(f"{part} 바뀜", f"{part} changed")


def summary(session: Session, module: str, before: int | None, after: int) -> list[str]:
    """What changed, a line each. Nothing when one of them cannot be read or is not there."""
    if before is None:
        return []
    old, new = _side(session, module, before), _side(session, module, after)
    return [sentence(change) for change in compare.changes(old, new)] if old and new else []


def _side(session: Session, module: str, number: int) -> Module | None:
    try:
        if number != versions.DRAFT:
            return words.module_version(session, module, number)
        draft = versions.get(session, KIND, module, versions.DRAFT)
        return words.parsed(draft) if draft else None
    except (Invalid, versions.Nothing):
        return None


@console.get("/responses/<module>/compare")
def responses_compare(module: str) -> Response:
    with database.reading() as session:
        shown = head(session, module)
        history = versions.history(session, KIND, module, most=200)
        live = shown["live"].number if shown["live"] else None
        asked = (live, _number("a"), _number("b"))  # they may be older than those that are listed
        numbers = {one.number for one in history} | {
            number for number in asked if number and versions.exists(session, KIND, module, number)
        }
        choices = ([versions.DRAFT] if shown["draft"] else []) + sorted(numbers, reverse=True)
        before = _chosen("a", live if live is not None else choices[-1], choices)
        after = _chosen("b", _other(before, choices, shown["draft"] is not None), choices)
        old, new = _side(session, module, before), _side(session, module, after)
        found = [_difference(change) for change in compare.changes(old, new)] if old and new else None
    sides: dict[str, Any] = {
        "before": before,
        "after": after,
        "choices": choices,
        "label": lambda number: label(number, live),
    }
    return page("responses_compare.html", **shown, **sides, tab="compare", differences=found)


def _number(name: str) -> int | None:
    said = request.args.get(name, "")
    return versions.DRAFT if said == "draft" else request.args.get(name, type=whole)


def _chosen(name: str, otherwise: int, choices: list[int]) -> int:
    number = _number(name)
    if number is None:
        number = otherwise
    if number not in choices:
        abort(404)
    return number


def _other(before: int, choices: list[int], has_draft: bool) -> int:
    """Beside what is live: the draft, else the version before."""
    if has_draft:
        return versions.DRAFT
    older = [number for number in choices if number < before]
    return older[0] if older else before


def label(number: int, live: int | None) -> str:
    if number == versions.DRAFT:
        return t("초안", "Draft")
    said = t(f"버전 {number}", f"Version {number}")
    return f"{said} · {t('적용 중', 'live')}" if number == live else said


def _difference(change: Change) -> Difference:
    return Difference(sentence(change), change.what, *differing.words(change.before, change.after))
