"""From what somebody typed to typed arguments, by the signature of the function that takes them."""

import enum
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Literal, NewType, Union, get_args, get_origin
from unicodedata import normalize

from maru import times

Rest = NewType("Rest", str)
"""The rest of the line, as it was typed."""

YES = ("네", "예", "넵", "응", "ㅇㅇ", "yes", "y", "true", "on", "1", "켜기")
NO = ("아니요", "아니오", "아뇨", "아니", "ㄴㄴ", "no", "n", "false", "off", "0", "끄기")


@dataclass(frozen=True)
class TimeSpan:
    """From a time of the day to another: 10:00~11:00, 오후 3시~4시. 22:00~07:00 ends on the day after."""

    begin: time
    end: time

    @property
    def minutes(self) -> int:
        """How long it is."""
        begin, end = (one.hour * 60 + one.minute for one in (self.begin, self.end))
        return (end - begin) % (24 * 60)

    def __str__(self) -> str:
        return f"{self.begin:%H:%M}~{self.end:%H:%M}"


class Wrong(Exception):
    """The arguments do not fit; a handler may raise it, too. `korean`, `english`: what is wrong."""

    def __init__(self, korean: str = "", english: str = "") -> None:
        super().__init__(english or korean)
        self.korean, self.english = korean, english or korean


@dataclass(frozen=True)
class Parameter:
    name: str
    type: Any
    optional: bool
    default: Any = None
    many: bool = False  # *words

    @property
    def shown(self) -> str:
        name = self.name
        if get_origin(self.type) is Literal:
            name = "|".join(str(one) for one in get_args(self.type))
        elif _is_enum(self.type):
            name = "|".join(str(one.value) for one in self.type)
        if self.many or self.type is Rest:
            name += "…"
        return f"[{name}]" if self.optional or self.many else name


@dataclass(frozen=True)
class Signature:
    """What a handler takes beside the ask."""

    parameters: tuple[Parameter, ...]

    def usage(self, command: str) -> str:
        return " ".join([command, *(one.shown for one in self.parameters)])

    def read(self, text: str, now: datetime | None = None) -> list[Any]:
        """The arguments, or Wrong. `now`: on the asker's clock, by which 내일 is read."""
        now = now or datetime.now()
        rest, found = normalize("NFC", text).strip(), []
        skipped: Wrong | None = None
        for one in self.parameters:
            if one.many:
                while rest:
                    value, rest = _read(one, rest, now)
                    found.append(value)
                continue
            try:
                value, rest = _read(one, rest, now)
                skipped = None
            except Wrong as wrong:
                if not one.optional:
                    raise
                value, skipped = one.default, wrong
            found.append(value)
        if rest and skipped:
            raise skipped  # what is left over was meant for it
        if rest:
            raise Wrong(f"‘{rest[:40]}’: 남는 말이에요.", f"‘{rest[:40]}’ is too much.")
        return found


def signature(function: Callable[..., Any]) -> Signature:
    """Raises TypeError where a type cannot be read from a chat."""
    called = getattr(function, "__name__", type(function).__name__)
    parameters = list(inspect.signature(function).parameters.values())
    hints = _hints(function, parameters[1:])
    if not parameters or parameters[0].kind not in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        raise TypeError(f"{called}: the first parameter is the ask, as in def {called}(ask, …)")
    found = []
    for one in parameters[1:]:
        if one.kind in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD):
            raise TypeError(f"{called}: '{one.name}': a chat has no keyword arguments")
        many = one.kind is inspect.Parameter.VAR_POSITIONAL
        kind, optional = _without_none(hints.get(one.name, str))
        optional = optional or one.default is not inspect.Parameter.empty
        default = None if one.default is inspect.Parameter.empty else one.default
        if not many and not _is_known(kind):
            raise TypeError(f"{called}: '{one.name}': {kind!r} cannot be read from a chat")
        found.append(Parameter(one.name, kind, optional, default, many))
    return Signature(tuple(found))


def _hints(function: Callable[..., Any], parameters: list[inspect.Parameter]) -> dict[str, Any]:
    """Of these alone: what the ask and the answer are called may be known to the type checker only."""
    inner: Any = getattr(function, "func", function)  # of a partial
    inner = inspect.unwrap(inner if hasattr(inner, "__globals__") else type(inner).__call__)
    written = {one.name: one.annotation for one in parameters if one.annotation is not inspect.Parameter.empty}
    known = types.SimpleNamespace(__annotations__=written, __globals__=getattr(inner, "__globals__", {}))
    return typing.get_type_hints(known)


def _without_none(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) in (Union, types.UnionType):
        kinds = [one for one in get_args(hint) if one is not type(None)]
        if len(kinds) == 1:
            return kinds[0], True
    return hint, False


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def _is_known(kind: Any) -> bool:
    return kind in _READERS or kind in (str, Rest) or _is_enum(kind) or get_origin(kind) is Literal


def _read(parameter: Parameter, text: str, now: datetime) -> tuple[Any, str]:
    kind = parameter.type
    if not text:
        raise Wrong(f"{parameter.name}: 빠졌어요.", f"{parameter.name} is missing.")
    if kind is Rest:
        return text, ""
    if kind is str:
        return _word(text)
    if quoted := _QUOTED.match(text):
        value, left = _read(parameter, _inside(quoted).strip(), now)
        if left:
            raise _unlike(parameter, text)
        return value, text[quoted.end() :].strip()
    found = _of_kind(parameter, text.translate(_NARROW), now)
    if found is None or (found[1] and not found[1][0].isspace()):
        raise _unlike(parameter, text)
    return found[0], text[len(text) - len(found[1]) :].strip()


