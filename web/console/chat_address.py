"""A chat's id in an address of the console. Some chats are known by an e-mail address, which would then stand in
browsers' histories, in the front's log and before a viewer's eyes: it is sealed there."""

import base64
import binascii
from hashlib import sha512

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from flask import current_app
from werkzeug.routing import PathConverter, ValidationError

SEALED = "~"  # no platform begins an id with it


class ChatConverter(PathConverter):
    """`<chat:chat>`. What a person types is understood as it is, too."""

    def to_url(self, value: str) -> str:
        if "@" not in value:
            return super().to_url(value)
        # The same chat has the same address each time, so that it can be kept as a bookmark.
        closed = _cipher().encrypt(value.encode("utf8", "surrogatepass"), None)
        return SEALED + base64.urlsafe_b64encode(closed).decode().rstrip("=")

    def to_python(self, value: str) -> str:
        if not value.startswith(SEALED):
            return str(super().to_python(value))
        given = value.removeprefix(SEALED)
        try:
            closed = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
            return _cipher().decrypt(closed, None).decode("utf8", "surrogatepass")
        except (binascii.Error, ValueError, InvalidTag):
            raise ValidationError from None


def _cipher() -> AESSIV:
    return AESSIV(sha512(f"chat addresses:{current_app.config['SECRET_KEY']}".encode()).digest())
