"""The frames that bots speak, as docs/relay-protocol.md has them: what they sent, judged; what they are sent, made."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from channels.contract import Malformed, read_json
from responses import markup
from store.bot_calls import Answer, Call
from store.bots import Told, folded

PROTOCOL = 1
LARGEST = 65_536  # bytes of a frame
MOST_COMMANDS, MOST_AT_ONCE = 100, 100
LONGEST_TEXT, LONGEST_USAGE, LONGEST_HELP, LONGEST_TITLE = 20_000, 200, 500, 80
MOST_BUTTONS, MOST_FILES = 5, 5
LONGEST_WAIT = 86_400
LONGEST_NAME = 40
NAME = re.compile(r"/[\w-]{1,32}")
SPOKEN = ("reply", "wait", "done", "failed")


class Wrong(Exception):
    """The frame can never be taken; the text says why."""


@dataclass(frozen=True)
class Hello:
    protocol: int
    sdk: str
    concurrency: int
    messages: bool
    commands: tuple[Told, ...]
    open: tuple[int, ...]


@dataclass(frozen=True)
class Spoken:
    """What a bot says of an ask. `body`: the message that the person gets, if any."""

    type: str
    ask: int
    seq: int
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    seconds: int = 0


# --- in ---


def read(text: str) -> dict[str, Any]:
    """Any frame; its `type` is a text, '' when it has none."""
    try:
        found = read_json(text.encode("utf8", "surrogatepass"))
    except Malformed as error:
        raise Wrong(str(error)) from None
    return {**found, "type": found["type"] if isinstance(found.get("type"), str) else ""}


def hello(frame: Mapping[str, Any]) -> Hello:
    if frame["type"] != "hello":
        raise Wrong("the first frame is no hello")
    listed = frame.get("commands", [])
    if not isinstance(listed, list) or len(listed) > MOST_COMMANDS:
        raise Wrong(f"commands: not a list of at most {MOST_COMMANDS}")
    commands = tuple(_command(one) for one in listed)
    names = [folded(one.name) for one in commands]
    twice = next((one.name for one, name in zip(commands, names, strict=True) if names.count(name) > 1), None)
    if twice is not None:
        raise Wrong(f"{twice} is there twice")
    still = frame.get("open", [])
    return Hello(
        protocol=min(_whole(frame, "protocol", 1, 1_000_000), PROTOCOL),
        sdk=_text(frame, "sdk", 100),
        concurrency=_whole(frame, "concurrency", 1, MOST_AT_ONCE, 8),
        messages=frame.get("messages") is True,
        commands=commands,
        open=tuple(number for one in still[:1000] if (number := ask_number(one))) if isinstance(still, list) else (),
    )


def _command(told: Any) -> Told:
    if not isinstance(told, dict):
        raise Wrong("a command is no object")
    name = _text(told, "name", 60)
    if not NAME.fullmatch(name):
        raise Wrong(f"{name!r} is no command: / and 1 to 32 letters, digits, _ or -")
    return Told(
        name, _text(told, "help", LONGEST_HELP), _text(told, "usage", LONGEST_USAGE), told.get("guests") is True
    )


def spoken(frame: Mapping[str, Any]) -> Spoken:
    """A frame of SPOKEN. Its `ask` and `seq` were read before, so that whoever sent it can be told what is wrong."""
    kind, ask, seq = frame["type"], ask_number(frame.get("ask")), frame.get("seq")
    if not ask:
        raise Wrong("ask: is none of yours")
    if isinstance(seq, bool) or not isinstance(seq, int) or not 1 <= seq <= 1_000_000:
        raise Wrong("seq: is not a number from 1")
    if kind == "done":
        return Spoken(kind, ask, seq)
    seconds = _whole(frame, "seconds", 1, LONGEST_WAIT, 300) if kind == "wait" else 0
    return Spoken(kind, ask, seq, _body(frame), seconds)


def ask_number(id: Any) -> int:
    """The call's number; 0 where it is no id of an ask."""
    return int(id[1:]) if isinstance(id, str) and re.fullmatch(r"c[1-9][0-9]{0,17}", id) else 0


