"""`python -m sandbox`, set up by three variables, and a fourth where mail is played, too.

SANDBOX_PORT: 8002 unless given; 0 takes any free one. PRODUCT_URL: the product's origin. SANDBOX_SECRETS: a
JSON file, {"channeltalk": {"access_key", "access_secret", "webhook_tokens": [opened chats, messages]},
"webex": {"bot_token"}, "telegram": {"bot_token"}, "signing": {"private_key"}}; without a bot's token its platform
refuses every call. With the private key (PEM) Google and Amazon sign; without one they make theirs.
SANDBOX_SMTP_PORT: where mail is taken; unset: nowhere.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sandbox import page
from sandbox.channeltalk import ChannelTalk
from sandbox.control import Control, refuse_strangers
from sandbox.faults import Faults
from sandbox.google_chat import GoogleChat
from sandbox.google_chat_control import GoogleChatControl
from sandbox.mail import Mailbox
from sandbox.record import Record
from sandbox.server import Request, Response, listen
from sandbox.signing import Signer
from sandbox.sns import Sns
from sandbox.sns_control import SnsControl
from sandbox.telegram import Telegram
from sandbox.telegram_control import TelegramControl
from sandbox.watched import Watched
from sandbox.webex import Webex
from sandbox.webex_control import WebexControl


class Wrong(Exception):
    """A setting is missing or wrong; the start stops with this line."""


@dataclass(frozen=True)
class Settings:
    port: int
    product_url: str
    secrets: dict[str, Any]
    smtp_port: int | None = None


def read_settings(environ: Mapping[str, str]) -> Settings:
    port = environ.get("SANDBOX_PORT") or "8002"
    if not port.isdecimal() or int(port) > 65535:
        raise Wrong(f"SANDBOX_PORT: {port!r} is not a whole number from 0 to 65535")
    product_url = (environ.get("PRODUCT_URL") or "").rstrip("/")
    parts = urlsplit(product_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path:
        raise Wrong(f"PRODUCT_URL: {product_url!r} is not an origin such as http://127.0.0.1:8000")
    smtp_port = environ.get("SANDBOX_SMTP_PORT") or ""
    if smtp_port and (not smtp_port.isdecimal() or int(smtp_port) > 65535):
        raise Wrong(f"SANDBOX_SMTP_PORT: {smtp_port!r} is not a whole number from 0 to 65535")
    secrets = _secrets(environ.get("SANDBOX_SECRETS") or "")
    return Settings(int(port), product_url, secrets, int(smtp_port) if smtp_port else None)


def _secrets(path: str) -> dict[str, Any]:
    if not path:
        raise Wrong("SANDBOX_SECRETS: missing; it names a JSON file with the keys of each platform")
    try:
        secrets = json.loads(Path(path).read_text(encoding="utf8"))
    except (OSError, ValueError) as error:
        raise Wrong(f"SANDBOX_SECRETS: cannot be read: {error}") from None
    if not isinstance(secrets, dict) or not isinstance(secrets.get("channeltalk"), dict):
        raise Wrong("SANDBOX_SECRETS: must be an object with a section per platform; channeltalk is missing")
    for platform in ("webex", "telegram"):
        bot = secrets.setdefault(platform, {"bot_token": ""})
        if not isinstance(bot, dict) or not isinstance(bot.get("bot_token"), str):
            raise Wrong(f"SANDBOX_SECRETS: {platform}.bot_token must be a text")
    keys = secrets["channeltalk"]
    for name in ("access_key", "access_secret"):
        if not isinstance(keys.get(name), str) or not keys[name]:
            raise Wrong(f"SANDBOX_SECRETS: channeltalk.{name} is missing")
    tokens = keys.get("webhook_tokens")
    if not isinstance(tokens, list) or len(tokens) != 2 or not all(isinstance(token, str) for token in tokens):
        raise Wrong("SANDBOX_SECRETS: channeltalk.webhook_tokens must be two texts: opened chats, messages")
    return secrets


class Sandbox:
    """Takes each request to its part."""

    def __init__(self, settings: Settings) -> None:
        self.record = Record()
        self.faults = Faults()
        self.talk = ChannelTalk(settings.secrets["channeltalk"], settings.product_url, self.record, self.faults)
        self.webex = Webex(settings.secrets["webex"], "", self.record, self.faults)
        self.telegram = Telegram(settings.secrets["telegram"], settings.product_url, self.record, self.faults)
        signer = Signer((settings.secrets.get("signing") or {}).get("private_key", ""))
        google = settings.secrets.get("google_chat") or {}
        self.google = GoogleChat(google, signer, settings.product_url, self.record, self.faults)
        self.sns = Sns(signer, settings.product_url, self.record, self.faults)
        self.mailbox = Mailbox()
        self.watched = Watched()
        webex, telegram = WebexControl(self.webex, self.record), TelegramControl(self.telegram, self.record)
        google_chat, amazon = GoogleChatControl(self.google, self.record), SnsControl(self.sns)
        self.control = Control(self.talk, self.record, self.faults, webex, telegram, google_chat, amazon)

    def answer(self, request: Request) -> Response | Awaitable[Response]:
        if request.path.startswith("/open/"):
            return self.talk.answer(request)
        if self.google.is_ours(request.path):
            return self.google.answer(request)
        if request.path.startswith("/SimpleNotificationService-") or (
            request.path == "/" and "Action" in request.query
        ):
            return self.sns.answer(request)
        if request.path.startswith("/v1/"):
            return self.webex.answer(request)
        if request.path.startswith("/bot"):
            return self.telegram.answer(request)
        if request.path == "/watched/cases":
            return self.watched.answer(request)
        if request.path == "/sandbox/watched":
            return refuse_strangers(request) or self.watched.control(request)
        if request.path.startswith("/sandbox/"):
            return self.control.answer(request)
        part = self.mailbox if request.path == "/mail" else page
        return refuse_strangers(request) or part.answer(request)


async def run(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sandbox = Sandbox(settings)
    _, port = await listen(sandbox.answer, settings.port)
    sandbox.webex.origin = f"http://127.0.0.1:{port}"
    if settings.smtp_port is not None:
        await sandbox.mailbox.listen(settings.smtp_port)
    print(f"sandbox http://127.0.0.1:{port}", flush=True)
    await stop.wait()


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        settings = read_settings(os.environ)
        asyncio.run(run(settings))
    except Wrong as wrong:
        sys.exit(str(wrong))
    except OSError as error:
        sys.exit(f"SANDBOX_PORT: cannot listen: {error.strerror}")


if __name__ == "__main__":
    main()
