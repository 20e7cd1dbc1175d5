"""The front page: whom Maru is for, where to go, and whether it is well right now."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, current_app, make_response, render_template, request
from werkzeug.exceptions import HTTPException

import clock
from web.front_words import PARTS, WORDS

front = Blueprint("front", __name__)

LANGUAGES = ("ko", "en")
LANGUAGE_COOKIE = "maru_lang"
YEAR_SECONDS = 365 * 24 * 3600
# Doors that may or may not be built into this installation; only those that answer are shown.
DOORS = ("/console/login", "/bots")

CONTENT_POLICY = "; ".join(
    (
        "default-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


@dataclass(frozen=True)
class PartState:
    name: str
    level: str  # ok, warn, bad
    said: str


@dataclass(frozen=True)
class Status:
    level: str
    headline: str
    parts: tuple[PartState, ...]
    at: datetime


@front.get("/")
def page() -> Response:
    words = WORDS[language()]
    doors = [(path, words["doors"][path]) for path in DOORS if exists(path)]
    response = make_response(
        render_template("front.html", words=words, doors=doors, status=status(), details=exists("/readyz"))
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Language"] = language()
    response.vary.add("Accept-Language")
    return response


@front.app_context_processor
def for_layout() -> dict[str, Any]:
    return {"lang": language(), "languages": LANGUAGES}


def language() -> str:
    """What was asked for with ?lang=, now or before, else the browser's wish, else the installation's."""
    for asked in (request.args.get("lang", ""), request.cookies.get(LANGUAGE_COOKIE, "")):
        if asked in LANGUAGES:
            return asked
    default = str(current_app.config.get("LOCALE", "ko"))
    return request.accept_languages.best_match(LANGUAGES, default) or default


def exists(path: str) -> bool:
    """Whether this installation answers a GET there."""
    try:
        current_app.url_map.bind("localhost").match(path, method="GET")
    except HTTPException:  # not found, other methods only, or a redirect to somewhere else
        return False
    return True


def status() -> Status | None:
    """Readiness in words for visitors; the technical details stay at /readyz."""
    readiness = current_app.config.get("READINESS")
    if readiness is None:
        return None
    found, words = readiness(), WORDS[language()]["status"]
    parts = tuple(_state(name, part) for name, part in found["parts"].items())
    limping = any(part.level != "ok" for part in parts)
    level = "bad" if not found["ready"] else "warn" if limping else "ok"
    zone = getattr(current_app.extensions.get("settings"), "timezone", None)
    return Status(level, words[level], parts, clock.now().astimezone(zone))


def _state(name: str, part: dict[str, Any]) -> PartState:
    level = "ok" if part["ok"] and part.get("level", "ok") == "ok" else "warn"
    return PartState(PARTS[language()].get(name, name), level, WORDS[language()]["status"]["part"][level])


def keep_language(response: Response) -> Response:
    """For `app.after_request`: a language that was chosen once holds for the next pages."""
    asked = request.args.get("lang", "")
    if asked in LANGUAGES:
        response.set_cookie(LANGUAGE_COOKIE, asked, YEAR_SECONDS, secure=over_https(), httponly=True, samesite="Lax")
    return response


def over_https() -> bool:
    """As BASE_URL says; the request's own scheme is a header that a proxy may forget or a stranger invent."""
    settings = current_app.extensions.get("settings")
    return request.is_secure if settings is None else settings.base_url.startswith("https://")


def security_headers(response: Response) -> Response:
    """For `app.after_request`. A page that needs more says so itself; ours load nothing from elsewhere."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    if over_https():
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response
