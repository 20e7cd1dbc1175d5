"""Posting webhooks: a small keep-alive HTTP client on asyncio, kept to what a webhook sender needs."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

BODY_LIMIT = 1024 * 1024


class Unreachable(Exception):
    """No answer: nobody listens, the connection broke, or it took too long."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class _Wire:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used: bool = False


class Client:
    """Keeps idle connections per origin. It follows no redirect and reads at most 1 MiB."""

    def __init__(self, timeout: float = 10.0) -> None:
        self.timeout = timeout
        self.idle: dict[tuple[str, str], list[_Wire]] = {}

    async def post(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        try:
            async with asyncio.timeout(self.timeout):
                return await self._post(url, body, headers or {})
        except TimeoutError:
            raise Unreachable(f"no answer within {self.timeout:g} s") from None
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from None

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        parts = urlsplit(url)
        origin = (parts.scheme, parts.netloc)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        head = f"POST {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(body)}\r\n"
        told = {"User-Agent": "Maru-Sandbox", "Content-Type": "application/json", **headers}
        head += "".join(f"{name}: {value}\r\n" for name, value in told.items()) + "\r\n"
        while True:
            wire = await self._wire(origin, parts.hostname or "", parts.port)
            reused, wire.used = wire.used, True
            try:
                wire.writer.write(head.encode("latin1") + body)
                answer, keep = await _read(wire.reader)
            except (OSError, EOFError):
                wire.writer.close()
                if reused:
                    continue  # the server closed an idle connection; only a fresh one tells the truth
                raise
            except BaseException:
                wire.writer.close()
                raise
            if keep:
                self.idle.setdefault(origin, []).append(wire)
            else:
                wire.writer.close()
            return answer

    async def _wire(self, origin: tuple[str, str], host: str, port: int | None) -> _Wire:
        kept = self.idle.get(origin, [])
        while kept:
            wire = kept.pop()
            if not wire.reader.at_eof() and not wire.writer.is_closing():
                return wire
            wire.writer.close()
        secure = ssl.create_default_context() if origin[0] == "https" else None
        port = port or (443 if secure else 80)
        return _Wire(*await asyncio.open_connection(host, port, ssl=secure))


async def _read(reader: asyncio.StreamReader) -> tuple[Answer, bool]:
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1").split("\r\n")
        status = int(head[0].split(" ")[1])
        if status >= 200:
            break
    headers = {}
    for line in head[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    keep = headers.get("connection", "").lower() != "close" and head[0].startswith("HTTP/1.1")
    if status in (204, 304):
        return Answer(status, headers, b""), keep
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return Answer(status, headers, await _chunks(reader)), keep
    if "content-length" in headers:
        size = int(headers["content-length"])
        if size > BODY_LIMIT:
            raise ValueError("answer too large")
        return Answer(status, headers, await reader.readexactly(size)), keep
    return Answer(status, headers, await reader.read(BODY_LIMIT)), False


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        if len(body) + size > BODY_LIMIT:
            raise ValueError("answer too large")
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # trailers
    return bytes(body)
