"""The generic hook: any program tells an alert by posting JSON to an address that holds a token.

    {"topic", "key", "title", "text", "state": "firing"|"resolved", "severity", "url"}

`keys` are those of the token in the address, as the door found them: `name` and `topics`, or nothing.
"""

import hashlib
from collections.abc import Mapping
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

from channels.contract import Call, Inbound, Keys, Malformed, Refused, read_json

LONGEST = {"topic": 64, "key": 300, "title": 300, "text": 20_000, "url": 2_000}
STATES = ("firing", "resolved")
# What monitoring programs call it. Other words are no severity, and told so.
SEVERITIES = {
    **dict.fromkeys(("info", "information", "informational", "notice", "low", "debug", "none", "ok"), "info"),
    **dict.fromkeys(("warning", "warn", "medium", "moderate", "minor"), "warning"),
    **dict.fromkeys(("critical", "crit", "error", "high", "major", "fatal", "emergency", "page", "severe"), "critical"),
}


def configured(keys: Keys) -> bool:
    """There is no platform to be connected to."""
    return False


def verify(keys: Keys, call: Call) -> None:
    if not keys.get("topics"):
        raise Refused("unknown or revoked token")


def parse(keys: Keys, call: Call) -> list[Inbound]:
    body = read_json(call.body)
    topic = body.get("topic")
    if isinstance(topic, str) and topic.strip() and topic.strip() not in keys["topics"].split(","):
        raise Refused("not a topic of this token")
    told = read(body)
    # Whoever may repeat itself says by what we know it again.
    own = call.headers.get("idempotency-key", "")
    id = hashlib.sha256(f"{keys['name']}:{own}".encode("utf8", "replace")).hexdigest()[:32] if own else token_hex(16)
    # What is told of one alarm is heard in the order in which it came.
    line = f"{told['topic']}:{told['key']}" if told["key"] else ""
    return [Inbound(id=f"hook:{id}", kind="alert", chat=line, source=f"hook:{keys['name']}")]


def read(body: Mapping[str, Any]) -> dict[str, str]:
    """The words of an alert, with defaults; `Malformed` says what is wrong with them."""
    told = {}
    for name, most in LONGEST.items():
        value = body.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and name == "key":
            value = str(value)
        if value is not None and not isinstance(value, str):
            raise Malformed(f"{name} must be a text")
        told[name] = (value or "").strip()
        if len(told[name]) > most:
            raise Malformed(f"{name} is longer than {most} characters")
    if not told["topic"]:
        raise Malformed("topic is missing")
    told["state"] = _one_of(body, "state", {state: state for state in STATES}, "firing")
    if not told["title"] and not told["text"] and not (told["state"] == "resolved" and told["key"]):
        raise Malformed("title is missing")  # of what is over the key is enough: its title is known
    if told["url"] and not (urlsplit(told["url"]).scheme in ("http", "https") and urlsplit(told["url"]).netloc):
        raise Malformed("url must begin with https:// or http://")
    told["severity"] = _one_of(body, "severity", SEVERITIES, "warning")
    return told


def _one_of(body: Mapping[str, Any], name: str, words: Mapping[str, str], default: str) -> str:
    value = body.get(name)
    if value is None or value == "":
        return default
    if not isinstance(value, str) or value.strip().lower() not in words:
        raise Malformed(f"{name} must be one of {', '.join(dict.fromkeys(words.values()))}")
    return words[value.strip().lower()]
