"""A file of services, read and kept: for the command, and as the errand of somebody who uploads one at the console."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session

import clock
from curation.files import grid
from curation.grid import NoGrid, column_letters
from interaction.catalogue import Catalogue, read_rows, read_yaml
from responses.problems import Problem
from store import audit, database, services
from store.errands import Errand

KIND = "services"  # of the errand
_STEPS = 2
_MOST_PROBLEMS = 50


def read(name: str, data: bytes) -> Catalogue:
    """A YAML list by its name's ending, else a sheet."""
    if not name.lower().endswith((".yaml", ".yml")):
        return _sheet(name, data)
    try:
        return read_yaml(data.decode("utf-8-sig"), name)
    except UnicodeDecodeError:
        return Catalogue([], [Problem(name, None, "The file is not UTF-8 text", "Save it as UTF-8.")])


def _sheet(name: str, data: bytes) -> Catalogue:
    try:
        cells = grid(name, data)
    except NoGrid as error:
        return Catalogue([], error.problems(name))
    rows = [
        (cells.numbers[place], {column_letters(at): cell for at, cell in enumerate(cells.rows[place])})
        for place in cells.filled()
    ]
    catalogue = read_rows(name, cells.sheet, rows)
    catalogue.problems[:0] = [problem for unread in cells.unread for problem in unread.problems(name)]
    return catalogue


def keep(
    session: Session,
    catalogue: Catalogue,
    file: str,
    who: str,
    goes: Callable[[services.Service], bool],
) -> dict[str, int]:
    """Add and change them; of the others go those that `goes` says. Returns how many were added, changed, the same and
    removed."""
    wanted = [asdict(service) | {"synonyms": list(service.synonyms)} for service in catalogue.services]
    done = services.save(session, wanted, clock.now(), who, gone=goes)
    counts = {what: len(names) for what, names in done.items()}
    audit.note(session, clock.now(), who, "services.imported", "services", None, {"file": file, **counts})
    return counts


def errand(app: Flask, asked: Errand, tell: Callable[[int, int], bool]) -> dict[str, Any]:
    """With an error nothing is kept. `asked.given`: examples, to take out those of the first start."""
    tell(0, _STEPS)
    catalogue = read(asked.file_name, asked.file or b"")
    problems = [one.json() | {"korean": list(one.korean)} for one in catalogue.problems[:_MOST_PROBLEMS]]
    found: dict[str, Any] = {"problems": problems, "more": len(catalogue.problems[_MOST_PROBLEMS:])}
    if catalogue.failed or not tell(1, _STEPS):
        return found | {"counts": None}

    def goes(service: services.Service) -> bool:
        return service.origin == services.SHIPPED and bool(asked.given.get("examples"))

    with database.writing() as session:
        return found | {"counts": keep(session, catalogue, asked.file_name, asked.asked_by, goes)}
