"""Tables: what modules look up; its rows, its versions, what a draft would change, and making it live."""

import re
from functools import lru_cache
from typing import Any

from flask import Response, abort, current_app, flash, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

import clock
from curation import table_changes
from curation.lookup import Table
from curation.sheets import csv_text
from curation.spans import span_problems
from responses.check import tables_read
from responses.korean import josa
from responses.module import parse
from responses.problems import Invalid, Problem
from store import database, errands, tables, versions
from web.console import table_grid
from web.console.frame import console, needs, note, page, who
from web.console.numbers import whole
from web.words import t
from workers import words

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
LONGEST_NOTE = 500
HISTORY = 50  # versions on a page
_MOST_WARNINGS = 40
_reads: dict[tuple[str, int], dict[str, list[str]]] = {}  # of a published version, which never changes


@console.get("/tables", endpoint="tables")
def list_of_tables() -> Response:
    return page("tables.html", **listed())


def listed() -> dict[str, Any]:
    """What the list of tables shows."""
    with database.reading() as session:
        standing, reading = tables.standing(session), readers(session)
        sizes = {}
        for one in standing:
            table = words.table_version(session, one.name, one.number or versions.DRAFT)
            sizes[one.name] = (len(table.rows), len(table.columns))
    missing = sorted(set(reading) - {one.name for one in standing})
    return {"standing": standing, "sizes": sizes, "readers": reading, "missing": missing}


def readers(session: Session) -> dict[str, dict[str, list[str]]]:
    """Of each table the modules that read it, each with the columns and keys it uses."""
    found: dict[str, dict[str, list[str]]] = {}
    live, drafts = versions.live(session, versions.MODULE), versions.has_draft(session, versions.MODULE)
    for module in sorted(live.keys() | drafts):
        read: dict[str, dict[str, None]] = {}
        for one in (_read_by(session, module, live.get(module)), _read_by_draft(session, module, drafts)):
            for table, columns in one.items():
                read.setdefault(table, {}).update(dict.fromkeys(columns))
        for table, used in read.items():
            found.setdefault(table, {})[module] = list(used)
    return found


def _read_by(session: Session, module: str, number: int | None) -> dict[str, list[str]]:
    if number is None:
        return {}
    key = (module, number)
    if key not in _reads:
        _reads[key] = tables_read(words.module_version(session, module, number))
    return _reads[key]


def _read_by_draft(session: Session, module: str, drafts: set[str]) -> dict[str, list[str]]:
    draft = versions.get(session, versions.MODULE, module, versions.DRAFT) if module in drafts else None
    return _read_by_text(module, draft.content) if draft else {}


@lru_cache(maxsize=256)
def _read_by_text(module: str, text: str) -> dict[str, list[str]]:
    try:
        return tables_read(parse(text, f"{module}.yaml"))
    except Invalid:  # somebody is in the middle of a word
        return {}


# ---- one table -------------------------------------------------------------------------


def head(session: Session, name: str, tab: str) -> dict[str, Any]:
    """What every page of one table shows above its own."""
    found = tables.standing(session, name)
    if not found:
        abort(404)
    uses = readers(session).get(name, {})
    return {"table": found[0], "tab": tab, "uses": uses, "revision": versions.revision(session, versions.TABLE, name)}


def version_of(session: Session, name: str, number: int) -> Table:
    try:
        return words.table_version(session, name, number)
    except versions.Nothing:
        abort(404)


@console.get("/tables/<name>")
def tables_table(name: str) -> AnyResponse:
    with database.reading() as session:
        shown = head(session, name, "now")
        live = shown["table"].number
        number = request.args.get("version", live, type=whole)
        if number is None or number == versions.DRAFT:
            return redirect(url_for("console.tables_draft", name=name))
        table = version_of(session, name, number)
    find, row = request.args.get("find", "").strip()[:100], request.args.get("row", type=whole)
    places = table_grid.found(table, find) if find else range(len(table.rows))
    at = request.args.get("page", 1, type=whole)
    if row in table.row_numbers and "page" not in request.args and not find:
        at = table.row_numbers.index(row) // table_grid.PAGE + 1
    rows = table_grid.part(places, at)
    more: dict[str, Any] = {"find": find, "found": josa(find, "이/가"), "row": row, "cells": table_grid}
    return page("tables_now.html", **shown, sheet=table, number=number, rows=rows, **more)


