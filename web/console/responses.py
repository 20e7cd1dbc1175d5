"""Responses: the list of modules, and the editor of one."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from flask import Response, abort, flash, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

import clock
from channels import email
from responses import amend, document
from responses.check import checked
from responses.emoji import EMOJI
from responses.problems import Invalid, Problem
from responses.shape import COLOURS
from responses.starts import CHANNELS
from store import database, mail, overview, versions
from web.console import editing, problem_words
from web.console.frame import console, needs, note, page, settings, who
from web.words import t
from workers import words

LARGEST_BODY = 1024 * 1024
LONGEST_TITLE = 100
_MOST_FIELDS = 20_000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_DAYS = 7
_TYPES = {
    "text": ("글", "Text"),
    "number": ("숫자", "Number"),
    "integer": ("정수", "Whole number"),
    "boolean": ("예/아니요", "Yes or no"),
    "choice": ("하나 고르기", "Choice"),
    "list": ("여러 개", "List"),
    "date": ("날짜", "Date"),
}
_COLOUR_WORDS = {
    "cobalt": ("파랑", "Cobalt"),
    "green": ("초록", "Green"),
    "orange": ("주황", "Orange"),
    "red": ("빨강", "Red"),
    "black": ("검정", "Black"),
    "pink": ("분홍", "Pink"),
    "purple": ("보라", "Purple"),
}
_CHANNEL_WORDS = {
    "channeltalk": ("채널톡", "ChannelTalk"),
    "webex": ("웹엑스", "Webex"),
    "google_chat": ("구글 챗", "Google Chat"),
    "telegram": ("텔레그램", "Telegram"),
    "webchat": ("웹 채팅", "Web chat"),
}
_BLANK = """module: {name}
title: {title}
starts:
  - on: message
    says: [{title}]

survey:
  name: {{type: text, label: 이름, default: 고객}}

messages:
  - text: |
      {{{{ name }}}}님, 안녕하세요 :wave:
