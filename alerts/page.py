"""From the bytes of a page to its figures, each with the words it was read from and where those stand."""

import codecs
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from unicodedata import normalize

from alerts.numbers import read_number
from alerts.watch_file import CSS, JSONPATH, REGEX, TEXT, Figure
from responses.starts import compile_pattern

LONGEST_TEXT = 200  # of a figure that is text
LONGEST_PAGE_TEXT = 200_000
_BLOCKS = frozenset(
    "address article aside blockquote body br dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6"
    " header hr li main nav ol option p pre section table tbody td tfoot th thead title tr ul".split()
)
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# What pages are written in. Python knows more such names, of which some take hours for a page, or fail in ways of
# their own.
_CHARSETS = re.compile(
    r"utf8|cp(949|932|936|950|125\d|874)|gb(2312|k|18030)|big5|(shift_?jis|euc_?(jp|kr)|iso8859|koi8).*"
)
_DEEPEST = 500  # nothing that a person sees is nested so deeply
_MOST_OPEN = 20_000
_UNSEEN = ("script", "style", "noscript", "template")


@dataclass(frozen=True)
class Read:
    """One figure. `why`: what is wrong with it; `begin`, `end`: where its words stand in the page's text, or -1."""

    name: str
    value: int | float | str | None
    words: str = ""
    why: str = ""
    begin: int = -1
    end: int = -1


@dataclass(frozen=True)
class Reading:
    figures: Mapping[str, Read]
    text: str  # of the page, as a person sees it

    @property
    def values(self) -> dict[str, int | float | str | None]:
        return {name: one.value for name, one in self.figures.items()}

    @property
    def why(self) -> str:
        """What kept figures from being read; empty when all were."""
        return "; ".join(f"{one.name}: {one.why}" for one in self.figures.values() if one.why)


def read(body: bytes, content_type: str, figures: Mapping[str, Figure], placed: bool = False) -> Reading:
    """`placed`: tell, too, where in the page's text the words of each figure stand, which takes its time."""
    page = _Page(body, content_type, any(one.how == JSONPATH for one in figures.values()), placed)
    found = {name: _figure(page, figure) for name, figure in figures.items()}
    return Reading(found, page.text)


def _figure(page: "_Page", figure: Figure) -> Read:
    try:
        words, begin, end = page.find(figure.how, figure.where)
    except _Missing as missing:
        return Read(figure.name, None, why=_clean(str(missing)))
    words, clean = words[:LONGEST_TEXT], _clean(normalize("NFKC", words))[:LONGEST_TEXT]
    value = clean if figure.type == TEXT else read_number(words)
    if not clean:
        return Read(figure.name, None, "", "it is empty", begin, end)
    why = "" if value is not None else f"'{clean[:40]}' is not one number"
    return Read(figure.name, value, _clean(words), why, begin, end)


def _clean(words: str) -> str:
    """One line, without what is not seen and no database takes: control characters, halves of surrogate pairs."""
    spaced = " ".join(words.split())
    return "".join(one for one in spaced if unicodedata.category(one) not in ("Cc", "Cf", "Cs"))


class _Missing(Exception):
    """It is not there; the text says what."""


