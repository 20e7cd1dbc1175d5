"""/bots: how to write one, by copying; the SDK's wheel; and for members and staff, what bots their company has."""

from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, current_app, make_response, render_template, send_from_directory

from settings import ROOT
from store import bots, database
from web.chat import companies_of_browser
from web.words import t

WHEELS = ROOT / "sdk" / "dist"

guide = Blueprint("bots", __name__, url_prefix="/bots")


@guide.get("/")
@guide.get("", endpoint="page")
def quick_start() -> Response:
    wheel = _wheel()
    with database.reading() as session:
        listed = [(company, _bots_of(session, company, guest)) for company, guest in companies_of_browser()]
    base = current_app.extensions["settings"].base_url
    relay = base if base.startswith("https://") else f"ws://127.0.0.1:{current_app.extensions['settings'].relay_port}"
    shown: dict[str, Any] = {"wheel": wheel.name if wheel else "", "base": base, "relay": relay, "listed": listed}
    said = t("/예약 회의실 오후 3~4시", "/book lounge 3pm-4pm")
    response = make_response(render_template("bots.html", t=t, said=said, **shown))
    response.headers["Cache-Control"] = "no-store"
    return response


def _bots_of(session: Any, company: str, guest: bool) -> list[dict[str, Any]]:
    commands = bots.commands(session, company, guests_only=guest)
    return [
        {"name": bot.name, "here": here, "commands": [one for one in commands if one.bot_id == bot.id]}
        for bot, here in bots.present(session, company)
        if not guest or any(one.bot_id == bot.id for one in commands)
    ]


def _wheel() -> Path | None:
    return max(WHEELS.glob("maru_bots-*.whl"), default=None, key=lambda path: path.stat().st_mtime)


@guide.get("/sdk/")
def latest() -> Response:
    wheel = _wheel()
    if wheel is None:
        said = (
            "이 서버에는 SDK가 아직 없어요. 운영자에게 make sdk를 부탁해 주세요. The SDK was not built here: make sdk\n"
        )
        return Response(said, 404, content_type="text/plain; charset=utf-8")
    links = f'<!doctype html><title>maru-bots</title><a href="/bots/sdk/{wheel.name}">{wheel.name}</a>\n'
    return Response(links, content_type="text/html; charset=utf-8")


@guide.get("/sdk/<name>")
def download(name: str) -> Response:
    if not name.endswith(".whl"):
        abort(404)
    return send_from_directory(WHEELS, name, mimetype="application/zip")
