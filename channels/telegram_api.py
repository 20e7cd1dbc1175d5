"""Calling the Bot API. https://core.telegram.org/bots/api

The token is a part of every address: no address goes into a log, a reason or an exception from here.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from channels import http
from channels.contract import Keys, SendError

ME_FRESH = 600.0  # seconds that who we are is believed
POLL_SECONDS = 8  # that Telegram holds a getUpdates without news; the call gives up after ten
MOST_UPDATES = 100
NO_TIME = 3.0  # seconds to wait where a 429 names none
LONGEST_PAUSE = 3600.0

# A chat that will never hear us again. Telegram promises no wording, so these are parts of what it says.
GONE = (
    "bot was blocked by the user", "user is deactivated", "bot was kicked", "bot is not a member",
    "chat was deleted", "bot can't initiate conversation",
)  # fmt: skip


def call(keys: Keys, method: str, body: Mapping[str, Any], may_send: Callable[[], bool] | None = None) -> Any:
    """The result of one method, or SendError. `may_send` given: it sends a message."""
    reply = request(keys, method, body, may_send)
    told = reply.json()
    if reply.status == 200 and told.get("ok") is True:
        return told.get("result")
    raise _failure(reply, told, body, sending=may_send is not None)


def request(keys: Keys, method: str, body: Mapping[str, Any], may_send: Callable[[], bool] | None = None) -> http.Reply:
    if not keys.get("bot_token"):
        raise SendError("no keys", permanent=True)
    url = f"{keys['api_url']}/bot{quote(keys['bot_token'], safe=':')}/{method}"
    return http.call("POST", url, headers={}, body=body, may_send=may_send)


def _failure(reply: http.Reply, told: Mapping[str, Any], body: Mapping[str, Any], sending: bool) -> SendError:
    said, parameters = text(told, "description"), told.get("parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    reason = f"Telegram {reply.status}: {said[:200]}".rstrip(": ")
    if reply.status == 429:
        wait = _seconds(parameters.get("retry_after") or reply.headers.get("retry-after", ""))
        return SendError(reason, retry_after=wait, whole_channel=_limits.is_whole(str(body.get("chat_id", "")), wait))
    if reply.status >= 500 or reply.status == 200:  # a gateway may answer for a message that was taken
        return SendError(reason, unclear=sending)
    moved_to = identity(parameters.get("migrate_to_chat_id"))
    if moved_to:
        return SendError(reason, moved_to=moved_to)
    gone = reply.status == 403 and any(words in said.lower() for words in GONE)
    return SendError(reason, permanent=reply.status != 409, gone=gone)


def _seconds(given: Any) -> float:
    try:
        return max(0.5, min(float(given), LONGEST_PAUSE))  # in this order NaN becomes the least
    except (ValueError, TypeError):
        return NO_TIME


class _Limits:
    """A 429 does not tell whether it is this chat's or the whole bot's. One chat alone is the chat's; when another
    meets one while the first still waits, it is the bot's."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._chat, self._until = "", 0.0

    def is_whole(self, chat: str, seconds: float) -> bool:
        with self._turn:
            now = time.monotonic()
            whole = not chat or (now < self._until and chat != self._chat)
            self._chat, self._until = chat, now + seconds
            return whole


_limits = _Limits()


# --- reading what comes back ---


def text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def row(box: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = box.get(name)
    return value if isinstance(value, dict) else {}


def identity(value: Any) -> str:
    """An id as we keep it. They are whole numbers, of more than 32 bits."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    return str(value)


_me_turn = threading.Lock()
_me: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}


def about_me(keys: Keys, anew: bool = False) -> dict[str, Any]:
    """The bot's own id, name and rights."""
    about = (keys["api_url"], keys.get("bot_token", ""))
    with _me_turn:
        at, found = _me.get(about, (float("-inf"), {}))
        if anew or time.monotonic() - at > ME_FRESH:
            result = call(keys, "getMe", {})
            found = result if isinstance(result, dict) else {}
            _me[about] = (time.monotonic(), found)
    return found


def updates(keys: Keys, offset: int | None, allowed: list[str]) -> list[dict[str, Any]]:
    """What has happened, as Telegram keeps it for who asks; `offset` says that all before it is ours already."""
    body = {"timeout": POLL_SECONDS, "limit": MOST_UPDATES, "allowed_updates": allowed}
    reply = request(keys, "getUpdates", body if offset is None else {**body, "offset": offset})
    try:
        # Not as strictly as elsewhere: each update is judged by itself, so that a strange one keeps no other back.
        told = json.loads(reply.body.decode("utf8")) if reply.status == 200 else reply.json()
    except (ValueError, RecursionError):
        raise SendError("Telegram's updates cannot be read") from None
    found = told.get("result") if isinstance(told, dict) and told.get("ok") is True else None
    if not isinstance(found, list):
        raise _failure(reply, told if isinstance(told, dict) else {}, {}, sending=False)
    return [one for one in found if isinstance(one, dict)]
