"""The functions, filters and tests of the language."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

from jinja2 import Undefined
from jinja2.exceptions import TemplateError

from responses import formats
from responses.budget import LONGEST_TEXT, MOST_ITEMS, bounded, current, kind_of, paced
from responses.korean import PAIRS
from responses.korean import josa as with_particle
from responses.problems import ModuleError


def fail(undefined: Undefined) -> NoReturn:
    undefined._fail_with_undefined_error()


def run(name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """A function or filter, its arguments looked at before and its result after."""
    current().step()
    for argument in (*args, *kwargs.values()):
        if isinstance(argument, Undefined) and name != "default":
            fail(argument)
    try:
        return bounded(function(*args, **kwargs))
    except (ModuleError, TemplateError):
        raise
    except ZeroDivisionError:
        raise ModuleError(f"{name}: division by zero") from None
    except TypeError as error:
        given = ", ".join(kind_of(argument) for argument in (*args, *kwargs.values()))
        raise ModuleError(f"{name} cannot work with {given or 'nothing'} ({first_line(error)})") from None
    except Exception as error:
        raise ModuleError(f"{name}: {first_line(error)}") from None


def first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


# ---- functions -------------------------------------------------------------------------


def _round(number: Any, digits: int | None = None) -> Any:
    if digits is not None and not -15 <= digits <= 15:
        raise ModuleError("round takes at most 15 digits")  # round(5, -10**9) computes 10**(10**9)
    return round(number, digits)


def _range(*bounds: int) -> list[int]:
    steps = range(*bounds)
    if len(steps) > MOST_ITEMS:
        raise ModuleError(f"a range has more than {MOST_ITEMS:,} numbers")
    return list(steps)


def _sum(numbers: Iterable[Any], start: int | float = 0) -> Any:
    total: Any = start
    for number in paced(numbers):
        if not isinstance(number, int | float):
            raise ModuleError(f"sum needs numbers, and one entry is {kind_of(number)}")
        total += number
    return total


def _int(value: Any) -> int:
    return int(value)


def _float(value: Any) -> float:
    return float(value)


def _min(*values: Any) -> Any:
    return min(*values)


def _max(*values: Any) -> Any:
    return max(*values)


def _days_between(a: Any, b: Any) -> int:
    zone = current().zone
    return (formats.day_of(b, "days_between", zone) - formats.day_of(a, "days_between", zone)).days


def _weekday(x: Any) -> int:
    return formats.day_of(x, "weekday", current().zone).weekday()


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "trunc": lambda number: math.trunc(number),
    "round": _round,
    "floor": lambda number: math.floor(number),
    "ceil": lambda number: math.ceil(number),
    "min": _min,
    "max": _max,
    "abs": lambda number: abs(number),
    "sum": _sum,
    "len": lambda value: len(value),
    "int": _int,
    "float": _float,
    "range": _range,
    "days_between": _days_between,
    "weekday": _weekday,
}


# ---- filters ---------------------------------------------------------------------------


def _josa(word: Any, pair: str) -> str:
    if not isinstance(pair, str) or pair.replace(" ", "") not in PAIRS:
        raise ModuleError(f"josa does not know '{pair}'; it knows {', '.join(list(PAIRS)[::2])}")
    return with_particle(formats.written(word), pair)


def _default(value: Any, instead: Any = "", empty_too: bool = False) -> Any:
    nothing = value is None or isinstance(value, Undefined) or (empty_too and not value)
    return instead if nothing else value


def _join(items: Any, between: str = "") -> str:
    if isinstance(items, str):
        return items
    if not isinstance(items, list | tuple | Mapping):
        raise ModuleError(f"join needs a list, and this is {kind_of(items)}")
    return joined(list(items), formats.written(between))


def joined(items: list[Any], between: str = "") -> str:
    for item in items:
        if isinstance(item, Undefined):
            fail(item)
    said = [formats.written(item) for item in items]
    if sum(map(len, said)) + len(between) * max(len(said) - 1, 0) > LONGEST_TEXT:
        raise ModuleError("a joined text would be longer than 64 KiB")
    return between.join(said)


def replace(text: Any, old: Any, new: Any) -> str:
    whole, old, new = formats.written(text), formats.written(old), formats.written(new)
    if len(whole) + whole.count(old) * len(new) > LONGEST_TEXT:
        raise ModuleError("a replaced text would be longer than 64 KiB")
    return whole.replace(old, new)


def _end(items: Any, place: int) -> Any:
    if not isinstance(items, str | list | tuple | Mapping):
        raise ModuleError(f"first and last need a list or a text, and this is {kind_of(items)}")
    found = list(items)
    return found[place] if found else None


FILTERS: dict[str, Callable[..., Any]] = {
    "comma": formats.comma,
    "won": formats.won,
    "round": _round,
    "josa": _josa,
    "date": lambda value: formats.date_text(value, current().zone),
    "time": lambda value: formats.time_text(value, current().zone),
    "default": _default,
    "join": _join,
    "length": lambda value: len(value),
    "lower": lambda value: formats.written(value).lower(),
    "upper": lambda value: formats.written(value).upper(),
    "replace": replace,
    "trim": lambda value: formats.written(value).strip(),
    "first": lambda value: _end(value, 0),
    "last": lambda value: _end(value, -1),
    "sum": _sum,
}
TESTS: dict[str, Callable[..., bool]] = {
    "none": lambda value: value is None,
    "null": lambda value: value is None,
    "defined": lambda value: not isinstance(value, Undefined),
}
