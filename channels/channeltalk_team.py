"""ChannelTalk's team chats, where managers talk among themselves. Only public groups are told of.

What is said there is not meant for us, so it is not kept: but for commands, and what is said in a thread, where our
questions are asked. A chat here is `group-ID`, ChannelTalk's own key of it.
"""

from collections.abc import Mapping
from typing import Any
from unicodedata import normalize
from urllib.parse import quote

from channels.contract import Inbound

PREFIX = "group-"


def is_team(chat: str) -> bool:
    return chat.startswith(PREFIX)


def message(entity: Mapping[str, Any], refers: Mapping[str, Any], text: str) -> list[Inbound]:
    """`thread` is the root of the thread in which it was said; with a / before it that of one which may be begun."""
    group, manager = _row(refers, "group"), _row(refers, "manager")
    id, chat = str(entity.get("id") or ""), str(entity.get("chatId") or group.get("id") or "")
    root = str(entity.get("rootMessageId") or "")
    threaded = bool(root) and root != id
    if str(entity.get("personType") or "").lower() != "manager" or entity.get("log") or not chat:
        return []
    if not threaded and not normalize("NFKC", text[:20]).lstrip().startswith("/"):
        return []
    return [
        Inbound(
            id=f"message:{id}",
            kind="message",
            chat=f"{PREFIX}{chat}",
            person=str(entity.get("personId") or manager.get("id") or ""),
            text=text,
            name=str(manager.get("name") or ""),
            person_is_customer=False,
            email=str(manager.get("email") or ""),
            room=True,
            thread=root if threaded else f"/{id}",
        )
    ]


def path(chat: str, body: Mapping[str, Any]) -> str:
    """Where an answer goes: to the thread that it was asked in, else into the chat. A question begins a thread, as does
    what follows it."""
    thread, beginning = str(body.get("thread") or ""), bool(body.get("converses"))
    group = f"/groups/{quote(chat.removeprefix(PREFIX), safe='')}"
    if not thread or (thread.startswith("/") and not beginning):
        return f"{group}/messages"
    return f"{group}/threads/{quote(thread.removeprefix('/'), safe='')}/messages"


def _row(refers: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = refers.get(name)
    return found if isinstance(found, dict) else {}
