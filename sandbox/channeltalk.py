"""The ChannelTalk Open API v5, as far as the wire notes describe it. https://developers.channel.io/docs/open-api"""

import asyncio
import hmac
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from sandbox import channeltalk_lists as lists
from sandbox import channeltalk_markup as markup
from sandbox.channeltalk_chats import CHANNEL, MANAGERS, STATES, Chat, Chats, Missing
from sandbox.channeltalk_webhooks import SCOPES, Hook, Webhooks
from sandbox.faults import Faults, Rule
from sandbox.record import Record
from sandbox.server import MANNERS, Request, Response, answer_json

Json = dict[str, Any]

PREFIX = "/open/v5"
RATE_LIMIT = 1000  # calls a second shown in the headers; exceeding it is the grace phase unless `enforced`

_TYPES = {
    400: "badRequestException",
    401: "unauthorizedException",
    404: "notFoundException",
    405: "methodNotAllowedException",
    422: "unprocessableEntityException",
    429: "tooManyRequestsException",
    500: "internalServerErrorException",
}


class Refusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ChannelTalk:
    def __init__(self, keys: Json, product_url: str, record: Record, faults: Faults) -> None:
        self.access_key, self.access_secret = str(keys["access_key"]), str(keys["access_secret"])
        self.record, self.faults = record, faults
        self.chats = Chats(record)
        self.webhooks = Webhooks(self.chats, faults, record, product_url, list(keys["webhook_tokens"]))
        self.rate = Rate()

    def clear(self) -> None:
        self.webhooks.clear()
        self.chats.clear()
        self.chats.repeated_request_id = "same"
        self.rate = Rate()

    def answer(self, request: Request) -> Response | asyncio.Future[Response]:
        """One API call: the fault that is due, the work, the four rate headers, a line in the record."""
        began = time.perf_counter()
        found = re.match(rf"{PREFIX}/(?:user-chats|groups)/([^/]+)", request.path)
        chat = found.group(1) if found else ""
        rule = self.faults.for_call(request.method, request.path, chat)
        if rule is not None and rule.do == "slow":
            return asyncio.ensure_future(self._slowly(rule, request, chat, began))
        response = self._work(request) if rule is None else self._faulty(rule, request)
        self._note(request, response, chat, began, rule)
        return response

    async def _slowly(self, rule: Rule, request: Request, chat: str, began: float) -> Response:
        await asyncio.sleep(rule.seconds)
        response = self._work(request)
        self._note(request, response, chat, began, rule)
        return response

    def _note(self, request: Request, response: Response, chat: str, began: float, rule: Rule | None) -> None:
        entry = {
            "at": self.record.now(), "method": request.method, "path": request.path,
            "status": 0 if response.manner in ("drop", "reset", "hang") else response.status,
            "ms": round((time.perf_counter() - began) * 1000, 2), "chat": chat,
        }  # fmt: skip
        if rule is not None:
            entry["fault"] = rule.do
        self.record.request(entry)

    def _faulty(self, rule: Rule, request: Request) -> Response:
        response = self._work(request) if rule.stored else Response()
        headers = self.rate.headers()
        if rule.do == "429":
            return self._too_many(rule.seconds)
        if rule.do == "404":
            return refusal(404, "No such resource.", headers)
        if rule.do == "500":
            return refusal(500, "Internal server error.", headers)
        if rule.do == "html":
            page = b"<!doctype html><title>502 Bad Gateway</title><h1>502 Bad Gateway</h1>"
            return Response(rule.status, page, {"Content-Type": "text/html", **headers})
        if rule.do == "empty":
            return Response(200, b"", {"Content-Type": "application/json", **headers})
        response.manner, response.seconds = MANNERS[rule.do], rule.seconds
        return response

    def _too_many(self, seconds: float) -> Response:
        reset = str(int(time.time() + seconds) + 1)
        headers = self.rate.headers() | {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}
        return refusal(429, "Too many requests.", headers)

    def _work(self, request: Request) -> Response:
        if not self.rate.take():
            return self._too_many(self.rate.window)
        headers = self.rate.headers()
        try:
            self._check_keys(request)
            return answer_json(self._route(request), 200, headers)
        except Missing as missing:
            return refusal(404, str(missing), headers)
        except markup.Rejected as rejected:
            return refusal(422, str(rejected), headers)
        except Refusal as refused:
            return refusal(refused.status, str(refused), headers)

    def _check_keys(self, request: Request) -> None:
        given = (request.headers.get("x-access-key", ""), request.headers.get("x-access-secret", ""))
        right = (self.access_key, self.access_secret)
        if not all(hmac.compare_digest(a.encode(), b.encode()) for a, b in zip(given, right, strict=True)):
            raise Refusal(401, "Invalid access key or secret.")

    def _route(self, request: Request) -> Json:
        if not request.path.startswith(f"{PREFIX}/"):
            raise Missing("No such resource.")
        path = request.path[len(PREFIX) :]
        allowed = False
        for method, pattern, work in ROUTES:
            match = pattern.fullmatch(path)
            if match and method == request.method:
                return work(self, request, *match.groups())
            allowed = allowed or match is not None
        raise Refusal(405, "Method not allowed.") if allowed else Missing("No such resource.")

    # user chats

    def post_message(self, request: Request, chat_id: str) -> Json:
        chat = self.chats.chat(chat_id)
        body = _object(request)
        bot_name = request.query.get("botName", "")
        markup.check_message(body)
        if "botName" in request.query:
            markup.check_bot_name(bot_name)
        message, bot = self.chats.post(chat, body, bot_name)
        return {"message": message.entity, "bot": bot}

    def list_messages(self, request: Request, chat_id: str) -> Json:
        chat = self.chats.chat(chat_id)
        page = lists.cut(chat.messages, lambda message: message.n, request.query)
        bots = {message.bot: self.chats.bot(message.bot) for message in page.items if message.bot}
        return {
            **page.cursors,
            "messages": [message.entity for message in page.items],
            "bots": list(bots.values()),
        }

    def get_chat(self, request: Request, chat_id: str) -> Json:
        return self._chat_answer(self.chats.chat(chat_id))

    def list_chats(self, request: Request) -> Json:
        state = request.query.get("state", "opened")
        if state not in STATES:
            raise markup.Rejected(f"state must be one of {', '.join(STATES)}.")
        return self._chats_answer([c for c in self.chats.chats.values() if c.entity["state"] == state], request)

    def list_user_chats(self, request: Request, user: str) -> Json:
        user_id = self.chats.user(user)["id"]
        return self._chats_answer([c for c in self.chats.chats.values() if c.user_id == user_id], request)

    def _chats_answer(self, chats: list[Chat], request: Request) -> Json:
        page = lists.cut(sorted(chats, key=lambda chat: chat.changed), lambda chat: chat.changed, request.query)
        users = {chat.user_id: self.chats.users[chat.user_id] for chat in page.items}
        answer: Json = {"userChats": [chat.entity for chat in page.items], "users": list(users.values())}
        answer["messages"] = [chat.messages[-1].entity for chat in page.items if chat.messages]
        return {**answer, "managers": list(MANAGERS.values()), "sessions": [], "chatTags": [], **page.cursors}

    def _chat_answer(self, chat: Chat) -> Json:
        answer: Json = {"userChat": chat.entity, "user": self.chats.users[chat.user_id], "chatTags": []}
        if chat.messages:
            answer["message"] = chat.messages[-1].entity
        source = chat.entity.get("source", {})
        return answer | {kind: source[kind] for kind in ("supportBot", "workflow") if kind in source}

    def open_user_chat(self, request: Request, user: str) -> Json:
        chat = self.chats.new_chat(self.chats.user(user), [])
        self.chats.open(chat)
        return self._chat_answer(chat)

    def patch_chat(self, request: Request, chat_id: str) -> Json:
        chat = self.chats.chat(chat_id)
        body = _object(request)
        if set(body) - {"description"} or not isinstance(body.get("description", ""), str):
            raise markup.Rejected("Only description can be changed.")
        chat.entity |= body
        self.chats.touch(chat)
        return self._chat_answer(chat)

    def close_chat(self, request: Request, chat_id: str) -> Json:
        chat, bot = self.chats.chat(chat_id), self._acting_bot(request)
        self.chats.close(chat, "bot", bot["id"])
        return self._chat_answer(chat)

    def open_chat(self, request: Request, chat_id: str) -> Json:
        chat, bot = self.chats.chat(chat_id), self._acting_bot(request)
        if chat.entity["state"] != "opened":
            self.chats.log(chat, "open", bot["id"], "bot")
            self.chats.open(chat)
        return self._chat_answer(chat)

    def snooze_chat(self, request: Request, chat_id: str) -> Json:
        chat, bot = self.chats.chat(chat_id), self._acting_bot(request)
        seconds = lists.duration(request.query.get("duration", ""))
        if seconds is None or seconds < 60:
            raise markup.Rejected("duration must be ISO-8601 of at least 1 minute, such as PT30M.")
        chat.entity |= {"state": "snoozed", "snoozedAt": self.record.now()}
        self.chats.touch(chat)
        self.chats.log(chat, "snooze", bot["id"], "bot")
        return self._chat_answer(chat)

    def assign_chat(self, request: Request, chat_id: str, manager: str) -> Json:
        chat, bot = self.chats.chat(chat_id), self._acting_bot(request)
        self.chats.assign(chat, _manager(manager)["id"], "bot", bot["id"])
        return self._chat_answer(chat)

    def invite_managers(self, request: Request, chat_id: str) -> Json:
        chat, bot = self.chats.chat(chat_id), self._acting_bot(request)
        managers = request.repeated("managerIds")
        if not managers:
            raise markup.Rejected("managerIds is required.")
        self.chats.invite(chat, [_manager(manager)["id"] for manager in managers], "bot", bot["id"])
        return self._chat_answer(chat)

    def _acting_bot(self, request: Request) -> Json:
        if not request.query.get("botName"):
            raise markup.Rejected("botName is required.")
        markup.check_bot_name(request.query["botName"])
        return self.chats.named_bot(request.query["botName"])

    # team chats

    def post_group_message(self, request: Request, key: str, thread: str = "") -> Json:
        group, body, bot_name = self.chats.group(unquote(key)), _object(request), request.query.get("botName", "")
        markup.check_message(body, group=True)
        if "botName" in request.query:
            markup.check_bot_name(bot_name)
        message, bot = self.chats.post(group, body | self.chats.in_thread(group, thread), bot_name)
        return {"message": message.entity, "bot": bot}

    def list_group_messages(self, request: Request, key: str, thread: str = "") -> Json:
        group = self.chats.group(unquote(key))
        self.chats.in_thread(group, thread)
        listed = [one for one in group.messages if one.entity.get("rootMessageId", "") == thread]
        page = lists.cut(listed, lambda message: message.n, request.query)
        bots = {one.bot: self.chats.bot(one.bot) for one in page.items if one.bot}
        return {**page.cursors, "messages": [one.entity for one in page.items], "bots": list(bots.values())}

    def list_groups(self, request: Request) -> Json:
        return {"groups": [one.entity for one in self.chats.groups.values()]}

    def get_group(self, request: Request, key: str) -> Json:
        return {"group": self.chats.group(unquote(key)).entity}

    # people, bots, webhooks

    def get_channel(self, request: Request) -> Json:
        return {"channel": CHANNEL}

    def get_user(self, request: Request, user: str) -> Json:
        return {"user": self.chats.user(user), "online": {}}

    def patch_user(self, request: Request, user: str) -> Json:
        found = self.chats.user(user)
        self.chats.patch_user(found, lists.checked_profile(_object(request)))
        return {"user": found}

    def put_member(self, request: Request, member: str) -> Json:
        body = lists.checked_profile(_object(request))
        if not 1 <= len(member) <= 64 or " " in member:
            raise markup.Rejected("memberId must have 1 to 64 characters and no space.")
        if member not in self.chats.members:
            self.chats.new_user("", {}, [], member)
        user = self.chats.user(f"@{member}")
        self.chats.patch_user(user, body)
        return {"user": user}

    def list_managers(self, request: Request) -> Json:
        return {"managers": list(MANAGERS.values())}

    def get_manager(self, request: Request, manager: str) -> Json:
        return {"manager": _manager(manager)}

    def list_bots(self, request: Request) -> Json:
        return {"bots": list(self.chats.bots.values())}

    def post_bot(self, request: Request) -> Json:
        body = _object(request)
        name = body.get("name")
        if not isinstance(name, str):
            raise markup.Rejected("name is required.")
        markup.check_bot_name(name)
        bot = self.chats.named_bot(name)
        bot |= {key: body[key] for key in ("color", "avatarUrl") if isinstance(body.get(key), str)}
        return {"bot": bot}

    def delete_bot(self, request: Request, bot: str) -> Json:
        if bot not in self.chats.bots or bot == self.chats.default_bot["id"]:
            raise Missing("Bot not found.")
        self.chats.retired_bots[bot] = self.chats.bots.pop(bot)
        return {}

    def list_webhooks(self, request: Request) -> Json:
        hooks = [hook.entity for hook in self.webhooks.hooks.values()]
        query = dict(request.query)
        if query.get("since", "").isdecimal():
            query["since"] = f"{int(query['since']):x}"  # here, and only here, cursors are numbers
        page = lists.cut(hooks, lambda hook: int(hook["id"]), query, order="asc")
        cursors = {"next": int(page.cursors["next"], 16)} if "next" in page.cursors else {}
        return {**cursors, "webhooks": page.items}

    def get_webhook(self, request: Request, hook: str) -> Json:
        return {"webhook": self._hook(hook).entity}

    def post_webhook(self, request: Request) -> Json:
        body = _object(request)
        missing = [name for name in ("name", "url", "scopes", "apiVersion") if name not in body]
        if missing:
            raise markup.Rejected(f"{missing[0]} is required.")
        if len(self.webhooks.hooks) >= 10:
            raise markup.Rejected("At most 10 webhooks per channel.")
        self._check_hook(body, "")
        return {"webhook": self.webhooks.register(body["name"], body["url"], body["scopes"])}

    def patch_webhook(self, request: Request, hook: str) -> Json:
        found, body = self._hook(hook), _object(request)
        self._check_hook(body, hook)
        found.entity |= {name: body[name] for name in ("name", "url", "scopes", "keywords") if name in body}
        if body.get("blocked") is False:
            self.webhooks.unblock(found)
        return {"webhook": found.entity}

    def delete_webhook(self, request: Request, hook: str) -> Json:
        self._hook(hook)
        del self.webhooks.hooks[hook]
        return {}

    def _hook(self, hook: str) -> Hook:
        if hook not in self.webhooks.hooks:
            raise Missing("Webhook not found.")
        return self.webhooks.hooks[hook]

    def _check_hook(self, body: Json, own: str) -> None:
        names = {hook.entity["name"] for key, hook in self.webhooks.hooks.items() if key != own}
        lists.check_hook(body, names, SCOPES)


