"""A relay for one bot, that a test pulls the strings of. It speaks docs/relay-protocol.md and nothing else."""

import asyncio
import json
import queue
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

KEY = "mb_test"
PER_SECOND, BURST = 50, 200


class SmallRelay:
    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.loop = asyncio.new_event_loop()
        self.heard: queue.Queue[dict[str, Any]] = queue.Queue()
        self.sockets: list[ServerConnection] = []
        self.keeps = True  # acknowledge what comes
        self.port = 0
        self.server: Server | None = None
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}" if self.tls else f"ws://127.0.0.1:{self.port}"

    async def open(self) -> None:
        self.server = await serve(self._talk, "127.0.0.1", self.port, process_request=self._admit, ssl=self.tls)
        self.port = self.server.sockets[0].getsockname()[1]

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        if request.headers.get("Authorization") == f"Bearer {KEY}" and request.path == "/relay/bots":
            return None
        return Response(401, "Unauthorized", Headers(), b"")

    async def _talk(self, socket: ServerConnection) -> None:
        hello = json.loads(await socket.recv())
        await socket.send(json.dumps({"type": "welcome", "protocol": 1, "company": "home", "bot": "b", "refused": []}))
        self.sockets.append(socket)
        self.heard.put(hello)
        left, at = float(BURST), time.monotonic()
        with suppress(ConnectionClosed):
            async for text in socket:
                left, at = min(BURST, left + (time.monotonic() - at) * PER_SECOND) - 1, time.monotonic()
                if left < 0:
                    await socket.close(4029, "too many frames")
                told = json.loads(text)
                self.heard.put(told)
                if self.keeps and "seq" in told:
                    await socket.send(json.dumps({"type": "ok", "ask": told["ask"], "seq": told["seq"]}))

    def say(self, **frame: Any) -> None:
        self.send(json.dumps(frame))

    def send(self, text: str | bytes) -> None:
        asyncio.run_coroutine_threadsafe(self.sockets[-1].send(text), self.loop).result(5)

    def ask(self, id: str, command: str = "/말", text: str = "", **more: Any) -> None:
        self.say(type="ask", id=id, kind="command" if command else "message", command=command, text=text, **more)

    def cut(self, code: int = 1011, reason: str = "") -> None:
        asyncio.run_coroutine_threadsafe(self.sockets.pop().close(code, reason), self.loop).result(5)

    def abort(self) -> None:
        """The socket breaks without a word."""
        self.loop.call_soon_threadsafe(self.sockets.pop().transport.abort)

    def freeze(self, until: threading.Event) -> None:
        """It neither reads nor writes, and its sockets stay open."""
        self.loop.call_soon_threadsafe(until.wait)

    def next(self, kind: str, seconds: float = 15) -> dict[str, Any]:
        """The next frame of this kind; others are passed over."""
        while True:
            told = self.heard.get(timeout=seconds)
            if told["type"] == kind:
                return told


@contextmanager
def small_relay(tls: ssl.SSLContext | None = None) -> Iterator[SmallRelay]:
    relay = SmallRelay(tls)
    relay.thread.start()
    asyncio.run_coroutine_threadsafe(relay.open(), relay.loop).result(5)
    try:
        yield relay
    finally:
        assert relay.server is not None
        relay.loop.call_soon_threadsafe(relay.server.close)
        asyncio.run_coroutine_threadsafe(relay.server.wait_closed(), relay.loop).result(10)
        relay.loop.call_soon_threadsafe(relay.loop.stop)
        relay.thread.join(5)
