"""From a grid of cells to a table: columns named, numbers read, and everything doubtful told by its cell."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curation import habits
from curation.files import grid
from curation.grid import MOST_ROWS, MOST_TOLD, Grid, NoGrid, cell_name, place_of, tidy
from curation.lookup import ANY, Cell, Expected, Table
from curation.spans import span_problems
from responses.keys import clean, fold, plain_number
from responses.problems import Problem, did_you_mean

_ERRORS = ("#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!")


@dataclass
class _Reading:
    file: str
    grid: Grid
    problems: list[Problem] = field(default_factory=list)

    def wrong(
        self, row: int, column: int, message: str, mend: str, korean: tuple[str, str], level: str = "error"
    ) -> None:
        """`row` and `column` are places in the grid; `korean` is the message and the mend."""
        line = self.grid.lines[row] if self.grid.lines else None
        cell = cell_name(column, self.grid.numbers[row])
        self.problems.append(Problem(self.file, line, message, mend, level, self.grid.sheet, cell, korean))

    @property
    def failed(self) -> bool:
        return any(problem.level == "error" for problem in self.problems)


@dataclass(frozen=True)
class Opened:
    """What came of a file: a table unless something is wrong with it, and its cells as far as they could be read."""

    table: Table | None
    problems: list[Problem]
    grid: Grid | None


def open_sheet(name: str, filename: str, data: bytes, expected: Expected | None) -> Opened:
    try:
        cells = grid(filename, data)
    except NoGrid as error:
        return Opened(None, error.problems(filename), None)
    reading = _Reading(filename, cells, [told for one in cells.unread for told in one.problems(filename)])
    table = _table(reading, name, expected)
    return Opened(None if reading.failed else table, reading.problems, cells)


def read_sheet(name: str, filename: str, data: bytes, expected: Expected | None) -> tuple[Table | None, list[Problem]]:
    opened = open_sheet(name, filename, data, expected)
    return opened.table, opened.problems


def _table(reading: _Reading, name: str, expected: Expected | None) -> Table | None:
    filled = list(reading.grid.filled())
    if not filled:
        mend, said = "Give it a row of column names, and rows below.", "첫 행에 열 이름을, 아래에 내용을 적어 주세요."
        message, sheet = "The sheet is empty", reading.grid.sheet
        reading.problems.append(Problem(reading.file, 1, message, mend, sheet=sheet, korean=("빈 시트예요", said)))
        return None
    unread = len(reading.problems)
    header, body = _header(reading, filled, expected)
    _tell_merged(reading, header, filled)
    columns = _columns(reading, header, body)
    _compare_columns(reading, header, columns, expected)
    if not body:
        korean = "열 이름만 있고 내용이 없어요", "아래에 행을 적어 주세요."
        reading.wrong(header, 0, "The sheet has column names but no rows", "Add rows below.", korean)
    if len(body) > MOST_ROWS:
        korean = f"{MOST_ROWS:,}행이 넘는 표예요", "여러 표로 나눠 주세요."
        reading.wrong(body[MOST_ROWS], 0, f"The sheet has more than {MOST_ROWS:,} rows", "Divide it.", korean)
    if any(problem.level == "error" for problem in reading.problems[unread:]):
        return None
    read = {name: _column(reading, name, place, body, expected) for name, place in columns.items()}
    if reading.failed:
        return None
    kept = tuple(zip(*read.values(), strict=True))
    table = Table(name, tuple(read), kept, tuple(reading.grid.numbers[place] for place in body))
    for one in span_problems(table):
        reading.wrong(body[one.row], columns[one.column], one.message, one.mend, one.korean, one.level)
    return table


# ---- columns ---------------------------------------------------------------------------


def _header(reading: _Reading, filled: list[int], expected: Expected | None) -> tuple[int, list[int]]:
    """The row of column names, and the rows below. A title above it is passed over where it is beyond doubt."""
    place = habits.header_place(reading.grid, filled, expected.before if expected else None)
    if place:
        number = reading.grid.numbers[filled[place]]
        message, mend = f"What stands above row {number} is taken for a title", "Remove it if you like."
        korean = f"{number}행 위의 내용은 제목으로 보고 읽지 않았어요", "지우면 더 분명해요."
        reading.wrong(filled[0], 0, message, mend, korean, "warning")
    return filled[place], filled[place + 1 :]


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
                _tell_nameless(reading, header, place, used)
        elif name in columns:
            first = cell_name(columns[name], reading.grid.numbers[header])
            korean = f"'{name}' 열이 두 번 있어요", f"{first}에 이미 있어요. 하나의 이름을 바꾸거나 지워 주세요."
            reading.wrong(header, place, f"The column '{name}' is there twice", f"It is in {first} already.", korean)
        else:
            columns[name] = place
    return columns


def _tell_nameless(reading: _Reading, header: int, place: int, used: int) -> None:
    where = cell_name(place, reading.grid.numbers[used])
    span = habits.merged_over(reading.grid, header, place)
    if span:
        message, mend = f"The cells {span} are merged over two columns", "Unmerge them and give each column its name."
        korean = f"{span}이 병합되어 있어서 이 열에 이름이 없어요", "병합을 풀고 열마다 이름을 적어 주세요."
    else:
        message, mend = "This column has no name", f"Name it, or empty {where} and what else stands in it."
        korean = "열 이름이 없어요", f"이름을 적거나, {where}부터 이 열의 내용을 지워 주세요."
        if habits.is_alone(reading.grid.rows[header]):
            mend += " If the first row is a title, remove it: the column names come first."
            korean = korean[0], f"{korean[1]} 첫 행이 제목이라면 지워 주세요. 열 이름이 맨 위에 와야 해요."
    reading.wrong(header, place, message, mend, korean)


def _compare_columns(reading: _Reading, header: int, columns: Mapping[str, int], expected: Expected | None) -> None:
    if expected is None:
        return
    if expected.known is not None:
        for name, place in columns.items():
            if name not in expected.known:
                hint = did_you_mean(name, expected.known - set(columns))
                listed = ", ".join(sorted(expected.known))
                meant = hint.partition("'")[2].rpartition("'")[0]
                perhaps = f"혹시 '{meant}'인가요? " if meant else ""
                korean = (
                    f"'{name}' 열은 지금까지 없던 열이에요",
                    f"{perhaps}일부러 더한 열이라면 '새 열이 있어요'에 표시하고 다시 올려 주세요.",
                )
                message, mend = f"Nothing knows the column '{name}'", hint or f"Take it out. Columns are: {listed}."
                reading.wrong(header, place, message, mend, korean)
    for name, module in expected.needed.items():
        if name not in columns and not (f"{name}_min" in columns and f"{name}_max" in columns):
            _tell_missing(reading, header, name, module, did_you_mean(name, columns))
    for name in sorted((expected.before or frozenset()) - set(columns) - set(expected.needed)):
        message = f"The column '{name}' was there before and is not any more"
        korean = (
            f"'{name}' 열이 전에는 있었는데 없어졌어요",
            "읽는 응답은 없어요. 일부러 뺀 것이 아니라면 다시 넣어 주세요.",
        )
        mend = "No module reads it; put it back if that was no intention."
        reading.wrong(header, 0, message, mend, korean, "warning")


def _tell_missing(reading: _Reading, header: int, name: str, module: str, hint: str) -> None:
    pair = "" if name.endswith(("_min", "_max")) else f"'{name}_min', '{name}_max'"
    message = f"The module {module} needs a column '{name}'" + (f" (or {pair.replace(', ', ' and ')})" if pair else "")
    korean = (
        f"응답 {module}에 필요한 '{name}' 열이 없어요" + (f"({pair} 두 열이어도 돼요)" if pair else ""),
        "첫 행에 열 이름을 넣어 주세요.",
    )
    reading.wrong(header, 0, message, f"Add it to the first row. {hint}".strip(), korean)


def _tell_merged(reading: _Reading, header: int, filled: list[int]) -> None:
    """Merged cells whose lower or right part would have said something. Those of a title, or that only make the
    names' row higher, say nothing."""
    told = [span for span in reading.grid.merged if habits.hides_cells(reading.grid, span, header, filled)]
    for span in told[:MOST_TOLD]:
        message = f"The cells {span} are merged, and only the first has the value"
        mend = "Unmerge them and write the value into each row."
        korean = f"{span}이 병합되어 있어서 첫 칸에만 값이 있어요", "병합을 풀고 행마다 값을 적어 주세요."
        sheet, cell = reading.grid.sheet, span.partition(":")[0]
        reading.problems.append(Problem(reading.file, None, message, mend, "warning", sheet, cell, korean))


