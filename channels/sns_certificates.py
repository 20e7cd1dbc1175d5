"""The certificates that SNS signs with: from which addresses they may come, fetched once, kept a day."""

import re
import threading
import time
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from channels import http
from channels.contract import Refused, SendError, Unproven

KEPT, KEPT_SECONDS = 16, 24 * 3600.0
FAILED_SECONDS = 30.0  # so long a certificate that could not be had is not asked for again
FETCH_SECONDS = 4.0  # SNS waits 15 s for our answer
LARGEST = 64 * 1024

# S3's buckets lie under amazonaws.com too: only SNS's own hosts, as in AWS's validators.
_HOST = re.compile(r"sns\.([a-z0-9-]{3,})\.amazonaws\.com(\.cn)?")
# Every one seen has 32 hex digits; AWS's own validators ask for less, so a new form of the name shall not silence us.
_PATH = re.compile(r"/SimpleNotificationService-[0-9a-zA-Z_-]{1,64}\.pem")
_PLAIN = re.compile(r"[!-~]{1,2000}")  # urlsplit drops tabs and newlines

_turn = threading.Lock()
_fetching = threading.Lock()  # not the same: what is known is told while another fetches
_kept: OrderedDict[tuple[str, str], tuple[float, x509.Certificate]] = OrderedDict()
# Apart from the others: whoever names addresses that do not exist must not push out what is good.
_failed: OrderedDict[tuple[str, str], tuple[float, str]] = OrderedDict()


def host_of(url: str, region: str) -> str:
    """The host of an address that SNS of this region may have, over TLS on its usual port; else nothing."""
    if not _PLAIN.fullmatch(url) or "\\" in url:
        return ""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return ""
    found = _HOST.fullmatch(host)
    plain = parts.scheme == "https" and "@" not in parts.netloc and port in (None, 443)
    return host if plain and found and found[1] == region.lower() else ""


def reached(base_url: str, url: str) -> str:
    """Where the address is fetched from: a test bench stands in for SNS's hosts, and what is asked of them stays."""
    if not base_url:
        return url
    parts = urlsplit(url)
    return base_url.rstrip("/") + parts.path + (f"?{parts.query}" if parts.query else "")


def public_key(base_url: str, url: str, region: str) -> RSAPublicKey:
    """The key in the certificate at this address. Refused: no address of SNS's. Unproven: not to be had just now."""
    host, parts = host_of(url, region), urlsplit(url) if _PLAIN.fullmatch(url) else None
    if not host or parts is None or "?" in url or "#" in url or not _PATH.fullmatch(parts.path):
        raise Refused("the certificate's address is not SNS's")
    certificate = _certificate(base_url, f"https://{host}{parts.path}")
    now = datetime.now(UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise Refused("the certificate is not valid now")
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        raise Refused("the certificate holds no RSA key")
    return key


def _certificate(base_url: str, url: str) -> x509.Certificate:
    name = (base_url, url)
    found = _known(name)
    if found is None:
        with _fetching:  # those who wait for the same certificate find it, or its failure, when their turn comes
            found = _known(name) or _fetch(name, reached(base_url, url))
    return found


def _known(name: tuple[str, str]) -> x509.Certificate | None:
    now = time.monotonic()
    with _turn:
        if name in _kept and now - _kept[name][0] < KEPT_SECONDS:
            _kept.move_to_end(name)
            return _kept[name][1]
        if name in _failed and now - _failed[name][0] < FAILED_SECONDS:
            raise Unproven(_failed[name][1])
    return None


def _fetch(name: tuple[str, str], url: str) -> x509.Certificate:
    try:
        found = _fetched(url)
    except (SendError, ValueError) as error:
        why = error.reason if isinstance(error, SendError) else "it is none"
        told = f"the signing certificate cannot be had: {why}"
        with _turn:
            _keep(_failed, name, (time.monotonic(), told))
        raise Unproven(told) from None
    with _turn:
        _failed.pop(name, None)
        _keep(_kept, name, (time.monotonic(), found))
    return found


def _fetched(url: str) -> x509.Certificate:
    reply = http.call("GET", url, headers={}, seconds=FETCH_SECONDS)
    if reply.status != 200:
        raise SendError(f"answered {reply.status}")
    if len(reply.body) > LARGEST:
        raise SendError("larger than a certificate")
    return x509.load_pem_x509_certificate(reply.body)


def _keep(box: OrderedDict[tuple[str, str], Any], name: tuple[str, str], value: tuple[float, Any]) -> None:
    box[name] = value
    box.move_to_end(name)
    while len(box) > KEPT:
        box.popitem(last=False)
