"""What every channel speaks: a call comes in, facts come out; a message goes out, an id comes back."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Keys = Mapping[str, str]


class Refused(Exception):
    """Not proven genuine: 401, nothing stored."""


class Malformed(Exception):
    """Genuine, but not what makes an event: 400."""


class Unproven(Exception):
    """We cannot tell just now whether it is genuine (a certificate or key list is out of reach): 503."""


class SendError(Exception):
    """A message did not go, or nobody knows whether it did.

    permanent: trying again is useless. retry_after: seconds the platform asked for; costs no attempt.
    whole_channel: the delay is for the channel, not this chat. unclear: it may have arrived.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        whole_channel: bool = False,
        unclear: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.retry_after = retry_after
        self.whole_channel = whole_channel
        self.unclear = unclear


@dataclass(frozen=True)
class Call:
    """A request as it came, before anything is believed."""

    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Inbound:
    """One thing a platform told us, in our words.

    kind: message (a customer writes), chat_opened, manager_wrote, chat_closed, profile.
    """

    id: str
    kind: str
    chat: str
    person: str = ""
    text: str = ""
    name: str = ""
    again: bool = False
    bots: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    profile: Mapping[str, Any] | None = None
    person_is_customer: bool = True

    def json(self) -> dict[str, Any]:
        return {**vars(self), "bots": list(self.bots), "tags": list(self.tags)}


def inbound_from(kept: Mapping[str, Any]) -> Inbound:
    return Inbound(**{**kept, "bots": tuple(kept["bots"]), "tags": tuple(kept["tags"])})


@dataclass(frozen=True)
class Outbound:
    """One message to one chat. `key` is what the platform may recognise a repeat by."""

    chat: str
    person: str
    body: Mapping[str, Any]
    key: str


@dataclass(frozen=True)
class Known:
    """What a channel tells when asked about a customer or a chat."""

    profile: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    name: str = ""
    person: str = ""
    bots: tuple[str, ...] = ()
    state: str = ""


_UNSTORABLE = re.compile("[\ud800-\udfff\x00]")
DEEPEST = 64
LONGEST_NUMBER = 40  # characters; what is longer stays text, and reads as no number


def read_json(body: bytes) -> dict[str, Any]:
    """The body as a JSON object, or `Malformed`. NaN, endless nesting and endless digits are no JSON here."""
    try:
        value = json.loads(
            body.decode("utf8"), parse_constant=_no_constant, parse_float=_number(float), parse_int=_number(int)
        )
    except (ValueError, RecursionError):
        raise Malformed("not JSON") from None
    if not isinstance(value, dict):
        raise Malformed("not a JSON object")
    if _deeper_than(value, DEEPEST):
        raise Malformed("nested too deeply")
    # Half a surrogate pair and NUL can be written in JSON but in no database.
    return storable(value) if b"\\ud" in body.lower() or b"\\u0000" in body else value


def _no_constant(word: str) -> None:
    raise ValueError(word)


def _number(kind: type[int] | type[float]) -> Any:
    def read(digits: str) -> int | float | str:
        if len(digits) > LONGEST_NUMBER:
            return digits[:LONGEST_NUMBER] + "…"
        value = kind(digits)
        return value if abs(value) != float("inf") else digits

    return read


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            item
            for box in level
            for item in (box.values() if isinstance(box, dict) else box)
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True


def storable(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [storable(item) for item in value]
    return value
