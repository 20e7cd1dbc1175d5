"""Google Chat's REST API, its keys and its token endpoint, as far as the wire notes describe them."""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from sandbox.faults import Faults, Rule
from sandbox.google_chat_events import CHANNEL, CHAT, Events
from sandbox.google_chat_spaces import Json, Refusal, Spaces
from sandbox.record import Record
from sandbox.server import MANNERS, Request, Response, answer_json
from sandbox.signing import Signer, claims_of

PREFIX = "/v1/"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "https://www.googleapis.com/auth/chat.bot"
TOKEN_SECONDS = 3599
STATUSES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    409: "ALREADY_EXISTS", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE",
}  # fmt: skip


class GoogleChat:
    def __init__(self, keys: Json, signer: Signer, product_url: str, record: Record, faults: Faults) -> None:
        self.signer, self.record, self.faults = signer, record, faults
        self.spaces = Spaces(record)
        self.events = Events(self.spaces, keys, signer, product_url, record, faults)
        self.clear()

    def clear(self) -> None:
        self.spaces.clear()
        self.events.clear()
        self.tokens: dict[str, float] = {}
        self.retry_after = True  # whether a 429 says how long to wait

    @staticmethod
    def is_ours(path: str) -> bool:
        return path.startswith(("/v1/spaces", "/google/"))

    def answer(self, request: Request) -> Response | asyncio.Future[Response]:
        """One API call: the fault that is due, the work, a line in the record."""
        began, space = time.perf_counter(), self._about(request)
        rule = self.faults.for_call(request.method, request.path, space, CHANNEL)
        if rule is not None and rule.do == "slow":
            return asyncio.ensure_future(self._slowly(rule, request, space, began))
        response = self._work(request) if rule is None else self._faulty(rule, request)
        self._note(request, response, space, began, rule)
        return response

    async def _slowly(self, rule: Rule, request: Request, space: str, began: float) -> Response:
        await asyncio.sleep(rule.seconds)
        response = self._work(request)
        self._note(request, response, space, began, rule)
        return response

    def _about(self, request: Request) -> str:
        found = re.match(r"/v1/(spaces/[^/]+)", request.path)
        return found[1] if found else ""

    def _note(self, request: Request, response: Response, space: str, began: float, rule: Rule | None) -> None:
        entry = {
            "at": self.record.now(), "channel": CHANNEL, "method": request.method, "path": request.path,
            "status": 0 if response.manner in ("drop", "reset", "hang") else response.status,
            "ms": round((time.perf_counter() - began) * 1000, 2), "chat": space,
        }  # fmt: skip
        if rule is not None:
            entry["fault"] = rule.do
        self.record.request(entry)

    def _faulty(self, rule: Rule, request: Request) -> Response:
        response = self._work(request) if rule.stored else Response()
        if rule.do == "429":
            headers = {"Retry-After": f"{max(round(rule.seconds), 1)}"} if self.retry_after else {}
            return refusal(429, "Resource has been exhausted (e.g. check quota).", headers)
        if rule.do == "404":
            return refusal(404, "Requested entity was not found.")
        if rule.do == "500":
            return refusal(500, "Internal error encountered.")
        if rule.do == "html":
            page = b"<!doctype html><title>Error 502 (Server Error)!!1</title>"
            return Response(rule.status, page, {"Content-Type": "text/html; charset=UTF-8"})
        if rule.do == "empty":
            return Response(200, b"", {"Content-Type": "application/json"})
        response.manner, response.seconds = MANNERS[rule.do], rule.seconds
        return response

    def _work(self, request: Request) -> Response:
        try:
            if request.path == "/google/certs" and request.method == "GET":
                certificate = self.signer.certificate(CHAT)
                return answer_json({self.signer.kid: certificate}, 200, {"Cache-Control": "public, max-age=3600"})
            if request.path == "/google/token" and request.method == "POST":
                return self._token(request)
            self._check_token(request)
            return self._route(request)
        except Refusal as refused:
            headers = {"Retry-After": "1"} if refused.status == 429 and self.retry_after else {}
            return refusal(refused.status, str(refused), headers)

    # who calls

    def _token(self, request: Request) -> Response:
        """A signed claim of the service account, for a bearer token."""
        form = {name: values[0] for name, values in parse_qs(request.body.decode("utf8", "replace")).items()}
        assertion = form.get("assertion", "")
        wrong = form.get("grant_type") != GRANT or not self.signer.is_by_us(assertion)
        if wrong or claims_of(assertion).get("scope") != SCOPE:
            return answer_json({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, 400)
        token = f"ya29.{secrets.token_urlsafe(32)}"
        self.tokens[token] = time.monotonic() + TOKEN_SECONDS
        return answer_json({"access_token": token, "expires_in": TOKEN_SECONDS, "token_type": "Bearer"})

    def _check_token(self, request: Request) -> None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or self.tokens.get(token, 0.0) < time.monotonic():
            raise Refusal(401, "Request had invalid authentication credentials.")

    # what is called

    def _route(self, request: Request) -> Response:
        path, allowed = request.path.removeprefix(PREFIX), False
        for method, pattern, work in ROUTES:
            match = pattern.fullmatch(path)
            if match and method == request.method:
                return answer_json(work(self, request, *match.groups()))
            allowed = allowed or match is not None
        raise Refusal(405 if allowed else 404, "Requested entity was not found.")

    def list_spaces(self, request: Request) -> Json:
        return {"spaces": [space.entity for space in self.spaces.spaces.values() if space.bot]}

    def get_space(self, request: Request, space: str) -> Json:
        return self.spaces.space(space).entity

    def create(self, request: Request, space: str) -> Json:
        return self.spaces.create(self.spaces.space(space), request.query, _object(request))

    def get_message(self, request: Request, name: str) -> Json:
        return self.spaces.message(name)[1].entity

    def patch(self, request: Request, name: str) -> Json:
        space, message = self.spaces.message(name)
        masked = request.query.get("updateMask", "").split(",")
        if set(masked) - {"text", "cardsV2", "cards_v2"}:
            raise Refusal(400, "Invalid update mask.")
        self.spaces.pace(space)
        body = _object(request)
        self.spaces.update(space, message, {one: body.get(one) for one in ("text", "cardsV2") if one in masked})
        return message.entity

    def delete(self, request: Request, name: str) -> Json:
        space, message = self.spaces.message(name)
        self.spaces.pace(space)
        space.messages.remove(message)
        self.spaces.touch(space)
        return {}


def refusal(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    error = {"code": status, "message": message, "status": STATUSES.get(status, "UNKNOWN")}
    return answer_json({"error": error}, status, headers)


def _object(request: Request) -> Json:
    try:
        body = request.json()
    except ValueError:
        raise Refusal(400, "Invalid JSON payload received.") from None
    if not isinstance(body, dict):
        raise Refusal(400, "Invalid JSON payload received. The root is not an object.")
    if len(json.dumps(body)) > 1_000_000:
        raise Refusal(400, "Request payload is too large.")
    return body


def _routes(*routes: tuple[str, str, Callable[..., Any]]) -> list[tuple[str, re.Pattern[str], Callable[..., Any]]]:
    return [(method, re.compile(path), work) for method, path, work in routes]


_SPACE, _MESSAGE = "(spaces/[^/]+)", "(spaces/[^/]+/messages/[^/]+)"
ROUTES = _routes(
    ("GET", "spaces", GoogleChat.list_spaces),
    ("GET", _SPACE, GoogleChat.get_space),
    ("POST", f"{_SPACE}/messages", GoogleChat.create),
    ("GET", _MESSAGE, GoogleChat.get_message),
    ("PATCH", _MESSAGE, GoogleChat.patch),
    ("DELETE", _MESSAGE, GoogleChat.delete),
)
