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


def refuse_undefined(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    for argument in (*args, *kwargs.values()):
        if isinstance(argument, Undefined):
            fail(argument)


def run(name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """A function or filter, its arguments looked at before and its result after."""
    current().step()
    if name != "default":
        refuse_undefined(args, kwargs)
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


def _trunc(number: float) -> int:
    """The whole part: trunc(2.7) is 2."""
    return math.trunc(number)


def _floor(number: float) -> int:
    """Down to a whole number: floor(-2.5) is -3."""
    return math.floor(number)


def _ceil(number: float) -> int:
    """Up to a whole number: ceil(2.1) is 3."""
    return math.ceil(number)


def _abs(number: float) -> float:
    """Without its sign."""
    return abs(number)


def _len(value: Any) -> int:
    """How many entries a list has, or characters a text."""
    return len(value)


def _round(number: float, digits: int | None = None) -> float:
    """As Python rounds, halves to the even neighbour: round(2.5) is 2. With digits, so many decimals."""
    if digits is not None and not -15 <= digits <= 15:
        raise ModuleError("round takes at most 15 digits")  # round(5, -10**9) computes 10**(10**9)
    return round(number, digits)


def _range(*bounds: int) -> list[int]:
    """Whole numbers in a list, as in Python: range(3) is 0, 1, 2."""
    steps = range(*bounds)
    if len(steps) > MOST_ITEMS:
        raise ModuleError(f"a range has more than {MOST_ITEMS:,} numbers")
    return list(steps)


def _sum(numbers: Iterable[Any], start: float = 0) -> float:
    """All numbers of a list together."""
    total = start
    for number in paced(numbers):
        if not isinstance(number, int | float):
            raise ModuleError(f"sum needs numbers, and one entry is {kind_of(number)}")
        total += number
    return total


def _int(value: Any) -> int:
    """A whole number from a number or a text."""
    return int(value)


def _float(value: Any) -> float:
    """A number from a text."""
    return float(value)


def _min(*values: Any) -> Any:
    """The smallest of a list, or of its arguments."""
    return min(*values)


def _max(*values: Any) -> Any:
    """The largest of a list, or of its arguments."""
    return max(*values)


def _days_between(a: Any, b: Any) -> int:
    """Days from a to b, negative when b comes first."""
    zone = current().zone
    return (formats.day_of(b, "days_between", zone) - formats.day_of(a, "days_between", zone)).days


def _weekday(x: Any) -> int:
    """0 for Monday to 6 for Sunday."""
    return formats.day_of(x, "weekday", current().zone).weekday()


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "trunc": _trunc,
    "round": _round,
    "floor": _floor,
    "ceil": _ceil,
    "min": _min,
    "max": _max,
    "abs": _abs,
    "sum": _sum,
    "len": _len,
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
