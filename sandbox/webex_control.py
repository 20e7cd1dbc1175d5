"""/sandbox/webex/…: what people do in Webex, for the page, tests and benches.

GET  rooms?since=n        {"n", "bot", "rooms": {ID: {title, type, members, messages}}}: those that changed after n
GET  wait?room=ID&messages=N&text=t&timeout=s
                          200 once the room (without it: all together) holds N messages of the bot, and one that
                          contains t; else 504
POST people               {"email", "name"}
POST rooms                {"title", "members": [emails], "bot": true}: a group, the bot added last
POST invite               {"room", "email"}; without email the bot
POST say                  {"as": email, "text", "room": ID, "mention": true, "parent": ID, "files": [URL]}: without
                          a room in the 1:1 room with the bot; in a group the bot is mentioned unless mention is false
POST press                {"as": email, "message": ID, "title": of the button, "inputs": {…}}
POST messages/ID/delete
GET, POST webhooks        with their failures in a row; {"webhooks": [{name, targetUrl, …, "status"}]} plants others
POST webhooks/ID/status   {"status": "active"|"inactive"}
GET, POST settings        {"inactive_after": N, "page": most items on a page}
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.record import Record
from sandbox.server import Request, Response, answer_json
from sandbox.webex import Webex
from sandbox.webex_rooms import BOT_EMAIL, Message, Refusal, Room, buttons

Json = dict[str, Any]


class Wrong(Exception):
    """The request cannot be understood: 400 with this text."""


class WebexControl:
    def __init__(self, webex: Webex, record: Record) -> None:
        self.webex, self.rooms, self.record = webex, webex.rooms, record

    def answer(self, request: Request) -> Response | Awaitable[Response]:
        path = request.path.removeprefix("/sandbox/webex")
        for method, pattern, work in ROUTES:
            match = pattern.fullmatch(path)
            if match and method == request.method:
                try:
                    result = work(self, request, *match.groups())
                except Wrong as wrong:
                    return answer_json({"error": str(wrong)}, 400)
                except Refusal as refused:
                    return answer_json({"error": str(refused)}, refused.status)
                return answer_json(result) if isinstance(result, dict) else result
        return answer_json({"error": f"{path}: no such control; sandbox/webex_control.py lists them"}, 404)

    # looking

    def see_rooms(self, request: Request) -> Json:
        since = request.query.get("since", "0")
        if not re.fullmatch(r"[0-9]{1,15}", since):
            raise Wrong("since must be a whole number")
        changed = [room for room in self.rooms.rooms.values() if room.changed > int(since)]
        return {"n": self.record.n, "bot": self.rooms.me, "rooms": {room.id: self._shown(room) for room in changed}}

    def _shown(self, room: Room) -> Json:
        members = [{"email": one["personEmail"], "name": one["personDisplayName"]} for one in room.members.values()]
        entity = room.entity
        return {
            "title": entity["title"], "type": entity["type"], "members": members,
            "messages": [self._message(message) for message in room.messages],
        }  # fmt: skip

    def _message(self, message: Message) -> Json:
        entity = message.entity
        person = self.rooms.people[entity["personId"]]
        shown = {"n": message.n, "bot": person is self.rooms.me, "name": person["displayName"]}
        return {**entity, **shown, "buttons": buttons(entity)}

    async def wait(self, request: Request) -> Response:
        query = request.query
        room = self.rooms.room(query["room"]) if query.get("room") else None
        try:
            wanted, timeout = int(query.get("messages", "0")), min(float(query.get("timeout", "10")), 600.0)
        except ValueError:
            return answer_json({"error": "messages and timeout must be numbers"}, 400)
        text = query.get("text", "")

        def told() -> list[str]:
            return [
                str(message.entity.get("text", ""))
                for one in ([room] if room else list(self.rooms.rooms.values()))
                for message in one.messages
                if message.entity["personId"] == self.rooms.me["id"]
            ]

        def enough() -> bool:
            found = told()
            return len(found) >= wanted and (not text or any(text in words for words in found))

        arrived = await self.record.wait(enough, room.id if room else "", timeout)
        return answer_json({"messages": len(told())}, 200 if arrived else 504)

    # what people do

    def new_person(self, request: Request) -> Json:
        body = _object(request)
        return self.rooms.new_person(_text(body, "email"), _text(body, "name", ""))

    def new_group(self, request: Request) -> Json:
        body = _object(request)
        members = body.get("members")
        if not isinstance(members, list) or not members:
            raise Wrong('"members" must be a list of e-mail addresses')
        people = [self._person(str(email)) for email in members]
        room = self.rooms.group(_text(body, "title"), people)
        if body.get("bot", True):
            self.rooms.join(room, self.rooms.me)
        return {"room": room.id}

    def invite(self, request: Request) -> Json:
        body = _object(request)
        room = self.rooms.room(_text(body, "room"))
        return self.rooms.join(room, self._person(_text(body, "email", BOT_EMAIL)))

    def say(self, request: Request) -> Json:
        body = _object(request)
        person = self._person(_text(body, "as"))
        room = self.rooms.room(body["room"]) if body.get("room") else self.rooms.direct(person, self.rooms.me)
        words = _text(body, "text", "")
        sent: Json = {"roomId": room.id, "text": words}
        sent |= {name: body[key] for key, name in (("parent", "parentId"), ("files", "files")) if body.get(key)}
        if room.group and body.get("mention", True):
            me, name = self.rooms.me, self.rooms.me["displayName"]
            sent |= {"text": f"{name} {words}", "markdown": f"<@personId:{me['id']}|{name}> {_literal(words)}"}
        return {"room": room.id, "message": self.rooms.post(person, sent)}

    def press(self, request: Request) -> Json:
        body = _object(request)
        id, title = _text(body, "message"), _text(body, "title", "")
        inputs = dict(body.get("inputs") or {})
        if title and id in self.rooms.messages:
            _, message = self.rooms.messages[id]
            fitting = [one for one in buttons(message.entity) if one["title"] == title]
            if not fitting or fitting[0]["type"] != "Action.Submit":
                raise Wrong(f"the card has no button {title!r} to press")
            inputs |= fitting[0].get("data", {})
        return self.rooms.press(self._person(_text(body, "as")), id, inputs)

    def delete(self, request: Request, id: str) -> Json:
        if id not in self.rooms.messages:
            raise Wrong("no such message")
        self.rooms.forget(id)
        return {}

    def _person(self, email: str) -> Json:
        return self.rooms.by_email(email) or self.rooms.new_person(email, "")

    # webhooks and settings

    def get_webhooks(self, request: Request) -> Json:
        hooks = self.webex.webhooks.hooks.values()
        shown = [{key: value for key, value in hook.entity.items() if key != "secret"} for hook in hooks]
        return {"webhooks": [{**entity, "failures": hook.failures} for entity, hook in zip(shown, hooks, strict=True)]}

    def plant_webhooks(self, request: Request) -> Json:
        for one in _object(request).get("webhooks", []):
            self.webex.webhooks.make(one)["status"] = one.get("status", "active")
        return self.get_webhooks(request)

    def set_status(self, request: Request, id: str) -> Json:
        status = _text(_object(request), "status")
        if status not in ("active", "inactive"):
            raise Wrong('"status" must be active or inactive')
        self.webex.webhooks.hook(id).entity["status"] = status
        return self.get_webhooks(request)

    def get_settings(self, request: Request) -> Json:
        return {"inactive_after": self.webex.webhooks.inactive_after, "page": self.webex.page}

    def set_settings(self, request: Request) -> Json:
        body = {**self.get_settings(request), **_object(request)}
        for name in ("inactive_after", "page"):
            if isinstance(body[name], bool) or not isinstance(body[name], int) or body[name] < 1:
                raise Wrong(f'"{name}" must be a whole number from 1')
        self.webex.webhooks.inactive_after, self.webex.page = body["inactive_after"], body["page"]
        return self.get_settings(request)


def _literal(words: str) -> str:
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|>])", r"\\\1", words).replace("<", "&lt;").replace("\n", "  \n")


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


Work = Callable[..., Any]


def _routes(*routes: tuple[str, str, Work]) -> list[tuple[str, re.Pattern[str], Work]]:
    return [(method, re.compile(path.replace("*", "([^/]+)")), work) for method, path, work in routes]


ROUTES = _routes(
    ("GET", "/rooms", WebexControl.see_rooms),
    ("GET", "/wait", WebexControl.wait),
    ("POST", "/people", WebexControl.new_person),
    ("POST", "/rooms", WebexControl.new_group),
    ("POST", "/invite", WebexControl.invite),
    ("POST", "/say", WebexControl.say),
    ("POST", "/press", WebexControl.press),
    ("POST", "/messages/*/delete", WebexControl.delete),
    ("GET", "/webhooks", WebexControl.get_webhooks),
    ("POST", "/webhooks", WebexControl.plant_webhooks),
    ("POST", "/webhooks/*/status", WebexControl.set_status),
    ("GET", "/settings", WebexControl.get_settings),
    ("POST", "/settings", WebexControl.set_settings),
)
