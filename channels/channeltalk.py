"""ChannelTalk. https://developers.channel.io (Open API v5 and webhooks)

A webhook proves itself by the token in its query alone; ChannelTalk documents no signature for webhooks.
"""

import hmac
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from channels import channeltalk_team as team
from channels import http, markup
from channels.contract import (
    Call,
    Finding,
    Inbound,
    Keys,
    Known,
    Malformed,
    Outbound,
    Refused,
    SendError,
    Unproven,
    read_json,
)

KEYS = ("access_key", "access_secret")
PER_SECOND, BURST = 500.0, 1000  # ChannelTalk publishes no numbers; its 429 and x-ratelimit headers decide
CHAT_GAP = 0.0  # seconds between two messages of one chat

HOOKS = ("/open_userchat", "/in_userchat", "/hooks/channeltalk")
WANTED = (  # what we have to be told, in the words of the API, of the desk, and where
    ("userChat.opened", "opened user chats", "/open_userchat"),
    ("message.created.userChat", "messages in user chats", "/in_userchat"),
)
LONGEST_BLOCK, MOST_BLOCKS = 3900, 20  # not published; about 4,000 characters and 20 blocks are known to pass
MOST_PAGES = 20  # of webhooks, 500 on each
LOOK_BACK = 100  # messages read to find out whether one arrived
TOKENS_FRESH, TOKENS_AGAIN = 600.0, 20.0  # seconds a token list is believed, and the least between two readings


def configured(keys: Keys) -> bool:
    return bool(keys.get("access_key") and keys.get("access_secret")) or bool(keys.get("webhook_tokens"))


# --- in ---


def verify(keys: Keys, call: Call) -> None:
    presented = call.query.get("token", "").encode("utf8", "replace")
    if not configured(keys):
        raise Refused("no keys")
    if not presented:
        raise Refused("no token")
    tokens = [token.strip().encode() for token in keys.get("webhook_tokens", "").split(",") if token.strip()]
    # Every token is compared: the time taken tells nothing of which one was near.
    genuine = (
        any([hmac.compare_digest(presented, token) for token in tokens]) if tokens else _is_listed(keys, presented)
    )
    if not genuine:
        raise Refused("the token differs")


@dataclass(frozen=True)
class _Read:
    """Tokens read from ChannelTalk's list of webhooks, when staff gave none."""

    at: float
    tokens: tuple[bytes, ...] = ()
    trouble: str = ""

    def has(self, presented: bytes) -> bool:
        return any([hmac.compare_digest(presented, token) for token in self.tokens])

    def decides(self, presented: bytes) -> bool:
        """A token that is not among them may be new, so it is looked for again before long."""
        fresh = TOKENS_FRESH if self.has(presented) else TOKENS_AGAIN
        return time.monotonic() - self.at < fresh


_reading = threading.Lock()
_read: dict[tuple[str, ...], _Read] = {}


def _is_listed(keys: Keys, presented: bytes) -> bool:
    about = (keys["api_url"], keys["access_key"], keys.get("site", ""))
    found = _read.get(about, _Read(float("-inf")))
    if not found.decides(presented):  # whoever shows a known token does not wait for another's reading
        with _reading:
            found = _read.get(about, found)
            if not found.decides(presented):
                found = _read[about] = _read_tokens(keys, found)
    if found.trouble and not found.has(presented):
        raise Unproven(f"the list of webhooks cannot be read: {found.trouble}")
    return found.has(presented)


def _read_tokens(keys: Keys, before: _Read) -> _Read:
    try:
        tokens = tuple(str(hook["token"]).encode() for hook in webhooks(keys) if hook.get("token"))
    except SendError as error:
        return _Read(time.monotonic(), before.tokens, error.reason)
    return _Read(time.monotonic(), tokens)


def webhooks(keys: Keys) -> list[dict[str, Any]]:
    """The webhooks that point at one of our addresses."""
    ours, since = [], ""
    for _ in range(MOST_PAGES):
        page = _call(keys, "GET", "/webhooks", params={"limit": "500"} | ({"since": since} if since else {})).json()
        listed = page.get("webhooks")
        for hook in listed if isinstance(listed, list) else []:
            if _is_ours(keys, _dict(hook)):
                ours.append(hook)
        since = str(page.get("next") or "")
        if not since:
            break
    return ours


