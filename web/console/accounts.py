"""Everybody's accounts, for admins: who comes in, as what, and who goes."""

import re
from typing import Any

from flask import Response, abort, flash, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

import clock
from store import database, logins, staff
from store.logins import Link
from store.staff import ROLES, Staff
from web.console.frame import console, needs, note, page, settings, who
from web.words import t

ADMIN = ROLES[-1]
ON_A_PAGE = 100
MOST_LINKS = 50
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


@console.get("/staff", endpoint="staff")
@needs(ADMIN)
def staff_page() -> Response:
    return _page()


def _page(status: int = 200, **shown: Any) -> Response:
    """`link`: shown this once; `problem` and `typed`: an invitation that was refused."""
    containing, after = request.args.get("q", "").strip(), request.args.get("after", "")
    gone = request.args.get("show") == "gone"
    with database.reading() as session:
        which = staff.gone if gone else staff.here
        rows = which(session, containing, after, ON_A_PAGE + 1)
        open_sessions = logins.counts(session)
        people = [_row(one, open_sessions.get(one.id, 0)) for one in rows[:ON_A_PAGE]]
        links = [_link_row(one) for one in logins.open_links(session, MOST_LINKS)]
    more = people[-1]["email"] if len(rows) > ON_A_PAGE else ""
    shown |= {"people": people, "links": links, "more": more, "q": containing, "gone": gone, "after": after}
    return page("staff.html", status, roles=ROLES, **shown)


def _row(one: Staff, sessions: int) -> dict[str, Any]:
    return {
        "id": one.id,
        "email": one.email,
        "role": one.role,
        "second_factor": bool(one.sealed_totp),
        "seen_at": one.seen_at,
        "left_at": one.left_at,
        "sessions": sessions,
        "is_me": one.id == who().id,
    }


def _link_row(one: Link) -> dict[str, Any]:
    until = one.made_at + logins.LINK_LIVES
    return {"email": one.email, "role": one.role, "made_by": one.made_by, "until": until}


def _back(said: str, kind: str = "") -> AnyResponse:
    flash(said, kind)
    return redirect(url_for("console.staff"), 303)


def _address(token: str) -> str:
    return settings().base_url + url_for("console.link", token=token)


@console.post("/staff/invite")
@needs(ADMIN)
def invite() -> AnyResponse:
    email, role = staff.normal(request.form.get("email", ""))[:200], request.form.get("role", "")
    if role not in ROLES:
        abort(400)
    if not EMAIL.fullmatch(email):
        return _refused(email, role, t("이메일 주소가 아니에요.", "That is no e-mail address."))
    with database.writing() as session:
        account = staff.find(session, email)
        left = account is not None and account.left_at is not None
        if account is None:
            token = logins.make_link(session, email, role, who().email)
            note(session, "staff.invited", f"staff:{email}", after={"role": role})
    if account is None:
        return _page(link={"address": _address(token), "email": email, "is_new": True})
    if left:
        return _refused(
            email, role, t("떠난 사람이에요. 아래 목록에서 다시 들여 주세요.", "They left. Take them back below.")
        )
    return _refused(email, role, t("이미 계정이 있어요.", "They have an account already."))


def _refused(email: str, role: str, problem: str) -> Response:
    return _page(400, problem=problem, typed={"email": email, "role": role})


@console.post("/staff/links/revoke")
@needs(ADMIN)
def revoke_link() -> AnyResponse:
    email = staff.normal(request.form.get("email", ""))
    with database.writing() as session:
        revoked = logins.revoke_links(session, Link.email == email)
        if revoked:
            note(session, "staff.link_revoked", f"staff:{email}")
    return _back(t("링크를 거뒀어요. 이제 열리지 않아요.", "The link no longer opens."))


@console.post("/staff/<int:id>/role")
@needs(ADMIN)
def change_role(id: int) -> AnyResponse:
    role = request.form.get("role", "")
    if role not in ROLES:
        abort(400)
    with database.writing() as session:
        last = staff.is_last_admin(session, id)
        account = _account(session, id)
        email, before = account.email, account.role
        kept = last and role != ADMIN
        if not kept and role != before:
            account.role = role
            if before == ADMIN:
                _no_longer_admin(session, account)
            note(session, "staff.role", f"staff:{email}", {"role": before}, {"role": role})
    if kept:
        return _last_admin_stays()
    said = t(f"{email}의 역할을 바꿨어요.", f"Changed the role of {email}.")
    if id == who().id and role != ADMIN:  # this page is no longer theirs
        flash(said, "")
        return redirect(url_for("console.account"), 303)
    return _back(said)


def _account(session: Session, id: int) -> Staff:
    return staff.get(session, id) or abort(404)


def _no_longer_admin(session: Session, account: Staff) -> None:
    """The doors that they opened for others close, too."""
    logins.revoke_links(session, Link.made_by == account.email)


def _last_admin_stays() -> AnyResponse:
    words = (
        "관리자가 한 명은 있어야 해요. 먼저 다른 사람을 관리자로 정해 주세요.",
        "One admin must stay. Choose another one first.",
    )
    return _back(t(*words), "bad")


@console.post("/staff/<int:id>/reset")
@needs(ADMIN)
def reset(id: int) -> AnyResponse:
    with database.writing() as session:
        account = _account(session, id)
        email = account.email
        token = "" if account.left_at else logins.make_link(session, email, "", who().email)
        if token:
            note(session, "staff.reset", f"staff:{email}")
    if not token:
        return _back(t("떠난 사람이에요. 먼저 다시 들여 주세요.", "They left. Take them back first."), "bad")
    return _page(link={"address": _address(token), "email": email, "is_new": False})


@console.post("/staff/<int:id>/sessions/end")
@needs(ADMIN)
def end_sessions(id: int) -> AnyResponse:
    with database.writing() as session:
        email = _account(session, id).email
        ended = logins.end(session, id, but=who().session)
        if ended:
            note(session, "staff.sessions_ended", f"staff:{email}", after={"sessions": ended})
    return _back(t(f"{email}의 로그인을 끝냈어요.", f"{email} is logged out."))


@console.post("/staff/<int:id>/leave")
@needs(ADMIN)
def let_go(id: int) -> AnyResponse:
    with database.writing() as session:
        last = staff.is_last_admin(session, id)
        account = _account(session, id)
        email = account.email
        if not last and account.left_at is None:
            account.left_at = clock.now()
            logins.end(session, id)
            logins.revoke_links(session, Link.email == email)
            _no_longer_admin(session, account)
            note(session, "staff.left", f"staff:{email}")
    if last:
        return _last_admin_stays()
    return _back(t(f"{email} 님은 이제 들어올 수 없어요.", f"{email} can no longer log in."))


@console.post("/staff/<int:id>/return")
@needs(ADMIN)
def take_back(id: int) -> AnyResponse:
    with database.writing() as session:
        account = _account(session, id)
        email, role = account.email, account.role
        if account.left_at is not None:
            account.left_at = None
            note(session, "staff.returned", f"staff:{email}", after={"role": role})
    return _back(t(f"{email} 님이 다시 들어올 수 있어요.", f"{email} can log in again."))