# ---- cells -----------------------------------------------------------------------------


def _column(reading: _Reading, name: str, place: int, body: Sequence[int], expected: Expected | None) -> list[Cell]:
    rows = reading.grid.rows
    cells = _with_values(reading, place, body, [rows[row][place] if place < len(rows[row]) else None for row in body])
    known = expected is not None and name in expected.numbers
    bound = name.endswith(("_min", "_max"))
    numbers = [_number(cell) for cell in cells]
    if not (known or bound or _mostly_numbers(cells, numbers)):
        _tell_units(reading, name, place, body, cells)
        return [_text(cell) for cell in cells]
    told = 0
    for index, (cell, number) in enumerate(zip(cells, numbers, strict=True)):
        if cell is None or number is not None or (_text(cell) == ANY and not bound):
            continue
        told += 1
        if told <= MOST_TOLD:
            _tell_no_number(reading, name, body[index], place, tidy(str(cell))[:40])
    if habits.looks_like_serials(name, [cell for cell in cells if cell is not None]):
        message, mend = f"'{name}' looks like dates that Excel shows as numbers", "Format the column as dates."
        korean = f"'{name}' 열은 날짜가 숫자로 바뀐 것처럼 보여요", "엑셀에서 열의 표시 형식을 날짜로 바꿔 주세요."
        reading.wrong(body[0], place, message, mend, korean, "warning")
    return [_text(cell) if number is None else number for cell, number in zip(cells, numbers, strict=True)]


