"""Webex bots. https://developer.webex.com/messaging/docs/api/v1/messages

A webhook tells that there is a message, not what it says: a worker fetches the text by its id.
"""

import hashlib
import hmac
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urlsplit

from channels import http
from channels.contract import (
    Call,
    Finding,
    Inbound,
    Keys,
    Malformed,
    Outbound,
    Refused,
    SendError,
    read_json,
)

KEYS = ("bot_token", "webhook_secret", "webhook_name")
PER_SECOND, BURST = 10.0, 20  # Webex publishes no numbers; its 429 decides
CHAT_GAP = 0.0

LONGEST = 7439  # bytes of UTF-8, in `markdown` and in `text`
LOOK_BACK = 50
MOST_PAGES = 20
ME_FRESH = 600.0  # seconds that who we are is believed
BOTS = "@webex.bot"  # two bots that answer each other would never stop
WANTED = (  # purpose, resource, event. No filters: a bot gets its 1:1 messages and its mentions only
    ("messages", "messages", "created"),
    ("actions", "attachmentActions", "created"),
    ("memberships", "memberships", "created"),
)


def configured(keys: Keys) -> bool:
    return bool(keys.get("bot_token"))


# --- in ---


def verify(keys: Keys, call: Call) -> None:
    if not configured(keys):
        raise Refused("no keys")
    expected = hmac.new(keys["webhook_secret"].encode(), call.body, hashlib.sha1).hexdigest()
    presented = call.headers.get("x-spark-signature", "")
    if not hmac.compare_digest(presented.lower().encode("utf8", "replace"), expected.encode()):
        raise Refused("the signature differs")


def parse(call: Call) -> list[Inbound]:
    """[] = genuine, but nothing for us: what bots wrote (our own comes back), edits, others who join a room."""
    told = read_json(call.body)
    data = told.get("data")
    if not isinstance(data, dict) or not _text(data, "id"):
        raise Malformed("no data with an id")
    resource, event = _text(told, "resource"), _text(told, "event")
    if event != "created":
        return []
    if resource == "messages":
        return [] if _text(data, "personEmail").endswith(BOTS) else [_inbound(data, "message")]
    if resource == "attachmentActions":
        return [_inbound(data, "pressed")]
    if resource == "memberships" and _text(data, "personEmail").endswith(BOTS):
        return [_inbound(data, "joined")]
    return []


def _inbound(data: Mapping[str, Any], kind: str) -> Inbound:
    """Dedupe is by what happened, since one webhook may tell twice, and two tell the same."""
    resource = {"message": "messages", "pressed": "attachmentActions", "joined": "memberships"}[kind]
    return Inbound(
        id=f"{resource}:created:{_text(data, 'id')}",
        kind="joined" if kind == "joined" else "message",
        chat=_text(data, "roomId"),
        person=_text(data, "personId"),
        email=_text(data, "personEmail").lower(),
        room=_text(data, "roomType") == "group",
        source=f"{resource}/{_text(data, 'id')}",
    )


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def read(keys: Keys, inbound: Inbound) -> Inbound | None:
    """The event with its words. None when there are none for us: deleted meanwhile, only a file, our own."""
    resource, _, id = inbound.source.partition("/")
    me = about_me(keys)
    if resource == "memberships":
        return inbound if inbound.person == me["id"] else None
    if inbound.person == me["id"]:
        return None
    if resource == "attachmentActions":
        return _read_action(keys, inbound, id)
    row = _fetched(keys, f"/messages/{quote(id, safe='')}")
    if row is None or _text(row, "personEmail").endswith(BOTS):
        return None
    words = _without_mention(row, me)
    if not words:
        return None
    return replace(
        inbound,
        text=words,
        email=_text(row, "personEmail").lower() or inbound.email,
        room=_text(row, "roomType") == "group",
        thread=_text(row, "parentId") or (id if _text(row, "roomType") == "group" else ""),
    )


def _read_action(keys: Keys, inbound: Inbound, id: str) -> Inbound | None:
    """A pressed button says what it stands for; whose e-mail that is, only the person's page tells."""
    action = _fetched(keys, f"/attachment/actions/{quote(id, safe='')}")
    inputs = action.get("inputs") if action else None
    said = _text(inputs, "say") if isinstance(inputs, dict) else ""
    if action is None or not said:
        return None
    person = _fetched(keys, f"/people/{quote(_text(action, 'personId'), safe='')}") or {}
    emails = person.get("emails")
    email = str(emails[0]).lower() if isinstance(emails, list) and emails else ""
    card = _fetched(keys, f"/messages/{quote(_text(action, 'messageId'), safe='')}") or {}
    group = _text(card, "roomType") == "group"
    thread = _text(card, "parentId") or (_text(card, "id") if group else "")
    return replace(inbound, text=said, email=email, room=group, thread=thread)


