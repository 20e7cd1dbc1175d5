"""Habits of those who make sheets for people to look at: titles, merged cells, units, dates that became numbers."""

import re
from collections.abc import Sequence
from typing import Any

from curation.grid import Grid, place_of
from responses.keys import clean, plain_number

_MOST_ABOVE = 5  # rows with something in them, above the names
_UNIT = re.compile(r"([+-]?[0-9][0-9,]*(?:\.[0-9]+)?)\s*([^0-9\s,.:/~\-][^0-9\s,.:/~\-]{0,4})")
_DATES = re.compile(r"날짜|일자|시작일|종료일|마감|date|\bday\b", re.IGNORECASE)
_SERIALS = (36_526, 73_051)  # 2000-01-01 to 2100-01-01


def header_place(grid: Grid, filled: Sequence[int], before: frozenset[str] | None) -> int:
    """Which of the filled rows has the column names: the first, unless what stands above is a title beyond doubt:
    alone in its row, and merged over several columns, or with an empty row below, or above the very columns that
    the table has had."""
    place = 0
    while place < min(_MOST_ABOVE, len(filled) - 2) and is_alone(grid.rows[filled[place]]):
        place += 1
    names = {clean(str(cell)) for cell in grid.rows[filled[place]] if cell is not None}
    if not place or len(names) < 2 or not all(map(_is_name, grid.rows[filled[place]])):
        return 0
    title, header = filled[0], filled[place]
    merged = any(_rows(span)[0] == grid.numbers[title] for span in grid.merged)
    known = before is not None and 2 * len(names & before) >= len(before)
    return place if merged or known or header - title > place else 0


def is_alone(row: Sequence[Any]) -> bool:
    return sum(cell is not None for cell in row) == 1


def _is_name(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and plain_number(cell) is None)


def _rows(span: str) -> tuple[int, int]:
    first, _, last = span.partition(":")
    return place_of(first)[0], place_of(last or first)[0]


def _columns(span: str) -> tuple[int, int]:
    first, _, last = span.partition(":")
    return place_of(first)[1], place_of(last or first)[1]


def merged_over(grid: Grid, row: int, column: int) -> str:
    """The span of merged cells that reaches over this one, or nothing."""
    for span in grid.merged:
        (top, bottom), (left, right) = _rows(span), _columns(span)
        if top <= grid.numbers[row] <= bottom and left < column <= right:
            return span
    return ""


def hides_cells(grid: Grid, span: str, header: int, filled: Sequence[int]) -> bool:
    """Whether these merged cells belong to a row of the table, and reach into another one or another column."""
    (top, bottom), (left, right) = _rows(span), _columns(span)
    covered = [grid.numbers[place] for place in filled if place >= header and top <= grid.numbers[place] <= bottom]
    if not covered or bottom < grid.numbers[header]:
        return False
    return len(covered) > 1 or (right > left and covered != [grid.numbers[header]])


def without_unit(shown: str) -> str:
    """1200 of 1,200원; nothing when it is no number with a unit."""
    found = _UNIT.fullmatch(clean(shown))
    return found[1].replace(",", "") if found else ""


def are_numbers_with_units(cells: Sequence[Any]) -> bool:
    """All of them, and with one and the same unit: 1,200원, 900원. A single one may be a name."""
    units = {found[2] if found else "" for found in (_UNIT.fullmatch(clean(str(cell))) for cell in cells[:1_000])}
    return len(cells) > 1 and len(units) == 1 and "" not in units


def looks_like_serials(name: str, cells: Sequence[Any]) -> bool:
    low, high = _SERIALS
    return bool(_DATES.search(name) and cells) and all(type(cell) is int and low <= cell < high for cell in cells)
