"""When a module starts."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import re2

from responses.syntax import Mistake

CHAT_OPENED, MESSAGE = "chat_opened", "message"
CHANNELS = ("channeltalk", "webex", "google_chat", "telegram", "webchat")  # where people write
KINDS = (CHAT_OPENED, MESSAGE)
_LONGEST_LOOKED_AT = 20_000  # a longer message is an essay, and says none of the words
_LONGEST_PATTERN = 2_000
_LARGEST_PROGRAM = 10_000


@dataclass(frozen=True)
class Start:
    on: str
    again: bool = False
    channels: tuple[str, ...] = ("channeltalk",)
    bots: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    says: tuple[str, ...] = ()  # folded
    pattern: Any = field(default=None, compare=False)  # of re2
    line: int = field(default=1, compare=False)

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(self.pattern.groupindex) if self.pattern is not None else ()


@dataclass(frozen=True)
class Occasion:
    """What happened in a chat. `again` is a chat that was re-opened."""

    kind: str
    again: bool = False
    channel: str = "channeltalk"
    bots: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Match:
    groups: dict[str, str]


def match(starts: Iterable[Start], occasion: Occasion) -> Match | None:
    """The first of the starts that holds, with what its regular expression found."""
    for start in starts:
        groups = _groups(start, occasion)
        if groups is not None:
            return Match(groups)
    return None


def _groups(start: Start, occasion: Occasion) -> dict[str, str] | None:
    if start.on != occasion.kind or occasion.channel not in start.channels:
        return None
    if start.on == CHAT_OPENED and occasion.again and not start.again:
        return None
    if start.bots and not set(start.bots) & set(occasion.bots):
        return None
    if start.tags and not set(map(_even, start.tags)) & set(map(_even, occasion.tags)):
        return None
    if start.on == CHAT_OPENED or not (start.says or start.pattern is not None):
        return {}
    if len(occasion.text) > _LONGEST_LOOKED_AT:
        return None
    said = _even(occasion.text)
    if said.casefold() in start.says:
        return {}
    found = start.pattern.search(said) if start.pattern is not None else None
    return None if found is None else {name: word for name, word in found.groupdict().items() if word is not None}


def _even(text: str) -> str:
    return unicodedata.normalize("NFKC", text.encode("utf8", "replace").decode("utf8")).strip()


def folded(words: str) -> str:
    """As `says` compares: without outer spaces, width and case."""
    return _even(words).casefold()


def compile_pattern(pattern: str) -> Any:
    """A regular expression of the linear-time engine, or Mistake."""
    if len(pattern) > _LONGEST_PATTERN:
        raise Mistake(f"The regular expression is longer than {_LONGEST_PATTERN} characters", "Make it shorter.")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        compiled = re2.compile(unicodedata.normalize("NFKC", pattern), options)
    except re2.error as error:
        said = error.args[0] if error.args else "it cannot be read"
        said = said.decode("utf8", "replace") if isinstance(said, bytes) else said
        raise Mistake(f"'{pattern}' is no regular expression: {said}", _mend(pattern)) from None
    if compiled.programsize > _LARGEST_PROGRAM:
        raise Mistake(f"'{pattern}' becomes too large", "Use smaller numbers in { }.")
    return compiled


def _mend(pattern: str) -> str:
    if "(?=" in pattern or "(?!" in pattern or "(?<" in pattern:
        return "Looking ahead or behind is not there in the linear-time engine; name groups as (?P<name>…)."
    return "Look for a bracket that is missing, and write \\\\ for one \\ inside double quotes."
