"""A YAML document changed in place: whatever did not change keeps its very characters, comments and order.

A dump of the whole document would write other people's quotes, spaces and line breaks anew. Here a wish is laid
beside the document's nodes, and only the spans that differ are written.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from responses.document import compose

_NUMBER = re.compile(r"[-+]?(?:[0-9]{1,18}(?:\.[0-9]*)?|\.[0-9]+)")
_SWITCH = ("true", "false", "null")
# What needs no quotes in any place: no indicator, no colon or hash, nothing that reads as another type.
_BARE = re.compile(r"[^\W\d_][^\x00-\x1f\x7f-\x9f\ufeff\u2028\u2029:#\[\]{},&*!|>'\"%@`\\]*(?<!\s)")
_WORDLIKE = re.compile(r"null|true|false|yes|no|on|off|y|n|nan|inf|none", re.IGNORECASE)
_ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\u2028\u2029\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Leaf:
    """A word or text, as a form shows it; `bare`: written without quotes where it reads as a number or a switch."""

    shown: str
    bare: bool = False


@dataclass(frozen=True)
class Words:
    """A list of short texts."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Fields:
    """The fields of a thing. None takes a field out; fields that are not mentioned stay as they are. `order` is where
    a new one goes among the others."""

    entries: Mapping[str, "Wish | None"]
    order: Sequence[str] = ()
    short: bool = field(default=False)  # a new one is written on one line


@dataclass(frozen=True)
class Named:
    """Named entries in this order, each with the place it had before (None: new). Others go."""

    entries: Sequence[tuple[str, "Wish", int | None]]


@dataclass(frozen=True)
class Listed:
    """Entries in this order, each with the place it had before (None: new). Others go."""

    entries: Sequence[tuple["Wish", int | None]]


Wish = Leaf | Words | Fields | Named | Listed


def amend(text: str, wish: Fields) -> str:
    """The document with the wish fulfilled. The text has to be YAML whose top is a block of fields."""
    root = compose(text)
    if not isinstance(root, MappingNode) or root.flow_style:
        return _fresh(wish, 0).lstrip("\n") + "\n"
    document = _Document(text)
    start, end = document.span(root)
    return text[:start] + document.render(root, wish, 0) + text[end:]


def shown(text: str, node: Node | None) -> str:
    """A node as a form shows it: the words of a scalar, the characters of anything else."""
    if node is None:
        return ""
    if isinstance(node, ScalarNode):
        return str(node.value).strip()
    return text[node.start_mark.index : node.end_mark.index].strip()


def words(text: str, node: Node | None) -> tuple[str, ...]:
    """The entries of a list of texts; one text alone is a list of one."""
    if isinstance(node, SequenceNode):
        return tuple(shown(text, entry) for entry in node.value)
    return (shown(text, node),) if node is not None and not _is_null(node) else ()


def fields(node: Node | None) -> dict[str, Node]:
    """Name and value of a mapping's entries; nothing for anything else."""
    if not isinstance(node, MappingNode):
        return {}
    return {str(key.value): value for key, value in node.value if isinstance(key, ScalarNode)}


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.style is None and str(node.tag).endswith(":null")


class _Odd(Exception):
    """A layout that people do not write; the part is written anew instead of being mended in place."""


@dataclass
class _Piece:
    lead: str  # the lines above it: blank ones and comments, each with its line break
    body: str


