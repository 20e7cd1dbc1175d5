"""Webex's webhooks: the resource, and deliveries signed over the exact bytes that are sent.

What the vendor does not document is chosen here: a delivery is tried once; answers other than 2xx and no answer
at all count as failures, and so many in a row as `inactive_after` says switch a webhook off until it is revived.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from sandbox.client import Client, Unreachable
from sandbox.faults import Faults, Rule
from sandbox.record import Record
from sandbox.webex_rooms import Refusal, Room, Rooms, new_id

Json = dict[str, Any]

INACTIVE_AFTER = 100
RESOURCES = {
    "messages": ("created", "updated", "deleted"),
    "attachmentActions": ("created",),
    "memberships": ("created", "updated", "deleted"),
    "rooms": ("created", "updated"),
}
FILTERS = {
    "messages": {"roomId", "roomType", "personId", "personEmail", "mentionedPeople", "hasFiles"},
    "memberships": {"roomId", "personId", "personEmail", "isModerator"},
    "attachmentActions": {"roomId", "personId", "messageId"},
    "rooms": {"type", "isLocked"},
}
UNTOLD = ("text", "html", "markdown", "attachments", "inputs", "mentionedGroups", "parentId")  # has to be fetched


@dataclass(eq=False, slots=True)
class Hook:
    entity: Json
    failures: int = 0


@dataclass(slots=True)
class Delivery:
    hook: Hook
    resource: str
    room: str
    subject: str
    body: bytes
    headers: dict[str, str]
    faults: dict[str, Rule]


@dataclass(slots=True)
class _Line:
    """The deliveries of one room that wait for their turn."""

    waiting: deque[Delivery] = field(default_factory=deque)
    held: list[Delivery] = field(default_factory=list)
    busy: bool = False


class Webhooks:
    def __init__(self, rooms: Rooms, faults: Faults, record: Record) -> None:
        self.rooms, self.faults, self.record = rooms, faults, record
        self.client = Client()
        self.tasks: set[asyncio.Task[None]] = set()
        self.app = new_id("APPLICATION")
        rooms.told = self.tell
        self.clear()

    def clear(self) -> None:
        for task in self.tasks:
            task.cancel()
        self.hooks: dict[str, Hook] = {}
        self.lines: dict[str, _Line] = {}
        self.inactive_after = INACTIVE_AFTER

    # the resource

    def make(self, body: Json) -> Json:
        for name in ("name", "targetUrl", "resource", "event"):
            if not isinstance(body.get(name), str) or not body[name]:
                raise Refusal(400, f"{name} is required.")
        if body["event"] not in RESOURCES.get(body["resource"], ()):
            raise Refusal(400, "The resource has no such event.")
        _check_address(body["targetUrl"])
        wanted = _conditions(str(body.get("filter") or ""))
        if wanted.keys() - FILTERS[body["resource"]]:
            raise Refusal(400, "The resource has no such filter.")
        kept: Json = {
            name: body[name] for name in ("name", "targetUrl", "resource", "event", "filter", "secret") if name in body
        }
        entity = {
            "id": new_id("WEBHOOK"), **kept, "status": "active", "created": self.rooms.now(), "orgId": self.rooms.org,
            "createdBy": self.rooms.me["id"], "appId": self.app, "ownedBy": "creator",
        }  # fmt: skip
        self.hooks[entity["id"]] = Hook(entity)
        return entity

    def hook(self, id: str) -> Hook:
        if id not in self.hooks:
            raise Refusal(404, "Could not find a webhook with provided ID.")
        return self.hooks[id]

    def change(self, id: str, body: Json) -> Json:
        """Name, address, secret, and back to life; all else is ignored."""
        hook = self.hook(id)
        for name in ("name", "targetUrl"):
            if not isinstance(body.get(name), str) or not body[name]:
                raise Refusal(400, f"{name} is required.")
        _check_address(body["targetUrl"])
        if body.get("status", "active") != "active":
            raise Refusal(400, "status can only be set to active.")
        hook.entity |= {name: body[name] for name in ("name", "targetUrl", "secret", "status") if name in body}
        if body.get("status") == "active":
            hook.failures = 0
        return hook.entity

    def delete(self, id: str) -> None:
        self.hook(id)
        del self.hooks[id]

    # telling

    def tell(self, resource: str, room: Room, data: Json) -> None:
        """Something happened in a room: to whom of the bot's webhooks is it told?"""
        me = self.rooms.me["id"]
        if me not in room.members or not self._is_told(resource, room, data, me):
            return
        told = {key: value for key, value in data.items() if key not in UNTOLD}
        by = "bot" if data["personId"] == me else "user"
        rules = {rule.do: rule for rule in self.faults.for_webhook(resource, room.id, by, "webex")}
        for hook in list(self.hooks.values()):
            entity = hook.entity
            fits = entity["resource"] == resource and entity["event"] == "created" and self._passes(entity, told, me)
            if fits and entity["status"] == "active":
                self._enqueue(self._delivery(hook, resource, told, rules))

    def _is_told(self, resource: str, room: Room, data: Json, me: str) -> bool:
        if resource == "attachmentActions":
            _, message = self.rooms.messages[data["messageId"]]
            return bool(message.entity["personId"] == me)
        if resource == "messages" and room.group and data["personId"] != me:
            return me in data.get("mentionedPeople", [])
        return True

    def _passes(self, hook: Json, data: Json, me: str) -> bool:
        for name, value in _conditions(hook.get("filter") or "").items():
            wanted = me if value == "me" else value
            if name == "hasFiles":
                holds = bool(data.get("files")) == (value == "true")
            elif name == "mentionedPeople":
                holds = wanted in data.get("mentionedPeople", [])
            else:
                holds = str(data.get(name, "")).lower() == wanted.lower()
            if not holds:
                return False
        return True

    def _delivery(self, hook: Hook, resource: str, data: Json, rules: dict[str, Rule]) -> Delivery:
        payload = {key: value for key, value in hook.entity.items() if key != "secret"}
        payload |= {"actorId": data["personId"], "data": data}
        if "non_ascii" in rules:
            payload["appName"] = "상담 로봇 ☕ 𝄞"
        spaces: Json = {"indent": 2} if "pretty" in rules else {"separators": (",", ":")}
        body = json.dumps(payload, ensure_ascii=False, **spaces).encode()
        headers = {"X-Spark-Signature": signature(hook.entity["secret"], body)} if hook.entity.get("secret") else {}
        if "bad_signature" in rules:
            headers = {"X-Spark-Signature": signature("somebody else's", body)}
        elif "missing_signature" in rules:
            headers = {}
        return Delivery(hook, resource, data["roomId"], data["id"], body, headers, rules)

    def _enqueue(self, delivery: Delivery) -> None:
        line = self.lines.setdefault(delivery.room, _Line())
        if "drop" in delivery.faults:
            self._note(delivery, 0, 0.0, "dropped")
            return
        if "reorder" in delivery.faults and not line.held:
            line.held.append(delivery)
            seconds = delivery.faults["reorder"].seconds
            asyncio.get_running_loop().call_later(seconds, self._release, delivery)
            return
        line.waiting.extend([delivery] * (2 if "double" in delivery.faults else 1))
        line.waiting.extend(line.held)
        line.held.clear()
        self._start(line)

    def _release(self, delivery: Delivery) -> None:
        line = self.lines.get(delivery.room)
        if line is not None and delivery in line.held:
            line.held.remove(delivery)
            line.waiting.append(delivery)
            self._start(line)

    def _start(self, line: _Line) -> None:
        if not line.busy:
            line.busy = True
            task = asyncio.get_running_loop().create_task(self._drain(line))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _drain(self, line: _Line) -> None:
        while line.waiting:
            delivery = line.waiting.popleft()
            if "delay" in delivery.faults:
                await asyncio.sleep(delivery.faults["delay"].seconds)
            at_once = 2 if "concurrent" in delivery.faults else 1
            await asyncio.gather(*(self._deliver(delivery) for _ in range(at_once)))
        line.busy = False

    async def _deliver(self, delivery: Delivery) -> None:
        hook = delivery.hook
        began, status, error = time.perf_counter(), 0, ""
        try:
            answer = await self.client.post(hook.entity["targetUrl"], delivery.body, delivery.headers)
            status = answer.status
        except Unreachable as unreachable:
            error = str(unreachable)
        hook.failures = 0 if 200 <= status < 300 else hook.failures + 1
        if hook.failures >= self.inactive_after:
            hook.entity["status"] = "inactive"
        self._note(delivery, status, (time.perf_counter() - began) * 1000, error)

    def _note(self, delivery: Delivery, status: int, ms: float, error: str) -> None:
        entry = {
            "at": self.record.now(), "channel": "webex", "kind": delivery.resource,
            "hook": delivery.hook.entity["name"], "chat": delivery.room, "message": delivery.subject,
            "status": status, "ms": round(ms, 2), "tries": 1, "error": error, "faults": list(delivery.faults),
        }  # fmt: skip
        self.record.webhook(entry)


def signature(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def _check_address(url: str) -> None:
    # The real one wants https with a trusted certificate; the product under practice listens on loopback.
    if not url.startswith(("http://", "https://")):
        raise Refusal(400, "targetUrl must be an absolute URL.")


def _conditions(filter: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in filter.split("&") if pair]
    if any(not equals or not name or not value for name, equals, value in pairs):
        raise Refusal(400, "filter must be of the form key=value&key=value.")
    return {name: value for name, _, value in pairs}
