"""How Telegram tells us things: by a webhook where we have a public https address, else when we ask (getUpdates)."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from channels import telegram_api as api
from channels.contract import Finding, Keys, SendError

UPDATES = ["message", "my_chat_member", "callback_query"]
PORTS = (443, 80, 88, 8443)  # that it calls
AT_ONCE = 40
FRESH_ERROR = 150  # seconds: the clock looks every minute

# What Telegram offers when somebody types a slash. Names in Latin letters only: `/구독` works all the same.
COMMANDS = (
    ("start", "마루와 시작하기", "Begin"),
    ("subscribe", "소식 받기 (/구독)", "Get the news of a topic"),
    ("unsubscribe", "소식 그만 받기 (/구독해지)", "Stop the news of a topic"),
    ("help", "할 수 있는 말 (/도움말)", "What you can say"),
)

MEND_KEYS = "Compare TELEGRAM_BOT_TOKEN with what BotFather shows: /revoke ends the old one."
MEND_HOOK = "Can Telegram reach BASE_URL from outside, with a valid certificate? The clock registers it each minute."
MEND_OTHER = (
    "Give this installation a bot of its own. If that address is an old one of yours, call deleteWebhook once: "
    "https://core.telegram.org/bots/api#deletewebhook"
)


@dataclass(frozen=True)
class Mended:
    findings: list[Finding]
    were_silent: bool = False  # what was not told meanwhile Telegram keeps for a day, and tells by itself


def polls(keys: Keys) -> bool:
    """Telegram calls https addresses only, and four ports."""
    url = urlsplit(keys.get("webhook_url", ""))
    return url.scheme != "https" or (url.port or 443) not in PORTS


def look(keys: Keys) -> list[Finding]:
    try:
        api.about_me(keys, anew=True)
        return [_known(keys), *_judged(keys, _info(keys))]
    except SendError as error:
        return [_trouble(error)]


def mend(keys: Keys) -> Mended:
    try:
        api.about_me(keys, anew=True)
        info = _info(keys)
        if not polls(keys) and (not _is_ours(keys, info) or not _done.has("webhook", keys)):
            # Whether the secret kept there is ours cannot be read back: so it is written once by each process.
            try:
                _register(keys)
            except SendError as error:
                return Mended([_known(keys), Finding("webhook", False, error.reason, MEND_HOOK, "warn")])
            _done.note("webhook", keys)
            info = _info(keys)
        if not _done.has("commands", keys):
            _tell_commands(keys)
            _done.note("commands", keys)
        return Mended([_known(keys), *_judged(keys, info)])
    except SendError as error:
        return Mended([_trouble(error)])


class _Done:
    """What this process has told Telegram, which need not be told each minute."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._told: set[tuple[str, str, str, str]] = set()

    def has(self, what: str, keys: Keys) -> bool:
        with self._turn:
            return self._about(what, keys) in self._told

    def note(self, what: str, keys: Keys) -> None:
        with self._turn:
            self._told.add(self._about(what, keys))

    def _about(self, what: str, keys: Keys) -> tuple[str, str, str, str]:
        return what, keys["api_url"], keys["bot_token"], keys.get("webhook_url", "")


_done = _Done()


def _trouble(error: SendError) -> Finding:
    refused = error.permanent and ("401" in error.reason or "404" in error.reason)
    return Finding("keys", False, error.reason, MEND_KEYS if refused else "Look again in a minute.")


def _known(keys: Keys) -> Finding:
    return Finding("keys", True, f"Telegram knows the bot @{api.text(api.about_me(keys), 'username')}")


def _info(keys: Keys) -> Mapping[str, Any]:
    found = api.call(keys, "getWebhookInfo", {})
    return found if isinstance(found, dict) else {}


def _is_ours(keys: Keys, info: Mapping[str, Any]) -> bool:
    return info.get("url") == keys["webhook_url"] and sorted(info.get("allowed_updates") or []) == sorted(UPDATES)


def _register(keys: Keys) -> None:
    secret = keys["secret_token"]
    body = {"url": keys["webhook_url"], "secret_token": secret, "allowed_updates": UPDATES, "max_connections": AT_ONCE}
    api.call(keys, "setWebhook", body)


def _tell_commands(keys: Keys) -> None:
    english = [{"command": name, "description": words} for name, _, words in COMMANDS]
    korean = [{"command": name, "description": words} for name, words, _ in COMMANDS]
    api.call(keys, "setMyCommands", {"commands": english})
    api.call(keys, "setMyCommands", {"commands": korean, "language_code": "ko"})


def _judged(keys: Keys, info: Mapping[str, Any]) -> list[Finding]:
    url, waiting = api.text(info, "url"), info.get("pending_update_count") or 0
    if polls(keys):
        if url:
            told = f"another address is called for this bot: {url[:200]}"
            return [Finding("updates", False, told, MEND_OTHER, "warn")]
        return [Finding("updates", True, "asked for, as BASE_URL is no address that Telegram calls")]
    if not _is_ours(keys, info):
        return [Finding("webhook", False, "is not registered", MEND_HOOK, "warn")]
    failed_at, said = info.get("last_error_date"), api.text(info, "last_error_message")[:200]
    if isinstance(failed_at, int) and time.time() - failed_at < FRESH_ERROR:
        told = f"Telegram could not deliver: {said}; {waiting} updates wait"
        return [Finding("webhook", False, told, MEND_HOOK, "warn")]
    return [Finding("webhook", True, f"registered, {waiting} updates wait")]
