"""/sandbox/google_chat/…: what people do in Google Chat, for the page, tests and benches.

GET  spaces?since=n       {"n", "spaces": {NAME: {title, dm, members, bot, messages}}}: those that changed after n
GET  wait?space=NAME&messages=N&text=t&timeout=s
                          200 once the space (without it: all together) holds N messages of the app, and one that
                          contains t; else 504
POST people               {"email", "name"}
POST spaces               {"title", "members": [e-mails], "dm": false, "bot": true}: the app is added, and told so
POST add, remove          {"space", "as": e-mail, "text": said with the mention that adds it}
POST say                  {"as": e-mail, "space", "text", "mention": true, "thread": NAME}: in a space the app hears
                          only what mentions it
POST command              {"as": e-mail, "space", "id": number, "name": "/…", "text"}; without a name a quick command
POST press                {"as": e-mail, "message": NAME, "title": of the button}
GET, POST settings        {"form": "classic"|"addon", "audience": "url"|"number", "gap": seconds between two writes,
                          "retry_after": whether a 429 says how long}
POST token                {"claims": {…}, "header": {…}}: as Google would sign it; null takes a claim away
POST forget_tokens        the app's own tokens count no longer
GET  broken               answers that people would see as an error
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.google_chat import GoogleChat
from sandbox.google_chat_events import AUDIENCES, FORMS
from sandbox.google_chat_spaces import APP, APP_NAME, Json, Message, Refusal, Space, buttons
from sandbox.record import Record
from sandbox.server import Request, Response, answer_json


class Wrong(Exception):
    """The request cannot be understood: 400 with this text."""


class GoogleChatControl:
    def __init__(self, chat: GoogleChat, record: Record) -> None:
        self.chat, self.spaces, self.events, self.record = chat, chat.spaces, chat.events, record

    def answer(self, request: Request) -> Response | Awaitable[Response]:
        path = request.path.removeprefix("/sandbox/google_chat/")
        work = ROUTES.get((request.method, path))
        if work is None:
            return answer_json({"error": f"{path}: no such control; sandbox/google_chat_control.py lists them"}, 404)
        try:
            result = work(self, request)
        except Wrong as wrong:
            return answer_json({"error": str(wrong)}, 400)
        except Refusal as refused:
            return answer_json({"error": str(refused)}, refused.status)
        return answer_json(result) if isinstance(result, dict) else result

    # looking

    def see_spaces(self, request: Request) -> Json:
        since = request.query.get("since", "0")
        if not re.fullmatch(r"[0-9]{1,15}", since):
            raise Wrong("since must be a whole number")
        changed = [space for space in self.spaces.spaces.values() if space.changed > int(since)]
        return {"n": self.record.n, "spaces": {space.name: self._shown(space) for space in changed}}

    def _shown(self, space: Space) -> Json:
        people = [self.spaces.person(email) for email in space.members]
        members = [{"email": one["email"], "name": one["displayName"], "id": one["name"]} for one in people]
        return {
            "title": space.entity.get("displayName", ""), "dm": space.is_dm, "bot": space.bot, "members": members,
            "messages": [self._message(message) for message in space.messages],
        }  # fmt: skip

    def _message(self, message: Message) -> Json:
        entity = message.entity
        shown = {"n": message.n, "bot": entity["sender"]["type"] == "BOT", "request_id": message.request_id}
        return {**entity, **shown, "buttons": buttons(entity)}

    async def wait(self, request: Request) -> Response:
        query = request.query
        space = self.spaces.any_space(query["space"]) if query.get("space") else None
        try:
            wanted, timeout = int(query.get("messages", "0")), min(float(query.get("timeout", "10")), 600.0)
        except ValueError:
            return answer_json({"error": "messages and timeout must be numbers"}, 400)

        def told() -> list[str]:
            everywhere = [space] if space else list(self.spaces.spaces.values())
            every = [message.entity for one in everywhere for message in one.messages]
            return [str(one.get("text", "")) for one in every if one["sender"]["type"] == "BOT"]

        def enough() -> bool:
            found, text = told(), query.get("text", "")
            return len(found) >= wanted and (not text or any(text in words for words in found))

        arrived = await self.record.wait(enough, space.name if space else "", timeout)
        return answer_json({"messages": len(told())}, 200 if arrived else 504)

    def broken(self, request: Request) -> Json:
        return {"broken": self.events.broken}

    # what people do

    def new_person(self, request: Request) -> Json:
        body = _object(request)
        return self.spaces.person(_text(body, "email"), _text(body, "name", ""))

    def new_space(self, request: Request) -> Json:
        body = _object(request)
        members = body.get("members")
        if not isinstance(members, list) or not members:
            raise Wrong('"members" must be a list of e-mail addresses')
        space = self.spaces.make(_text(body, "title", ""), [str(one) for one in members], body.get("dm") is True)
        if body.get("bot", True):
            self._add(space, str(members[0]), "")
        return {"space": space.name}

    def add(self, request: Request) -> Json:
        body = _object(request)
        self._add(self._space(body), _text(body, "as"), _text(body, "text", ""))
        return {}

    def _add(self, space: Space, email: str, words: str) -> None:
        space.bot = True
        self.spaces.touch(space)
        person = self._person(space, email)
        if not words:
            self.events.tell("ADDED_TO_SPACE", space, person)
            return
        message = self._posted(space, person, words, "ADD")
        self.events.tell("ADDED_TO_SPACE", space, person, message=message)
        if self.events.form == "addon":  # told in two steps there
            self.events.tell("MESSAGE", space, person, message=message)

    def remove(self, request: Request) -> Json:
        body = _object(request)
        space = self._space(body)
        space.bot = False
        self.spaces.touch(space)
        if body.get("tell", True):
            self.events.tell("REMOVED_FROM_SPACE", space, self._person(space, _text(body, "as")))
        return {}

    def say(self, request: Request) -> Json:
        body = _object(request)
        space, words = self._space(body), _text(body, "text")
        person = self._person(space, _text(body, "as"))
        mentions = not space.is_dm and body.get("mention", True) is True
        message = self._posted(space, person, words, "MENTION" if mentions else "", _text(body, "thread", ""))
        if space.bot and (space.is_dm or mentions):
            self.events.tell("MESSAGE", space, person, message=message)
        return {"message": message.entity}

    def _posted(self, space: Space, person: Json, words: str, mention: str, thread: str = "") -> Message:
        sender = {name: person[name] for name in ("name", "displayName", "type")}
        content: Json = {"text": words, "argumentText": words, "formattedText": words}
        if mention:
            app = {"name": APP, "displayName": APP_NAME, "type": "BOT"}
            said = f"@{APP_NAME} {words}".strip()
            marks: Json = {"type": "USER_MENTION", "startIndex": 0, "length": len(APP_NAME) + 1}
            marks["userMention"] = {"user": app, "type": mention}
            content = {"text": said, "argumentText": f" {words}", "formattedText": f"<{APP}> {words}"}
            content["annotations"] = [marks]
        return self.spaces.post(space, sender, content, thread)

    def command(self, request: Request) -> Json:
        body = _object(request)
        space, name, words = self._space(body), _text(body, "name", ""), _text(body, "text", "")
        person = self._person(space, _text(body, "as"))
        if not name:
            self.events.tell("APP_COMMAND", space, person, command=body.get("id"))
            return {}
        number = str(body.get("id"))
        invoked = {"commandName": name, "commandId": number, "type": "INVOKE"}
        message = self._posted(space, person, f"{name} {words}".strip(), "")
        message.entity |= {"argumentText": f" {words}", "slashCommand": {"commandId": number}}
        message.entity["annotations"] = [{"type": "SLASH_COMMAND", "length": len(name), "slashCommand": invoked}]
        self.events.tell("MESSAGE", space, person, message=message)
        return {}

    def press(self, request: Request) -> Json:
        body = _object(request)
        space, message = self.spaces.message(_text(body, "message"))
        title = _text(body, "title")
        action = next((one["onClick"].get("action") for one in buttons(message.entity) if one["text"] == title), None)
        if action is None:
            raise Wrong(f"the card has no button {title!r} to press")
        if self.events.form == "addon" and action["function"] != self.events.url:
            raise Wrong("an add-on's button must name the whole address of the app")
        person = self._person(space, _text(body, "as"))
        self.events.tell("CARD_CLICKED", space, person, message=message, action=action, clicked=message)
        return {}

    def _space(self, body: Json) -> Space:
        return self.spaces.any_space(_text(body, "space"))

    def _person(self, space: Space, email: str) -> Json:
        if email not in space.members:
            raise Wrong(f"{email} is no member of this space")
        return self.spaces.person(email)

    # how Google is set up

    def get_settings(self, request: Request) -> Json:
        made = {"form": self.events.form, "audience": self.events.audience, "gap": self.spaces.gap}
        return {**made, "retry_after": self.chat.retry_after, "url": self.events.url, "project": self.events.project}

    def set_settings(self, request: Request) -> Json:
        body = {**self.get_settings(request), **_object(request)}
        if body["form"] not in FORMS or body["audience"] not in AUDIENCES:
            raise Wrong('"form" is classic or addon, "audience" url or number')
        if isinstance(body["gap"], bool) or not isinstance(body["gap"], int | float) or not 0 <= body["gap"] <= 60:
            raise Wrong('"gap" must be a number from 0 to 60')
        self.events.form, self.events.audience = body["form"], body["audience"]
        self.spaces.gap, self.chat.retry_after = float(body["gap"]), body["retry_after"] is True
        return self.get_settings(request)

    def token(self, request: Request) -> Json:
        body = _object(request)
        given = body.get("claims") or {}
        claims = {name: value for name, value in {**self.events.claims(), **given}.items() if value is not None}
        return {"token": self.chat.signer.token(claims, body.get("header") or {})}

    def forget_tokens(self, request: Request) -> Json:
        self.chat.tokens.clear()
        return {}


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


ROUTES: dict[tuple[str, str], Callable[..., Any]] = {
    ("GET", "spaces"): GoogleChatControl.see_spaces,
    ("GET", "wait"): GoogleChatControl.wait,
    ("GET", "broken"): GoogleChatControl.broken,
    ("POST", "people"): GoogleChatControl.new_person,
    ("POST", "spaces"): GoogleChatControl.new_space,
    ("POST", "add"): GoogleChatControl.add,
    ("POST", "remove"): GoogleChatControl.remove,
    ("POST", "say"): GoogleChatControl.say,
    ("POST", "command"): GoogleChatControl.command,
    ("POST", "press"): GoogleChatControl.press,
    ("GET", "settings"): GoogleChatControl.get_settings,
    ("POST", "settings"): GoogleChatControl.set_settings,
    ("POST", "token"): GoogleChatControl.token,
    ("POST", "forget_tokens"): GoogleChatControl.forget_tokens,
}
