"""The one place that gets pages from addresses that people wrote.

    page = fetching.get("https://health.example.kr/status", allow_private=settings.allow_private_urls)

A name is looked up once, judged, and that very address is connected to, so that it cannot be another one a
moment later; every redirect begins again from the judging. Proxies of the environment are not used: they
would look the name up a second time, for themselves.
"""

import http.client
import io
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol
from urllib.parse import urljoin

import certifi

from channels.reachable import Forbidden, Place, Resolver, Unfetched, addresses, by_system, place

__all__ = ["Forbidden", "Page", "Unfetched", "get"]

MOST_REDIRECTS = 3
LARGEST_PAGE = 4 * 1024 * 1024  # on the wire, and again when unpacked
SECONDS = 10.0  # for everything: names, redirects, the last byte
CONNECT_SECONDS = 4.0
_PIECE = 65536


@dataclass(frozen=True)
class Page:
    """What came, from `url` in the end. A status of 400 and more is the caller's to judge."""

    url: str
    status: int
    content_type: str  # as sent, in lower case: text/html; charset=euc-kr
    body: bytes
    etag: str = ""
    modified: str = ""  # Last-Modified, as sent


def get(
    url: str,
    *,
    allow_private: bool,
    accept: str = "*/*",
    largest: int = LARGEST_PAGE,
    seconds: float = SECONDS,
    etag: str = "",
    modified: str = "",
    agent: str = "Maru",
    resolve: Resolver = by_system,
    trusted: ssl.SSLContext | None = None,
) -> Page:
    """The page there, or `Unfetched`; `Forbidden` where it, or what it redirects to, must not be called. `etag` and
    `modified`: of the page that is known already; when it is still that one the status is 304."""
    known = {"If-None-Match": etag, "If-Modified-Since": modified}
    more = {"Accept": accept, "User-Agent": agent} | {name: value for name, value in known.items() if value}
    deadline = _Deadline(seconds)
    for _ in range(MOST_REDIRECTS + 1):
        asked = place(url, allow_private=allow_private)
        try:
            found = addresses(asked, resolve, deadline.left(), allow_private=allow_private)
            with _connected(asked, found, deadline, trusted or _public_authorities()) as opened:
                answer = _asked(asked, opened, more, largest, deadline)
        except TimeoutError:
            raise Unfetched(f"{asked.host} did not answer in time") from None
        except ssl.SSLCertVerificationError as error:
            raise Unfetched(f"{asked.host} has no valid certificate: {error.verify_message}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unfetched(f"{asked.host} broke off ({type(error).__name__})") from None
        if isinstance(answer, Page):
            return answer
        url = _next(asked, answer)
    raise Unfetched(f"more than {MOST_REDIRECTS} redirects")


def _next(asked: Place, location: str) -> str:
    try:
        return urljoin(asked.url, location)
    except ValueError:
        raise Forbidden(f"{asked.host} redirects to an address that cannot be read") from None


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds

    def left(self) -> float:
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _asked(
    asked: Place, opened: socket.socket, more: Mapping[str, str], largest: int, deadline: _Deadline
) -> Page | str:
    """The page, or where it redirects to."""
    connection = http.client.HTTPConnection(asked.host, asked.port)
    connection.sock = _Timely(opened, deadline)  # given, it is not opened a second time
    headers = {"Host": asked.host_header, "Accept-Encoding": "gzip", "Connection": "close"}
    connection.request("GET", asked.target, headers={**headers, **more})
    response = connection.getresponse()
    moved = response.getheader("Location")
    if response.status in (301, 302, 303, 307, 308) and moved:
        return moved.strip().encode("latin-1").decode("utf8", "replace")
    body = _body(response, asked.host, largest)
    kind = (response.getheader("Content-Type") or "").strip().lower()
    etag, modified = response.getheader("ETag") or "", response.getheader("Last-Modified") or ""
    return Page(asked.url, response.status, kind, body, etag, modified)


def _connected(asked: Place, found: list[str], deadline: _Deadline, trusted: ssl.SSLContext) -> socket.socket:
    last: OSError = OSError("no address")
    for address in found:
        try:
            opened = socket.create_connection((address, asked.port), min(CONNECT_SECONDS, deadline.left()))
        except OSError as error:
            last = error
            continue
        if asked.scheme == "http":
            return opened
        try:
            # The certificate is the written host's, although the connection went to a bare address.
            opened.settimeout(deadline.left())
            return trusted.wrap_socket(opened, server_hostname=asked.host)
        except BaseException:
            opened.close()
            raise
    if isinstance(last, TimeoutError):
        raise last
    raise Unfetched(f"{asked.host} cannot be connected to")


class _Timely:
    """The socket as http.client sees it: every read has what is left of the whole time, so that a slow drip,
    in the headers too, ends with it."""

    def __init__(self, opened: socket.socket, deadline: _Deadline) -> None:
        self._opened, self._deadline = opened, deadline

    def sendall(self, data: bytes) -> None:
        self._opened.settimeout(self._deadline.left())
        self._opened.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self._opened, self._deadline), _PIECE)

    def close(self) -> None:
        """`get` closes the socket; http.client closes earlier, while it still reads."""


class _Reading(io.RawIOBase):
    def __init__(self, opened: socket.socket, deadline: _Deadline) -> None:
        self._opened, self._deadline = opened, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._opened.settimeout(self._deadline.left())
        return self._opened.recv_into(buffer)


def _body(response: http.client.HTTPResponse, host: str, largest: int) -> bytes:
    packing = (response.getheader("Content-Encoding") or "identity").strip().lower()
    if packing not in ("identity", "gzip", "x-gzip"):
        raise Unfetched(f"{host} answered in an encoding that was not asked for")
    unpack: _Unpacking = _Plain() if packing == "identity" else _Gzip()
    body, came = bytearray(), 0
    if (response.length or 0) > largest:
        raise Unfetched(f"{host} answered with more than {largest} bytes")
    while piece := response.read(_PIECE):
        came += len(piece)
        body += unpack.some(piece, largest + 1 - len(body))
        if came > largest or len(body) > largest:
            raise Unfetched(f"{host} answered with more than {largest} bytes")
    if response.length or not unpack.complete():
        raise Unfetched(f"{host} broke off in the middle")
    return bytes(body)


class _Unpacking(Protocol):
    def some(self, piece: bytes, most: int) -> bytes: ...

    def complete(self) -> bool: ...


class _Plain:
    def some(self, piece: bytes, most: int) -> bytes:
        return piece

    def complete(self) -> bool:
        return True


class _Gzip:
    """A thousandfold bomb is unpacked no further than the limit."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self._begun = False

    def some(self, piece: bytes, most: int) -> bytes:
        self._begun = True
        out = b""
        while piece and len(out) < most:
            if self._member.eof:
                self._member = zlib.decompressobj(wbits=31)
            try:
                out += self._member.decompress(piece, most - len(out))
            except zlib.error:
                raise ValueError("not gzip") from None
            piece = self._member.unused_data
        return out

    def complete(self) -> bool:
        return self._member.eof or not self._begun


@cache
def _public_authorities() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
