"""What every channel speaks: a call comes in, facts come out; a message goes out, an id comes back."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
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
    gone: this chat will never hear us again (blocked, removed), so it is unsubscribed. moved_to: its id from now on.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        whole_channel: bool = False,
        unclear: bool = False,
        gone: bool = False,
        moved_to: str = "",
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.retry_after = retry_after
        self.whole_channel = whole_channel
        self.unclear = unclear
        self.gone = gone
        self.moved_to = moved_to


@dataclass(frozen=True)
class Call:
    """A request as it came, before anything is believed."""

    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Inbound:
    """One thing a platform told us, in our words.

    kind: message (somebody writes), chat_opened, manager_wrote, chat_closed, profile, joined (we, to a room), left (we
    were removed or blocked), moved (the chat has the id `text` from now on), alert (of a hook; the payload tells),
    notification, confirmation, unsubscribed (of SNS; the payload tells).
    source: by what the channel's `read` fetches the words, where the call does not bring them.
    room: several people are there. thread: what an answer in a room is put under.
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
    email: str = ""
    room: bool = False
    thread: str = ""
    source: str = ""

    def json(self) -> dict[str, Any]:
        return {**vars(self), "bots": list(self.bots), "tags": list(self.tags)}


def inbound_from(kept: Mapping[str, Any]) -> Inbound:
    return Inbound(**{**kept, "bots": tuple(kept["bots"]), "tags": tuple(kept["tags"])})


@dataclass(frozen=True)
class Outbound:
    """One message to one chat. `key` is what the platform may recognise a repeat by; `since`, when its event came in,
    bounds the search for it where there is no such thing. `follows`: the id of the earlier message that it belongs to
    (body["follows"] is that one's delivery), for platforms whose threads hang on a message.

    The body is channel-neutral: text (our markup), plain, buttons [{"title", "say"|"url"}], image, thread (what an
    answer is put under), converses (it awaits an answer, or follows one), and of alerts: tone (alarm, warn, ok, info),
    title, fields [[label, value]], url, thread_key (ours: the same for all messages of one alarm). `text` alone says
    all of it, for channels without cards.
    """

    chat: str
    person: str
    body: Mapping[str, Any]
    key: str
    room: bool = False
    since: datetime | None = None
    follows: str = ""


@dataclass(frozen=True)
class Known:
    """What a channel tells when asked about a customer or a chat."""

    profile: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    name: str = ""
    person: str = ""
    bots: tuple[str, ...] = ()
    state: str = ""


@dataclass(frozen=True)
class Finding:
    """What asking a platform about our connection to it told. `mend` says what to do when it is not ok."""

    name: str
    ok: bool
    detail: str
    mend: str = ""
    level: str = "error"  # how bad it is when it is not ok


_UNSTORABLE = re.compile("[\ud800-\udfff\x00]")
DEEPEST, MOST_ITEMS = 64, 20_000
LONGEST_NAME, LONGEST_TEXT = 1_000, 200_000  # characters; a long message has some thousand
LONGEST_NUMBER = 40  # characters; what is longer stays text, and reads as no number


def _no_constant(word: str) -> None:
    raise ValueError(word)


def read_json(
    body: bytes, constant: Callable[[str], Any] = _no_constant, longest: int = LONGEST_TEXT
) -> dict[str, Any]:
    """The body as a JSON object, or `Malformed`. Endless nesting and endless digits are no JSON here; nor are NaN and
    Infinity, unless `constant` makes something of them."""
    try:
        value = json.loads(
            body.decode("utf8"),
            parse_constant=constant,
            parse_float=_number(float),
            parse_int=_number(int),
        )
    except (ValueError, RecursionError):
        raise Malformed("not JSON") from None
    if not isinstance(value, dict):
        raise Malformed("not a JSON object")
    _judge(value, longest)
    # Half a surrogate pair and NUL can be written in JSON but in no database.
    return storable(value) if b"\\ud" in body.lower() or b"\\u0000" in body else value


def _number(kind: type[int] | type[float]) -> Any:
    def read(digits: str) -> int | float | str:
        if len(digits) > LONGEST_NUMBER:
            return digits[:LONGEST_NUMBER] + "…"
        value = kind(digits)
        return value if abs(value) != float("inf") else digits

    return read


def _judge(value: dict[str, Any], longest: int) -> None:
    """A mebibyte of JSON may hold half a million values; what reads it later need not think of that."""
    level: list[Any] = [value]
    items = 0
    for _ in range(DEEPEST):
        boxes = [box for box in level if isinstance(box, dict | list)]
        if not boxes:
            return
        items += sum(map(len, boxes))
        if items > MOST_ITEMS:
            raise Malformed(f"more than {MOST_ITEMS} values")
        level = [item for box in boxes for item in (box.values() if isinstance(box, dict) else box)]
        names = (name for box in boxes if isinstance(box, dict) for name in box)
        if any(len(name) > LONGEST_NAME for name in names):
            raise Malformed(f"a name is longer than {LONGEST_NAME} characters")
        if any(len(item) > longest for item in level if isinstance(item, str)):
            raise Malformed(f"a text is longer than {longest} characters")
    raise Malformed("nested too deeply")


def storable(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [storable(item) for item in value]
    return value
