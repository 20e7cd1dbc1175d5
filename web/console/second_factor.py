"""The second factor: six digits from a phone (TOTP, RFC 6238), each of which counts once."""

import base64
import hashlib
import hmac
import secrets
import struct
import unicodedata
from urllib.parse import quote

import segno
from flask import current_app

import clock
from store import sealing
from store.staff import Staff

STEP_SECONDS = 30
DIGITS = 6
OFFER_SECONDS = 900  # to set it up


def new_secret() -> str:
    return base64.b32encode(secrets.token_bytes(20)).decode()


def code(secret: str, step: int) -> str:
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
    at = digest[-1] & 15
    number = struct.unpack(">I", digest[at : at + 4])[0] & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def matching_step(secret: str, typed: str, after: int) -> int | None:
    """The time step whose code was typed: now, or the one before or after, for clocks that differ. One at or before
    `after` was used already."""
    typed, now = "".join(unicodedata.normalize("NFKC", typed).split()), int(clock.real()) // STEP_SECONDS
    for step in (now, now - 1, now + 1):
        if step > after and hmac.compare_digest(code(secret, step).encode(), typed.encode()):
            return step
    return None


def accept(account: Staff, typed: str) -> bool:
    """Within a writing transaction: the code that was typed is used up by it."""
    secret = unseal(account.sealed_totp)
    step = matching_step(secret, typed, account.totp_step) if secret else None
    if step is None:
        return False
    account.totp_step = step
    return True


def _seal() -> sealing.Seal:
    return sealing.Seal("second factor", str(current_app.config["SECRET_KEY"]))


def seal(secret: str) -> str:
    return _seal().close(secret)


def unseal(sealed: str) -> str:
    """Empty when SECRET_KEY changed since: then an admin has to take the second factor away."""
    return _seal().open(sealed)


def offer(staff_id: int, secret: str) -> str:
    """A secret on its way to a telephone and back: it counts only once a code proves that it arrived."""
    return _seal().close(f"{staff_id}:{secret}")


def offered(staff_id: int, sealed: str) -> str:
    """Empty when it was offered to somebody else, or too long ago."""
    owner, _, secret = _seal().open(sealed, OFFER_SECONDS).partition(":")
    return secret if owner == str(staff_id) else ""


def address(secret: str, email: str) -> str:
    return f"otpauth://totp/Maru:{quote(email)}?secret={secret}&issuer=Maru&digits={DIGITS}&period={STEP_SECONDS}"


def picture(secret: str, email: str) -> str:
    """The address as a QR code, as SVG without styles."""
    drawn = segno.make(address(secret, email), error="m")
    # On white also at night: many telephones read no QR code that is light on dark.
    return str(drawn.svg_inline(scale=4, border=3, light="#fff", svgclass=None, lineclass=None, title="QR"))
