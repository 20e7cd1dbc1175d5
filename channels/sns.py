"""Amazon SNS, which only tells. https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html

It has to be parsed to be proven: the signature stands in the body and covers some of its fields.
"""

import base64
import binascii
import re
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from channels import http, sns_certificates
from channels.contract import Call, Finding, Inbound, Keys, Malformed, Refused, SendError, read_json

KEYS = ("topic_arns", "base_url")

KINDS = {
    "Notification": "notification",
    "SubscriptionConfirmation": "confirmation",
    "UnsubscribeConfirmation": "unsubscribed",
}
NEEDED = ("Message", "MessageId", "Timestamp", "TopicArn", "Type", "Signature", "SigningCertURL", "SignatureVersion")
NEEDED_TO_CONFIRM = ("SubscribeURL", "Token")
SIGNED = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
# AWS's own JavaScript validator leaves Token out for UnsubscribeConfirmation; the guide and the PHP one do not.
SIGNED_TO_CONFIRM = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
HASHES: Mapping[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 (theirs)
LONGEST_MESSAGE = 262_144  # bytes
OLDEST_SECONDS, AHEAD_SECONDS = 2 * 3600, 300  # SNS retries for an hour at most
CONFIRM_SECONDS = 5.0
LONGEST_NAME = 350  # characters of an alarm's ARN
_SUBSCRIPTION = re.compile(rb"<SubscriptionArn>\s*(arn:[^<\s]+)\s*</SubscriptionArn>")
_CODE = re.compile(rb"<Code>([\w.]{1,80})</Code>")


def configured(keys: Keys) -> bool:
    return bool(topics(keys))


def topics(keys: Keys) -> list[str]:
    """Whose messages are believed: a signature proves no more than that somebody's topic sent it."""
    return [one.strip() for one in keys.get("topic_arns", "").split(",") if one.strip()]


def read(body: bytes) -> dict[str, Any]:
    return read_json(body, longest=LONGEST_MESSAGE)


def verify(keys: Keys, call: Call) -> None:
    if not configured(keys):
        raise Refused("no keys")
    if call.headers.get("x-amz-sns-rawdelivery", "").strip().lower() == "true":
        raise Refused("raw delivery has no signature")
    message = read(call.body)
    _check_form(message, call.headers.get("x-amz-sns-message-type", ""))
    if message["TopicArn"] not in topics(keys):
        raise Refused("the topic is not listed")
    _check_signature(keys, message)
    if not _is_fresh(message["Timestamp"]):
        raise Refused("too old, or of the future")


def _check_form(message: Mapping[str, Any], header: str) -> None:
    kind = message.get("Type")
    if not isinstance(kind, str) or kind not in KINDS:
        raise Refused("of no known type")
    if header and header != kind:  # headers are not signed: what they say must not lead elsewhere
        raise Refused("the header names another type")
    needed = NEEDED if kind == "Notification" else NEEDED + NEEDED_TO_CONFIRM
    if not all(isinstance(message.get(name), str) for name in needed):
        raise Refused("a field is missing")
    if not isinstance(message.get("Subject"), str | None) or not message["MessageId"]:
        raise Refused("a field is no text")


def _check_signature(keys: Keys, message: Mapping[str, Any]) -> None:
    region, algorithm = region_of(message["TopicArn"]), HASHES.get(message["SignatureVersion"])
    if algorithm is None:
        raise Refused("unknown signature version")
    # Outside the try: a certificate out of reach is our trouble, and SNS may come again.
    key = sns_certificates.public_key(keys.get("base_url", ""), message["SigningCertURL"], region)
    try:
        signature = base64.b64decode(message["Signature"], validate=True)
        key.verify(signature, canonical(message), padding.PKCS1v15(), algorithm)
    except (InvalidSignature, binascii.Error, ValueError):
        raise Refused("the signature differs") from None


def canonical(message: Mapping[str, Any]) -> bytes:
    fields = SIGNED if message["Type"] == "Notification" else SIGNED_TO_CONFIRM
    told = [f"{name}\n{message[name]}\n" for name in fields if message.get(name) is not None]
    return "".join(told).encode("utf8", "replace")


def region_of(arn: str) -> str:
    parts = arn.split(":")
    return parts[3] if len(parts) > 3 else ""


def _is_fresh(timestamp: str) -> bool:
    try:
        at = datetime.fromisoformat(timestamp)
    except ValueError:
        return False
    return at.tzinfo is not None and -AHEAD_SECONDS <= time.time() - at.timestamp() <= OLDEST_SECONDS


def parse(call: Call) -> list[Inbound]:
    """Known again by the message's id, which stays the same when SNS repeats it. The states of one alarm are heard in
    the order in which they came; nothing else has to wait for another. Who reads it finds the rest in the payload."""
    message = read(call.body)
    kind, id, topic = message.get("Type"), message.get("MessageId"), message.get("TopicArn")
    if not isinstance(kind, str) or not isinstance(id, str) or not isinstance(topic, str) or not id:
        raise Malformed("no message with an id")
    line = _alarm_of(message) if kind == "Notification" else ""
    return [Inbound(id=id, kind=KINDS[kind], chat=line, person=topic)] if kind in KINDS else []


def _alarm_of(message: Mapping[str, Any]) -> str:
    """Which alarm it is about, where it says so; the rest is for who reads it."""
    try:
        told = read(str(message.get("Message", "")).encode("utf8", "replace"))
    except Malformed:
        return ""
    arns = told.get("resources")
    first = arns[0] if isinstance(arns, list) and arns else ""
    found = next((one for one in (told.get("AlarmArn"), first, told.get("AlarmName")) if one), "")
    return found if isinstance(found, str) and len(found) <= LONGEST_NAME else ""


def checks(keys: Keys) -> list[Finding]:
    """SNS can be asked nothing without an account of its own: only what we believe is known."""
    count = len(topics(keys))
    return [Finding("topics", True, f"{count} topic{'s' if count > 1 else ''} listed")] if count else []


# --- the handshake ---


def confirm(keys: Keys, message: Mapping[str, Any]) -> str:
    """Tell SNS that we want the subscription. Returns its ARN. Never on the way in: it calls out."""
    url = confirmation_url(message, topics(keys))
    reply = http.call(
        "GET", sns_certificates.reached(keys.get("base_url", ""), url), headers={}, seconds=CONFIRM_SECONDS
    )
    found = _SUBSCRIPTION.search(reply.body)
    if reply.status == 200 and found:
        return found[1].decode("ascii", "replace")
    code = _CODE.search(reply.body)
    told = f"SNS {reply.status}: {code[1].decode() if code else 'no subscription in the answer'}"
    raise SendError(told, permanent=400 <= reply.status < 500 and reply.status != 429)


def confirmation_url(message: Mapping[str, Any], listed: list[str]) -> str:
    """Where to confirm, written anew from its parts: an address out of a message is never followed as it is."""
    topic, token = str(message.get("TopicArn", "")), str(message.get("Token", ""))
    host = sns_certificates.host_of(str(message.get("SubscribeURL", "")), region_of(topic))
    wanted = {"Action": ["ConfirmSubscription"], "TopicArn": [topic], "Token": [token]}
    parts = urlsplit(str(message.get("SubscribeURL", "")))
    query = parse_qs(parts.query, keep_blank_values=True)
    if not host or parts.path != "/" or parts.fragment or query != wanted or topic not in listed or not token:
        raise SendError("the address to confirm at is not SNS's", permanent=True)
    return f"https://{host}/?{urlencode({name: values[0] for name, values in wanted.items()})}"
