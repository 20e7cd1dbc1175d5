"""What one answer may cost: 100 ms of CPU, 64 KiB of text, and no value that could grow beyond both.

Work runs in threads, so no signal can stop it. Instead every operation that could grow is bounded before it
runs, and every step of a loop looks at the clock.
"""

import gc
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta, tzinfo
from time import thread_time
from typing import Any

from jinja2 import Undefined

from responses.keys import KOREA
from responses.problems import ModuleError

CPU_SECONDS = 0.1
LONGEST_TEXT = 64 * 1024
MOST_ITEMS = 10_000
_DEEPEST = 16
_LARGEST_BITS = 2048
_LOOK_EVERY = 16  # steps; reading the clock costs more than a step


_running = threading.local()


def _collecting(phase: str, info: Mapping[str, int]) -> None:
    """A look for garbage takes as long as the whole process has objects, and hits whoever computes just then."""
    if phase == "start":
        _running.began = thread_time()
    elif hasattr(_running, "began"):
        _running.collected = getattr(_running, "collected", 0.0) + thread_time() - _running.began


gc.callbacks.append(_collecting)


def _own_time() -> float:
    """This thread's CPU time without that."""
    return thread_time() - float(getattr(_running, "collected", 0.0))


class Budget:
    def __init__(self, zone: tzinfo = KOREA) -> None:
        self.zone = zone
        self.deadline = _own_time() + CPU_SECONDS
        self.steps = 0
        self.text = 0
        self.kept = 0
        self.markup = False  # what is rendered now is a message's text, so data is escaped

    def step(self) -> None:
        self.steps += 1
        if self.steps % _LOOK_EVERY == 0:
            self.look()

    def look(self) -> None:
        if _own_time() > self.deadline:
            raise ModuleError("this takes longer than 100 ms of computing")

    def say(self, text: str) -> None:
        self.text += len(text) if text.isascii() else len(text.encode("utf8", "replace"))
        self._bound()

    def spend_again(self, text: int, kept: int) -> None:
        """What a text or a value had cost when it was made; this time it is only had again."""
        self.text += text
        self.kept += kept
        self._bound()

    def keep(self, value: Any) -> None:
        """A value that is kept under a name counts too, or doubling line by line would fill the memory."""
        self.kept += weigh(value)
        self._bound()

    def _bound(self) -> None:
        if self.text > LONGEST_TEXT:
            raise ModuleError("the texts are longer than 64 KiB")
        if self.kept > 4 * LONGEST_TEXT:
            raise ModuleError("the values together are larger than 256 KiB")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Our own work, such as indexing a table or reading other surveys, is not the module's cost."""
        began = _own_time()
        try:
            yield
        finally:
            self.deadline += _own_time() - began


@contextmanager
def spending(budget: Budget) -> Iterator[Budget]:
    before = getattr(_running, "budget", None)
    _running.budget = budget
    try:
        yield budget
    finally:
        _running.budget = before


def current() -> Budget:
    budget: Budget = _running.budget
    return budget


# Most values are these, and asking what kind of a Mapping something is takes longer than adding two numbers.
_SMALL = frozenset((int, float, bool, type(None)))
_BOXES = (list, tuple, dict, Mapping, set, frozenset)
_WEIGHED = (str, *_BOXES, date, time, timedelta)


def weigh(value: Any) -> int:
    """Roughly the characters that a value takes when written out, or ModuleError if far too many.

    A list inside a list is counted as often as it would be printed.
    """
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise ModuleError("a text is longer than 64 KiB")
        return len(value)
    if value.__class__ in _SMALL or not isinstance(value, _BOXES):
        return 8
    weight = items = depth = 0
    level: list[Any] = [value]
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise ModuleError("lists are nested too deeply")
        inner: list[Any] = []
        for box in level:
            items += len(box)
            if items > MOST_ITEMS:
                raise ModuleError(f"a list has more than {MOST_ITEMS:,} entries")
            for item in _contents(box):
                if item.__class__ is str:
                    weight += len(item)
                elif item.__class__ in _SMALL:
                    weight += 8
                elif isinstance(item, _BOXES):
                    inner.append(item)
                elif isinstance(item, Undefined):
                    item._fail_with_undefined_error()
                else:
                    weight += len(item) if isinstance(item, str) else 8
            if weight > 4 * LONGEST_TEXT:
                raise ModuleError("a list is larger than 256 KiB")
        level = inner
    return weight + items


