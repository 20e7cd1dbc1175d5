"""The relay's process: who connects is led to their door; on SIGTERM all are asked to connect to another relay, and
what they still say is written down."""

import asyncio
import http
import logging
import threading
from collections.abc import Callable
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from flask import Flask
from redis import asyncio as redis
from redis.exceptions import RedisError
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

import logs
import supervised
from channels import webchat_page
from intake import Intake
from relay import frames
from relay.bots import Bots
from relay.chat import CHANNEL, Chat
from relay.keeping import Keeper
from relay.rows import Rows
from settings import Settings, is_loopback
from store.spool import Spool
from workers.process import Process
from workers.queues import BOTS, CHAT, DELIVER, GIVEN, KEYS, RELAYS, Bell

BEAT_SECONDS = 10.0
DRAIN_SECONDS = 3.0  # that bots and pages have to come to another relay
AWAY_SECONDS = 1.0


def serve(app: Flask, settings: Settings, built_in: Callable[[str], bool]) -> None:
    """Run until SIGTERM. `built_in`: is this the name of a command of ours?"""
    process = Process(app, "relay")
    process.start()
    with app.app_context():
        process.await_migrations()
    if not process.stopping.is_set():
        asyncio.run(_Relay(app, settings, process, built_in).run())
    process.leave()
    logs.say("relay.stopped")


class _Relay:
    def __init__(self, app: Flask, settings: Settings, process: Process, built_in: Callable[[str], bool]) -> None:
        self.settings, self.process = settings, process
        self.rows, self.bell = Rows(app), Bell(settings.redis_url)
        self.keeper = Keeper(self.rows, self._ring)
        self.bots = Bots(self.rows, self.keeper, process.id, settings.timezone, built_in, self.bell.tell_relays)
        spool = Spool(settings.data_dir / "spool")
        intake = Intake({CHANNEL: webchat_page}, {CHANNEL: {}}, self.bell, spool, settings.spool)
        self.chat = Chat(self.rows, intake)
        self.stopping = asyncio.Event()
        self._who: WeakKeyDictionary[ServerConnection, tuple[int, int, str, str]] = WeakKeyDictionary()

    def _ring(self) -> None:
        self.bell.ring(DELIVER)
        self.bell.tell_relays(CHAT)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._await_stop, args=(loop,), name="stopping", daemon=True).start()
        quiet = logging.getLogger("websockets")
        quiet.setLevel(logging.CRITICAL)  # who connects and how it ended is told by us, without addresses
        async with listen(
            self._serve,
            self.settings.host,
            self.settings.relay_port,
            process_request=self._admit,
            compression=None,
            ping_interval=None,  # see Bots.beat: a task of its own for each socket would cost memory
            close_timeout=2,
            max_size=4 * frames.LARGEST,  # somewhat larger ones are told why
            max_queue=4,
            write_limit=16 * 1024,
            server_header=None,
            logger=quiet,
        ):
            work = [self.keeper.run(), self.bots.run(), self.chat.run(), self._beat(), self._hear_hints()]
            tasks = [asyncio.create_task(one) for one in work]
            logs.say("relay.ready", id=self.process.id[:8], port=self.settings.relay_port)
            supervised.tell("READY=1")
            await self.stopping.wait()
            await self._drain()
            for task in tasks:
                task.cancel()
        self.rows.close()

    def _await_stop(self, loop: asyncio.AbstractEventLoop) -> None:
        self.process.stopping.wait()
        loop.call_soon_threadsafe(self.stopping.set)

    # --- at the door ---

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        path = urlsplit(request.path).path
        if path == "/healthz":
            return _plain(200, "ok")
        if path not in ("/relay/bots", "/relay/chat"):
            return _plain(404, "no such address")
        if self.stopping.is_set():
            return _plain(503, "about to stop")
        if path == "/relay/chat":
            return None if self._is_ours(request.headers.get("Origin", "")) else _plain(403, "not from our page")
        status, who = await self.bots.admit(request.headers.get("Authorization", ""))
        if status != 101 or who is None:
            return _plain(status, {401: "wrong or revoked key", 429: "too many sockets"}.get(status, "try again later"))
        self._who[connection] = who
        return None

    def _is_ours(self, origin: str) -> bool:
        """The page's own origin; on this machine under whichever name of it."""
        page, ours = urlsplit(origin), urlsplit(self.settings.base_url)
        if (page.scheme, page.netloc) == (ours.scheme, ours.netloc):
            return True
        return is_loopback(ours.hostname) and is_loopback(page.hostname) and _port(page.netloc) == _port(ours.netloc)

    async def _serve(self, connection: ServerConnection) -> None:
        who = self._who.pop(connection, None)
        if who is None:
            await self.chat.serve(connection)
        else:
            await self.bots.serve(connection, who, self._address(connection))

    def _address(self, connection: ServerConnection) -> str:
        """Whose it is, as far as the proxies in front may be believed."""
        hops = self.settings.trusted_proxies
        request = connection.request
        forwarded = request.headers.get_all("X-Forwarded-For") if request is not None and hops else []
        told = [one.strip() for one in ",".join(forwarded).split(",") if one.strip()]
        if len(told) >= hops > 0:
            return told[-hops][:60]
        peer = connection.remote_address
        return str(peer[0])[:60] if peer else ""

    # --- meanwhile ---

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                await self.bots.beat()
                await self.chat.beat()
            except Exception as error:  # the top of the loop: the next beat may go well
                logs.warn("relay.unbeaten", why=type(error).__name__)

    async def _hear_hints(self) -> None:
        """Without Redis the rows are looked at all the same, twice a second."""
        while True:
            try:
                async with redis.Redis.from_url(self.settings.redis_url) as client, client.pubsub() as hints:
                    await hints.subscribe(RELAYS)
                    async for hint in hints.listen():
                        if hint["type"] == "message":
                            self._hinted(hint["data"].decode())
            except (RedisError, OSError) as error:
                logs.warn("redis.away", why=type(error).__name__)
                await asyncio.sleep(AWAY_SECONDS)

    def _hinted(self, what: str) -> None:
        if what == KEYS:
            self.bots.keys_changed = True
        if what in (BOTS, KEYS):
            self.chat.bots_changed = True
        if what not in (CHAT, GIVEN):
            self.bots.wake.set()
        self.chat.wake.set()

    async def _drain(self) -> None:
        logs.say("relay.drains", bots=len(self.bots.sockets), pages=len(self.chat.pages))
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self.bots.drain()
                await self.chat.drain()
                while self.bots.sockets or self.chat.pages:
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pass  # who is still here is sent away
        except Exception as error:  # the database is away: they are sent away at once, and come again
            logs.warn("relay.undrained", why=type(error).__name__)
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self.chat.close()
                await self.bots.close()
                await self.keeper.idle.wait()
        except Exception as error:  # what is not written down is said again, to another relay
            logs.warn("relay.unkept", why=type(error).__name__)


def _port(netloc: str) -> str:
    return netloc.rpartition(":")[2]


def _plain(status: int, words: str) -> Response:
    body = f"{words}\n".encode()
    headers = Headers({"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body))})
    headers["Connection"] = "close"
    return Response(status, http.HTTPStatus(status).phrase, headers, body)
