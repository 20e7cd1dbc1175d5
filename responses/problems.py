"""What can be wrong with a module or a sheet, said so that the person who wrote it can mend it."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. `level` is `error` or `warning`; an error keeps the file from being stored."""

    file: str
    line: int | None
    message: str
    mend: str
    level: str = "error"
    sheet: str | None = None
    cell: str | None = None
    korean: tuple[str, str] = field(default=("", ""), compare=False)  # message and mend, for the console

    def json(self) -> dict[str, Any]:
        """As commands print it; a cell such as B3 is on line 3."""
        row = re.search(r"\d+", self.cell or "")
        known = asdict(self)
        del known["korean"]
        return known | {"line": int(row[0]) if self.line is None and row else self.line}

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part not in ("", None))
        cell = " ".join(part for part in (self.sheet, self.cell) if part)
        where = " ".join(part for part in (place, cell and f"[{cell}]") if part)
        said = f"{self.message}. {self.mend}" if self.mend else self.message
        return f"{where}: {said}" if where else said


class Invalid(ValueError):
    """A document with errors; `problems` has all that were found, warnings too."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ModuleError(Exception):
    """A module failed while it ran: its own mistake, never the worker's. `where` is like `values.bmr`."""

    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.message = message
        self.where = where


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence such as `Did you mean 'weight'?`, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"Did you mean '{close[0]}'?" if close else ""
