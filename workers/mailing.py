"""Mail that the house writes: by which profile it goes, what modules and employees send, and the test mail."""

from collections.abc import Callable, Sequence
from typing import Any

from flask import Flask, current_app
from sqlalchemy.orm import Session

import clock
import logs
from channels import email
from channels.contract import Finding, Keys, Outbound, SendError
from curation import answer as curation
from responses.module import Module
from store import chats, database, deliveries, mail
from store.answers import Answer
from store.deliveries import Delivery
from store.errands import Errand

KIND = "mail"  # of the errand that sends a test mail
TEST = {
    "subject": "마루 시험 메일 · Maru test mail",
    "text": (
        "마루가 이 메일을 보냈어요. 잘 도착했으니 설정이 맞아요.\n"
        "Maru sent this mail. It arrived, so the settings are right."
    ),
}


def keys_of(default: Keys, profile: str) -> Keys:
    """What the mail channel needs to send by this profile; '' is the settings', or without those the first one."""
    if profile == mail.DEFAULT or (not profile and email.configured(default)):
        return default
    with database.reading() as session:
        kept = mail.find(session, profile) if profile else next(iter(mail.listed(session)), None)
        if kept is None:
            raise SendError(f"there is no mail profile {profile!r}" if profile else "no keys", permanent=True)
        password = mail.password(kept, str(current_app.config["SECRET_KEY"]))
        if password is None:
            why = f"the password of the mail profile {kept.name!r} was sealed with another SECRET_KEY: type it in again"
            raise SendError(why, permanent=True)
        return {
            "smtp_url": kept.host,
            "smtp_port": str(kept.port),
            "smtp_tls": kept.tls,
            "send_mail": kept.address,
            "send_password": password,
            "sender": kept.sender,
            "login": kept.login,
            "site": default.get("site", ""),
        }


def is_ready(session: Session, default: Keys) -> bool:
    """Is there any way to send mail?"""
    return email.configured(default) or bool(mail.listed(session))


# --- mails that somebody or something writes ---


def post(session: Session, source: str, event_id: int, mails: Sequence[tuple[str, dict[str, Any], str]]) -> None:
    """Within a writing transaction: mails that go now, each with its address, body and plain words."""
    for step, (to, body, plain) in enumerate(mails):
        row = Delivery(
            source=source,
            step=step,
            event_id=event_id,
            channel="email",
            chat=to,
            body=body,
            text=plain,
            wait=0,
            yields=False,
            key=deliveries.new_key(),
            trace=logs.trace() or "",
        )
        deliveries.add(session, chats.hold(session, "email", to), [row], clock.now())


def after(answer: Answer, module: Module, found: curation.Answer, trace: str) -> list[Delivery]:
    """The mails among a module's effects, one for each address. They wait outside any line until all before them in
    the series was sent."""
    wanted = (found.effects or {}).get("mail")
    if not wanted:
        return []
    body = {key: value for key, value in wanted.items() if key not in ("to", "plain") and value}
    return [
        Delivery(
            source=answer.source,
            step=len(module.messages) + place,
            event_id=answer.event_id,
            answer_id=answer.id,
            kind=deliveries.MAIL,
            channel="email",
            chat=to,
            body=body,
            text=wanted["plain"],
            yields=module.yields,
            key=deliveries.new_key(),
            trace=trace,
        )
        for place, to in enumerate(wanted["to"], 1)
    ]


# --- the test mail ---


def try_out(default: Keys, profile: str, to: str) -> Finding:
    """Sends a test mail, and says what became of it."""
    try:
        keys = keys_of(default, profile)
        message_id = email.send(keys, Outbound(to, "", TEST, deliveries.new_key()), TEST, lambda: True)
    except SendError as error:
        return Finding(profile, False, error.reason, email.how_to_mend(error))
    where = f"{keys['smtp_url']}:{keys['smtp_port']} ({keys['smtp_tls']})"
    return Finding(profile, True, f"{where} took a test mail to {to}: {message_id}")


def errand(app: Flask, asked: Errand, tell: Callable[[int, int], bool]) -> dict[str, Any]:
    """Somebody at the console wants to see a profile work. `asked.given`: to."""
    tell(0, 1)
    found = try_out(app.extensions["keys"]["email"], asked.subject, asked.given["to"])
    return {"ok": found.ok, "detail": found.detail, "mend": found.mend}
