"""A sheet comes in: kept as an errand, read by a worker, and shown with what is wrong in which cell."""

import time
from typing import Any

from flask import Response, abort, current_app, flash, redirect, request, url_for
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

import clock
from curation.grid import LARGEST_FILE, place_of
from store import database, errands, versions
from web import errors
from web.console.frame import console, needs, page, who
from web.console.numbers import whole
from web.console.tables import NAME, listed
from web.words import t
from workers.queues import ERRAND

KIND = "sheet"
READ_AWAY = 64 * 1024 * 1024  # of what is refused: closing on unread bytes would show a broken connection
READ_AWAY_SECONDS = 10.0


@console.post("/tables")
@needs("editor")
def tables_new() -> AnyResponse:
    name = request.form.get("name", "").strip()
    with database.reading() as session:
        taken = name in versions.names(session, versions.TABLE)
    problems = {}
    if not NAME.fullmatch(name):
        problems["name"] = t(
            "영어 소문자로 시작하고 소문자, 숫자, 밑줄(_)만 쓸 수 있어요. 예: diet_products",
            "Small letters, digits and _ only, beginning with a letter, such as diet_products.",
        )
    elif taken:
        problems["name"] = t(
            "이 이름의 표가 이미 있어요. 그 표를 열어서 올려 주세요.",
            "There is a table of this name. Open it and upload there.",
        )
    if not _file_is_there():
        problems["file"] = _no_file()
    if problems:
        return page("tables.html", 400, **listed(), problems=problems, name=name)
    return _ask(name)


@console.post("/tables/<name>")
@needs("editor")
def tables_upload(name: str) -> AnyResponse:
    if not NAME.fullmatch(name):
        abort(404)
    if not _file_is_there():
        flash(_no_file(), "bad")
        return redirect(request.referrer or url_for("console.tables_table", name=name), 303)
    return _ask(name)


def _file_is_there() -> bool:
    file = request.files.get("file")
    return file is not None and bool(file.filename)


def _no_file() -> str:
    return t("올릴 파일을 골라 주세요.", "Choose a file to upload.")


def _ask(name: str) -> AnyResponse:
    file = request.files["file"]
    data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise RequestEntityTooLarge
    given = {"new_columns": "new_columns" in request.form, "revision": request.form.get("revision", 0, type=whole)}
    with database.writing() as session:
        file_name = database.storable(str(file.filename).replace("\\", "/").rpartition("/")[2][-200:], 200)
        errand = errands.ask(session, KIND, name, given, who().email, clock.now(), file_name, data)
        id = errand.id
    current_app.extensions["intake"].bell.ring(ERRAND)
    return redirect(url_for("console.tables_uploaded", name=name, id=id), 303)


@console.errorhandler(413)
def too_large(error: RequestEntityTooLarge) -> Response | HTTPException:
    """A file that is refused before it is read."""
    stream, until = request.environ["wsgi.input"], time.monotonic() + READ_AWAY_SECONDS
    left = READ_AWAY
    while left > 0 and time.monotonic() < until:
        piece = stream.read(65536)
        if not piece:
            break
        left -= len(piece)
    is_file = request.endpoint in ("console.tables_new", "console.tables_upload")
    return page("tables_too_large.html", 413) if is_file else errors.page(error)


# ---- what came of it -------------------------------------------------------------------


@console.get("/tables/<name>/uploads/<int:id>")
def tables_uploaded(name: str, id: int) -> AnyResponse:
    with database.reading() as session:
        errand = errands.get(session, id)
        if errand is None or errand.kind != KIND or errand.subject != name:
            abort(404)
        exists = name in versions.names(session, versions.TABLE)
        revision = versions.revision(session, versions.TABLE, name)
        session.expunge(errand)
    found = errand.found or {}
    if errand.state == errands.DONE and found.get("kept"):
        if "overtaken" not in found:
            return redirect(url_for("console.tables_draft", name=name), 303)
    shown: dict[str, Any] = {"name": name, "errand": errand, "exists": exists, "revision": revision, "found": found}
    return page("tables_upload.html", **shown, cells=_by_cell(found), levels=_levels(found))


@console.get("/tables/<name>/uploads/<int:id>/progress")
def tables_progress(name: str, id: int) -> AnyResponse:
    """The piece that looks by itself until the reading is done."""
    with database.reading() as session:
        errand = errands.get(session, id)
        if errand is None or errand.subject != name:
            abort(404)
        session.expunge(errand)
    response = page("tables_progress.html", name=name, errand=errand)
    if errand.state not in errands.OPEN:
        response.headers["HX-Redirect"] = url_for("console.tables_uploaded", name=name, id=id)
    return response


@console.post("/tables/<name>/uploads/<int:id>/cancel")
@needs("editor")
def tables_cancel(name: str, id: int) -> AnyResponse:
    with database.writing() as session:
        errand = errands.get(session, id)
        if errand is None or errand.subject != name or errand.kind != KIND:
            abort(404)
        errands.cancel(session, id, clock.now())
    return redirect(url_for("console.tables_uploaded", name=name, id=id), 303)


def _by_cell(found: dict[str, Any]) -> dict[tuple[int, int], tuple[int, str]]:
    """Row number and column of each cell that something is said about -> the problem's place in the list, its level.
    Of several the first error counts."""
    cells: dict[tuple[int, int], tuple[int, str]] = {}
    for place, problem in enumerate(found.get("problems", ())):
        if problem["cell"]:
            at, level = place_of(problem["cell"]), problem["level"]
            if at not in cells or (level == "error" and cells[at][1] != "error"):
                cells[at] = (place, level)
    return cells


def _levels(found: dict[str, Any]) -> dict[str, int]:
    levels = [problem["level"] for problem in found.get("problems", ())]
    return {"error": levels.count("error"), "warning": levels.count("warning")}
