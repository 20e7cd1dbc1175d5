"""Where a customer stands among the others."""

from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from responses.budget import current
from responses.keys import Key, Unreadable, fold, is_absent
from responses.problems import ModuleError, did_you_mean

FEWEST = 20  # below it, a share of others would say little, and could give somebody away

Others = Callable[[], Sequence[Mapping[str, Any]]]


class Peers:
    """The other customers' latest surveys, read once and only as far as an answer asks for them."""

    def __init__(self, keys: Mapping[str, Key], own: Mapping[str, Any], others: Others | None, zone: tzinfo):
        self.keys = keys
        self.own = own
        self.others = others
        self.zone = zone
        self.surveys: Sequence[Mapping[str, Any]] | None = None
        self.columns: dict[str, list[Any]] = {}

    def percentile(self, key: str, within: Mapping[str, Any] | None = None) -> float | None:
        """The share (0 to 100) of the others whose value is below this customer's; null under 20 others."""
        mine = self.own.get(key) if isinstance(key, str) else None
        column = self._column(key)
        if mine is None:
            return None
        conditions = [(self._column(name), _alike(value)) for name, value in (within or {}).items()]
        rest = [value for value in self._within(column, conditions) if value is not None]
        if len(rest) < FEWEST:
            return None
        return 100 * sum(value < mine for value in rest) / len(rest)

    def _within(self, column: list[Any], conditions: list[tuple[list[Any], Any]]) -> list[Any]:
        kept = column
        chosen = range(len(column))
        for others, wanted in conditions:
            current().step()
            chosen = [place for place in chosen if _alike(others[place]) == wanted]  # type: ignore[assignment]
        return kept if not conditions else [column[place] for place in chosen]

    def _column(self, name: str) -> list[Any]:
        if not isinstance(name, str) or name not in self.keys:
            hint = did_you_mean(str(name), self.keys)
            raise ModuleError(
                f"percentile needs the name of a survey key in quotes, not {name!r}. {hint}".strip()
            )
        if name not in self.columns:
            with current().paused():
                if self.surveys is None:
                    self.surveys = self.others() if self.others else ()
                self.columns[name] = [self._read(self.keys[name], survey) for survey in self.surveys]
        return self.columns[name]

    def _read(self, key: Key, survey: Mapping[str, Any]) -> Any:
        for source in (key.source, key.name):
            raw = survey.get(source)
            if not is_absent(raw):
                try:
                    return key.read(raw, self.zone)
                except Unreadable:
                    continue
        return None


def _alike(value: Any) -> Any:
    return fold(value) if isinstance(value, str) else value
