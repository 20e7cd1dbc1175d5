"""What happened, on its way to the bot: kept until it is acknowledged, asked for or told by a webhook.

Telegram calls public https addresses. Here such an address leads to the product under practice, whatever its name: the
name server, the port and TLS are left out, all else is as it is written down.
"""

import asyncio
import json
import random
import re
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sandbox.client import Client, Unreachable
from sandbox.faults import Faults, Rule
from sandbox.record import Record
from sandbox.telegram_chats import Refusal

Json = dict[str, Any]

KINDS = ("message", "edited_message", "channel_post", "my_chat_member", "callback_query")
PORTS = (443, 80, 88, 8443)
DAY, PRESS = 86400.0, 150.0  # seconds after which an update is given up
GIVES_UP_ON_410 = 23 * 3600.0
ANSWER_SECONDS = 60.0
CONFLICT = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)
TERMINATED = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
IGNORED_ANSWERS = ("setwebhook", "deletewebhook", "close", "logout")


@dataclass(eq=False, slots=True)
class Update:
    body: Json
    kind: str
    queue: str
    chat: str
    faults: dict[str, Rule]
    age: float = 0.0  # by the clock of the retries
    tries: int = 0

    @property
    def id(self) -> int:
        return int(self.body["update_id"])


@dataclass(slots=True)
class Webhook:
    url: str = ""
    secret: str = ""
    allowed: list[str] = field(default_factory=list)
    most: int = 40
    failed_at: int = 0
    failed_with: str = ""
    refused_for: float = 0.0  # seconds of nothing but 410