def _contents(box: Any) -> Iterable[Any]:
    if isinstance(box, dict) or isinstance(box, Mapping):
        yield from box.keys()
        yield from box.values()
    else:
        yield from box


def bounded(value: Any) -> Any:
    """The value, if it is one that a module may hold."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if value.bit_length() > _LARGEST_BITS:
            raise ModuleError("a number is too large")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ModuleError("a number is too large or is none (inf, nan)")
    elif isinstance(value, complex):
        raise ModuleError("this root of a negative number is no real number")
    elif isinstance(value, _WEIGHED):
        weigh(value)
    elif isinstance(value, Undefined):
        value._fail_with_undefined_error()
    else:
        raise ModuleError(f"{kind_of(value)} is no value; call a function with ( )")
    return value


def paced(items: Any) -> Iterator[Any]:
    """Each turn of a loop is a step."""
    if isinstance(items, Undefined):
        items._fail_with_undefined_error()
    if not isinstance(items, (list, tuple, Mapping, str)) and not _is_view(items):
        raise ModuleError(f"a loop needs a list, and this is {kind_of(items)}")
    budget = current()
    for item in items:
        budget.step()
        yield item


def _is_view(items: Any) -> bool:
    return isinstance(items, (type({}.items()), type({}.keys()), type({}.values()), range))


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, (str, list, tuple)) and type(left) is type(right) and len(left) + len(right) > LONGEST_TEXT:
        raise ModuleError("a text or list would grow too long")
    return left + right


def _multiply(left: Any, right: Any) -> Any:
    for many, times in ((left, right), (right, left)):
        if isinstance(many, (str, list, tuple)) and isinstance(times, int):
            if len(many) * max(times, 0) > (LONGEST_TEXT if isinstance(many, str) else MOST_ITEMS):
                raise ModuleError("a repetition would grow too long")
    return left * right


def _remainder(left: Any, right: Any) -> Any:
    if isinstance(left, str):
        raise ModuleError("'%' works on numbers; put values into a text with {{ }} or ~")
    return left % right


def _power(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        if abs(left) > 1 and abs(right) * abs(left).bit_length() > _LARGEST_BITS:
            raise ModuleError("a power is too large")
    return left**right


_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": _add,
    "-": lambda left, right: left - right,
    "*": _multiply,
    "/": lambda left, right: left / right,
    "//": lambda left, right: left // right,
    "%": _remainder,
    "**": _power,
}


def operate(operator: str, left: Any, right: Any) -> Any:
    """`left operator right`, bounded before it runs."""
    current().step()
    if left is None or right is None:
        raise ModuleError(f"one side of '{operator}' is null (there is no value)")
    try:
        return bounded(_OPERATIONS[operator](left, right))
    except ZeroDivisionError:
        raise ModuleError("division by zero") from None
    except OverflowError:
        raise ModuleError("a number is too large") from None
    except TypeError:
        sides = f"{kind_of(left)} and {kind_of(right)}"
        raise ModuleError(f"'{operator}' does not work between {sides}") from None


_KINDS: tuple[tuple[Any, str], ...] = (
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "a text"),
    (Mapping, "a row"),
    ((list, tuple), "a list"),
    (datetime, "a time"),
    (date, "a date"),
)


def kind_of(value: Any) -> str:
    if value is None:
        return "null"
    for kinds, words in _KINDS:
        if isinstance(value, kinds):
            return words
    return f"a {type(value).__name__.lower()}"
