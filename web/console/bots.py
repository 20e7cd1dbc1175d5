"""Bots: companies, their bots and keys, who is connected right now, and who was admitted to talk with them."""

from typing import Any
from urllib.parse import urlsplit

from flask import Response, abort, current_app, flash, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

import clock
from store import bot_calls, bots, companies, database, members
from store.companies import NAME
from web.console.chats import channel_name
from web.console.frame import console, is_htmx, may, needs, note, page, settings, who
from web.words import t
from workers.queues import KEYS

MOST_MEMBERS = 300


@console.get("/bots", endpoint="bots")
def the_bots() -> Response:
    if is_htmx() and "now" in request.args:
        with database.reading() as session:
            here = _here(session, bots.listed(session, who().company or None))
        return page("bots_now.html", here=here)
    return _page()


def _page(status: int = 200, **shown: Any) -> Response:
    home = settings().home_company
    with database.reading() as session:
        theirs = (one.name for one in companies.listed(session) if who().company in ("", one.name))
        names = sorted(theirs, key=lambda name: (name != home, name))
        listed = [_company(session, name) for name in names]
    return page("bots.html", status, companies=listed, channel_name=channel_name, home=home, **shown)


def _here(session: Session, rows: list[bots.Bot]) -> list[tuple[bots.Bot, list[bots.Socket]]]:
    """Each with its open connections."""
    found = bots.sockets(session, [bot.id for bot in rows])
    return [(bot, [one for one in found if one.bot_id == bot.id]) for bot in rows]


def _company(session: Session, name: str) -> dict[str, Any]:
    commands = bots.commands(session, name)
    shown = []
    for bot, sockets in _here(session, bots.listed(session, name)):
        shown.append(
            {
                "row": bot,
                "sockets": sockets,
                "open_keys": bots.keys(session, bot),
                "commands": [one for one in commands if one.bot_id == bot.id],
            }
        )
    admitted = members.listed(session, name)
    invites = members.invites(session, name, clock.now())
    more = len(admitted[MOST_MEMBERS:])
    return {"name": name, "bots": shown, "members": admitted[:MOST_MEMBERS], "more": more, "invites": invites}


def _bot(session: Session, company: str, name: str) -> bots.Bot:
    """One that is in use: a key of a revoked one would open nothing."""
    found = bots.find(session, company, name)
    if found is None or found.revoked_at is not None:
        abort(404)
    return found


def _back() -> AnyResponse:
    return redirect(url_for("console.bots"), 303)


# --- companies, bots and keys ---


@console.post("/bots", endpoint="bots_company")
@needs("admin")
def new_company() -> AnyResponse:
    if who().company:  # of one company; others are the house's to make
        abort(403)
    name = request.form.get("company", "").strip()
    if not NAME.fullmatch(name):
        flash(t("이름은 영어 소문자, 숫자, -로 40자까지예요.", "A name is up to 40 of a-z, 0-9 and -."), "bad")
        return _back()
    with database.writing() as session:
        new = companies.ensure(session, name, clock.now())
        if new:
            note(session, "company.added", f"company:{name}")
    flash(t("만들었어요.", "Made.") if new else t("이미 있어요.", "It is there already."), "ok" if new else "warn")
    return _back()


@console.post("/bots/<company>", endpoint="bots_new")
@needs("admin")
def new_bot(company: str) -> AnyResponse:
    name = request.form.get("bot", "").strip()
    if not NAME.fullmatch(name):
        flash(t("이름은 영어 소문자, 숫자, -로 40자까지예요.", "A name is up to 40 of a-z, 0-9 and -."), "bad")
        return _back()
    with database.writing() as session:
        if not companies.exists(session, company):
            abort(404)
        key = bots.add(session, company, name, clock.now())
        if key is not None:
            note(session, "bot.added", f"bot:{company}/{name}")
    if key is None:
        flash(t("이 이름의 봇이 이미 있어요.", "There is a bot of this name."), "bad")
        return _back()
    return _page(made=_shown_once(company, name, key))


