"""Webex's markdown as HTML, as far as the wire notes describe it, and HTML as the text of a message."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Finder = Callable[[str], Json | None]

_INLINE = re.compile(
    r"\\(?P<escape>[\\`*_{}\[\]()#+\-.!|>])"
    r"|\*\*(?P<bold>\S(?:(?:\\.|[^\\])*?\S)?)\*\*"
    r"|\*(?P<star>[^\s*](?:(?:\\.|[^\\*])*?\S)?)\*"
    r"|(?<!\w)_(?P<low>[^\s_](?:(?:\\.|[^\\_])*?\S)?)_(?!\w)"
    r"|`(?P<code>[^`\n]+)`"
    r"|\[(?P<title>(?:\\.|[^\\\]])*)\]\((?P<url>[^()\s]*)\)"
    r"|<@(?P<mention>all|personEmail:[^<>|]+|personId:[^<>|]+)(?:\|(?P<name>[^<>]*))?>"
    r"|(?P<break>(?:  +|\\)\n)",
    re.DOTALL,
)
_LIST = re.compile(r"^(?:[-*+]|\d{1,9}[.)]) +(.*)$")


@dataclass
class Rendered:
    html: str
    people: list[str] = field(default_factory=list)  # ids of those who are mentioned
    everybody: bool = False


class _Renderer:
    def __init__(self, by_id: Finder, by_email: Finder) -> None:
        self.by_id, self.by_email = by_id, by_email
        self.found = Rendered("")

    def blocks(self, words: str) -> str:
        made = []
        for block in re.split(r"\n[ \t]*(?:\n[ \t]*)+", words.strip("\n")):
            lines = block.split("\n")
            items = [_LIST.match(line) for line in lines]
            if all(items):
                inner = "".join(f"<li>{self.inline(item[1])}</li>" for item in items if item)
                made.append(f"<ul>{inner}</ul>")
            elif re.match(r"#{1,6} ", block):
                made.append(f"<h3>{self.inline(block.lstrip('# '))}</h3>")
            elif all(line.startswith("    ") for line in lines):
                made.append(f"<pre><code>{html.escape(block)}</code></pre>")
            elif block.strip():
                made.append(f"<p>{self.inline(block.strip())}</p>")
        return "".join(made)

    def inline(self, words: str) -> str:
        made, at = "", 0
        for match in _INLINE.finditer(words):
            made += _plain(words[at : match.start()]) + self._one(match)
            at = match.end()
        return made + _plain(words[at:])

    def _one(self, match: re.Match[str]) -> str:
        if match["escape"]:
            return html.escape(match["escape"])
        if match["bold"]:
            return f"<strong>{self.inline(match['bold'])}</strong>"
        if match["star"] or match["low"]:
            return f"<em>{self.inline(match['star'] or match['low'])}</em>"
        if match["code"]:
            return f"<code>{html.escape(match['code'])}</code>"
        if match["title"] is not None:
            url = html.escape(html.unescape(match["url"]))
            return f'<a href="{url}" rel="nofollow">{self.inline(match["title"])}</a>'
        return "<br/>" if match["break"] else self._mention(match["mention"], match["name"] or "")

    def _mention(self, who: str, name: str) -> str:
        if who == "all":
            self.found.everybody = True
            return '<spark-mention data-object-type="groupMention" data-group-type="all">All</spark-mention>'
        kind, _, value = who.partition(":")
        person = (self.by_email if kind == "personEmail" else self.by_id)(value)
        if person is None:
            return html.escape(name or value)
        self.found.people.append(person["id"])
        shown = html.escape(name or person["displayName"])
        return f'<spark-mention data-object-type="person" data-object-id="{person["id"]}">{shown}</spark-mention>'


def _plain(words: str) -> str:
    return html.escape(html.unescape(words), quote=False)


def render(words: str, by_id: Finder, by_email: Finder) -> Rendered:
    renderer = _Renderer(by_id, by_email)
    renderer.found.html = renderer.blocks(words)
    return renderer.found


def text_of(markup: str) -> str:
    lines = re.sub(r"<br/>|</p>|</li>|</h3>", "\n", markup)
    return html.unescape(re.sub(r"<[^>]*>", "", lines)).strip()
