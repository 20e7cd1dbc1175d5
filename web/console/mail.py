"""By which servers and names mail goes out: the profiles, each with a test mail."""

import re
from typing import Any

from flask import Response, abort, current_app, flash, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

import clock
from channels import email, mailing
from settings import SMTP_PORTS, is_host
from store import database, errands, mail
from store.errands import Errand
from web.console.frame import console, needs, note, page, settings, who
from web.console.reasons import in_words
from web.words import t
from workers.queues import ERRAND

KIND = "mail"
NAME = re.compile(r"[\w가-힣][\w가-힣 .-]{0,39}")
LONGEST = {"sender": 80, "login": 200, "password": 500}
TLS_WORDS = {
    "starttls": ("STARTTLS (보통 587)", "STARTTLS (usually 587)"),
    "ssl": ("SSL/TLS (보통 465)", "SSL/TLS (usually 465)"),
    "none": ("암호화하지 않음", "Not encrypted"),
}
SERVER = ("host", "port", "tls")
MENDS_KOREAN = {
    email.MEND_CERTIFICATE: "서버 칸에는 인증서에 적힌 이름을 써 주세요. 사설 인증 기관은 SSL_CERT_FILE로 알려 주세요.",
    email.MEND_LOGIN: "주소와 비밀번호를 메일 회사에서 확인해 주세요. 프로그램용 비밀번호가 따로 필요한 곳이 많아요.",
    email.MEND_ADDRESS: "서버의 대답과 두 주소를 견주어 보세요. 자기 주소에서만 보내 주는 서버가 많아요.",
    email.MEND_PLACE: "서버, 포트, 암호화 방식을 확인해 주세요. 이 컴퓨터에서 그 서버로 연결할 수 있어야 해요.",
}
NEW: dict[str, Any] = {"tls": "starttls"}


@console.get("/mail", endpoint="mail")
@needs("admin")
def mail_page() -> Response:
    return _page()


def _page(status: int = 200, **shown: Any) -> Response:
    """`typed` and `problems`: a form that was refused, of the profile `of` or of a new one."""
    with database.reading() as session:
        profiles = [{"name": one.name, **one.shown(), **_last_test(session, one.name)} for one in mail.listed(session)]
        default = _default() | _last_test(session, mail.DEFAULT)
    shown = {"of": None, "typed": NEW, "problems": {}} | shown
    return page("mail.html", status, profiles=profiles, default=default, tls_words=TLS_WORDS, **shown)


def _default() -> dict[str, Any]:
    """The profile of the settings; it is changed there."""
    keys = settings().channels["email"]
    return {
        "name": mail.DEFAULT,
        "on": email.configured(keys),
        "host": keys.get("smtp_url", ""),
        "port": keys.get("smtp_port", ""),
        "tls": keys.get("smtp_tls", ""),
        "address": keys.get("send_mail", ""),
        "password": bool(keys.get("send_password")),
    }


def _last_test(session: Session, name: str) -> dict[str, Any]:
    errand = errands.latest(session, KIND, name)
    return {"test": _outcome(errand) if errand is not None else None}


def _outcome(errand: Errand) -> dict[str, Any]:
    found = errand.found or {}
    ok = bool(found.get("ok"))
    return {
        "open": errand.state in errands.OPEN,
        "ok": ok,
        "detail": "" if ok else in_words(found.get("detail") or errand.reason),
        "mend": t(MENDS_KOREAN[found["mend"]], found["mend"]) if found.get("mend") in MENDS_KOREAN else "",
        "to": errand.given.get("to", ""),
        "at": errand.ended_at or errand.asked_at,
    }


# --- profiles ---


@console.post("/mail", endpoint="mail_new")
@needs("admin")
def new_profile() -> AnyResponse:
    name = mailing.one_line(request.form.get("name", ""))
    with database.reading() as session:
        taken = name == mail.DEFAULT or mail.find(session, name) is not None
    problems = {}
    if not NAME.fullmatch(name):
        problems["name"] = t("40자까지의 글자와 숫자로 지어 주세요.", "Use up to 40 letters and digits.")
    elif taken:
        problems["name"] = t("이 이름은 이미 있어요.", "This name is taken.")
    return _save(name, None, problems)


