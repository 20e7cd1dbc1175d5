"""People, spaces, threads and messages as Google Chat keeps them."""

import json
import re
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.record import Record

Json = dict[str, Any]

LONGEST_BYTES = 32_000
LONGEST_TEXT = 4096
APP = "users/900"
APP_NAME = "알람"
REPLY_OPTIONS = ("", "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD", "REPLY_MESSAGE_OR_FAIL")
DENIED = "Permission denied to perform the requested action on the specified resource, or the resource doesn't exist."


class Refusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(eq=False, slots=True)
class Message:
    n: int
    entity: Json
    request_id: str = ""
    client_id: str = ""


@dataclass(eq=False, slots=True)
class Space:
    entity: Json
    changed: int
    members: list[str]  # e-mails
    bot: bool = False
    messages: list[Message] = field(default_factory=list)
    threads: dict[str, str] = field(default_factory=dict)  # threadKey of the app -> name
    wrote_at: float = float("-inf")

    @property
    def name(self) -> str:
        return str(self.entity["name"])

    @property
    def is_dm(self) -> bool:
        return bool(self.entity.get("singleUserBotDm"))


class Spaces:
    def __init__(self, record: Record) -> None:
        self.record = record
        self.clear()

    def clear(self) -> None:
        self.people: dict[str, Json] = {}
        self.spaces: dict[str, Space] = {}
        self.gap = 1.0  # seconds between two writes to a space

    def now(self) -> str:
        return datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def touch(self, space: Space) -> None:
        space.changed = self.record.next()
        self.record.wake(space.name)

    def person(self, email: str, name: str = "") -> Json:
        if email not in self.people:
            id = f"users/{100000000000000000000 + len(self.people) + 1}"
            shown = name or email.partition("@")[0]
            self.people[email] = {
                "name": id, "displayName": shown, "email": email, "type": "HUMAN", "domainId": "abc12d3"
            }  # fmt: skip
        elif name:
            self.people[email]["displayName"] = name
        return self.people[email]

    def make(self, title: str, members: list[str], dm: bool) -> Space:
        name = f"spaces/{_id()}"
        entity: Json = {"name": name, "type": "DM" if dm else "ROOM", "spaceType": "DIRECT_MESSAGE" if dm else "SPACE"}
        entity |= {"singleUserBotDm": True} if dm else {"displayName": title}
        entity |= {"spaceThreadingState": "THREADED_MESSAGES"}
        self.spaces[name] = Space(entity, self.record.next(), members)
        for email in members:
            self.person(email)
        return self.spaces[name]

    def space(self, name: str) -> Space:
        """As the app may see it: one that it is not in might as well not be there."""
        found = self.spaces.get(name)
        if found is None or not found.bot:
            raise Refusal(403, DENIED)
        return found

    def any_space(self, name: str) -> Space:
        if name not in self.spaces:
            raise Refusal(404, "no such space")
        return self.spaces[name]

    def message(self, name: str) -> tuple[Space, Message]:
        """By its name, or by the app's own id."""
        space = self.space("/".join(name.split("/")[:2]))
        id = name.rpartition("/")[2]
        for message in space.messages:
            if message.entity["name"] == name or (message.client_id and message.client_id == id):
                return space, message
        raise Refusal(404, "Message not found.")

    # writing

    def create(self, space: Space, query: Json, body: Json) -> Json:
        """The app posts."""
        request_id, client_id = query.get("requestId", ""), query.get("messageId", "")
        kept = next((one for one in space.messages if request_id and one.request_id == request_id), None)
        if kept is not None:
            return kept.entity
        self.pace(space)
        self._check(space, query, body)
        sender = {"name": APP, "displayName": APP_NAME, "type": "BOT"}
        thread = self._thread(space, query.get("messageReplyOption", ""), body.get("thread") or {})
        allowed = ("text", "cardsV2", "fallbackText", "accessoryWidgets")
        message = self.post(space, sender, {name: body[name] for name in allowed if name in body}, thread)
        message.request_id, message.client_id = request_id, client_id
        message.entity |= {"clientAssignedMessageId": client_id} if client_id else {}
        return message.entity

    def pace(self, space: Space) -> None:
        if time.monotonic() - space.wrote_at < self.gap:
            raise Refusal(429, "Quota exceeded for quota metric 'Message writes' and limit 'per minute per space'.")
        space.wrote_at = time.monotonic()

    def _check(self, space: Space, query: Json, body: Json) -> None:
        client_id = query.get("messageId", "")
        if client_id and not re.fullmatch(r"client-[a-z0-9-]{1,56}", client_id):
            raise Refusal(400, "Invalid message_id.")
        if client_id and any(one.client_id == client_id for one in space.messages):
            raise Refusal(409, "Requested entity already exists")
        if query.get("messageReplyOption", "") not in REPLY_OPTIONS:
            raise Refusal(400, "Invalid value at 'message_reply_option'.")
        check_message(body)

    def _thread(self, space: Space, option: str, wanted: Json) -> str:
        """The thread that is answered in; '' begins a new one."""
        key, name = wanted.get("threadKey"), wanted.get("name")
        if not option or space.is_dm:
            return ""
        if key:
            return space.threads.setdefault(str(key), f"{space.name}/threads/{_id()}")
        known = {message.entity["thread"]["name"] for message in space.messages}
        if name and name not in known and option == "REPLY_MESSAGE_OR_FAIL":
            raise Refusal(404, "Thread not found.")
        return str(name) if name in known else ""

    def post(self, space: Space, sender: Json, content: Json, thread: str = "") -> Message:
        id = _id()
        entity: Json = {"name": f"{space.name}/messages/{id}.{id}", "sender": sender, "createTime": self.now()}
        entity |= {"thread": {"name": thread or f"{space.name}/threads/{id}"}, "space": {"name": space.name}, **content}
        message = Message(self.record.next(), entity)
        space.messages.append(message)
        self.touch(space)
        return message

    def update(self, space: Space, message: Message, content: Json) -> None:
        check_message({**message.entity, **content})
        message.entity |= content
        message.entity["lastUpdateTime"] = self.now()
        self.touch(space)


