"""What every page of the console stands in: who is there, what they may, the navigation, the reader's words."""

import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from hashlib import sha256
from typing import Any, ParamSpec, TypeVar, cast

from flask import Blueprint, Response, abort, current_app, g, make_response, render_template, request, url_for
from sqlalchemy.orm import Session

import clock
from settings import Settings
from store import audit, staff
from store.logins import Who
from web.console.chat_address import ChatConverter
from web.console.numbers import StorableConverter
from web.masking import masked
from web.words import t

console = Blueprint("console", __name__, url_prefix="/console")
# Before any address with a number or a chat in it is made known.
console.record_once(lambda state: state.app.url_map.converters.update(int=StorableConverter, chat=ChatConverter))

# The navigation: endpoint, Korean, English, the role that sees it.
PAGES = (
    ("console.today", "오늘", "Today", "viewer"),
    ("console.responses", "응답", "Responses", "viewer"),
    ("console.tables", "표", "Tables", "viewer"),
    ("console.chats", "대화", "Chats", "viewer"),
    ("console.alerts", "알람", "Alerts", "viewer"),
    ("console.watches", "수치", "Watches", "viewer"),
    ("console.bots", "봇", "Bots", "viewer"),
    ("console.people", "사람", "People", "viewer"),
    ("console.health", "상태", "Health", "viewer"),
    ("console.mail", "메일", "Mail", "admin"),
    ("console.staff", "계정", "Staff", "admin"),
)
ROLE_WORDS = {
    "viewer": ("보기", "Viewer"),
    "editor": ("편집", "Editor"),
    "publisher": ("발행", "Publisher"),
    "admin": ("관리자", "Admin"),
}

P = ParamSpec("P")
R = TypeVar("R")


def settings() -> Settings:
    return cast(Settings, current_app.extensions["settings"])


def who() -> Who:
    """The person behind this request. Pages without a login never ask."""
    return cast(Who, g.who)


def may(role: str) -> bool:
    return staff.may(who().role, role)


def needs(role: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A page or change for this role and those above it; others get 403."""

    def guard(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if not may(role):
                abort(403)
            return view(*args, **kwargs)

        return guarded

    return guard


def page(template: str, status: int = 200, **shown: Any) -> Response:
    """A page, or a piece of one for htmx. Nobody keeps a copy: it holds customers' data."""
    response = make_response(render_template(f"console/{template}", **shown), status)
    response.headers["Cache-Control"] = "no-store"
    return response


def note(session: Session, what: str, subject: str, before: Any = None, after: Any = None) -> None:
    """Into the audit, within the transaction of the change itself."""
    audit.note(session, clock.now(), who().email, what, subject, before, after)


def personal(value: Any) -> Any:
    """Customers' data as this reader may see it: viewers see it masked."""
    return value if may("editor") else masked(value)


def chat_id(chat: str) -> str:
    """A chat as this reader may know it: who is mailed is known by an address."""
    return str(personal(chat)) if "@" in chat else chat


def csrf_token() -> str:
    """Of this session; a page of another site cannot know it."""
    secret = str(current_app.config["SECRET_KEY"]).encode()
    return hmac.new(secret, b"csrf:" + who().session.encode(), sha256).hexdigest()


def is_from_our_page() -> bool:
    sent = request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", "")
    return hmac.compare_digest(sent.encode(), csrf_token().encode())


def is_from_elsewhere() -> bool:
    """A browser tells where a request comes from; other clients do not, and carry nobody's cookies."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is not None and origin.rstrip("/") not in (request.host_url.rstrip("/"), settings().base_url)


def local(moment: datetime | None) -> datetime | None:
    return moment.astimezone(settings().timezone) if moment else None


def when(moment: datetime | None, now: datetime | None = None) -> str:
    """As a person says it: only the time today, the day without its year this year."""
    if moment is None:
        return ""
    at, today = moment.astimezone(settings().timezone), (now or clock.now()).astimezone(settings().timezone)
    if at.date() == today.date():
        return f"{at:%H:%M:%S}"
    if at.year == today.year:
        return f"{at.month}/{at.day} {at:%H:%M}"
    return f"{at:%Y-%m-%d %H:%M}"


def when_real(moment: datetime | None) -> str:
    """The same for sessions and their like, which no practice run moves."""
    return when(moment, datetime.now(UTC))


@console.context_processor
def for_templates() -> dict[str, Any]:
    found = {
        "t": t,
        "when": when,
        "when_real": when_real,
        "local": local,
        "personal": personal,
        "chat_id": chat_id,
        "role_words": ROLE_WORDS,
        "htmx": is_htmx(),
    }
    person = g.get("who")
    if person is None:
        return found
    places = [
        (url_for(endpoint), t(korean, english), endpoint)
        for endpoint, korean, english, role in PAGES
        if staff.may(person.role, role)
        and endpoint in current_app.view_functions
        and (not person.company or endpoint == "console.bots")
    ]
    here = request.path
    current = max((path for path, _, _ in places if here.startswith(path)), key=len, default="")
    return found | {"who": person, "may": may, "places": places, "current": current, "csrf": csrf_token}


def is_htmx() -> bool:
    return "HX-Request" in request.headers