"""


@dataclass(frozen=True)
class Row:
    standing: overview.Standing
    title: str
    order: float


# ---- the list ----------------------------------------------------------------------------


@console.get("/responses")
def responses() -> Response:
    return _list_page()


def _list_page(status: int = 200, **typed: Any) -> Response:
    now = clock.now()
    with database.reading() as session:
        found = overview.modules(session, now - timedelta(days=_DAYS))
        rows = sorted((Row(one, *_head(one.content)) for one in found), key=lambda row: (row.order, row.standing.name))
        return page("responses.html", status, rows=rows, days=_DAYS, **typed)


@lru_cache(maxsize=512)
def _head(content: str) -> tuple[str, float]:
    """Title and order, without compiling the module."""
    try:
        top = document.read(content, "").entries
    except Invalid:
        return "", 500  # an older Maru may have let it in; the editor tells what is wrong
    title, order = top.get("title"), top.get("order")
    number = order.value if isinstance(order, document.Word) else None
    name = title.source if isinstance(title, document.Word) else ""
    return name, number if isinstance(number, int | float) else 500


@console.post("/responses")
@needs("editor")
def responses_new() -> AnyResponse:
    """A new module is a draft: from a blank page, or a copy of another."""
    name, title = request.form.get("name", "").strip(), " ".join(request.form.get("title", "").split())
    title = database.storable(title, LONGEST_TITLE)
    copied = request.form.get("copy", "")
    if not _NAME.fullmatch(name):
        said = t(
            "이름은 영어 소문자로 시작하고, 영어 소문자·숫자·_ 만 쓸 수 있어요.",
            "Begin with a small Latin letter; then letters, digits and _.",
        )
        return _list_page(400, typed=request.form, problem=said)
    with database.writing() as session:
        if versions.current(session, versions.MODULE, name) is not None:
            taken: str | None = t(f"'{name}' 이름은 이미 쓰고 있어요.", f"'{name}' is taken.")
        else:
            taken = None
            source = versions.current(session, versions.MODULE, copied) if copied else None
            written = _new_text(name, title or name, source)
            versions.save_draft(session, versions.MODULE, name, written, clock.now(), who=who().email, based_on=0)
            note(session, "module.saved", f"module:{name}", None, {"text": written})
    if taken:
        return _list_page(400, typed=request.form, problem=taken)
    return redirect(url_for("console.responses_module", module=name), 303)


def _new_text(name: str, title: str, source: versions.Version | None) -> str:
    text = _BLANK.format(name="x", title="x") if source is None else source.content
    changed: dict[str, amend.Wish | None] = {"module": amend.Leaf(name), "title": amend.Leaf(title)}
    if source is None:
        start = amend.Fields({"says": amend.Words((title,))})
        changed["starts"] = amend.Listed([(start, 0)])
    return amend.amend(text, amend.Fields(changed, editing.TOP))


# ---- one module --------------------------------------------------------------------------


@dataclass
class Page:
    """What the editor shows: the text, the form that was made from `base`, and how it stands."""

    module: str
    base: str
    text: str
    form: editing.Form | None
    revision: int
    live: versions.Live | None
    draft: versions.Version | None
    tab: str = "form"


@console.get("/responses/<module>")
def responses_module(module: str) -> Response:
    with database.reading() as session:
        shown = _opened(session, module)
        return _editor(shown)


def _opened(session: Any, module: str) -> Page:
    current = versions.current(session, versions.MODULE, module)
    if current is None:
        abort(404)
    draft = current if current.number == versions.DRAFT else None
    revision = versions.revision(session, versions.MODULE, module)
    live = versions.standing(session, versions.MODULE, module)
    form = form_of(current.content)
    tab = "form" if form is not None else "yaml"
    return Page(module, current.content, current.content, form, revision, live, draft, tab)


def form_of(text: str) -> editing.Form | None:
    """None: it can only be shown as YAML."""
    try:
        document.read(text, "")
        return editing.read(text)
    except (Invalid, editing.NoForm):
        return None


def _editor(shown: Page, status: int = 200, **more: Any) -> Response:
    more.setdefault("problems", [])
    at: dict[str, str] = {}
    for problem in more["problems"]:
        if problem["field"]:
            at.setdefault(problem["field"], problem["said"])
    return page("responses_module.html", status, shown=shown, problems_at=at, **choices(), **more)


def choices() -> dict[str, Any]:
    profiles = _mail_profiles()
    return {
        "types": {name: t(*said) for name, said in _TYPES.items()},
        "colours": {name: t(*_COLOUR_WORDS[name]) for name in COLOURS},
        "channels": {name: t(*_CHANNEL_WORDS[name]) for name in CHANNELS},
        "emoji": list(EMOJI.items())[:60],
        "mail_profiles": {"": t("기본", "the usual one")} | profiles,
        "mail_ready": bool(profiles),
    }


def _mail_profiles() -> dict[str, str]:
    """The names by which a mail can go, and how a person reads them."""
    with database.reading() as session:
        kept = [one.name for one in mail.listed(session)]
    if email.configured(settings().channels["email"]):
        return {mail.DEFAULT: t("설정의 메일 서버", "the settings' server")} | {name: name for name in kept}
    return {name: name for name in kept}


@dataclass(frozen=True)
class Posted:
    """What the editor sent: the text that is meant, and the form if that is where it was changed."""

    text: str
    base: str
    form: editing.Form | None


def posted() -> Posted:
    request.max_content_length = request.max_form_memory_size = LARGEST_BODY
    request.max_form_parts = _MOST_FIELDS
    base = request.form.get("base", "").replace("\r\n", "\n")
    if request.form.get("tab") != "form" or not base:
        text = request.form.get("yaml", "").replace("\r\n", "\n")
        return Posted(text, text, None)
    form = editing.nested(request.form.items())
    try:
        document.read(base, "")
        return Posted(editing.write(base, form), base, form)
    except (Invalid, editing.NoForm):
        abort(400)  # the page never makes a form from such a text


def told(problem: Problem, places: Mapping[int, str]) -> dict[str, Any]:
    """A problem for the page: where it is, in the reader's words."""
    message, mend = problem_words.said(problem.message), problem_words.said(problem.mend)
    field = places.get(problem.line or 0, "")
    said = f"{message.rstrip('.')}. {mend}".strip()
    return {"line": problem.line, "field": field, "said": said, "level": problem.level}


def places_of(sent: Posted) -> dict[int, str]:
    return editing.fields_by_line(sent.text, sent.form) if sent.form is not None else {}


