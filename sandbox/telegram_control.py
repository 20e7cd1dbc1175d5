"""/sandbox/telegram/…: what people do in Telegram, for the page, tests and benches.

GET  chats?since=n        {"n", "bot", "chats": {ID: {entity, bot, members, topics, messages}}}: changed after n
GET  wait?chat=ID&messages=N&text=t&timeout=s
                          200 once the chat (without it: all together) holds N messages of the bot, and one that
                          contains t; else 504
GET  calls?since=n        what the bot called: {"n", "calls": [{n, at, method, body, status}]}
GET  presses              {callback id: answered?}
POST users                {"name", "username", "language", "id", "started": false}: private chat's id = user's id
POST crowd                {"n", "blocked"}: n users who have started the bot, the last `blocked` of whom block it
POST groups               {"title", "members": [ids], "type": group|supergroup, "topics": [names], "bot": true}
POST say                  {"as": id, "chat": id, "text", "reply": message, "topic": n, "photo": false}; without a chat
                          to the bot; without a text a sticker
POST press                {"as": id, "chat": id, "message": id, "title": of the button, or "data" to forge}
POST bot                  {"chat": id, "as": id, "status": member|left|kicked}: block and unblock, add and remove
POST gone                 {"chat": id}: the person closed their account, the group was deleted
POST migrate              {"chat": id}: the group becomes a supergroup
GET, POST webhook         as getWebhookInfo tells; {"url", "secret_token"} plants one, {} removes it
GET, POST settings        {"privacy": true, "limits": true, "speed": 1, "next_update": id}: speed is of the retries
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.record import Record
from sandbox.server import Request, Response, answer_json
from sandbox.telegram import Telegram
from sandbox.telegram_chats import Chat, Refusal

Json = dict[str, Any]

MOST_CROWD = 20_000


class Wrong(Exception):
    """The request cannot be understood: 400 with this text."""


class TelegramControl:
    def __init__(self, telegram: Telegram, record: Record) -> None:
        self.telegram, self.chats, self.record = telegram, telegram.chats, record

    def answer(self, request: Request) -> Response | Awaitable[Response]:
        path = request.path.removeprefix("/sandbox/telegram")
        work = ROUTES.get((request.method, path))
        if work is None:
            return answer_json({"error": f"{path}: no such control; sandbox/telegram_control.py lists them"}, 404)
        try:
            result = work(self, request)
        except Wrong as wrong:
            return answer_json({"error": str(wrong)}, 400)
        except Refusal as refused:
            return answer_json({"error": refused.description}, refused.code)
        return answer_json(result) if isinstance(result, dict) else result

    # looking

    def see_chats(self, request: Request) -> Json:
        since = _query(request, "since")
        changed = [chat for chat in self.chats.chats.values() if chat.changed > since]
        return {"n": self.record.n, "bot": self.chats.me, "chats": {str(one.id): self._shown(one) for one in changed}}

    def _shown(self, chat: Chat) -> Json:
        members = [self.chats.users[id] for id in chat.members if id in self.chats.users]
        return {
            "entity": chat.entity, "bot": chat.bot, "members": members, "topics": chat.topics, "gone": chat.gone,
            "movedTo": chat.moved_to, "sent": chat.sent, "messages": chat.messages,
        }  # fmt: skip

    async def wait(self, request: Request) -> Response:
        query = request.query
        chat = self.chats.chat(query["chat"]) if query.get("chat") else None
        wanted, text = _query(request, "messages"), query.get("text", "")
        timeout = min(float(query.get("timeout", "10")), 600.0)

        def held() -> int:
            return chat.sent if chat else self.chats.sent

        def enough() -> bool:
            return held() >= wanted and (not text or self._has(text, chat))

        arrived = await self.record.wait(enough, f"telegram:{chat.id}" if chat else "", timeout)
        return answer_json({"messages": held()}, 200 if arrived else 504)

    def _has(self, text: str, chat: Chat | None) -> bool:
        return any(
            text in str(message.get("text") or message.get("caption") or "")
            for one in ([chat] if chat else list(self.chats.chats.values()))
            for message in one.messages
            if message["from"] is self.chats.me
        )

    def see_calls(self, request: Request) -> Json:
        since = _query(request, "since")
        return {"n": self.record.n, "calls": [one for one in self.telegram.calls if one["n"] > since]}

    def see_presses(self, request: Request) -> Json:
        return {"presses": self.chats.presses}

    # what people do

    def new_user(self, request: Request) -> Json:
        body = _object(request)
        name, username = _text(body, "name", "사람"), _text(body, "username", "")
        chat = self.chats.new_user(name, username, _text(body, "language", "ko"), _whole(body, "id", 0))
        if body.get("started"):
            chat.bot = "member"
        return {"user": chat.id}

    def crowd(self, request: Request) -> Json:
        body = _object(request)
        n, blocked = _whole(body, "n"), _whole(body, "blocked", 0)
        if not 1 <= n <= MOST_CROWD or not 0 <= blocked <= n:
            raise Wrong(f'"n" must be from 1 to {MOST_CROWD}, "blocked" at most that many')
        made = [self.chats.new_user(f"구독자 {number}") for number in range(1, n + 1)]
        for number, chat in enumerate(made):
            chat.bot = "kicked" if number >= n - blocked else "member"  # long ago: nobody is told
        return {"users": [chat.id for chat in made]}

    def new_group(self, request: Request) -> Json:
        body = _object(request)
        members, topics = body.get("members"), body.get("topics") or []
        if not isinstance(members, list) or not members or any(one not in self.chats.users for one in members):
            raise Wrong('"members" must be a list of ids of users')
        kind = _text(body, "type", "supergroup" if topics else "group")
        chat = self.chats.new_group(_text(body, "title", "모임"), members, kind, tuple(map(str, topics)))
        if body.get("bot", True):
            self.chats.set_bot(chat, "member", members[0])
        return {"chat": chat.id}

    def say(self, request: Request) -> Json:
        body = _object(request)
        person = self._person(body)
        chat = self.chats.chat(body["chat"]) if body.get("chat") else self.chats.chat(person)
        more = {name: body[name] for name in ("reply", "topic", "photo") if body.get(name)}
        return {"chat": chat.id, "message": self.chats.say(person, chat, _text(body, "text", ""), **more)}

    def press(self, request: Request) -> Json:
        body = _object(request)
        person = self._person(body)
        chat = self.chats.chat(body["chat"]) if body.get("chat") else self.chats.chat(person)
        title, data = _text(body, "title", ""), _text(body, "data", "")
        return self.chats.press(person, chat, _whole(body, "message"), title, data)

    def set_bot(self, request: Request) -> Json:
        body = _object(request)
        chat, status = self.chats.chat(body.get("chat")), _text(body, "status")
        if status not in ("member", "left", "kicked"):
            raise Wrong('"status" must be member, left or kicked')
        self.chats.set_bot(chat, status, _whole(body, "as", chat.members[0]))
        return {"bot": chat.bot}

    def vanish(self, request: Request) -> Json:
        chat = self.chats.chat(_object(request).get("chat"))
        chat.gone = "gone"
        self.chats.touch(chat)
        return {}

    def migrate(self, request: Request) -> Json:
        chat = self.chats.chat(_object(request).get("chat"))
        if chat.entity["type"] != "group":
            raise Wrong("only a group becomes a supergroup")
        return {"chat": self.chats.migrate(chat).id}

    def _person(self, body: Json) -> int:
        person = _whole(body, "as")
        if person not in self.chats.users:
            raise Wrong(f"{person} is no user")
        return person

    # the connection

    def get_webhook(self, request: Request) -> Json:
        return self.telegram.updates.info()

    def plant_webhook(self, request: Request) -> Json:
        self.telegram.updates.set_at = float("-inf")
        self.telegram.updates.set_hook(_object(request))
        self.telegram.updates.set_at = float("-inf")
        return self.get_webhook(request)

    def get_settings(self, request: Request) -> Json:
        telegram = self.telegram
        return {
            "privacy": self.chats.privacy, "limits": telegram.limits.on, "speed": telegram.updates.speed,
            "next_update": telegram.updates.next_id + 1, "commands": telegram.commands,
        }  # fmt: skip

    def set_settings(self, request: Request) -> Json:
        body = {**self.get_settings(request), **_object(request)}
        speed = body["speed"]
        if isinstance(speed, bool) or not isinstance(speed, int | float) or not 0 < speed <= 1e6:
            raise Wrong('"speed" must be a number above 0')
        self.chats.privacy, self.telegram.limits.on = bool(body["privacy"]), bool(body["limits"])
        self.telegram.updates.speed = float(speed)
        self.telegram.updates.next_id = _whole(body, "next_update") - 1
        return self.get_settings(request)


def _object(request: Request) -> Json:
    try:
        body = request.json() if request.body else {}
    except ValueError as error:
        raise Wrong(f"not JSON: {error}") from None
    if not isinstance(body, dict):
        raise Wrong("must be a JSON object")
    return body


def _text(body: Json, name: str, default: str | None = None) -> str:
    value = body.get(name) if body.get(name) is not None else default
    if not isinstance(value, str):
        raise Wrong(f'"{name}" must be a text')
    return value


def _whole(body: Json, name: str, default: int | None = None) -> int:
    value = body.get(name) if body.get(name) is not None else default
    if isinstance(value, bool) or not isinstance(value, int):
        raise Wrong(f'"{name}" must be a whole number')
    return value


def _query(request: Request, name: str) -> int:
    value = request.query.get(name, "0")
    if not re.fullmatch(r"[0-9]{1,15}", value):
        raise Wrong(f"{name} must be a whole number")
    return int(value)


Work = Callable[[TelegramControl, Request], Any]

ROUTES: dict[tuple[str, str], Work] = {
    ("GET", "/chats"): TelegramControl.see_chats,
    ("GET", "/wait"): TelegramControl.wait,
    ("GET", "/calls"): TelegramControl.see_calls,
    ("GET", "/presses"): TelegramControl.see_presses,
    ("POST", "/users"): TelegramControl.new_user,
    ("POST", "/crowd"): TelegramControl.crowd,
    ("POST", "/groups"): TelegramControl.new_group,
    ("POST", "/say"): TelegramControl.say,
    ("POST", "/press"): TelegramControl.press,
    ("POST", "/bot"): TelegramControl.set_bot,
    ("POST", "/gone"): TelegramControl.vanish,
    ("POST", "/migrate"): TelegramControl.migrate,
    ("GET", "/webhook"): TelegramControl.get_webhook,
    ("POST", "/webhook"): TelegramControl.plant_webhook,
    ("GET", "/settings"): TelegramControl.get_settings,
    ("POST", "/settings"): TelegramControl.set_settings,
}
