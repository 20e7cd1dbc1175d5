"""People: the employees and their teams, their company days by month, and the import of a list."""

import calendar
from datetime import date, timedelta
from typing import Any

from flask import Response, abort, flash, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

import clock
from curation.files import grid
from curation.grid import LARGEST_FILE, NoGrid
from interaction import workdays
from interaction.roster import Roster, read_rows
from store import database, days, people, reminders
from web.console.frame import console, local, may, needs, note, page
from web.front import language
from web.words import t

MOST_SHOWN = 500
MOST_PROBLEMS = 50
YEARS = (2020, 2100)


@console.get("/people", endpoint="people")
def list_of_people() -> Response:
    return page("people.html", **_listed())


def _listed() -> dict[str, Any]:
    find = request.args.get("find", "").strip()[:100]
    today = _today()
    with database.reading() as session:
        everyone = people.listed(session)
        counts = reminders.counts(session)
        ahead: dict[int, date] = {}
        for day, person in days.between(session, today, today + timedelta(days=366)):
            ahead.setdefault(person.id, day.on)
        teams = people.teams(session)
    found = [one for one in everyone if _is_meant(one, find.casefold())]
    shown = {"people": found[:MOST_SHOWN], "more": len(found[MOST_SHOWN:]), "total": len(everyone), "find": find}
    return shown | {"teams": teams, "reminders": counts, "ahead": ahead}


def _is_meant(one: people.Person, wanted: str) -> bool:
    """A viewer, who sees names and addresses masked, finds only whole ones: else they could be guessed by letters."""
    known = [one.name.casefold(), one.email, one.team.casefold()]
    return wanted in " ".join(known) if may("editor") else not wanted or wanted in known


def _today() -> date:
    now = local(clock.now())
    assert now is not None
    return now.date()


@console.post("/people")
@needs("editor")
def people_upload() -> AnyResponse:
    file = request.files.get("file")
    if file is None or not file.filename:
        flash(t("올릴 파일을 골라 주세요.", "Choose a file to upload."), "bad")
        return redirect(url_for("console.people"), 303)
    name = file.filename.replace("\\", "/").rpartition("/")[2][-200:]
    roster = _read(name, file.read(LARGEST_FILE + 1))
    if roster.problems:
        return page("people.html", 400, **_listed(), problems=roster.problems[:MOST_PROBLEMS], file=name)
    with database.writing() as session:
        outcomes = people.save(session, [row.values for row in roster.rows], clock.now())
        counts = {what: outcomes.count(what) for what in (people.ADDED, people.CHANGED, people.SAME)}
        note(session, "people.imported", "people", None, {"file": name, **counts})
    korean = f"{counts['added']}명 추가, {counts['changed']}명 변경, {counts['same']}명 그대로예요."
    flash(t(korean, "{added} added, {changed} changed, {same} the same.".format(**counts)), "ok")
    return redirect(url_for("console.people"), 303)


def _read(name: str, data: bytes) -> Roster:
    """A text file only: workbooks are opened by no web process."""
    if data.startswith(b"PK"):
        message, mend = "The file is a workbook", "Save it as CSV UTF-8 and upload that."
        korean = "엑셀 통합 문서예요", "엑셀에서 'CSV UTF-8(쉼표로 분리)'로 저장해서 올려 주세요."
        return Roster([], NoGrid(message, mend, korean).problems(name))
    try:
        cells = grid(name, data)
    except NoGrid as error:
        return Roster([], error.problems(name))
    lines = cells.lines or cells.numbers
    return read_rows(name, None, [(lines[place], cells.rows[place]) for place in cells.filled()])


@console.post("/people/<int:id>/remove")
@needs("editor")
def people_remove(id: int) -> AnyResponse:
    with database.writing() as session:
        person = people.get(session, id)
        if person is None:
            abort(404)
        name = person.name
        note(session, "people.removed", f"people:{person.email}", {"name": name, "team": person.team})
        people.remove(session, id)
    flash(
        t(f"{name} 님을 지웠어요. 알림과 TG day도 함께 지웠어요.", f"{name} is removed, with reminders and TG days."),
        "ok",
    )
    return redirect(url_for("console.people"), 303)


# ---- days ------------------------------------------------------------------------------


@console.get("/people/days")
def people_days() -> Response:
    first = _month()
    last = first.replace(day=calendar.monthrange(first.year, first.month)[1])
    team = request.args.get("team", "")
    with database.reading() as session:
        taken = days.between(session, first, last)
        teams = [name for name, _, _ in people.teams(session)]
    by_day: dict[date, list[tuple[days.Day, people.Person]]] = {}
    for day, person in taken:
        if team in ("", person.team):
            by_day.setdefault(day.on, []).append((day, person))
    weeks = calendar.Calendar(calendar.SUNDAY).monthdatescalendar(first.year, first.month)
    closed = {on: workdays.holiday(on, language()) for week in weeks for on in week}
    around = {"before": f"{first - timedelta(days=1):%Y-%m}", "after": f"{last + timedelta(days=1):%Y-%m}"}
    shown: dict[str, Any] = {"first": first, "weeks": weeks, "by_day": by_day, "closed": closed, "today": _today()}
    shown |= {"teams": teams, "team": team, **around}
    return page("people_days.html", **shown)


def _month() -> date:
    """?month=2026-12; else this one."""
    try:
        first = date.fromisoformat(request.args.get("month", "") + "-01")
    except ValueError:
        return _today().replace(day=1)
    return first if YEARS[0] <= first.year <= YEARS[1] else _today().replace(day=1)
