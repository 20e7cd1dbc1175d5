"""Is a call Google Chat's? A token in its header says so, signed by Google, in one of three ways.

https://developers.google.com/workspace/chat/verify-requests-from-chat
"""

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.auth import jwt
from google.auth.exceptions import GoogleAuthError

from channels import http
from channels.contract import Call, Keys, Malformed, Refused, SendError, Unproven, read_json

CHAT = "chat@system.gserviceaccount.com"
CHAT_CERTS = f"https://www.googleapis.com/service_accounts/v1/metadata/x509/{CHAT}"
GOOGLE_CERTS = "https://www.googleapis.com/oauth2/v1/certs"
GOOGLE = ("https://accounts.google.com", "accounts.google.com")
SKEW_SECONDS = 60
SHORTEST_SECONDS, LONGEST_SECONDS = 60.0, 24 * 3600.0  # that a key set is believed, whatever its header says
AGAIN_SECONDS = 300.0  # between two looks for a key that the set does not have
FAILED_SECONDS = 30.0
FETCH_SECONDS = 4.0

_BEARER = re.compile(r"Bearer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)")
LONGEST_TOKEN = 8192


def verify(keys: Keys, call: Call) -> None:
    """The token, then whether the form of the body is the one that comes with such a token."""
    if not configured(keys):
        raise Refused("no keys")
    token = _BEARER.fullmatch(call.headers.get("authorization", "")[: LONGEST_TOKEN + 1])
    if token is None or len(token[1]) > LONGEST_TOKEN:
        raise Refused("no token")
    by_addon = _check(keys, token[1])
    if _is_addon(call.body) not in (None, by_addon):
        raise Refused("the token belongs to the other form of events")


def configured(keys: Keys) -> bool:
    return bool(keys.get("audience") or keys.get("project_number"))


def _is_addon(body: bytes) -> bool | None:
    """None: it has no form at all, which is not a question of proof."""
    try:
        told = read_json(body)
    except Malformed:
        return None
    return is_addon(told)


def is_addon(told: Mapping[str, Any]) -> bool:
    return isinstance(told.get("chat"), dict)


def _check(keys: Keys, token: str) -> bool:
    """Refused, or whether it is the token of an add-on. What the token says of its issuer is not believed yet: it only
    chooses among the ways that are switched on."""
    try:
        header, unproven = jwt.decode_header(token), jwt.decode(token, verify=False)  # type: ignore[no-untyped-call]
        if header.get("alg") != "RS256" or not isinstance(header.get("kid"), str):
            raise Refused("the token is not signed as Google signs")
        by_chat = unproven.get("iss") == CHAT
        audiences = _numbers(keys) if by_chat else [address(keys)]
        certs = _certs(keys, CHAT_CERTS if by_chat else GOOGLE_CERTS, header["kid"])
        claims = jwt.decode(token, certs, audience=audiences, clock_skew_in_seconds=SKEW_SECONDS)  # type: ignore[no-untyped-call]
    except (GoogleAuthError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise Refused("the token is not genuine") from None
    if by_chat:
        return False
    return _is_google_of_addon(keys, claims)


def _numbers(keys: Keys) -> list[str]:
    """The project's number, of whichever setting has it."""
    given = [keys.get("audience", ""), keys.get("project_number", "")]
    return [one for one in given if one.isdecimal()]


def address(keys: Keys) -> str:
    """The address that Google was given for us: as configured, never as a request claims it."""
    given = keys.get("audience", "")
    return given if given and not given.isdecimal() else keys.get("endpoint", "")


def _is_google_of_addon(keys: Keys, claims: Mapping[str, Any]) -> bool:
    """Whose e-mail an ID token of Google's holds. Anybody may have such a token made for our address by entering it
    in a Chat app of their own: the e-mail of Chat alone counts only where staff chose that way of proof, and an
    add-on's names the project."""
    email, number = claims.get("email"), keys.get("project_number", "")
    if claims.get("iss") not in GOOGLE or claims.get("email_verified") is not True:
        raise Refused("the token is of another issuer")
    if number and email == f"service-{number}@gcp-sa-gsuiteaddons.iam.gserviceaccount.com":
        return True
    if email == CHAT and keys.get("audience") and not keys["audience"].isdecimal():
        return False
    raise Refused("the token is somebody else's")


# --- Google's public keys ---


@dataclass
class _KeySet:
    certs: Mapping[str, str] = field(default_factory=dict)
    until: float = float("-inf")
    looked_at: float = float("-inf")  # for the last time with success
    failed_at: float = float("-inf")
    turn: threading.Lock = field(default_factory=threading.Lock)


_sets: dict[str, _KeySet] = {}
_turn = threading.Lock()


def _certs(keys: Keys, url: str, kid: str) -> Mapping[str, str]:
    """The set with this key in it, fetched anew when it is old, or once when it has no such key; while Google cannot
    be reached the last good one goes on."""
    url = keys.get("certs_url") or url
    with _turn:
        held = _sets.setdefault(url, _KeySet())
    with held.turn:
        now = time.monotonic()
        unknown = kid not in held.certs and now - held.looked_at > AGAIN_SECONDS
        if (now > held.until or unknown) and now - held.failed_at > FAILED_SECONDS:
            _refresh(held, url, now)
        if kid in held.certs:
            return held.certs
        if held.failed_at > held.looked_at:
            raise Unproven("Google's keys cannot be had just now")
    raise Refused("the token is signed by no key of Google's")


def _refresh(held: _KeySet, url: str, now: float) -> None:
    try:
        reply = http.call("GET", url, headers={}, seconds=FETCH_SECONDS)
        certs = reply.json()
        if reply.status != 200 or not certs or not all(isinstance(pem, str) for pem in certs.values()):
            raise SendError(f"answered {reply.status}")
    except SendError:
        held.failed_at = now
        return
    age = re.search(r"max-age=(\d{1,9})", reply.headers.get("cache-control", ""))
    fresh = max(SHORTEST_SECONDS, min(float(age[1]) if age else SHORTEST_SECONDS, LONGEST_SECONDS))
    held.certs, held.until, held.looked_at = certs, now + fresh, now
