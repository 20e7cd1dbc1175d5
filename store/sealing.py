"""What is kept so that a reader of the database alone cannot read it: second factors, passwords of mail."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken


class Seal:
    """`purpose` keeps what was sealed for one thing from being opened as another."""

    def __init__(self, purpose: str, secret_key: str) -> None:
        key = hashlib.sha256(f"{purpose}:{secret_key}".encode()).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def close(self, secret: str) -> str:
        return self._fernet.encrypt(secret.encode()).decode()

    def open(self, sealed: str, seconds: int | None = None) -> str:
        """Empty when it was sealed under another SECRET_KEY, for something else, or longer ago than that."""
        try:
            return self._fernet.decrypt(sealed.encode(), ttl=seconds).decode()
        except InvalidToken:
            return ""
