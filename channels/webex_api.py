"""Calling Webex. https://developer.webex.com/messaging/docs/api"""

import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from channels import http
from channels.contract import Keys, SendError

MOST_PAGES = 20
ME_FRESH = 600.0  # seconds that who we are is believed
LATELY = (0.3, 1.0)  # straight after its event a message may not be readable yet


def text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def call(
    keys: Keys,
    method: str,
    path: str,
    params: Mapping[str, str] | None = None,
    body: Any = None,
    may_send: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    return judged(request(keys, method, path, params, body, may_send), sending=method == "POST").json()


def request(
    keys: Keys,
    method: str,
    path: str,
    params: Mapping[str, str] | None = None,
    body: Any = None,
    may_send: Callable[[], bool] | None = None,
) -> http.Reply:
    if not keys.get("bot_token"):
        raise SendError("no keys", permanent=True)
    headers = {"authorization": f"Bearer {keys['bot_token']}"}
    url = f"{keys['api_url']}/v1{path}"
    return http.call(method, url, headers=headers, params=params, body=body, may_send=may_send)


def judged(reply: http.Reply, sending: bool = False) -> http.Reply:
    if reply.status in (200, 202, 204):
        return reply
    told = f"Webex {reply.status}: {text(reply.json(), 'message')[:200]}".rstrip(": ")
    if reply.status in (423, 429):
        wait = _seconds(reply.headers.get("retry-after", ""))
        raise SendError(told, retry_after=wait, whole_channel=reply.status == 429)
    if reply.status >= 500:  # a gateway may answer for a message that was taken
        raise SendError(told, unclear=sending)
    raise SendError(told, permanent=True)


def _seconds(header: str) -> float:
    try:
        return max(0.5, min(float(header), 3600.0))  # in this order NaN becomes the least
    except ValueError:
        return 15.0  # what Webex's own samples wait when it names no time


def segment(id: str) -> str:
    """An id as a part of an address."""
    return quote(id, safe="")


def fetched(keys: Keys, path: str) -> dict[str, Any] | None:
    """None when it is not there, or not for us to see."""
    for pause in (*LATELY, None):
        reply = request(keys, "GET", path)
        if reply.status == 404 and pause is not None:
            time.sleep(pause)
            continue
        return None if reply.status in (403, 404) else judged(reply).json()
    return None


def listed(keys: Keys, path: str) -> list[dict[str, Any]]:
    """All pages of a list."""
    found: list[dict[str, Any]] = []
    for _ in range(MOST_PAGES):
        reply = judged(request(keys, "GET", path))
        found += items(reply.json())
        path = _next_page(keys, reply.headers.get("link", ""))
        if not path:
            break
    return found


def items(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = page.get("items")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _next_page(keys: Keys, link: str) -> str:
    """Followed as given, and only to the API itself."""
    match = re.search(r'<([^>]+)>;\s*rel="?next"?', link)
    base = f"{keys['api_url']}/v1"
    return match[1].removeprefix(base) if match and match[1].startswith(base + "/") else ""


_me_turn = threading.Lock()
_me: dict[tuple[str, str], tuple[float, dict[str, str]]] = {}


def about_me(keys: Keys) -> dict[str, str]:
    """The bot's own id, name and e-mail."""
    about = (keys["api_url"], keys["bot_token"])
    with _me_turn:
        at, found = _me.get(about, (float("-inf"), {}))
        if time.monotonic() - at > ME_FRESH:
            row = call(keys, "GET", "/people/me")
            found = {"id": text(row, "id"), "name": text(row, "displayName"), "email": first_email(row)}
            _me[about] = (time.monotonic(), found)
    return found


def first_email(person: Mapping[str, Any]) -> str:
    emails = person.get("emails")
    return str(emails[0]).lower() if isinstance(emails, list) and emails else ""