def _is_ours(keys: Keys, hook: Mapping[str, Any]) -> bool:
    try:
        url = urlsplit(str(hook.get("url", "")))
    except ValueError:  # somebody else's webhook with an address that is none
        return False
    return f"{url.scheme}://{url.netloc}" == keys.get("site") and url.path.rstrip("/") in HOOKS


def parse(call: Call) -> list[Inbound]:
    """[] = genuine, but nothing for us: bots' messages (our own come back), notes, most log lines, most of what is said
    in team chats."""
    told = read_json(call.body)
    entity, refers = told.get("entity"), _dict(told.get("refers"))
    if not isinstance(entity, dict) or not _id(entity):
        raise Malformed("no entity with an id")
    kind = str(told.get("type") or ("message" if entity.get("chatType") else "")).lower()
    user = _dict(refers.get("user") or refers.get("veil"))
    if kind == "userchat":
        return _opened(entity, user, str(told.get("event", "")).lower())
    if kind == "message":
        return _message(entity, refers, user)
    if kind == "user":
        return _user(entity)
    return []


def _opened(entity: dict[str, Any], user: dict[str, Any], event: str) -> list[Inbound]:
    if event not in ("push", "upsert", ""):
        return []
    opened = entity.get("openedAt") or entity.get("version") or entity.get("createdAt") or ""
    first = entity.get("firstOpenedAt") or opened
    return [
        Inbound(
            id=f"userChat:{_id(entity)}:{opened}",
            kind="chat_opened",
            chat=_id(entity),
            person=str(entity.get("userId") or user.get("id") or ""),
            name=str(user.get("name") or entity.get("name") or ""),
            again=bool(entity.get("openedAt")) and first != opened,
            bots=_bots(entity),
            tags=_words(entity.get("tags")),
            profile=_profile(user, entity),
        )
    ]


def _message(entity: dict[str, Any], refers: dict[str, Any], user: dict[str, Any]) -> list[Inbound]:
    group = str(entity.get("chatType") or "").lower() not in ("userchat", "") or "group" in refers
    chat_row = _dict(refers.get("userChat"))
    chat = str(entity.get("chatId") or chat_row.get("id") or "")
    if group:
        return team.message(entity, refers, str(entity.get("plainText") or _plain(entity.get("blocks")) or ""))
    if not chat:
        return []
    writer, log = str(entity.get("personType") or "").lower(), _dict(entity.get("log"))
    if log:
        closes = str(log.get("action") or "").lower() == "close"
        return [Inbound(id=f"message:{_id(entity)}", kind="chat_closed", chat=chat)] if closes else []
    if "private" in [option.lower() for option in _words(entity.get("options"))]:
        return []
    person = str(entity.get("personId") or "")
    if writer == "manager":
        id, text = f"message:{_id(entity)}", str(entity.get("plainText") or _plain(entity.get("blocks")) or "")
        return [Inbound(id=id, kind="manager_wrote", chat=chat, person=person, text=text, person_is_customer=False)]
    if writer != "user":
        return []
    return [
        Inbound(
            id=f"message:{_id(entity)}",
            kind="message",
            chat=chat,
            person=person or str(user.get("id") or chat_row.get("userId") or ""),
            text=str(entity.get("plainText") or _plain(entity.get("blocks")) or ""),
            name=str(user.get("name") or ""),
            bots=_bots(chat_row),
            tags=_words(chat_row.get("tags")),
            profile=_profile(user, chat_row),
        )
    ]


def _user(entity: dict[str, Any]) -> list[Inbound]:
    version = entity.get("version") or entity.get("updatedAt") or ""
    return [
        Inbound(
            id=f"user:{_id(entity)}:{version}",
            kind="profile",
            chat="",
            person=_id(entity),
            name=str(entity.get("name") or ""),
            profile=_profile(entity, {}),
        )
    ]


def _id(entity: dict[str, Any]) -> str:
    id = entity.get("id")
    return str(id) if isinstance(id, str | int) and not isinstance(id, bool) else ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _words(value: Any) -> tuple[str, ...]:
    return tuple(str(word) for word in value) if isinstance(value, list) else ()


def _bots(chat: dict[str, Any]) -> tuple[str, ...]:
    """Support bots were migrated to workflows; a module may name either."""
    source = _dict(chat.get("source"))
    ids = [_dict(source.get(kind)).get("id") for kind in ("supportBot", "workflow")]
    return tuple(str(id) for id in ids if id)


