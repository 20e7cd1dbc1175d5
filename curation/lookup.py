"""Tables that staff keep as sheets, and how a module finds a row in one."""

import json
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any

from responses.keys import fold, plain_number
from responses.problems import ModuleError, did_you_mean

Cell = str | int | float | bool | None
ANY = "*"


@dataclass(frozen=True)
class Table:
    """One version of a table. `row_numbers` are the sheet's own, so that a trace can point at the cell."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    row_numbers: tuple[int, ...]
    version: int | None = None

    def lookup(self, **keys: Any) -> tuple[dict[str, Cell] | None, int | None]:
        """The first row that matches every key, with its row number in the sheet.

        An unknown key is a ModuleError.
        """
        conditions = [self._condition(key, value) for key, value in keys.items()]
        conditions.sort(key=lambda condition: condition.size)
        for place in conditions[0].places if conditions else range(len(self.rows)):
            if all(condition.holds(place) for condition in conditions[1:]):
                return dict(zip(self.columns, self.rows[place], strict=True)), self.row_numbers[place]
        return None, None

    def prepare(self, keys: Iterable[str]) -> None:
        """Index the columns that these keys need, so that the look-up itself is quick."""
        for key in keys:
            self._condition(key, None)

    def keys(self) -> list[str]:
        """The names that a look-up in this table may use."""
        pairs = [name[:-4] for name in self.columns if name.endswith("_min") and f"{name[:-4]}_max" in self.columns]
        return [*self.columns, *pairs]

    def column(self, name: str) -> list[Cell]:
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def to_json(self) -> str:
        kept = {
            "name": self.name,
            "columns": self.columns,
            "rows": self.rows,
            "row_numbers": self.row_numbers,
        }
        return json.dumps(kept, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, version: int | None = None) -> "Table":
        kept = json.loads(text)
        rows = tuple(tuple(row) for row in kept["rows"])
        return cls(kept["name"], tuple(kept["columns"]), rows, tuple(kept["row_numbers"]), version)

    @cached_property
    def _equal(self) -> dict[str, "_Words"]:
        return {}

    @cached_property
    def _ranges(self) -> dict[str, "_Ranges"]:
        return {}

    def _condition(self, key: str, value: Any) -> "_Condition":
        if key in self.columns:
            if key not in self._equal:
                self._equal[key] = _Words(self.column(key))
            return self._equal[key].condition(comparable(value))
        low, high = f"{key}_min", f"{key}_max"
        if low in self.columns and high in self.columns:
            if key not in self._ranges:
                self._ranges[key] = _Ranges(self.column(low), self.column(high))
            return self._ranges[key].condition(comparable(value))
        hint = did_you_mean(key, self.keys())
        raise ModuleError(
            f"the table '{self.name}' has no column '{key}' and no pair '{low}', '{high}'. {hint}".strip()
        )


@dataclass(frozen=True)
class Expected:
    """What an uploaded sheet is compared with."""

    known: frozenset[str] | None = None  # columns that may be there; None: any
    numbers: frozenset[str] = frozenset()  # columns of numbers until now
    needed: Mapping[str, str] = field(default_factory=dict)  # column or key of a look-up -> the module using it
    before: frozenset[str] | None = None  # columns of the version that is live

    @classmethod
    def of(cls, live: Table | None, needed: Mapping[str, str], new_columns: bool = False) -> "Expected":
        """From the version that is live and what modules use; `new_columns` lets others in."""
        if live is None:
            return cls(needed=needed)
        used = frozenset(f"{name}{end}" for name in needed for end in ("", "_min", "_max"))
        known = None if new_columns else used | frozenset(live.columns)
        numbers = frozenset(name for name in live.columns if _all_numbers(live.column(name)))
        return cls(known, numbers, needed, frozenset(live.columns))


def _all_numbers(cells: list[Cell]) -> bool:
    filled = [cell for cell in cells if cell is not None and cell != ANY]
    return bool(filled) and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in filled)


@dataclass(frozen=True)
class _Condition:
    places: Iterable[int]  # of rows that may match, in sheet order
    size: int
    holds: Callable[[int], bool]


# A cell or key for comparing: ("number", 12) or ("text", "감량"); None where there is nothing.
_Comparable = tuple[str, Any] | None


def comparable(value: Any) -> _Comparable:
    """Numbers, and texts that read as numbers, compare as numbers; everything else as folded text."""
    if isinstance(value, bool):
        return "text", str(value).casefold()
    if isinstance(value, int | float):
        return ("number", value) if math.isfinite(value) else ("text", str(value))
    if value is None or isinstance(value, str):
        said = value.strip() if value else ""
        if not said:
            return None
        number = plain_number(said) if not said[0].isalpha() else None
        return ("text", fold(said)) if number is None else ("number", number)
    if isinstance(value, datetime | date):
        return "text", value.isoformat()
    raise ModuleError("a look-up compares numbers and texts, not lists or rows")


class _Words:
    """A column that a key has to equal."""

    def __init__(self, cells: list[Cell]) -> None:
        self.any: list[int] = []
        self.found: dict[_Comparable, list[int]] = {}
        for place, cell in enumerate(cells):
            if isinstance(cell, str) and cell.strip() == ANY:
                self.any.append(place)
            else:
                self.found.setdefault(comparable(cell), []).append(place)

    def condition(self, wanted: _Comparable) -> _Condition:
        exact = self.found.get(wanted, [])
        places = sorted(exact + self.any) if self.any and exact else exact or self.any
        among = frozenset(places)
        return _Condition(places, len(places), among.__contains__)


class _Ranges:
    """A pair of columns around a key: from the first, included, up to the second, not included."""

    def __init__(self, lows: list[Cell], highs: list[Cell]) -> None:
        self.bounds = list(zip(map(comparable, lows), map(comparable, highs), strict=True))
        self.starts = self._disjoint()

    def _disjoint(self) -> tuple[list[float], list[int]] | None:
        """Starts in order and their rows, where a number lies in one range at most: searching is quick."""
        spans = []
        for place, (low, high) in enumerate(self.bounds):
            if (low and low[0] != "number") or (high and high[0] != "number"):
                return None
            start = low[1] if low else -math.inf
            end = high[1] if high else math.inf
            if start < end:
                spans.append((start, end, place))
        spans.sort()
        if any(one[1] > following[0] for one, following in zip(spans, spans[1:], strict=False)):
            return None
        return [span[0] for span in spans], [span[2] for span in spans]

    def condition(self, wanted: _Comparable) -> _Condition:
        def holds(place: int) -> bool:
            return _within(wanted, *self.bounds[place])

        if self.starts is not None and wanted is not None and wanted[0] == "number":
            starts, rows = self.starts
            found = bisect_right(starts, wanted[1]) - 1
            places = [rows[found]] if found >= 0 and holds(rows[found]) else []
            return _Condition(places, len(places), holds)
        everywhere = range(len(self.bounds))
        return _Condition((place for place in everywhere if holds(place)), len(everywhere), holds)


def _within(wanted: _Comparable, low: _Comparable, high: _Comparable) -> bool:
    if wanted is None:
        return low is None and high is None
    return (low is None or not _less(wanted, low)) and (high is None or _less(wanted, high))


def _less(one: tuple[str, Any], other: tuple[str, Any]) -> bool:
    if one[0] == other[0]:
        return bool(one[1] < other[1])
    return str(one[1]) < str(other[1])


def row_trace(
    table: Table, row: Mapping[str, Cell] | None, number: int | None, keys: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "table": table.name,
        "version": table.version,
        "row": number,
        "cells": dict(row) if row is not None else None,
        "keys": keys,  # what was asked for
    }
