"""From a grid of cells to a table: columns named, numbers read, and everything doubtful told by its cell."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curation.files import MOST_ROWS, Grid, NoGrid, cell_name, grid, tidy
from curation.lookup import ANY, Cell, Expected, Table
from curation.spans import span_problems
from responses.keys import clean, fold, plain_number
from responses.problems import Problem, did_you_mean

_ERRORS = ("#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!")
_MOST_TOLD = 20  # of one kind in one column; a person mends the first ones and uploads again


@dataclass
class _Reading:
    file: str
    grid: Grid
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, row: int, column: int, message: str, mend: str, level: str = "error") -> None:
        """`row` and `column` are places in the grid."""
        line = self.grid.lines[row] if self.grid.lines else None
        cell = cell_name(column, self.grid.numbers[row])
        self.problems.append(Problem(self.file, line, message, mend, level, self.grid.sheet, cell))

    @property
    def failed(self) -> bool:
        return any(problem.level == "error" for problem in self.problems)


def read_sheet(name: str, filename: str, data: bytes, expected: Expected | None) -> tuple[Table | None, list[Problem]]:
    try:
        cells = grid(filename, data)
    except NoGrid as error:
        return None, error.problems(filename)
    reading = _Reading(filename, cells)
    table = _table(reading, name, expected)
    return (None if reading.failed else table), reading.problems


def _table(reading: _Reading, name: str, expected: Expected | None) -> Table | None:
    rows = reading.grid.rows
    filled = [place for place, row in enumerate(rows) if any(cell is not None for cell in row)]
    if not filled:
        mend = "Give it a row of column names, and rows below."
        reading.problems.append(Problem(reading.file, 1, "The sheet is empty", mend, sheet=reading.grid.sheet))
        return None
    header, body = filled[0], filled[1:]
    columns = _columns(reading, header, body)
    _compare_columns(reading, header, columns, expected)
    _tell_merged(reading)
    if not body:
        reading.wrong(header, 0, "The sheet has column names but no rows", "Add rows below.")
    if len(body) > MOST_ROWS:
        reading.wrong(body[MOST_ROWS], 0, f"The sheet has more than {MOST_ROWS:,} rows", "Divide it.")
    if reading.failed:
        return None
    read = {name: _column(reading, name, place, body, expected) for name, place in columns.items()}
    kept = tuple(zip(*read.values(), strict=True))
    table = Table(name, tuple(read), kept, tuple(reading.grid.numbers[place] for place in body))
    for column, row, message, mend, level in span_problems(table):
        reading.wrong(body[row], columns[column], message, mend, level)
    return table


# ---- columns ---------------------------------------------------------------------------


def _columns(reading: _Reading, header: int, body: Sequence[int]) -> dict[str, int]:
    rows = reading.grid.rows
    widest = max(len(rows[place]) for place in (header, *body))
    columns: dict[str, int] = {}
    for place in range(widest):
        named = rows[header][place] if place < len(rows[header]) else None
        name = clean(str(named)) if named is not None else ""
        if not name:
            used = next((row for row in body if place < len(rows[row]) and rows[row][place] is not None), None)
            if used is not None:
                where = cell_name(place, reading.grid.numbers[used])
                mend = f"Name it, or empty {where} and what else stands in it."
                reading.wrong(header, place, "This column has no name", mend)
        elif name in columns:
            first = cell_name(columns[name], reading.grid.numbers[header])
            reading.wrong(header, place, f"The column '{name}' is there twice", f"It is in {first} already.")
        else:
            columns[name] = place
    return columns


def _compare_columns(reading: _Reading, header: int, columns: Mapping[str, int], expected: Expected | None) -> None:
    if expected is None:
        return
    if expected.known is not None:
        for name, place in columns.items():
            if name not in expected.known:
                hint = did_you_mean(name, expected.known - set(columns))
                mend = hint or f"Take it out. Columns are: {', '.join(sorted(expected.known))}."
                reading.wrong(header, place, f"Nothing knows the column '{name}'", mend)
    for name, module in expected.needed.items():
        if name not in columns and not (f"{name}_min" in columns and f"{name}_max" in columns):
            either = "" if name.endswith(("_min", "_max")) else f" (or '{name}_min' and '{name}_max')"
            hint = did_you_mean(name, columns)
            message = f"The module {module} needs a column '{name}'{either}"
            reading.wrong(header, 0, message, f"Add it to the first row. {hint}".strip())
    for name in sorted((expected.before or frozenset()) - set(columns) - set(expected.needed)):
        message = f"The column '{name}' was there before and is not any more"
        reading.wrong(header, 0, message, "No module reads it; put it back if that was no intention.", "warning")


def _tell_merged(reading: _Reading) -> None:
    for span in reading.grid.merged[:_MOST_TOLD]:
        message = f"The cells {span} are merged, and only the first has the value"
        mend = "Unmerge them and write the value into each row."
        sheet = reading.grid.sheet
        reading.problems.append(Problem(reading.file, None, message, mend, "warning", sheet, span.partition(":")[0]))


# ---- cells -----------------------------------------------------------------------------


def _column(reading: _Reading, name: str, place: int, body: Sequence[int], expected: Expected | None) -> list[Cell]:
    rows = reading.grid.rows
    cells = [rows[row][place] if place < len(rows[row]) else None for row in body]
    for index, cell in enumerate(cells):
        if isinstance(cell, str) and cell.upper() in _ERRORS:
            reading.wrong(body[index], place, f"The formula here gives the error {cell}", "Mend the formula.")
    known = expected is not None and name in expected.numbers
    bound = name.endswith(("_min", "_max"))
    numbers = [_number(cell) for cell in cells]
    if not (known or bound or _mostly_numbers(cells, numbers, reading.grid.texts)):
        return [_text(cell) for cell in cells]
    told = 0
    for index, (cell, number) in enumerate(zip(cells, numbers, strict=True)):
        if cell is None or number is not None or (_text(cell) == ANY and not bound):
            continue
        told += 1
        if told <= _MOST_TOLD:
            mend = "Leave it empty for no bound." if _text(cell) == ANY else "Write digits only, or leave it empty."
            shown = tidy(str(cell))[:40]
            reading.wrong(body[index], place, f"'{shown}' is no number, but '{name}' is a column of numbers", mend)
    return [_text(cell) if number is None else number for cell, number in zip(cells, numbers, strict=True)]


def _number(cell: Any) -> int | float | None:
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, int | float):
        return cell if math.isfinite(cell) else None
    number = plain_number(cell)
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _mostly_numbers(cells: Sequence[Any], numbers: Sequence[Any], texts: bool) -> bool:
    """More than half of what is filled in. Digits with a leading zero are codes, such as 010 or 007."""
    filled = [(cell, number) for cell, number in zip(cells, numbers, strict=True) if cell is not None and cell != ANY]
    if any(isinstance(cell, str) and _is_code(cell) for cell, _ in filled):
        return False
    return 2 * sum(number is not None for _, number in filled) > len(filled)


def _is_code(cell: str) -> bool:
    digits = fold(cell)
    return len(digits) > 1 and digits[0] == "0" and digits.isdigit()


def _text(cell: Any) -> Cell:
    return cell if cell is None or isinstance(cell, str | bool | int | float) else str(cell)


# ---- export ----------------------------------------------------------------------------


def csv_text(table: Table) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([_exported(column) for column in table.columns])
    writer.writerows([_exported(cell) for cell in row] for row in table.rows)
    return out.getvalue()


def _exported(cell: Cell) -> str:
    """A text that a spreadsheet would take for a formula begins with a ' instead."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, int | float):
        return str(int(cell)) if float(cell).is_integer() else repr(cell)
    is_formula = cell[:1] in ("=", "+", "-", "@", "\t", "\r") and plain_number(cell) is None
    return f"'{cell}" if is_formula else cell
