"""The console's door: log in, second factor, a link from an admin, log out. And the guard before every page."""

from typing import Any
from urllib.parse import quote, urlsplit

from flask import Response, abort, current_app, flash, g, redirect, request, url_for
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

import clock
import logs
from curation.grid import LARGEST_FILE
from store import audit, database, logins, staff
from web.console import proof
from web.console.frame import console, is_from_elsewhere, is_from_our_page, page, who
from web.front import over_https
from web.words import t

OPEN = ("console.login", "console.log_in", "console.second", "console.link", "console.use_link")
OF_A_COMPANY = ("/console/bots", "/console/account", "/console/logout")
ARRIVALS = ("console.home", "console.today")
HALF_WAY_SECONDS = 300  # between password and code
MOST_SENT = LARGEST_FILE + 64 * 1024  # a sheet, and what a form says about it
LONGEST_PASSWORD = 1000  # characters; more are not read


def cookie_name() -> str:
    # The prefix makes browsers refuse it from a plain connection or a neighbouring host.
    return "__Host-maru" if over_https() else "maru"


@console.before_request
def guard() -> AnyResponse | None:
    request.max_content_length = MOST_SENT  # before anything reads the form
    if "\0" in request.path:  # no name of ours, and PostgreSQL fails when it is asked for one
        abort(404)
    if any("\0" in said for _, said in request.args.items(multi=True)):
        abort(400)
    unsafe = request.method not in ("GET", "HEAD", "OPTIONS")
    if unsafe and is_from_elsewhere():
        abort(403)
    g.who = _recognised()
    if request.endpoint not in OPEN:
        if g.who is None:
            return _to_login()
        if unsafe and not is_from_our_page():
            abort(403)
        if g.who.company:
            return _within(g.who.company, unsafe)
    if any("\0" in said for _, said in request.form.items(multi=True)):
        abort(400)
    return None


def _within(company: str, unsafe: bool) -> AnyResponse | None:
    """Who looks after one company's bots sees these, their own account, and nothing else."""
    if (request.view_args or {}).get("company", company) != company:
        abort(404)
    if request.path.startswith(OF_A_COMPANY):
        return None
    if unsafe or request.endpoint not in ARRIVALS:
        abort(403)
    return redirect(url_for("console.bots"), 303)


def _recognised() -> logins.Who | None:
    token = request.cookies.get(cookie_name(), "")
    if not token:
        return None
    with database.reading() as session:
        found = logins.find(session, token)
    if found is None:
        return None
    person, note_seen = found
    if note_seen and not _looks_by_itself():
        _note_seen(person)
    return person


def _looks_by_itself() -> bool:
    """A page that is open refreshes itself; nobody need be there."""
    return "HX-Request" in request.headers and request.method == "GET"


def _note_seen(person: logins.Who) -> None:
    try:
        with database.writing() as session:
            logins.seen(session, person)
    except OperationalError as error:  # a database that can only be read now is no reason to show nothing
        logs.warn("session.unseen", why=type(error).__name__)


def _to_login() -> AnyResponse:
    if "HX-Request" in request.headers:  # the page tells it, and keeps what was typed into it
        return Response(status=401)
    wanted = request.full_path.rstrip("?") if request.method == "GET" else ""
    return redirect(url_for("console.login") + (f"?next={quote(wanted)}" if wanted else ""))


def _next() -> str:
    """Only a page of our own: else a link to the login would lead wherever its author likes."""
    wanted = request.values.get("next", "")
    parts = urlsplit(wanted)
    plain = wanted.isprintable() and "\\" not in wanted  # no header takes a line break
    ours = plain and not parts.scheme and not parts.netloc and parts.path.startswith("/console/")
    return wanted if ours else url_for("console.home")


@console.get("/login")
def login() -> AnyResponse:
    if g.who is not None:
        return redirect(_next())
    return page("login.html", next=request.args.get("next", ""))


@console.post("/login")
def log_in() -> AnyResponse:
    email = staff.normal(request.form.get("email", ""))[:200]
    try:
        account = proof.by_password(email, request.form.get("password", "")[:LONGEST_PASSWORD])
    except proof.Slowed as slowed:
        return _again(str(slowed), 429)
    if account is None:
        return _again(t("이메일이나 비밀번호가 맞지 않아요.", "The e-mail or password is not right."), 401)
    if account.sealed_totp:
        return page("second.html", ticket=_tickets().dumps([account.id, proof.mark(account)]), next=_next())
    return _let_in(account.id, account.email)


def _again(problem: str, status: int) -> Response:
    return page("login.html", status, problem=problem, email=request.form.get("email", "")[:200], next=_next())


