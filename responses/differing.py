"""Where two texts, or two rows of texts, differ."""

import re
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple, TypeVar

_TOKEN = re.compile(r"\s+|[^\W\d_]+|[\d.,]*\d|.", re.DOTALL)
_MOST_TOKENS = 1_500  # beyond, comparing would take longer than reading
ALIKE = 0.5  # so much of two texts is the same when one was made from the other

T = TypeVar("T")


class Piece(NamedTuple):
    text: str
    differs: bool


def words(before: str, after: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces, those marked that the other has not."""
    if before == after:
        return [Piece(before, False)], [Piece(after, False)]
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    if not old or not new or max(len(old), len(new)) > _MOST_TOKENS:
        return [Piece(before, True)], [Piece(after, True)]
    was: list[Piece] = []
    now: list[Piece] = []
    for what, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        same = what == "equal"
        if i < j:
            was.append(Piece("".join(old[i:j]), not same))
        if k < m:
            now.append(Piece("".join(new[k:m]), not same))
    return was, now


def paired(before: Sequence[T], after: Sequence[T], text: Callable[[T], str]) -> list[tuple[int | None, int | None]]:
    """Places of what belongs together, in order; None beside what was added or left out."""
    pairs: list[tuple[int | None, int | None]] = []
    old, new = [text(one) for one in before], [text(one) for one in after]
    for what, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            pairs += zip(range(i, j), range(k, m), strict=True)
        else:
            pairs += _alike(old, new, range(i, j), range(k, m))
    return pairs


def _alike(old: list[str], new: list[str], olds: range, news: range) -> list[tuple[int | None, int | None]]:
    """Each new one with the first old one left that it is alike; where as many stand on both sides, each with its
    neighbour."""
    if len(olds) == len(news):
        return list(zip(olds, news, strict=True))
    pairs: list[tuple[int | None, int | None]] = []
    at = olds.start
    for place in news:
        fits = (one for one in range(at, olds.stop) if likeness(old[one], new[place]) >= ALIKE)
        found = next(fits, None)
        if found is not None:
            pairs += [(one, None) for one in range(at, found)]
            at = found + 1
        pairs.append((found, place))
    return pairs + [(one, None) for one in range(at, olds.stop)]


def likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, _TOKEN.findall(one)[:300], _TOKEN.findall(other)[:300], autojunk=False).ratio()
