"""Webex bots. https://developer.webex.com/messaging/docs/api/v1/messages

A webhook tells that there is a message, not what it says: a worker fetches the text by its id.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from channels import webex_api as api
from channels import webex_hooks, webex_words
from channels.contract import Call, Finding, Inbound, Keys, Malformed, Outbound, Refused, SendError, read_json

KEYS = ("bot_token", "webhook_secret", "webhook_name", "webhook_url")
PER_SECOND, BURST = 10.0, 20  # Webex publishes no numbers; its 429 decides
CHAT_GAP = 0.0

LOOK_BACK = 50  # messages read to find out whether one arrived
SKEW = timedelta(minutes=1)  # that Webex's clock and ours may differ
BOTS = "@webex.bot"  # two bots that answer each other would never stop
MOST_BUTTONS = 5  # that Webex shows in one row
KINDS = {"messages": "message", "attachmentActions": "message", "memberships": "joined"}


def configured(keys: Keys) -> bool:
    return bool(keys.get("bot_token"))


# --- in ---


def verify(keys: Keys, call: Call) -> None:
    if not configured(keys) or not keys.get("webhook_secret"):
        raise Refused("no keys")
    given = keys["webhook_secret"]
    presented = call.headers.get("x-spark-signature", "").encode("utf8", "replace")
    secrets = {given, *(one.strip() for one in given.split(",") if one.strip())}
    signed = [hmac.new(one.encode(), call.body, hashlib.sha1).hexdigest().encode() for one in sorted(secrets)]
    # Each is compared: the time taken tells nothing of which one was near.
    if not any([hmac.compare_digest(presented, one) for one in signed]):
        raise Refused("the signature differs")


def parse(call: Call) -> list[Inbound]:
    """[] = genuine, but nothing for us: what bots wrote (our own comes back), edits, others who join a room."""
    told = read_json(call.body)
    data = told.get("data")
    if not isinstance(data, dict) or not api.text(data, "id"):
        raise Malformed("no data with an id")
    resource = api.text(told, "resource")
    if resource not in KINDS or told.get("event") != "created":
        return []
    if not api.text(data, "roomId"):
        raise Malformed("no room")
    # Who made the webhook is the bot itself.
    person = api.text(data, "personId")
    by_bot = _is_bot(data) or (person != "" and person == told.get("createdBy"))
    if by_bot != (resource == "memberships"):
        return []
    return [_inbound(data, resource)]


def _is_bot(row: Mapping[str, Any]) -> bool:
    return api.text(row, "personEmail").lower().endswith(BOTS)


def _inbound(data: Mapping[str, Any], resource: str) -> Inbound:
    """Known again by what happened, since one webhook may tell twice, and two tell the same."""
    id = api.text(data, "id")
    return Inbound(
        id=f"{resource}:created:{id}",
        kind=KINDS[resource],
        chat=api.text(data, "roomId"),
        person=api.text(data, "personId"),
        email=api.text(data, "personEmail").lower(),
        room=api.text(data, "roomType") == "group",
        source=f"{resource}/{id}",
    )


def read(keys: Keys, inbound: Inbound) -> Inbound | None:
    """The event with its words. None when there are none for us: deleted meanwhile, only a file, our own."""
    resource, _, id = inbound.source.partition("/")
    me = api.about_me(keys)
    if resource == "memberships":
        return inbound if inbound.person == me["id"] else None
    if inbound.person == me["id"]:
        return None
    if resource == "attachmentActions":
        return _read_action(keys, inbound, id)
    row = api.fetched(keys, f"/messages/{api.segment(id)}")
    if row is None or _is_bot(row):
        return None
    group = api.text(row, "roomType") == "group"
    words = webex_words.without_mention(row, me) if group else api.text(row, "text").strip()
    if not words:
        return None
    email = api.text(row, "personEmail").lower() or inbound.email
    return replace(inbound, text=words, email=email, room=group, thread=_thread(row))


def _read_action(keys: Keys, inbound: Inbound, id: str) -> Inbound | None:
    """A pressed button says what it stands for; whose e-mail that is, only the person's page tells."""
    action = api.fetched(keys, f"/attachment/actions/{api.segment(id)}") or {}
    inputs = action.get("inputs")
    said = api.text(inputs, "say").strip() if isinstance(inputs, dict) else ""
    person = api.text(action, "personId")
    if not said or not person:
        return None
    email = api.first_email(api.fetched(keys, f"/people/{api.segment(person)}") or {})
    card = api.fetched(keys, f"/messages/{api.segment(api.text(action, 'messageId'))}") or {}
    group = api.text(card, "roomType") == "group"
    return replace(inbound, text=said, person=person, email=email, room=group, thread=_thread(card))


def _thread(row: Mapping[str, Any]) -> str:
    """The root of the thread that an answer goes to: in a group always one, so that the room stays readable."""
    own = api.text(row, "id") if api.text(row, "roomType") == "group" else ""
    return api.text(row, "parentId") or own


# --- out ---