@console.post("/mail/<name>", endpoint="mail_save")
@needs("admin")
def save_profile(name: str) -> AnyResponse:
    return _save(name, _shown(name), {})


def _shown(name: str) -> dict[str, Any]:
    with database.reading() as session:
        profile = mail.find(session, name)
        if profile is None:
            abort(404)
        return profile.shown()


def _save(name: str, before: dict[str, Any] | None, problems: dict[str, str]) -> AnyResponse:
    typed = {key: mailing.one_line(request.form.get(key, "")) for key in (*SERVER, "address", "sender", "login")}
    password = request.form.get("password", "")[: LONGEST["password"]]
    forget = "forget" in request.form
    values = _judged(typed, problems)
    if before is not None and not problems:
        # Else the password, which nobody is shown, could be sent to a server of one's own to be read there.
        moved = any(before[key] != values[key] for key in SERVER)
        if moved and before["password"] and not password and not forget:
            problems["password"] = t(
                "서버를 바꿀 때는 비밀번호를 다시 적어 주세요.", "Another server: please type the password again."
            )
    if problems:
        return _page(400, of=name if before is not None else None, typed={"name": name, **typed}, problems=problems)
    with database.writing() as session:
        new = "" if forget else password or None
        profile = mail.save(session, name, values, new, _secret_key(), clock.now(), who().email)
        after = profile.shown() | ({"password": "new"} if password and not forget else {})
        note(session, "mail.saved", f"mail:{name}", before, after)
    flash(t(f"{name} 프로필을 저장했어요.", f"Saved the profile {name}."))
    return redirect(url_for("console.mail"), 303)


def _judged(typed: dict[str, str], problems: dict[str, str]) -> dict[str, Any]:
    """The values as they are kept; what is wrong with them goes into `problems`, by field."""
    port = typed["port"] or SMTP_PORTS.get(typed["tls"], "")
    if typed["tls"] not in SMTP_PORTS:
        abort(400)
    if not is_host(typed["host"]):
        problems["host"] = t("서버 이름만 적어 주세요. 예: smtp.example.kr", "Just the host, such as smtp.example.kr.")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        problems["port"] = t("1부터 65535까지의 숫자예요.", "A number from 1 to 65535.")
    address = typed["address"]
    try:
        address = mailing.address(address)
    except ValueError:
        problems["address"] = t("이메일 주소가 아니에요.", "That is no e-mail address.")
    for key in ("sender", "login"):
        if len(typed[key]) > LONGEST[key]:
            problems[key] = t(f"{LONGEST[key]}자까지예요.", f"At most {LONGEST[key]} characters.")
    return {**typed, "port": int(port) if "port" not in problems else 0, "address": address}


def _secret_key() -> str:
    return str(current_app.config["SECRET_KEY"])


@console.post("/mail/<name>/remove", endpoint="mail_remove")
@needs("admin")
def remove_profile(name: str) -> AnyResponse:
    before = _shown(name)
    with database.writing() as session:
        if mail.remove(session, name):
            note(session, "mail.removed", f"mail:{name}", before)
    flash(t(f"{name} 프로필을 지웠어요.", f"Removed the profile {name}."))
    return redirect(url_for("console.mail"), 303)


# --- the test mail: a worker sends it, since a server may take its time ---


@console.post("/mail/<name>/test", endpoint="mail_test")
@needs("admin")
def test_profile(name: str) -> AnyResponse:
    if name != mail.DEFAULT:
        _shown(name)
    try:
        to = mailing.address(request.form.get("to", ""))
    except ValueError:
        flash(t("받을 이메일 주소를 확인해 주세요.", "Please check the address to send it to."), "bad")
        return redirect(url_for("console.mail"), 303)
    with database.writing() as session:
        latest = errands.latest(session, KIND, name)
        if latest is None or latest.state not in errands.OPEN:
            errands.ask(session, KIND, name, {"to": to}, who().email, clock.now())
    current_app.extensions["intake"].bell.ring(ERRAND)
    return redirect(url_for("console.mail"), 303)


@console.get("/mail/<name>/test", endpoint="mail_tested")
@needs("admin")
def tested(name: str) -> Response:
    """The piece that looks by itself until the mail went, or did not."""
    with database.reading() as session:
        found = _last_test(session, name)
    return page("mail_test.html", one={"name": name, **found})
