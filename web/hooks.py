"""Where platforms knock. Size first, then proof, then form; everything else is intake's."""

import time
from collections.abc import Callable

from flask import Blueprint, Response, current_app, jsonify, request
from gunicorn.http.errors import ParseException
from sqlalchemy.exc import SQLAlchemyError

import logs
from channels.contract import Call
from intake import Receipt
from store import database
from store import hooks as alert_hooks

LARGEST_BODY = 1024 * 1024
READ_AWAY = 64 * LARGEST_BODY  # of a body that is refused: closing on unread bytes would reset the connection
READ_AWAY_SECONDS = 5.0

hooks = Blueprint("hooks", __name__)


@hooks.post("/open_userchat")
@hooks.post("/in_userchat")
@hooks.post("/hooks/<channel>")
def receive(channel: str = "channeltalk") -> Response:
    if not current_app.extensions["intake"].hears(channel):
        return _plain(Receipt(404, "no such channel"))
    return _accepted(channel)


@hooks.post("/hooks/alert/<token>")
def receive_alert(token: str) -> Response:
    """Only the database knows the token, so while it is away nothing can be proven."""

    def keys() -> dict[str, str]:
        with database.reading() as session:
            found = alert_hooks.by_token(session, token)
            return {"name": found.name, "topics": ",".join(found.topics)} if found else {}

    return _accepted("alert", keys)


def _accepted(channel: str, keys: Callable[[], dict[str, str]] | None = None) -> Response:
    try:
        body = _body()
    except (OSError, EOFError, ParseException):
        return _plain(Receipt(400, "the body broke off"))
    if body is None:
        return _plain(Receipt(413, f"larger than {LARGEST_BODY} bytes"))
    headers = {name.lower(): value for name, value in request.headers.items()}
    call = Call(_query(), headers, body)
    try:
        own = keys() if keys else None
    except SQLAlchemyError as error:
        logs.warn("hook.unproven", channel=channel, why=type(error).__name__)
        return _plain(Receipt(503, "cannot be proven right now"))
    intake = current_app.extensions["intake"]
    receipt = intake.accept(channel, call, own)
    # Some platforms read the answer: theirs has a form of its own.
    if receipt.status == 200 and hasattr(intake.channels[channel], "answer"):
        return jsonify(intake.channels[channel].answer(call))
    return _plain(receipt)


@hooks.get("/open_userchat")
@hooks.get("/in_userchat")
@hooks.get("/hooks/channeltalk")
def for_a_person() -> Response:
    return _plain(Receipt(200, "여기는 채널톡 웹훅 주소입니다. This address receives ChannelTalk webhooks (POST)."))


def _body() -> bytes | None:
    """The whole raw body, or None when it is too large; never more than the limit is held."""
    if (request.content_length or 0) <= LARGEST_BODY:
        body = request.stream.read(LARGEST_BODY + 1)
        if len(body) < (request.content_length or 0):
            raise EOFError
        if len(body) <= LARGEST_BODY:
            return body
    left, until = READ_AWAY, time.monotonic() + READ_AWAY_SECONDS
    while left > 0 and time.monotonic() < until:
        chunk = request.stream.read(65536)
        if not chunk:
            break
        left -= len(chunk)
    return None


def _query() -> dict[str, str]:
    """What is given twice, and differently, is not given: nobody can say which of the two was meant."""
    return {name: values[0] for name, values in request.args.lists() if len(set(values)) == 1}


def _plain(receipt: Receipt) -> Response:
    return Response(receipt.words + "\n", receipt.status, content_type="text/plain; charset=utf-8")
