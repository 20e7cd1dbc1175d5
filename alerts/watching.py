"""What a new reading of a watch is: news, a correction, a page that goes back and forth, or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alerts.watch_file import NUMBER, Watch

FIRST, UNCHANGED, CHANGED = "first", "unchanged", "changed"
CORRECTED, REVERTED, UNREADABLE = "corrected", "reverted", "unreadable"
ACCEPTED = (FIRST, CHANGED, CORRECTED, REVERTED)  # the figures are kept as the newest
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    name: str
    why: str = ""
    told: bool = False


def judge(watch: Watch, before: Sequence[Values], now: Values, why_not: str = "", any_jump: bool = False) -> Outcome:
    """`before`: the accepted figures, the newest first. `why_not`: what could not be read. `any_jump`: somebody has
    looked, and the jump is real."""
    if why_not:
        return Outcome(UNREADABLE, why_not)
    last = before[0] if before else None
    jump = "" if last is None or any_jump else _jump(watch, last, now)
    if jump:
        return Outcome(UNREADABLE, jump)
    if last is None:
        return Outcome(FIRST)
    if _same(watch, last, now):
        return Outcome(UNCHANGED)
    if len(before) > 1 and _same(watch, before[1], now):
        return Outcome(REVERTED, "as it was before the last change")
    return _changed(watch, before, last, now)


def _changed(watch: Watch, before: Sequence[Values], last: Values, now: Values) -> Outcome:
    asof = watch.asof
    fall = _fall(watch, last, now)
    if asof and now.get(asof) != last.get(asof):
        known = next((one for one in before[1:] if one.get(asof) == now.get(asof)), None)
        if known is not None and _same(watch, known, now):
            return Outcome(REVERTED, f"{now.get(asof)} was published before")
        if known is None and not fall:
            return Outcome(CHANGED, told=True)
        return Outcome(CORRECTED, fall or f"another figure for {now.get(asof)}", told=watch.corrections)
    if asof or fall:
        return Outcome(CORRECTED, fall or f"another figure for {now.get(asof)}", told=watch.corrections)
    return Outcome(CHANGED, told=True)


def _same(watch: Watch, one: Values, other: Values) -> bool:
    looked_at = {*watch.alert_on, *([watch.asof] if watch.asof else [])}
    return all(one.get(name) == other.get(name) for name in looked_at)


def _jump(watch: Watch, last: Values, now: Values) -> str:
    for name, figure in watch.figures.items():
        old, new = last.get(name), now.get(name)
        numbers = figure.type == NUMBER and isinstance(old, int | float) and isinstance(new, int | float)
        if figure.max_jump is not None and numbers and abs(new - old) > figure.max_jump:  # type: ignore[operator]
            return f"{name}: from {old:,} to {new:,} is more than {figure.max_jump:,.0f} at once"
    return ""


def _fall(watch: Watch, last: Values, now: Values) -> str:
    for name, figure in watch.figures.items():
        old, new = last.get(name), now.get(name)
        if figure.never_falls and isinstance(old, int | float) and isinstance(new, int | float) and new < old:
            return f"{name}: fell from {old:,} to {new:,}"
    return ""