class _Document:
    def __init__(self, text: str) -> None:
        self.text = text

    # ---- where things are ----

    def line_end(self, at: int) -> int:
        found = self.text.find("\n", at)
        return len(self.text) if found < 0 else found

    def span(self, node: Node) -> tuple[int, int]:
        """From the first character to the last one; of a block collection, with the comment behind that."""
        start = node.start_mark.index
        if isinstance(node, ScalarNode):
            end = node.end_mark.index
            if node.style in ("|", ">"):
                end = start + len(self.text[start:end].rstrip("\n"))
            return (start, max(start, end))
        assert isinstance(node, MappingNode | SequenceNode)
        if node.flow_style or not node.value:
            return start, node.end_mark.index
        last = node.value[-1][1] if isinstance(node, MappingNode) else node.value[-1]
        end = self.span(last)[1]
        if isinstance(last, ScalarNode) and last.start_mark.index == last.end_mark.index:  # nothing behind "key:"
            key = node.value[-1][0] if isinstance(node, MappingNode) else None
            end = key.end_mark.index if key is not None else self.dash(last)
        return start, self.line_end(end)

    def dash(self, entry: Node) -> int:
        at = self.text.rfind("-", 0, entry.start_mark.index)
        between = self.text[at + 1 : entry.start_mark.index]
        line = self.text[self.text.rfind("\n", 0, at) + 1 : at]
        if at < 0 or between.strip(" ") or line.strip(" -"):
            raise _Odd
        return at

    # ---- what they become ----

    def render(self, node: Node, wanted: Wish, column: int, flow: bool = False) -> str:
        """The node's span with the wish fulfilled. `column` is where the thing that holds it is indented to."""
        wish = self.listed(node, wanted) if isinstance(wanted, Words) else wanted
        start, end = self.span(node)
        if self.text[start : start + 1] in ("&", "!"):
            raise _Odd
        if isinstance(wish, Leaf):
            return self.text[start:end] if wish.shown == shown(self.text, node) else self.leaf(node, wish, column, flow)
        if isinstance(wish, Listed):
            if not isinstance(node, SequenceNode):
                raise _Odd
            return self.flow_list(node, wish) if node.flow_style else self.block_list(node, wish)
        if not isinstance(node, MappingNode):
            raise _Odd
        named = self.named(node, wish) if isinstance(wish, Fields) else list(wish.entries)
        return self.flow_fields(node, named) if node.flow_style else self.block_fields(node, named)

    def listed(self, node: Node, wish: Words) -> Leaf | Listed:
        """Words are the same entry as before when they say the same."""
        before = list(words(self.text, node))
        if tuple(before) == wish.lines and not isinstance(node, SequenceNode):
            return Leaf(shown(self.text, node))
        entries: list[tuple[Wish, int | None]] = []
        for line in wish.lines:
            place = before.index(line) if line in before else None
            if place is not None:
                before[place] = "\0"  # taken
            entries.append((Leaf(line), place))
        return Listed(entries)

    def named(self, node: MappingNode, wish: Fields) -> list[tuple[str, Wish | None, int | None]]:
        """All fields that the thing has from now on; None as a wish leaves one as it is."""
        there = [str(key.value) for key, _ in node.value]
        entries: list[tuple[str, Wish | None, int | None]] = [
            (name, wish.entries.get(name), place)
            for place, name in enumerate(there)
            if name not in wish.entries or wish.entries[name] is not None
        ]
        rank = {name: place for place, name in enumerate(wish.order or wish.entries)}
        for name, value in wish.entries.items():
            if value is not None and name not in there:
                earlier = [at for at, entry in enumerate(entries) if rank.get(entry[0], len(rank)) < rank[name]]
                entries.insert(earlier[-1] + 1 if earlier else 1, (name, value, None))  # the first line stays
        return entries

    # ---- block collections ----

    def block_list(self, node: SequenceNode, wish: Listed) -> str:
        dashes = [self.dash(entry) for entry in node.value]
        column = dashes[0] - (self.text.rfind("\n", 0, dashes[0]) + 1)
        spans = [self.span(entry) for entry in node.value]
        old = self.pieces(dashes, [max(dash + 1, span[1]) for dash, span in zip(dashes, spans, strict=True)])
        made = []
        for entry, place in wish.entries:
            if place is None:
                made.append(_Piece("", "- " + _fresh(entry, column + 2).lstrip()))
                continue
            (start, end), child = spans[place], node.value[place]
            body = self.replaced(child, entry, column + 2, dashes[place], start, end, old[place].body)
            made.append(_Piece(old[place].lead, body))
        return self.joined(made, old, column, [place for _, place in wish.entries], "[]")

    def replaced(self, child: Node, wish: Wish, column: int, begin: int, start: int, end: int, whole: str) -> str:
        """A piece with its inner part rendered; the comment behind it stays."""
        try:
            new = self.render(child, wish, column)
        except _Odd:
            lead = self.text[begin:start].rstrip() if begin < start else ""
            made = _fresh(wish, column)
            return lead + (made if made.startswith("\n") and lead != "-" else " " + made.lstrip())
        if new == self.text[start:end]:
            return whole
        lead, tail = self.text[begin:start], whole[end - begin :]
        if lead.endswith((":", "-")):
            lead += " "
        if new.startswith("|") and "\n" in new and tail.strip():
            head, _, rest = new.partition("\n")
            return f"{lead}{head}{tail}\n{rest}"
        return lead + new + tail

    def block_fields(self, node: MappingNode, entries: Sequence[tuple[str, Wish | None, int | None]]) -> str:
        if not node.value:
            raise _Odd
        keys = [key for key, _ in node.value]
        starts = [key.start_mark.index for key in keys]
        column = node.start_mark.column
        if any(not isinstance(key, ScalarNode) or key.start_mark.column != column for key in keys):
            raise _Odd
        ends = []
        for key, value in node.value:
            empty = value.start_mark.index == value.end_mark.index
            ends.append(key.end_mark.index if empty else self.span(value)[1])
        old = self.pieces(starts, ends)
        made = []
        for name, wish, place in entries:
            if place is None:
                assert wish is not None
                made.append(_Piece("", _entry(name, wish, column)))
                continue
            key, value = node.value[place]
            body = old[place].body
            if wish is not None:
                body = self.field_body(key, value, wish, column, body)
            if name != str(key.value):
                body = _word(name) + body[key.end_mark.index - key.start_mark.index :]
            made.append(_Piece(old[place].lead, body))
        return self.joined(made, old, column, [place for _, _, place in entries], "{}")

    def field_body(self, key: Node, value: Node, wish: Wish, column: int, body: str) -> str:
        begin = key.start_mark.index
        if value.start_mark.index == value.end_mark.index:  # nothing behind the colon
            if isinstance(wish, Leaf) and not wish.shown or isinstance(wish, Words) and not wish.lines:
                return body
            return self.text[begin : key.end_mark.index] + ":" + _behind_colon(wish, column)
        start, end = self.span(value)
        return self.replaced(value, wish, column, begin, start, end, body)

    def pieces(self, starts: Sequence[int], ends: Sequence[int]) -> list[_Piece]:
        made, before = [], None
        for start, end in zip(starts, ends, strict=True):
            line = self.text.rfind("\n", 0, start) + 1
            if before is not None and line <= before:
                raise _Odd
            lead = "" if before is None else self.text[before + 1 : line]
            before = self.line_end(end)
            made.append(_Piece(lead, self.text[start:before]))
        return made

    def joined(
        self, made: list[_Piece], old: list[_Piece], column: int, places: Sequence[int | None], empty: str
    ) -> str:
        """Pieces under each other. Entries that stood apart stand apart still, and the comments of a section outlive
        its first entry."""
        if not made:
            return empty
        gone = [old[place] for place in range(len(old)) if place not in places]
        orphans = "".join(_section(piece.lead) for piece in gone)
        apart = len(old) > 1 and sum(piece.lead.startswith("\n") for piece in old) > (len(old) - 1) / 2
        out = ""
        for number, (piece, place) in enumerate(zip(made, places, strict=True)):
            lead = piece.lead
            if number == 0:
                lead = lead.lstrip("\n")
            elif (place is None or place == 0) and apart and not lead.startswith("\n"):
                lead = "\n" + lead
            out += ("\n" if number else "") + lead + " " * column + piece.body
        whole = out[column:] if out.startswith(" " * column) else out.lstrip(" ")
        return whole + ("\n" + orphans.rstrip("\n") if orphans.strip() else "")

    # ---- flow collections ----

    def flow_list(self, node: SequenceNode, wish: Listed) -> str:
        same = [place for _, place in wish.entries] == list(range(len(node.value)))
        made = [
            self.within(node.value[place], entry) if place is not None else _flow(entry)
            for entry, place in wish.entries
        ]
        return self.mended(node, list(node.value), made) if same else "[" + ", ".join(made) + "]"

    def flow_fields(self, node: MappingNode, entries: Sequence[tuple[str, Wish | None, int | None]]) -> str:
        same = [(name, place) for name, _, place in entries] == [
            (str(key.value), place) for place, (key, _) in enumerate(node.value)
        ]
        values, made = [], []
        for name, wish, place in entries:
            if place is None:
                assert wish is not None
                values.append(_flow(wish))
            else:
                value = node.value[place][1]
                values.append(self.source(value) if wish is None else self.within(value, wish))
            made.append(f"{_word(name)}: {values[-1]}")
        if same:
            return self.mended(node, [value for _, value in node.value], values)
        return "{" + ", ".join(made) + "}"

    def within(self, node: Node, wish: Wish) -> str:
        try:
            return self.render(node, wish, 0, flow=True)
        except _Odd:
            return _flow(wish)

    def source(self, node: Node) -> str:
        return self.text[node.start_mark.index : node.end_mark.index]

    def mended(self, node: Node, parts: Sequence[Node], made: Sequence[str]) -> str:
        """The same entries in the same order: only their own characters are written."""
        out, at = "", node.start_mark.index
        for part, new in zip(parts, made, strict=True):
            start, end = part.start_mark.index, part.end_mark.index
            gap = self.text[at:start]
            out += gap + (" " if start == end and new and gap.endswith(":") else "") + new
            at = end
        return out + self.text[at : node.end_mark.index]

    # ---- scalars ----

    def leaf(self, node: Node, wish: Leaf, column: int, flow: bool) -> str:
        if flow or not isinstance(node, ScalarNode):
            return _flow(wish) if flow else _scalar(wish, column)
        style = node.style
        if style in ("|", ">") and wish.shown and not _ODD.search(wish.shown):
            head = self.text[node.start_mark.index : self.line_end(node.start_mark.index)]
            kept = head if re.fullmatch(r"\|(\s+#.*)?", head) else "|"
            return kept + "\n" + _indented(wish.shown, self.indent_of(node, column))
        if "\n" not in wish.shown and style == '"':
            return _quoted(wish.shown)
        if style == "'" and "\n" not in wish.shown and not _ODD.search(wish.shown):
            return "'" + wish.shown.replace("'", "''") + "'"
        return _scalar(wish, column)

    def indent_of(self, node: ScalarNode, column: int) -> int:
        """Of the lines of a block text, as its author had it."""
        begin = self.line_end(node.start_mark.index) + 1
        for line in self.text[begin : node.end_mark.index].split("\n"):
            if line.strip():
                return max(len(line) - len(line.lstrip(" ")), column + 1)
        return column + 2


