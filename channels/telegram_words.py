"""Our markup (`<b> <i> <link>`, newlines, `:emoji:`, escapes) as Telegram's HTML, cut to what one message takes; and
which words of people are commands."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape, unescape
from typing import Any
from unicodedata import normalize

from channels import emoji
from channels.webex_words import letters

LONGEST, LONGEST_CAPTION = 4096, 1024  # UTF-16 units, once the tags are read
MOST_MARKED = 90  # of 100 bold words, links and so on in one message
LONGEST_DATA = 64  # bytes of UTF-8 that a button brings back

# --- out ---


def as_data(words: str) -> str:
    """Any words inside our markup."""
    return escape(words)


_TOKEN = re.compile(r"</?(?:b|i|link)(?:\s[^>]*)?>|\n|[^\S\n]+|[^\s<]+|.", re.DOTALL)
_TAG = re.compile(r"<(/?)(b|i|link)(?:\s([^>]*))?>")
_VALUE = re.compile(r'value="([^"]*)"')


def pieces(text: str, most: int = LONGEST) -> list[str]:
    """The text as HTML of at most so many units each: cut between lines where there are any, else between words, never
    within a letter. A tag that is open at the cut is closed there and opened again."""
    found, piece, size, marked = list[list[str]](), list[str](), 0, 0
    for token in _balanced(_tokens(text, most)):
        cost, marks = _cost(token), _is_mark(token)
        full = marks and marked >= MOST_MARKED
        if full and not size:  # so many marks, and not a word yet
            piece = _open_in(piece)
            marked, full = len(piece), False
        while (full or size + cost > most) and size:
            kept = _whole_lines(piece)
            found.append(kept)
            piece = [*_open_in(kept), *piece[len(kept) :]]
            size, marked, full = sum(map(_cost, piece)), sum(map(_is_mark, piece)), False
        piece.append(token)
        size, marked = size + cost, marked + marks
    return [_html(one) for one in (*found, piece) if "".join(map(_shown, one)).strip()]


def _tokens(text: str, most: int) -> Iterator[str]:
    for token in _TOKEN.findall(text):
        if _TAG.match(token) or _cost(token) <= most:
            yield token
            continue
        part, size = list[str](), 0
        for letter in letters(_shown(token)):
            if part and size + units(letter) > most:
                yield escape("".join(part), quote=False)
                part, size = [], 0
            part.append(letter)
            size += units(letter)
        yield escape("".join(part), quote=False)


def _balanced(tokens: Iterable[str]) -> Iterator[str]:
    """Each tag closed in its turn, as Telegram refuses what is crossed, and none within its like."""
    opened, again = list[str](), dict.fromkeys(("b", "i", "link"), 0)
    for token in tokens:
        tag = _TAG.match(token)
        name = tag[2] if tag else ""
        if not tag:
            yield token
        elif not tag[1] and name in opened:
            again[name] += 1
        elif not tag[1]:
            opened.append(name)
            yield token
        elif again[name]:
            again[name] -= 1
        elif name in opened:
            for inner in reversed(opened[opened.index(name) :]):
                again[inner] = 0
                yield f"</{inner}>"
            del opened[opened.index(name) :]
    yield from (f"</{name}>" for name in reversed(opened))


def units(words: str) -> int:
    """How long Telegram takes it to be: letters beyond the first 65,536 count twice."""
    return len(words) + sum(letter > "\uffff" for letter in words)


def _shown(token: str) -> str:
    return "" if _TAG.match(token) else emoji.shown(unescape(token))


def _cost(token: str) -> int:
    return units(_shown(token))


def _is_mark(token: str) -> bool:
    return token[:1] == "<" and token[:2] != "</" and _TAG.match(token) is not None


def _whole_lines(piece: list[str]) -> list[str]:
    """Up to the last line's end, if that is in the second half."""
    ends = [at for at, token in enumerate(piece) if token == "\n" and at >= len(piece) // 2]
    return piece[: ends[-1] + 1] if ends else piece


def _open_in(tokens: Sequence[str]) -> list[str]:
    opened: list[str] = []
    for token in tokens:
        tag = _TAG.match(token)
        if tag and not tag[1]:
            opened.append(token)
        elif tag and opened:
            opened.pop()
    return opened


def _html(tokens: Sequence[str]) -> str:
    """Of balanced tokens; what is open at their end is closed there."""
    made, opened = "", list[str]()
    for token in tokens:
        tag = _TAG.match(token)
        if tag is None:
            made += escape(_shown(token), quote=False)
        elif tag[1]:
            made += f"</{opened.pop()}>"
        else:
            opened.append("a" if tag[2] == "link" else tag[2])
            made += f'<a href="{escape(_address(tag[3] or ""))}">' if tag[2] == "link" else f"<{tag[2]}>"
    return made.strip() + "".join(f"</{name}>" for name in reversed(opened))


def _address(attributes: str) -> str:
    value = _VALUE.search(attributes)
    return unescape(value[1]) if value else ""


def plain(html: str) -> str:
    """What is left when Telegram will not read the tags."""
    return unescape(re.sub(r"<[^>]*>", "", html))


# --- buttons ---

_KEPT = "~"  # the words are too long for the button; whoever sent the message has them


def data_of(place: int, say: str) -> str:
    """What a button brings back when it is pressed: what it says, or where its message's row has that."""
    if len(say.encode()) <= LONGEST_DATA and not say.startswith(_KEPT):
        return say
    return f"{_KEPT}{place}:{_digest(say)}"


def said_by(data: str, buttons: Sequence[Mapping[str, Any]]) -> str | None:
    """What it says. None: no button of the message, as somebody who forges one would have it. What needs no row is
    worth just as much as the same words typed."""
    kept = re.fullmatch(rf"{_KEPT}([0-9]{{1,2}}):([0-9a-f]{{24}})", data)
    if not kept:
        return None if data.startswith(_KEPT) else data
    place = int(kept[1])
    say = str(buttons[place].get("say") or "") if place < len(buttons) else ""
    return say if say and hmac.compare_digest(_digest(say), kept[2]) else None


def needs_its_row(data: str) -> bool:
    return data.startswith(_KEPT)


def _digest(say: str) -> str:
    return hashlib.blake2s(say.encode(), digest_size=12).hexdigest()


# --- in ---

ALONE = {"start", "help", "stop", "시작"}  # in other company they begin a sentence
FIRST = {"구독", "구독해지", "구독취소", "해지", "도움말", "subscribe", "unsubscribe"}
_AT = re.compile(r"^(/[^\s@]*)@([A-Za-z0-9_]{3,32})$")


def heard(message: Mapping[str, Any], private: bool) -> tuple[str, str]:
    """What somebody said, a command beginning with a slash; and the bot by whose name it was called, if by one.

    Telegram knows commands in Latin letters only and marks them; `/구독` is text like any other.
    """
    name = "text" if isinstance(message.get("text"), str) else "caption"
    raw = message.get(name)
    if not isinstance(raw, str):
        return "", ""
    end = _marked_command(message.get("entities" if name == "text" else "caption_entities"))
    if end and raw.startswith("/"):
        # Offsets count UTF-16 units.
        units_of = raw.encode("utf-16-le", "surrogatepass")
        first = units_of[: 2 * end].decode("utf-16-le", "replace")
        rest = units_of[2 * end :].decode("utf-16-le", "replace")
    else:
        first, rest = _split(normalize("NFC", raw).strip())
    first, rest = normalize("NFC", first).strip(), normalize("NFC", rest).strip()
    called = _AT.match(first)
    if called:
        first = called[1]
    elif private and _is_command(first.lower(), rest):
        first = f"/{first}"
    words = f"{first} {rest}" if first.startswith("/") else normalize("NFC", raw)
    return words.strip(), called[2] if called else ""


def _split(words: str) -> tuple[str, str]:
    parts = words.split(None, 1)
    return parts[0] if parts else "", parts[1] if len(parts) > 1 else ""


def _is_command(first: str, rest: str) -> bool:
    return first in FIRST or (first in ALONE and not rest)


def _marked_command(entities: Any) -> int:
    """Where the command ends with which the message begins; 0 = Telegram marked none."""
    for one in entities if isinstance(entities, list) else []:
        if isinstance(one, dict) and one.get("type") == "bot_command" and one.get("offset") == 0:
            length = one.get("length")
            return length if isinstance(length, int) and not isinstance(length, bool) and 1 < length < 200 else 0
    return 0
