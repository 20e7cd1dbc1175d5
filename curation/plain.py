"""Values as JSON has them."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

_LONGEST = 1_000
_MOST = 60


def plain(value: Any) -> Any:
    """Dates as ISO texts, rows and lists as they are."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value]


def shortened(value: Any) -> Any:
    """The same, cut where somebody sent us a novel: a trace shows what a value was made from."""
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else value[:_LONGEST] + "…"
    if isinstance(value, Mapping):
        kept = list(value.items())[:_MOST]
        return {str(key)[:_LONGEST]: shortened(item) for key, item in kept}
    if isinstance(value, list | tuple | set | frozenset):
        return [shortened(item) for item in list(value)[:_MOST]]
    return plain(value)