def _section(lead: str) -> str:
    """Of the lines above an entry that goes: those that a blank line parts from it are about more than it."""
    parts = lead.rsplit("\n\n", 1) if "\n\n" in lead else ["", lead]
    if lead.endswith("\n\n") or lead == "\n":
        parts = [lead, ""]
    return parts[0] + "\n" if parts[0].strip() else ""


# ---- written anew ------------------------------------------------------------------------


def _fresh(wish: Wish, column: int) -> str:
    """A thing that was not there, indented to `column`; a collection begins on a line of its own."""
    if isinstance(wish, Leaf):
        return _scalar(wish, column)
    if isinstance(wish, Words) or (isinstance(wish, Fields) and wish.short):
        return _flow(wish)
    if isinstance(wish, Listed):
        if not wish.entries:
            return "[]"
        rows = ["- " + _fresh(entry, column + 2).lstrip() for entry, _ in wish.entries]
    else:
        entries = list(wish.entries.items()) if isinstance(wish, Fields) else [entry[:2] for entry in wish.entries]
        rows = [_entry(name, value, column) for name, value in entries if value is not None]
        if not rows:
            return "{}"
    return "".join(f"\n{' ' * column}{row}" for row in rows)


def _entry(name: str, wish: Wish, column: int) -> str:
    return f"{_word(name)}:{_behind_colon(wish, column)}"