@console.get("/tables/<name>/draft")
def tables_draft(name: str) -> AnyResponse:
    with database.reading() as session:
        shown = head(session, name, "draft")
        standing = shown["table"]
        if standing.draft is None:
            return page("tables_draft.html", **shown)
        draft = version_of(session, name, versions.DRAFT)
        live = version_of(session, name, standing.number) if standing.number else None
        warnings = _warnings(session, name, standing.draft.revision, draft)
    wrong = _missing(shown["uses"], draft)
    differing = _differing(name, live, draft, shown["uses"]) if live else {}
    return page("tables_draft.html", **shown, draft=draft, live=live, warnings=warnings, wrong=wrong, **differing)


def _differing(name: str, before: Table, after: Table, uses: dict[str, list[str]]) -> dict[str, Any]:
    """The comparison, as far as this page shows it."""
    keys = dict.fromkeys(key for columns in uses.values() for key in columns)
    by = [key for key in keys if key not in after.columns]  # a pair of bounds is a key beyond doubt
    changes = table_changes.compare(before, after, by)
    every, at = request.args.get("all") == "1", request.args.get("page", 1, type=whole)
    return {
        "changes": changes,
        "counts": {kind: changes.count(kind) for kind in (*table_grid.KINDS, table_changes.SAME)},
        "columns": table_grid.columns_of(changes, after),
        "rows": table_grid.changed_rows(changes, before, after, every, at),
        "every": every,
        "kind_words": table_grid.kind_words,
    }


def _warnings(session: Session, name: str, revision: int, draft: Table) -> list[dict[str, Any]]:
    """What the reading of the file found; once that is forgotten, what the rows themselves show."""
    errand = errands.latest(session, "sheet", name)
    found = errand.found if errand is not None and errand.state == errands.DONE else None
    if found and found.get("revision") == revision:
        return list(found["problems"])
    told = span_problems(draft)[:_MOST_WARNINGS]
    problems = [Problem(name, None, one.message, one.mend, one.level, korean=one.korean) for one in told]
    numbers = [draft.row_numbers[one.row] for one in told]
    return [
        problem.json() | {"korean": list(problem.korean), "line": number}
        for problem, number in zip(problems, numbers, strict=True)
    ]


@console.get("/tables/<name>/versions")
def tables_versions(name: str) -> Response:
    before = request.args.get("before", type=whole)
    with database.reading() as session:
        shown = head(session, name, "versions")
        history = versions.history(session, versions.TABLE, name, before, HISTORY + 1)
    return page("tables_versions.html", **shown, history=history[:HISTORY], more=len(history) > HISTORY)


@console.get("/tables/<name>/compare")
def tables_compare(name: str) -> Response:
    """Any two versions; 0 is the draft."""
    one, other = (request.args.get(side, type=whole) for side in ("before", "after"))
    if one is None or other is None:
        abort(400)
    with database.reading() as session:
        shown = head(session, name, "versions")
        before, after = version_of(session, name, one), version_of(session, name, other)
    differing = _differing(name, before, after, shown["uses"])
    return page("tables_compare.html", **shown, one=one, other=other, draft=after, live=before, **differing)


# ---- files -----------------------------------------------------------------------------


@console.get("/tables/<name>/versions/<int:number>/file")
def tables_file(name: str, number: int) -> Response:
    """The sheet as it was uploaded."""
    with database.reading() as session:
        kept = versions.get(session, versions.TABLE, name, number)
        if kept is None or kept.file is None:
            abort(404)
        data, file_name = kept.file, kept.file_name
    kind = file_name.rpartition(".")[2].lower()
    kind = kind if kind in ("xlsx", "xlsm", "csv", "tsv", "txt") else "xlsx" if data.startswith(b"PK") else "csv"
    return _download(data, f"{name}-{number or 'draft'}.{kind}")


@console.get("/tables/<name>/versions/<int:number>/csv")
def tables_csv(name: str, number: int) -> Response:
    with database.reading() as session:
        table = version_of(session, name, number)
    # With a byte order mark, else Excel takes it for CP949.
    return _download(csv_text(table).encode("utf-8-sig"), f"{name}-{number or 'draft'}.csv")


def _download(data: bytes, name: str) -> Response:
    response = Response(data, content_type="application/octet-stream")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    response.headers["Cache-Control"] = "no-store"
    return response


# ---- changes ---------------------------------------------------------------------------


def _note() -> str:
    return database.storable(request.form.get("note", "").strip(), LONGEST_NOTE)


