"""Versions of a module: what is live, the draft and how it goes live, and what was live before."""

from datetime import datetime
from typing import Any

from flask import Response, abort, flash, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

import clock
from responses.problems import Problem
from store import database, errands, versions
from web.console import problem_words
from web.console.comparing import summary
from web.console.frame import console, may, needs, note, page, settings, when, who
from web.console.module_page import KIND, head
from web.console.numbers import whole
from web.words import t
from workers import words

LONGEST_NOTE = 500
HISTORY = 50  # versions on a page
BACKTEST = "backtest"


@console.get("/responses/<module>/versions")
def responses_versions(module: str) -> Response:
    return _versions(module)


def _versions(module: str, status: int = 200, problem: str = "") -> Response:
    before = request.args.get("before", type=whole)
    again = request.args.get("again", type=whole) if may("publisher") else None
    with database.reading() as session:
        shown = head(session, module)
        draft, live = shown["draft"], shown["live"]
        history = versions.history(session, KIND, module, before, HISTORY + 1)
        shown["problems"] = [_told(problem) for problem in words.problems(session, draft)] if draft else []
        shown["failures"] = failures(session, module, draft)
        shown["changes"] = summary(session, module, live.number if live else None, versions.DRAFT) if draft else []
        chosen = versions.get(session, KIND, module, again) if again and live and again != live.number else None
        if chosen is not None and live:
            shown["again"] = {"number": again, "changes": summary(session, module, live.number, chosen.number)}
    typed = {name: request.form.get(name, "") for name in ("note", "starts_at", "when")}
    if draft and not typed["note"]:
        typed["note"] = draft.note
    return page(
        "responses_versions.html",
        status,
        **shown,
        tab="versions",
        history=history[:HISTORY],
        more=len(history) > HISTORY,
        newest=before is None,
        problem=problem,
        typed=typed,
        longest_note=LONGEST_NOTE,
        earliest=clock.now().astimezone(settings().timezone),
    )


def _told(problem: Problem) -> dict[str, Any]:
    said = " ".join(problem_words.said(words) for words in (problem.message, problem.mend) if words)
    return {"line": problem.line, "said": said, "is_error": problem.level == "error"}


def failures(session: Session, module: str, draft: versions.Version | None) -> int:
    """How many surveys failed in the last backtest of the draft as it is now; one that runs or was given up says
    nothing."""
    latest = errands.latest(session, BACKTEST, module, errands.DONE) if draft else None
    if latest is None or draft is None or latest.found["revision"] != draft.revision:
        return 0
    return int(latest.found["failed"])


# ---- from draft to live ----------------------------------------------------------------


class Refused(Exception):
    """What the person has to do first, in their language."""


def _seen_draft(session: Session, module: str) -> versions.Version:
    """The draft as the person saw it on their page."""
    draft = versions.get(session, KIND, module, versions.DRAFT, lock=True)
    if draft is None:
        raise Refused(t("초안이 없어요. 이미 발행했거나 버렸을 수 있어요.", "There is no draft any more."))
    if request.form.get("revision", type=whole) != draft.revision:
        by = draft.saved_by or t("누군가", "Somebody")
        raise Refused(
            t(
                f"그사이 {by}님이 초안을 바꿨어요({when(draft.saved_at)}). 아래에서 바뀐 내용을 다시 확인해 주세요.",
                f"{by} changed the draft in the meantime ({when(draft.saved_at)}). Look at it again below.",
            )
        )
    return draft


def _ready(session: Session, draft: versions.Version) -> None:
    """May it go live?"""
    wrong = sum(problem.level == "error" for problem in words.problems(session, draft))
    if wrong:
        raise Refused(t(f"먼저 고칠 곳이 {wrong}군데 있어요.", f"There are {wrong} errors to mend first."))
    failing = failures(session, draft.name, draft)
    if failing and request.form.get("looked") != str(failing):
        raise Refused(
            t(
                f"백테스트에서 {failing:,}건이 실패했어요. 확인한 뒤 아래 칸에 표시해 주세요.",
                f"{failing:,} surveys fail in the backtest. Look at them, then tick the box below.",
            )
        )


def _note() -> str:
    return database.storable(request.form.get("note", "").strip(), LONGEST_NOTE)