def _fetched(keys: Keys, path: str) -> dict[str, Any] | None:
    """None when it is not there, or not for us to see. Straight after its event a 404 may be a matter of moments."""
    for pause in (0.3, 1.0, None):
        reply = _request(keys, "GET", path)
        if reply.status == 404 and pause is not None:
            time.sleep(pause)
            continue
        if reply.status in (403, 404):
            return None
        return _judged(reply).json()
    return None


class _Mentions(HTMLParser):
    """The text of a message's HTML without the mention of one person."""

    def __init__(self, person: str) -> None:
        super().__init__(convert_charrefs=True)
        self.person, self.words, self.inside, self.found = person, list[str](), False, False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "spark-mention" and dict(attrs).get("data-object-id") == self.person:
            self.inside = self.found = True
        elif tag in ("br", "p", "li", "div") and self.words:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "spark-mention":
            self.inside = False

    def handle_data(self, data: str) -> None:
        if not self.inside:
            self.words.append(data)


def _without_mention(row: Mapping[str, Any], me: Mapping[str, str]) -> str:
    """What was said to the bot: the mention itself is no part of it."""
    text = _text(row, "text").strip()
    if _text(row, "roomType") != "group":
        return text
    mentions = _Mentions(me["id"])
    mentions.feed(_text(row, "html"))
    if mentions.found:
        return re.sub(r"[ \t\xa0]+", " ", "".join(mentions.words)).strip()
    # Clients may show the whole display name or its first word, usually first.
    for name in (me["name"], me["name"].split(" ")[0]):
        if name and text.lower().startswith(name.lower()):
            return text[len(name) :].lstrip(" ,:").strip()
    return text


_me_turn = threading.Lock()
_me: dict[tuple[str, str], tuple[float, dict[str, str]]] = {}


def about_me(keys: Keys) -> dict[str, str]:
    """The bot's own id, name and e-mail."""
    about = (keys["api_url"], keys["bot_token"])
    with _me_turn:
        at, found = _me.get(about, (float("-inf"), {}))
        if time.monotonic() - at > ME_FRESH:
            row = _call(keys, "GET", "/people/me")
            emails = row.get("emails")
            email = str(emails[0]) if isinstance(emails, list) and emails else ""
            found = {"id": _text(row, "id"), "name": _text(row, "displayName"), "email": email}
            _me[about] = (time.monotonic(), found)
    return found


# --- out ---


def parts(out: Outbound) -> list[dict[str, Any]]:
    """The message in pieces that Webex takes; the buttons go with the last one."""
    pieces = _cut(_markdown(str(out.body["text"])), LONGEST)
    bodies: list[dict[str, Any]] = [{"markdown": piece} for piece in pieces]
    image = out.body.get("image")
    if image and urlsplit(str(image)).scheme == "https":
        bodies[-1]["files"] = [image]
    buttons = out.body.get("buttons") or []
    if buttons:
        if "files" in bodies[-1]:  # a file and a card in one message are refused
            bodies.append({"markdown": " · ".join(_escaped(str(button["title"])) for button in buttons)})
        bodies[-1]["attachments"] = [_card(buttons)]
    where: dict[str, str] = {"toPersonEmail": out.chat} if "@" in out.chat else {"roomId": out.chat}
    thread = out.body.get("thread")
    return [{**where, **({"parentId": thread} if thread else {}), **body} for body in bodies]


def _card(buttons: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    actions = [
        {"type": "Action.OpenUrl", "title": str(button["title"]), "url": button["url"]}
        if button.get("url")
        else {"type": "Action.Submit", "title": str(button["title"]), "data": {"say": str(button["say"])}}
        for button in buttons[:5]
    ]
    return {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "content": {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.3",
            "body": [],
            "actions": actions,
        },
    }


_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|>])")
_TAG = re.compile(r"<(/?)(b|i|link)([^>]*)>|\n")


def _escaped(words: str) -> str:
    """Nothing that a person wrote becomes markup, a link or a mention."""
    return _SPECIAL.sub(r"\\\1", words).replace("<", "&lt;")


