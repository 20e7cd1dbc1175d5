"""Webex's messaging API, as far as the wire notes describe it. https://developer.webex.com/messaging/docs/api"""

import asyncio
import hmac
import re
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from sandbox.faults import Faults, Rule
from sandbox.record import Record
from sandbox.server import MANNERS, Request, Response, answer_json
from sandbox.webex_rooms import Message, Refusal, Room, Rooms, check_message
from sandbox.webex_webhooks import Webhooks

Json = dict[str, Any]

PREFIX = "/v1"
CHANNEL = "webex"
MOST_PER_PAGE = 100
MOST_MESSAGES, MOST_MENTIONS = 1000, 100
MOST_EDITS = 10
UNAUTHORISED = "The request requires a valid access token set in the Authorization request header."


class Webex:
    def __init__(self, keys: Json, origin: str, record: Record, faults: Faults) -> None:
        self.token = str(keys["bot_token"])
        self.origin, self.record, self.faults = origin, record, faults
        self.rooms = Rooms(record, self.token)
        self.webhooks = Webhooks(self.rooms, faults, record)
        self.clear()

    def clear(self) -> None:
        self.rooms.clear()
        self.webhooks.clear()
        self.page = MOST_PER_PAGE  # most items on a page, whatever is asked for
        self.edits: dict[str, int] = {}

    def answer(self, request: Request) -> Response | asyncio.Future[Response]:
        """One API call: the fault that is due, the work, a line in the record."""
        began, room = time.perf_counter(), self._about(request)
        rule = self.faults.for_call(request.method, request.path, room, CHANNEL)
        if rule is not None and rule.do == "slow":
            return asyncio.ensure_future(self._slowly(rule, request, room, began))
        response = self._work(request) if rule is None else self._faulty(rule, request)
        self._note(request, response, room, began, rule)
        return response

    async def _slowly(self, rule: Rule, request: Request, room: str, began: float) -> Response:
        await asyncio.sleep(rule.seconds)
        response = self._work(request)
        self._note(request, response, room, began, rule)
        return response

    def _about(self, request: Request) -> str:
        """The room that a call is about, for the fault dial and the record."""
        if "roomId" in request.query:
            return request.query["roomId"]
        found = re.match(rf"{PREFIX}/(?:messages|rooms)/([^/]+)$", request.path)
        if found:
            room, _ = self.rooms.messages.get(found[1], (None, None))
            return room.id if room else found[1]
        try:
            body = request.json() if request.method == "POST" else {}
        except ValueError:
            return ""
        return str(body.get("roomId") or "") if isinstance(body, dict) else ""

    def _note(self, request: Request, response: Response, room: str, began: float, rule: Rule | None) -> None:
        entry = {
            "at": self.record.now(), "channel": CHANNEL, "method": request.method, "path": request.path,
            "status": 0 if response.manner in ("drop", "reset", "hang") else response.status,
            "ms": round((time.perf_counter() - began) * 1000, 2), "chat": room,
        }  # fmt: skip
        if rule is not None:
            entry["fault"] = rule.do
        self.record.request(entry)

    def _faulty(self, rule: Rule, request: Request) -> Response:
        response = self._work(request) if rule.stored else Response()
        if rule.do == "429":
            return refusal(429, "Too many requests.", {"Retry-After": f"{max(round(rule.seconds), 1)}"})
        if rule.do == "404":
            return refusal(404, "Unable to get message.")
        if rule.do == "500":
            return refusal(500, "Internal server error.")
        if rule.do == "html":
            page = b"<!doctype html><title>502 Bad Gateway</title><h1>502 Bad Gateway</h1>"
            return Response(rule.status, page, {"Content-Type": "text/html", "Trackingid": tracking_id()})
        if rule.do == "empty":
            return Response(200, b"", {"Content-Type": "application/json", "Trackingid": tracking_id()})
        response.manner, response.seconds = MANNERS[rule.do], rule.seconds
        return response

    def _work(self, request: Request) -> Response:
        try:
            self._check_token(request)
            return self._route(request)
        except Refusal as refused:
            return refusal(refused.status, str(refused))

    def _check_token(self, request: Request) -> None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(token.encode(), self.token.encode())
        if kind != "Bearer" or not self.token or not right:
            raise Refusal(401, UNAUTHORISED)

    def _route(self, request: Request) -> Response:
        path, allowed = request.path.removeprefix(PREFIX), False
        for method, pattern, work in ROUTES:
            match = pattern.fullmatch(path)
            if match and method == request.method:
                result = work(self, request, *match.groups())
                return result if isinstance(result, Response) else answered(result)
            allowed = allowed or match is not None
        raise Refusal(405 if allowed else 404, "The requested resource could not be found.")

    def _paged(self, request: Request, items: list[Json]) -> Response:
        """`max` of them, and where the next ones are."""
        size = min(_whole(request, "max", MOST_PER_PAGE, MOST_MESSAGES), self.page)
        start = _whole(request, "cursor", 0, len(items))
        headers = {}
        if start + size < len(items):
            query = urlencode({**request.query, "max": size, "cursor": start + size})
            headers["Link"] = f'<{self.origin}{request.path}?{query}>; rel="next"'
        return answered({"items": items[start : start + size]}, headers)

    # webhooks

    def post_webhook(self, request: Request) -> Json:
        return self.webhooks.make(_object(request))

    def list_webhooks(self, request: Request) -> Response:
        return self._paged(request, [hook.entity for hook in self.webhooks.hooks.values()])

    def get_webhook(self, request: Request, id: str) -> Json:
        return self.webhooks.hook(id).entity

    def put_webhook(self, request: Request, id: str) -> Json:
        return self.webhooks.change(id, _object(request))

    def delete_webhook(self, request: Request, id: str) -> Response:
        self.webhooks.delete(id)
        return nothing()

    # messages

    def post_message(self, request: Request) -> Json:
        return self.rooms.post(self.rooms.me, _object(request))

    def list_messages(self, request: Request) -> Response:
        room = self._mine(request.query.get("roomId", ""))
        mentions = request.query.get("mentionedPeople")
        if room.group and mentions != "me":
            raise Refusal(403, "Bots may list messages of a group that mention them only: mentionedPeople=me.")
        most = _whole(request, "max", 50, MOST_MENTIONS if mentions else MOST_MESSAGES)
        me = self.rooms.me["id"]
        found = [one.entity for one in reversed(room.messages)]
        if room.group:
            found = [one for one in found if me in one.get("mentionedPeople", [])]
        if "parentId" in request.query:
            found = [one for one in found if one.get("parentId") == request.query["parentId"]]
        if "before" in request.query:
            found = [one for one in found if one["created"] < request.query["before"]]
        if "beforeMessage" in request.query:
            ids = [one["id"] for one in found]
            found = (
                found[ids.index(request.query["beforeMessage"]) + 1 :] if request.query["beforeMessage"] in ids else []
            )
        return answered({"items": found[:most]})

    def list_direct(self, request: Request) -> Response:
        email, id = request.query.get("personEmail", ""), request.query.get("personId", "")
        person = self.rooms.by_email(email) if email else self.rooms.by_id(id)
        if person is None:
            raise Refusal(404, "Could not find a person with provided ID.")
        room = self.rooms.known_direct(self.rooms.me, person)
        if room is None:
            raise Refusal(404, "Could not find a room with provided ID.")
        return answered({"items": [one.entity for one in reversed(room.messages)][: _whole(request, "max", 50, 1000)]})

    def get_message(self, request: Request, id: str) -> Json:
        return self._visible(id).entity

    def put_message(self, request: Request, id: str) -> Json:
        message, body = self._visible(id), _object(request)
        if message.entity["personId"] != self.rooms.me["id"]:
            raise Refusal(403, "You are not allowed to edit this message.")
        if self.edits.get(id, 0) >= MOST_EDITS:
            raise Refusal(400, "A message can be edited at most 10 times.")
        if body.get("files") or body.get("attachments") or message.entity.get("attachments"):
            raise Refusal(400, "Files and cards cannot be edited.")
        check_message({"roomId": body.get("roomId"), "text": body.get("text"), "markdown": body.get("markdown")})
        self.edits[id] = self.edits.get(id, 0) + 1
        return self.rooms.edit(message, body)

    def delete_message(self, request: Request, id: str) -> Response:
        if self._visible(id).entity["personId"] != self.rooms.me["id"]:
            raise Refusal(403, "You are not allowed to delete this message.")
        self.rooms.forget(id)
        return nothing()

    def _visible(self, id: str) -> Message:
        """As the bot sees it: in a group only what mentions it, and its own."""
        room, message = self.rooms.messages.get(id, (None, None))
        me = self.rooms.me["id"]
        if room is None or message is None or me not in room.members:
            raise Refusal(404, "Unable to get message.")
        seen = not room.group or message.entity["personId"] == me or me in message.entity.get("mentionedPeople", [])
        if not seen:
            raise Refusal(404, "Unable to get message.")
        return message

    def _mine(self, id: str) -> Room:
        if not id:
            raise Refusal(400, "roomId is required.")
        room = self.rooms.room(id)
        if self.rooms.me["id"] not in room.members:
            raise Refusal(404, "Could not find a room with provided ID.")
        return room

    def get_action(self, request: Request, id: str) -> Json:
        action = self.rooms.actions.get(id)
        if action is None:
            raise Refusal(404, "Could not find an attachment action with provided ID.")
        return action

    # people and rooms

    def get_me(self, request: Request) -> Json:
        return self.rooms.me

    def get_person(self, request: Request, id: str) -> Json:
        person = self.rooms.by_id(id)
        if person is None:
            raise Refusal(404, "Could not find a person with provided ID.")
        return person

    def list_people(self, request: Request) -> Response:
        person = self.rooms.by_email(request.query.get("email", ""))
        return self._paged(request, [person] if person else [])

    def list_memberships(self, request: Request) -> Response:
        if "roomId" in request.query:
            return self._paged(request, list(self._mine(request.query["roomId"]).members.values()))
        me = self.rooms.me["id"]
        mine = [room.members[me] for room in self.rooms.rooms.values() if me in room.members]
        return self._paged(request, mine)

    def list_rooms(self, request: Request) -> Response:
        kind, me = request.query.get("type"), self.rooms.me["id"]
        mine = [room.entity for room in self.rooms.rooms.values() if me in room.members]
        found = [one for one in mine if kind in (None, one["type"])]
        if request.query.get("sortBy") == "lastactivity":
            found.sort(key=lambda one: str(one["lastActivity"]), reverse=True)
        return self._paged(request, found)

    def get_room(self, request: Request, id: str) -> Json:
        return self._mine(id).entity


