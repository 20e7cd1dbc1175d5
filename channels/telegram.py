"""Telegram bots. https://core.telegram.org/bots/api

Nothing signs a body: the secret header is the whole proof, and TLS keeps it.
"""

import hmac
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from channels import telegram_api as api
from channels import telegram_hooks, telegram_words
from channels.contract import Call, Finding, Inbound, Keys, Malformed, Outbound, Refused, SendError, read_json

KEYS = ("bot_token", "secret_token", "webhook_url")
PER_SECOND, BURST = 25.0, 5  # of 30 a second
CHAT_GAP, GROUP_GAP = 1.0, 3.0  # seconds; a group takes 20 a minute
WEEK = 7 * 86400
HEADER = "x-telegram-bot-api-secret-token"
MOST_BUTTONS, IN_A_ROW, WIDE_TITLE = 100, 2, 14  # a row holds what a phone can show
LONGEST_TITLE = 60
TONES = {"alarm": "🔴", "warn": "🟠", "ok": "🟢"}
UNFETCHED = ("wrong http url specified", "failed to get http url content", "wrong type of the web page content")
AWAY = ("left", "kicked")


def configured(keys: Keys) -> bool:
    return bool(keys.get("bot_token"))


def chat_gap(chat: str) -> float:
    return GROUP_GAP if chat.startswith("-") else CHAT_GAP


# --- in ---


def verify(keys: Keys, call: Call) -> None:
    if not configured(keys) or not keys.get("secret_token"):
        raise Refused("no keys")
    presented = call.headers.get(HEADER, "").encode("utf8", "replace")
    if not hmac.compare_digest(presented, keys["secret_token"].encode("utf8", "replace")):
        raise Refused("the secret token differs")


def proof(keys: Keys) -> dict[str, str]:
    """The headers with which an update that we fetched ourselves comes in by the same door."""
    return {HEADER: keys["secret_token"]}


def parse(call: Call) -> list[Inbound]:
    """[] = genuine, but nothing for us: stickers, what bots wrote, kinds of updates that we did not ask for."""
    update = read_json(call.body)
    number = api.identity(update.get("update_id"))
    if not number:
        raise Malformed("no update_id")
    for name, read in READERS.items():
        if name in update:
            if not isinstance(update[name], dict):
                raise Malformed(f"{name} is no object")
            found = read(number, update[name])
            return [found] if found else []
    return []


def _chat(row: Mapping[str, Any]) -> str:
    id = api.identity(api.row(row, "chat").get("id"))
    if not id:
        raise Malformed("no chat")
    return id


def _is_room(row: Mapping[str, Any]) -> bool:
    return api.text(api.row(row, "chat"), "type") != "private"


def _event_id(number: str, row: Mapping[str, Any]) -> str:
    """After a week without updates their numbers may begin anywhere, also where they were before."""
    date = row.get("date")
    week = date // WEEK if isinstance(date, int) and not isinstance(date, bool) else 0
    return f"{number}:{week}"


def _message(number: str, message: Mapping[str, Any]) -> Inbound | None:
    id, chat, room = _event_id(number, message), _chat(message), _is_room(message)
    new, old = (api.identity(message.get(f"migrate_{way}_chat_id")) for way in ("to", "from"))
    if new or old:  # told twice, in the old chat and in the new one
        return Inbound(id, "moved", old or chat, text=new or chat, room=True)
    sender, stands_for = api.row(message, "from"), api.row(message, "sender_chat")
    person = api.identity(stands_for.get("id") if stands_for else sender.get("id"))
    if message.get("is_automatic_forward") is True or (sender.get("is_bot") is True and not stands_for):
        return None
    words, called = telegram_words.heard(message, private=not room)
    if not words:
        return None
    return Inbound(
        id,
        "message",
        chat,
        person=person,
        text=words,
        name=api.text(sender, "first_name"),
        room=room,
        thread=_thread(message, room),
        source=f"to/{called}" if called else "",
    )


def _thread(message: Mapping[str, Any], room: bool) -> str:
    """What an answer goes under: the topic of a forum, and in a group the message itself."""
    topic = api.identity(message.get("message_thread_id")) if message.get("is_topic_message") is True else ""
    own = api.identity(message.get("message_id")) if room else ""
    return f"{topic}:{own}" if topic or own else ""


