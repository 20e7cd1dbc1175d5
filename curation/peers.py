"""Where a customer stands among the others."""

from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from responses.budget import current
from responses.keys import Key, Unreadable, is_absent
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
        rest = [value for value in self._within(column, within or {}) if value is not None]
        if len(rest) < FEWEST:
            return None
        below = sum(1 for value in rest if value < mine)
        return 100 * below / len(rest)

    def _within(self, column: list[Any], within: Mapping[str, Any]) -> list[Any]:
        for name, value in within.items():
            current().step()
            wanted = self._read(name, {self.keys[name].source: value}) if name in self.keys else value
            fitting = [wanted is not None and other == wanted for other in self._column(name)]
            column = [mine if fits else None for mine, fits in zip(column, fitting, strict=True)]
        return column

    def _column(self, name: str) -> list[Any]:
        if not isinstance(name, str) or name not in self.keys:
            hint = did_you_mean(str(name), self.keys)
            raise ModuleError(f"percentile needs the name of a survey key in quotes, not {name!r}. {hint}".strip())
        if name not in self.columns:
            with current().paused():
                if self.surveys is None:
                    self.surveys = self.others() if self.others else ()
                self.columns[name] = [self._read(name, survey) for survey in self.surveys]
        return self.columns[name]

    def _read(self, name: str, survey: Mapping[str, Any]) -> Any:
        key = self.keys[name]
        for source in (key.source, key.name):
            raw = survey.get(source)
            if not is_absent(raw):
                try:
                    return key.read(raw, self.zone)
                except Unreadable:
                    continue
        return None
