"""The console's door: log in, second factor, a link from an admin, log out. And the guard before every page."""

from urllib.parse import quote, urlsplit

from flask import Response, abort, current_app, g, redirect, request, url_for
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

import clock
import logs
from store import audit, database, logins, staff
from web.console import second_factor
from web.console.frame import console, is_from_elsewhere, is_from_our_page, page, who
from web.front import over_https
from web.words import t

OPEN = ("console.login", "console.log_in", "console.second", "console.link", "console.use_link")
HALF_WAY_SECONDS = 300  # between password and code


def cookie_name() -> str:
    # The prefix makes browsers refuse it from a plain connection or a neighbouring host.
    return "__Host-maru" if over_https() else "maru"


@console.before_request
def guard() -> AnyResponse | None:
    unsafe = request.method not in ("GET", "HEAD", "OPTIONS")
    if unsafe and is_from_elsewhere():
        abort(403)
    g.who = _recognised()
    if request.endpoint in OPEN:
        return None
    if g.who is None:
        return _to_login()
    if unsafe and not is_from_our_page():
        abort(403)
    return None


def _recognised() -> logins.Who | None:
    token = request.cookies.get(cookie_name(), "")
    if not token:
        return None
    with database.reading() as session:
        found = logins.find(session, token)
    if found is None:
        return None
    person, note_seen = found
    if note_seen:
        with database.writing() as session:
            logins.seen(session, person.session)
    return person


def _to_login() -> AnyResponse:
    wanted = request.full_path.rstrip("?") if request.method == "GET" and "HX-Request" not in request.headers else ""
    address = url_for("console.login") + (f"?next={quote(wanted)}" if wanted else "")
    if "HX-Request" in request.headers:  # htmx would put the login page into a corner of this one
        return Response(status=401, headers={"HX-Redirect": address})
    return redirect(address)


def _next() -> str:
    """Only a page of our own: else a link to the login would lead wherever its author likes."""
    wanted = request.values.get("next", "")
    parts = urlsplit(wanted)
    ours = not parts.scheme and not parts.netloc and parts.path.startswith("/console/") and "\\" not in wanted
    return wanted if ours else url_for("console.home")


@console.get("/login")
def login() -> AnyResponse:
    if g.who is not None:
        return redirect(_next())
    return page("login.html", next=request.args.get("next", ""))


@console.post("/login")
def log_in() -> AnyResponse:
    email = staff.normal(request.form.get("email", ""))[:200]
    password, address = request.form.get("password", "")[:1000], request.remote_addr or ""
    with database.reading() as session:
        slowed = logins.is_slowed(session, email, address)
        account = staff.find(session, email)
        # A guesser learns nothing from the time either.
        right = not slowed and staff.is_password(account, password)
        second = bool(account and account.sealed_totp)
    if slowed:
        logs.warn("login.slowed", address=address)
        return _again(
            t("시도가 너무 많았어요. 15분 뒤에 다시 해 주세요.", "Too many attempts. Try again in 15 minutes."), 429
        )
    if not right or account is None:
        with database.writing() as session:
            logins.failed(session, email, address)
        return _again(t("이메일이나 비밀번호가 맞지 않아요.", "The e-mail or password is not right."), 401)
    if second:
        return page("second.html", ticket=_tickets().dumps([account.id, account.password[-12:]]), next=_next())
    return _let_in(account.id, email)


def _again(problem: str, status: int) -> Response:
    return page("login.html", status, problem=problem, email=request.form.get("email", "")[:200], next=_next())


def _tickets() -> URLSafeTimedSerializer:
    """Says that the password was right, to the form that asks for the code."""
    return URLSafeTimedSerializer(str(current_app.config["SECRET_KEY"]), salt="second factor")


@console.post("/login/code")
def second() -> AnyResponse:
    ticket, address = request.form.get("ticket", ""), request.remote_addr or ""
    try:
        account_id, ending = _tickets().loads(ticket, max_age=HALF_WAY_SECONDS)
    except (BadSignature, ValueError):
        return redirect(url_for("console.login"))
    with database.writing() as session:
        account = staff.get(session, int(account_id))
        if account is None or account.password[-12:] != ending:
            return redirect(url_for("console.login"))
        email, slowed = account.email, logins.is_slowed(session, account.email, address)
        right = not slowed and second_factor.accept(account, request.form.get("code", ""))
        if not right and not slowed:
            logins.failed(session, email, address)
    if right:
        return _let_in(int(account_id), email)
    problem = t(
        "번호가 맞지 않아요. 지금 보이는 여섯 자리를 적어 주세요.",
        "That is not the code. Enter the six digits shown now.",
    )
    if slowed:
        problem = t("시도가 너무 많았어요. 15분 뒤에 다시 해 주세요.", "Too many attempts. Try again in 15 minutes.")
    return page("second.html", 429 if slowed else 401, ticket=ticket, next=_next(), problem=problem)


def _let_in(account_id: int, email: str) -> AnyResponse:
    address = request.remote_addr or ""
    with database.writing() as session:
        logins.forgive(session, email, address)
        logins.forget_old(session)
        token = logins.begin(session, account_id, address, request.user_agent.string)
        audit.note(session, clock.now(), email, "staff.logged_in", f"staff:{email}")
    response = redirect(_next())
    response.set_cookie(cookie_name(), token, secure=over_https(), httponly=True, samesite="Lax", path="/")
    return response


@console.post("/logout")
def log_out() -> AnyResponse:
    with database.writing() as session:
        logins.end(session, who().id, who().session)
    response = redirect(url_for("console.login"))
    response.delete_cookie(cookie_name(), secure=over_https(), httponly=True, samesite="Lax", path="/")
    return response


@console.get("/link/<token>")
def link(token: str) -> AnyResponse:
    """An invitation, or a new password for one who forgot theirs. Opening it changes nothing yet."""
    with database.reading() as session:
        found = logins.find_link(session, token)
        shown = {"email": found.email, "is_new": bool(found.role)} if found else {}
    return page("link.html", 200 if shown else 404, token=token, shortest=staff.SHORTEST_PASSWORD, **shown)


@console.post("/link/<token>")
def use_link(token: str) -> AnyResponse:
    password = request.form.get("password", "")[:1000]
    with database.writing() as session:
        found = logins.find_link(session, token)
        shown = {"email": found.email, "is_new": bool(found.role)} if found else {}
        if found is not None and len(password) >= staff.SHORTEST_PASSWORD:
            email = found.email
            account_id = _open_account(session, found, password)
        else:
            account_id = None
    if account_id:
        return _let_in(account_id, email)
    problem = t(
        f"비밀번호는 {staff.SHORTEST_PASSWORD}자 이상이어야 해요.",
        f"A password has at least {staff.SHORTEST_PASSWORD} characters.",
    )
    more = {"problem": problem, "shortest": staff.SHORTEST_PASSWORD}
    return page("link.html", 400 if shown else 404, token=token, **shown, **more)


def _open_account(session: Session, found: logins.Link, password: str) -> int | None:
    account = staff.find(session, found.email)
    if not logins.use_up(session, found):
        return None
    if account is None:
        if not found.role:
            return None
        staff.add(session, found.email, found.role, clock.now(), password)
        account = staff.find(session, found.email)
    else:
        staff.set_password(account, password)
        account.sealed_totp = ""
        logins.end(session, account.id)
    what = "staff.joined" if found.role else "staff.password_set"
    audit.note(session, clock.now(), found.email, what, f"staff:{found.email}")
    return account.id if account else None
