"""People, rooms and messages as Webex keeps them."""

import base64
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox import webex_markdown as markup
from sandbox.record import Record

Json = dict[str, Any]
Told = Callable[[str, "Room", Json], None]  # resource, where, data

LONGEST = 7439  # bytes of UTF-8
BOT_NAME, BOT_EMAIL = "마루 봇", "maru@webex.bot"
CARD = "application/vnd.microsoft.card.adaptive"
ACTIONS = {"Action.Submit", "Action.OpenUrl", "Action.ShowCard", "Action.ToggleVisibility"}
MOST_SHOWN = 5  # actions of a card in one row


class Refusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(eq=False, slots=True)
class Message:
    n: int
    entity: Json


@dataclass(eq=False, slots=True)
class Room:
    entity: Json
    changed: int
    members: dict[str, Json] = field(default_factory=dict)  # memberships by person
    messages: list[Message] = field(default_factory=list)

    @property
    def id(self) -> str:
        return str(self.entity["id"])

    @property
    def group(self) -> bool:
        return bool(self.entity["type"] == "group")


def new_id(kind: str) -> str:
    return _id(kind, str(uuid.uuid4()))


def _id(kind: str, name: str) -> str:
    return base64.b64encode(f"ciscospark://us/{kind}/{name}".encode()).decode().rstrip("=")


class Rooms:
    def __init__(self, record: Record, token: str) -> None:
        self.record = record
        # The bot is the same after a restart, as its token is.
        self.bot_id = _id("PEOPLE", str(uuid.uuid5(uuid.NAMESPACE_URL, token)))
        self.told: Told = lambda resource, room, data: None
        self.org = new_id("ORGANIZATION")
        self.clear()

    def clear(self) -> None:
        self.people: dict[str, Json] = {}
        self.rooms: dict[str, Room] = {}
        self.messages: dict[str, tuple[Room, Message]] = {}
        self.actions: dict[str, Json] = {}
        self.me = self.new_person(BOT_EMAIL, BOT_NAME, "bot", self.bot_id)

    def now(self) -> str:
        at = datetime.fromtimestamp(self.record.now() / 1000, UTC)
        return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"

    def touch(self, room: Room) -> None:
        room.changed = self.record.next()
        room.entity["lastActivity"] = self.now()
        self.record.wake(room.id)

    # people

    def new_person(self, email: str, name: str, kind: str = "person", id: str = "") -> Json:
        known = self.by_email(email)
        if known is not None:
            known |= {"displayName": name or known["displayName"]}
            return known
        id = id or new_id("PEOPLE")
        self.people[id] = {
            "id": id, "emails": [email], "displayName": name or email.split("@")[0],
            "nickName": (name or email.split("@")[0]).split(" ")[0], "userName": email, "orgId": self.org,
            "created": self.now(), "status": "unknown", "type": kind,
        }  # fmt: skip
        return self.people[id]

    def by_email(self, email: str) -> Json | None:
        return next((one for one in self.people.values() if email.lower() in map(str.lower, one["emails"])), None)

    def by_id(self, id: str) -> Json | None:
        return self.people.get(id)

    # rooms

    def room(self, id: str) -> Room:
        if id not in self.rooms:
            raise Refusal(404, "Could not find a room with provided ID.")
        return self.rooms[id]

    def _new_room(self, title: str, kind: str, creator: Json) -> Room:
        id, now = new_id("ROOM"), self.now()
        entity = {
            "id": id, "title": title, "type": kind, "isLocked": False, "lastActivity": now, "created": now,
            "creatorId": creator["id"], "ownerId": self.org,
        }  # fmt: skip
        self.rooms[id] = Room(entity, self.record.next())
        return self.rooms[id]

    def known_direct(self, one: Json, other: Json) -> Room | None:
        both = {one["id"], other["id"]}
        return next((room for room in self.rooms.values() if not room.group and set(room.members) == both), None)

    def direct(self, one: Json, other: Json) -> Room:
        """The 1:1 room of two, opened when there is none yet."""
        known = self.known_direct(one, other)
        if known is not None:
            return known
        room = self._new_room(other["displayName"], "direct", one)
        for person in (one, other):
            self.join(room, person)
        return room

    def group(self, title: str, people: list[Json]) -> Room:
        room = self._new_room(title, "group", people[0])
        for person in people:
            self.join(room, person)
        return room

    def join(self, room: Room, person: Json) -> Json:
        if person["id"] in room.members:
            raise Refusal(409, "User is already a participant.")
        membership = {
            "id": _id("MEMBERSHIP", f"{person['id'][-12:]}:{uuid.uuid4()}"), "roomId": room.id,
            "roomType": room.entity["type"], "personId": person["id"], "personEmail": person["emails"][0],
            "personDisplayName": person["displayName"], "personOrgId": self.org, "isModerator": False,
            "isMonitor": False, "isRoomHidden": False, "created": self.now(),
        }  # fmt: skip
        room.members[person["id"]] = membership
        self.touch(room)
        self.told("memberships", room, membership)
        return membership

    # messages

    def post(self, person: Json, body: Json) -> Json:
        """POST /messages by this person, with all that Webex refuses."""
        check_message(body)
        room = self._destination(person, body)
        if person["id"] not in room.members:
            raise Refusal(404, "Could not find a room with provided ID.")
        self._check_parent(room, body)
        now, id = self.now(), new_id("MESSAGE")
        entity: Json = {"id": id, "roomId": room.id, "roomType": room.entity["type"]}
        entity |= {key: body[key] for key in ("parentId", "files", "attachments", "markdown") if body.get(key)}
        entity |= {"personId": person["id"], "personEmail": person["emails"][0], "created": now}
        entity |= self._words(body)
        message = Message(self.record.next(), entity)
        room.messages.append(message)
        self.messages[id] = (room, message)
        self.touch(room)
        self.told("messages", room, entity)
        return entity

    def _words(self, body: Json) -> Json:
        words: Json = {"text": body["text"]} if body.get("text") else {}
        if body.get("markdown"):
            rendered = markup.render(body["markdown"], self.by_id, self.by_email)
            words = {"text": body.get("text") or markup.text_of(rendered.html), "html": rendered.html}
            words |= {"mentionedPeople": rendered.people} if rendered.people else {}
            words |= {"mentionedGroups": ["all"]} if rendered.everybody else {}
        return words

    def _destination(self, person: Json, body: Json) -> Room:
        if body.get("roomId"):
            return self.room(str(body["roomId"]))
        email = body.get("toPersonEmail")
        other = self.by_email(str(email)) if email else self.by_id(str(body["toPersonId"]))
        if other is None or other is person:
            raise Refusal(404, "Could not find a person with provided ID.")
        return self.direct(person, other)

    def _check_parent(self, room: Room, body: Json) -> None:
        parent = body.get("parentId")
        if not parent:
            return
        where, message = self.messages.get(str(parent), (None, None))
        if message is None or where is not room:
            raise Refusal(404, "Could not find the parent message in this room.")
        if message.entity.get("parentId"):
            raise Refusal(400, "Cannot reply to a reply.")

    def edit(self, message: Message, body: Json) -> Json:
        for name in ("html", "markdown", "mentionedPeople", "mentionedGroups"):
            message.entity.pop(name, None)
        message.entity |= {"markdown": body["markdown"]} if body.get("markdown") else {}
        message.entity |= {**self._words(body), "updated": self.now()}
        self.touch(self.room(message.entity["roomId"]))
        return message.entity

    def press(self, person: Json, message_id: str, inputs: Json) -> Json:
        """Somebody presses Submit on a card."""
        if message_id not in self.messages:
            raise Refusal(404, "Unable to get message.")
        room, message = self.messages[message_id]
        if person["id"] not in room.members or not message.entity.get("attachments"):
            raise Refusal(404, "Unable to get message.")
        action = {
            "id": new_id("ATTACHMENT_ACTION"), "type": "submit", "messageId": message_id, "personId": person["id"],
            "roomId": room.id, "inputs": {key: as_input(value) for key, value in inputs.items()}, "created": self.now(),
        }  # fmt: skip
        self.actions[action["id"]] = action
        self.told("attachmentActions", room, action)
        return action

    def forget(self, message_id: str) -> None:
        room, message = self.messages.pop(message_id)
        room.messages.remove(message)
        self.touch(room)


