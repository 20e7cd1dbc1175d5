"""E-mail, which only sends. RFC 5321 (SMTP), 3207 (STARTTLS), 4954 (login).

A server of mail knows no key of ours and cannot be asked what it took, so what is unclear stays unclear.
"""

import base64
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from channels import mailing
from channels.contract import Finding, Keys, Outbound, SendError
from channels.http import NotSent

KEYS = ("smtp_url", "smtp_port", "smtp_tls", "send_mail", "send_password")
PER_SECOND, BURST = 5.0, 5  # each is a connection of its own, and servers count those
CHAT_GAP = 0.0
SENDER = "마루"
READ_SECONDS = 20.0  # between two answers; some servers are slow to greet, so that spammers give up
WHOLE_SECONDS = 60.0  # an answer may trickle
MEND_CERTIFICATE = (
    "The host must be the name in the server's certificate; a private authority is given by SSL_CERT_FILE."
)
MEND_LOGIN = "Compare the address and the password with the provider; many want a password made for programs."
MEND_ADDRESS = "Compare both addresses with what the server's words say; many send only for addresses of their own."
MEND_PLACE = "Look at the host, the port and the kind of encryption, and whether this machine may connect to it."


def configured(keys: Keys) -> bool:
    return bool(keys.get("smtp_url") and keys.get("send_mail"))


def parts(out: Outbound) -> list[dict[str, Any]]:
    return [dict(out.body)]


def can_find(out: Outbound) -> bool:
    return False


def find(keys: Keys, out: Outbound, part: Mapping[str, Any], known: frozenset[str]) -> str | None:
    return None


def send(keys: Keys, out: Outbound, part: Mapping[str, Any], may_send: Callable[[], bool]) -> str:
    """One letter to one address. Returns its Message-ID."""
    if not configured(keys):
        raise SendError("no keys", permanent=True)
    to = _address(out.chat, "the address to write to")
    sender = _address(keys["send_mail"], "the address that we send from")
    message_id, letter = mailing.letter(
        (str(part.get("sender") or keys.get("sender") or SENDER), sender), to, part, out.key
    )
    with _server(keys) as server:
        size = [f"SIZE={len(letter)}"] if server.has_extn("size") else []
        _judged(server.mail(sender, size))
        _judged(server.rcpt(to))
        _judged(server.docmd("DATA"), 3)
        server.send(re.sub(rb"(?m)^\.", b"..", letter))
        # Until the line with the dot the server throws away what it got: all before it is surely not sent.
        if not may_send():
            raise NotSent
        _judged(_ended(server))
    return message_id


def _ended(server: smtplib.SMTP) -> tuple[int, bytes]:
    """The last line, and what the server says to the letter. From here on it may have arrived."""
    try:
        server.send(b".\r\n")
        code, words = server.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise SendError(f"{_silence(error)} after the mail was handed over", unclear=True) from None
    if code // 100 not in (2, 4, 5):
        raise SendError("the mail server answered something that cannot be read", unclear=True)
    return code, words


def _silence(error: Exception) -> str:
    """smtplib makes one exception of a time-out and a lost connection."""
    timed_out = isinstance(error, TimeoutError) or "timed out" in str(error)
    return "the mail server did not answer in time" if timed_out else "the mail server hung up"


def reach(keys: Keys) -> Finding:
    """Would the server take mail from us? Goes as far as one can without sending any."""
    where = f"{keys.get('smtp_url')}:{keys.get('smtp_port')} ({keys.get('smtp_tls')})"
    try:
        with _server(keys) as server:
            _judged(server.docmd("NOOP"))
            offers = "auth" in server.esmtp_features
    except SendError as error:
        return Finding("server", False, f"{where}: {error.reason}", how_to_mend(error))
    if keys.get("send_password") and not offers:
        mend = "Leave the password away, or use the port on which this server takes logins (587 or 465)."
        return Finding("server", False, f"{where} answers, but offers no login", mend, "warn")
    return Finding("server", True, f"{where} answers{', and lets us in' if keys.get('send_password') else ''}")


def how_to_mend(error: SendError) -> str:
    if "certificate" in error.reason:
        return MEND_CERTIFICATE
    if re.search(r"answered 53\d\b", error.reason):
        return MEND_LOGIN
    return MEND_ADDRESS if re.search(r"answered 5\d\d\b|e-mail address", error.reason) else MEND_PLACE