def _behind_colon(wish: Wish, column: int) -> str:
    made = _fresh(wish, column if isinstance(wish, Leaf) else column + 2)
    return made if made.startswith("\n") else f" {made}"


def _flow(wish: Wish) -> str:
    """On one line."""
    if isinstance(wish, Leaf):
        return _word(wish.shown, wish.bare)
    if isinstance(wish, Words):
        return "[" + ", ".join(map(_word, wish.lines)) + "]"
    if isinstance(wish, Listed):
        return "[" + ", ".join(_flow(entry) for entry, _ in wish.entries) + "]"
    entries = list(wish.entries.items()) if isinstance(wish, Fields) else [entry[:2] for entry in wish.entries]
    return "{" + ", ".join(f"{_word(name)}: {_flow(value)}" for name, value in entries if value is not None) + "}"


def _scalar(wish: Leaf, column: int) -> str:
    if "\n" in wish.shown and not _ODD.search(wish.shown):
        return "|\n" + _indented(wish.shown, column + 2)
    if re.fullmatch(r"[^\W\d_][^\x00-\x1f#:\\]*[^\s#:\\]", wish.shown) and not _WORDLIKE.fullmatch(wish.shown):
        return wish.shown if not _ODD.search(wish.shown) else _quoted(wish.shown)
    return _word(wish.shown, wish.bare)


def _word(text: str, bare: bool = False) -> str:
    """In any place: without quotes only where nobody could take it for something else."""
    if bare and (_NUMBER.fullmatch(text) or text in _SWITCH):
        return text
    if _BARE.fullmatch(text) and not _WORDLIKE.fullmatch(text) and not _ODD.search(text):
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    written = json.dumps(text, ensure_ascii=False)
    return _ODD.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def _indented(text: str, column: int) -> str:
    return "\n".join(" " * column + line if line else "" for line in text.split("\n"))