def _markdown(text: str) -> str:
    """Our markup as Webex's markdown."""
    made, at, address = "", 0, ""
    for found in _TAG.finditer(text):
        made += _escaped(unescape(text[at : found.start()]))
        at = found.end()
        closes, tag = found[1], found[2]
        if tag == "b":
            made += "**"
        elif tag == "i":
            made += "_"
        elif tag == "link" and not closes:
            value = re.search(r'value="([^"]*)"', found[3])
            address = unescape(value[1]) if value else ""
            made += "["
        elif tag == "link":
            made += f"]({quote(address, safe='%/:=&?~#+!$,;@*')})"
        else:
            made += "  \n"  # a hard line break: a single newline would be a space
    return made + _escaped(unescape(text[at:]))


def _cut(words: str, most: int) -> list[str]:
    """Pieces of at most so many bytes, cut between lines where there are any, never within a character."""
    pieces, piece = [], ""
    for line in re.split(r"(?<=\n)", words):
        while len((piece + line).encode()) > most:
            if piece.strip():
                pieces.append(piece.rstrip())
                piece = ""
                continue
            head = line.encode()[:most].decode(errors="ignore")
            head = head[:-1] if head.endswith("\\") else head  # an escape stays with what it escapes
            pieces.append(head)
            line = line[len(head) :]
        piece += line
    return [*pieces, piece.rstrip()] if piece.strip() or not pieces else pieces


def send(keys: Keys, body: Mapping[str, Any], may_send: Callable[[], bool]) -> str:
    """One part. Returns its id."""
    id = _text(_call(keys, "POST", "/messages", body=body, may_send=may_send), "id")
    if not id:
        raise SendError("Webex answered without a message", unclear=True)
    return id


def can_find(out: Outbound) -> bool:
    """A bot may read its 1:1 rooms, in a group only what mentions it."""
    return not out.room and "@" not in out.chat


def find(keys: Keys, out: Outbound, body: Mapping[str, Any], known: frozenset[str]) -> str | None:
    """The id of the message that an unclear attempt left in a 1:1 room. Webex knows no key of ours, so it is the same
    words by us, newer than the event, under an id that no other message of ours has."""
    listed = _call(keys, "GET", "/messages", params={"roomId": out.chat, "max": str(LOOK_BACK)}).get("items")
    me = about_me(keys)["id"]
    for row in listed if isinstance(listed, list) else []:
        if not isinstance(row, dict) or _text(row, "personId") != me or _text(row, "id") in known:
            continue
        if _is_before(_text(row, "created"), out.since):
            break
        if _same(_text(row, "markdown"), str(body["markdown"])):
            return _text(row, "id")
    return None


def _is_before(created: str, since: datetime | None) -> bool:
    try:
        return since is not None and datetime.fromisoformat(created) < since
    except ValueError:
        return False


def _same(one: str, other: str) -> bool:
    return "".join(one.split()) == "".join(other.split())


# --- webhooks ---


def checks(keys: Keys) -> list[Finding]:
    """Is there just one active webhook for each event? Makes it so: lists, keeps, mends, deletes what is stale."""
    if not configured(keys):
        return []
    try:
        about_me(keys)
        return _mend_webhooks(keys)
    except SendError as error:
        mend = "Compare WEBEX_BOT_TOKEN with developer.webex.com: regenerating a token ends the old one."
        return [Finding("keys", False, error.reason, mend if error.permanent else "Look again in a minute.")]


def _mend_webhooks(keys: Keys) -> list[Finding]:
    mine, found = _mine(keys), []
    for purpose, resource, event in WANTED:
        wanted = {"name": f"{keys['webhook_name']}:{purpose}", "resource": resource, "event": event, "filter": ""}
        same = [hook for hook in mine if all(_text(hook, key) == value for key, value in wanted.items())]
        same.sort(key=lambda hook: _text(hook, "status") != "active")
        found.append(_kept(keys, purpose, same) if same else _made(keys, purpose, wanted))
        for extra in same[1:]:
            _delete(keys, extra)
        mine = [hook for hook in mine if hook not in same]
    for stale in mine:
        _delete(keys, stale)
    return found


