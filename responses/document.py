"""A YAML 1.2 document in which every word still knows its line."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from responses.problems import Invalid, Problem

LONGEST_DOCUMENT = 256 * 1024
_DEEPEST = 12
_TAG = "tag:yaml.org,2002:"
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_ENTRY_TAGS = ("str", "int", "float", "bool", "null", "timestamp", "value", "merge", "map", "seq")


@dataclass(frozen=True)
class Word:
    """A scalar: what it means, the very characters, and the line where those begin."""

    value: str | int | float | bool | None
    source: str
    line: int
    text_line: int  # of the first line of a block text, which begins below its `|`


@dataclass(frozen=True)
class Items:
    entries: tuple["Part", ...]
    source: str
    line: int


@dataclass(frozen=True)
class Fields:
    entries: dict[str, "Part"]
    lines: dict[str, int]  # of the keys
    source: str
    line: int


Part = Word | Items | Fields


def read(text: str, file: str) -> Fields:
    """The document's top-level fields, or `Invalid` with what is wrong about the YAML itself."""
    part = _whole(text, file, LONGEST_DOCUMENT)
    if not isinstance(part, Fields):
        raise _invalid(file, 1, "A module begins with 'module: name'", "See the example in the help.")
    return part


def read_list(text: str, file: str, longest: int) -> Items:
    """The entries of a document that is a list, or `Invalid`."""
    part = _whole(text, file, longest)
    if not isinstance(part, Items):
        raise _invalid(file, 1, "This file is a list", "Begin each entry with '- ', as in '- name: …'.")
    return part


# Brackets that nobody closes: for each the scanner would look at all before it, which takes seconds.
_OPENED = re.compile(r"(?:[\[{]\s*){100}")


@lru_cache(maxsize=16)  # the editor reads, amends and places one text within one request, and its first text in each
def compose(text: str) -> Node | None:
    """The document's nodes, which nobody changes; or what ruamel raises."""
    return YAML(typ="rt", pure=True).compose(text)  # type: ignore[no-any-return]


def _whole(text: str, file: str, longest: int) -> "Part | None":
    if len(text.encode("utf8", "replace")) > longest:
        size = f"{longest // 1024} KiB" if longest < 1 << 20 else f"{longest >> 20} MiB"
        raise _invalid(file, 1, f"The file is larger than {size}", "Move long lists into a table.")
    if _OPENED.search(text):
        raise _too_deep(file)
    try:
        root = (compose if longest <= LONGEST_DOCUMENT else compose.__wrapped__)(text)
        return _Reading(text, file).part(root, 0) if root is not None else None
    except Invalid:
        raise
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(str(word) for word in (error.context, error.problem) if word)
        mend = "Look at the indentation, and put texts with : { [ # or % into quotes."
        raise _invalid(file, mark.line + 1 if mark else 1, f"This is not YAML: {said}", mend) from None
    except (YAMLError, ValueError) as error:
        said = str(error).splitlines()[0]
        raise _invalid(file, 1, f"This is not YAML: {said}", "Save it as UTF-8 text.") from None
    except RecursionError:
        raise _too_deep(file) from None


def _too_deep(file: str) -> Invalid:
    return _invalid(file, 1, "This is nested too deeply", "A module needs a few levels only.")


class _Reading:
    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.seen: set[int] = set()

    def part(self, node: Node, depth: int) -> Part:
        line = node.start_mark.line + 1
        if id(node) in self.seen:
            raise self.wrong(line, "'*' repeats another part of the file", "Write it out, or quote the text.")
        self.seen.add(id(node))
        if depth > _DEEPEST:
            raise self.wrong(line, "This is nested too deeply", "A module needs a few levels only.")
        tag = str(node.tag)
        if not tag.startswith(_TAG) or tag.removeprefix(_TAG) not in _ENTRY_TAGS:
            raise self.wrong(line, f"'{tag.removeprefix(_TAG)}' is no type here", "Quote texts that begin with !.")
        if isinstance(node, ScalarNode):
            return _word(node, line)
        assert isinstance(node, SequenceNode | MappingNode)
        source = self.text[node.start_mark.index : node.end_mark.index].strip() if node.flow_style else ""
        if isinstance(node, SequenceNode):
            return Items(tuple(self.part(entry, depth + 1) for entry in node.value), source, line)
        return self.fields(node, source, line, depth)

    def fields(self, node: MappingNode, source: str, line: int, depth: int) -> Fields:
        entries: dict[str, Part] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            at = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                mend = "Put the whole text into quotes if it is a {{ }} or a {…} expression."
                raise self.wrong(at, "A key has to be a word", mend)
            key = str(key_node.value)
            if key in entries:
                first = f"It is already there in line {lines[key]}; keep one of them."
                raise self.wrong(at, f"'{key}' is written twice", first)
            entries[key] = self.part(value_node, depth + 1)
            lines[key] = at
        return Fields(entries, lines, source, line)

    def wrong(self, line: int, message: str, mend: str) -> Invalid:
        return _invalid(self.file, line, message, mend)


def _word(node: ScalarNode, line: int) -> Word:
    source = str(node.value)
    plain = node.style is None
    value = _meaning(source, str(node.tag).removeprefix(_TAG)) if plain else source
    return Word(value, source, line, line + 1 if node.style in ("|", ">") else line)


def _meaning(source: str, tag: str) -> Any:
    """YAML 1.2's core types; what only looks like another type (a date, 1_000) stays text."""
    if tag == "null":
        return None
    if tag == "bool":
        return source.lower() == "true"
    if tag == "int" and _WHOLE.fullmatch(source):
        return int(source)
    if tag in ("int", "float") and _DECIMAL.fullmatch(source):
        return float(source)
    return source


def _invalid(file: str, line: int, message: str, mend: str) -> Invalid:
    return Invalid([Problem(file, line, message, mend)])
