"""A small HTTP/1.1 server on asyncio that can also behave badly.

The fault dial needs what WSGI servers hide: hanging up after the work is done, half a body, a reset, bytes in
drips. Handlers answer at once with a Response, or with a coroutine when they have to wait.
"""

import asyncio
import json
import logging
import math
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

log = logging.getLogger("sandbox")

HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 8 * 1024 * 1024

Manner = Literal["well", "drop", "reset", "half", "trickle", "hang"]
MANNERS: dict[str, Manner] = {  # of the faults that are not in what is said, but in how
    "drop_before": "drop",
    "drop_after": "drop",
    "timeout_after": "hang",
    "half": "half",
    "trickle": "trickle",
    "reset": "reset",
}


@dataclass(slots=True)
class Response:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    manner: Manner = "well"
    seconds: float = 0.0


class Request:
    """One request; query and JSON are read when somebody asks for them."""

    def __init__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        parts = urlsplit(target)
        self.method = method
        self.path = unquote(parts.path)
        self.raw_query = parts.query
        self.headers = headers
        self.body = body

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    def repeated(self, name: str) -> list[str]:
        return [value for key, value in parse_qsl(self.raw_query, keep_blank_values=True) if key == name]

    def json(self) -> Any:
        """The body as JSON; raises ValueError when it is none: bad UTF-8, endless nesting, NaN, 1e309."""
        try:
            return json.loads(self.body, parse_float=_finite, parse_constant=_finite)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number} is no JSON number")
    return value


Handler = Callable[[Request], Response | Awaitable[Response]]


def answer_json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})


class _Broken(Exception):
    """The client did not speak HTTP; answered with this status, then the connection is closed."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Connection(asyncio.Protocol):
    """One client. Requests are answered one after the other, however many have arrived."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.buffer = bytearray()
        self.transport: asyncio.Transport | None = None
        self.task: asyncio.Future[None] | None = None
        self.continued = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        connected = transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        # A request already read is worked on all the same: a real server does not notice that nobody waits.
        self.transport = None

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self._next()

    def _next(self) -> None:
        """Answers what is complete in the buffer, until something has to wait."""
        while self.task is None and self.transport is not None and not self.transport.is_closing():
            try:
                request = self._read()
            except _Broken as broken:
                self._write(Response(broken.status), keep=False, bodiless=False)
                return
            if request is None:
                return
            self._answer(request)

    def _answer(self, request: Request) -> None:
        keep = "close" not in request.headers.get("connection", "").lower()
        bodiless = request.method == "HEAD"
        try:
            response = self.handler(request)
        except Exception:
            log.exception("sandbox could not answer %s %s", request.method, request.path)
            response = Response(500, b"the sandbox itself failed; its log says why")
        if isinstance(response, Response) and response.manner == "well":
            self._write(response, keep, bodiless)
            return
        self.task = asyncio.ensure_future(self._answer_later(response, keep, bodiless))

    async def _answer_later(self, waiting: Response | Awaitable[Response], keep: bool, bodiless: bool) -> None:
        try:
            response = waiting if isinstance(waiting, Response) else await waiting
            await self._behave(response, keep, bodiless)
        except Exception:
            log.exception("sandbox could not answer")
            self._write(Response(500, b"the sandbox itself failed; its log says why"), False, bodiless)
        self.task = None
        asyncio.get_running_loop().call_soon(self._next)

    async def _behave(self, response: Response, keep: bool, bodiless: bool) -> None:
        if self.transport is None:
            return
        if response.manner == "well":
            self._write(response, keep, bodiless)
            return
        if response.manner == "hang":
            await asyncio.sleep(response.seconds)
        elif response.manner == "half":
            whole = _bytes(response, False, bodiless)
            self.transport.write(whole[: len(whole) - len(response.body) // 2])
        elif response.manner == "trickle":
            await self._trickle(_bytes(response, False, bodiless), response.seconds)
        elif response.manner == "reset":
            connected = self.transport.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        if self.transport is not None:
            self.transport.close()

    async def _trickle(self, whole: bytes, seconds: float) -> None:
        pieces = [whole[i : i + 16] for i in range(0, len(whole), 16)]
        for piece in pieces:
            if self.transport is None:
                return
            self.transport.write(piece)
            await asyncio.sleep(seconds / len(pieces))

    def _write(self, response: Response, keep: bool, bodiless: bool) -> None:
        if self.transport is not None:
            self.transport.write(_bytes(response, keep, bodiless))
            if not keep:
                self.transport.close()

    def _read(self) -> Request | None:
        """The next whole request, or None while more has to come."""
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self.buffer) > HEAD_LIMIT:
                raise _Broken(431)
            return None
        method, target, headers = _head(bytes(self.buffer[:end]))
        start = end + 4
        if headers.get("transfer-encoding", "").lower() == "chunked":
            whole = _chunked(self.buffer, start)
        elif "transfer-encoding" in headers:
            raise _Broken(501)
        else:
            whole = _sized(self.buffer, start, headers.get("content-length", "0"))
        if whole is None:
            self._continue(headers)
            return None
        body, used = whole
        del self.buffer[:used]
        self.continued = False
        return Request(method, target, headers, body)

    def _continue(self, headers: dict[str, str]) -> None:
        if headers.get("expect", "").lower() == "100-continue" and not self.continued and self.transport:
            self.continued = True
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _head(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1].startswith("/"):
        raise _Broken(400)
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise _Broken(400)
        headers[name.lower()] = value.strip()
    if words[2] == "HTTP/1.0" and headers.get("connection", "").lower() != "keep-alive":
        headers["connection"] = "close"
    return words[0], words[1], headers


def _sized(buffer: bytearray, start: int, length: str) -> tuple[bytes, int] | None:
    if not (length.isascii() and length.isdigit()):
        raise _Broken(400)
    if int(length) > BODY_LIMIT:
        raise _Broken(413)
    end = start + int(length)
    return (bytes(buffer[start:end]), end) if len(buffer) >= end else None


def _chunked(buffer: bytearray, start: int) -> tuple[bytes, int] | None:
    body = bytearray()
    while True:
        line_end = buffer.find(b"\r\n", start)
        if line_end < 0:
            return None
        try:
            size = int(bytes(buffer[start:line_end]).split(b";")[0], 16)
        except ValueError:
            raise _Broken(400) from None
        if size < 0 or len(body) + size > BODY_LIMIT:
            raise _Broken(413)
        start = line_end + 2
        if size == 0:
            return _after_trailers(bytes(body), buffer, start)
        if len(buffer) < start + size + 2:
            return None
        body += buffer[start : start + size]
        start += size + 2


def _after_trailers(body: bytes, buffer: bytearray, start: int) -> tuple[bytes, int] | None:
    if buffer[start : start + 2] == b"\r\n":
        return body, start + 2
    end = buffer.find(b"\r\n\r\n", start)
    return (body, end + 4) if end >= 0 else None


_REASONS = {status.value: status.phrase for status in HTTPStatus}


def _bytes(response: Response, keep: bool, bodiless: bool) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {_REASONS.get(response.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    lines.append(f"Content-Length: {len(response.body)}")
    if not keep:
        lines.append("Connection: close")
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin1")
    return head if bodiless else head + response.body


async def listen(handler: Handler, port: int) -> tuple[asyncio.Server, int]:
    """Listens on loopback only; port 0 takes any free one. Returns the server and the port it got."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(handler), "127.0.0.1", port, backlog=1024)
    return server, int(server.sockets[0].getsockname()[1])
