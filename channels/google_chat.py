"""Google Chat apps over an HTTP address, in both forms: "interaction events" and Workspace add-ons.

https://developers.google.com/workspace/chat/receive-respond-interactions
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from channels import google_chat_api as api
from channels import google_chat_cards as cards
from channels import google_chat_proof as proof
from channels import google_chat_words as words
from channels.contract import Call, Finding, Inbound, Keys, Malformed, Outbound, SendError, read_json
from channels.google_chat_api import row, text

KEYS = ("application_credentials", "audience", "project_number", "api_url", "certs_url", "endpoint")
PER_SECOND, BURST = 45.0, 20  # of 3000 a minute for the project
CHAT_GAP = 1.05  # one write a second, shared with other apps in the space
CREATE = {"messageReplyOption": "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"}
MEND_KEYS = "GOOGLE_APPLICATION_CREDENTIALS must name the key of a service account of the Chat app's own project."
MEND_HEARING = "Set GOOGLE_CHAT_AUDIENCE as in the app's configuration, and GOOGLE_CHAT_PROJECT_NUMBER."

PAYLOADS = {  # of an add-on, and what the other form calls it
    "messagePayload": "MESSAGE",
    "addedToSpacePayload": "ADDED_TO_SPACE",
    "removedFromSpacePayload": "REMOVED_FROM_SPACE",
    "appCommandPayload": "APP_COMMAND",
    "buttonClickedPayload": "CARD_CLICKED",
}


UNKEPT = ("authorizationEventObject", "configCompleteRedirectUrl", "configCompleteRedirectUri", "token")


def configured(keys: Keys) -> bool:
    return bool(keys.get("application_credentials")) or proof.configured(keys)


# --- in ---

verify = proof.verify


@dataclass(frozen=True)
class _Event:
    """One event, whichever form it had."""

    kind: str
    at: str
    space: Mapping[str, Any]
    user: Mapping[str, Any]
    message: Mapping[str, Any]
    said: str = ""  # by a button
    command: object = None


def _read(told: Mapping[str, Any]) -> _Event:
    if proof.is_addon(told):
        chat, common = row(told, "chat"), row(told, "commonEventObject")
        name = next((one for one in PAYLOADS if isinstance(chat.get(one), dict)), "")
        payload, parameters = row(chat, name), row(common, "parameters")
        kind, at, user = PAYLOADS.get(name, ""), text(chat, "eventTime"), row(chat, "user")
        space = row(payload, "space") or row(chat, "space")
    else:
        kind, at, user, payload = text(told, "type"), text(told, "eventTime"), row(told, "user"), dict(told)
        if not kind:
            raise Malformed("no type of an event")
        space = row(told, "space")
        pairs = {text(one, "key"): one.get("value") for one in api.rows(row(told, "action"), "parameters")}
        parameters = pairs | row(row(told, "common"), "parameters")
    message = row(payload, "message")
    command = row(payload, "appCommandMetadata").get("appCommandId")
    return _Event(kind, at, space or row(message, "space"), user, message, text(parameters, "say").strip(), command)


def parse(call: Call) -> list[Inbound]:
    """[] = genuine, but nothing for us: what bots wrote, kinds of events that we did not ask for."""
    event = _read(read_json(call.body))
    if event.kind not in READERS:
        return []
    if not text(event.space, "name"):
        raise Malformed("no space")
    if "BOT" in (text(event.user, "type"), text(row(event.message, "sender"), "type")) and event.kind == "MESSAGE":
        return []
    return READERS[event.kind](event)


def _message(event: _Event) -> list[Inbound]:
    id = text(event.message, "name")
    if not id:
        raise Malformed("no message")
    return [_inbound(event, f"message:{id}", "message", words.said(event.message, event.command))]


def _added(event: _Event) -> list[Inbound]:
    """Who adds us by a mention says something with it: the one form tells both at once, the other is documented to
    tell them one after the other. By its name the message is known again, however it comes."""
    found = [_inbound(event, _id("added", event), "joined")]
    return found + (_message(event) if text(event.message, "name") else [])


def _removed(event: _Event) -> list[Inbound]:
    return [_inbound(event, _id("removed", event), "left")]


def _command(event: _Event) -> list[Inbound]:
    """A slash command comes as a message, too, in some configurations; a quick command has none."""
    if text(event.message, "name"):
        return _message(event)
    said = words.said({}, event.command)
    return [_inbound(event, _id("command", event), "message", said)]


def _clicked(event: _Event) -> list[Inbound]:
    if not event.said:
        return []
    where = text(event.message, "name") or text(event.space, "name")
    return [_inbound(event, f"click:{where}:{text(event.user, 'name')}:{event.at}", "message", event.said)]


READERS: dict[str, Callable[[_Event], list[Inbound]]] = {
    "MESSAGE": _message,
    "ADDED_TO_SPACE": _added,
    "REMOVED_FROM_SPACE": _removed,
    "APP_COMMAND": _command,
    "CARD_CLICKED": _clicked,
}


def _id(what: str, event: _Event) -> str:
    return f"{what}:{text(event.space, 'name')}:{text(event.user, 'name')}:{event.at}"


def _inbound(event: _Event, id: str, kind: str, said: str = "") -> Inbound:
    space, sender = event.space, event.user or row(event.message, "sender")
    alone = space.get("singleUserBotDm") is True or "DM" == text(space, "type")
    room = not alone and text(space, "spaceType") != "DIRECT_MESSAGE"
    return Inbound(
        id=id,
        kind=kind,
        chat=text(space, "name"),
        person=text(sender, "name"),
        text=said,
        name=text(sender, "displayName"),
        email=text(sender, "email").lower(),
        room=room,
        thread=text(row(event.message, "thread"), "name") if room else "",
    )


def kept(call: Call) -> str:
    """The event without what opens something: tokens of the person, and addresses that only Google may give."""
    told = read_json(call.body)
    for box in (told, *(row(row(told, "chat"), name) for name in PAYLOADS)):
        for name in UNKEPT:
            box.pop(name, None)
    return json.dumps(told, ensure_ascii=False)


def answer(call: Call) -> dict[str, Any]:
    """What the platform is told at once. `{}` says nothing, and all that is said is sent later; but after a click an
    app of the older form may show an error then, so the card that was pressed is given back as it is."""
    told = read_json(call.body)
    event = _read(told)
    kept = {name: event.message[name] for name in ("text", "cardsV2") if event.message.get(name)}
    if event.kind != "CARD_CLICKED" or "cardsV2" not in kept:
        return {}
    if proof.is_addon(told):
        return {"hostAppDataAction": {"chatDataAction": {"updateMessageAction": {"message": kept}}}}
    return {"actionResponse": {"type": "UPDATE_MESSAGE"}, **kept}


# --- out ---


def parts(out: Outbound) -> list[dict[str, Any]]:
    """The message in pieces that Google takes, each with its number, by which a repeat of it is known."""
    named: dict[str, Any] = {}
    if out.body.get("thread"):
        named = {"thread": {"name": str(out.body["thread"])}}
    elif out.body.get("thread_key"):
        named = {"thread": {"threadKey": str(out.body["thread_key"])}}
    return [{**named, **body, "part": at} for at, body in enumerate(cards.bodies(out.body, ENDPOINT))]


ENDPOINT = "{endpoint}"  # stands for our address, which only the keys know


def send(keys: Keys, out: Outbound, part: Mapping[str, Any], may_send: Callable[[], bool]) -> str:
    """One part. Returns its name. Google gives a repeat the message that is there already."""
    space = _space(keys, out)
    body = _addressed({name: value for name, value in part.items() if name != "part"}, proof.address(keys))
    params = {"requestId": f"{out.key}-{part['part']}", "messageId": _own_id(out, part)}
    params |= CREATE if "thread" in body else {}
    reply = api.call(keys, "POST", f"{space}/messages", params, body, may_send)
    if reply.status == 409:  # it is there under our own id
        return f"{space}/messages/{_own_id(out, part)}"
    if reply.status in (403, 404):
        raise api.lost(keys, space, reply)
    name = text(api.judged(reply, space, sending=True).json(), "name")
    if not name:
        raise SendError("Google Chat answered without a message", unclear=True)
    api.worked(keys)
    return name


def _space(keys: Keys, out: Outbound) -> str:
    if not keys.get("application_credentials"):
        raise SendError("no keys", permanent=True)
    if not api.SPACE.fullmatch(out.chat):
        raise SendError(f"{out.chat[:80]!r} is no space of Google Chat", permanent=True)
    return out.chat


def _own_id(out: Outbound, part: Mapping[str, Any]) -> str:
    return "client-" + re.sub(r"[^a-z0-9-]", "-", f"{out.key}-{part['part']}".lower())[:56]


def _addressed(value: Any, endpoint: str) -> Any:
    """With our own address where it was not known yet."""
    if isinstance(value, dict):
        known = {"function": endpoint} if value.get("function") == ENDPOINT else {}
        return {name: _addressed(one, endpoint) for name, one in value.items()} | known
    return [_addressed(one, endpoint) for one in value] if isinstance(value, list) else value


def can_find(out: Outbound) -> bool:
    return True


def find(keys: Keys, out: Outbound, part: Mapping[str, Any], known: frozenset[str]) -> str | None:
    """Under the id that we gave it. Where nothing is there, some accounts tell of 404, others of 403."""
    space = _space(keys, out)
    reply = api.call(keys, "GET", f"{space}/messages/{_own_id(out, part)}")
    return None if reply.status in (403, 404) else text(api.judged(reply).json(), "name") or None


# --- our connection ---


def checks(keys: Keys) -> list[Finding]:
    """Does Google know us, and can what it tells us be proven?"""
    if not configured(keys):
        return []
    found = [_sending(keys)]
    if not proof.configured(keys):
        found.append(Finding("hearing", False, "every event is refused: no audience is set", MEND_HEARING))
    return found


def _sending(keys: Keys) -> Finding:
    try:
        api.judged(api.call(keys, "GET", "spaces", {"pageSize": "1"}))
    except SendError as error:
        return Finding("keys", False, error.reason, MEND_KEYS if error.permanent else "Look again in a minute.")
    return Finding("keys", True, "Google Chat knows the app")
