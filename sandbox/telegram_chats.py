"""People, chats and messages as Telegram keeps them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox import telegram_html as markup
from sandbox.record import Record

Json = dict[str, Any]
Told = Callable[[str, Json, str], None]  # kind of the update, its content, the queue in which it waits

LONGEST, LONGEST_CAPTION, LONGEST_DATA, MOST_BUTTONS, MOST_IN_A_ROW, MOST_MARKED = 4096, 1024, 64, 100, 8, 100
FIRST_USER, FIRST_GROUP, FIRST_SUPERGROUP = 5_550_000, -4_000_100, -1_002_000_300_000
KINDS_OF_GROUP = {"group": "group chat", "supergroup": "supergroup chat", "channel": "channel chat"}


class Refusal(Exception):
    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code, self.description, self.parameters = code, description, parameters


@dataclass(eq=False, slots=True)
class Chat:
    entity: Json
    changed: int
    bot: str = "never"  # never (has not been started), member, kicked, left
    members: list[int] = field(default_factory=list)
    topics: dict[int, str] = field(default_factory=dict)
    messages: list[Json] = field(default_factory=list)
    sent: int = 0  # by the bot
    gone: str = ""  # deactivated (the user), deleted (the group)
    moved_to: int = 0

    @property
    def id(self) -> int:
        return int(self.entity["id"])

    @property
    def private(self) -> bool:
        return bool(self.entity["type"] == "private")


class Chats:
    def __init__(self, record: Record, bot_id: int) -> None:
        self.record = record
        self.told: Told = lambda kind, content, queue: None
        self.me: Json = {"id": bot_id, "is_bot": True, "first_name": "마루", "username": "maru_practice_bot"}
        self.clear()

    def clear(self) -> None:
        self.users: dict[int, Json] = {}
        self.chats: dict[int, Chat] = {}
        self.privacy = True  # a bot in a group sees commands and answers to itself only
        self.last_message = 0
        self.sent = 0
        self.presses: dict[str, bool] = {}  # by callback id: answered?
        self.notes: dict[str, str] = {}  # what the answer to a press said

    def now(self) -> int:
        return self.record.now() // 1000

    def touch(self, chat: Chat) -> None:
        chat.changed = self.record.next()
        self.record.wake(f"telegram:{chat.id}")

    def chat(self, id: object) -> Chat:
        found = self.chats.get(int(id)) if isinstance(id, int | str) and str(id).lstrip("-").isdecimal() else None
        if found is None:
            raise Refusal(400, "Bad Request: chat not found")
        return found

    # people and groups

    def new_user(self, name: str, username: str = "", language: str = "ko", id: int = 0) -> Chat:
        id = id or FIRST_USER + len(self.users) + 1
        if id not in self.users:
            self.users[id] = {"id": id, "is_bot": False, "first_name": name, "language_code": language}
            about: Json = {"id": id, "first_name": name, "type": "private"}
            if username:
                self.users[id]["username"] = about["username"] = username
            self.chats[id] = Chat(about, self.record.next(), members=[id])
            self.touch(self.chats[id])
        return self.chats[id]

    def new_group(self, title: str, members: list[int], kind: str = "group", topics: tuple[str, ...] = ()) -> Chat:
        count = sum(not chat.private for chat in self.chats.values())
        id = (FIRST_GROUP if kind == "group" else FIRST_SUPERGROUP) - count
        entity: Json = {"id": id, "title": title, "type": kind}
        if topics:
            entity["is_forum"] = True
        chat = Chat(entity, self.record.next(), members=list(members))
        chat.topics = {number: name for number, name in enumerate(topics, 2)}
        self.chats[id] = chat
        self.touch(chat)
        return chat

    def set_bot(self, chat: Chat, status: str, by: int) -> None:
        """Blocked or unblocked, added or removed."""
        old, chat.bot = chat.bot, status
        before: Json = {"user": self.me, "status": "left" if old == "never" else old}
        after: Json = {"user": self.me, "status": status}
        if status == "kicked":
            after["until_date"] = 0
        self.touch(chat)
        if old == status:
            return
        change = {"chat": chat.entity, "from": self.users[by], "date": self.now()}
        self.told(
            "my_chat_member", {**change, "old_chat_member": before, "new_chat_member": after}, f"member:{chat.id}"
        )

    def migrate(self, chat: Chat) -> Chat:
        """A group becomes a supergroup: two service messages tell it."""
        new = self.new_group(chat.entity["title"], chat.members, "supergroup")
        new.bot, chat.moved_to = chat.bot, new.id
        for where, about in ((chat, {"migrate_to_chat_id": new.id}), (new, {"migrate_from_chat_id": chat.id})):
            service = self._kept(where, {"from": self.users[chat.members[0]], **about})
            self.told("message", service, f"message:{where.id}")
        return new

    # messages

    def _kept(self, chat: Chat, content: Json) -> Json:
        self.last_message += 1
        message = {"message_id": self.last_message, "chat": chat.entity, "date": self.now(), **content}
        chat.messages.append(message)
        self.touch(chat)
        return message

    def say(self, person: int, chat: Chat, text: str, **more: Any) -> Json:
        """Somebody writes. `more`: reply (a message's id), topic, caption (of a photo, in place of text)."""
        if chat.private and chat.bot != "member":
            self.set_bot(chat, "member", person)
        content: Json = {"from": self.users[person]}
        if more.get("topic"):
            content |= {"message_thread_id": more["topic"], "is_topic_message": True}
        replied = next((one for one in chat.messages if one["message_id"] == more.get("reply")), None)
        if replied:
            content["reply_to_message"] = {key: replied[key] for key in ("message_id", "chat", "date", "from")}
        if more.get("photo"):
            content |= {"photo": [{"file_id": "photo-1", "width": 90, "height": 90}], "caption": text}
        elif text:
            content["text"] = text
        else:
            content["sticker"] = {"file_id": "sticker-1", "emoji": "👍"}
        entities = markup.commands(text)
        if entities:
            content["caption_entities" if more.get("photo") else "entities"] = entities
        message = self._kept(chat, content)
        if chat.bot == "member" and self._is_seen(chat, message, replied):
            self.told("message", message, f"message:{chat.id}")
        return message

    def _is_seen(self, chat: Chat, message: Json, replied: Json | None) -> bool:
        if chat.private or not self.privacy:
            return True
        if replied is not None and replied["from"] is self.me:
            return True
        marked = message.get("entities") or message.get("caption_entities") or []
        return any(one["type"] == "bot_command" for one in marked)

    def press(self, person: int, chat: Chat, message_id: int, title: str = "", data: str = "") -> Json:
        message = next((one for one in chat.messages if one["message_id"] == message_id), None)
        if message is None:
            raise Refusal(400, "Bad Request: message to press not found")
        rows = message.get("reply_markup", {}).get("inline_keyboard", [])
        fitting = [one for row in rows for one in row if title and one["text"] == title]
        if title and (not fitting or "callback_data" not in fitting[0]):
            raise Refusal(400, f"Bad Request: no button {title} to press")
        id = str(4_382_000_111_222_000_000 + self.record.next())
        self.presses[id] = False
        shown = {key: value for key, value in message.items() if key != "reply_markup"}
        query: Json = {
            "id": id, "from": self.users[person], "message": shown, "chat_instance": str(-81_234_567_890 - chat.id),
            "data": data or fitting[0]["callback_data"],
        }  # fmt: skip
        self.told("callback_query", query, f"callback:{person}")
        return query

    def answer_press(self, id: str, text: str) -> None:
        if id not in self.presses:
            raise Refusal(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
        self.presses[id] = True
        self.notes[id] = text
        self.record.wake("")

    # what the bot sends

    def reachable(self, id: object) -> Chat:
        chat = self.chat(id)
        if chat.moved_to:
            description = "Bad Request: group chat was upgraded to a supergroup chat"
            raise Refusal(400, description, migrate_to_chat_id=chat.moved_to)
        kind = KINDS_OF_GROUP.get(chat.entity["type"], "")
        if chat.gone:
            whose = "user is deactivated" if chat.private else f"the {kind} was deleted"
            raise Refusal(403, f"Forbidden: {whose}")
        if chat.bot == "never":
            if chat.private:
                raise Refusal(403, "Forbidden: bot can't initiate conversation with a user")
            raise Refusal(403, f"Forbidden: bot is not a member of the {kind}")
        if chat.bot != "member":
            verb = f"bot was kicked from the {kind}" if chat.bot == "kicked" else f"bot is not a member of the {kind}"
            raise Refusal(403, "Forbidden: bot was blocked by the user" if chat.private else f"Forbidden: {verb}")
        return chat

    def post(self, body: Json, photo: bool = False) -> Json:
        chat = self.reachable(body.get("chat_id"))
        content: Json = {"from": self.me}
        name, most = ("caption", LONGEST_CAPTION) if photo else ("text", LONGEST)
        given = body.get(name) if body.get(name) is not None else ""
        if not isinstance(given, str):
            raise Refusal(400, f"Bad Request: {name} must be of type String")
        text, entities = _read(given, body.get("parse_mode"))
        if not text and not photo:
            raise Refusal(400, "Bad Request: message text is empty")
        if markup.units(text) > most:
            raise Refusal(400, f"Bad Request: message {'caption ' if photo else ''}is too long")
        if photo:
            _check_photo(body.get("photo"))
            content["photo"] = [{"file_id": "photo-of-bot", "url": body["photo"]}]
        if text:
            content[name] = text
        if entities:
            content["caption_entities" if photo else "entities"] = entities[:MOST_MARKED]
        content |= self._place(chat, body)
        if body.get("reply_markup") is not None:
            content["reply_markup"] = _keyboard(body["reply_markup"])
        chat.sent += 1
        self.sent += 1
        return self._kept(chat, content)

    def _place(self, chat: Chat, body: Json) -> Json:
        place: Json = {}
        topic = body.get("message_thread_id")
        if topic is not None:
            if int(topic) not in chat.topics:
                raise Refusal(400, "Bad Request: message thread not found")
            place |= {"message_thread_id": int(topic), "is_topic_message": True}
        reply = body.get("reply_parameters") or {}
        if not isinstance(reply, dict):
            raise Refusal(400, "Bad Request: can't parse reply parameters: expected an object")
        if reply:
            found = next((one for one in chat.messages if one["message_id"] == reply.get("message_id")), None)
            if found is not None:
                place["reply_to_message"] = {key: found[key] for key in ("message_id", "chat", "date")}
            elif not reply.get("allow_sending_without_reply"):
                raise Refusal(400, "Bad Request: message to be replied not found")
        return place


def _read(given: str, mode: object) -> tuple[str, list[Json]]:
    if not mode:
        return given.strip(), []
    if str(mode).lower() != "html":
        raise Refusal(400, "Bad Request: unsupported parse_mode")  # the stand-in reads HTML alone
    try:
        return markup.parse(given)
    except markup.Unreadable as error:
        raise Refusal(400, f"Bad Request: can't parse entities: {error}") from None


def _check_photo(photo: object) -> None:
    """As Telegram would fetch it, without fetching: what it can be told by is in the address."""
    address = str(photo or "")
    if not address.startswith("https://"):
        raise Refusal(400, "Bad Request: wrong HTTP URL specified")
    if ".invalid/" in address:
        raise Refusal(400, "Bad Request: failed to get HTTP URL content")
    if address.endswith(".html"):
        raise Refusal(400, "Bad Request: wrong type of the web page content")


def _keyboard(given: object) -> Json:
    rows = given.get("inline_keyboard") if isinstance(given, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise Refusal(400, "Bad Request: object expected as reply markup")
    buttons = [button for row in rows for button in row]
    if len(buttons) > MOST_BUTTONS or any(len(row) > MOST_IN_A_ROW for row in rows):
        raise Refusal(400, "Bad Request: reply markup is too long")
    for button in buttons:
        if not isinstance(button, dict) or not button.get("text"):
            raise Refusal(400, "Bad Request: can't parse inline keyboard button: Text buttons are unallowed")
        data, url = button.get("callback_data"), button.get("url")
        if data is None and url is None:
            raise Refusal(400, "Bad Request: can't parse inline keyboard button: Text buttons are unallowed")
        if data is not None and not 1 <= len(str(data).encode()) <= LONGEST_DATA:
            raise Refusal(400, "Bad Request: BUTTON_DATA_INVALID")
        if url is not None and not str(url).startswith(("https://", "http://", "tg://")):
            raise Refusal(400, "Bad Request: inline keyboard button URL is invalid: wrong HTTP URL")
    return {"inline_keyboard": rows}
