"""What ChannelTalk takes as a message, and the plain text it derives (sections 6 and 7 of the wire notes).

The vendor publishes no limits for text and blocks; ours (4,000 characters, 20 blocks) are the notes' advice.
"""

import html
import re
from typing import Any
from urllib.parse import urlsplit

COLOURS = {"cobalt", "green", "orange", "red", "black", "pink", "purple"}
OPTIONS = {
    "actAsManager", "displayAsChannel", "private", "silent", "silentToManager", "silentToUser", "doNotPost",
    "doNotSendApp", "doNotSearch", "doNotUpdateDesk", "immutable", "alertToWriter",
}  # fmt: skip
BOT_NAME = re.compile(r"[^@#$%:/\\]{1,30}")
RESERVED_NAMES = {"alf", "알프", "アルフ"}

TEXT_LIMIT = 4000
BLOCK_LIMIT = 20

_TAG = re.compile(r"<[^<>]*>?")
_LINK = re.compile(r'<link type="(url|manager|team)"(?: value="([^"<>]*)")?>')


class Rejected(Exception):
    """The message is JSON, but not one that ChannelTalk takes: 422."""


def check_message(body: object, group: bool = False) -> None:
    if not isinstance(body, dict):
        raise Rejected("A message must be an object.")
    for key in ("blocks", "buttons", "options", "files"):
        if key in body and (not isinstance(body[key], list) or not body[key]):
            raise Rejected(f"{key} must be a list of at least 1 item; leave it out when there is none.")
    if not any(key in body for key in ("blocks", "plainText", "files")):
        raise Rejected("A message needs blocks.")
    if "plainText" in body and not isinstance(body["plainText"], str):
        raise Rejected("plainText must be a string.")
    if "requestId" in body and not (isinstance(body["requestId"], str) and body["requestId"]):
        raise Rejected("requestId must be a string.")
    _check_blocks(body.get("blocks", []))
    _check_buttons(body.get("buttons", []))
    _check_options(body.get("options", []), group)


def check_bot_name(name: str) -> None:
    if not BOT_NAME.fullmatch(name):
        raise Rejected("botName must be 1 to 30 characters and none of @ # $ % : / \\.")
    if name.casefold() in RESERVED_NAMES:
        raise Rejected(f"botName {name} is reserved.")


def _check_blocks(blocks: list[Any]) -> None:
    if len(blocks) > BLOCK_LIMIT:
        raise Rejected(f"blocks holds {len(blocks)} items, at most {BLOCK_LIMIT} are allowed.")
    for index, block in enumerate(blocks):
        _check_block(block, f"blocks[{index}]")


def _check_block(block: object, where: str, inner: bool = False) -> None:
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(block, dict) or kind not in ("text", "code", "bullets") or (inner and kind != "text"):
        raise Rejected(f"{where}: unknown block type {kind!r}.")
    if kind == "bullets":
        items = block.get("blocks")
        if not isinstance(items, list) or not items:
            raise Rejected(f"{where}.blocks must be a list of at least 1 text block.")
        for index, item in enumerate(items):
            _check_block(item, f"{where}.blocks[{index}]", inner=True)
        return
    value = block.get("value")
    if not isinstance(value, str) or not value:
        raise Rejected(f"{where}.value must be a text.")
    if len(value) > TEXT_LIMIT:
        raise Rejected(f"{where}.value has {len(value)} characters, at most {TEXT_LIMIT} are allowed.")
    if kind == "text":
        check_markup(value, where)


def check_markup(value: str, where: str) -> None:
    """Only <b>, <i> and <link>, properly nested; any other `<` must be written &lt;."""
    open_tags: list[str] = []
    for tag in _TAG.findall(value):
        name = tag.strip("</>").split(" ")[0]
        if tag in ("<b>", "<i>") or _LINK.fullmatch(tag):
            if name == "link" and "link" in open_tags:
                raise Rejected(f"{where}: a link within a link.")
            open_tags.append(name)
        elif tag in ("</b>", "</i>", "</link>"):
            if not open_tags or open_tags.pop() != name:
                raise Rejected(f"{where}: {tag} closes nothing.")
        else:
            raise Rejected(f"{where}: unexpected {tag[:40]!r}; write < as &lt;.")
    if open_tags:
        raise Rejected(f"{where}: <{open_tags[-1]}> is not closed.")


def _check_buttons(buttons: list[Any]) -> None:
    if len(buttons) > 2:
        raise Rejected(f"buttons holds {len(buttons)} items, at most 2 are allowed.")
    for index, button in enumerate(buttons):
        where = f"buttons[{index}]"
        if not isinstance(button, dict):
            raise Rejected(f"{where} must be an object.")
        title = button.get("title")
        if not isinstance(title, str) or not 1 <= len(title) <= 30:
            raise Rejected(f"{where}.title must have 1 to 30 characters.")
        colour = button.get("colorVariant", "cobalt")
        if not isinstance(colour, str) or colour not in COLOURS:
            raise Rejected(f"{where}.colorVariant must be one of {', '.join(sorted(COLOURS))}.")
        _check_action(button.get("action"), f"{where}.action")


def _check_action(action: object, where: str) -> None:
    if not isinstance(action, dict) or action.get("type") not in ("web", "command", "submit", "wam"):
        raise Rejected(f"{where}.type must be web, command, submit or wam.")
    if action["type"] != "web":
        return
    attributes = action.get("attributes")
    url = attributes.get("url") if isinstance(attributes, dict) else None
    if not is_web_address(url):
        raise Rejected(f"{where}.attributes.url must be an http address.")


def is_web_address(url: object) -> bool:
    try:
        parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    except ValueError:  # such as an unclosed [ in the host
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _check_options(options: list[Any], group: bool) -> None:
    unknown = [option for option in options if not isinstance(option, str) or option not in OPTIONS]
    if unknown:
        raise Rejected(f"options: {unknown[0]!r} is unknown.")
    if len(set(options)) != len(options):
        raise Rejected("options must be unique.")
    if group and "actAsManager" in options:
        raise Rejected("options: actAsManager cannot be used in a group.")


def plain_text(blocks: list[dict[str, Any]]) -> str:
    lines = []
    for block in blocks:
        if block["type"] == "bullets":
            lines += [_plain(item["value"]) for item in block["blocks"]]
        else:
            lines.append(block["value"] if block["type"] == "code" else _plain(block["value"]))
    return "\n".join(lines)


def marked_text(blocks: list[dict[str, Any]]) -> str:
    """The text with its markup, a line per block."""
    lines = []
    for block in blocks:
        lines += [item["value"] for item in block["blocks"]] if block["type"] == "bullets" else [block["value"]]
    return "\n".join(lines)


def _plain(value: str) -> str:
    return html.unescape(_TAG.sub("", value))


def escaped(text: str) -> str:
    """What a person typed, as the value of a text block."""
    return html.escape(text, quote=True).replace("&#x27;", "'")
