"""Our markup (`<b> <i> <link>`, newlines, `:emoji:`, escapes) as Google Chat's two kinds, of texts and of cards; and
what people say to the app."""

import re
from collections.abc import Mapping
from html import escape, unescape
from typing import Any
from unicodedata import normalize

from channels import emoji, markup
from channels.google_chat_api import row, rows, text

LONGEST = 4000  # characters of one message; older pages of Google's know no more than 4096
_TAG = re.compile(r"<(/?)(b|i|link)([^>]*)>")
_VALUE = re.compile(r'value="([^"]*)"')

# --- out ---


def as_data(words: str) -> str:
    """Any words inside our markup."""
    return escape(words)


def pieces(marked: str) -> list[str]:
    return [piece for one in markup.split(marked, LONGEST) if (piece := as_text(one).strip())]


def as_text(marked: str) -> str:
    """`*bold* _italic_ <url|label>`. Google knows no escape: what would be a link or a mention of somebody, such as
    `<users/all>`, loses its bracket."""
    made, at, address = "", 0, ""
    for tag in _TAG.finditer(marked):
        made += _bare(marked[at : tag.start()], bool(address))
        at = tag.end()
        if tag[2] != "link":
            made += "*" if tag[2] == "b" else "_"
        elif tag[1]:
            made += ">" if address else ""
            address = ""
        else:
            address = _address(tag[3])
            made += f"<{address}|" if address else ""
    return made + _bare(marked[at:], False)


def _bare(words: str, label: bool) -> str:
    said = re.sub(r"<(?=\S)", "‹", emoji.shown(unescape(words)))
    return said.replace("<", "‹").replace(">", "›").replace("|", "¦") if label else said


def _address(attributes: str) -> str:
    value = _VALUE.search(attributes)
    found = unescape(value[1]) if value else ""
    return re.sub(r"[<>|\s]", lambda one: f"%{ord(one[0]):02X}", found)


def as_html(marked: str) -> str:
    """As a card shows it."""
    made, at, opened = "", 0, list[str]()
    for tag in _TAG.finditer(marked):
        made += _quoted(marked[at : tag.start()])
        at = tag.end()
        name = {"link": "a"}.get(tag[2], tag[2])
        if not tag[1]:
            opened.append(name)
            made += f'<a href="{escape(_address(tag[3]))}">' if name == "a" else f"<{name}>"
        elif name in opened:
            while opened[-1] != name:  # one that ends before those within it ends them, too
                made += f"</{opened.pop()}>"
            made += f"</{opened.pop()}>"
    made += _quoted(marked[at:]) + "".join(f"</{name}>" for name in reversed(opened))
    return made.strip().replace("\n", "<br>")


def _quoted(words: str) -> str:
    return escape(emoji.shown(unescape(words)), quote=False)


# --- in ---

# Names of slash commands are registered with Google, which sends their number; README tells which to give them.
COMMANDS = {1: "/도움말", 2: "/구독", 3: "/구독해지", 4: "/경보", 5: "/현황"}
# Said to the app without a slash; with more words they may be the beginning of a question.
BARE = {"구독", "구독해지", "구독취소", "해지", "도움말", "경보", "subscribe", "unsubscribe", "help", "alerts"}
HELP = COMMANDS[1]  # what somebody hears who calls the app and says nothing


def said(message: Mapping[str, Any], command: object = None) -> str:
    """The words without the mention of the app. `command`: the number of a slash command that came beside them."""
    argument = message.get("argumentText")
    words = _tidy(argument if isinstance(argument, str) else text(message, "text"))
    number = _number(row(message, "slashCommand").get("commandId") or command)
    if number is None:
        first, _, rest = words.partition(" ")
        return f"/{words}" if first.casefold() in BARE and len(rest.split()) <= 1 else words or HELP
    written = (text(row(one, "slashCommand"), "commandName") for one in rows(message, "annotations"))
    name = next((one for one in written if one.startswith("/")), "") or COMMANDS.get(number, "")
    if not name and _tidy(text(message, "text")).startswith("/"):
        return _tidy(text(message, "text"))
    return f"{name} {words}".strip() or HELP


def _tidy(words: str) -> str:
    return normalize("NFC", words).replace("\u00a0", " ").strip()


def _number(given: object) -> int | None:
    """Google writes them as texts here and as numbers there."""
    if isinstance(given, str) and re.fullmatch(r"[0-9]{1,9}", given):
        return int(given)
    return given if isinstance(given, int) and not isinstance(given, bool) else None