def parts(out: Outbound) -> list[dict[str, Any]]:
    """The message in pieces that Webex takes; the buttons go with the last one."""
    text, image = str(out.body["text"]), str(out.body.get("image") or "")
    public = urlsplit(image).scheme == "https"  # else Webex could not fetch it
    if image and not public:
        text += f'\n<link type="url" value="{image}">{webex_words.as_data(image)}</link>'
    bodies: list[dict[str, Any]] = [{"markdown": piece} for piece in webex_words.pieces(text)] or [{}]
    if public:
        bodies[-1]["files"] = [image]
    buttons = out.body.get("buttons") or []
    if buttons and (public or not bodies[-1]):  # a file and a card in one message are refused
        bodies += [{"markdown": " · ".join(webex_words.escaped(str(one["title"])) for one in buttons)}]
        bodies = [body for body in bodies if body]
        bodies[-1]["attachments"] = [_card("", buttons)]
    elif buttons:
        bodies[-1]["attachments"] = [_card(bodies[-1]["markdown"], buttons)]
    where = {"toPersonEmail": out.chat} if "@" in out.chat else {"roomId": out.chat}
    root = out.body.get("thread") or out.follows
    thread = {"parentId": root} if root else {}
    return [{**where, **thread, **body} for body in bodies if body]


def _card(markdown: str, buttons: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Where a card can be shown the message's own words are not: so they stand in it too."""
    actions = [_action(button) for button in buttons]
    lines = webex_words.card_lines(markdown)
    body: list[dict[str, Any]] = [
        {"type": "TextBlock", "text": line, "wrap": True, **({"spacing": "Small"} if at else {})}
        for at, line in enumerate(lines)
    ]
    more = range(MOST_BUTTONS, len(actions), MOST_BUTTONS)
    if more:
        starts = range(0, len(actions), MOST_BUTTONS)
        body += [{"type": "ActionSet", "actions": actions[at : at + MOST_BUTTONS]} for at in starts]
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.3",
        "body": body,
        **({} if more else {"actions": actions}),
    }
    return {"contentType": "application/vnd.microsoft.card.adaptive", "content": content}


def _action(button: Mapping[str, Any]) -> dict[str, Any]:
    title = str(button["title"])
    if button.get("url"):
        return {"type": "Action.OpenUrl", "title": title, "url": str(button["url"])}
    return {"type": "Action.Submit", "title": title, "data": {"say": str(button["say"])}}


def send(keys: Keys, out: Outbound, part: Mapping[str, Any], may_send: Callable[[], bool]) -> str:
    """One part. Returns its id."""
    id = api.text(api.call(keys, "POST", "/messages", body=part, may_send=may_send), "id")
    if not id:
        raise SendError("Webex answered without a message", unclear=True)
    return id


def can_find(out: Outbound) -> bool:
    """A bot may read its 1:1 rooms, in a group only what mentions it."""
    return not out.room


def find(keys: Keys, out: Outbound, part: Mapping[str, Any], known: frozenset[str]) -> str | None:
    """The id of the message that an unclear attempt left in a 1:1 room. Webex knows no key of ours, so it is the same
    words by us, newer than the event, under an id that no other message of ours has."""
    to_person = {"personEmail": out.chat} if "@" in out.chat else None
    path, params = ("/messages/direct", to_person) if to_person else ("/messages", {"roomId": out.chat})
    reply = api.request(keys, "GET", path, params={**params, "max": str(LOOK_BACK)})
    if reply.status == 404:  # no such room yet: nothing arrived there
        return None
    me, since = api.about_me(keys)["id"], out.since - SKEW if out.since else None
    wanted = webex_words.letters_of(str(part.get("markdown", "")))
    found = None
    for row in api.items(api.judged(reply).json()):
        if webex_hooks.is_before(api.text(row, "created"), since):
            break
        words = api.text(row, "markdown") or api.text(row, "text")
        if api.text(row, "personId") == me and webex_words.letters_of(words) == wanted:
            found = api.text(row, "id") if api.text(row, "id") not in known else found
    return found


# --- our connection ---


def checks(keys: Keys) -> list[Finding]:
    """Does Webex know us, and is there just one active webhook for each event?"""
    return webex_hooks.look(keys) if configured(keys) else []


def mend(keys: Keys) -> webex_hooks.Mended:
    """Make it so that there is."""
    return webex_hooks.mend(keys) if configured(keys) else webex_hooks.Mended([])


def rooms(keys: Keys, since: datetime) -> list[tuple[str, bool, datetime]]:
    """Where something happened since then: id, whether it is a group, and that time."""
    return webex_hooks.rooms(keys, since)


def missed(keys: Keys, rooms: Sequence[tuple[str, bool, datetime]]) -> list[Inbound]:
    """What was written in these rooms while no webhook told us. Recorded like any other event, so what did reach us
    is not answered twice. Pressed buttons are lost: Webex lists no actions."""
    return [
        _inbound(row, "messages") for row in webex_hooks.missed(keys, rooms) if api.text(row, "id") and not _is_bot(row)
    ]
