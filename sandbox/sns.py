"""Amazon SNS as an HTTP subscriber meets it: signed messages, the handshake, and repeats.

A topic and one subscription of the product. Until it is confirmed nothing but the handshake is sent.
"""

import asyncio
import json
import secrets
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes

from sandbox.client import Client, Unreachable
from sandbox.faults import Faults
from sandbox.record import Record
from sandbox.server import Request, Response
from sandbox.signing import Signer

Json = dict[str, Any]

CHANNEL, PATH = "sns", "/hooks/sns"
REGION = "ap-northeast-2"
TOPIC = f"arn:aws:sns:{REGION}:111122223333:ops-alarms"
HOST = f"sns.{REGION}.amazonaws.com"
SIGNED: dict[str, tuple[str, ...]] = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
}
SIGNED |= dict.fromkeys(
    ("SubscriptionConfirmation", "UnsubscribeConfirmation"),
    ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
)
PATIENCE = 15.0
RETRIES, RETRY_SECONDS = 3, 20.0
XMLNS = "http://sns.amazonaws.com/doc/2010-03-31/"


@dataclass
class Subscription:
    token: str = ""
    arn: str = ""  # once it is confirmed
    raw: bool = False


class Sns:
    def __init__(self, signer: Signer, product_url: str, record: Record, faults: Faults) -> None:
        self.signer, self.url, self.record, self.faults = signer, product_url + PATH, record, faults
        self.client = Client(PATIENCE)
        self.tasks: set[asyncio.Task[Any]] = set()
        self.clear()

    def clear(self) -> None:
        for task in self.tasks:
            task.cancel()
        self.subscription = Subscription()
        self.version = "1"  # as topics have it unless somebody changes that
        self.retry_seconds = RETRY_SECONDS

    @property
    def certificate_path(self) -> str:
        return f"/SimpleNotificationService-{self.signer.kid}.pem"

    # what is fetched from us

    def answer(self, request: Request) -> Response:
        response = self._answer(request)
        entry = {
            "at": self.record.now(), "channel": CHANNEL, "method": request.method, "path": request.path,
            "status": response.status, "ms": 0.0, "chat": "",
        }  # fmt: skip
        self.record.request(entry)
        return response

    def _answer(self, request: Request) -> Response:
        if request.path == self.certificate_path and request.method == "GET":
            rule = self.faults.for_call(request.method, request.path, "", CHANNEL)
            if rule is not None:
                return Response(500 if rule.do == "500" else 404, b"out of order")
            pem = self.signer.certificate("sns.amazonaws.com")
            return Response(200, pem.encode(), {"Content-Type": "application/x-pem-file"})
        if request.query.get("Action") == "ConfirmSubscription":
            return self._confirm(request)
        return _xml(404, "<ErrorResponse/>")

    def _confirm(self, request: Request) -> Response:
        rule = self.faults.for_call(request.method, "/?Action=ConfirmSubscription", "", CHANNEL)
        if rule is not None:
            return _xml(503, "<ErrorResponse/>")
        held, query = self.subscription, request.query
        if query.get("TopicArn") != TOPIC or not held.token or query.get("Token") != held.token:
            error = "<Type>Sender</Type><Code>InvalidParameter</Code><Message>Invalid parameter: Token</Message>"
            return _xml(400, f'<ErrorResponse xmlns="{XMLNS}"><Error>{error}</Error></ErrorResponse>')
        held.arn = held.arn or f"{TOPIC}:{uuid.uuid4()}"
        self.record.next()
        self.record.wake("")
        result = f"<ConfirmSubscriptionResult><SubscriptionArn>{held.arn}</SubscriptionArn></ConfirmSubscriptionResult>"
        meta = f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
        return _xml(200, f'<ConfirmSubscriptionResponse xmlns="{XMLNS}">{result}{meta}</ConfirmSubscriptionResponse>')

    # messages

    def message(self, kind: str, words: str, subject: str = "", **more: Any) -> Json:
        made: Json = {"Type": kind, "MessageId": str(uuid.uuid4()), "TopicArn": TOPIC, "Message": words}
        made |= {"Subject": subject} if subject else {}
        if kind != "Notification":
            query = urlencode({"Action": "ConfirmSubscription", "TopicArn": TOPIC, "Token": self.subscription.token})
            made |= {"Token": self.subscription.token, "SubscribeURL": f"https://{HOST}/?{query}"}
        made |= {"Timestamp": timestamp(), "SignatureVersion": self.version}
        made |= {"SigningCertURL": f"https://{HOST}{self.certificate_path}"}
        if kind == "Notification":
            query = urlencode({"Action": "Unsubscribe", "SubscriptionArn": self.subscription.arn})
            made["UnsubscribeURL"] = f"https://{HOST}/?{query}"
        return {**made, **more}

    def signed(self, message: Json) -> Json:
        return {**message, "Signature": self.signature(message)}

    def signature(self, message: Json) -> str:
        told = [f"{k}\n{message[k]}\n" for k in SIGNED[message["Type"]] if message.get(k) is not None]
        algorithm = hashes.SHA1() if message["SignatureVersion"] == "1" else hashes.SHA256()  # noqa: S303 (theirs)
        return self.signer.signature("".join(told).encode(), algorithm)

    def headers(self, message: Json) -> dict[str, str]:
        made = {
            "x-amz-sns-message-type": message["Type"], "x-amz-sns-message-id": message["MessageId"],
            "x-amz-sns-topic-arn": message["TopicArn"], "Content-Type": "text/plain; charset=UTF-8",
            "User-Agent": "Amazon Simple Notification Service Agent",
        }  # fmt: skip
        if message["Type"] != "SubscriptionConfirmation":
            made["x-amz-sns-subscription-arn"] = self.subscription.arn
        return made

    # sending

    async def subscribe(self) -> bool:
        """The handshake, as when somebody enters the product's address in the console. True once it is confirmed."""
        self.subscription = Subscription(token=secrets.token_hex(40))
        words = (
            f"You have chosen to subscribe to the topic {TOPIC}.\n"
            "To confirm the subscription, visit the SubscribeURL included in this message."
        )
        self.later(self.deliver(self.signed(self.message("SubscriptionConfirmation", words))))
        return await self.record.wait(lambda: bool(self.subscription.arn), "", 30.0)

    async def publish(self, words: str, subject: str = "", **more: Any) -> Json:
        """Somebody publishes to the topic; it is delivered as soon as the subscription is confirmed."""
        if not self.subscription.arn:
            await self.subscribe()
        message = self.signed(self.message("Notification", words, subject, **more))
        if self.subscription.arn:
            self.later(self.deliver(message))
        return message

    async def unsubscribe(self) -> int:
        """Somebody opens the address that ends the subscription."""
        words = f"You have chosen to deactivate subscription {self.subscription.arn}."
        made = self.signed(self.message("UnsubscribeConfirmation", words))
        self.subscription.arn = ""
        return await self.post(made, self.headers(made))

    async def deliver(self, message: Json) -> int:
        """Repeated while nobody takes it; a 4xx is for good."""
        rules = {rule.do for rule in self.faults.for_webhook(message["Type"], "", "user", CHANNEL)}
        if "drop" in rules:
            return 0
        times = 2 if "double" in rules else 1
        status = 0
        for attempt in range(RETRIES + 1):
            for _ in range(times):
                status = await self.post(message, self.headers(message), attempt + 1)
            if 200 <= status < 500:
                break
            await asyncio.sleep(self.retry_seconds)
        return status

    async def post(self, message: Json | bytes, headers: dict[str, str], tries: int = 1) -> int:
        body = message if isinstance(message, bytes) else json.dumps(message, ensure_ascii=False, indent=1).encode()
        began, status, error = time.perf_counter(), 0, ""
        try:
            status = (await self.client.post(self.url, body, headers)).status
        except Unreachable as unreachable:
            error = str(unreachable)
        entry = {
            "at": self.record.now(), "channel": CHANNEL, "kind": headers.get("x-amz-sns-message-type", ""),
            "chat": "", "message": headers.get("x-amz-sns-message-id", ""), "status": status, "tries": tries,
            "ms": round((time.perf_counter() - began) * 1000, 2), "error": error, "faults": [],
        }  # fmt: skip
        self.record.webhook(entry)
        return status

    def later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


def timestamp() -> str:
    at = datetime.now(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def _xml(status: int, content: str) -> Response:
    return Response(status, content.encode(), {"Content-Type": "text/xml"})