def _profile(user: dict[str, Any], chat: dict[str, Any]) -> dict[str, Any] | None:
    """A form may bind an answer to the user or to the chat; the user's own comes first."""
    if not user and not _dict(chat.get("profile")):
        return None
    profile = {**_dict(chat.get("profile")), **_dict(user.get("profile"))}
    if user.get("name") and not profile.get("name"):
        profile["name"] = user["name"]
    return profile


def _plain(blocks: Any) -> str:
    if not isinstance(blocks, list):
        return ""
    return "\n".join(str(block.get("value") or "") for block in blocks if isinstance(block, dict))


# --- out ---


def send(keys: Keys, out: Outbound, part: Mapping[str, Any], may_send: Callable[[], bool]) -> str:
    params = {"botName": keys["bot_name"]} if keys.get("bot_name") else None
    reply = _call(keys, "POST", _path(out), params, part, may_send=may_send)
    id = _dict(reply.json().get("message")).get("id")
    if not id:
        raise SendError("ChannelTalk answered without a message", unclear=True)
    return str(id)


def _path(out: Outbound) -> str:
    return (
        team.path(out.chat, out.body) if team.is_team(out.chat) else f"/user-chats/{quote(out.chat, safe='')}/messages"
    )


def parts(out: Outbound) -> list[dict[str, Any]]:
    """The message as ChannelTalk takes it: always one, of several blocks where it is long. Empty arrays are refused,
    so what is empty is left out."""
    blocks = [{"type": "text", "value": piece} for piece in markup.split(str(out.body["text"]), LONGEST_BLOCK)]
    image = out.body.get("image")
    if image:
        blocks.append({"type": "text", "value": f'<link type="url" value="{_escape(image)}">사진 보기</link>'})
    content: dict[str, Any] = {"blocks": blocks[:MOST_BLOCKS], "requestId": out.key}
    # A button here leads somewhere; those that say something for whoever presses them belong to other channels.
    leading = [button for button in out.body.get("buttons") or [] if button.get("url")]
    buttons = [
        {
            "title": button["title"][:30],
            "colorVariant": button.get("colour") or "cobalt",
            "action": {"type": "web", "attributes": {"url": button["url"]}},
        }
        for button in leading[:2]
    ]
    return [content | ({"buttons": buttons} if buttons else {})]


