"""What a new reading of a watch is: news, a correction, a page that goes back and forth, or nothing."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import normalize

from alerts.watch_file import NUMBER, Watch

FIRST, UNCHANGED, CHANGED = "first", "unchanged", "changed"
CORRECTED, REVERTED, UNREADABLE = "corrected", "reverted", "unreadable"
ACCEPTED = (FIRST, CHANGED, CORRECTED, REVERTED)  # the figures are kept as the newest
Values = Mapping[str, Any]
_AROUND = re.compile(r"(?<!\d)00?시|기준|현재|발표|집계|updated|as of")  # '11.26. 0시 기준' is the publication '11.26.'


@dataclass(frozen=True)
class Outcome:
    name: str
    why: str = ""
    told: bool = False


def judge(
    watch: Watch,
    before: Sequence[Values],
    now: Values,
    why_not: str = "",
    any_jump: bool = False,
    seen: Values | None = None,
) -> Outcome:
    """`before`: the accepted figures, the newest first. `why_not`: what could not be read. `any_jump`: somebody has
    looked, and the jump is real. `seen`: what the last good look read: figures that nobody is told of may have moved
    since they were accepted."""
    if why_not:
        return Outcome(UNREADABLE, why_not)
    last = before[0] if before else None
    if last is None or not _compared(watch, last, now):
        return Outcome(FIRST)  # so it is, too, when a watch asks for other figures than it did
    seen = last if seen is None else seen
    jump = "" if any_jump else _jump(watch, seen, now)
    if jump:
        return Outcome(UNREADABLE, jump)
    fall = _fall(watch, seen, now)
    if _same(watch, last, now):
        return Outcome(CORRECTED, fall) if fall else Outcome(UNCHANGED)  # a fall of what nobody is told of
    if len(before) > 1 and _same(watch, before[1], now):
        return Outcome(REVERTED, "as it was before the last change")
    if not watch.asof:
        return Outcome(CORRECTED, fall, watch.corrections) if fall else Outcome(CHANGED, told=True)
    return _published(watch, before, now, fall)


def _published(watch: Watch, before: Sequence[Values], now: Values, fall: str) -> Outcome:
    """By which publication it is."""
    name, this = now.get(watch.asof), publication(watch, now)
    known = [one for one in before if publication(watch, one) == this]
    if not known:
        return Outcome(CORRECTED, fall, watch.corrections) if fall else Outcome(CHANGED, told=True)
    if this != publication(watch, before[0]) and _same(watch, known[0], now):
        return Outcome(REVERTED, f"{name} was published before")
    if not (fall or watch.corrections) and _is_unheard(watch, before, now):
        return Outcome(CHANGED, told=True)
    return Outcome(CORRECTED, fall or f"another figure for {name}", watch.corrections)


def _is_unheard(watch: Watch, before: Sequence[Values], now: Values) -> bool:
    """It came with figures that fell, which are told to nobody, and now it has those that do not: a publication that
    began with a typing error is news once that is mended."""
    places = [place for place, one in enumerate(before) if publication(watch, one) == publication(watch, now)]
    if places[-1] + 1 == len(before):
        return False
    came_after = before[places[-1] + 1]
    return not _fall(watch, came_after, now) and all(_fall(watch, came_after, before[place]) for place in places)


def publication(watch: Watch, values: Values) -> object:
    """What tells one publication from another: the words of `asof`, however the page is laid out around them."""
    said = values.get(watch.asof)
    if not isinstance(said, str):
        return said
    words = _AROUND.sub(" ", normalize("NFKC", said).casefold())
    return " ".join(re.findall(r"\w+", re.sub(r"(?<=\d)[년월일](?=\W|\d|$)", " ", words))) or said


def _compared(watch: Watch, one: Values, other: Values) -> list[str]:
    """What both have of the figures that matter: one that staff have just added to the watch is no news."""
    names = {*watch.alert_on, *([watch.asof] if watch.asof else [])}
    return [name for name in names if one.get(name) is not None and other.get(name) is not None]


def _same(watch: Watch, one: Values, other: Values) -> bool:
    names = _compared(watch, one, other)
    return bool(names) and all(
        publication(watch, one) == publication(watch, other) if name == watch.asof else one[name] == other[name]
        for name in names
    )


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