def _mine(keys: Keys) -> list[dict[str, Any]]:
    """Those whose name begins with our prefix; others belong to other installations of the same bot."""
    path, found = "/webhooks?max=100", list[dict[str, Any]]()
    for _ in range(MOST_PAGES):
        reply = _judged(_request(keys, "GET", path))
        items = reply.json().get("items")
        found += [hook for hook in items if isinstance(hook, dict)] if isinstance(items, list) else []
        path = _next_page(keys, reply.headers.get("link", ""))
        if not path:
            break
    return [hook for hook in found if _text(hook, "name").startswith(f"{keys['webhook_name']}:")]


def _next_page(keys: Keys, link: str) -> str:
    """Followed as given, and only to the API itself."""
    match = re.search(r'<([^>]+)>;\s*rel="?next"?', link)
    base = f"{keys['api_url']}/v1"
    return match[1].removeprefix(base) if match and match[1].startswith(base + "/") else ""


def _kept(keys: Keys, purpose: str, same: Sequence[Mapping[str, Any]]) -> Finding:
    """Always written anew: whether the secret kept there is ours cannot be read back reliably."""
    hook, name = same[0], f"webhook {purpose}"
    was_off = _text(hook, "status") != "active"
    body = {
        "name": hook["name"],
        "targetUrl": keys["webhook_url"],
        "secret": keys["webhook_secret"],
        "status": "active",
    }
    _call(keys, "PUT", f"/webhooks/{quote(_text(hook, 'id'), safe='')}", body=body)
    if was_off:
        return Finding(name, True, f"{name} was switched off by Webex, and is active again", level="revived")
    return Finding(name, True, f"{name} is active")


def _made(keys: Keys, purpose: str, wanted: Mapping[str, str]) -> Finding:
    body = {key: value for key, value in wanted.items() if value}
    body |= {"targetUrl": keys["webhook_url"], "secret": keys["webhook_secret"]}
    _call(keys, "POST", "/webhooks", body=body)
    return Finding(f"webhook {purpose}", True, f"webhook {purpose} is new", level="revived")


def _delete(keys: Keys, hook: Mapping[str, Any]) -> None:
    reply = _request(keys, "DELETE", f"/webhooks/{quote(_text(hook, 'id'), safe='')}")
    if reply.status != 404:  # somebody else deleted it already
        _judged(reply)


def missed(keys: Keys, rooms: Sequence[tuple[str, bool]], since: datetime) -> list[Inbound]:
    """What was written in these rooms (id, whether it is a group) while no webhook told us. Recorded like any other
    event, so what did reach us is not answered twice."""
    found = []
    for room, group in rooms:
        params = {"roomId": room, "max": str(LOOK_BACK)} | ({"mentionedPeople": "me"} if group else {})
        reply = _request(keys, "GET", "/messages", params=params)
        if reply.status in (403, 404):  # the room is gone, or we are no longer in it
            continue
        items = _judged(reply).json().get("items")
        for row in items if isinstance(items, list) else []:
            if not isinstance(row, dict) or _is_before(_text(row, "created"), since):
                break
            if _text(row, "id") and not _text(row, "personEmail").endswith(BOTS):
                found.append(_inbound({**row, "roomId": room}, "message"))
    return found[::-1]


# --- calling ---


def _call(
    keys: Keys,
    method: str,
    path: str,
    params: Mapping[str, str] | None = None,
    body: Any = None,
    may_send: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    return _judged(_request(keys, method, path, params, body, may_send), sending=method == "POST").json()


def _request(
    keys: Keys,
    method: str,
    path: str,
    params: Mapping[str, str] | None = None,
    body: Any = None,
    may_send: Callable[[], bool] | None = None,
) -> http.Reply:
    headers = {"authorization": f"Bearer {keys['bot_token']}"}
    return http.call(
        method, f"{keys['api_url']}/v1{path}", headers=headers, params=params, body=body, may_send=may_send
    )


def _judged(reply: http.Reply, sending: bool = False) -> http.Reply:
    if reply.status in (200, 202, 204):
        return reply
    told = f"Webex {reply.status}: {_text(reply.json(), 'message')[:200]}".rstrip(": ")
    if reply.status == 429:
        raise SendError(told, retry_after=_seconds(reply.headers.get("retry-after", "")), whole_channel=True)
    if reply.status == 423:
        raise SendError(told, retry_after=_seconds(reply.headers.get("retry-after", "")))
    if reply.status >= 500:  # a gateway may answer for a message that was taken
        raise SendError(told, unclear=sending)
    raise SendError(told, permanent=True)


def _seconds(header: str) -> float:
    try:
        return min(max(float(header), 0.5), 3600.0)
    except ValueError:
        return 15.0  # what Webex's own samples wait when it names no time