def _starts_at() -> datetime:
    """The chosen time, as the clock on the shop's wall has it."""
    try:
        chosen = datetime.fromisoformat(request.form.get("starts_at", ""))
    except ValueError:
        raise Refused(t("언제 적용할지 골라 주세요.", "Choose when it goes live.")) from None
    moment = chosen.replace(tzinfo=settings().timezone)
    if moment <= clock.now():
        raise Refused(t("이미 지난 시각이에요. 앞으로 올 시각을 골라 주세요.", "That time has passed already."))
    return moment


def _changed(module: str, said: str) -> AnyResponse:
    flash(said, "ok")
    return redirect(url_for("console.responses_versions", module=module), 303)


@console.post("/responses/<module>/publish")
@needs("publisher")
def responses_publish(module: str) -> AnyResponse:
    try:
        with database.writing() as session:
            draft = _seen_draft(session, module)
            _ready(session, draft)
            said = _schedule(session, draft) if request.form.get("when") == "later" else _publish(session, draft)
    except Refused as refused:
        return _versions(module, 400, str(refused))
    return _changed(module, said)


def _publish(session: Session, draft: versions.Version) -> str:
    before, said = versions.live_number(session, KIND, draft.name), _note()
    number = versions.publish(session, KIND, draft.name, clock.now(), who().email, said)
    note(session, "module.published", f"module:{draft.name}", before, {"version": number, "note": said})
    return t(f"버전 {number} 발행을 마쳤어요. 다음 대화부터 적용돼요.", f"Version {number} is live for the next chat.")


def _schedule(session: Session, draft: versions.Version) -> str:
    moment, said = _starts_at(), _note()
    versions.schedule(session, KIND, draft.name, moment, who().email, said)
    note(session, "module.scheduled", f"module:{draft.name}", None, {"at": moment.isoformat(), "note": said})
    return t(f"{when(moment)}에 자동으로 발행돼요.", f"It goes live by itself at {when(moment)}.")


@console.post("/responses/<module>/unschedule")
@needs("publisher")
def responses_unschedule(module: str) -> AnyResponse:
    try:
        with database.writing() as session:
            draft = _seen_draft(session, module)
            before = draft.starts_at.isoformat() if draft.starts_at else None
            versions.unschedule(session, KIND, module)
            note(session, "module.unscheduled", f"module:{module}", before, None)
    except Refused as refused:
        return _versions(module, 400, str(refused))
    return _changed(
        module, t("예약을 취소했어요. 초안은 그대로 있어요.", "No longer scheduled; the draft is still there.")
    )


@console.post("/responses/<module>/propose")
@needs("editor")
def responses_propose(module: str) -> AnyResponse:
    try:
        with database.writing() as session:
            _seen_draft(session, module)
            said = _note()
            versions.propose(session, KIND, module, who().email, said)
            note(session, "module.proposed", f"module:{module}", None, {"note": said})
    except Refused as refused:
        return _versions(module, 400, str(refused))
    return _changed(
        module, t("발행을 부탁했어요. 발행 담당자가 이 화면에서 볼 수 있어요.", "Publishers see your wish here.")
    )


@console.post("/responses/<module>/discard")
@needs("editor")
def responses_discard(module: str) -> AnyResponse:
    try:
        with database.writing() as session:
            draft = _seen_draft(session, module)
            content = draft.content
            versions.discard(session, KIND, module)
            note(session, "module.draft_discarded", f"module:{module}", content, None)
            left = versions.live_number(session, KIND, module)
    except Refused as refused:
        return _versions(module, 400, str(refused))
    if left is None:
        flash(t("초안을 버렸어요.", "The draft is gone."), "ok")
        return redirect(url_for("console.home"), 303)
    return _changed(
        module, t("초안을 버렸어요. 지금 적용 중인 버전은 그대로예요.", "The draft is gone; what is live stays.")
    )


@console.post("/responses/<module>/rollback")
@needs("publisher")
def responses_rollback(module: str) -> AnyResponse:
    number = request.form.get("to", type=whole)
    if not number:
        abort(400)
    try:
        with database.writing() as session:
            before, said = versions.live_number(session, KIND, module), _note()
            versions.rollback(session, KIND, module, number, clock.now(), who().email, said)
            note(session, "module.rolled_back", f"module:{module}", before, {"version": number, "note": said})
    except versions.Nothing:
        abort(404)
    return _changed(module, t(f"다시 버전 {number} 내용이 적용돼요.", f"Version {number} is live again."))
