"""Services: the catalogue that employees search, and what they searched for in vain."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from flask import Response, abort, current_app, flash, redirect, request, url_for
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

import clock
from curation.grid import LARGEST_FILE
from interaction.catalogue import KEYS, Catalogue, read_rows
from interaction.guesses import Guesses
from responses.korean import josa
from store import database, errands, services
from web.console.frame import console, needs, note, page, who
from web.words import t
from workers.queues import ERRAND

MOST_SHOWN = 300
KIND = "services"  # of the errand that reads an uploaded file
ENDINGS = (".xlsx", ".xls", ".csv", ".tsv", ".txt", ".yaml", ".yml")
MOST_GUESSED = 20  # of what was searched in vain, those for which services are proposed
NEWS = timedelta(minutes=10)
# What a form of a service can have wrong, by field.
_WRONG = {
    "name": ("이름을 적어 주세요(100자까지).", "Give it a name of at most 100 characters."),
    "synonyms": ("동의어는 50개, 하나에 100자까지예요.", "At most 50 synonyms of 100 characters."),
    "description": ("1,000자까지예요.", "At most 1,000 characters."),
    "team": ("100자까지예요.", "At most 100 characters."),
    "answer": ("4,000자까지예요.", "At most 4,000 characters."),
    "link": ("https://로 시작하는 주소를 적어 주세요.", "Write the address whole: https://…"),
    "run": ("/로 시작하는 명령을 적어 주세요.", "A command begins with /."),
}


@console.get("/people/services", endpoint="services")
def list_of_services() -> Response:
    return page("services.html", **_listed())


def _listed() -> dict[str, Any]:
    find = request.args.get("find", "").strip()[:100]
    with database.reading() as session:
        every, missed = services.listed(session), services.missed(session)
        upload = _upload(errands.latest(session, KIND, KIND))
    wanted = find.casefold()
    found = [one for one in every if wanted in " ".join((one.name, one.team, *one.synonyms)).casefold()]
    names = [one.name for one in every]
    shown = {"services": found[:MOST_SHOWN], "more": len(found[MOST_SHOWN:]), "total": len(every), "find": find}
    likely = Guesses((one.name, one.synonyms) for one in every) if missed else None
    guesses = {one.id: likely.of(one.text) for one in missed[:MOST_GUESSED]} if likely else {}
    return shown | {"missed": missed, "names": names, "guesses": guesses, "upload": upload}


# --- a whole list at once: a worker reads it, since no web process opens workbooks ---


@console.post("/people/services/upload")
@needs("editor")
def services_upload() -> AnyResponse:
    file = request.files.get("file")
    name = str(file.filename or "").replace("\\", "/").rpartition("/")[2][-200:] if file else ""
    if file is None or not name.lower().endswith(ENDINGS):
        flash(t("엑셀(.xlsx), CSV, YAML 파일을 골라 주세요.", "Choose a file: .xlsx, .csv or .yaml."), "bad")
        return redirect(url_for("console.services"), 303)
    data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise RequestEntityTooLarge
    with database.writing() as session:
        name = database.storable(name, 200)
        errands.ask(session, KIND, KIND, {"examples": "examples" in request.form}, who().email, clock.now(), name, data)
    current_app.extensions["intake"].bell.ring(ERRAND)
    return redirect(url_for("console.services"), 303)


@console.get("/people/services/upload")
@needs("editor")
def services_uploaded() -> Response:
    """The piece that looks by itself until the file was read; then the whole page is shown anew."""
    with database.reading() as session:
        upload = _upload(errands.latest(session, KIND, KIND))
    response = page("services_upload.html", upload=upload)
    if upload is not None and not upload["open"]:
        response.headers["HX-Redirect"] = url_for("console.services")
    return response


def _upload(errand: errands.Errand | None) -> dict[str, Any] | None:
    """The last upload, as far as it is news."""
    if errand is None or (errand.ended_at and clock.now() - errand.ended_at > NEWS):
        return None
    found = errand.found or {}
    return {
        "file": errand.file_name,
        "reason": errand.reason,
        "open": errand.state in errands.OPEN,
        "counts": found.get("counts"),
        "problems": found.get("problems", []),
        "more": found.get("more", 0),
    }


@console.get("/people/services/new")
@needs("editor")
def services_new() -> Response:
    return page("services_one.html", id=None, values={**dict.fromkeys(KEYS, ""), "name": request.args.get("name", "")})


@console.get("/people/services/<int:id>")
def services_one(id: int) -> Response:
    with database.reading() as session:
        kept = session.get(services.Service, id)
        if kept is None:
            abort(404)
        values = {key: getattr(kept, key) for key in KEYS} | {"synonyms": ", ".join(kept.synonyms)}
    return page("services_one.html", id=id, values=values)


@console.post("/people/services/new", endpoint="services_add")
@console.post("/people/services/<int:id>", endpoint="services_save")
@needs("editor")
def services_save(id: int | None = None) -> AnyResponse:
    typed = {key: request.form.get(key, "").strip() for key in KEYS}
    read = _read(typed)
    problems = {problem.cell: t(*_WRONG[str(problem.cell)]) for problem in read.problems if problem.level == "error"}
    with database.writing() as session:
        kept = session.get(services.Service, id) if id is not None else None
        if id is not None and kept is None:
            abort(404)
        same = services.find(session, read.services[0].name) if read.services else None
        if same is not None and same is not kept:
            problems["name"] = t("이 이름의 서비스가 이미 있어요.", "There is a service of this name.")
        if not problems:
            values = asdict(read.services[0]) | {"synonyms": list(read.services[0].synonyms)}
            before = {key: getattr(kept, key) for key in KEYS} if kept else None
            services.edit(session, kept, values, clock.now(), who().email)
            note(session, "service.saved", f"service:{values['name']}", before, values)
    if problems:
        return page("services_one.html", 400, id=id, values=typed, problems=problems)
    flash(t("저장했어요. 바로 검색돼요.", "Saved, and found from now on."), "ok")
    return redirect(url_for("console.services"), 303)


def _read(typed: Mapping[str, str]) -> Catalogue:
    """A form is judged as the only row of a sheet whose columns are called like the fields."""
    header = {key: key for key in KEYS}
    found = read_rows("", None, [(0, header), (0, dict(typed))])
    for at, problem in enumerate(found.problems):
        found.problems[at] = type(problem)(**{**vars(problem), "cell": (problem.cell or "name").rstrip("0") or "name"})
    return found


@console.post("/people/services/<int:id>/remove")
@needs("editor")
def services_remove(id: int) -> AnyResponse:
    with database.writing() as session:
        kept = session.get(services.Service, id)
        if kept is None:
            abort(404)
        name = kept.name
        note(session, "service.removed", f"service:{name}", {key: getattr(kept, key) for key in KEYS})
        services.remove(session, [name])
    flash(t(f"{josa(name, '을/를')} 지웠어요.", f"{name} is removed."), "ok")
    return redirect(url_for("console.services"), 303)


@console.post("/people/services/missed/<int:id>")
@needs("editor")
def services_adopt(id: int) -> AnyResponse:
    """What was searched in vain becomes a synonym, or is put aside."""
    name = request.form.get("guess") or request.form.get("service", "")
    with database.writing() as session:
        found = session.get(services.Missed, id)
        if found is None:
            abort(404)
        text = found.text
        if "dismiss" in request.form:
            services.dismiss(session, text)
            note(session, "search.dismissed", "searches", text)
            told, kind = t("목록에서 뺐어요.", "Taken off the list."), "ok"
        elif services.adopt(session, id, name, clock.now(), who().email):
            note(session, "service.synonym", f"service:{name}", None, text)
            korean = f"이제 ‘{text}’ 하면 {josa(name, '을/를')} 찾아요."
            told, kind = t(korean, f"‘{text}’ finds {name} from now on."), "ok"
        else:
            told, kind = (
                t("그런 서비스가 없어요. 목록에서 골라 주세요.", "No such service. Choose one of the list."),
                "bad",
            )
    flash(told, kind)
    return redirect(url_for("console.services") + "#missed", 303)
