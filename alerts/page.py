"""From the bytes of a page to its figures, each with the words it was read from and where those stand."""

import codecs
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
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


def read(body: bytes, content_type: str, figures: Mapping[str, Figure]) -> Reading:
    page = _Page(body, content_type, any(one.how == JSONPATH for one in figures.values()))
    found = {name: _figure(page, figure) for name, figure in figures.items()}
    return Reading(found, page.text)


def _figure(page: "_Page", figure: Figure) -> Read:
    try:
        words = page.find(figure.how, figure.where)
    except _Missing as missing:
        return Read(figure.name, None, why=str(missing))
    begin = page.text.find(words) if words else -1
    end = begin + len(words) if begin >= 0 else -1
    clean = " ".join(normalize("NFKC", words).split())
    if figure.type == TEXT:
        if not clean:
            return Read(figure.name, None, words[:LONGEST_TEXT], "it is empty", begin, end)
        return Read(figure.name, clean[:LONGEST_TEXT], words[:LONGEST_TEXT], "", begin, end)
    value = read_number(words)
    why = "" if value is not None else f"'{clean[:40]}' is not one number"
    return Read(figure.name, value, words[:LONGEST_TEXT], why, begin, end)


class _Missing(Exception):
    """It is not there; the text says what."""


class _Page:
    def __init__(self, body: bytes, content_type: str, as_json: bool) -> None:
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

    def find(self, how: str, where: str) -> str:
        return {CSS: self._css, JSONPATH: self._jsonpath, REGEX: self._regex}[how](where)

    def _css(self, where: str) -> str:
        if self.tree is None:
            raise _Missing("the page is JSON, so css finds nothing there")
        from selectolax.lexbor import SelectolaxError

        try:
            found = self.tree.css_first(where)
        except (SelectolaxError, ValueError) as error:
            raise _Missing(f"css {where}: {error}") from None
        if found is None:
            raise _Missing(f"nothing on the page fits {where}")
        return _words(found).strip()

    def _jsonpath(self, where: str) -> str:
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
        return format(value, "f").rstrip("0").rstrip(".") if isinstance(value, float) else str(value)

    def _regex(self, where: str) -> str:
        pattern = compile_pattern(where)
        for text in (self.text, normalize("NFKC", self.text), self.source):
            found = pattern.search(text)
            if found is not None:
                words = found.group(1) if pattern.groups else found.group(0)
                if words is not None:
                    return str(words)
        raise _Missing(f"nothing on the page fits {where}")


def _decoded(body: bytes, content_type: str) -> str:
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if body.startswith(mark):
            return body.decode(name, "replace")
    said = re.search(r"charset=[\"']?([\w.:-]+)", content_type)
    within = re.search(rb"<meta[^>]{0,200}charset=[\"']?([\w.:-]+)", body[:4096], re.IGNORECASE)
    names = [said[1]] if said else []
    names += [within[1].decode("ascii", "replace")] if within else []
    for name in [*names, "utf-8", "cp949"]:
        # What Korean pages call euc-kr has letters that only its larger sister cp949 knows.
        name = "cp949" if name.lower().replace("_", "-") in ("euc-kr", "ks-c-5601-1987", "ksc5601") else name
        try:
            return body.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return body.decode("utf-8", "replace")


def _words(node: Any) -> str:
    """A node's text as it is seen: what stands in one line stays together, blocks are apart."""
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
        waiting.append((one.next, depth))
        if one.tag == "-text":
            parts.append(one.text(deep=False) or "")
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
