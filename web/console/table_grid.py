"""Tables as pages show them: a page of rows, the rows where words are found, the rows that differ."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from curation.lookup import Cell, Table
from curation.table_changes import ADDED, CHANGED, MOVED, REMOVED, SAME, Change, Changes
from responses.keys import fold, plain_number
from web.words import t

PAGE = 200
KINDS = (ADDED, REMOVED, CHANGED, MOVED)


@dataclass(frozen=True)
class Part:
    """One page of something long; pages count from 1."""

    rows: list[Any]
    number: int
    pages: int
    total: int


def part(rows: Sequence[Any], number: int) -> Part:
    pages = max(-(-len(rows) // PAGE), 1)
    number = min(max(number, 1), pages)
    return Part(list(rows[(number - 1) * PAGE : number * PAGE]), number, pages, len(rows))


def said(cell: Cell) -> str:
    """As the sheet has it: no commas that nobody wrote."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    return str(cell)


def is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def found(table: Table, words: str) -> list[int]:
    """The places of the rows that have these words in some cell; a number as it is written, or without its commas."""
    wanted = fold(words)
    number = plain_number(words)
    if number is None:
        return [place for place, row in enumerate(table.rows) if any(wanted in said(cell).casefold() for cell in row)]
    digits = said(number)
    return [
        place
        for place, row in enumerate(table.rows)
        if any(wanted in text or digits in text for text in (said(cell).casefold() for cell in row))
    ]


# ---- what differs ----------------------------------------------------------------------


@dataclass(frozen=True)
class ChangedCell:
    before: str
    after: str
    kind: str  # same, added, removed, changed


@dataclass(frozen=True)
class ChangedRow:
    kind: str
    before: int | None  # the sheets' own row numbers
    after: int | None
    moved: bool
    cells: list[ChangedCell]


def columns_of(changes: Changes, after: Table) -> list[tuple[str, str]]:
    """Name and kind of each column: those of the later version, then those that went."""
    now = [(name, ADDED if name in changes.columns_added else SAME) for name in after.columns]
    return now + [(name, REMOVED) for name in changes.columns_removed]


def changed_rows(changes: Changes, before: Table, after: Table, every: bool, number: int) -> Part:
    """Only what differs, unless all are wanted, or nothing but columns differs."""
    some = changes.rows if every else [row for row in changes.rows if row.kind != SAME]
    page = part(some or changes.rows, number)
    columns = columns_of(changes, after)
    rows = [_changed(row, before, after, columns) for row in page.rows]
    return Part(rows, page.number, page.pages, page.total)


def _changed(row: Change, before: Table, after: Table, columns: Sequence[tuple[str, str]]) -> ChangedRow:
    old = None if row.before is None else dict(zip(before.columns, before.rows[row.before], strict=True))
    new = None if row.after is None else dict(zip(after.columns, after.rows[row.after], strict=True))
    return ChangedRow(
        row.kind,
        None if row.before is None else before.row_numbers[row.before],
        None if row.after is None else after.row_numbers[row.after],
        row.moved,
        list(_cells(row, old, new, columns)),
    )


def _cells(
    row: Change, old: dict[str, Cell] | None, new: dict[str, Cell] | None, columns: Sequence[tuple[str, str]]
) -> Iterator[ChangedCell]:
    for name, column in columns:
        was, now = said((old or {}).get(name)), said((new or {}).get(name))
        if row.kind in (ADDED, REMOVED):
            yield ChangedCell(was, now, row.kind)
        elif column != SAME:
            yield ChangedCell(was, now, column)
        else:
            yield ChangedCell(was, now, CHANGED if name in row.cells else SAME)


def kind_words(kind: str) -> str:
    return {
        ADDED: t("새 행", "Added"),
        REMOVED: t("없어진 행", "Removed"),
        CHANGED: t("바뀐 행", "Changed"),
        MOVED: t("자리만 옮긴 행", "Moved"),
        SAME: t("같은 행", "Same"),
    }[kind]
