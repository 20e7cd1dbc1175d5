"""Our markup (`<b> <i> <link>`, newlines, `:emoji:`, escapes) as Webex's markdown, and what people say in rooms."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import partial
from html import escape, unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

from channels import emoji

LONGEST = 7439  # bytes of UTF-8, in `markdown` and in `text`

# --- out ---

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|>])")
_MARKS = "\ue000\ue001\ue002\ue003"  # bold and italic, begin and end, until it is known what stands around them
_TAG = re.compile(r"<(/?)(b|i|link)([^>]*)>|\n")
_TOKEN = re.compile(r"<[^>]*>|&(?:amp|lt|gt|quot|#39);|\n|[^\s<&]+|[^\S\n]+|.", re.DOTALL)
_BREAK = "  \n"  # a hard line break: a single newline would be a space
_GAP = "\u200a"  # a hair's breadth, which counts as white space


def escaped(words: str) -> str:
    """Nothing that a person wrote becomes markup, a link, a mention, or the name of a sign."""
    words = _SPECIAL.sub(r"\\\1", words.translate(dict.fromkeys(map(ord, _MARKS))))
    return re.sub(r"&(?=#?\w+;)", "&amp;", words).replace("<", "&lt;")


def as_data(words: str) -> str:
    """Any words inside our markup."""
    return escape(words)


def markdown(text: str) -> str:
    made, at, address = "", 0, ""
    for found in _TAG.finditer(text):
        made += _said(text[at : found.start()])
        at = found.end()
        closes, tag = found[1], found[2]
        if tag in ("b", "i"):
            made += _MARKS["bi".index(tag) * 2 + bool(closes)]
        elif tag == "link":
            address = address if closes else _address(found[0])
            made += f"]({address})" if closes else "["
        else:
            made += _BREAK
    made = _emphasised(made + _said(text[at:]))
    # Four spaces before a line would make it code.
    return re.sub(r"(?m)^ +(?=\S)", lambda spaces: "\u00a0" * len(spaces[0]), made)


def _said(words: str) -> str:
    return escaped(emoji.shown(unescape(words)))


def _address(tag: str) -> str:
    value = re.search(r'value="([^"]*)"', tag)
    return quote(unescape(value[1]) if value else "", safe="%/:=&?~#+!$,;@*")


def _emphasised(made: str) -> str:
    """Stars beside a bracket or quotation mark count only with white space on their other side, which Korean, whose
    particles follow without any, does not have there; and `_` works between words only."""
    for begin, end, usual in ((_MARKS[0], _MARKS[1], "**"), (_MARKS[2], _MARKS[3], "_")):
        made = re.sub(f"{begin}(\\s*){end}", r"\1", made)
        made = re.sub(f"{begin}(\\s+)", rf"\1{begin}", made)
        made = re.sub(f"(\\s+){end}", rf"{end}\1", made)
        pair = re.compile(f"(.?){begin}(.*?){end}(?=([{_MARKS}]*)(.?))", re.DOTALL)
        made = pair.sub(partial(_marked, usual), made)
    return made.translate(dict.fromkeys(map(ord, _MARKS)))  # one without its other half


def _marked(usual: str, found: re.Match[str]) -> str:
    before, inside, after = found[1], found[2], found[4]
    bare = re.sub(f"[{_MARKS}]", "", inside)
    glued = _is_word(before) or _is_word(after)
    mark = "*" if usual == "_" and glued else usual
    first = _GAP if _is_word(before) and not _is_word(bare[:1]) else ""
    last = _GAP if _is_word(after) and not _is_word(bare[-1:]) else ""
    return f"{before}{first}{mark}{inside}{mark}{last}"


def _is_word(letter: str) -> bool:
    return bool(letter) and not letter.isspace() and unicodedata.category(letter)[0] not in "PS"


def pieces(text: str, most: int = LONGEST) -> list[str]:
    """The text as markdown of at most so many bytes each: cut between lines where there are any, else between words,
    never within a character. A tag that is open at the cut is closed there and opened again."""
    if len(markdown(text).encode()) <= most:
        return [markdown(text)]
    found, piece, opened, size = list[str](), list[str](), list[str](), 0
    for token in _tokens(text, most // 2):
        cost = _cost(token)
        if size + cost + sum(map(_cost, opened)) > most and "".join(piece).strip():
            kept = _whole_lines(piece)
            found.append("".join(kept) + _closing(opened if len(kept) == len(piece) else _open_in(kept)))
            piece = [*(opened if len(kept) == len(piece) else _open_in(kept)), *piece[len(kept) :]]
            size = sum(map(_cost, piece))
        piece.append(token)
        size += cost
        if token.startswith("<"):
            opened = opened[:-1] if token.startswith("</") else [*opened, token]
    rest = "".join(piece)
    return [markdown(one.strip("\n")) for one in (*found, rest) if re.sub(r"<[^>]*>", "", one).strip()]


def _whole_lines(piece: list[str]) -> list[str]:
    """Up to the last line's end, if that is in the second half."""
    ends = [at for at, token in enumerate(piece) if token == "\n" and at >= len(piece) // 2]
    return piece[: ends[-1] + 1] if ends else piece


def _open_in(tokens: list[str]) -> list[str]:
    opened: list[str] = []
    for token in tokens:
        if token.startswith("<"):
            opened = opened[:-1] if token.startswith("</") else [*opened, token]
    return opened


def _closing(opened: list[str]) -> str:
    return "".join(f"</{tag.strip('<>').split()[0]}>" for tag in reversed(opened))


def _cost(token: str) -> int:
    """Bytes, rather too many: marks come with a gap, and a link that is open at a cut is written twice."""
    if token.startswith("<"):
        return len(_address(token).encode()) * 2 + 16
    return len(_BREAK) if token == "\n" else len(_said(token).encode()) + 2 * token.count(" ")


def _tokens(text: str, most: int) -> Iterator[str]:
    for token in _TOKEN.findall(text):
        if token.startswith(("<", "&")) or _cost(token) <= most:
            yield token
            continue
        part = ""
        for letter in letters(token):
            if part and _cost(part + letter) > most:
                yield part
                part = ""
            part += letter
        yield part


def letters(word: str) -> Iterator[str]:
    """As people see them: an accent stays on its letter, a family of emoji together."""
    letter = ""
    for one in word:
        joins = unicodedata.combining(one) or one in "\u200d\ufe0f" or letter.endswith("\u200d")
        joins = joins or unicodedata.category(one) == "Mn" or "\U0001f3fb" <= one <= "\U0001f3ff"
        joins = joins or "\u1160" <= one <= "\u11ff"  # vowels and finals of Hangul in pieces
        if letter and not joins:
            yield letter
            letter = ""
        letter += one
    if letter:
        yield letter


def card_lines(words: str) -> list[str]:
    """Markdown for a card, which knows bold, italic and links, and escapes only what makes those."""
    lines = re.sub(r"\\([^\\`*_\[\]])", r"\1", words).split("\n")
    return [line.strip().replace("&lt;", "<").replace("&amp;", "&") for line in lines if line.strip()]


def letters_of(words: str) -> str:
    """What is left of markdown, or of the text that was made of it, when only letters and numbers count."""
    return "".join(one for one in re.sub(r"\]\([^)]*\)", "", unescape(words)) if one.isalnum())


# --- in ---


class _Mentions(HTMLParser):
    """The text of a message's HTML without the mention of one person."""

    def __init__(self, person: str) -> None:
        super().__init__(convert_charrefs=True)
        self.person, self.words, self.inside, self.found = person, list[str](), False, False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "spark-mention" and dict(attrs).get("data-object-id") == self.person:
            self.inside = self.found = True
        elif tag in ("br", "p", "li", "div") and self.words:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "spark-mention":
            self.inside = False

    def handle_data(self, data: str) -> None:
        if not self.inside:
            self.words.append(data)


def without_mention(row: Mapping[str, Any], me: Mapping[str, str]) -> str:
    """What was said to the bot in a group: the mention itself is no part of it."""
    text, html = str(row.get("text") or "").strip(), row.get("html")
    mentions = _Mentions(me["id"])
    mentions.feed(html if isinstance(html, str) else "")
    mentions.close()
    if mentions.found:
        return re.sub(r"[ \t\xa0]+", " ", "".join(mentions.words)).strip()
    # Clients may show the whole display name or its first word, usually first.
    for name in (me["name"], me["name"].split(" ")[0]):
        if name and re.match(rf"@?{re.escape(name)}(?!\w)", text, re.IGNORECASE):
            return re.sub(rf"^@?{re.escape(name)}[\s,:]*", "", text, flags=re.IGNORECASE).strip()
    return text
