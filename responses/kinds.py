"""What a value can be, as far as it shows without running: for the check, never for running."""

import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from responses.keys import Key


class Rows(Protocol):
    """A table, as the check is handed it."""

    @property
    def columns(self) -> Sequence[str]: ...

    @property
    def rows(self) -> Sequence[Sequence[Any]]: ...

    def lookup(self, **keys: Any) -> tuple[dict[str, Any] | None, int | None]: ...


Tables = Mapping[str, Rows]


@dataclass(frozen=True)
class Kind:
    base: str = "any"  # number text truth list date row null any
    table: str = ""  # a row of this table
    columns: tuple[str, ...] | None = None  # the fields that a row has, where they are known
    options: tuple[str, ...] = ()  # a text that is one of these
    entry: str = "any"  # what a list has inside
    literal: bool = False  # written by the author on the spot

    @property
    def known(self) -> bool:
        return self.base not in ("any", "null")


ANY = Kind()
NUMBER, TEXT, TRUTH, LIST, DATE, ROW, NULL = map(Kind, ("number", "text", "truth", "list", "date", "row", "null"))

WORDS = {
    "number": "a number",
    "text": "a text",
    "truth": "true or false",
    "list": "a list",
    "date": "a date",
    "row": "a row",
    "null": "null",
    "any": "anything",
}
_OF_KEYS = {
    "text": "text",
    "choice": "text",
    "number": "number",
    "integer": "number",
    "boolean": "truth",
    "list": "list",
    "date": "date",
}
_OF_TYPES: dict[Any, Kind] = {
    int: NUMBER,
    float: NUMBER,
    bool: TRUTH,
    str: TEXT,
    date: DATE,
    datetime: DATE,
    list: LIST,
    tuple: LIST,
    dict: ROW,
    Mapping: ROW,
    Sequence: LIST,
    Iterable: LIST,
    type(None): NULL,
}


def of_key(key: Key) -> Kind:
    return Kind(_OF_KEYS[key.type], options=key.options, entry="text" if key.type == "list" else "any")


def of_constant(value: Any) -> Kind:
    return Kind(_OF_TYPES.get(type(value), ANY).base, literal=True)


def of_column(table: Rows, column: str) -> Kind:
    """Numbers, texts or truths; anything where they are mixed."""
    place = list(table.columns).index(column)
    bases = {_OF_TYPES.get(type(row[place]), ANY).base for row in table.rows if row[place] is not None}
    return Kind(bases.pop()) if len(bases) == 1 else ANY


def one_of(kinds: Iterable[Kind]) -> Kind:
    """What can be either: their common base, null aside."""
    told = [kind for kind in kinds if kind.base != "null"]
    if not told:
        return NULL
    if all(kind == told[0] for kind in told):
        return told[0]
    return Kind(told[0].base) if all(kind.base == told[0].base for kind in told) else ANY


def of_annotation(annotation: Any) -> Kind:
    """`float | None` is a number; what is not annotated is anything."""
    origin = typing.get_origin(annotation)
    if origin is typing.Union or origin is types.UnionType:
        return one_of(of_annotation(part) for part in typing.get_args(annotation))
    return _OF_TYPES.get(origin or annotation, ANY)


def annotations(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError):
        return {}