class Rate:
    """Calls in the present window. Not enforced unless asked: then a call too many is 429."""

    def __init__(self, limit: int = RATE_LIMIT, window: float = 1.0, enforced: bool = False) -> None:
        self.limit, self.window, self.enforced = limit, window, enforced
        self.began, self.used = time.time(), 0

    def take(self) -> bool:
        now = time.time()
        if now - self.began >= self.window:
            self.began, self.used = now, 0
        if self.enforced and self.used >= self.limit:
            return False
        self.used += 1
        return True

    def headers(self) -> dict[str, str]:
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(max(self.limit - self.used, 0)),
            "x-ratelimit-reset": str(int(self.began + self.window) + 1),
            "x-ratelimit-will-be-throttled": "true" if self.used > self.limit else "false",
        }


def refusal(status: int, message: str, headers: dict[str, str]) -> Response:
    error = {"type": _TYPES[status], "status": status, "language": "en", "errors": [{"message": message}]}
    return answer_json(error, status, headers)


def _object(request: Request) -> Json:
    try:
        body = request.json()
    except ValueError:
        raise Refusal(400, "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Refusal(400, "The body is not a JSON object.")
    return body


def _manager(manager: str) -> Json:
    if manager not in MANAGERS:
        raise Missing("Manager not found.")
    return MANAGERS[manager]


def _routes(
    *routes: tuple[str, str, Callable[..., Json]],
) -> list[tuple[str, re.Pattern[str], Callable[..., Json]]]:
    return [(method, re.compile(path.replace("*", "([^/]+)")), work) for method, path, work in routes]


ROUTES = _routes(
    ("POST", "/user-chats/*/messages", ChannelTalk.post_message),
    ("GET", "/user-chats/*/messages", ChannelTalk.list_messages),
    ("GET", "/user-chats/*", ChannelTalk.get_chat),
    ("PATCH", "/user-chats/*", ChannelTalk.patch_chat),
    ("GET", "/user-chats", ChannelTalk.list_chats),
    ("PATCH", "/user-chats/*/close", ChannelTalk.close_chat),
    ("PUT", "/user-chats/*/open", ChannelTalk.open_chat),
    ("PUT", "/user-chats/*/snooze", ChannelTalk.snooze_chat),
    ("PATCH", "/user-chats/*/assign-to/managers/*", ChannelTalk.assign_chat),
    ("PATCH", "/user-chats/*/invite", ChannelTalk.invite_managers),
    ("POST", "/groups/*/messages", ChannelTalk.post_group_message),
    ("GET", "/groups/*/messages", ChannelTalk.list_group_messages),
    ("POST", "/groups/*/threads/*/messages", ChannelTalk.post_group_message),
    ("GET", "/groups/*/threads/*/messages", ChannelTalk.list_group_messages),
    ("GET", "/groups", ChannelTalk.list_groups),
    ("GET", "/groups/*", ChannelTalk.get_group),
    ("GET", "/users/*/user-chats", ChannelTalk.list_user_chats),
    ("POST", "/users/*/user-chats", ChannelTalk.open_user_chat),
    ("GET", "/users/*", ChannelTalk.get_user),
    ("PUT", "/users/@*", ChannelTalk.put_member),
    ("PATCH", "/users/*", ChannelTalk.patch_user),
    ("GET", "/channel", ChannelTalk.get_channel),
    ("GET", "/managers", ChannelTalk.list_managers),
    ("GET", "/managers/*", ChannelTalk.get_manager),
    ("GET", "/bots", ChannelTalk.list_bots),
    ("POST", "/bots", ChannelTalk.post_bot),
    ("DELETE", "/bots/*", ChannelTalk.delete_bot),
    ("GET", "/webhooks", ChannelTalk.list_webhooks),
    ("POST", "/webhooks", ChannelTalk.post_webhook),
    ("GET", "/webhooks/*", ChannelTalk.get_webhook),
    ("PATCH", "/webhooks/*", ChannelTalk.patch_webhook),
    ("DELETE", "/webhooks/*", ChannelTalk.delete_webhook),
)
