"""ChannelTalk's webhooks: registered addresses, and deliveries that keep each chat's order.

What the vendor does not document is chosen here: a try that gets 5xx or no answer is repeated after 1, 2 and
4 seconds, 4xx is final, and the chat's later deliveries wait meanwhile. Answered 4xx and 5xx count towards
the 100 failures in a row that block a webhook; connections that fail do not.
"""

import asyncio
import copy
import json
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox import channeltalk_markup as markup
from sandbox.channeltalk_chats import CHANNEL_ID, MANAGERS, Chat, Chats
from sandbox.client import Answer, Client, Unreachable
from sandbox.faults import Faults, Rule
from sandbox.record import Record

Json = dict[str, Any]

SCOPES = (
    "userChat.opened", "message.created.userChat", "message.created.teamChat", "lead.upserted.contact",
    "member.upserted.contact", "lead.upserted.subscription", "member.upserted.subscription", "lead.deleted",
    "member.deleted",
)  # fmt: skip
AT_ONCE = 16
RETRIES = (1.0, 2.0, 4.0)
BLOCKED_AFTER = 100


@dataclass(slots=True)
class Hook:
    entity: Json
    failures: int = 0

    @property
    def address(self) -> str:
        return f"{self.entity['url']}{'&' if '?' in self.entity['url'] else '?'}token={self.entity['token']}"


@dataclass(slots=True)
class Delivery:
    hook: Hook
    kind: str
    chat: str
    message: str
    payload: bytes
    faults: list[str]
    at_once: int = 1
    delay: float = 0.0


@dataclass(slots=True)
class _Line:
    """The deliveries of one chat that wait for their turn."""

    waiting: deque[Delivery] = field(default_factory=deque)
    held: list[Delivery] = field(default_factory=list)
    busy: bool = False