def _escape(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def can_find(out: Outbound) -> bool:
    return True


def find(keys: Keys, out: Outbound, part: Mapping[str, Any], known: frozenset[str]) -> str | None:
    """The id of the message that an unclear attempt left in the chat, if it did."""
    reply = _call(keys, "GET", _path(out), params={"sortOrder": "desc", "limit": str(LOOK_BACK)})
    if "messages" not in reply.json():
        raise SendError("the chat could not be read back")
    listed = reply.json()["messages"]
    for found in listed if isinstance(listed, list) else []:
        if isinstance(found, dict) and found.get("requestId") == out.key:
            return str(found.get("id") or out.key)
    return None


def apply(keys: Keys, out: Outbound, may_send: Callable[[], bool]) -> str:
    """Write a module's effects to the customer's profile and tags. Doing it twice changes nothing."""
    wanted = _dict(out.body.get("effects"))
    change: dict[str, Any] = {"profile": wanted["profile"]} if wanted.get("profile") else {}
    if wanted.get("tags"):
        has = about_person(keys, out.person).tags
        merged = list(dict.fromkeys([*has, *wanted["tags"]]))
        if len(merged) > 20:
            raise SendError("the customer would have more than 20 tags", permanent=True)
        change["tags"] = merged
    if change:
        _call(keys, "PATCH", f"/users/{quote(out.person, safe='')}", body=change, may_send=may_send)
    return ""


def checks(keys: Keys) -> list[Finding]:
    """Are our keys right, and do the webhooks call us? Nothing where there are no keys to ask with."""
    if not (keys.get("access_key") and keys.get("access_secret")):
        return []
    try:
        name = _dict(_call(keys, "GET", "/channel").json().get("channel")).get("name") or "unnamed"
        ours = webhooks(keys)
    except SendError as error:
        mend = "Compare CHANNELTALK_ACCESS_KEY and _SECRET with the desk: Settings, API keys."
        return [Finding("keys", False, error.reason, mend if error.permanent else "Look again in a minute.")]
    return [Finding("keys", True, f"accepted; the channel is {name}"), *_of_webhooks(keys, ours)]


def _of_webhooks(keys: Keys, ours: Sequence[Mapping[str, Any]]) -> list[Finding]:
    found = []
    for scope, what, path in WANTED:
        ok = any(scope in _words(hook.get("scopes")) for hook in ours)
        mend = f"Desk, Settings, Webhook: make one for {what} with the address {keys.get('site', '')}{path}."
        detail = f"a webhook tells us of {what}" if ok else f"no webhook tells us of {what}"
        found.append(Finding(f"webhook {scope}", ok, detail, mend))
    tokens = [token.strip() for token in keys.get("webhook_tokens", "").split(",") if token.strip()]
    for hook in ours:
        name = f"webhook {hook.get('name') or hook.get('id')}"
        if hook.get("blocked"):
            mend = "Desk, Settings, Webhook: unblock it with one click, once its cause is gone."
            found.append(Finding(name, False, f"{name} is blocked: unblock it in the desk", mend))
        if tokens and hook.get("token") and hook["token"] not in tokens:
            mend = (
                "Add its token to CHANNELTALK_WEBHOOK_TOKENS, or leave that unset: then tokens are read by our address."
            )
            found.append(Finding(name, False, f"the token of {name} is not among ours: its calls are refused", mend))
        if hook.get("keywords"):
            mend = "Desk, Settings, Webhook: empty its list of keywords."
            found.append(Finding(name, False, f"{name} only tells of messages with certain words", mend, "warn"))
        if str(hook.get("apiVersion") or "v5") != "v5":
            mend = "Delete it and make a new one: v5 is chosen when a webhook is made."
            found.append(Finding(name, False, f"{name} speaks {hook['apiVersion']}, not v5", mend))
    return found


def about_person(keys: Keys, person: str) -> Known:
    user = _dict(_call(keys, "GET", f"/users/{quote(person, safe='')}").json().get("user"))
    profile = _profile(user, {}) or {}
    return Known(profile=profile, tags=_words(user.get("tags")), name=str(user.get("name") or ""), person=person)


def about_chat(keys: Keys, chat: str) -> Known:
    told = _call(keys, "GET", f"/user-chats/{quote(chat, safe='')}").json()
    row, user = _dict(told.get("userChat")), _dict(told.get("user"))
    if not row:
        raise SendError("the chat could not be read")
    return Known(
        profile=_profile(user, row) or {},
        tags=_words(row.get("tags")),
        name=str(user.get("name") or ""),
        person=str(row.get("userId") or ""),
        bots=_bots(row),
        state=str(row.get("state") or ""),
    )


def _call(
    keys: Keys,
    method: str,
    path: str,
    params: Mapping[str, str] | None = None,
    body: Any = None,
    may_send: Callable[[], bool] | None = None,
) -> http.Reply:
    if not (keys.get("access_key") and keys.get("access_secret")):
        raise SendError("no keys", permanent=True)
    headers = {
        "x-access-key": keys["access_key"],
        "x-access-secret": keys["access_secret"],
        "accept": "application/json",
    }
    url = f"{keys['api_url']}/open/v5{path}"
    reply = http.call(method, url, headers=headers, params=params, body=body, may_send=may_send)
    if 200 <= reply.status < 300:
        return reply
    if reply.status == 429:
        raise SendError("ChannelTalk asked to slow down", retry_after=_pause(reply.headers), whole_channel=True)
    reason = f"ChannelTalk answered {reply.status}{_words_of_error(reply)}"
    if reply.status >= 500 or reply.status == 408:
        raise SendError(reason, unclear=method != "GET")
    raise SendError(reason, permanent=True)


def _pause(headers: Mapping[str, str]) -> float:
    """Seconds to wait: Retry-After if given, else until x-ratelimit-reset (epoch seconds)."""
    try:
        if headers.get("retry-after"):
            seconds = float(headers["retry-after"])
        else:
            seconds = float(headers.get("x-ratelimit-reset", "")) - time.time()
    except ValueError:
        seconds = 5.0
    return max(1.0, min(seconds, 3600.0))  # in this order NaN becomes the least


def _words_of_error(reply: http.Reply) -> str:
    """Both error shapes in use: {"errors": [{"message"}]} and {"message"}."""
    told = reply.json()
    errors = told.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else told
    words = first.get("message") if isinstance(first, dict) else None
    return f": {str(words)[:200]}" if words else ""
