"""Reading fields of a document as what they should be, collecting what is wrong."""

import keyword
from collections.abc import Iterable, Sequence
from typing import TypeVar

from responses.document import Fields, Items, Word
from responses.problems import Problem, did_you_mean

RESERVED = frozenset(
    "null none true false and or not in is if else elif for loop self super caller missing"
    " now customer chat channel site lookup percentile".split()
)
_LONGEST_NAME = 64
Default = TypeVar("Default")


class Reading:
    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.broken: set[str] = set()  # names that were meant to be there, so that nobody is told twice

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.level == "error"]

    def wrong(self, line: int, message: str, mend: str, level: str = "error") -> None:
        self.problems.append(Problem(self.file, line, message, mend, level))

    def meant(self, word: str, known: Iterable[str], otherwise: str) -> str:
        return did_you_mean(word, known) or otherwise

    def only(self, fields: Fields, known: Sequence[str], what: str) -> None:
        """Any other field is a problem: a mistyped one would silently do nothing."""
        for key, line in fields.lines.items():
            if key not in known:
                mend = self.meant(key, known, f"There are: {', '.join(known)}.")
                self.wrong(line, f"{what} has no '{key}'", mend)

    def name(self, name: str, line: int) -> None:
        """A key or value's name is a word of the language."""
        if not name.isidentifier() or name.startswith("_") or len(name) > _LONGEST_NAME:
            mend = "Use letters, digits and _, beginning with a letter; for a profile's key use 'from:'."
            self.wrong(line, f"'{name}' cannot be a name", mend)
        elif name.lower() in RESERVED or keyword.iskeyword(name):
            self.wrong(line, f"'{name}' has a meaning in the language already", "Use another name.")

    def word(self, fields: Fields, key: str, otherwise: Default) -> str | Default:
        part = fields.entries.get(key)
        if part is None:
            return otherwise
        if isinstance(part, Word) and part.value is not None:
            return part.source
        self.wrong(fields.lines[key], f"'{key}' has to be a text", f"Write it behind '{key}: ', in quotes.")
        return otherwise

    def words(self, fields: Fields, key: str) -> tuple[str, ...]:
        """A list of texts; one text alone is a list of one."""
        part = fields.entries.get(key)
        if part is None:
            return ()
        entries = part.entries if isinstance(part, Items) else (part,)
        if any(not isinstance(entry, Word) or entry.value is None for entry in entries):
            self.wrong(fields.lines[key], f"'{key}' has to be a list of texts", f"Such as: {key}: [하나, 둘]")
            return ()
        return tuple(entry.source for entry in entries if isinstance(entry, Word))

    def switch(self, fields: Fields, key: str, otherwise: bool) -> bool:
        part = fields.entries.get(key)
        if part is None:
            return otherwise
        if isinstance(part, Word) and isinstance(part.value, bool):
            return part.value
        self.wrong(fields.lines[key], f"'{key}' has to be true or false", f"Write '{key}: true'.")
        return otherwise

    def number(self, fields: Fields, key: str, lowest: float, highest: float, otherwise: float | None) -> float | None:
        part = fields.entries.get(key)
        if part is None:
            return otherwise
        value = part.value if isinstance(part, Word) else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.wrong(fields.lines[key], f"'{key}' has to be a number", f"Write '{key}: 2', without quotes.")
            return otherwise
        if not lowest <= value <= highest:
            mend = f"Use {lowest:,g} to {highest:,.0f}."
            self.wrong(fields.lines[key], f"'{key}: {value}' is out of bounds", mend)
            return otherwise
        return value

    def one_of(self, fields: Fields, key: str, known: Sequence[str], otherwise: str) -> str:
        word = self.word(fields, key, otherwise)
        if word in known:
            return word
        mend = f"{did_you_mean(word, known)} There are: {', '.join(known)}.".strip()
        self.wrong(fields.lines.get(key, fields.line), f"'{key}: {word}' is not known", mend)
        return otherwise
