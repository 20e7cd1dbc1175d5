"""/sandbox/sns/…: what happens in AWS, for the page, tests and benches.

GET  state                {"topic", "confirmed", "subscription", "version", "retry_seconds"}
POST subscribe            the handshake; answers once it is confirmed
POST unsubscribe          somebody opens the address that ends the subscription
POST alarm                {"name", "state": "ALARM"|"OK"|"INSUFFICIENT_DATA", "form": "metric"|"math"|"anomaly"|
                          "composite"|"eventbridge"|"custom"|"text", "at": ISO, "with": {parts of the alarm}}
POST publish              {"message", "subject", "with": {parts of the envelope}}
POST storm                {"count", "seconds", "name"}: so many alarms, evenly
POST send                 {"type", "message", "with": {before signing}, "after": {after signing}, "headers": {…}}: one
                          message by hand, whether confirmed or not; null takes a part away. Answers {"status", "id"}
POST sign                 {"message": {…}}: {"signature", "url"}
POST settings             {"version": "1"|"2", "retry_seconds": s}
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from sandbox.server import Request, Response, answer_json
from sandbox.sns import HOST, SIGNED, TOPIC, Json, Sns
from sandbox.sns_alarms import FORMS, STATES, published


class Wrong(Exception):
    """The request cannot be understood: 400 with this text."""


class SnsControl:
    def __init__(self, sns: Sns) -> None:
        self.sns = sns

    def answer(self, request: Request) -> Response | Awaitable[Response]:
        path = request.path.removeprefix("/sandbox/sns/")
        work = ROUTES.get((request.method, path))
        if work is None:
            return answer_json({"error": f"{path}: no such control; sandbox/sns_control.py lists them"}, 404)
        return self._answer(work, request)

    async def _answer(self, work: Callable[..., Any], request: Request) -> Response:
        try:
            return answer_json(await work(self, _object(request)))
        except (Wrong, ValueError) as wrong:
            return answer_json({"error": str(wrong)}, 400)

    async def state(self, body: Json) -> Json:
        held = self.sns.subscription
        shown = {"topic": TOPIC, "confirmed": bool(held.arn), "subscription": held.arn}
        return {**shown, "version": self.sns.version, "retry_seconds": self.sns.retry_seconds}

    async def subscribe(self, body: Json) -> Json:
        await self.sns.subscribe()
        return await self.state(body)

    async def unsubscribe(self, body: Json) -> Json:
        return {"status": await self.sns.unsubscribe()}

    async def alarm(self, body: Json) -> Json:
        form, state = _text(body, "form", "metric"), _text(body, "state", "ALARM")
        if form not in FORMS or state not in STATES:
            raise Wrong(f'"form" is one of {", ".join(FORMS)}; "state" one of {", ".join(STATES)}')
        at = datetime.fromisoformat(_text(body, "at")) if body.get("at") else None
        subject, words = published(form, _text(body, "name"), state, at, **(body.get("with") or {}))
        return {"id": (await self.sns.publish(words, subject))["MessageId"]}

    async def publish(self, body: Json) -> Json:
        made = await self.sns.publish(_text(body, "message"), _text(body, "subject", ""), **(body.get("with") or {}))
        return {"id": made["MessageId"]}

    async def storm(self, body: Json) -> Json:
        count, seconds, name = int(body.get("count", 10)), float(body.get("seconds", 1)), _text(body, "name", "storm")
        if not 1 <= count <= 2000 or not 0 <= seconds <= 600:
            raise Wrong('"count" is from 1 to 2000, "seconds" from 0 to 600')
        if not self.sns.subscription.arn:
            await self.sns.subscribe()
        self.sns.later(self._storm(count, seconds, name))
        return {"count": count}

    async def _storm(self, count: int, seconds: float, name: str) -> None:
        for number in range(count):
            subject, words = published("metric", f"{name}-{number:03}", "ALARM")
            await self.sns.publish(words, subject)
            await asyncio.sleep(seconds / count)

    async def send(self, body: Json) -> Json:
        kind = _text(body, "type", "Notification")
        if kind not in SIGNED:
            raise Wrong(f'"type" is one of {", ".join(SIGNED)}')
        made = self.sns.message(kind, _text(body, "message", "안녕"), **(body.get("with") or {}))
        made = self.sns.signed({name: value for name, value in made.items() if value is not None})
        headers = self.sns.headers(made) | (body.get("headers") or {})
        made |= body.get("after") or {}
        made = {name: value for name, value in made.items() if value is not None}
        return {"status": await self.sns.post(made, headers), "id": made.get("MessageId", "")}

    async def sign(self, body: Json) -> Json:
        message = body.get("message")
        if not isinstance(message, dict) or message.get("Type") not in SIGNED:
            raise Wrong('"message" must be a message of SNS')
        return {"signature": self.sns.signature(message), "url": f"https://{HOST}{self.sns.certificate_path}"}

    async def settings(self, body: Json) -> Json:
        version = _text(body, "version", self.sns.version)
        seconds = body.get("retry_seconds", self.sns.retry_seconds)
        if version not in ("1", "2") or isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise Wrong('"version" is 1 or 2, "retry_seconds" a number')
        self.sns.version, self.sns.retry_seconds = version, float(seconds)
        return await self.state(body)


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


ROUTES: dict[tuple[str, str], Callable[..., Any]] = {
    ("GET", "state"): SnsControl.state,
    ("POST", "subscribe"): SnsControl.subscribe,
    ("POST", "unsubscribe"): SnsControl.unsubscribe,
    ("POST", "alarm"): SnsControl.alarm,
    ("POST", "publish"): SnsControl.publish,
    ("POST", "storm"): SnsControl.storm,
    ("POST", "send"): SnsControl.send,
    ("POST", "sign"): SnsControl.sign,
    ("POST", "settings"): SnsControl.settings,
}
