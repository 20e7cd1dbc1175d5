"""Where the ranges of a table (`carbs_min`, `carbs_max`) leave gaps, overlap, or are upside down."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from curation.lookup import ANY, Cell, Table

_MOST_COMPARED = 400  # rows against each other; larger tables are compared with their neighbours only
_MOST_TOLD = 20


class SpanProblem(NamedTuple):
    column: str
    row: int  # its place in table.rows
    message: str
    mend: str
    level: str
    korean: tuple[str, str]  # message and mend


class _Span(NamedTuple):
    low: float
    high: float

    def meets(self, other: "_Span") -> bool:
        return self.low < other.high and other.low < self.high

    def holds(self, other: "_Span") -> bool:
        return self.low <= other.low and other.high <= self.high

    def __str__(self) -> str:
        low = "" if self.low == -math.inf else f"{self.low:g}"
        high = "" if self.high == math.inf else f"{self.high:g}"
        return f"{low}~{high}"


def span_problems(table: Table) -> list[SpanProblem]:
    pairs = [name[:-4] for name in table.columns if name.endswith("_min") and f"{name[:-4]}_max" in table.columns]
    spans = {pair: _spans(table, pair) for pair in pairs}
    found = [problem for pair in pairs for problem in _upside_down(table, pair, spans[pair])]
    if found or not pairs or any(None in column for column in spans.values()):
        return found[:_MOST_TOLD]
    whole = {pair: [span for span in column if span is not None] for pair, column in spans.items()}
    groups = _groups(table, pairs)
    found += list(_overlaps(table, whole, groups))[:_MOST_TOLD]
    found += list(_gaps(table, whole, groups))[:_MOST_TOLD]
    return found


def _spans(table: Table, pair: str) -> list[_Span | None]:
    lows, highs = table.column(f"{pair}_min"), table.column(f"{pair}_max")
    return [_span(low, high) for low, high in zip(lows, highs, strict=True)]


def _span(low: Cell, high: Cell) -> _Span | None:
    if isinstance(low, str | bool) or isinstance(high, str | bool):
        return None  # told as text in a number column
    return _Span(-math.inf if low is None else low, math.inf if high is None else high)


def _upside_down(table: Table, pair: str, spans: list[_Span | None]) -> Iterator[SpanProblem]:
    for row, span in enumerate(spans):
        if span is not None and span.low >= span.high:
            message = f"'{pair}_min' ({span.low:g}) is not below '{pair}_max' ({span.high:g}), so nothing fits"
            korean = (
                f"'{pair}_min'({span.low:g})이 '{pair}_max'({span.high:g})보다 작지 않아서 맞는 값이 없어요",
                "둘을 바꾸거나 고쳐 주세요. 최댓값은 범위에 들어가지 않아요.",
            )
            mend = "Swap or correct them; the max is not included."
            yield SpanProblem(f"{pair}_min", row, message, mend, "error", korean)


def _groups(table: Table, pairs: list[str]) -> list[tuple[Cell, ...]]:
    """Rows that differ in a column which sorts them into kinds (감량, 유지) are never in each other's way."""
    bounds = {f"{pair}_{end}" for pair in pairs for end in ("min", "max")}
    kinds = [name for name in table.columns if name not in bounds and _sorts(table.column(name))]
    columns = [table.column(name) for name in kinds]
    return list(zip(*columns, strict=True)) if columns else [()] * len(table.rows)


def _sorts(cells: list[Cell]) -> bool:
    texts = {cell for cell in cells if isinstance(cell, str)}
    if ANY in texts:
        return True
    return len(texts) > 1 and None not in cells and 2 * len(set(cells)) <= len(cells)


def _overlaps(table: Table, spans: dict[str, list[_Span]], groups: list[tuple[Cell, ...]]) -> Iterator[SpanProblem]:
    first = next(iter(spans))
    order = sorted(range(len(table.rows)), key=lambda row: (spans[first][row].low, row))
    reach = len(order) if len(order) <= _MOST_COMPARED else 3
    for at, one in enumerate(order):
        for other in order[at + 1 : at + 1 + reach]:
            earlier, later = min(one, other), max(one, other)
            if groups[one] != groups[other] or not all(s[one].meets(s[other]) for s in spans.values()):
                continue
            number = table.row_numbers[earlier]
            if all(s[earlier].holds(s[later]) for s in spans.values()):
                message = f"This row is never found: row {number} above covers all of it"
                korean = f"이 행은 절대 쓰이지 않아요. 위의 {number}행이 모두 차지해요", "그 행보다 위로 옮겨 주세요."
                yield SpanProblem(f"{first}_min", later, message, "Move it above that row.", "warning", korean)
            elif not all(s[later].holds(s[earlier]) for s in spans.values()):  # a fallback row below is meant so
                shared = ", ".join(f"{pair} {_common(s[one], s[other])}" for pair, s in spans.items())
                message = f"This range overlaps row {number} ({shared}); the upper row wins"
                mend = "Let one range end where the other begins."
                korean = (
                    f"범위가 {number}행과 겹쳐요({shared}). 위에 있는 행이 쓰여요",
                    "한 범위가 끝나는 값에서 다음 범위가 시작하게 해 주세요.",
                )
                yield SpanProblem(f"{first}_min", later, message, mend, "warning", korean)


def _common(one: _Span, other: _Span) -> _Span:
    return _Span(max(one.low, other.low), min(one.high, other.high))


def _gaps(table: Table, spans: dict[str, list[_Span]], groups: list[tuple[Cell, ...]]) -> Iterator[SpanProblem]:
    """Along each range, among rows that are alike in everything else that a look-up may ask."""
    everything = _Span(-math.inf, math.inf)
    if any(all(column[row] == everything for column in spans.values()) for row in range(len(table.rows))):
        return  # a row for all that fits nowhere else
    for pair, column in spans.items():
        alike: dict[object, list[int]] = {}
        for row in range(len(table.rows)):
            rest = tuple(others[row] for name, others in spans.items() if name != pair)
            alike.setdefault((groups[row], rest), []).append(row)
        for rows in alike.values():
            yield from _gaps_along(table, pair, column, sorted(rows, key=lambda row: column[row]))


def _gaps_along(table: Table, pair: str, column: list[_Span], rows: list[int]) -> Iterator[SpanProblem]:
    covered = column[rows[0]].high
    for row in rows[1:]:
        span = column[row]
        if span.low > covered:
            message = f"No row is for {pair} from {covered:g} to below {span.low:g}"
            mend = f"Let a range reach there, or begin at {covered:g}."
            korean = (
                f"{pair} {covered:g} 이상 {span.low:g} 미만에 해당하는 행이 없어요",
                f"앞의 범위를 늘리거나 {covered:g}부터 시작하게 해 주세요.",
            )
            yield SpanProblem(f"{pair}_min", row, message, mend, "warning", korean)
        covered = max(covered, span.high)
