"""Calling Google Chat as the app. https://developers.google.com/workspace/chat/api/reference/rest"""

import json
import random
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from google.auth import aws, identity_pool, impersonated_credentials
from google.auth.exceptions import GoogleAuthError, TransportError
from google.oauth2 import service_account

from channels import http
from channels.contract import Keys, SendError

SCOPE = "https://www.googleapis.com/auth/chat.bot"
EARLY = timedelta(minutes=2)  # a token is renewed this long before its end
SPACE = re.compile(r"spaces/[A-Za-z0-9_-]{1,200}")
LONGEST_WAIT = 64.0
MOST_WAITING = 1000


def text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def row(of: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = of.get(name)
    return value if isinstance(value, dict) else {}


def rows(of: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = of.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def call(
    keys: Keys,
    method: str,
    path: str,
    params: Mapping[str, str] | None = None,
    body: Any = None,
    may_send: Callable[[], bool] | None = None,
) -> http.Reply:
    """One call; with a new token once more, should the one that we have count no longer."""
    for again in (False, True):
        headers = {"authorization": f"Bearer {_token(keys, renew=again)}"}
        reply = http.call(
            method, f"{keys['api_url']}/v1/{path}", headers=headers, params=params, body=body, may_send=may_send
        )
        if reply.status != 401:
            break
    return reply


def told(reply: http.Reply) -> str:
    """The status, and Google's own words."""
    return f"Google Chat {reply.status}: {text(row(reply.json(), 'error'), 'message')[:300]}".rstrip(": ")


def judged(reply: http.Reply, space: str = "", sending: bool = False) -> http.Reply:
    if reply.status == 200:
        _waits.pop(space, None)
        return reply
    if reply.status == 429:
        raise SendError(told(reply), retry_after=_wait(reply, space))
    if reply.status >= 500:  # a gateway may answer for a message that was taken
        raise SendError(told(reply), unclear=sending)
    raise SendError(told(reply), permanent=True)


_waits: dict[str, int] = {}  # how often a space was told to wait, in a row


def _wait(reply: http.Reply, space: str) -> float:
    """As long as Google says; else 1, 2, 4 … 64 s."""
    try:
        return max(0.5, min(float(reply.headers.get("retry-after", "")), 3600.0))  # in this order NaN becomes the least
    except ValueError:
        pass  # it named no time
    times = _waits.get(space, 0)
    if len(_waits) > MOST_WAITING:
        _waits.clear()
    _waits[space] = times + 1
    return min(2.0 ** min(times, 6), LONGEST_WAIT) * random.uniform(1.0, 1.2)


def lost(keys: Keys, space: str, reply: http.Reply) -> SendError:
    """A message was answered 403 or 404. That one status stands for a space that we were removed from, one that is no
    more, and for any trouble with the app itself: so the space is looked at, then whether anything works at all."""
    seen = call(keys, "GET", space)
    if seen.status not in (403, 404):
        judged(seen)
        return SendError(told(reply), permanent=True)
    others = call(keys, "GET", "spaces", {"pageSize": "1"})
    if others.status == 200 or _account(keys).worked:
        return SendError(told(reply), permanent=True, gone=True)
    return SendError(told(reply), permanent=True)


# --- who we are ---


@dataclass
class _Account:
    credentials: Any
    changed: float  # of the file
    worked: bool = False  # at least one message went out as this one
    turn: threading.Lock = field(default_factory=threading.Lock)


_accounts: dict[str, _Account] = {}
_turn = threading.Lock()


def worked(keys: Keys) -> None:
    _account(keys).worked = True


def _token(keys: Keys, renew: bool) -> str:
    account = _account(keys)
    with account.turn:
        credentials = account.credentials
        expires = credentials.expiry.replace(tzinfo=UTC) if credentials.expiry else None
        if renew or not credentials.token or (expires and datetime.now(UTC) > expires - EARLY):
            try:
                credentials.refresh(_transport)
            except TransportError as error:
                raise SendError(f"no token from Google: {_why(error)}") from None
            except GoogleAuthError as error:
                raise SendError(f"no token from Google: {_why(error)}", permanent=not error.retryable) from None
        return str(credentials.token)


def _why(error: GoogleAuthError) -> str:
    return str(error.args[0] if error.args else type(error).__name__)[:200]


def _account(keys: Keys) -> _Account:
    path = keys.get("application_credentials", "")
    if not path:
        raise SendError("no keys", permanent=True)
    try:
        changed = Path(path).stat().st_mtime
        with _turn:
            if path not in _accounts or _accounts[path].changed != changed:
                info = json.loads(Path(path).read_text(encoding="utf8"))
                _accounts[path] = _Account(_credentials(info), changed)
            return _accounts[path]
    except OSError as error:
        why = error.strerror or type(error).__name__
    except (ValueError, KeyError, TypeError, AttributeError, GoogleAuthError) as error:
        why = f"no credentials are in it ({type(error).__name__})"
    raise SendError(f"GOOGLE_APPLICATION_CREDENTIALS cannot be read: {why}", permanent=True)


def _credentials(info: Mapping[str, Any]) -> Any:
    """A service account's key; or, without a key, an account of another cloud, or one that acts for it."""
    kind: str = info["type"]
    make: Any = service_account.Credentials.from_service_account_info
    if kind == "external_account":
        is_aws = info.get("subject_token_type") == "urn:ietf:params:aws:token-type:aws4_request"
        make = aws.Credentials.from_info if is_aws else identity_pool.Credentials.from_info
    elif kind == "impersonated_service_account":
        make = impersonated_credentials.Credentials.from_impersonated_service_account_info
    elif kind != "service_account":
        raise ValueError(kind)
    return make(dict(info), scopes=[SCOPE])


class _Answer:
    """As google-auth wants one."""

    def __init__(self, reply: http.Reply) -> None:
        self.status, self.headers, self.data = reply.status, reply.headers, reply.body


def _transport(
    url: str, method: str = "GET", body: Any = None, headers: Any = None, timeout: Any = None, **more: Any
) -> _Answer:
    """google-auth's calls go where ours go."""
    data = body.encode() if isinstance(body, str) else body
    try:
        return _Answer(http.call(method, url, headers=headers or {}, data=data))
    except SendError as error:
        raise TransportError(error.reason) from None  # type: ignore[no-untyped-call]
