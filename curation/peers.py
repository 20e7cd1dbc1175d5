"""Where a customer stands among the others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Any

from responses.budget import current
from responses.keys import Key, Unreadable, is_absent
from responses.problems import ModuleError, did_you_mean

FEWEST = 20  # below it, a share of others would say little, and could give somebody away


class Crowd:
    """Customers, each with their latest survey; what is read of them is kept, for as many answers as ask for it."""

    def __init__(self, surveys: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        self.surveys = surveys
        self.places = {person: place for place, (person, _) in enumerate(surveys)}
        self.columns: dict[tuple[Key, tzinfo], list[Any]] = {}

    def column(self, key: Key, zone: tzinfo, person: str) -> list[Any]:
        """What the others answered, without this person; None where nothing can be read."""
        known = (replace(key, label="", default=None), zone)  # a default may be a list, and plays no part here
        if known not in self.columns:
            self.columns[known] = [_read(key, survey, zone) for _, survey in self.surveys]
        column, place = self.columns[known], self.places.get(person)
        return column[:] if place is None else column[:place] + column[place + 1 :]


class Peers:
    """One customer among the others, who are read only as far as an answer asks for them."""

    def __init__(
        self,
        keys: Mapping[str, Key],
        own: Mapping[str, Any],
        crowd: Callable[[], Crowd] | None,
        person: str,
        zone: tzinfo,
    ) -> None:
        self.keys = keys
        self.own = own
        self.crowd = crowd
        self.person = person
        self.zone = zone
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
            wanted = _read(self.keys[name], {self.keys[name].source: value}, self.zone) if name in self.keys else value
            fitting = [wanted is not None and other == wanted for other in self._column(name)]
            column = [mine if fits else None for mine, fits in zip(column, fitting, strict=True)]
        return column

    def _column(self, name: str) -> list[Any]:
        if not isinstance(name, str) or name not in self.keys:
            hint = did_you_mean(str(name), self.keys)
            raise ModuleError(f"percentile needs the name of a survey key in quotes, not {name!r}. {hint}".strip())
        if name not in self.columns:
            with current().paused():
                crowd = self.crowd() if self.crowd else Crowd(())
                self.columns[name] = crowd.column(self.keys[name], self.zone, self.person)
        return self.columns[name]


def _read(key: Key, survey: Mapping[str, Any], zone: tzinfo) -> Any:
    for source in (key.source, key.name):
        raw = survey.get(source)
        if not is_absent(raw):
            try:
                return key.read(raw, zone)
            except Unreadable:
                continue
    return None
