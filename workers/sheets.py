"""The errand that reads an uploaded sheet: with an error nothing is kept, else it becomes the table's draft."""

from collections.abc import Callable, Sequence
from typing import Any

from flask import Flask

import clock
from curation.grid import Grid, column_letters, place_of
from curation.sheets import Opened, open_sheet
from responses.problems import Problem
from store import audit, database, versions
from store.errands import Errand
from workers import words

KIND = "sheet"

_STEPS = 4  # begun, compared with what modules need, read and checked, kept
_MOST_PROBLEMS = 400
_MOST_CELLS = 6_000  # of a sheet that is shown with its problems
_MOST_SHOWN_ROWS = 300
_AROUND = 2  # rows above and below a problem
_LONGEST = 80


def read(app: Flask, errand: Errand, tell: Callable[[int, int], bool]) -> dict[str, Any]:
    """`errand.given`: new_columns, and the draft's revision on which the person who uploads it looked."""
    name, data, given = errand.subject, errand.file or b"", errand.given
    tell(1, _STEPS)
    with database.reading() as session:
        expected = words.expected(session, name, bool(given.get("new_columns")))
    if not tell(2, _STEPS):
        return {}
    opened = open_sheet(name, errand.file_name, data, expected)
    found: dict[str, Any] = {
        "problems": [_problem(problem) for problem in sorted(opened.problems, key=_order)[:_MOST_PROBLEMS]],
        "more": max(len(opened.problems) - _MOST_PROBLEMS, 0),
    }
    if opened.table is None:
        return found | {"kept": False, "shown": _shown(opened)}
    if not tell(3, _STEPS):
        return {}
    return found | _keep(errand, opened.table.to_json(), data) | {"rows": len(opened.table.rows)}


def _keep(errand: Errand, content: str, data: bytes) -> dict[str, Any]:
    name, based_on = errand.subject, errand.given.get("revision")
    try:
        with database.writing() as session:
            before = versions.get(session, versions.TABLE, name, versions.DRAFT)
            if before and before.saved_by == errand.asked_by and before.file == data:
                return {"kept": True, "revision": before.revision}  # a worker before us kept it, and died of something
            replaced = {"file": before.file_name, "by": before.saved_by} if before else None
            now, who = clock.now(), errand.asked_by
            draft = versions.save_draft(
                session, versions.TABLE, name, content, now, errand.file_name, data, who=who, based_on=based_on
            )
            after = {"file": errand.file_name}
            audit.note(session, now, who, "table.drafted", f"table:{name}", replaced, after)
            return {"kept": True, "revision": draft.revision}
    except versions.Overtaken as overtaken:
        current = overtaken.current
        return {"kept": False, "overtaken": current.saved_by if current else "", "shown": None}


def _order(problem: Problem) -> tuple[bool, tuple[int, int]]:
    """Errors first, then from the top of the sheet to its end."""
    return problem.level != "error", place_of(problem.cell) if problem.cell else (0, 0)


def _problem(problem: Problem) -> dict[str, Any]:
    return problem.json() | {"korean": list(problem.korean)}


def _shown(opened: Opened) -> dict[str, Any] | None:
    """The uploaded cells with what is around the problems; all of them where that is not too much."""
    grid = opened.grid
    if grid is None or not grid.rows:
        return None
    cells = [place_of(problem.cell) for problem in opened.problems if problem.cell]
    width = max([len(row) for row in grid.rows] + [column + 1 for _, column in cells])
    most = max(min(_MOST_SHOWN_ROWS, _MOST_CELLS // max(width, 1)), 20)
    places = _places(grid, [number for number, _ in cells], most)
    rows = [{"number": grid.numbers[place], "cells": [_said(cell) for cell in grid.rows[place]]} for place in places]
    letters = [column_letters(column) for column in range(width)]
    return {"sheet": grid.sheet, "letters": letters, "rows": rows, "all": len(places) == len(grid.rows)}


def _places(grid: Grid, numbers: Sequence[int], most: int) -> list[int]:
    at = {number: place for place, number in enumerate(grid.numbers)}
    if len(grid.rows) <= most:
        return list(range(len(grid.rows)))
    wanted = dict.fromkeys(range(5))
    for number in sorted(set(numbers)):
        middle = at.get(number, 0)
        wanted |= dict.fromkeys(range(max(middle - _AROUND, 0), min(middle + _AROUND + 1, len(grid.rows))))
        if len(wanted) >= most:
            break
    return sorted(wanted)


def _said(cell: Any) -> str:
    text = "" if cell is None else "TRUE" if cell is True else "FALSE" if cell is False else str(cell)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