def _pressed(number: str, query: Mapping[str, Any]) -> Inbound | None:
    message, data, id = api.row(query, "message"), api.text(query, "data"), api.text(query, "id")
    if not message or not id or not 0 < len(data.encode()) <= telegram_words.LONGEST_DATA:
        return None
    sender, room = api.row(query, "from"), _is_room(message)
    return Inbound(
        f"{number}:{id}",
        "message",
        _chat(message),
        person=api.identity(sender.get("id")),
        text=data.strip(),
        name=api.text(sender, "first_name"),
        room=room,
        thread=_thread(message, room),
        source=f"pressed/{id}/{api.identity(message.get('message_id'))}",
    )


def _membership(number: str, change: Mapping[str, Any]) -> Inbound | None:
    """We were blocked, removed, or added to a group. Who unblocks us says /start besides."""
    chat, room = _chat(change), _is_room(change)
    before, after = (_is_there(api.row(change, f"{which}_chat_member")) for which in ("old", "new"))
    person = api.identity(api.row(change, "from").get("id"))
    if not after:
        return Inbound(_event_id(number, change), "left", chat, person=person, room=room)
    return Inbound(_event_id(number, change), "joined", chat, person=person, room=True) if room and not before else None


def _is_there(member: Mapping[str, Any]) -> bool:
    status = api.text(member, "status")
    return status not in AWAY and (status != "restricted" or member.get("is_member") is True)


READERS: dict[str, Callable[[str, Mapping[str, Any]], Inbound | None]] = {
    "message": _message,
    "callback_query": _pressed,
    "my_chat_member": _membership,
}


def read(keys: Keys, inbound: Inbound) -> Inbound | None:
    """In a group one bot may be called by its name: None when it is another one. A pressed button is let go."""
    kind, _, rest = inbound.source.partition("/")
    if kind == "to":
        return inbound if rest.lower() == api.text(api.about_me(keys), "username").lower() else None
    if kind == "pressed":
        with suppress(SendError):  # it is too late, or they are slow: the button spins a while longer, no more
            api.call(keys, "answerCallbackQuery", {"callback_query_id": rest.partition("/")[0]})
    return inbound


def pressed_message(inbound: Inbound) -> str:
    """The id of the message whose button was pressed, where only that message's row knows what the button says."""
    kind, _, rest = inbound.source.partition("/")
    needed = kind == "pressed" and telegram_words.needs_its_row(inbound.text)
    return rest.partition("/")[2] if needed else ""


said_by = telegram_words.said_by


# --- out ---


def parts(out: Outbound) -> list[dict[str, Any]]:
    """The message in calls that Telegram takes; the buttons go with the last one."""
    text, image = _text(out.body), str(out.body.get("image") or "")
    public = urlsplit(image).scheme == "https"  # else Telegram could not fetch it
    if image and not public:
        text += f"\n{_link(image)}"
    where = _where(out)
    said = telegram_words.pieces(text)
    calls: list[dict[str, Any]] = []
    if public:
        caption = telegram_words.pieces(text, telegram_words.LONGEST_CAPTION)
        fits = len(caption) == 1
        calls.append(
            {"method": "sendPhoto", "photo": image, **({"caption": caption[0], "parse_mode": "HTML"} if fits else {})}
        )
        said = [] if fits else said
    calls += [
        {
            "method": "sendMessage",
            "text": piece,
            "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": True},
        }
        for piece in said
    ]
    buttons = _keyboard(out.body.get("buttons") or [])
    if buttons and not calls:
        calls = [{"method": "sendMessage", "text": " · ".join(str(one["title"]) for one in out.body["buttons"])}]
    if buttons:
        calls[-1]["reply_markup"] = {"inline_keyboard": buttons}
    return [{**where, **one} for one in calls]


def _text(body: Mapping[str, Any]) -> str:
    """An alarm begins with the colour of its state, and with its title unless the text has that. News does not."""
    text, title = str(body.get("text") or ""), str(body.get("title") or "")
    sign = TONES.get(str(body.get("tone") or ""), "")
    if not sign:
        return text
    if title and title not in str(body.get("plain") or text):
        text = f"<b>{telegram_words.as_data(title)}</b>\n{text}"
    return text if text.startswith(sign) else f"{sign} {text}"


def _link(address: str) -> str:
    value = telegram_words.as_data(address)
    return f'<link type="url" value="{value}">{value}</link>'