class _Page:
    def __init__(self, body: bytes, content_type: str, as_json: bool, placed: bool) -> None:
        self.placed = placed
        self.json: Any = None
        self.why_no_json = ""
        self.source = _decoded(body, content_type)
        if as_json or "json" in content_type or self.source.lstrip()[:1] in ("{", "["):
            self._read_json()
        self.tree: Any = None
        self.text: str
        if self.json is not None:
            self.text = self.source[:LONGEST_PAGE_TEXT]
        else:
            from selectolax.lexbor import LexborHTMLParser

            # Tags in tags without end take the parser minutes.
            self.tree = LexborHTMLParser(self.source if _left_open(self.source) < _MOST_OPEN else "")
            self.text = _seen(self.tree)[:LONGEST_PAGE_TEXT]

    def _read_json(self) -> None:
        try:
            self.json = json.loads(self.source)
        except (ValueError, RecursionError):
            self.why_no_json = "the page is no JSON"

    def find(self, how: str, where: str) -> tuple[str, int, int]:
        """The words there, and where they stand in the page's text: from and to, or -1."""
        return {CSS: self._css, JSONPATH: self._jsonpath, REGEX: self._regex}[how](where)

    def _css(self, where: str) -> tuple[str, int, int]:
        if self.tree is None:
            raise _Missing("the page is JSON, so css finds nothing there")
        from selectolax.lexbor import SelectolaxError

        try:
            found = self.tree.css_first(where)
        except (SelectolaxError, ValueError) as error:
            raise _Missing(f"css {where}: {error}") from None
        if found is None:
            raise _Missing(f"nothing on the page fits {where}")
        words = _words(found)
        lead = len(_words(self.tree.root, found.mem_id)) - len(words) if self.placed else 0
        begin = self.text.find(words, max(lead, 0)) if words and self.placed else -1
        return words, begin, begin + len(words) if begin >= 0 else -1

    def _jsonpath(self, where: str) -> tuple[str, int, int]:
        import jsonpath

        if self.json is None:
            raise _Missing(self.why_no_json or "the page is no JSON")
        try:
            found = jsonpath.findall(where, self.json)
        except (jsonpath.JSONPathError, RecursionError) as error:
            raise _Missing(f"jsonpath {where}: {str(error).splitlines()[0]}") from None
        if not found:
            raise _Missing(f"nothing in the JSON fits {where}")
        value = found[0]
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise _Missing(f"{where} is neither a number nor a text")
        words = format(Decimal(repr(value)), "f") if isinstance(value, float) else str(value)
        begin = self.text.find(words) if words else -1
        return words, begin, begin + len(words) if begin >= 0 else -1

    def _regex(self, where: str) -> tuple[str, int, int]:
        pattern = compile_pattern(where)
        group = 1 if pattern.groups else 0
        for text in (self.text, normalize("NFKC", self.text), self.source):
            found = pattern.search(text.encode("utf8", "replace").decode("utf8"))
            if found is not None and found.group(group) is not None:
                begin, end = found.span(group) if text is self.text else (-1, -1)
                return str(found.group(group)), begin, end
        raise _Missing(f"nothing on the page fits {where}")


def _decoded(body: bytes, content_type: str) -> str:
    for mark, name in _MARKS.items():
        if body.startswith(mark):
            return body.decode(name, "replace")
    said = re.search(r"charset=[\"']?([\w.:-]+)", content_type)
    within = re.search(rb"<meta[^>]{0,200}charset=[\"']?([\w.:-]+)", body[:4096], re.IGNORECASE)
    names = [said[1]] if said else []
    names += [within[1].decode("ascii", "replace")] if within else []
    for name in [*names, "utf-8", "cp949"]:
        try:
            return body.decode(_codec(name))
        except UnicodeDecodeError:
            continue
    return body.decode("utf-8", "replace")


def _codec(name: str) -> str:
    """Python's name of a page's charset."""
    # What Korean pages call euc-kr has letters that only its larger sister cp949 knows.
    plain = "cp949" if name.lower().replace("_", "-") in ("euc-kr", "ks-c-5601-1987", "ksc5601", "ms949") else name
    try:
        known = codecs.lookup(plain).name.replace("-", "").lower()
    except (LookupError, ValueError):
        return "utf-8"
    return known if _CHARSETS.fullmatch(known) else "utf-8"


def _words(node: Any, until: int = 0) -> str:
    """A node's text as it is seen: what stands in one line stays together, blocks are apart. `until`: up to the end of
    the node of that memory id."""
    parts: list[str] = []
    waiting: list[Any] = [(node.child, 0)]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            parts.append(item)
            continue
        one, depth = item
        if one is None:
            continue
        if one.mem_id == until:
            waiting.clear()
        else:
            waiting.append((one.next, depth))
        if one.tag == "-text":
            parts.append(re.sub(r"\s+", " ", one.text(deep=False) or ""))
        elif one.tag not in _UNSEEN and depth < _DEEPEST:
            edge = "\n" if one.tag in _BLOCKS else ""
            parts.append(edge)
            waiting += [edge, (one.child, depth + 1)]
    lines = (" ".join(line.split()) for line in "".join(parts).split("\n"))
    return "\n".join(line for line in lines if line)


def _left_open(source: str) -> int:
    """How many tags may stand within each other."""
    opened = Counter(name.lower() for name in re.findall(r"<([a-zA-Z][\w-]*)", source))
    closed = Counter(name.lower() for name in re.findall(r"</([a-zA-Z][\w-]*)", source))
    return sum((opened - closed).values())


def _seen(tree: Any) -> str:
    root = tree.root
    return _words(root) if root is not None else ""
