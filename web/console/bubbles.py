"""A message of ours as a piece of a page: bold, italic, links and emoji; everything else is words."""

import re

from markupsafe import Markup, escape

from responses.emoji import EMOJI
from responses.markup import unescape_entities

_TAG = re.compile(r'<(/)?(b|i|link)((?:\s+[a-zA-Z]+="[^"<>]*")*)\s*>')
_VALUE = re.compile(r'\bvalue="([^"<>]*)"')
_CODE = re.compile(r":([-+_0-9a-zA-Z]+):")
_SAFE = re.compile(r"(?:https?://|mailto:|tel:)[^\s\x00-\x1f]+", re.IGNORECASE)


def html(text: str) -> Markup:
    """From ChannelTalk's markup. Tags that do not fit together are closed where they must be."""
    out: list[str] = []
    opened: list[str] = []
    at = 0
    for tag in _TAG.finditer(text):
        out.append(_words(text[at : tag.start()]))
        at = tag.end()
        if not tag[1]:
            name = {"b": "b", "i": "i"}.get(tag[2], "a")
            address = _address(tag[3], text[at:]) if name == "a" else ""
            name = "span" if name == "a" and not address else name
            opened.append(name)
            link = f' href="{escape(address)}" target="_blank" rel="noopener noreferrer"' if address else ""
            out.append(f"<{name}{link}>")
        elif opened:
            out.append(f"</{opened.pop()}>")
    out.append(_words(text[at:]))
    return Markup("".join(out) + "".join(f"</{name}>" for name in reversed(opened)))


def _address(attributes: str, rest: str) -> str:
    """A link without `value` leads where its own words say."""
    found = _VALUE.search(attributes)
    address = unescape_entities(found[1] if found else _TAG.split(rest)[0]).strip()
    return address if _SAFE.fullmatch(address) else ""


def _words(text: str) -> str:
    return str(escape(unescape_entities(_CODE.sub(lambda code: EMOJI.get(code[1], code[0]), text))))