def as_input(value: Any) -> str:
    """Values of a card's inputs are texts, whatever they are in the card."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def check_message(body: Json) -> None:
    if sum(1 for name in ("roomId", "toPersonId", "toPersonEmail") if body.get(name)) != 1:
        raise Refusal(
            400, "Exactly one of the destination fields must not be empty: roomId, toPersonId, toPersonEmail."
        )
    if not any(body.get(name) for name in ("text", "markdown", "files", "attachments")):
        raise Refusal(400, "Both text and file cannot be empty.")
    for name in ("text", "markdown", "parentId", "roomId", "toPersonId", "toPersonEmail"):
        if body.get(name) is not None and not isinstance(body[name], str):
            raise Refusal(400, f"{name} must be a text.")
    for name in ("text", "markdown"):
        if len((body.get(name) or "").encode()) > LONGEST:
            raise Refusal(400, f"{name} is longer than {LONGEST} bytes.")
    _check_files(body)
    _check_card(body)


def _check_files(body: Json) -> None:
    files = body.get("files")
    if files is None:
        return
    if not isinstance(files, list) or len(files) != 1 or not isinstance(files[0], str):
        raise Refusal(400, "files must hold exactly one URL.")
    if not files[0].startswith(("http://", "https://")):
        raise Refusal(400, "files must hold a public URL.")
    if body.get("attachments"):
        raise Refusal(400, "A message cannot have both files and attachments.")


def _check_card(body: Json) -> None:
    cards = body.get("attachments")
    if cards is None:
        return
    if not isinstance(cards, list) or len(cards) != 1 or not isinstance(cards[0], dict):
        raise Refusal(400, "attachments must hold exactly one card.")
    if not body.get("text") and not body.get("markdown"):
        raise Refusal(400, "A card needs text or markdown, shown where cards cannot be.")
    content = cards[0].get("content")
    if cards[0].get("contentType") != CARD or not isinstance(content, dict) or content.get("type") != "AdaptiveCard":
        raise Refusal(400, "Unable to retrieve content: no Adaptive Card.")
    if content.get("version") not in ("1.0", "1.1", "1.2", "1.3"):
        raise Refusal(400, "Card version is not supported: 1.3 at most.")
    for actions in (content.get("actions", []), *_action_sets(content)):
        if len(actions) > MOST_SHOWN:
            raise Refusal(400, f"A card shows at most {MOST_SHOWN} actions in one row.")
        if any(action.get("type") not in ACTIONS or not action.get("title") for action in actions):
            raise Refusal(400, "Unknown action, or one without a title.")


def _action_sets(content: Json) -> list[list[Json]]:
    elements = content.get("body", [])
    return [one.get("actions", []) for one in elements if isinstance(one, dict) and one.get("type") == "ActionSet"]


def buttons(entity: Json) -> list[Json]:
    """All actions of a message's card, in their order."""
    found: list[Json] = []
    for card in entity.get("attachments", []):
        for actions in (*_action_sets(card["content"]), card["content"].get("actions", [])):
            found += actions
    return found
