"""What went wrong, in plain words and the visitor's language, with the id under which the log has it."""

from typing import Any

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, ServiceUnavailable

import logs
from store import staff
from store.database import is_away
from web.front import language

RETRY_SECONDS = 5

# Title, what to do. A status that is not here is said in the words of the nearest hundred.
WORDS: dict[str, dict[int, tuple[str, str]]] = {
    "ko": {
        400: ("요청을 이해하지 못했어요", "주소나 내용이 올바른지 확인하고 다시 시도해 주세요."),
        403: ("볼 수 없는 화면이에요", "이 화면을 볼 권한이 없어요. 필요하다면 관리자에게 요청해 주세요."),
        404: ("찾는 화면이 없어요", "주소가 바뀌었거나 잘못 적혔을 수 있어요. 처음 화면에서 찾아보세요."),
        405: ("이 방법으로는 열 수 없어요", "주소는 맞지만 보낸 방식이 달라요. 처음 화면에서 시작해 주세요."),
        413: ("보낸 내용이 너무 커요", "크기를 줄여서 다시 보내 주세요."),
        429: ("요청이 너무 많아요", "잠시 쉬었다가 다시 시도해 주세요."),
        500: ("저희 쪽에 문제가 생겼어요", "잠시 뒤에 다시 시도해 주세요. 계속되면 아래 번호를 알려 주세요."),
        503: ("지금은 응답할 수 없어요", "잠시 뒤에 다시 시도해 주세요."),
    },
    "en": {
        400: ("We could not understand that", "Please check the address or what you sent, and try again."),
        403: ("This page is not open to you", "Ask an administrator if you need it."),
        404: ("There is no such page", "The address may be old or mistyped. Try again from the front page."),
        405: ("This cannot be opened that way", "The address is right, the method is not."),
        413: ("That is too large", "Please send something smaller."),
        429: ("Too many requests", "Please pause for a moment and try again."),
        500: ("Something broke on our side", "Please try again soon. If it lasts, tell us the number below."),
        503: ("Not available right now", "Please try again in a moment."),
    },
}  # fmt: skip
LABELS = {"ko": ("처음 화면으로", "번호"), "en": ("To the front page", "Reference")}


def register(app: Flask) -> None:
    app.before_request(_begin)
    app.teardown_request(_end)
    app.register_error_handler(SQLAlchemyError, _database_away)
    app.register_error_handler(staff.Busy, _busy)
    app.register_error_handler(HTTPException, page)  # whatever else is raised comes as a 500


def _begin() -> None:
    """One id for all that is logged about this request, and for whoever it is shown to."""
    g.reference = logs.fresh_trace()
    g.following = logs.following(g.reference)
    g.following.__enter__()


def _end(error: BaseException | None) -> None:
    following = g.pop("following", None)
    if following is not None:
        following.__exit__(None, None, None)


def _database_away(error: SQLAlchemyError) -> Response | HTTPException:
    """Nobody's mistake and soon over; a mistake of ours stays a 500."""
    if not is_away(error):
        raise error
    logs.error("database.away", why=type(error).__name__)
    return page(ServiceUnavailable(retry_after=RETRY_SECONDS))


def _busy(error: staff.Busy) -> Response | HTTPException:
    logs.warn("login.crowded")
    return page(ServiceUnavailable(retry_after=RETRY_SECONDS))


def page(error: HTTPException) -> Response | HTTPException:
    status = error.code or 500
    if status < 400 or error.response is not None:
        return error
    title, advice = _words(status)
    reference = str(g.get("reference", ""))
    kind = request.accept_mimetypes.best_match(("text/plain", "text/html", "application/json"), "text/plain")
    response = _shown(kind, status, title, advice, reference)
    response.status_code = status
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value  # Allow, Retry-After, WWW-Authenticate
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Language"] = language()
    return response


def _words(status: int) -> tuple[str, str]:
    words = WORDS[language()]
    return words.get(status) or words[400 if status < 500 else 500]


def _shown(kind: str | None, status: int, title: str, advice: str, reference: str) -> Response:
    if kind == "application/json":
        return jsonify(error=title, status=status, reference=reference)
    if kind == "text/html":
        home, label = LABELS[language()]
        shown: dict[str, Any] = {"title": title, "advice": advice, "home": home, "label": label}
        return make_response(render_template("error.html", status=status, reference=reference, **shown))
    text = f"{status} {title}. {advice} ({reference})\n"
    return Response(text, content_type="text/plain; charset=utf-8")