def _address(written: str, what: str) -> str:
    try:
        return mailing.address(written)
    except ValueError:
        raise SendError(f"{what} is no e-mail address", permanent=True) from None


# --- the conversation ---


@contextmanager
def _server(keys: Keys) -> Iterator[smtplib.SMTP]:
    """A connection that is encrypted as asked and logged in. Before the letter's end nothing is unclear."""
    server: smtplib.SMTP | None = None
    watch: threading.Timer | None = None
    try:
        server = _connected(keys)
        watch = threading.Timer(WHOLE_SECONDS, _cut, [server])
        watch.daemon = True
        watch.start()
        _greet(server)
        if keys["smtp_tls"] == "starttls":
            server.starttls(context=ssl.create_default_context())
            _greet(server)
        if keys.get("send_password"):
            _log_in(server, keys.get("login") or keys["send_mail"], keys["send_password"])
        yield server
        _leave(server)
    except ssl.SSLCertVerificationError as error:
        why = f"the certificate of the mail server is not trusted: {error.verify_message}"
        raise SendError(why) from None
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code, error.smtp_error) from None
    except smtplib.SMTPNotSupportedError as error:
        raise SendError(f"the mail server cannot do it: {error}") from None
    except smtplib.SMTPException as error:
        raise SendError(_silence(error)) from None
    except socket.gaierror:
        raise SendError("the mail server cannot be found by its name") from None
    except TimeoutError as error:
        raise SendError(_silence(error)) from None
    except OSError as error:
        raise SendError(f"no connection to the mail server ({error.strerror or type(error).__name__})") from None
    finally:
        if watch is not None:
            watch.cancel()
        if server is not None:
            server.close()


def _connected(keys: Keys) -> smtplib.SMTP:
    host, port, name = keys["smtp_url"], int(keys["smtp_port"]), _our_name(keys)
    if keys["smtp_tls"] == "ssl":
        context = ssl.create_default_context()
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, name, timeout=READ_SECONDS, context=context)
    else:
        server = smtplib.SMTP(host, port, name, timeout=READ_SECONDS)
    assert server.sock is not None
    # The line that ends a letter goes out alone; it need not wait for the server to have read the rest.
    server.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return server


def _our_name(keys: Keys) -> str:
    """Who we say we are; left to itself smtplib would look our address up, which may take long."""
    host = urlsplit(keys.get("site", "")).hostname or "localhost"
    try:
        ip = ip_address(host)
    except ValueError:
        return host if "." in host else "[127.0.0.1]"
    return f"[IPv6:{ip}]" if ip.version == 6 else f"[{ip}]"


def _cut(server: smtplib.SMTP) -> None:
    if server.sock is not None:
        try:
            # The socket's own: that of TLS would first wait for a farewell.
            socket.socket.shutdown(server.sock, socket.SHUT_RDWR)
        except OSError:
            return  # it is over already


def _greet(server: smtplib.SMTP) -> None:
    code, words = server.ehlo()
    if code // 100 != 2:
        code, words = server.helo()
    _judged((code, words))


def _log_in(server: smtplib.SMTP, login: str, password: str) -> None:
    offered = server.esmtp_features.get("auth", "").upper().split()
    if not offered:
        return  # a relay that takes our mail without: should it not, it will say so
    if "PLAIN" in offered:  # smtplib would refuse a password that is not ASCII
        told = base64.b64encode(f"\0{login}\0{password}".encode()).decode()
        _judged(server.docmd("AUTH", f"PLAIN {told}"))
        return
    try:
        server.login(login, password)
    except UnicodeError:
        raise SendError("this server takes only plain letters in a password", permanent=True) from None


def _leave(server: smtplib.SMTP) -> None:
    try:
        server.docmd("QUIT")
    except (OSError, smtplib.SMTPException):
        return  # the letter was taken; how we part does not matter


def _judged(reply: tuple[int, bytes], wanted: int = 2) -> None:
    code, words = reply
    if code // 100 != wanted:
        raise _refusal(code, words)


def _refusal(code: int, words: bytes | str) -> SendError:
    """A server's 4xx is meant for now, its 5xx for ever (RFC 5321, 4.2.1)."""
    said = mailing.one_line(words.decode("utf8", "replace") if isinstance(words, bytes) else words)[:300]
    return SendError(f"the mail server answered {code}: {said}".rstrip(": "), permanent=500 <= code < 600)
