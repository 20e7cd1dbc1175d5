"""What doctor asks the mail servers: would they take mail from us; with --mail, do they."""

from collections.abc import Iterator

from flask import current_app

from channels import email
from channels.contract import SendError
from commands.doctor_house import Verdict, bad, good
from settings import Settings, is_loopback
from store import database, mail
from workers import mailing


def rows(settings: Settings, send: bool) -> Iterator[Verdict]:
    with database.reading() as session:
        kept = [profile.name for profile in mail.listed(session)]
    default = current_app.extensions["keys"]["email"]
    if not email.configured(default):
        yield _off(settings, kept, send)
    names = [*([mail.DEFAULT] if email.configured(default) else []), *kept]
    for name in names:
        try:
            keys = mailing.keys_of(default, name)
        except SendError as error:
            yield bad(f"mail {name}", error.reason, "Type the password in again: console, Mail.")
            continue
        yield from _plain_password(name, keys["smtp_tls"], keys["smtp_url"], bool(keys.get("send_password")))
        if send:
            yield from _sent(settings, name, keys["send_mail"])
        else:
            found = email.reach(keys)
            yield Verdict(f"mail {name}", found.ok, found.detail, found.mend, found.level)


def _off(settings: Settings, kept: list[str], send: bool) -> Verdict:
    if settings.channels["email"].get("smtp_url"):
        return bad("email", "off: SEND_MAIL is missing", "Set SEND_MAIL to the address that mail comes from.")
    mend = "Set SMTP_URL and SEND_MAIL, or make a profile in the console, unless mail is not used."
    if kept:
        return good("email", f"not set; mail goes by the first profile, {kept[0]}")
    # Who asks for a test mail wants one.
    return bad("email", "off: it has no server", mend, "error" if send else "warn")


def _plain_password(name: str, tls: str, host: str, has_password: bool) -> Iterator[Verdict]:
    if tls == "none" and has_password and not is_loopback(host):
        mend = "Use starttls or ssl: on its way everybody can read the password and the mails."
        yield bad(f"mail {name} encryption", "the password goes to the server unencrypted", mend, "warn")


def _sent(settings: Settings, name: str, own: str) -> Iterator[Verdict]:
    """To those who are to be told, else to the sender's own address."""
    told = [one.strip() for one in settings.channels["email"].get("receive_mail", "").split(",") if one.strip()]
    for to in told or [own]:
        found = mailing.try_out(current_app.extensions["keys"]["email"], name, to)
        yield Verdict(f"mail {name}", found.ok, found.detail, found.mend)
