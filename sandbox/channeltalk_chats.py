"""The chats, people and bots of one ChannelTalk channel, in the shapes that the wire has."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox import channeltalk_markup as markup
from sandbox.record import Record

Json = dict[str, Any]

CHANNEL_ID = "104250"
CHANNEL = {
    "id": CHANNEL_ID,
    "name": "마루 연습장",
    "homepageUrl": "https://shop.example.kr",
    "timeZone": "Asia/Seoul",
}
SUPPORT_BOT = {"id": "31877", "revisionId": "90412", "sectionPath": ["a1", "c4", "f9"]}
WORKFLOW = {"id": "58120", "revisionId": "771203", "traceId": "t-1", "sectionPath": ["s1"]}
MANAGERS = {
    "233101": {"id": "233101", "channelId": CHANNEL_ID, "name": "박서준", "email": "sj@shop.example.kr"},
    "233102": {"id": "233102", "channelId": CHANNEL_ID, "name": "이도윤", "email": "dy@shop.example.kr"},
}
GROUP_ID = "5521"
GROUP = {"id": GROUP_ID, "channelId": CHANNEL_ID, "name": "알림", "scope": "all", "version": 1}  # a public team chat
ON_DUTY = "233101"  # the manager in whose seat a person or a test sits
STATES = ("opened", "closed", "snoozed", "queued", "initial", "missed")
CONTACTS = ("email", "mobileNumber")


class Missing(Exception):
    """There is no such thing: 404."""


@dataclass(slots=True)
class Message:
    n: int
    entity: Json
    bot: str = ""


@dataclass(slots=True)
class Chat:
    entity: Json
    user_id: str = ""
    messages: list[Message] = field(default_factory=list)
    by_request_id: dict[str, Message] = field(default_factory=dict)
    bot_messages: int = 0
    changed: int = 0

    @property
    def id(self) -> str:
        return str(self.entity["id"])


class Chats:
    """`told` hears of what ChannelTalk sends webhooks for: ("opened"|"message"|"user", chat, entity)."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.told: Callable[[str, Chat, Json], None] = lambda kind, chat, entity: None
        self.repeated_request_id = "same"
        self.random = random.Random()
        self.clear()

    def clear(self) -> None:
        self.chats: dict[str, Chat] = {}
        self.users: dict[str, Json] = {}
        self.members: dict[str, str] = {}
        self.bots: dict[str, Json] = {}
        self.retired_bots: dict[str, Json] = {}
        self.groups: dict[str, Chat] = {GROUP_ID: Chat(dict(GROUP))}
        self._bots_made = 0
        self.default_bot = self.named_bot("채널봇")

    def new_id(self) -> str:
        return f"{self.record.now() // 1000:08x}{self.random.getrandbits(48):012x}"

    # people

    def new_user(self, name: str, profile: Json, tags: list[str], member_id: str = "") -> Json:
        now = self.record.now()
        user: Json = {"id": self.new_id(), "channelId": CHANNEL_ID, "type": "member" if member_id else "lead"}
        if member_id:
            user["memberId"] = member_id
            self.members[member_id] = user["id"]
        user |= {
            "name": name,
            "profile": {**profile, "name": name} if name else dict(profile),
            "tags": list(tags),
        }
        user |= {
            "language": "ko",
            "country": "KR",
            "timeZone": "+09:00",
            "createdAt": now,
            "updatedAt": now,
            "version": 1,
        }
        self.users[user["id"]] = user
        return user

    def user(self, key: str) -> Json:
        if key.startswith("@"):
            key = self.members.get(key[1:], "")
        if key not in self.users:
            raise Missing("User not found.")
        return self.users[key]

    def patch_user(self, user: Json, body: Json) -> None:
        before = {name: user["profile"].get(name) for name in CONTACTS}
        for name, value in body.get("profile", {}).items():
            if value is None:
                user["profile"].pop(name, None)
            else:
                user["profile"][name] = value
        for name, value in body.get("profileOnce", {}).items():
            user["profile"].setdefault(name, value)
        if "tags" in body:
            user["tags"] = list(body["tags"])
        for name in ("blocked", "unsubscribeEmail", "unsubscribeTexting"):
            if name in body:
                user[name] = body[name]
        if isinstance(user["profile"].get("name"), str):
            user["name"] = user["profile"]["name"]
        user["updatedAt"] = self.record.now()
        user["version"] += 1
        chats = [chat for chat in self.chats.values() if chat.user_id == user["id"]]
        for chat in chats:
            self.touch(chat)
        if chats and before != {name: user["profile"].get(name) for name in CONTACTS}:
            self.told("user", chats[-1], user)

    def named_bot(self, name: str) -> Json:
        """The bot of that name; an unknown name makes a new one, as ChannelTalk appears to do."""
        for bot in self.bots.values():
            if bot["name"] == name:
                return bot
        self._bots_made += 1
        bot = {"id": str(19043 + self._bots_made), "channelId": CHANNEL_ID, "name": name, "color": "#3d6b54"}
        bot["createdAt"] = self.record.now()
        self.bots[bot["id"]] = bot
        return bot

    def bot(self, bot_id: str) -> Json:
        """A bot that wrote something; it may have been deleted since."""
        return self.bots.get(bot_id) or self.retired_bots[bot_id]

    # chats

    def new_chat(self, user: Json, tags: list[str]) -> Chat:
        now = self.record.now()
        entity: Json = {
            "id": self.new_id(), "channelId": CHANNEL_ID, "mediumType": "native",
            "contactMediumType": "native", "state": "initial", "managed": False, "priority": "medium",
            "userId": user["id"], "name": user["name"], "createdAt": now, "updatedAt": now, "version": 1,
        }  # fmt: skip
        if tags:
            entity["tags"] = list(tags)
        chat = Chat(entity, user["id"])
        self.chats[chat.id] = chat
        self.touch(chat)
        return chat

    def chat(self, chat_id: str) -> Chat:
        if chat_id not in self.chats:
            raise Missing("UserChat not found.")
        return self.chats[chat_id]

    def group(self, key: str) -> Chat:
        """By its id, or @name."""
        found = [one for one in self.groups.values() if key in (one.id, f"@{one.entity['name']}")]
        if not found:
            raise Missing("Group not found.")
        return found[0]

    def touch(self, chat: Chat) -> None:
        chat.changed = self.record.next()
        chat.entity["updatedAt"] = self.record.now()
        chat.entity["version"] += 1
        self.record.wake(chat.id)

    def open(self, chat: Chat, by: str = "") -> None:
        """The chat becomes `opened`: the bot in front hands over, or somebody opens a closed one again."""
        now = self.record.now()
        entity = chat.entity
        entity |= {"state": "opened", "managed": True, "openedAt": now, "askedAt": now}
        entity.setdefault("firstOpenedAt", now)
        entity.setdefault("firstAskedAt", now)
        entity.pop("closedAt", None)
        if by:
            self.log(chat, "open", by)
        self.touch(chat)
        self.told("opened", chat, entity)

    def close(self, chat: Chat, kind: str, by: str) -> None:
        chat.entity |= {"state": "closed", "closedAt": self.record.now()}
        self.touch(chat)
        self.log(chat, "close", by, kind)

    def assign(self, chat: Chat, manager_id: str, kind: str, by: str) -> None:
        chat.entity |= {"assigneeId": manager_id, "managerIds": self._managers_with(chat, [manager_id])}
        self.touch(chat)
        self.log(chat, "assign", by, kind)

    def invite(self, chat: Chat, manager_ids: list[str], kind: str, by: str) -> None:
        chat.entity["managerIds"] = self._managers_with(chat, manager_ids)
        self.touch(chat)
        self.log(chat, "invite", by, kind)

    def _managers_with(self, chat: Chat, more: list[str]) -> list[str]:
        return list(dict.fromkeys([*chat.entity.get("managerIds", []), *more]))

    # messages

    def post(self, chat: Chat, body: Json, bot_name: str) -> tuple[Message, Json]:
        """A message through the API or a quick reply; the body has been checked."""
        request_id = body.get("requestId", "")
        if request_id and self.repeated_request_id == "same" and request_id in chat.by_request_id:
            first = chat.by_request_id[request_id]
            return first, self.bot(first.bot)
        bot = self.named_bot(bot_name) if bot_name else self.default_bot
        message = self._store(chat, "bot", bot["id"], body, bot["id"])
        return message, bot

    def say(self, chat: Chat, person: str, text: str, private: bool = False) -> Message:
        """What a person types: their markup is text."""
        body: Json = {"blocks": [{"type": "text", "value": markup.escaped(text)}]} if text else {}
        if private:
            body["options"] = ["private"]
        if person == "bot":
            bot = self.named_bot("다른 봇")["id"]
            return self._store(chat, person, bot, body, bot)
        return self._store(chat, person, chat.user_id if person == "user" else ON_DUTY, body, "")

    def say_in_group(self, group: Chat, manager: str, text: str, thread: str = "") -> Message:
        body: Json = {"blocks": [{"type": "text", "value": markup.escaped(text)}]}
        return self._store(group, "manager", manager, body | self.in_thread(group, thread), "")

    def in_thread(self, group: Chat, thread: str) -> Json:
        if thread and not any(one.entity["id"] == thread for one in group.messages):
            raise Missing("Message not found.")
        return {"rootMessageId": thread} if thread else {}

    def log(self, chat: Chat, action: str, by: str, kind: str = "manager") -> Message:
        """A system line, such as "closed by …"; it has no text."""
        line = {"action": action, "values": [], "triggerType": kind, "triggerId": by}
        return self._store(chat, kind, by, {"log": line}, by if kind == "bot" else "")

    def _store(self, chat: Chat, person: str, person_id: str, body: Json, bot: str) -> Message:
        now, n = self.record.now(), self.record.next()
        kind = "group" if chat.id in self.groups else "userChat"
        key = f"{kind}-{chat.id}"
        entity: Json = {
            "chatKey": key, "id": self.new_id(), "mainKey": key, "channelId": CHANNEL_ID,
            "chatType": kind, "chatId": chat.id, "personType": person, "personId": person_id,
            "createdAt": now, "updatedAt": now, "version": 1,
        }  # fmt: skip
        for name in ("requestId", "blocks", "buttons", "options", "files", "log", "rootMessageId"):
            if name in body:
                entity[name] = body[name]
        if "blocks" in body:
            entity["plainText"] = markup.plain_text(body["blocks"])
        elif "plainText" in body:
            entity["plainText"] = body["plainText"]
            entity["blocks"] = [{"type": "text", "value": markup.escaped(body["plainText"])}]
        if person == "bot":
            entity["state"] = "sent"
        message = Message(n, entity, bot)
        self._keep(chat, message)
        return message

    def _keep(self, chat: Chat, message: Message) -> None:
        entity = message.entity
        chat.messages.append(message)
        if "requestId" in entity:
            chat.by_request_id.setdefault(entity["requestId"], message)
        if entity["personType"] == "bot" and "log" not in entity:
            chat.bot_messages += 1
        chat.entity |= {"frontMessageId": entity["id"], "frontUpdatedAt": entity["createdAt"]}
        if entity["personType"] == "user":
            chat.entity["userLastMessageId"] = entity["id"]
        chat.changed = message.n
        self.told("message", chat, entity)
        self.record.wake(chat.id)
