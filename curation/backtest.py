"""Which customers would hear something else, and which change in the module is the first cause of it."""

from collections.abc import Mapping
from typing import Any

from curation.answer import Answer, Said
from responses.problems import ModuleError

EXAMPLES = 3  # of each cause


class Comparison:
    """Counts one survey after the other: what was said before, and what would be said after."""

    def __init__(self) -> None:
        self.same = self.changed = self.failed = 0
        self.groups: dict[str, dict[str, Any]] = {}

    def add(self, survey: Mapping[str, Any], before: Answer | ModuleError, after: Answer | ModuleError) -> None:
        if isinstance(after, ModuleError):
            self.failed += 1
            self._group(f"fails: {after}", survey, before, after)
        elif isinstance(before, ModuleError):
            self.changed += 1
            self._group(f"failed before: {before}", survey, before, after)
        elif _sounds(before) == _sounds(after):
            self.same += 1
        else:
            self.changed += 1
            self._group(_cause(before, after), survey, before, after)

    def _group(
        self, cause: str, survey: Mapping[str, Any], before: Answer | ModuleError, after: Answer | ModuleError
    ) -> None:
        group = self.groups.setdefault(cause, {"cause": cause, "count": 0, "examples": []})
        group["count"] += 1
        if len(group["examples"]) < EXAMPLES:
            example = {"survey": dict(survey), "before": _texts(before), "after": _texts(after)}
            group["examples"].append(example)

    def document(self) -> dict[str, Any]:
        groups = sorted(self.groups.values(), key=lambda group: -group["count"])
        counted = self.same + self.changed + self.failed
        figures = {"surveys": counted, "same": self.same, "changed": self.changed, "failed": self.failed}
        return figures | {"groups": groups}


def _heard(answer: Answer) -> list[dict[str, Any]]:
    return [said.json() for said in _said(answer)]


def _said(answer: Answer) -> list[Said]:
    return [*answer.messages, *([answer.asking.said] if answer.asking else [])]


def _sounds(answer: Answer) -> list[tuple[Any, ...]]:
    """As `_heard`, and quicker to compare."""
    return [(said.text, said.plain, said.wait, said.buttons, said.image) for said in _said(answer)]


def _texts(answer: Answer | ModuleError) -> list[str]:
    if isinstance(answer, ModuleError):
        return [str(answer)]
    return [said["plain"] for said in _heard(answer)]


def _cause(before: Answer, after: Answer) -> str:
    """The first thing that differs, from the survey through the values to the messages."""
    if before.missing != after.missing:
        return f"missing: {', '.join(after.missing) or 'nothing any more'}"
    for name, value in after.values.items():
        if name in before.values and before.values[name] != value:
            return f"value {name}"
    told = list(zip(_heard(before), _heard(after), strict=False))
    for number, (old, new) in enumerate(told, 1):
        if old != new:
            parts = [part for part in ("text", "wait", "buttons", "image") if old[part] != new[part]]
            return f"message {number}: {', '.join(parts) or 'markup'}"
    return f"message {len(told) + 1}: {'new' if len(_heard(after)) > len(told) else 'left out'}"
