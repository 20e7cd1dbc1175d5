"""What expressions and texts gave before, so that thousands of answers cost less than a thousand times one.

The language is pure: the same words with the same inputs give the same, but for a customer's place among the others.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, tzinfo
from typing import Any, NamedTuple, TypeVar

from curation import survey
from curation.peers import Crowd
from responses.budget import current
from responses.keys import Key
from responses.language import Expression, Scope, Text

MOST = 20_000
_PERSONAL = "percentile"
_ABSENT = object()
_PLAIN = frozenset((str, int, float, bool, datetime, date, type(None)))

T = TypeVar("T")


class _Made(NamedTuple):
    result: Any
    text: int  # what it cost of the answer's budget
    kept: int
    inputs: list[Any]  # held on to: a row is known by its id, which must not go to another one


class Memory:
    """For one thread, and for as long as the tables stay the same."""

    def __init__(self) -> None:
        self._made: dict[tuple[Any, ...], _Made] = {}
        self._read: tuple[Mapping[str, Key], Mapping[str, Any], tzinfo, survey.Survey] | None = None
        self._crowds: dict[str, Crowd] = {}
        self._inputs: dict[Expression | Text, tuple[str, ...] | None] = {}

    def recall(self, what: str, code: Expression | Text, scope: Scope, compute: Callable[[], T]) -> T:
        """What `compute` makes of `code`, or made of it before; `what` tells uses of the same words apart."""
        if code not in self._inputs:
            self._inputs[code] = None if _PERSONAL in code.names else tuple(sorted(code.names))
        names = self._inputs[code]
        if names is None:
            return compute()
        inputs = [scope.get(name, _ABSENT) for name in names]
        # With their kinds, since 1, 1.0 and true are three things to a customer; and so are 0.0 and -0.0.
        known = [(value or repr(value)) if value.__class__ in _PLAIN else id(value) for value in inputs]
        key = (what, code.source, *known, *map(type, inputs))
        made, budget = self._made.get(key), current()
        if made is not None:
            budget.spend_again(made.text, made.kept)
            return made.result  # type: ignore[no-any-return]
        text, kept = budget.text, budget.kept
        result = compute()
        if len(self._made) >= MOST:
            self._made.clear()
        self._made[key] = _Made(result, budget.text - text, budget.kept - kept, inputs)
        return result

    def crowd(self, channel: str, load: Callable[[], Crowd]) -> Crowd:
        """Among whom the customers of a channel stand: the same for all of them."""
        if channel not in self._crowds:
            self._crowds[channel] = load()
        return self._crowds[channel]

    def read(self, keys: Mapping[str, Key], received: Mapping[str, Any], zone: tzinfo) -> survey.Survey:
        """A survey read once for both of two versions whose keys are the same."""
        if self._read is not None:
            known_keys, known_received, known_zone, known = self._read
            if known_received == received and known_keys == keys and known_zone == zone:
                return known
        read = survey.read(keys, received, zone)
        self._read = (keys, dict(received), zone, read)
        return read