def _shown_once(company: str, name: str, key: str) -> dict[str, str]:
    base = settings().base_url
    url = base if urlsplit(base).scheme == "https" else f"ws://127.0.0.1:{settings().relay_port}"
    return {"company": company, "bot": name, "lines": f"MARU_KEY={key}\nMARU_URL={url}"}


@console.post("/bots/<company>/<name>/rotate", endpoint="bots_rotate")
@needs("admin")
def rotate(company: str, name: str) -> AnyResponse:
    """A new key; the one before opens still, so that the bot can be changed over without a gap."""
    with database.writing() as session:
        bot = _bot(session, company, name)
        key = bots.rotate(session, bot, clock.now())
        note(session, "bot.rotated", f"bot:{company}/{name}")
    _tell_relays()  # of three keys the oldest opens no more
    return _page(made=_shown_once(company, name, key))


@console.post("/bots/<company>/<name>/revoke", endpoint="bots_revoke")
@needs("admin")
def revoke(company: str, name: str) -> AnyResponse:
    """All of its keys, or the one that is named; its sockets close within a second."""
    given = request.form.get("key", "")
    with database.writing() as session:
        bot = _bot(session, company, name)
        if given:
            if not (given.isdecimal() and len(given) < 16 and bots.revoke_key(session, bot, int(given), clock.now())):
                abort(404)
            note(session, "bot.key_revoked", f"bot:{company}/{name}", None, {"key": int(given)})
        else:
            bots.revoke(session, bot, clock.now())
            bot_calls.expire_of(session, bot.id, clock.now())
            note(session, "bot.revoked", f"bot:{company}/{name}")
    _tell_relays()
    flash(t("더는 열리지 않아요. 연결도 바로 끊겨요.", "It opens no more, and is disconnected at once."), "ok")
    return _back()


def _tell_relays() -> None:
    current_app.extensions["intake"].bell.tell_relays(KEYS)


# --- who may talk with them ---


@console.post("/bots/<company>/invites", endpoint="bots_invite")
@needs("editor")
def invite(company: str) -> AnyResponse:
    guest = "guest" in request.form
    if not guest and not may("admin"):
        abort(403)
    with database.writing() as session:
        if not companies.exists(session, company):
            abort(404)
        code = members.invite(session, company, guest, clock.now(), who().email)
        after = {"guest": guest, "days": members.DAYS, "uses": members.USES}
        note(session, "member.invited", f"company:{company}", None, after)
    url = f"{settings().base_url}/chat/{company}#invite={code}"
    return _page(invited={"company": company, "url": url, "code": code, "guest": guest})


@console.post("/bots/<company>/invites/<int:id>/withdraw", endpoint="bots_uninvite")
@needs("editor")
def withdraw(company: str, id: int) -> AnyResponse:
    with database.writing() as session:
        invite = next((one for one in members.invites(session, company, clock.now()) if one.id == id), None)
        if invite is None:
            abort(404)
        if not invite.guest and not may("admin"):
            abort(403)
        members.withdraw(session, company, id, clock.now())
        note(session, "member.uninvited", f"company:{company}", {"invite": id, "guest": invite.guest})
    flash(t("거두었어요. 이미 들어온 사람은 그대로예요.", "Withdrawn. Who is in already stays."), "ok")
    return _back()


@console.post("/bots/<company>/members/remove", endpoint="bots_member_remove")
@needs("admin")
def remove_member(company: str) -> AnyResponse:
    channel, chat = request.form.get("channel", ""), request.form.get("chat", "")
    with database.writing() as session:
        if not members.remove(session, company, channel, chat):
            abort(404)
        note(session, "member.removed", f"chat:{channel}/{chat}", {"company": company})
    flash(t("내보냈어요.", "Removed."), "ok")
    return _back()