class Updates:
    def __init__(self, product_url: str, faults: Faults, record: Record) -> None:
        self.product_url, self.faults, self.record = product_url, faults, record
        self.client = Client(timeout=ANSWER_SECONDS)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.answered: Any = lambda call: None  # a method call found in the webhook's answer
        self.clear()

    def clear(self) -> None:
        for task in list(getattr(self, "tasks", {}).values()):
            task.cancel()
        self.tasks = {}
        self.waiting: list[Update] = []
        self.hook = Webhook()
        self.next_id = 700_100_200
        self.speed = 1.0  # seconds of a retry's wait that pass in one
        self.asks = 0  # getUpdates calls so far: the newest ends the others
        self.set_at = float("-inf")

    # --- coming in ---

    def tell(self, kind: str, content: Json, queue: str) -> None:
        if self.hook.allowed and kind not in self.hook.allowed:
            return
        self.next_id += 1
        chat = str(content.get("chat", content.get("message", {}).get("chat", {})).get("id", ""))
        by = str(content.get("from", {}).get("id", ""))
        rules = {rule.do: rule for rule in self.faults.for_webhook(kind, chat, by, "telegram")}
        self.waiting.append(Update({"update_id": self.next_id, kind: content}, kind, queue, chat, rules))
        self.record.wake("telegram:updates")
        self._push(queue)

    # --- asked for ---

    async def ask(self, body: Json) -> list[Json]:
        if self.hook.url:
            raise Refusal(409, CONFLICT)
        self.asks += 1
        mine = self.asks
        self.record.wake("telegram:updates")  # ends the one before
        offset, timeout = int(body.get("offset") or 0), min(float(body.get("timeout") or 0), 50.0)
        limit = min(max(int(body.get("limit") or 100), 1), 100)
        if "allowed_updates" in body:
            self.hook.allowed = _kinds(body["allowed_updates"])
        if offset > 0:
            self.waiting = [one for one in self.waiting if one.id >= offset]
        elif offset < 0:
            self.waiting = self.waiting[offset:]

        def over() -> bool:
            return bool(self.waiting) or self.asks != mine or bool(self.hook.url)

        await self.record.wait(over, "telegram:updates", max(timeout, 0.001))
        if self.asks != mine:
            raise Refusal(409, TERMINATED)
        if self.hook.url:
            raise Refusal(409, "Conflict: terminated by setWebhook request")
        found = [one for one in self.waiting[:limit] if "drop" not in one.faults]
        return [one.body for one in found for _ in range(2 if "double" in one.faults else 1)]

    # --- the webhook ---

    def set_hook(self, body: Json) -> str:
        now = time.monotonic()
        if now - self.set_at < 1.0:
            raise Refusal(429, "Too Many Requests: retry after 1", retry_after=1)
        url, secret = str(body.get("url") or ""), str(body.get("secret_token") or "")
        if url:
            _check_address(url)
        if len(secret) > 256:
            raise Refusal(400, "Bad Request: secret token is too long")
        if not re.fullmatch(r"[A-Za-z0-9_-]*", secret):
            raise Refusal(400, "Bad Request: secret token contains unallowed characters")
        self.set_at = now
        allowed = _kinds(body["allowed_updates"]) if "allowed_updates" in body else self.hook.allowed
        most = int(body.get("max_connections") or 40)
        if body.get("drop_pending_updates"):
            self.waiting = []
        same = (self.hook.url, self.hook.secret, self.hook.allowed, self.hook.most) == (url, secret, allowed, most)
        if not url:
            return self.remove_hook(body)
        if not same:
            self.hook = Webhook(url, secret, allowed, most)
        self.record.wake("telegram:updates")
        for queue in {one.queue for one in self.waiting}:
            self._push(queue)
        return "Webhook is already set" if same else "Webhook was set"

    def remove_hook(self, body: Json) -> str:
        was = bool(self.hook.url)
        if body.get("drop_pending_updates"):
            self.waiting = []
        self.hook = Webhook(allowed=self.hook.allowed)
        return "Webhook was deleted" if was else "Webhook is already deleted"

    def info(self) -> Json:
        found: Json = {
            "url": self.hook.url, "has_custom_certificate": False, "pending_update_count": len(self.waiting),
        }  # fmt: skip
        if self.hook.url:
            found |= {"max_connections": self.hook.most, "ip_address": "203.0.113.9"}
        if self.hook.failed_at:
            found |= {"last_error_date": self.hook.failed_at, "last_error_message": self.hook.failed_with}
        return found | ({"allowed_updates": self.hook.allowed} if self.hook.allowed else {})

    # --- pushing ---

    def _push(self, queue: str) -> None:
        if self.hook.url and (queue not in self.tasks or self.tasks[queue].done()):
            self.tasks[queue] = asyncio.get_running_loop().create_task(self._drain(queue))

    def _first(self, queue: str) -> Update | None:
        return next((one for one in self.waiting if one.queue == queue), None)

    async def _drain(self, queue: str) -> None:
        """One conversation's updates, each as often as it takes; the next waits for the one before."""
        while self.hook.url and (update := self._first(queue)):
            if "drop" in update.faults:
                self.waiting.remove(update)
                continue
            if "delay" in update.faults and not update.tries:
                await asyncio.sleep(update.faults["delay"].seconds)
            at_once = 2 if "concurrent" in update.faults else 1
            times = 2 if "double" in update.faults else 1
            done, pause = False, 0.0
            for _ in range(times):
                answers = await asyncio.gather(*(self._deliver(update) for _ in range(at_once)))
                done = any(fine for fine, _ in answers)
                pause = max(wait for _, wait in answers)
            update.age += pause
            expired = update.age > (PRESS if update.kind == "callback_query" else DAY)
            if (done or expired) and update in self.waiting:
                self.waiting.remove(update)
                self.record.wake("telegram:updates")
            elif pause:
                await asyncio.sleep(pause / self.speed)

    async def _deliver(self, update: Update) -> tuple[bool, float]:
        """Was it taken, and if not, when is the next attempt?"""
        began, status, error, answer = time.perf_counter(), 0, "", None
        update.tries += 1
        try:
            answer = await self.client.post(self._address(), self._body(update), self._headers(update))
            status = answer.status
        except Unreachable as unreachable:
            error = str(unreachable)
        entry = {
            "at": self.record.now(), "channel": "telegram", "kind": update.kind, "hook": "telegram",
            "chat": update.chat, "message": str(update.id), "status": status,
            "ms": round((time.perf_counter() - began) * 1000, 2), "tries": update.tries, "error": error,
            "faults": list(update.faults),
        }  # fmt: skip
        self.record.webhook(entry)
        if answer is not None and 200 <= status < 300:
            self.hook.refused_for = 0.0
            self._act_on(answer.body)
            return True, 0.0
        self.hook.failed_at = self.record.now() // 1000
        self.hook.failed_with = (
            f"Wrong response from the webhook: {status}" if status else f"Connection failed: {error}"
        )
        asked = answer.headers.get("retry-after", "") if answer is not None else ""
        pause = min(float(asked), 3600.0) if asked.isdecimal() else _backoff(update.tries)
        self.hook.refused_for = self.hook.refused_for + pause if status == 410 else 0.0
        if self.hook.refused_for > GIVES_UP_ON_410:
            self.remove_hook({})
        return False, pause

    def _address(self) -> str:
        parts = urlsplit(self.hook.url)
        return self.product_url + (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _body(self, update: Update) -> bytes:
        return json.dumps(update.body, indent=2 if "pretty" in update.faults else None).encode()

    def _headers(self, update: Update) -> dict[str, str]:
        headers = {"Accept-Encoding": "gzip, deflate"}
        if self.hook.secret and "missing_signature" not in update.faults:
            secret = "somebody-elses" if "bad_signature" in update.faults else self.hook.secret
            headers["X-Telegram-Bot-Api-Secret-Token"] = secret
        return headers

    def _act_on(self, body: bytes) -> None:
        try:
            call = json.loads(body)
        except ValueError:
            return
        method = str(call.get("method", "")).lower() if isinstance(call, dict) else ""
        if method and method not in IGNORED_ANSWERS and not method.startswith("get"):
            self.answered(call)


def _backoff(tries: int) -> float:
    """At once, then 2, 4, 8, … seconds, at most one or two minutes."""
    return 0.0 if tries == 1 else min(2.0 ** (tries - 1), random.uniform(60, 120))


def _kinds(given: object) -> list[str]:
    if not isinstance(given, list) or not all(kind in KINDS for kind in given):
        raise Refusal(400, "Bad Request: can't parse allowed updates list")
    return [str(kind) for kind in given]


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    try:
        port = parts.port or 443
    except ValueError:
        port = 0
    if not parts.hostname:
        raise Refusal(400, "Bad Request: invalid webhook URL specified")
    if parts.scheme != "https":
        raise Refusal(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
    if port not in PORTS:
        raise Refusal(400, "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
