"""What differs between two versions of a table, row by row, as a person would tell it."""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from curation.lookup import Table

SAME, ADDED, REMOVED, CHANGED, MOVED = "same", "added", "removed", "changed", "moved"
_MOST_PAIRS = 40_000  # rows of both sides that are held against each other one by one
_Row = tuple[Any, ...]


class Change(NamedTuple):
    """`before` and `after` are places in the tables' rows; `cells`: the columns that differ."""

    kind: str
    before: int | None
    after: int | None
    cells: frozenset[str] = frozenset()
    moved: bool = False  # it stands elsewhere among the others; the first match wins, so that may matter


@dataclass(frozen=True)
class Changes:
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    rows: tuple[Change, ...]  # in the order of the later table, what was removed where it stood

    def count(self, kind: str) -> int:
        return sum(row.kind == kind for row in self.rows)

    @property
    def any(self) -> bool:
        return bool(self.columns_added or self.columns_removed) or any(row.kind != SAME for row in self.rows)


def compare(before: Table, after: Table, keys: Iterable[str] = ()) -> Changes:
    """`keys`: by what modules look rows up. A row is the same row where everything is equal, else where the keys are,
    if no two rows share them, else where at least half of the cells are."""
    common = [name for name in after.columns if name in before.columns]
    old, new = _rows(before, common), _rows(after, common)
    pairs = _equal(old, new)
    for columns in _identities(common, keys, old, new):
        _pair_by(columns, old, new, pairs)
    _pair_alike(old, new, pairs)
    return Changes(
        tuple(name for name in after.columns if name not in before.columns),
        tuple(name for name in before.columns if name not in after.columns),
        tuple(_told(common, old, new, pairs)),
    )


def _rows(table: Table, columns: Sequence[str]) -> list[_Row]:
    """The cells of these columns, with truths as what no sheet holds: TRUE is not 1."""
    places = [table.columns.index(name) for name in columns]
    same = list(columns) == list(table.columns)
    picked: list[_Row] = list(table.rows) if same else [tuple(row[place] for place in places) for row in table.rows]
    if any(cell is True or cell is False for row in picked for cell in row):
        picked = [tuple((cell,) if isinstance(cell, bool) else cell for cell in row) for row in picked]
    return picked


def _equal(old: Sequence[_Row], new: Sequence[_Row]) -> dict[int, int]:
    """Later place -> earlier place of rows that are equal; of several the first with the first."""
    found: dict[_Row, list[int]] = {}
    for place in range(len(old) - 1, -1, -1):
        found.setdefault(old[place], []).append(place)
    return {place: found[row].pop() for place, row in enumerate(new) if found.get(row)}


def _identities(
    columns: Sequence[str], keys: Iterable[str], old: Sequence[_Row], new: Sequence[_Row]
) -> Iterator[list[int]]:
    """Columns that tell rows apart in both versions: those that modules look up, or else the first one that does."""
    wanted = {f"{key}{end}" for key in keys for end in ("", "_min", "_max")}
    looked_up = [place for place, name in enumerate(columns) if name in wanted]
    candidates = ([looked_up] if looked_up else []) + [[place] for place in range(len(columns))]
    for places in candidates:
        if all(_tells_apart(places, rows) for rows in (old, new)):
            yield places
            return


def _tells_apart(places: Sequence[int], rows: Sequence[_Row]) -> bool:
    return len({tuple(row[place] for place in places) for row in rows}) == len(rows)


def _pair_by(columns: Sequence[int], old: Sequence[_Row], new: Sequence[_Row], pairs: dict[int, int]) -> None:
    taken = set(pairs.values())
    free = {tuple(row[at] for at in columns): place for place, row in enumerate(old) if place not in taken}
    for place, row in enumerate(new):
        if place not in pairs:
            found = free.pop(tuple(row[at] for at in columns), None)
            if found is not None:
                pairs[place] = found


def _pair_alike(old: Sequence[_Row], new: Sequence[_Row], pairs: dict[int, int]) -> None:
    """What is left: the most alike first, and of equals those that stand nearest."""
    taken = set(pairs.values())
    left = [place for place in range(len(old)) if place not in taken]
    right = [place for place in range(len(new)) if place not in pairs]
    if not left or not right or len(left) * len(right) > _MOST_PAIRS:
        return
    found = []
    for at, one in enumerate(right):
        for also, other in enumerate(left):
            alike = sum(a == b for a, b in zip(new[one], old[other], strict=True))
            if 2 * alike >= len(new[one]):
                found.append((-alike, abs(at - also), one, other))
    for _, _, one, other in sorted(found):
        if one not in pairs and other not in taken:
            pairs[one] = other
            taken.add(other)


def _told(columns: Sequence[str], old: Sequence[_Row], new: Sequence[_Row], pairs: dict[int, int]) -> Iterator[Change]:
    in_order = _longest_rise([pairs[place] for place in sorted(pairs)])
    removed = deque(sorted(set(range(len(old))) - set(pairs.values())))
    for place, row in enumerate(new):
        earlier = pairs.get(place)
        if earlier is None:
            yield Change(ADDED, None, place)
            continue
        while earlier in in_order and removed and removed[0] < earlier:
            yield Change(REMOVED, removed.popleft(), None)
        cells = frozenset[str]()
        if row != old[earlier]:
            cells = frozenset(name for name, one, other in zip(columns, old[earlier], row, strict=True) if one != other)
        moved = earlier not in in_order
        yield Change(CHANGED if cells else MOVED if moved else SAME, earlier, place, cells, moved)
    for place in removed:
        yield Change(REMOVED, place, None)


def _longest_rise(places: Sequence[int]) -> set[int]:
    """The most of these numbers that stand in rising order; the others have moved."""
    tails: list[int] = []  # of each length, the place in `places` where the lowest such run ends
    ends: list[int] = []
    before: list[int | None] = []
    for at, place in enumerate(places):
        length = bisect_left(ends, place)
        before.append(tails[length - 1] if length else None)
        tails[length : length + 1], ends[length : length + 1] = [at], [place]
    kept, at_end = set(), tails[-1] if tails else None
    while at_end is not None:
        kept.add(places[at_end])
        at_end = before[at_end]
    return kept
