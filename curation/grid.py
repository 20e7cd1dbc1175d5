"""A sheet as cells, whatever file it came from; and how a file that is none is refused."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from responses.problems import Problem

LARGEST_FILE = 10 * 1024 * 1024
LARGEST_UNZIPPED = 100 * 1024 * 1024
MOST_ROWS = 50_000
MOST_COLUMNS = 200
MOST_TOLD = 20  # of one kind; a person mends the first ones and uploads again


class NoGrid(Exception):
    """What keeps a file, or these cells of it, from being read as a sheet. `korean`: the message and the mend."""

    def __init__(
        self,
        message: str,
        mend: str,
        korean: tuple[str, str],
        line: int | None = None,
        cells: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message, self.mend, self.korean = message, mend, korean
        self.line = line
        self.cells = cells
        self.sheet: str | None = None

    def problems(self, file: str) -> list[Problem]:
        return [
            Problem(file, self.line, self.message, self.mend, sheet=self.sheet, cell=cell, korean=self.korean)
            for cell in self.cells[:MOST_TOLD] or (None,)
        ]


@dataclass
class Grid:
    """Cells as they were written: texts, and from spreadsheets also numbers, dates and truths."""

    sheet: str | None
    rows: list[list[Any]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)  # of the rows, as a spreadsheet shows them
    lines: list[int] | None = None  # of the rows in a text file
    merged: list[str] = field(default_factory=list)
    texts: bool = False  # every cell came as text
    unread: list[NoGrid] = field(default_factory=list)  # cells of a workbook that have no value

    def filled(self) -> Iterator[int]:
        """The places of the rows that have something in them."""
        return (place for place, row in enumerate(self.rows) if any(cell is not None for cell in row))


def too_many_rows(what: str = "sheet") -> NoGrid:
    korean = f"{MOST_ROWS:,}행이 넘는 표예요", "여러 표로 나눠서 올려 주세요."
    return NoGrid(f"The {what} has more than {MOST_ROWS:,} rows", "Divide it into several tables.", korean)


def too_many_columns(what: str = "sheet", line: int | None = None) -> NoGrid:
    korean = f"열이 {MOST_COLUMNS}개가 넘어요", "쓰지 않는 열을 지우고 올려 주세요."
    message = f"The {what} has more than {MOST_COLUMNS} columns"
    return NoGrid(message, "Take out those that nobody needs.", korean, line)


def tidy(text: str) -> str:
    """Trimmed, without invisible characters; line ends inside a cell stay."""
    bare = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    if not bare.isprintable():
        bare = "".join(letter for letter in bare if letter in "\n\t" or not _unprinted(letter))
    return bare.strip()


def _unprinted(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs", "Cn") or letter in "\u200b\ufeff\u2028\u2029"


def cell_name(column: int, row: int) -> str:
    """Column 0 of row 3 is A3."""
    return f"{column_letters(column)}{row}"


def column_letters(column: int) -> str:
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def column_number(letters: str) -> int:
    """A is 1."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def place_of(cell: str) -> tuple[int, int]:
    """B3 is row 3, column 1."""
    letters = cell.rstrip("0123456789")
    return int(cell[len(letters) :]), column_number(letters) - 1
