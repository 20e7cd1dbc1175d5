"""Texts as ChannelTalk wants them, and how a customer's words stay harmless inside.

While a text is rendered, data stands between two marks. Only at the end, when it is known what stands next to
it, are `${` and `:word:` broken by a zero-width space, and the marks go away.
"""

import re
from urllib.parse import quote

from responses.emoji import EMOJI

BEGIN, END = "\ufdd0", "\ufdd1"  # noncharacters: no text that we accept has them
_BREAK = "\ufdd2"
_ZERO_WIDTH_SPACE = "\u200b"
_MARKS = re.compile(f"[{BEGIN}{END}{_BREAK}]")

_TAG = re.compile(r'<(?P<close>/)?(?P<name>b|i|link)(?P<attributes>(?:\s+[a-zA-Z]+="[^"<>]*")*)\s*>')
_ATTRIBUTE = re.compile(r'([a-zA-Z]+)="([^"<>]*)"')
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot);)")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"'}
_ENTITY = re.compile("&(amp|lt|gt|quot);")
_VARIABLE = re.compile(r"\$\{")
_EMOJI = re.compile(r"(?=(:[-+_0-9a-zA-Z]+:))")
_EMOJI_CODE = re.compile(r":([-+_0-9a-zA-Z]+):")
_SAFE_LINK = re.compile(r"(?:https?://|mailto:|tel:)[^\s\x00-\x1f]+", re.IGNORECASE)
_WEB_ADDRESS = re.compile(r"https?://[^\s/?#\x00-\x1f\"<>\\]+[^\s\x00-\x1f\"<>\\]*", re.IGNORECASE)
LONGEST_ADDRESS = 2000


def mark(data: str) -> str:
    """Data on its way into a text: escaped, and marked as not the author's."""
    bare = _MARKS.sub("", data)
    if "&" in bare or "<" in bare or ">" in bare or '"' in bare:
        bare = bare.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return f"{BEGIN}{bare}{END}"


def finish(rendered: str) -> tuple[str, str]:
    """A rendered text as ChannelTalk markup, and as plain words."""
    text = _mend_tags(_break_codes(rendered).strip())
    bare = _TAG.sub("", text)
    if ":" in bare:
        bare = _EMOJI_CODE.sub(lambda found: EMOJI.get(found[1], found[0]), bare)
    plain = unescape_entities(bare.replace(_BREAK, ""))
    return text.replace(_BREAK, _ZERO_WIDTH_SPACE), plain


def unmarked(rendered: str) -> str:
    """A rendered title, address or profile value: no markup, so nothing was escaped for it."""
    return _MARKS.sub("", rendered)


def address(rendered: str) -> str:
    """A rendered web address. Data that is a part of one is percent-encoded, all of it behind the `?`, so that a name
    with a space or an `&` stays inside its place; data that is the whole address is taken as it is."""
    parts = re.split(f"[{BEGIN}{END}]", rendered.strip())  # the author's and the data's by turns
    if len(parts) == 3 and not parts[0] and not parts[2]:
        return unescape_entities(parts[1]).strip()
    whole = ""
    for place, part in enumerate(parts):
        if place % 2 == 0:
            whole += unescape_entities(part)
            continue
        data = unescape_entities(part)
        begins_address = not whole and data.startswith(("https://", "http://"))
        kept = "" if "?" in whole else "/:@-._~!$'()*,;=%+" + ("?&#" if begins_address else "")
        whole += quote(data, safe=kept)
    return whole


def unescape_entities(text: str) -> str:
    return _ENTITY.sub(lambda found: _ENTITIES[found[1]], text) if "&" in text else text


def is_web_address(text: str) -> bool:
    return len(text) <= LONGEST_ADDRESS and _WEB_ADDRESS.fullmatch(text) is not None


def escape_ampersands(text: str) -> str:
    """The author's own & is meant as one, unless it begins one of the four escapes."""
    return _BARE_AMPERSAND.sub("&amp;", text) if "&" in text else text


def _break_codes(rendered: str) -> str:
    """Break ${…} and :emoji: where a customer's character is what makes them one."""
    if BEGIN not in rendered:
        return rendered
    parts = re.split(f"[{BEGIN}{END}]", rendered)  # the author's and the customer's by turns
    whole = "".join(parts)
    if not ("${" in whole or whole.count(":") > 1):
        return whole
    data: set[int] = set()
    at = 0
    for number, part in enumerate(parts):
        if number % 2:
            data.update(range(at, at + len(part)))
        at += len(part)
    breaks = {found.end() - 1 for found in _VARIABLE.finditer(whole) if data & {found.start(), found.end() - 1}}
    for found in _EMOJI.finditer(whole):
        if data & {found.start(1), found.end(1) - 1}:
            breaks.add(found.start(1) + 1)
    inside_tags = {place for tag in _TAG.finditer(whole) for place in range(tag.start(), tag.end())}
    for place in sorted(breaks - inside_tags, reverse=True):
        whole = whole[:place] + _BREAK + whole[place:]
    return whole


def _mend_tags(text: str) -> str:
    """Balance what conditions left open, and take links off that lead nowhere safe.

    The check tells the author beforehand; the platform would refuse the whole message.
    """
    if "<" not in text:
        return text
    out: list[str] = []
    opened: list[str] = []
    at = 0
    for tag in _TAG.finditer(text):
        out.append(text[at : tag.start()].replace("<", "&lt;"))
        at = tag.end()
        name = tag["name"]
        if not tag["close"]:
            kept = name != "link" or _leads_somewhere(tag["attributes"], text[tag.end() :])
            opened.append(name if kept else f"-{name}")
            out.append(tag[0] if kept else "")
        elif name in opened or f"-{name}" in opened:
            while opened[-1].lstrip("-") != name:
                out.append(_closing(opened.pop()))
            out.append(_closing(opened.pop()))
    out.append(text[at:].replace("<", "&lt;"))
    return "".join(out) + "".join(_closing(name) for name in reversed(opened))


def _closing(name: str) -> str:
    return "" if name.startswith("-") else f"</{name}>"


def _leads_somewhere(attributes: str, rest: str) -> bool:
    found = dict(_ATTRIBUTE.findall(attributes))
    if found.get("type", "url") != "url":
        return "value" in found
    target = found["value"] if "value" in found else _TAG.split(rest)[0]
    return _SAFE_LINK.fullmatch(unescape_entities(target).replace(_BREAK, "").strip()) is not None


def unknown_tag(text: str) -> str | None:
    """The first `<` that opens none of our tags, with what follows it."""
    left = _TAG.sub(lambda tag: "\ufdd3" * len(tag[0]), text)
    at = left.find("<")
    return None if at < 0 else text[at : at + 20].split("\n")[0]


def unbalanced(text: str, opened: list[str]) -> str | None:
    """Follow the tags of one piece of text through `opened`; the tag that does not fit, if any."""
    for tag in _TAG.finditer(text):
        if not tag["close"]:
            opened.append(tag["name"])
        elif not opened or opened.pop() != tag["name"]:
            return tag[0]
    return None


def unsafe_links(text: str, data: str) -> list[str]:
    """The author's own addresses of links that lead nowhere; `data` stands for what is not known yet."""
    found = []
    for tag in _TAG.finditer(text):
        attributes = dict(_ATTRIBUTE.findall(tag["attributes"] or ""))
        target = attributes.get("value")
        if tag["name"] != "link" or tag["close"] or target is None or attributes.get("type", "url") != "url":
            continue
        if data not in target and not _SAFE_LINK.fullmatch(unescape_entities(target)):
            found.append(target)
    return found
