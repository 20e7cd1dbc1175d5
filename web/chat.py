"""The web chat: a page for the people of a company to talk with its bots. Who somebody is a cookie tells, whether they
are a member is looked up each time; the talking itself goes over the relay's socket (relay/chat.py), for which the page
fetches a ticket."""

import re
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, current_app, jsonify, make_response, redirect, render_template, request
from flask import url_for as address_of
from itsdangerous import BadSignature, URLSafeSerializer

import clock
from channels import webchat
from settings import Settings, is_loopback
from store import companies, database, logins, members, tickets
from store.members import Member
from web.console.door import cookie_name
from web.front import CONTENT_POLICY, over_https
from web.words import t

COOKIE = "maru_chat"
YEAR_SECONDS = 365 * 24 * 3600
LONGEST_NAME = 40
NAME = re.compile(r"[a-z0-9-]{1,40}")

chat = Blueprint("chat", __name__, url_prefix="/chat")


def _settings() -> Settings:
    found: Settings = current_app.extensions["settings"]
    return found


# --- who it is ---


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(str(current_app.config["SECRET_KEY"]), salt="web chat")


def _persons() -> dict[str, str]:
    """By company, as the browser's cookie says; it is signed, and says nothing about being a member."""
    try:
        found = _signer().loads(request.cookies.get(COOKIE, ""))
    except BadSignature:
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _remembered(response: Response, persons: dict[str, str]) -> Response:
    told = _signer().dumps(persons)
    response.set_cookie(COOKIE, told, YEAR_SECONDS, secure=over_https(), httponly=True, samesite="Lax", path="/")
    return response


def _member(company: str) -> Member | None:
    person = _persons().get(company)
    if person is None:
        return None
    with database.reading() as session:
        return members.get(session, company, webchat_channel(), f"{company}/{person}")


def webchat_channel() -> str:
    return webchat.__name__.rpartition(".")[2]


def _staff() -> tuple[str, str]:
    """Who is logged in to the console in this browser, and of which company they are: the house's staff are of its."""
    token = request.cookies.get(cookie_name(), "")
    if not token:
        return "", ""
    with database.reading() as session:
        found = logins.find(session, token)
        return (found[0].email, found[0].company or _settings().home_company) if found else ("", "")


def companies_of_browser() -> list[tuple[str, bool]]:
    """Whose bots this browser's person may know of, and whether as a guest."""
    found = {company: member.guest for company in _persons() if (member := _member(company)) is not None}
    if company := _staff()[1]:
        found[company] = False
    return sorted(found.items())


def _is_from_our_page() -> bool:
    """What changes something is asked by our own page; a browser says where a request comes from."""
    origin = request.headers.get("Origin", "")
    return request.is_json and origin in (request.host_url.rstrip("/"), _settings().base_url)


def _known(company: str) -> None:
    if not NAME.fullmatch(company):
        abort(404)
    with database.reading() as session:
        if not companies.exists(session, company):
            abort(404)


# --- pages ---


@chat.get("/<company>")
def page(company: str) -> Response:
    _known(company)
    member = _member(company)
    email, own = _staff() if member is None else ("", "")
    staff = email if own == company else ""
    shown = {"company": company, "member": member, "staff": staff, "t": t, "socket": _socket(), "elsewhere": own}
    response = make_response(render_template("chat/page.html" if member else "chat/join.html", **shown))
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(_socket()))
    response.headers["Content-Security-Policy"] = f"{CONTENT_POLICY}; connect-src 'self' {origin}"
    response.headers["Cache-Control"] = "no-store"
    # An invite stands behind the #, which no browser sends anywhere; all the same the page tells nobody where it is.
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _socket() -> str:
    """Behind the front it has our own address; on this machine the relay has a port of its own."""
    settings = _settings()
    base = urlsplit(settings.base_url)
    if base.scheme == "https":
        return f"wss://{base.netloc}/relay/chat"
    host = urlsplit(request.host_url).hostname or "127.0.0.1"
    host = host if is_loopback(host) else "127.0.0.1"
    return f"ws://{f'[{host}]' if ':' in host else host}:{settings.relay_port}/relay/chat"


# --- what the page asks for ---


@chat.post("/<company>/join")
def join(company: str) -> Response:
    """By the code of an invite, under a name of one's own."""
    _known(company)
    if not _is_from_our_page():
        abort(403)
    given = request.get_json(silent=True)
    code, name = (str(given.get(key, "")).strip() for key in ("code", "name")) if isinstance(given, dict) else ("", "")
    if not name or len(name) > LONGEST_NAME:
        return _refused(
            t(f"이름을 {LONGEST_NAME}자까지 적어 주세요.", f"Write a name of at most {LONGEST_NAME} letters.")
        )
    person = _persons().get(company) or token_urlsafe(12)
    with database.writing() as session:
        found = members.invited(session, code, clock.now()) if 0 < len(code) <= 200 else None
        if found is None or found.company != company:
            return _refused(t("초대가 맞지 않거나 기한이 지났어요.", "The invite is wrong or too old."))
        place = f"{company}/{person}"
        members.admit(session, code, webchat_channel(), place, clock.now(), database.storable(name, LONGEST_NAME))
    return _remembered(jsonify({"ok": True}), {**_persons(), company: person})


def _refused(why: str) -> Response:
    response = jsonify({"why": why})
    response.status_code = 400
    return response


@chat.post("/<company>/enter")
def enter(company: str) -> Response:
    """Staff of the console come in without an invite, to their own company."""
    _known(company)
    email, own = _staff()
    if not _is_from_our_page() or company != own:
        abort(403)
    person = _persons().get(company) or token_urlsafe(12)
    with database.writing() as session:
        name = email.partition("@")[0][:LONGEST_NAME]
        members.add(session, company, webchat_channel(), f"{company}/{person}", clock.now(), email, name=name)
    return _remembered(jsonify({"ok": True}), {**_persons(), company: person})


@chat.post("/<company>/ticket")
def ticket(company: str) -> Response:
    """For one connection, at once."""
    _known(company)
    if not _is_from_our_page():
        abort(403)
    member = _member(company)
    if member is None:
        abort(401)
    with database.writing() as session:
        issued = tickets.issue(session, company, member.chat, member.name)
    response = jsonify({"ticket": issued})
    response.headers["Cache-Control"] = "no-store"
    return response


@chat.post("/<company>/leave")
def leave(company: str) -> Response:
    """This browser knows nothing any more; the membership stays, as the company's people decide on it."""
    _known(company)
    if not _is_from_our_page():
        abort(403)
    return _remembered(jsonify({"ok": True}), {name: who for name, who in _persons().items() if name != company})


@chat.get("/")
def without_company() -> Any:
    """To the one where this browser's person is known; else to the house's own."""
    known = [company for company, _ in companies_of_browser()]
    company = known[0] if len(known) == 1 else _settings().home_company
    return redirect(address_of("chat.page", company=company))