@console.post("/tables/<name>/publish")
@needs("publisher")
def tables_publish(name: str) -> AnyResponse:
    said = _note()
    with database.writing() as session:
        wrong = _not_as_seen(session, name)
        if not wrong:
            before = versions.live_number(session, versions.TABLE, name)
            number = versions.publish(session, versions.TABLE, name, clock.now(), who().email, said)
            note(session, "table.published", f"table:{name}", before, {"version": number, "note": said})
    if wrong:
        return _back_to_draft(name, wrong)
    flash(
        t(
            f"버전 {number} 발행을 마쳤어요. 다음 대화부터 적용돼요.",
            f"Version {number} is live for the next chat.",
        )
    )
    return redirect(url_for("console.tables_table", name=name), 303)


@console.post("/tables/<name>/propose")
@needs("editor")
def tables_propose(name: str) -> AnyResponse:
    said = _note()
    with database.writing() as session:
        wrong = _not_as_seen(session, name)
        if not wrong:
            versions.propose(session, versions.TABLE, name, who().email, said)
            note(session, "table.proposed", f"table:{name}", None, {"note": said})
    if wrong:
        return _back_to_draft(name, wrong)
    flash(
        t("발행을 부탁했어요. 발행 권한이 있는 분이 여기에서 발행해요.", "Proposed: a publisher can publish it here.")
    )
    return redirect(url_for("console.tables_draft", name=name), 303)


@console.post("/tables/<name>/discard")
@needs("editor")
def tables_discard(name: str) -> AnyResponse:
    with database.writing() as session:
        wrong = _not_as_seen(session, name, check=False)
        if not wrong:
            draft = versions.discard(session, versions.TABLE, name)
            note(session, "table.discarded", f"table:{name}", {"file": draft.file_name, "by": draft.saved_by})
            rest = tables.standing(session, name)
    if wrong:
        return _back_to_draft(name, wrong)
    flash(t("초안을 버렸어요.", "The draft is discarded."))
    return redirect(url_for("console.tables_table", name=name) if rest else url_for("console.tables"), 303)


def _not_as_seen(session: Session, name: str, check: bool = True) -> str:
    """Why the draft that this person looked at cannot be taken: somebody uploaded another, or a module needs more."""
    draft = versions.get(session, versions.TABLE, name, versions.DRAFT, lock=True)
    if draft is None:
        return t(
            "초안이 없어요. 그 사이 발행됐거나 버려졌어요.",
            "There is no draft: it was published or discarded meanwhile.",
        )
    if draft.revision != request.form.get("revision", type=whole):
        return t(
            f"그 사이 {draft.saved_by}님이 다른 파일을 올렸어요. 아래에서 달라진 것을 다시 봐 주세요.",
            f"{draft.saved_by} uploaded another file meanwhile. Please look at the changes again.",
        )
    if not check:
        return ""
    missing = _missing(readers(session).get(name, {}), Table.from_json(draft.content))
    return missing[0] if missing else ""


def _missing(uses: dict[str, list[str]], draft: Table) -> list[str]:
    """What modules read and the draft has not: a module that came, or changed, since the file was checked."""
    there = set(draft.keys())
    return [
        t(f"응답 {module}에 필요한 '{column}' 열이 없어요.", f"The module {module} needs a column '{column}'.")
        for module, columns in uses.items()
        for column in columns
        if column not in there
    ]


def _back_to_draft(name: str, wrong: str) -> AnyResponse:
    flash(wrong, "bad")
    return redirect(url_for("console.tables_draft", name=name), 303)


@console.post("/tables/<name>/rollback")
@needs("publisher")
def tables_rollback(name: str) -> AnyResponse:
    to, said = request.form.get("to", type=whole), _note()
    if to is None:
        abort(400)
    try:
        with database.writing() as session:
            before = versions.live_number(session, versions.TABLE, name)
            number = versions.rollback(session, versions.TABLE, name, to, clock.now(), who().email, said)
            note(session, "table.rolled_back", f"table:{name}", before, {"version": number, "note": said})
    except versions.Nothing:
        abort(404)
    flash(
        t(
            f"다시 버전 {number} 내용이 적용돼요. 다음 대화부터예요.",
            f"Version {number} is live again for the next chat.",
        )
    )
    return redirect(url_for("console.tables_table", name=name), 303)


@console.app_template_global()
def link_to_module(module: str) -> str:
    """The module's page, if this installation has it."""
    exists = "console.responses_module" in current_app.view_functions
    return url_for("console.responses_module", module=module) if exists else ""
