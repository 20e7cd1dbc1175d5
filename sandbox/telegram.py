"""Telegram's Bot API, as far as the wire notes describe it. https://core.telegram.org/bots/api"""

import asyncio
import hmac
import json
import re
import time
from collections import deque
from collections.abc import Callable
from email import message_from_bytes, policy
from typing import Any
from urllib.parse import parse_qsl

from sandbox.faults import Faults, Rule
from sandbox.record import Record
from sandbox.server import MANNERS, Request, Response, answer_json
from sandbox.telegram_chats import Chats, Refusal
from sandbox.telegram_updates import Updates

Json = dict[str, Any]

CHANNEL = "telegram"
A_SECOND = 30  # messages over all chats
CHAT_BURST, GROUP_MINUTE = 3, 20  # a private chat takes one a second, a few more in a burst
COMMAND = re.compile(r"[a-z0-9_]{1,32}")
MOST_COMMANDS = 100


class Limits:
    """Of the shape that is published. `on` False: everything passes."""

    def __init__(self) -> None:
        self.on = True
        self.lately: deque[float] = deque()
        self.chats: dict[int, deque[float]] = {}

    def check(self, chat: int) -> None:
        if not self.on:
            return
        now = time.monotonic()
        mine = self.chats.setdefault(chat, deque())
        window, most = (60.0, GROUP_MINUTE) if chat < 0 else (float(CHAT_BURST), CHAT_BURST)
        for times, seconds in ((self.lately, 1.0), (mine, window)):
            while times and times[0] <= now - seconds:
                times.popleft()
        waits = [self.lately[0] + 1.0 - now] if len(self.lately) >= A_SECOND else []
        waits += [mine[0] + window - now] if len(mine) >= most else []
        if waits:
            seconds = int(max(waits)) + 1
            raise Refusal(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        self.lately.append(now)
        mine.append(now)


class Telegram:
    def __init__(self, keys: Json, product_url: str, record: Record, faults: Faults) -> None:
        self.token = str(keys["bot_token"])
        self.record, self.faults = record, faults
        bot_id = self.token.partition(":")[0]
        self.chats = Chats(record, int(bot_id) if bot_id.isdecimal() else 123456789)
        self.updates = Updates(product_url, faults, record)
        self.chats.told = self.updates.tell
        self.updates.answered = self._by_answer
        self.clear()

    def clear(self) -> None:
        self.chats.clear()
        self.updates.clear()
        self.limits = Limits()
        self.commands: dict[str, list[Json]] = {}
        self.calls: deque[Json] = deque(maxlen=20_000)

    def answer(self, request: Request) -> Response | asyncio.Future[Response]:
        """One API call: the fault that is due, the work, a line in the record. The token is in no line."""
        began = time.perf_counter()
        token, _, name = request.path.removeprefix("/bot").partition("/")
        method, body = name.lower(), _parameters(request)
        path, chat = f"/bot/{name}", str(body.get("chat_id", ""))
        rule = self.faults.for_call(request.method, path, chat, CHANNEL)

        def note(response: Response) -> None:
            entry = {
                "at": self.record.now(), "channel": CHANNEL, "method": request.method, "path": path,
                "status": 0 if response.manner in ("drop", "reset", "hang") else response.status,
                "ms": round((time.perf_counter() - began) * 1000, 2), "chat": chat,
            }  # fmt: skip
            self.record.request(entry | ({"fault": rule.do} if rule else {}))
            self.calls.append(
                {"n": self.record.n, "at": entry["at"], "method": method, "body": body, "status": response.status}
            )

        right = hmac.compare_digest(token.encode(), self.token.encode()) and bool(self.token)
        if method == "getupdates" and right and (rule is None or rule.do == "slow"):
            return asyncio.ensure_future(self._poll(body, note, rule.seconds if rule else 0.0))
        if rule is not None and rule.do == "slow":
            return asyncio.ensure_future(self._slowly(method, body, right, note, rule.seconds))
        response = self._faulty(rule, method, body, right) if rule else self._work(method, body, right)
        note(response)
        return response

    async def _slowly(
        self, method: str, body: Json, right: bool, note: Callable[[Response], None], seconds: float
    ) -> Response:
        await asyncio.sleep(seconds)
        response = self._work(method, body, right)
        note(response)
        return response

    async def _poll(self, body: Json, note: Callable[[Response], None], seconds: float) -> Response:
        await asyncio.sleep(seconds)
        try:
            response = answer_ok(await self.updates.ask(body))
        except Refusal as refused:
            response = refusal(refused)
        note(response)
        return response

    def _faulty(self, rule: Rule, method: str, body: Json, right: bool) -> Response:
        response = self._work(method, body, right) if rule.stored else Response()
        if rule.do == "429":
            seconds = max(round(rule.seconds), 1)
            return refusal(Refusal(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds))
        if rule.do == "404":
            return refusal(Refusal(404, "Not Found"))
        if rule.do == "500":
            return refusal(Refusal(500, "Internal Server Error"))
        if rule.do == "html":
            return Response(rule.status, b"<h1>502 Bad Gateway</h1>", {"Content-Type": "text/html"})
        if rule.do == "empty":
            return Response(200, b"", {"Content-Type": "application/json"})
        response.manner, response.seconds = MANNERS[rule.do], rule.seconds
        return response

    def _work(self, method: str, body: Json, right: bool) -> Response:
        try:
            if not right:
                raise Refusal(401, "Unauthorized")
            work = METHODS.get(method)
            if work is None:
                raise Refusal(404, "Not Found")
            result = work(self, body)
            return result if isinstance(result, Response) else answer_ok(result)
        except Refusal as refused:
            return refusal(refused)

    def _by_answer(self, call: Json) -> None:
        """A method in the answer to a webhook: how it ended nobody is told."""
        method = str(call.get("method", "")).lower()
        response = self._work(method, {name: value for name, value in call.items() if name != "method"}, True)
        self.calls.append({"n": self.record.n, "method": method, "body": call, "status": response.status})

    # methods

    def get_me(self, body: Json) -> Json:
        privacy = self.chats.privacy
        rights = {"can_join_groups": True, "can_read_all_group_messages": not privacy}
        return {**self.chats.me, **rights, "supports_inline_queries": False}

    def get_chat(self, body: Json) -> Json:
        return self.chats.chat(body.get("chat_id")).entity

    def send_message(self, body: Json) -> Json:
        self.limits.check(self.chats.chat(body.get("chat_id")).id)
        return self.chats.post(body)

    def send_photo(self, body: Json) -> Json:
        self.limits.check(self.chats.chat(body.get("chat_id")).id)
        return self.chats.post(body, photo=True)

    def answer_press(self, body: Json) -> bool:
        text = str(body.get("text") or "")
        if len(text) > 200:
            raise Refusal(400, "Bad Request: MESSAGE_TOO_LONG")
        self.chats.answer_press(str(body.get("callback_query_id", "")), text)
        return True

    def set_webhook(self, body: Json) -> Response:
        return answer_ok(True, self.updates.set_hook(body))

    def delete_webhook(self, body: Json) -> Response:
        return answer_ok(True, self.updates.remove_hook(body))

    def get_webhook_info(self, body: Json) -> Json:
        return self.updates.info()

    def set_my_commands(self, body: Json) -> bool:
        commands = body.get("commands")
        if not isinstance(commands, list) or len(commands) > MOST_COMMANDS:
            raise Refusal(400, "Bad Request: can't parse commands: expected an Array of BotCommand")
        for one in commands:
            if not COMMAND.fullmatch(str(one.get("command", ""))):
                raise Refusal(400, "Bad Request: BOT_COMMAND_INVALID")
            if not 1 <= len(str(one.get("description", ""))) <= 256:
                raise Refusal(400, "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID")
        self.commands[str(body.get("language_code") or "")] = commands
        return True

    def get_my_commands(self, body: Json) -> list[Json]:
        return self.commands.get(str(body.get("language_code") or ""), [])


METHODS: dict[str, Callable[[Telegram, Json], Any]] = {
    "getme": Telegram.get_me,
    "getchat": Telegram.get_chat,
    "sendmessage": Telegram.send_message,
    "sendphoto": Telegram.send_photo,
    "answercallbackquery": Telegram.answer_press,
    "setwebhook": Telegram.set_webhook,
    "deletewebhook": Telegram.delete_webhook,
    "getwebhookinfo": Telegram.get_webhook_info,
    "setmycommands": Telegram.set_my_commands,
    "getmycommands": Telegram.get_my_commands,
}


def answer_ok(result: Any, description: str = "") -> Response:
    told = {"ok": True, "result": result, **({"description": description} if description else {})}
    return Response(200, json.dumps(told).encode(), {"Content-Type": "application/json"})


def refusal(refused: Refusal) -> Response:
    told: Json = {"ok": False, "error_code": refused.code, "description": refused.description}
    if refused.parameters:
        told["parameters"] = refused.parameters
    wait = refused.parameters.get("retry_after")
    return answer_json(told, refused.code, {"Retry-After": str(wait)} if wait else {})


def _parameters(request: Request) -> Json:
    """From the address, and from a body of any of the three kinds. In forms what is nested is JSON text."""
    kind, body = request.headers.get("content-type", ""), dict[str, Any](request.query)
    if kind.startswith("application/json"):
        try:
            given = request.json() if request.body else {}
        except ValueError:
            given = {}
        return {**body, **(given if isinstance(given, dict) else {})}
    if kind.startswith("application/x-www-form-urlencoded"):
        body |= dict(parse_qsl(request.body.decode("utf8", "replace"), keep_blank_values=True))
    elif kind.startswith("multipart/form-data"):
        whole = message_from_bytes(
            b"Content-Type: " + kind.encode("latin1") + b"\r\n\r\n" + request.body, policy=policy.default
        )
        for part in whole.iter_parts():
            name = part.get_param("name", header="content-disposition")
            body[str(name)] = (part.get_payload(decode=True) or b"").decode("utf8", "replace")  # type: ignore[union-attr]
    return {name: _nested(value) for name, value in body.items()}


def _nested(value: str) -> Any:
    if value[:1] in ("{", "[") or value in ("true", "false"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
