"""parse_mode HTML as Telegram reads it: a few tags, each closed in its turn; what it makes is text and entities."""

import re
from html import unescape
from typing import Any

Json = dict[str, Any]

KINDS = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "code": "code", "pre": "pre",
    "a": "text_link", "tg-spoiler": "spoiler", "blockquote": "blockquote", "tg-emoji": "custom_emoji",
}  # fmt: skip
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)((?:\s[^<>]*)?)>")
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});")
_HREF = re.compile(r"""href=(?:"([^"]*)"|'([^']*)'|(\S+))""")


class Unreadable(Exception):
    """can't parse entities: … this."""


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def parse(source: str) -> tuple[str, list[Json]]:
    text, at, opened, found = "", 0, list[tuple[str, int, str]](), list[Json]()
    while at < len(source):
        if source[at] != "<":
            end = source.find("<", at)
            end = len(source) if end < 0 else end
            text += _ENTITY.sub(lambda entity: unescape(entity[0]), source[at:end])
            at = end
            continue
        tag = _TAG.match(source, at)
        offset = len(source[:at].encode())
        if tag is None or tag[2].lower() not in KINDS:
            name = tag[2] if tag else re.split(r"[\s>]", source[at + 1 : at + 40] or " ")[0]
            raise Unreadable(f'Unsupported start tag "{name}" at byte offset {offset}')
        name = tag[2].lower()
        if not tag[1]:
            href = _HREF.search(tag[3])
            opened.append((name, units(text), unescape(next(filter(None, href.groups()), "")) if href else ""))
        elif not opened or opened[-1][0] != name:
            expected = f', expected "</{opened[-1][0]}>"' if opened else ""
            raise Unreadable(f'Unmatched end tag at byte offset {offset}{expected}, found "</{name}>"')
        else:
            _, start, target = opened.pop()
            entity: Json = {"type": KINDS[name], "offset": start, "length": units(text) - start}
            if entity["length"] and (name != "a" or target):
                found.append({**entity, "url": target} if name == "a" else entity)
        at = tag.end()
    if opened:
        raise Unreadable(f'Can\'t find end tag corresponding to start tag "{opened[-1][0]}"')
    return _stripped(text, found)


def _stripped(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    kept = text.strip()
    before = units(text[: len(text) - len(text.lstrip())])
    whole, found = units(kept), []
    for one in sorted(entities, key=lambda one: (one["offset"], -one["length"])):
        start = max(one["offset"] - before, 0)
        end = min(one["offset"] + one["length"] - before, whole)
        if end > start:
            found.append({**one, "offset": start, "length": end - start})
    return kept, found


_COMMAND = re.compile(r"(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/<>])")


def commands(text: str) -> list[Json]:
    """Where Telegram's clients see a command. Letters of Hangul are letters, so `/구독` and `/help를` are none."""
    return [
        {"type": "bot_command", "offset": units(text[: found.start()]), "length": units(found[0])}
        for found in _COMMAND.finditer(text)
    ]