def tracking_id() -> str:
    return f"ROUTER_{str(uuid.uuid4()).upper()}"


def answered(content: Json, headers: dict[str, str] | None = None) -> Response:
    return answer_json(content, 200, {"Trackingid": tracking_id(), **(headers or {})})


def nothing() -> Response:
    return Response(204, b"", {"Trackingid": tracking_id()})


def refusal(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    tracking = tracking_id()
    error = {"message": message, "errors": [{"description": message}], "trackingId": tracking}
    return answer_json(error, status, {"Trackingid": tracking, **(headers or {})})


def _object(request: Request) -> Json:
    kind = request.headers.get("content-type", "")
    if not kind.startswith("application/json"):
        raise Refusal(415, f"Content type '{kind}' not supported")
    try:
        body = request.json()
    except ValueError:
        raise Refusal(400, "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Refusal(400, "The body is not a JSON object.")
    return body


def _whole(request: Request, name: str, default: int, most: int) -> int:
    value = request.query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,6}", value):
        raise Refusal(400, f"{name} must be a whole number.")
    return min(int(value), most)


def _routes(*routes: tuple[str, str, Callable[..., Any]]) -> list[tuple[str, re.Pattern[str], Callable[..., Any]]]:
    return [(method, re.compile(path.replace("*", "([^/]+)")), work) for method, path, work in routes]


ROUTES = _routes(
    ("POST", "/webhooks", Webex.post_webhook),
    ("GET", "/webhooks", Webex.list_webhooks),
    ("GET", "/webhooks/*", Webex.get_webhook),
    ("PUT", "/webhooks/*", Webex.put_webhook),
    ("DELETE", "/webhooks/*", Webex.delete_webhook),
    ("POST", "/messages", Webex.post_message),
    ("GET", "/messages", Webex.list_messages),
    ("GET", "/messages/direct", Webex.list_direct),
    ("GET", "/messages/*", Webex.get_message),
    ("PUT", "/messages/*", Webex.put_message),
    ("DELETE", "/messages/*", Webex.delete_message),
    ("GET", "/attachment/actions/*", Webex.get_action),
    ("GET", "/people/me", Webex.get_me),
    ("GET", "/people/*", Webex.get_person),
    ("GET", "/people", Webex.list_people),
    ("GET", "/memberships", Webex.list_memberships),
    ("GET", "/rooms", Webex.list_rooms),
    ("GET", "/rooms/*", Webex.get_room),
)
