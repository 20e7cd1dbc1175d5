"""How Google and Amazon prove themselves here: one RSA key, its certificate, tokens and signatures by it."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

Json = dict[str, Any]


class Signer:
    def __init__(self, private_key: str = "") -> None:
        """Without a key it makes one, for as long as this process lives."""
        self._given, self._key = private_key, None if private_key else _made()

    @property
    def key(self) -> rsa.RSAPrivateKey:
        if self._key is None:
            loaded = serialization.load_pem_private_key(self._given.encode(), None)
            assert isinstance(loaded, rsa.RSAPrivateKey)
            self._key = loaded
        return self._key

    @property
    def kid(self) -> str:
        return hashlib.sha256(self._public()).hexdigest()[:32]

    def _public(self) -> bytes:
        kind, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(kind, form)

    def is_by_us(self, token: str) -> bool:
        """Was this token signed with our key?"""
        head, _, signature = token.rpartition(".")
        try:
            raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
            self.key.public_key().verify(raw, head.encode(), padding.PKCS1v15(), hashes.SHA256())
        except Exception:  # whatever is wrong with it: it is not ours
            return False
        return True

    def certificate(self, name: str) -> str:
        """Signed by itself, as PEM. The same key each time, so what was fetched yesterday is as good as new."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        made = x509.CertificateBuilder(subject, subject, self.key.public_key(), int(self.kid[:15], 16))
        made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=365))
        return made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def signature(self, data: bytes, algorithm: hashes.HashAlgorithm) -> str:
        return base64.b64encode(self.key.sign(data, padding.PKCS1v15(), algorithm)).decode()

    def token(self, claims: Json, header: Json | None = None) -> str:
        """A JSON Web Token. `header` replaces parts of the usual one."""
        head = {"alg": "RS256", "typ": "JWT", "kid": self.kid} | (header or {})
        signed = f"{_segment(head)}.{_segment(claims)}"
        if head["alg"] == "none":
            return f"{signed}."
        raw = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{base64.urlsafe_b64encode(raw).decode().rstrip('=')}"


def _made() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def claims_of(token: str) -> Json:
    """What a token says, unproven."""
    body = token.split(".")[1]
    found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return found if isinstance(found, dict) else {}


def _segment(content: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
