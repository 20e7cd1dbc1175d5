"""/sandbox/…: what the page, tests and benches drive. Loopback names only, and no other web page's scripts.

GET  record?since=n       everything after n: chats, requests, webhooks
GET  chats/ID             this chat alone, as in the record
GET  events?since=n&wait=s  the same, as soon as there is something after n
GET  wait?chat=ID&messages=N&text=t&timeout=s
                          200 once the chat (without chat: all of them together) holds N bot messages, and one
                          that contains t; else 504
POST customers            {"name", "profile", "tags", "userTags", "memberId"}: a customer and a chat in state
                          initial; `tags` are the chat's, `userTags` the customer's
POST crowd                {"n", "name", "profile", "tags", "supportBot"|"workflow"}: n, opened at once
POST chats/ID/open        {"tags", "profile", "supportBot": id|null, "workflow": id}
POST chats/ID/say         {"as": "user"|"manager"|"note"|"bot"|"log:close"|"log:assign"|"log:…", "text"}
POST chats/ID/close       by the manager
POST chats/ID/reopen      by the manager; opened is told again
POST teams/ID/say         {"text", "thread": root message, "as": manager's id}: in a team chat
GET  teams/ID             its messages
POST users/ID             {"profile", "profileOnce", "tags"}: as PATCH users does
GET, POST faults          {"rules": […]}; faults.py says what rules can be
GET, POST settings        {"repeated_request_id": "same"|"new", "rate_limit": {"limit", "window"}|null}
GET  webhooks             with their failures in a row
POST webhooks/ID/unblock
*    webex/…              webex_control.py
*    telegram/…           telegram_control.py
*    google_chat/…        google_chat_control.py
*    sns/…                sns_control.py
POST reset                no chats, no faults, an empty record
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from sandbox import channeltalk_lists as lists
from sandbox import channeltalk_markup as markup
from sandbox.channeltalk import ChannelTalk, Rate
from sandbox.channeltalk_chats import ON_DUTY, SUPPORT_BOT, WORKFLOW, Chat, Message, Missing
from sandbox.faults import Faults, WrongRule
from sandbox.google_chat_control import GoogleChatControl
from sandbox.record import Record
from sandbox.server import Request, Response, answer_json
from sandbox.sns_control import SnsControl
from sandbox.telegram_control import TelegramControl
from sandbox.webex_control import WebexControl

Json = dict[str, Any]

CROWD_LIMIT = 5000
PATIENCE = 600.0


class Wrong(Exception):
    """The request cannot be understood: 400 with this text."""


class Control:
    def __init__(
        self,
        talk: ChannelTalk,
        record: Record,
        faults: Faults,
        webex: WebexControl,
        telegram: TelegramControl,
        google_chat: GoogleChatControl,
        sns: SnsControl,
    ) -> None:
        self.talk, self.record, self.faults, self.webex = talk, record, faults, webex
        self.telegram, self.google_chat, self.sns = telegram, google_chat, sns

    def answer(self, request: Request) -> Response | Awaitable[Response]:
        stranger = refuse_strangers(request)
        if stranger is not None:
            return stranger
        if request.path.startswith("/sandbox/webex/"):
            return self.webex.answer(request)
        if request.path.startswith("/sandbox/telegram/"):
            return self.telegram.answer(request)
        if request.path.startswith("/sandbox/google_chat/"):
            return self.google_chat.answer(request)
        if request.path.startswith("/sandbox/sns/"):
            return self.sns.answer(request)
        try:
            return self._route(request)
        except (Wrong, WrongRule, markup.Rejected) as wrong:
            return answer_json({"error": str(wrong)}, 400)
        except Missing as missing:
            return answer_json({"error": str(missing)}, 404)

    def _route(self, request: Request) -> Response | Awaitable[Response]:
        path = request.path.removeprefix("/sandbox")
        for method, pattern, work in ROUTES:
            match = pattern.fullmatch(path)
            if match and method == request.method:
                result = work(self, request, *match.groups())
                return answer_json(result) if isinstance(result, dict) else result
        raise Missing(f"{request.method} {request.path}: no such control; sandbox/control.py lists them")

    # looking

    def record_since(self, request: Request) -> Json:
        since = _whole(request, "since", 0)
        chats = {chat.id: self._shown(chat, since) for chat in self.talk.chats.chats.values() if chat.changed > since}
        return {"n": self.record.n, "resets": self.record.resets, "chats": chats, **self.record.since(since)}

    def chat_alone(self, request: Request, chat_id: str) -> Json:
        return self._shown(self.talk.chats.chat(chat_id), 0)

    async def events(self, request: Request) -> Response:
        since = _whole(request, "since", 0)
        await self.record.wait(lambda: self.record.n > since, "", _seconds(request, "wait", 25.0))
        return answer_json(self.record_since(request))

    async def wait(self, request: Request) -> Response:
        wanted = _whole(request, "messages", 0)
        text, chat_id = request.query.get("text", ""), request.query.get("chat", "")
        chats = [self.talk.chats.chat(chat_id)] if chat_id else None

        def held() -> int:
            return sum(chat.bot_messages for chat in chats or self.talk.chats.chats.values())

        def enough() -> bool:
            return held() >= wanted and (not text or _contains(chats or self.talk.chats.chats.values(), text))

        arrived = await self.record.wait(enough, chat_id, _seconds(request, "timeout", 10.0))
        return answer_json({"messages": held()}, 200 if arrived else 504)

    def _shown(self, chat: Chat, since: int) -> Json:
        user = self.talk.chats.users[chat.user_id]
        messages = []
        for message in reversed(chat.messages):
            if message.n <= since:
                break
            messages.append(self._message(message))
        return {
            "name": user["name"], "user": user["id"], "state": chat.entity["state"],
            "profile": user["profile"], "tags": user["tags"], "chatTags": chat.entity.get("tags", []),
            "source": chat.entity.get("source", {}), "openedAt": chat.entity.get("firstOpenedAt"),
            "messages": messages[::-1],
        }  # fmt: skip

    def _message(self, message: Message) -> Json:
        entity = message.entity
        shown = {
            "id": entity["id"], "n": message.n, "at": entity["createdAt"], "personType": entity["personType"],
            "text": markup.marked_text(entity.get("blocks", [])), "plainText": entity.get("plainText", ""),
            "requestId": entity.get("requestId"),
        }  # fmt: skip
        also = ("blocks", "buttons", "options", "log", "rootMessageId")
        shown |= {name: entity[name] for name in also if name in entity}
        if message.bot:
            shown["botName"] = self.talk.chats.bot(message.bot)["name"]
        return shown

    # customers and chats

    def new_customer(self, request: Request) -> Json:
        return self._described(self._customer(_object(request)))

    def crowd(self, request: Request) -> Json:
        body = _object(request)
        n = body.get("n")
        if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= CROWD_LIMIT:
            raise Wrong(f'"n" must be a whole number from 1 to {CROWD_LIMIT}')
        name = _text(body, "name", "손님")
        chats = [self._customer({**body, "name": f"{name} {index + 1}", "memberId": ""}) for index in range(n)]
        for chat in chats:
            self._open(chat, body)
        return {"chats": [chat.id for chat in chats]}

    def _customer(self, body: Json) -> Chat:
        profile = body.get("profile", {})
        if not isinstance(profile, dict):
            raise Wrong('"profile" must be an object')
        name = _text(body, "name", "") or str(profile.get("name", ""))
        member = _text(body, "memberId", "")
        if member and member in self.talk.chats.members:
            user = self.talk.chats.user(f"@{member}")
            self.talk.chats.patch_user(user, {"profile": profile})
        else:
            user = self.talk.chats.new_user(name, profile, _tags(body, "userTags"), member)
        return self.talk.chats.new_chat(user, _tags(body, "tags"))

    def open_chat(self, request: Request, chat_id: str) -> Json:
        chat = self.talk.chats.chat(chat_id)
        body = _object(request)
        if "profile" in body:
            self.talk.chats.patch_user(self.talk.chats.users[chat.user_id], lists.checked_profile(body))
        if "tags" in body:
            chat.entity["tags"] = _tags(body, "tags")
        self._open(chat, body)
        return self._described(chat)

    def _open(self, chat: Chat, body: Json) -> None:
        if body.get("workflow"):
            chat.entity["source"] = {"workflow": {**WORKFLOW, "id": str(body["workflow"])}}
        elif body.get("supportBot"):
            chat.entity["source"] = {"supportBot": {**SUPPORT_BOT, "id": str(body["supportBot"])}}
        elif "supportBot" in body or "workflow" in body:
            chat.entity.pop("source", None)
        else:
            chat.entity.setdefault("source", {"supportBot": dict(SUPPORT_BOT)})
        self.talk.chats.open(chat)

    def say(self, request: Request, chat_id: str) -> Json:
        chats, chat, body = self.talk.chats, self.talk.chats.chat(chat_id), _object(request)
        who, text = _text(body, "as", "user"), _text(body, "text", "")
        if who == "log:close":
            chats.close(chat, "manager", ON_DUTY)
        elif who == "log:assign":
            chats.assign(chat, ON_DUTY, "manager", ON_DUTY)
        elif who.startswith("log:"):
            chats.log(chat, who.removeprefix("log:"), ON_DUTY)
        elif who in ("user", "manager", "bot", "note"):
            chats.say(chat, "manager" if who == "note" else who, text, private=who == "note")
        else:
            raise Wrong(f'"as" must be user, manager, note, bot or log:<action>, not {who!r}')
        return {"message": self._message(chat.messages[-1])}

    def close(self, request: Request, chat_id: str) -> Json:
        chat = self.talk.chats.chat(chat_id)
        self.talk.chats.close(chat, "manager", ON_DUTY)
        return self._described(chat)

    def reopen(self, request: Request, chat_id: str) -> Json:
        chat = self.talk.chats.chat(chat_id)
        self.talk.chats.open(chat, ON_DUTY)
        return self._described(chat)

    def change_user(self, request: Request, user_id: str) -> Json:
        user = self.talk.chats.user(user_id)
        self.talk.chats.patch_user(user, lists.checked_profile(_object(request)))
        return {"user": user}

    def _described(self, chat: Chat) -> Json:
        user = self.talk.chats.users[chat.user_id]
        return {"chatId": chat.id, "userId": user["id"], "chat": chat.entity, "user": user}

    def say_in_team(self, request: Request, group_id: str) -> Json:
        chats, body = self.talk.chats, _object(request)
        words = [_text(body, "as", ON_DUTY), _text(body, "text", ""), _text(body, "thread", "")]
        return {"message": self._message(chats.say_in_group(chats.group(group_id), *words))}

    def team(self, request: Request, group_id: str) -> Json:
        return {"messages": [self._message(one) for one in self.talk.chats.group(group_id).messages]}

    # faults and settings

    def get_faults(self, request: Request) -> Json:
        return {"rules": self.faults.shown()}

    def set_faults(self, request: Request) -> Json:
        self.faults.set(_object(request).get("rules"))
        return self.get_faults(request)

    def get_settings(self, request: Request) -> Json:
        rate = self.talk.rate
        limit = {"limit": rate.limit, "window": rate.window} if rate.enforced else None
        return {"repeated_request_id": self.talk.chats.repeated_request_id, "rate_limit": limit}

    def set_settings(self, request: Request) -> Json:
        body = _object(request)
        repeated = body.get("repeated_request_id", self.talk.chats.repeated_request_id)
        if repeated not in ("same", "new"):
            raise Wrong('"repeated_request_id" must be same or new')
        rate = _rate(body["rate_limit"]) if "rate_limit" in body else self.talk.rate
        self.talk.chats.repeated_request_id, self.talk.rate = repeated, rate
        return self.get_settings(request)

    def get_webhooks(self, request: Request) -> Json:
        hooks = self.talk.webhooks.hooks.values()
        hidden = {"token"}  # the page shows this list; scripts that need tokens have the API
        shown = [{key: value for key, value in hook.entity.items() if key not in hidden} for hook in hooks]
        return {"webhooks": [{**entity, "failures": hook.failures} for entity, hook in zip(shown, hooks, strict=True)]}

    def unblock(self, request: Request, hook: str) -> Json:
        if hook not in self.talk.webhooks.hooks:
            raise Missing("no such webhook")
        self.talk.webhooks.unblock(self.talk.webhooks.hooks[hook])
        return self.get_webhooks(request)

    def reset(self, request: Request) -> Json:
        self.faults.set([])
        self.talk.clear()
        self.webex.webex.clear()
        self.telegram.telegram.clear()
        self.google_chat.chat.clear()
        self.sns.sns.clear()
        self.record.clear()
        return {"n": self.record.n}


def refuse_strangers(request: Request) -> Response | None:
    """403 for names that are not loopback (DNS rebinding) and for scripts of other pages."""
    host = request.headers.get("host", "")
    name = urlsplit(f"//{host}").hostname or ""
    if name not in ("localhost", "::1") and not re.fullmatch(r"127(\.[0-9]{1,3}){3}", name):
        return answer_json({"error": "the sandbox answers loopback names only"}, 403)
    origin = request.headers.get("origin")
    if origin is not None and origin != f"http://{host}":
        return answer_json({"error": "another web page may not drive the sandbox"}, 403)
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return answer_json({"error": "another web page may not drive the sandbox"}, 403)
    return None


def _contains(chats: Any, text: str) -> bool:
    return any(
        text in message.entity.get("plainText", "")
        for chat in chats
        for message in chat.messages
        if message.entity["personType"] == "bot"
    )


def _object(request: Request) -> Json:
    if not request.body:
        return {}
    try:
        body = request.json()
    except ValueError as error:
        raise Wrong(f"not JSON: {error}") from None
    if not isinstance(body, dict):
        raise Wrong("must be a JSON object")
    return body


def _text(body: Json, name: str, default: str) -> str:
    value = body.get(name) if body.get(name) is not None else default
    if not isinstance(value, str):
        raise Wrong(f'"{name}" must be a text')
    return value


def _tags(body: Json, name: str) -> list[str]:
    tags = body.get(name) or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise Wrong(f'"{name}" must be a list of texts')
    return tags


def _rate(given: object) -> Rate:
    if given is None:
        return Rate()
    if not isinstance(given, dict):
        raise Wrong('"rate_limit" must be {"limit", "window"} or null')
    limit, window = given.get("limit"), given.get("window", 1)
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise Wrong('"rate_limit.limit" must be a whole number from 1')
    if isinstance(window, bool) or not isinstance(window, int | float) or not 0 < window <= 3600:
        raise Wrong('"rate_limit.window" must be seconds, at most 3600')
    return Rate(limit, float(window), enforced=True)


def _whole(request: Request, name: str, default: int) -> int:
    value = request.query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,15}", value):
        raise Wrong(f"{name} must be a whole number")
    return int(value)


def _seconds(request: Request, name: str, default: float) -> float:
    value = request.query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,6})?", value) or float(value) > PATIENCE:
        raise Wrong(f"{name} must be seconds, at most {PATIENCE:g}")
    return float(value)


Work = Callable[..., Json | Awaitable[Response]]


def _routes(*routes: tuple[str, str, Work]) -> list[tuple[str, re.Pattern[str], Work]]:
    return [(method, re.compile(path.replace("*", "([^/]+)")), work) for method, path, work in routes]


ROUTES = _routes(
    ("GET", "/record", Control.record_since),
    ("GET", "/chats/*", Control.chat_alone),
    ("GET", "/events", Control.events),
    ("GET", "/wait", Control.wait),
    ("POST", "/customers", Control.new_customer),
    ("POST", "/crowd", Control.crowd),
    ("POST", "/chats/*/open", Control.open_chat),
    ("POST", "/chats/*/say", Control.say),
    ("POST", "/chats/*/close", Control.close),
    ("POST", "/chats/*/reopen", Control.reopen),
    ("POST", "/teams/*/say", Control.say_in_team),
    ("GET", "/teams/*", Control.team),
    ("POST", "/users/*", Control.change_user),
    ("GET", "/faults", Control.get_faults),
    ("POST", "/faults", Control.set_faults),
    ("GET", "/settings", Control.get_settings),
    ("POST", "/settings", Control.set_settings),
    ("GET", "/webhooks", Control.get_webhooks),
    ("POST", "/webhooks/*/unblock", Control.unblock),
    ("POST", "/reset", Control.reset),
)
