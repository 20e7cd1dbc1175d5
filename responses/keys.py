"""The keys of a survey: what type each has, and how a customer's words are read as that type."""

import json
import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any

TYPES = ("text", "number", "integer", "boolean", "choice", "list", "date")
LONGEST_TEXT = 200
KOREA = timezone(timedelta(hours=9))

_MOST_ENTRIES = 100
_LARGEST = 10**15  # beyond it a float is no longer exact, and nobody counts so far
_NUMBER = re.compile(r"([+-]?)((?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,40})(?:\.[0-9]{0,40})?|\.[0-9]{1,40})\s*(.*)")
_YES = frozenset("true yes y t on o 1 예 네 넵 응 맞아요 맞습니다 있음 있어요".split())
_NO = frozenset("false no n f off x 0 아니오 아니요 아뇨 아니 없음 없어요".split())
_DATE = re.compile(
    r"([0-9]{4})\s*(?:-|\.|/|년)\s*([0-9]{1,2})\s*(?:-|\.|/|월)\s*([0-9]{1,2})\s*(?:\.|일)?(?:\([월화수목금토일]\))?"
)
_COMPACT_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_MILLISECONDS = re.compile(r"-?[0-9]{10,14}")


@dataclass(frozen=True)
class Key:
    name: str
    type: str = "text"
    label: str = ""
    unit: str = ""
    min: float | None = None
    max: float | None = None
    options: tuple[str, ...] = ()
    has_default: bool = False
    default: Any = None
    source: str = ""  # the profile's key: `from`, else the name
    asked: bool = False  # some message asks for it
    line: int = field(default=1, compare=False)

    @property
    def needed(self) -> bool:
        return not self.has_default and not self.asked

    def read(self, raw: Any, zone: tzinfo = KOREA) -> Any:
        """The typed value of what was received, or `Unreadable`."""
        value = _READERS[self.type](self, raw, zone)
        if isinstance(value, int | float) and not isinstance(value, bool):
            if (self.min is not None and value < self.min) or (self.max is not None and value > self.max):
                raise Unreadable
        return value


class Unreadable(ValueError):
    """What was received does not say what the key asks for."""


def is_absent(raw: Any) -> bool:
    """Nothing was said: null, or a text without a single visible character."""
    return raw is None or (isinstance(raw, str) and not clean(raw[:2000]))


def clean(text: str) -> str:
    """NFKC, one line, trimmed, and nothing invisible that could turn or hide what stands beside it."""
    folded = unicodedata.normalize("NFKC", text)
    if not folded.isprintable():
        folded = "".join(_visible(letter) for letter in folded)
    return " ".join(folded.split())


def _visible(letter: str) -> str:
    if letter.isspace():
        return " "
    if letter in "\u200c\u200d":  # they join emoji and letters
        return letter
    return "" if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp") else letter


def cut(text: str, length: int = LONGEST_TEXT) -> str:
    """At most so many characters, without parting a letter from its accents or an emoji from its parts."""
    if len(text) <= length:
        return text
    end = length
    while end > length - 24 and (_joins(text[end]) or text[end - 1] == "\u200d"):
        end -= 1
    return text[: end if end > length - 24 else length].rstrip()


def _joins(letter: str) -> bool:
    return letter == "\u200d" or unicodedata.category(letter)[0] == "M" or "\U0001f3fb" <= letter <= "\U0001f3ff"


def fold(text: str) -> str:
    """For comparing words: width, case and spaces do not matter."""
    return clean(text).casefold()


def plain_number(text: str, unit: str = "") -> int | float | None:
    """A sign, digits, thousands commas, one point, then nothing or the unit; else None."""
    if len(text) > 200:
        return None
    folded = clean(text).replace("\u2212", "-")
    found = _NUMBER.fullmatch(folded)
    if found is None or (found[3] and fold(found[3]) != fold(unit)):
        return None
    digits = found[1] + found[2].replace(",", "")
    value = float(digits) if "." in digits else int(digits)
    return value if abs(value) <= _LARGEST else None


def _number(key: Key, raw: Any, zone: tzinfo) -> int | float:
    if isinstance(raw, str):
        value = plain_number(raw, key.unit)
        if value is None:
            raise Unreadable
        return value
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not abs(raw) <= _LARGEST:
        raise Unreadable
    return raw


def _integer(key: Key, raw: Any, zone: tzinfo) -> int:
    value = _number(key, raw, zone)
    if value != math.trunc(value):
        raise Unreadable
    return int(value)


def _text(key: Key, raw: Any, zone: tzinfo) -> str:
    return cut(_words(raw))


def _words(raw: Any) -> str:
    if isinstance(raw, str):
        return clean(raw[:2000])
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not abs(raw) <= _LARGEST:
        raise Unreadable
    return str(int(raw)) if raw == math.trunc(raw) else str(raw)


def _choice(key: Key, raw: Any, zone: tzinfo) -> str:
    said = fold(_words(raw))
    for option in key.options:
        if fold(option) == said:
            return option
    raise Unreadable


def _boolean(key: Key, raw: Any, zone: tzinfo) -> bool:
    if isinstance(raw, bool):
        return raw
    said = fold(_words(raw))
    if said in _YES:
        return True
    if said in _NO:
        return False
    raise Unreadable


def _list(key: Key, raw: Any, zone: tzinfo) -> list[str]:
    if isinstance(raw, str):
        raw = _entries(raw[:20_000].strip())
    if not isinstance(raw, list | tuple):
        raise Unreadable
    entries = [cut(_words(entry)) for entry in raw[:_MOST_ENTRIES] if not is_absent(entry)]
    return entries


def _entries(text: str) -> Any:
    if text.startswith("["):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise Unreadable from None
    return re.split(r"[,，、\n]", text)


def _date(key: Key, raw: Any, zone: tzinfo) -> date:
    try:
        if isinstance(raw, datetime):
            return (raw.astimezone(zone) if raw.tzinfo else raw).date()
        if isinstance(raw, date):
            return raw
        if isinstance(raw, str):
            return _date_in(clean(raw[:100]), zone)
        if isinstance(raw, bool) or not isinstance(raw, int | float) or not abs(raw) <= _LARGEST:
            raise Unreadable
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=raw)).astimezone(zone).date()
    except (ValueError, OverflowError):
        raise Unreadable from None


def _date_in(text: str, zone: tzinfo) -> date:
    found = _DATE.fullmatch(text) or _COMPACT_DATE.fullmatch(text)
    if found:
        return date(int(found[1]), int(found[2]), int(found[3]))
    if _MILLISECONDS.fullmatch(text):
        return _date(Key(""), int(text), zone)
    moment = datetime.fromisoformat(text)
    return (moment.astimezone(zone) if moment.tzinfo else moment).date()


_READERS: dict[str, Callable[[Key, Any, tzinfo], Any]] = {
    "text": _text,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "choice": _choice,
    "list": _list,
    "date": _date,
}