def _where(out: Outbound) -> dict[str, Any]:
    where: dict[str, Any] = {"chat_id": int(out.chat) if re.fullmatch(r"-?[0-9]{1,19}", out.chat) else out.chat}
    topic, _, message = str(out.body.get("thread") or "").partition(":")
    follows = (out.follows.split() or [message])[0]
    if topic.isdecimal():
        where["message_thread_id"] = int(topic)
    if follows.isdecimal():
        where["reply_parameters"] = {"message_id": int(follows), "allow_sending_without_reply": True}
    return where


def _keyboard(buttons: list[Mapping[str, Any]]) -> list[list[dict[str, str]]]:
    rows: list[list[dict[str, str]]] = []
    wide = True
    for place, button in enumerate(buttons[:MOST_BUTTONS]):
        title = str(button["title"])[:LONGEST_TITLE]
        target = {"url": str(button["url"])} if button.get("url") else {}
        made = {"text": title, **(target or {"callback_data": telegram_words.data_of(place, str(button["say"]))})}
        was_wide, wide = wide, len(title) > WIDE_TITLE
        if was_wide or wide or len(rows[-1]) >= IN_A_ROW:
            rows.append([])
        rows[-1].append(made)
    return rows


def send(keys: Keys, out: Outbound, part: Mapping[str, Any], may_send: Callable[[], bool]) -> str:
    """One part. Returns its id. What Telegram cannot read as meant goes once more in a plainer way."""
    body = {name: value for name, value in part.items() if name != "method"}
    try:
        return _sent(keys, str(part["method"]), body, may_send)
    except SendError as error:
        plainer = _plainer(error.reason.lower(), body)
        if plainer is None:
            raise _confirmed(keys, out.chat, error) from None
    return _sent(keys, *plainer, may_send)


def _plainer(said: str, body: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """The method and body to try instead, where another one helps."""
    method = "sendPhoto" if "photo" in body else "sendMessage"
    if "can't parse entities" in said and "parse_mode" in body:
        kept = {name: value for name, value in body.items() if name != "parse_mode"}
        return method, kept | {name: telegram_words.plain(kept[name]) for name in ("text", "caption") if name in kept}
    if "message thread not found" in said and "message_thread_id" in body:  # the topic was closed for good
        return method, {name: value for name, value in body.items() if name != "message_thread_id"}
    if "photo" in body and any(words in said for words in UNFETCHED):
        kept = {name: value for name, value in body.items() if name not in ("photo", "caption")}
        link = telegram_words.pieces(_link(str(body["photo"])))[0]
        return "sendMessage", kept | {"text": f"{body.get('caption', '')}\n{link}".strip(), "parse_mode": "HTML"}
    return None


def _sent(keys: Keys, method: str, body: Mapping[str, Any], may_send: Callable[[], bool]) -> str:
    result = api.call(keys, method, body, may_send)
    id = api.identity(result.get("message_id")) if isinstance(result, dict) else ""
    if not id:
        raise SendError("Telegram answered without a message", unclear=True)
    return id


def _confirmed(keys: Keys, chat: str, error: SendError) -> SendError:
    """'chat not found' may be a wrong id as well as a chat that is gone: so it is asked for once more."""
    if "chat not found" not in error.reason.lower():
        return error
    try:
        api.call(keys, "getChat", {"chat_id": chat})
    except SendError as asked:
        error.gone = "chat not found" in asked.reason.lower()
    return error


def can_find(out: Outbound) -> bool:
    """A bot cannot read a chat, and there is no key by which Telegram would know a repeat."""
    return False


# --- our connection ---


def checks(keys: Keys) -> list[Finding]:
    """Does Telegram know us, and does it tell us what happens?"""
    return telegram_hooks.look(keys) if configured(keys) else []


def mend(keys: Keys) -> telegram_hooks.Mended:
    """Make it so that it does."""
    return telegram_hooks.mend(keys) if configured(keys) else telegram_hooks.Mended([])


def polls(keys: Keys) -> bool:
    """Do we have to ask for what happens?"""
    return configured(keys) and telegram_hooks.polls(keys)


def updates(keys: Keys, offset: int | None) -> list[dict[str, Any]]:
    return api.updates(keys, offset, telegram_hooks.UPDATES)
