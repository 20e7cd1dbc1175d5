"""One's own account: the password, the second factor, and where one is logged in."""

import hmac
from typing import Any

from flask import Response, flash, redirect, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from store import database, logins, staff
from store.logins import Link
from web.console import browsers, proof, second_factor
from web.console.door import LONGEST_PASSWORD, too_short, with_session
from web.console.frame import console, note, page, who
from web.words import t


@console.get("/account")
def account() -> Response:
    return _account()


def _account(status: int = 200, **problems: str) -> Response:
    with database.reading() as session:
        found = [
            {
                "id": one.token_hash,
                "address": one.address,
                "browser": browsers.in_words(one.browser),
                "began_at": one.began_at,
                "seen_at": one.seen_at,
                "is_this": hmac.compare_digest(one.token_hash, who().session),
            }
            for one in logins.listed(session, who().id)
        ]
    found.sort(key=lambda one: not one["is_this"])
    return page("account.html", status, sessions=found, shortest=staff.SHORTEST_PASSWORD, problems=problems)


def _back(said: str) -> AnyResponse:
    flash(said, "")
    return redirect(url_for("console.account"), 303)


def _password_problem(typed: str) -> tuple[int, str] | None:
    """Asked again before what a stolen session must not do."""
    try:
        mine = proof.by_password(who().email, typed[:LONGEST_PASSWORD])
    except proof.Slowed as slowed:
        return 429, str(slowed)
    return None if mine else (400, t("지금 쓰는 비밀번호가 아니에요.", "That is not your current password."))


@console.post("/account/password")
def change_password() -> AnyResponse:
    new = request.form.get("new", "")[:LONGEST_PASSWORD]
    if len(new) < staff.SHORTEST_PASSWORD:
        return _account(400, new=too_short())
    problem = _password_problem(request.form.get("old", ""))
    if problem:
        return _account(problem[0], old=problem[1])
    hashed = staff.hashed_password(new)
    with database.writing() as session:
        mine = staff.get(session, who().id)
        if mine is not None:
            mine.password = hashed
        logins.end(session, who().id)  # this one, too: whoever has stolen its cookie is out
        token = logins.begin(session, who().id, request.remote_addr or "", request.user_agent.string)
        logins.revoke_links(session, Link.email == who().email)
        note(session, "staff.password_set", f"staff:{who().email}")
    said = t(
        "비밀번호를 바꿨어요. 다른 곳의 로그인은 모두 끝냈어요.",
        "Your password is changed. You are logged out everywhere else.",
    )
    return with_session(_back(said), token)


@console.get("/account/second-factor")
def set_up_second_factor() -> AnyResponse:
    if who().second_factor:
        return redirect(url_for("console.account"))
    return _set_up(second_factor.new_secret())


def _set_up(secret: str, status: int = 200, **more: Any) -> Response:
    return page(
        "second_set_up.html",
        status,
        picture=Markup(second_factor.picture(secret, who().email)),
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        offer=second_factor.offer(who().id, secret),
        **more,
    )


@console.post("/account/second-factor")
def confirm_second_factor() -> AnyResponse:
    """On from here: the code proves that the telephone has the secret."""
    secret = second_factor.offered(who().id, request.form.get("offer", ""))
    if not secret:
        flash(
            t("시간이 지났어요. 새 그림으로 다시 해 주세요.", "That took too long. Please use the new picture."), "warn"
        )
        return redirect(url_for("console.set_up_second_factor"), 303)
    step = second_factor.matching_step(secret, request.form.get("code", "")[:20], 0)
    if step is None:
        problem = t("번호가 맞지 않아요. 지금 보이는 여섯 자리를 적어 주세요.", "That is not the code shown now.")
        return _set_up(secret, 400, problem=problem)
    with database.writing() as session:
        mine = staff.get(session, who().id)
        if mine is not None and not mine.sealed_totp:
            mine.sealed_totp, mine.totp_step = second_factor.seal(secret), step
            note(session, "staff.second_factor_on", f"staff:{who().email}")
    return _back(
        t(
            "두 번째 확인을 켰어요. 다음 로그인부터 여섯 자리를 물어볼게요.",
            "On. The next login asks for the six digits.",
        )
    )


@console.post("/account/second-factor/remove")
def remove_second_factor() -> AnyResponse:
    problem = _password_problem(request.form.get("password", ""))
    if problem:
        return _account(problem[0], remove=problem[1])
    with database.writing() as session:
        mine = staff.get(session, who().id)
        if mine is not None and mine.sealed_totp:
            mine.sealed_totp = ""
            note(session, "staff.second_factor_off", f"staff:{who().email}")
    return _back(t("두 번째 확인을 껐어요.", "The second factor is off."))


@console.post("/account/sessions/end")
def end_own_sessions() -> AnyResponse:
    """One of them, or (`session` empty) all but this one."""
    which = request.form.get("session", "")
    with database.writing() as session:
        ended = logins.end(session, who().id, which, but=who().session)
        if ended:
            note(session, "staff.sessions_ended", f"staff:{who().email}", after={"sessions": ended})
    return _back(t(f"{ended}곳에서 로그인을 끝냈어요.", f"Ended {ended} session(s)."))
