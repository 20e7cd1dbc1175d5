"""Is it really them? Asked at the door, and again before what a stolen session must not do. Failures slow down."""

import hmac
from hashlib import sha256

from flask import request

import logs
from store import database, logins, staff
from web.console import second_factor
from web.words import t


class Slowed(Exception):
    """Too many failures lately; nothing is judged until some time has gone."""


def by_password(email: str, password: str) -> staff.Staff | None:
    """The account, detached, when the password is theirs. A guesser learns nothing from the time either."""
    address = request.remote_addr or ""
    with database.writing() as session:
        logins.in_turn(session, email)
        slowed = logins.is_slowed(session, email, address)
        this_try = 0 if slowed else logins.tried(session, email, address)
        account = staff.find(session, email)
        if account is not None:
            session.expunge(account)
    if slowed:
        raise _slowed()
    if not staff.is_password(account, password):
        logs.warn("login.failed", address=address)
        return None
    with database.writing() as session:
        logins.take_back(session, this_try)
    return account


def by_code(account_id: int, password_mark: str, code: str) -> staff.Staff | None:
    """The account, when the code is right and its password is still the one that was given a moment ago."""
    address = request.remote_addr or ""
    with database.writing() as session:
        account = staff.get(session, account_id)
        if account is None or account.left_at is not None:
            return None
        if not hmac.compare_digest(mark(account), password_mark):
            return None
        slowed = logins.is_slowed(session, account.email, address)
        right = not slowed and second_factor.accept(account, code)
        if not right and not slowed:
            logins.tried(session, account.email, address)
        session.flush()
        session.expunge(account)
    if slowed:
        raise _slowed()
    if not right:
        logs.warn("login.failed", address=address)
    return account if right else None


def _slowed() -> Slowed:
    logs.warn("login.slowed", address=request.remote_addr or "")
    return Slowed(t("시도가 너무 많았어요. 15분 뒤에 다시 해 주세요.", "Too many attempts. Try again in 15 minutes."))


def mark(account: staff.Staff) -> str:
    """Changes with the password, and tells nothing of it."""
    return sha256(account.password.encode()).hexdigest()[:16]
