"""Whole numbers in addresses and forms. No database keeps larger ones, and SQLite fails when it is asked for one."""

from werkzeug.routing import IntegerConverter, Map

LARGEST = 2**63 - 1


def whole(said: str) -> int:
    """For `request.args.get(name, type=whole)`, which takes a ValueError as if nothing was said."""
    number = int(said)
    if abs(number) > LARGEST:
        raise ValueError("no number that could be stored")
    return number


class StorableConverter(IntegerConverter):
    """`<int:id>` in an address: a larger number is no page of ours."""

    def __init__(self, map: Map, fixed_digits: int = 0, min: int | None = None, max: int | None = LARGEST) -> None:
        super().__init__(map, fixed_digits, min, max)
