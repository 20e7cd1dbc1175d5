"""What Google Chat tells an app over HTTP: events in both forms, each with its token, and what the answer does."""

import asyncio
import json
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from sandbox.client import Client, Unreachable
from sandbox.faults import Faults
from sandbox.google_chat_spaces import APP, APP_NAME, Json, Message, Refusal, Space, Spaces
from sandbox.record import Record
from sandbox.signing import Signer

CHAT = "chat@system.gserviceaccount.com"
CHANNEL = "google_chat"
PATH = "/hooks/google_chat"
PATIENCE = 30.0  # that the app has to answer
TRIES, TRY_AGAIN = 3, 1.0  # after a failure; Google's own count and pauses are not documented
PAYLOADS = {
    "MESSAGE": "messagePayload",
    "ADDED_TO_SPACE": "addedToSpacePayload",
    "REMOVED_FROM_SPACE": "removedFromSpacePayload",
    "APP_COMMAND": "appCommandPayload",
    "CARD_CLICKED": "buttonClickedPayload",
}
FORMS, AUDIENCES = ("classic", "addon"), ("number", "url")


@dataclass(slots=True)
class _Line:
    waiting: deque[Json] = field(default_factory=deque)
    busy: bool = False


class Events:
    def __init__(self, spaces: Spaces, keys: Json, signer: Signer, product_url: str, record: Record, faults: Faults):
        self.spaces, self.signer, self.record, self.faults = spaces, signer, record, faults
        self.project = str(keys.get("project_number") or "123456789012")
        self.url = product_url + PATH
        self.client = Client(PATIENCE)
        self.tasks: set[asyncio.Task[None]] = set()
        self.clear()

    def clear(self) -> None:
        for task in self.tasks:
            task.cancel()
        self.lines: dict[str, _Line] = {}
        self.form, self.audience = "classic", "url"
        self.broken: list[Json] = []  # answers that Google would show as "not responding"

    # tokens

    def claims(self) -> Json:
        """As the app is configured: by its project's number, by its address, or as an add-on."""
        now = int(time.time())
        ends = {"iat": now, "exp": now + 3600}
        if self.form == "addon":
            email = f"service-{self.project}@gcp-sa-gsuiteaddons.iam.gserviceaccount.com"
            who = {"iss": "https://accounts.google.com", "aud": self.url, "email": email, "email_verified": True}
            return ends | who
        if self.audience == "number":
            return ends | {"iss": CHAT, "aud": self.project}
        return ends | {"iss": "https://accounts.google.com", "aud": self.url, "email": CHAT, "email_verified": True}

    # events

    def tell(self, kind: str, space: Space, person: Json, **more: Any) -> None:
        """Something happened; the app is told of one space's events one after the other."""
        shown = {"message": more["message"].entity} if more.get("message") else {}
        event = self._addon(kind, space, person, shown, more) if self.form == "addon" else None
        event = event or self._classic(kind, space, person, shown, more)
        line = self.lines.setdefault(space.name, _Line())
        rules = {rule.do: rule for rule in self.faults.for_webhook(kind, space.name, "user", CHANNEL)}
        if "drop" in rules:
            return
        told = {"kind": kind, "space": space, "body": event, "faults": rules, "clicked": more.get("clicked")}
        line.waiting.extend([told] * (2 if "double" in rules else 1))
        if not line.busy:
            line.busy = True
            task = asyncio.get_running_loop().create_task(self._drain(line))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def _classic(self, kind: str, space: Space, person: Json, shown: Json, more: Json) -> Json:
        event: Json = {"type": kind, "eventTime": self.spaces.now(), "space": space.entity, "user": person, **shown}
        if kind == "ADDED_TO_SPACE":
            event["configCompleteRedirectUrl"] = "https://chat.google.com/api/bot_config_complete?token=capability"
        if kind == "APP_COMMAND":
            event["appCommandMetadata"] = {"appCommandId": more["command"], "appCommandType": "QUICK_COMMAND"}
        if kind == "CARD_CLICKED":
            action = more["action"]
            pairs = {one["key"]: one["value"] for one in action.get("parameters") or []}
            event["action"] = {
                "actionMethodName": action["function"], "parameters": list(action.get("parameters") or [])
            }  # fmt: skip
            event["common"] = {"invokedFunction": action["function"], "parameters": pairs, "hostApp": "CHAT"}
        return event

    def _addon(self, kind: str, space: Space, person: Json, shown: Json, more: Json) -> Json:
        payload: Json = {"space": space.entity, **({} if kind == "ADDED_TO_SPACE" else shown)}
        common: Json = {"hostApp": "CHAT", "platform": "WEB", "userLocale": "ko", "parameters": {}, "formInputs": {}}
        if kind == "APP_COMMAND":
            payload["appCommandMetadata"] = {"appCommandId": more["command"], "appCommandType": "QUICK_COMMAND"}
        if kind == "CARD_CLICKED":
            common["parameters"] = {one["key"]: one["value"] for one in more["action"].get("parameters") or []}
        chat = {"user": person, "eventTime": self.spaces.now(), PAYLOADS[kind]: payload}
        tokens = {"userIdToken": "not.for.logs", "systemIdToken": "not.for.logs"}
        return {"commonEventObject": common, "authorizationEventObject": tokens, "chat": chat}

    async def _drain(self, line: _Line) -> None:
        while line.waiting:
            await self._deliver(line.waiting.popleft())
        line.busy = False

    async def _deliver(self, told: Json) -> None:
        body = json.dumps(told["body"], ensure_ascii=False).encode()
        signer = Signer() if "bad_signature" in told["faults"] else self.signer
        for attempt in range(1, TRIES + 1):
            header = {} if "missing_signature" in told["faults"] else {"Authorization": self._bearer(signer)}
            began, status, answer, error = time.perf_counter(), 0, b"", ""
            try:
                found = await self.client.post(self.url, body, header)
                status, answer = found.status, found.body
            except Unreachable as unreachable:
                error = str(unreachable)
            entry = {
                "at": self.record.now(), "channel": CHANNEL, "kind": told["kind"], "chat": told["space"].name,
                "status": status, "ms": round((time.perf_counter() - began) * 1000, 2), "tries": attempt,
                "error": error, "faults": list(told["faults"]),
            }  # fmt: skip
            self.record.webhook(entry)
            if 200 <= status < 300:
                self._take(told, answer)
                return
            await asyncio.sleep(TRY_AGAIN)

    def _bearer(self, signer: Signer) -> str:
        # Somebody else's key under Google's name.
        return f"Bearer {signer.token(self.claims(), {'kid': self.signer.kid})}"

    # answers

    def _take(self, told: Json, answer: bytes) -> None:
        """Do what the app answered; what it may not answer is shown to people as an error."""
        try:
            said = json.loads(answer)
            if not isinstance(said, dict):
                raise ValueError("not an object")
            if self.form == "addon":
                self._take_addon(told, said)
            else:
                self._take_classic(told, said)
        except (ValueError, KeyError, TypeError, Refusal) as error:
            self.broken.append({"kind": told["kind"], "space": told["space"].name, "why": str(error)})
            self.spaces.touch(told["space"])

    def _take_classic(self, told: Json, said: Json) -> None:
        clicked: Message | None = told["clicked"]
        content: Json = {name: said[name] for name in ("text", "cardsV2") if name in said}
        if not said and clicked is None:
            return
        if said.keys() - {"text", "cardsV2", "thread", "actionResponse"}:
            raise ValueError("not a Message")
        if clicked is None:
            self._say(told["space"], content)
            return
        # Whether {} after a click is shown as an error is reported either way: here it is one.
        if (said.get("actionResponse") or {}).get("type") == "UPDATE_MESSAGE":
            self.spaces.update(told["space"], clicked, content)
        elif content:
            self._say(told["space"], content)
        else:
            raise ValueError("a click was answered with nothing")

    def _take_addon(self, told: Json, said: Json) -> None:
        if not said:
            return
        action = said["hostAppDataAction"]["chatDataAction"]
        if "updateMessageAction" in action and told["clicked"] is not None:
            self.spaces.update(told["space"], told["clicked"], action["updateMessageAction"]["message"])
        else:
            self._say(told["space"], action["createMessageAction"]["message"])

    def _say(self, space: Space, content: Json) -> None:
        self.spaces.post(space, {"name": APP, "displayName": APP_NAME, "type": "BOT"}, content)