class Webhooks:
    def __init__(self, chats: Chats, faults: Faults, record: Record, product_url: str, tokens: list[str]) -> None:
        self.chats, self.faults, self.record = chats, faults, record
        self.product_url, self.tokens = product_url, tokens
        self.client = Client()
        self.at_once = asyncio.Semaphore(AT_ONCE)
        self.tasks: set[asyncio.Task[None]] = set()
        chats.told = self.tell
        self.clear()

    def clear(self) -> None:
        """Back to the two webhooks of the start; whatever waits is forgotten."""
        for task in self.tasks:
            task.cancel()
        self.lines: dict[str, _Line] = {}
        self.hooks: dict[str, Hook] = {}
        opened, message = f"{self.product_url}/open_userchat", f"{self.product_url}/in_userchat"
        self.register("opened", opened, ["userChat.opened"], self.tokens[0])
        scopes = ["message.created.userChat", "message.created.teamChat"]
        self.register("messages", message, scopes, self.tokens[-1])

    def register(self, name: str, url: str, scopes: list[str], token: str = "") -> Json:
        entity: Json = {
            "id": str(9001 + len(self.hooks)), "channelId": CHANNEL_ID, "name": name, "url": url,
            "token": token or secrets.token_hex(16), "createdAt": self.record.now(), "scopes": scopes,
            "keywords": [], "apiVersion": "v5", "blocked": False,
        }  # fmt: skip
        while entity["id"] in self.hooks:
            entity["id"] = str(int(entity["id"]) + 1)
        self.hooks[entity["id"]] = Hook(entity)
        return entity

    def unblock(self, hook: Hook) -> None:
        hook.failures = 0
        hook.entity["blocked"] = False

    def tell(self, kind: str, chat: Chat, entity: Json) -> None:
        """Something happened that ChannelTalk has webhooks for."""
        scope = {"opened": "userChat.opened", "message": "message.created.userChat"}.get(kind, "")
        scope = "message.created.teamChat" if entity.get("chatType") == "group" else scope
        scope = scope or f"{entity['type']}.upserted.contact"
        listening = [hook for hook in self.hooks.values() if scope in hook.entity["scopes"]]
        if not listening:
            return
        person = entity.get("personType", "")
        rules = self.faults.for_webhook(kind, chat.id, person)
        payload = self._payload(kind, chat, entity)
        if rules:
            payload = _changed(copy.deepcopy(payload), rules)
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        message = entity["id"] if kind == "message" else ""
        for hook in listening:
            if not hook.entity["blocked"]:
                delivery = Delivery(hook, kind, chat.id, message, body, [rule.do for rule in rules])
                self._enqueue(delivery, {rule.do: rule for rule in rules})

    def _payload(self, kind: str, chat: Chat, entity: Json) -> Json:
        user = self.chats.users.get(chat.user_id)
        if kind == "user":
            return {"event": "upsert", "type": "user", "entity": entity, "refers": {}}
        refers: Json = {}
        if kind == "opened":
            if chat.messages:
                refers["message"] = chat.messages[-1].entity
            return {"event": "push", "type": "userChat", "entity": entity, "refers": {**refers, "user": user}}
        person = entity["personType"]
        if person == "user":
            refers["user"] = user
        elif person == "manager":
            refers["manager"] = MANAGERS.get(entity["personId"], {})
        else:
            refers["bot"] = self.chats.bot(entity["personId"])
        refers["group" if entity["chatType"] == "group" else "userChat"] = chat.entity
        return {"event": "push", "type": "message", "entity": entity, "refers": refers}

    # the line of a chat

    def _enqueue(self, delivery: Delivery, rules: dict[str, Rule]) -> None:
        line = self.lines.setdefault(delivery.chat, _Line())
        if "drop" in rules:
            self._note(delivery, 0, 0, 0, "dropped")
            return
        if "delay" in rules:
            delivery.delay = rules["delay"].seconds
        if "concurrent" in rules:
            delivery.at_once = 2
        if "reorder" in rules and not line.held:
            line.held.append(delivery)
            asyncio.get_running_loop().call_later(rules["reorder"].seconds, self._release, delivery.chat, delivery)
            return
        line.waiting.append(delivery)
        if "double" in rules:
            line.waiting.append(delivery)
        line.waiting.extend(line.held)
        line.held.clear()
        self._start(delivery.chat, line)

    def _release(self, chat: str, delivery: Delivery) -> None:
        line = self.lines.get(chat)
        if line is not None and delivery in line.held:
            line.held.remove(delivery)
            line.waiting.append(delivery)
            self._start(chat, line)

    def _start(self, chat: str, line: _Line) -> None:
        if not line.busy:
            line.busy = True
            task = asyncio.get_running_loop().create_task(self._drain(chat, line))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _drain(self, chat: str, line: _Line) -> None:
        while line.waiting:
            delivery = line.waiting.popleft()
            if delivery.delay:
                await asyncio.sleep(delivery.delay)
            await asyncio.gather(*(self._deliver(delivery) for _ in range(delivery.at_once)))
        line.busy = False
        if not line.held and self.lines.get(chat) is line:
            del self.lines[chat]

    # one delivery

    async def _deliver(self, delivery: Delivery) -> None:
        for tries, pause in enumerate((*RETRIES, None), start=1):
            if delivery.hook.entity["blocked"]:
                self._note(delivery, 0, 0, tries - 1, "blocked")
                return
            started = time.perf_counter()
            status, error = await self._try(delivery)
            ms = (time.perf_counter() - started) * 1000
            if pause is None or not (status >= 500 or error):
                self._note(delivery, status, ms, tries, error)
                return
            await asyncio.sleep(pause)

    async def _try(self, delivery: Delivery) -> tuple[int, str]:
        async with self.at_once:
            try:
                answer = await self.client.post(delivery.hook.address, delivery.payload)
            except Unreachable as error:
                return 0, str(error)
        self._count(delivery.hook, answer.status)
        if answer.status < 400 and answer.headers.get("x-quick-reply", "").lower() == "true":
            self._quick_reply(delivery, answer)
        return answer.status, ""

    def _count(self, hook: Hook, status: int) -> None:
        hook.failures = hook.failures + 1 if status >= 400 else 0
        if hook.failures >= BLOCKED_AFTER and not hook.entity["blocked"]:
            hook.entity |= {"blocked": True, "lastBlockedAt": self.record.now()}

    def _quick_reply(self, delivery: Delivery, answer: Answer) -> None:
        """Stores the answered message. A refused one is only noted: the real platform tells nobody either."""
        bot_name = answer.headers.get("x-bot-name", "")
        try:
            body = json.loads(answer.body)
            markup.check_message(body)
            if bot_name:
                markup.check_bot_name(bot_name)
        except (ValueError, RecursionError, markup.Rejected) as refused:
            self._note(delivery, answer.status, 0, 0, f"quick reply refused: {refused}")
        else:
            self.chats.post(self.chats.chat(delivery.chat), body, bot_name)

    def _note(self, delivery: Delivery, status: int, ms: float, tries: int, error: str) -> None:
        entry = {
            "at": self.record.now(), "kind": delivery.kind, "hook": delivery.hook.entity["name"],
            "chat": delivery.chat, "message": delivery.message, "status": status, "ms": round(ms, 2),
            "tries": tries, "error": error, "faults": delivery.faults,
        }  # fmt: skip
        self.record.webhook(entry)


def _changed(payload: Json, rules: list[Rule]) -> Json:
    for rule in rules:
        if rule.do in _CHANGES:
            _CHANGES[rule.do](payload)
    return payload


def _capitalise(payload: Json) -> None:
    payload["type"] = payload["type"][0].upper() + payload["type"][1:]


def _without_refers(payload: Json) -> None:
    payload.pop("refers", None)


def _numbers_as_text(payload: Json) -> None:
    profile = payload.get("refers", {}).get("user", {}).get("profile", {})
    for name, value in profile.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            profile[name] = str(value)


def _as_workflow(payload: Json) -> None:
    for holder in (payload["entity"], payload.get("refers", {}).get("userChat", {})):
        bot = holder.get("source", {}).pop("supportBot", None)
        if bot is not None:
            holder["source"]["workflow"] = {
                "id": bot["id"],
                "revisionId": bot["revisionId"],
                "traceId": "t-1",
            }


_CHANGES: dict[str, Callable[[Json], None]] = {
    "capitalise": _capitalise,
    "missing_refers": _without_refers,
    "strings": _numbers_as_text,
    "workflow": _as_workflow,
}