def _of_kind(parameter: Parameter, text: str, now: datetime) -> tuple[Any, str] | None:
    if known := _choices(parameter.type):
        return _choice(text, known)
    return _READERS[parameter.type](text, now)


def _choices(kind: Any) -> dict[str, Any]:
    """By what is typed. The value of an Enum is what people are told of; its name is understood, too."""
    if _is_enum(kind):
        return {**{str(one.value): one for one in kind}, **{one.name: one for one in kind}}
    if get_origin(kind) is Literal:
        return {str(one): one for one in get_args(kind)}
    return {}


def _choice(text: str, known: Mapping[str, Any]) -> tuple[Any, str] | None:
    for name in sorted(known, key=len, reverse=True):
        begin, rest = text[: len(name)], text[len(name) :]
        if begin.casefold() == name.translate(_NARROW).casefold() and (not rest or rest[0].isspace()):
            return known[name], rest
    return None


def _unlike(parameter: Parameter, text: str) -> Wrong:
    """What stands there is not what is wanted, with an example where it helps."""
    quoted = _QUOTED.match(text)
    word = (_inside(quoted) if quoted else text.split(None, 1)[0])[:40]
    if known := _choices(parameter.type):
        names = ", ".join(str(one.value) for one in parameter.type) if _is_enum(parameter.type) else ", ".join(known)
        korean, english = f"{names} 중 하나를 적어 주세요.", f"one of {names}"
    else:
        korean, english = _WANTED[parameter.type]
    name = parameter.name
    return Wrong(f"{name}: ‘{word}’ 대신 {korean}", f"{name}: ‘{word}’ is not {english.rstrip('.')}.")


# --- one reader a type: what it reads at the beginning, and the rest ---


_QUOTES = (
    '"([^"]*)"',
    "“([^”]*)”",
    "„([^“]*)“",
    "'([^']*)'",
    "‘([^’]*)’",
    "「([^」]*)」",
    "『([^』]*)』",
    "«([^»]*)»",
    "＂([^＂]*)＂",
)
_QUOTED = re.compile(f"(?:{'|'.join(_QUOTES)})" + r"(?=\s|$)")
# What an input method types wide, and the minus of a text processor: one letter for one, so that places stay the same.
_NARROW = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x2212: "-", 0xFE63: "-"}


def _inside(quoted: re.Match[str]) -> str:
    return next(part for part in quoted.groups() if part is not None)


def _word(text: str) -> tuple[str, str]:
    if quoted := _QUOTED.match(text):
        return _inside(quoted), text[quoted.end() :].strip()
    word = text.split(None, 1)[0]
    return word, text[len(word) :].strip()


def _whole(text: str, now: datetime) -> tuple[int, str] | None:
    found = re.match(r"[-+]?\d{1,3}(?:,\d{3})+(?![\d,])|[-+]?\d{1,18}(?![\d,])", text)
    return _with_unit(int(found[0].replace(",", "")), text, found.end()) if found else None


def _number(text: str, now: datetime) -> tuple[float, str] | None:
    found = re.match(r"[-+]?(?:(?:\d{1,3}(?:,\d{3})+|\d{1,18})(?:\.\d{1,18})?|\.\d{1,18})(?![\d,])", text)
    return _with_unit(float(found[0].replace(",", "")), text, found.end()) if found else None


# What hangs on a number. Neither 월 nor 년 nor 주: 12월 24일 is a day, for the next argument to read.
_UNIT = r"개월|시간|달러|kg|g|ml|L|km|cm|mm|m|[명개원분초일살세잔층호팀통병건회번장권대인박배점쪽줄도%℃]|(?=\s|$)"


def _with_unit(value: Any, text: str, end: int) -> tuple[Any, str]:
    """34명, 5kg, 10%: what hangs on a number is its unit."""
    unit = re.match(_UNIT, text[end:])
    return value, text[end + (unit.end() if unit else 0) :]


def _yes_or_no(text: str, now: datetime) -> tuple[bool, str] | None:
    word = text.split(None, 1)[0]
    known = {**dict.fromkeys(YES, True), **dict.fromkeys(NO, False)}
    return (known[word.casefold()], text[len(word) :]) if word.casefold() in known else None


def _span(text: str, now: datetime) -> tuple[TimeSpan, str] | None:
    found = times.read_span(text)
    return (TimeSpan(*found[0]), found[1]) if found else None


def _day(text: str, now: datetime) -> tuple[date, str] | None:
    return times.read_date(text, now.date())


def _time(text: str, now: datetime) -> tuple[time, str] | None:
    return times.read_time(text)


_READERS: dict[Any, Callable[[str, datetime], tuple[Any, str] | None]] = {
    int: _whole,
    float: _number,
    bool: _yes_or_no,
    date: _day,
    time: _time,
    datetime: times.read_datetime,
    TimeSpan: _span,
}
_WANTED = {
    int: ("정수를 적어 주세요.", "a whole number"),
    float: ("숫자를 적어 주세요.", "a number"),
    bool: ("네나 아니요로 답해 주세요.", "yes or no"),
    date: ("날짜를 적어 주세요. 예: 내일, 12/24", "a day, such as tomorrow or 12/24"),
    time: ("시각을 적어 주세요. 예: 오후 3시, 15:00", "a time, such as 3pm or 15:00"),
    datetime: ("날짜와 시각을 적어 주세요. 예: 내일 오후 3시", "a day and time, such as tomorrow 15:00"),
    TimeSpan: ("시간대를 적어 주세요. 예: 10:00~11:00", "a span, such as 10:00~11:00"),
}