@console.post("/responses/<module>")
@needs("editor")
def responses_save(module: str) -> AnyResponse:
    sent = posted()
    with database.reading() as session:
        shown = _opened(session, module)
        _, problems = checked(sent.text, f"{module}.yaml", words.current_tables(session))
    errors = [told(one, places_of(sent)) for one in problems if one.level == "error"]
    if not errors and amend.shown(sent.text, amend.fields(document.compose(sent.text)).get("module")) != module:
        said = t(f"모듈 이름은 '{module}' 그대로 두어야 해요.", f"The module's name has to stay '{module}'.")
        errors.append({"line": 1, "field": "", "said": said, "level": "error"})
    shown.text, shown.base, shown.form = sent.text, sent.base, sent.form or form_of(sent.text)
    shown.tab = "form" if sent.form is not None else "yaml"
    if errors:
        return _refused(shown, errors)
    return _saved(shown, sent)


def _refused(shown: Page, errors: list[dict[str, Any]]) -> AnyResponse:
    if wants_json():
        return jsonify(problems=errors), 400  # type: ignore[return-value]
    return _editor(shown, 400, problems=errors)


def _saved(shown: Page, sent: Posted) -> AnyResponse:
    based_on = request.form.get("over") or request.form.get("revision") or "0"
    now, name = clock.now(), shown.module
    overtaken: versions.Overtaken | None = None
    with database.writing() as session:
        before = versions.current(session, versions.MODULE, name)
        was = before.content if before else ""
        try:
            number = int(based_on) if based_on.isdecimal() else 0
            args = (session, versions.MODULE, name, sent.text, now)
            draft = versions.save_draft(*args, who=who().email, based_on=number)
            revision = draft.revision
            note(session, "module.saved", f"module:{name}", {"text": was}, {"text": sent.text})
        except versions.Overtaken as error:
            overtaken = error
    if overtaken is not None:
        return _conflict(shown, sent, overtaken)
    if wants_json():
        return jsonify(revision=revision)
    flash(t("초안을 저장했어요.", "The draft is saved."), "ok")
    return redirect(url_for("console.responses_module", module=name), 303)


def _conflict(shown: Page, sent: Posted, overtaken: versions.Overtaken) -> AnyResponse:
    """Both versions side by side; nothing is lost, whatever is chosen."""
    with database.reading() as session:
        revision = versions.revision(session, versions.MODULE, shown.module)
    theirs = overtaken.current.content if overtaken.current else ""
    both = {"theirs": overtaken.current, "over": revision, "lines": side_by_side(theirs, sent.text)}
    if wants_json():
        return page("responses_module_conflict.html", 409, shown=shown, conflict=both)
    return _editor(shown, 409, conflict=both)


def side_by_side(theirs: str, mine: str) -> list[tuple[str, str, str]]:
    """Their line, my line, and whether they differ; what is the same far from a difference is left out."""
    a, b = theirs.splitlines(), mine.splitlines()
    rows: list[tuple[str, str, str]] = []
    for group in difflib.SequenceMatcher(None, a, b, autojunk=False).get_grouped_opcodes(2):
        if rows:
            rows.append(("", "", "gap"))
        for kind, a0, a1, b0, b1 in group:
            for k in range(max(a1 - a0, b1 - b0)):
                left = a[a0 + k] if a0 + k < a1 else ""
                right = b[b0 + k] if b0 + k < b1 else ""
                rows.append((left, right, "same" if kind == "equal" else "differs"))
    return rows[:400]


@console.get("/responses/<module>/newer")
def responses_newer(module: str) -> Response:
    """Has somebody else saved since? Asked every few seconds by an open editor."""
    with database.reading() as session:
        revision = versions.revision(session, versions.MODULE, module)
        draft = versions.get(session, versions.MODULE, module, versions.DRAFT)
        by = draft.saved_by if draft else ""
    return jsonify(revision=revision, by=by)


@console.post("/responses/<module>/form")
def responses_form(module: str) -> Response:
    """The form of a text that was changed as YAML."""
    text = posted().text
    form = form_of(text)
    if form is None:
        return page("responses_module_noform.html", 422)
    shown = Page(module, text, text, form, 0, None, None)
    return page("responses_module_fields.html", shown=shown, problems_at={}, **choices())


def wants_json() -> bool:
    return "application/json" in request.headers.get("Accept", "")