def _with_values(reading: _Reading, place: int, body: Sequence[int], cells: Sequence[Any]) -> list[Any]:
    """Without those that are no values but a formula's error; which are told here if they have not been yet."""
    unread = {place_of(cell) for one in reading.grid.unread for cell in one.cells}
    kept = []
    for row, cell in zip(body, cells, strict=True):
        told = (reading.grid.numbers[row], place) in unread
        failed = isinstance(cell, str) and cell.upper() in _ERRORS
        if failed and not told:
            korean = f"수식이 오류({cell})를 내고 있어요", "수식을 고치거나 칸을 비워 주세요."
            reading.wrong(row, place, f"The formula here gives the error {cell}", "Mend the formula.", korean)
        kept.append(None if told or failed else cell)
    return kept


def _tell_no_number(reading: _Reading, name: str, row: int, place: int, shown: str) -> None:
    bare = habits.without_unit(shown)
    if shown == ANY:
        mend, said = "Leave it empty for no bound.", "끝이 없는 범위라면 비워 두세요."
    elif bare:
        mend, said = f"Write {bare}, without a unit.", f"단위를 빼고 숫자만 적어 주세요: {bare}"
    else:
        mend, said = "Write digits only, or leave it empty.", "숫자만 적거나 비워 두세요."
    message = f"'{shown}' is no number, but '{name}' is a column of numbers"
    reading.wrong(row, place, message, mend, (f"'{name}' 열은 숫자만 받는데 여기에 '{shown}' 글자가 있어요", said))


def _tell_units(reading: _Reading, name: str, place: int, body: Sequence[int], cells: Sequence[Any]) -> None:
    """Prices as 1,200원 in every row: they would stay texts, which nobody can count with."""
    first = next((index for index, cell in enumerate(cells) if cell is not None), 0)
    if habits.are_numbers_with_units([cell for cell in cells if cell is not None]):
        bare = habits.without_unit(str(cells[first]))
        message = f"'{name}' has numbers with units, so all of it stays text"
        mend = f"Write {bare} in place of {cells[first]}, if modules are to count with it."
        korean = (
            f"'{name}' 열은 숫자에 단위가 붙어 있어서 글자로만 읽혀요",
            f"계산에 쓰려면 단위를 빼고 숫자만 적어 주세요: {bare}",
        )
        reading.wrong(body[first], place, message, mend, korean, "warning")


def _number(cell: Any) -> int | float | None:
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, int | float):
        return cell if math.isfinite(cell) else None
    number = plain_number(cell)
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _mostly_numbers(cells: Sequence[Any], numbers: Sequence[Any]) -> bool:
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