def _tickets() -> URLSafeTimedSerializer:
    """Says that the password was right, to the form that asks for the code."""
    return URLSafeTimedSerializer(str(current_app.config["SECRET_KEY"]), salt="second factor")


@console.post("/login/code")
def second() -> AnyResponse:
    ticket = request.form.get("ticket", "")
    try:
        account_id, mark = _tickets().loads(ticket, max_age=HALF_WAY_SECONDS)
    except BadSignature:
        flash(t("시간이 지났어요. 처음부터 다시 로그인해 주세요.", "That took too long. Please log in again."), "warn")
        return redirect(url_for("console.login"), 303)
    try:
        account = proof.by_code(account_id, mark, request.form.get("code", "")[:20])
    except proof.Slowed as slowed:
        return page("second.html", 429, ticket=ticket, next=_next(), problem=str(slowed))
    if account is not None:
        return _let_in(account.id, account.email)
    problem = t(
        "번호가 맞지 않아요. 지금 보이는 여섯 자리를 적어 주세요. 한 번 쓴 번호는 다시 쓸 수 없어요.",
        "That is not the code. Enter the six digits shown now; each works once.",
    )
    return page("second.html", 401, ticket=ticket, next=_next(), problem=problem)


def _let_in(account_id: int, email: str) -> AnyResponse:
    """A new session, whatever cookie the browser brought; the one before it ends."""
    address = request.remote_addr or ""
    with database.writing() as session:
        logins.forgive(session, email, address)
        if g.who is not None:
            logins.end(session, g.who.id, g.who.session)
        token = logins.begin(session, account_id, address, request.user_agent.string)
        audit.note(session, clock.now(), email, "staff.logged_in", f"staff:{email}")
    return with_session(redirect(_next(), 303), token)


def with_session(response: AnyResponse, token: str) -> AnyResponse:
    response.set_cookie(cookie_name(), token, secure=over_https(), httponly=True, samesite="Lax", path="/")
    return response


@console.post("/logout")
def log_out() -> AnyResponse:
    with database.writing() as session:
        logins.end(session, who().id, who().session)
    response = redirect(url_for("console.login"), 303)
    response.delete_cookie(cookie_name(), secure=over_https(), httponly=True, samesite="Lax", path="/")
    return response


@console.get("/link/<token>")
def link(token: str) -> AnyResponse:
    """An invitation, or a new password for one who forgot theirs. Opening it changes nothing yet."""
    with database.reading() as session:
        found = _opened(session, token)
        shown = _shown(found)
    return _link_page(200 if shown else 404, **shown)


@console.post("/link/<token>")
def use_link(token: str) -> AnyResponse:
    password = request.form.get("password", "")[:LONGEST_PASSWORD]
    with database.reading() as session:
        shown = _shown(_opened(session, token))
    if not shown:
        return _link_page(404)
    if len(password) < staff.SHORTEST_PASSWORD:
        return _link_page(400, problem=too_short(), **shown)
    hashed = staff.hashed_password(password)  # before the transaction: it takes its time
    with database.writing() as session:
        found = _opened(session, token)
        account = _open_account(session, found, hashed) if found is not None else None
        entered = (account.id, account.email) if account is not None else None
    return _let_in(*entered) if entered else _link_page(404)


def _opened(session: Session, token: str) -> logins.Link | None:
    """An invitation opens no account that somebody has, a new password none that is gone."""
    found = logins.find_link(session, token)
    if found is None:
        return None
    account = staff.find(session, found.email)
    fits = account is None if found.role else account is not None and account.left_at is None
    return found if fits else None


def _shown(found: logins.Link | None) -> dict[str, Any]:
    return {"email": found.email, "is_new": bool(found.role)} if found is not None else {}


def _link_page(status: int, **shown: Any) -> Response:
    return page("link.html", status, shortest=staff.SHORTEST_PASSWORD, **shown)


def too_short() -> str:
    return t(
        f"비밀번호는 {staff.SHORTEST_PASSWORD}자 이상이어야 해요.",
        f"A password has at least {staff.SHORTEST_PASSWORD} characters.",
    )


def _open_account(session: Session, found: logins.Link, hashed: str) -> staff.Staff | None:
    email, role, made_by = found.email, found.role, found.made_by
    if not logins.use_up(session, found):
        return None
    if role:
        staff.add(session, email, role, clock.now(), hashed)
        session.flush()
    account = staff.find(session, email)
    if account is None:
        return None
    if not role:
        logins.admit_with(session, account, hashed)
    what, after = ("staff.joined", {"role": role, "invited_by": made_by}) if role else ("staff.password_set", None)
    audit.note(session, clock.now(), email, what, f"staff:{email}", None, after)
    return account