def named(frame: Mapping[str, Any]) -> dict[str, Any]:
    """What a wrong frame calls itself, told back to whoever sent it; but whatever could not be a name is not."""
    ask, seq = frame.get("ask"), frame.get("seq")
    return {
        "ask": ask if isinstance(ask, str) and len(ask) <= LONGEST_NAME else None,
        "seq": seq if isinstance(seq, int) and abs(seq) < 2**53 else None,
    }


def _body(frame: Mapping[str, Any]) -> dict[str, Any]:
    """The message in our words: plain words become markup of ours in which nothing is markup."""
    words = _text(frame, "text", LONGEST_TEXT).strip()
    files = [_file(one) for one in _list(frame, "files", MOST_FILES)]
    if not words and not files:
        raise Wrong("text is empty")
    lines = [markup.mark(words)] if words else []
    lines += [f'<link type="url" value="{_quoted(url)}">{markup.mark(name)}</link>' for name, url in files]
    text, _ = markup.finish("\n".join(lines))
    plain = "\n".join([*([words] if words else []), *(f"{name}: {url}" for name, url in files)])
    buttons = [_button(one) for one in _list(frame, "buttons", MOST_BUTTONS)]
    return {"text": text, "plain": plain, "buttons": buttons}


def _quoted(url: str) -> str:
    return url.replace("&", "&amp;").replace('"', "%22").replace("<", "%3C").replace(">", "%3E")


def _file(told: Any) -> tuple[str, str]:
    if not isinstance(told, dict):
        raise Wrong("a file is no object")
    url = _link(told, "url")
    return _text(told, "name", LONGEST_TITLE).strip() or url.rsplit("/", 1)[-1] or url, url


def _button(told: Any) -> dict[str, str]:
    if not isinstance(told, dict):
        raise Wrong("a button is no object")
    title = _text(told, "title", LONGEST_TITLE).strip()
    if not title:
        raise Wrong("a button has no title")
    if "url" in told:
        return {"title": title, "url": _link(told, "url")}
    return {"title": title, "say": _text(told, "say", 500).strip() or title}


def _link(told: Mapping[str, Any], name: str) -> str:
    url = _text(told, name, markup.LONGEST_ADDRESS).strip()
    if _scheme(url) != "https" or not markup.is_web_address(url):
        raise Wrong(f"{name}: is no https link")
    return url


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def _list(frame: Mapping[str, Any], name: str, most: int) -> list[Any]:
    found = frame.get(name) or []
    if not isinstance(found, list) or len(found) > most:
        raise Wrong(f"{name}: not a list of at most {most}")
    return found


def _text(frame: Mapping[str, Any], name: str, most: int) -> str:
    found = frame.get(name)
    found = "" if found is None else found
    if not isinstance(found, str):
        raise Wrong(f"{name} is no text")
    if len(found) > most:
        raise Wrong(f"{name} is longer than {most} characters")
    return found


def _whole(frame: Mapping[str, Any], name: str, low: int, high: int, default: int | None = None) -> int:
    found = frame.get(name, default)
    if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
        raise Wrong(f"{name}: is not a whole number from {low} to {high}")
    return found


# --- out ---


def made(type: str, **facts: Any) -> str:
    return json.dumps({"type": type, **facts}, ensure_ascii=False)


def welcome(company: str, bot: str, protocol: int, refused: Sequence[tuple[str, str]]) -> str:
    told = [{"name": name, "why": why} for name, why in refused]
    return made("welcome", protocol=protocol, company=company, bot=bot, refused=told)


def ask(call: Call, zone: ZoneInfo) -> str:
    return made(
        "ask",
        id=f"c{call.id}",
        kind="command" if call.command else "message",
        command=call.command,
        text=call.text,
        user={"id": call.person, "name": call.name, "guest": call.guest},
        chat={"channel": call.channel, "id": call.chat, "room": call.room},
        language=call.language,
        asked_at=call.asked_at.astimezone(zone).isoformat(timespec="milliseconds"),
        expires_at=call.expires_at.astimezone(zone).isoformat(timespec="milliseconds"),
    )


def answer(given: Answer) -> str:
    return made("answer", ask=f"c{given.call_id}", seq=given.seq, text=given.text)
