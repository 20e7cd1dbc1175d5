"""A real mail server for tests: takes letters as a provider does, with encryption and a login, and refuses or vanishes
for addresses that say so."""

import asyncio
import errno
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.house import eventually, free_port

PATIENCE = 60.0  # a mail is the end of a long chain; on a busy machine each of its links takes its time


class PostOffice:
    """`unknown…@`: refused for ever; `busy…@`: the first time refused for now; `mute…@`: the first letter is taken and
    the line goes dead before that is said."""

    def __init__(self, tls: str, folder: Path, login: tuple[str, str] | None = None) -> None:
        self.tls, self.port, self.login = tls, free_port(), login
        self.letters: list[tuple[str, EmailMessage]] = []
        self._tried: set[str] = set()
        self._turn = threading.Lock()
        context = None if tls == "none" else _context(folder)
        more: dict[str, Any] = {"ssl_context": context} if tls == "ssl" else {"tls_context": context}
        if login is not None:
            more |= {"authenticator": self._judge, "auth_required": True, "auth_require_tls": tls == "starttls"}
        more |= {"require_starttls": tls == "starttls", "ready_timeout": PATIENCE}  # its own 5 s are few here
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port, **more)

    def _judge(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        right = isinstance(given, LoginPassword) and self.login is not None
        told = (given.login.decode(), given.password.decode()) if right else None
        return AuthResult(success=told == self.login, handled=False)

    def _is_first(self, address: str) -> bool:
        with self._turn:
            first = address not in self._tried
            self._tried.add(address)
            return first

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("unknown"):
            return "550 5.1.1 No such user here"
        if address.startswith("busy") and self._is_first(address):
            return "450 4.2.1 Come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        letter = message_from_bytes(content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        with self._turn:
            self.letters += [(to, letter) for to in envelope.rcpt_tos]
        if envelope.rcpt_tos[0].startswith("mute") and self._is_first(envelope.rcpt_tos[0]):
            assert server.transport is not None
            server.transport.abort()
            await asyncio.sleep(0)
        return "250 2.0.0 OK queued"

    def settings(self, **more: str) -> dict[str, str]:
        """What the house has to be told."""
        return {"SMTP_URL": "localhost", "SMTP_PORT": str(self.port), "SMTP_TLS": self.tls, **more}

    def to(self, address: str, letters: int = 1) -> list[EmailMessage]:
        """The letters to an address, once there are that many."""

        def came() -> list[EmailMessage]:
            with self._turn:
                found = [letter for to, letter in self.letters if to == address]
            return found if len(found) >= letters else []

        found: list[EmailMessage] = eventually(came, f"{letters} letters to {address}", PATIENCE)
        return found


@contextmanager
def post_office(tls: str, folder: Path, login: tuple[str, str] | None = None) -> Iterator[PostOffice]:
    office = _opened(tls, folder, login)
    try:
        yield office
    finally:
        office.controller.stop()


def _opened(tls: str, folder: Path, login: tuple[str, str] | None) -> PostOffice:
    """Where many tests run, a port that was free a moment ago may be somebody's."""
    while True:
        office = PostOffice(tls, folder, login)
        try:
            office.controller.start()
            return office
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise


def authority(folder: Path) -> Path:
    """The certificate of an authority that nobody knows but who is told; beside it, the server's own."""
    path = folder / "authority.pem"
    if not path.exists():
        root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        is_authority = x509.BasicConstraints(ca=True, path_length=None)
        hosts = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
        path.write_bytes(_certificate("authority", root, root, is_authority))
        key = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "server.pem").write_bytes(key + _certificate("localhost", own, root, hosts))
    return path


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, about: x509.ExtensionType
) -> bytes:
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(_called(name))
        .issuer_name(_called("authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(about, critical=True)
    )
    return made.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM)


def _called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _context(folder: Path) -> ssl.SSLContext:
    authority(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context