def _id() -> str:
    return secrets.token_urlsafe(8).replace("_", "a").replace("-", "b")


def check_message(body: Json) -> None:
    text, cards = body.get("text") or "", body.get("cardsV2") or []
    if not isinstance(text, str) or not isinstance(cards, list):
        raise Refusal(400, "Invalid JSON payload received.")
    if not text.strip() and not cards:
        raise Refusal(400, "Message cannot be empty.")
    if len(text) > LONGEST_TEXT:
        raise Refusal(400, f"Message is longer than {LONGEST_TEXT} characters")
    if len(json.dumps(body, ensure_ascii=False).encode()) > LONGEST_BYTES:
        raise Refusal(400, "Message is too large.")
    for one in cards:
        card = one.get("card") if isinstance(one, dict) else None
        if not isinstance(card, dict) or not (card.get("sections") or card.get("header")):
            raise Refusal(400, "Invalid card: it has no sections.")
    for button in buttons(body):
        click = button.get("onClick") or {}
        if not button.get("text") or len(click) != 1:
            raise Refusal(400, "Invalid card: a button needs a text and one onClick.")
        if "openLink" in click and not str(click["openLink"].get("url", "")).startswith(("https://", "http://")):
            raise Refusal(400, "Invalid card: openLink needs a url.")
        if "action" in click and not click["action"].get("function"):
            raise Refusal(400, "Invalid card: an action needs a function.")


def buttons(body: Json) -> list[Json]:
    """All that can be pressed on a message's cards, in their order."""
    found: list[Json] = []
    for one in body.get("cardsV2") or []:
        for section in one["card"].get("sections") or []:
            for widget in section.get("widgets") or []:
                found += (widget.get("buttonList") or {}).get("buttons") or []
    return found
