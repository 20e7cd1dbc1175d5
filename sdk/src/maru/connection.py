"""The socket to Maru: connects out, comes back, and sends again what was not acknowledged. See docs/relay-protocol.md
of Maru."""

import asyncio
import json
import logging
import random
import signal
import sys
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from maru.asks import Ask, Chat, User

if TYPE_CHECKING:
    from maru.bot import Bot

log = logging.getLogger("maru")
PROTOCOL = 1
LARGEST_FRAME = 65_536
LARGEST_TEXT = 20_000
PING_SECONDS, PONG_SECONDS = 10, 20
FIRST_BACKOFF, LONGEST_BACKOFF = 0.5, 30.0
STOP_SECONDS = 20.0
REMEMBERED = 10_000  # asks that are done, so that one that comes again is not worked on again
FOR_GOOD = {4001: "the relay does not take this bot", 4003: "the key was revoked"}


@dataclass
class Working:
    """An ask that is worked on, or whose last frames are not acknowledged yet."""

    ask: Ask
    seq: int = 0
    unsaid: "OrderedDict[int, str]" = field(default_factory=OrderedDict)  # frames by their seq
    waits: dict[int, "asyncio.Future[str | None]"] = field(default_factory=dict)
    over: bool = False


class Connection:
    def __init__(self, bot: "Bot", key: str, address: str) -> None:
        self.bot, self.key, self.address = bot, key, address
        self.refused = ""  # why there is no use in trying again
        self.working: dict[str, Working] = {}
        self.done: OrderedDict[str, int] = OrderedDict()  # with the seq of their last frame
        self.socket: ClientConnection | None = None
        self.stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(bot.concurrency)
        self._out: asyncio.Queue[str] = asyncio.Queue()

    async def run(self) -> None:
        self._hear_signals()
        stop = asyncio.create_task(self.stopping.wait())
        failures = 0
        while not self.stopping.is_set() and not self.refused:
            visit = asyncio.create_task(self._visit())
            await asyncio.wait({visit, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not visit.done():
                await self._leave()
                visit.cancel()
                with suppress(asyncio.CancelledError):
                    await visit
                break
            welcome, at_once = visit.result()
            failures = 0 if welcome else failures + 1
            pause = 0.2 if at_once else min(FIRST_BACKOFF * 2 ** max(failures - 1, 0), LONGEST_BACKOFF)
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(stop), pause * random.uniform(0.5, 1.5))
        stop.cancel()
        for task in self._tasks:
            task.cancel()

    def _hear_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError, ValueError, RuntimeError):  # Windows; or not in the main thread
                loop.add_signal_handler(number, self.stopping.set)

    async def _leave(self) -> None:
        """Nothing new is begun; what is being worked on may end, and its last words may arrive."""
        log.info("stopping open=%d", len(self.working))
        loop = asyncio.get_running_loop()
        until = loop.time() + STOP_SECONDS
        while self.working and self.socket is not None and loop.time() < until:
            await asyncio.sleep(0.05)

    # --- one socket ---

    async def _visit(self) -> tuple[bool, bool]:
        """Until the socket ends: whether we were welcome, and whether to come again at once."""
        headers = {"Authorization": f"Bearer {self.key}"}
        welcome = at_once = False
        try:
            async with connect(
                self.address,
                additional_headers=headers,
                user_agent_header=f"{sdk()} python/{sys.version_info.major}.{sys.version_info.minor}",
                ping_interval=PING_SECONDS,
                ping_timeout=PONG_SECONDS,
                max_size=4 * LARGEST_FRAME,
                compression=None,
                proxy=None,
            ) as socket:
                await socket.send(self._hello())
                told = json.loads(await asyncio.wait_for(socket.recv(), 10))
                welcome = told.get("type") == "welcome"
                self._welcomed(told)
                at_once = await self._talk(socket)
        except InvalidStatus as error:
            if error.response.status_code == 401:
                self.refused = "MARU_KEY is not known here, or was revoked"
            else:
                log.warning("not connected status=%s", error.response.status_code)
        except ConnectionClosed as error:
            code = error.rcvd.code if error.rcvd else 0
            if code in FOR_GOOD:
                self.refused = f"{FOR_GOOD[code]}: {error.rcvd.reason if error.rcvd else ''}".rstrip(": ")
            at_once = code in (1001, 1012)
            log.info("disconnected code=%s", code)
        except (OSError, TimeoutError, InvalidHandshake, ValueError) as error:
            log.warning("not connected why=%s", type(error).__name__)
        finally:
            self.socket = None
        return welcome, at_once

    def _hello(self) -> str:
        return frame(
            "hello",
            protocol=PROTOCOL,
            sdk=sdk(),
            concurrency=self.bot.concurrency,
            messages=self.bot.hears_messages,
            commands=[one.json() for one in self.bot.commands.values()],
            open=list(self.working),
        )

    def _welcomed(self, told: Mapping[str, Any]) -> None:
        log.info("connected company=%s bot=%s", told.get("company"), told.get("bot"))
        for one in told.get("refused") or []:
            log.warning("command refused name=%s why=%s", one.get("name"), one.get("why"))

    async def _talk(self, socket: ClientConnection) -> bool:
        """True when the relay asked us to come to another one."""
        self._out = asyncio.Queue()
        for one in self.working.values():
            for kept in one.unsaid.values():
                self._out.put_nowait(kept)
        self.socket = socket
        saying = asyncio.create_task(self._say(socket))
        try:
            async for text in socket:
                if self._heard(text):
                    return True
            raise ConnectionClosed(socket.protocol.close_rcvd, socket.protocol.close_sent)
        finally:
            saying.cancel()

    async def _say(self, socket: ClientConnection) -> None:
        while True:
            text = await self._out.get()
            try:
                await socket.send(text)
            except ConnectionClosed:
                return

    def _heard(self, text: str | bytes) -> bool:
        try:
            told = json.loads(text)
            kind = told["type"]
        except (ValueError, KeyError, TypeError):
            log.warning("unreadable frame")
            return False
        if kind == "ask":
            self._asked(told)
        elif kind in ("ok", "no"):
            self._kept(told)
        elif kind == "answer":
            self._answered(told)
        return bool(kind == "drain")

    # --- asks ---

    def _asked(self, told: Mapping[str, Any]) -> None:
        id = str(told["id"])
        if id in self.working:
            return  # it is ours already, from before a reconnect
        if id in self.done:
            self._out.put_nowait(frame("done", ask=id, seq=self.done[id]))
            return
        user, chat = told.get("user") or {}, told.get("chat") or {}
        ask = Ask(
            id=id,
            text=str(told.get("text", "")),
            command=str(told.get("command") or "") if told.get("kind") == "command" else "",
            user=User(str(user.get("id", "")), str(user.get("name", "")), bool(user.get("guest"))),
            chat=Chat(str(chat.get("channel", "")), str(chat.get("id", "")), bool(chat.get("room"))),
            language=str(told.get("language", "ko")),
            asked_at=_moment(told.get("asked_at")),
            line=self,
            loop=asyncio.get_running_loop(),
        )
        one = self.working[id] = Working(ask)
        task = asyncio.create_task(self._work(one))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, one: Working) -> None:
        from maru.bot import Failed

        async with self._turns:
            log.info("ask id=%s command=%s", one.ask.id, one.ask.command or "-")
            kind, more = "done", {}
            try:
                await self.bot.handle(one.ask)
            except Failed as failed:
                kind, more = "failed", {"text": failed.said}
            one.over = True
            self._send(one, kind, more)

    def _send(self, one: Working, kind: str, more: Mapping[str, Any]) -> int:
        one.seq += 1
        text = frame(kind, ask=one.ask.id, seq=one.seq, **more)
        if len(text.encode()) > LARGEST_FRAME:
            raise ValueError(f"a reply is larger than {LARGEST_FRAME} bytes")
        one.unsaid[one.seq] = text
        self._out.put_nowait(text)
        return one.seq

    def _kept(self, told: Mapping[str, Any]) -> None:
        one = self.working.get(str(told.get("ask")))
        if one is None:
            return
        if told["type"] == "no":
            log.warning("not kept ask=%s why=%s", one.ask.id, told.get("why"))
        one.unsaid.pop(int(told.get("seq", 0)), None)
        if one.over and not one.unsaid:
            del self.working[one.ask.id]
            self.done[one.ask.id] = one.seq
            while len(self.done) > REMEMBERED:
                self.done.popitem(last=False)

    def _answered(self, told: Mapping[str, Any]) -> None:
        one = self.working.get(str(told.get("ask")))
        waiting = one.waits.pop(int(told.get("seq", 0)), None) if one else None
        if waiting is not None and not waiting.done():
            text = told.get("text")
            waiting.set_result(None if text is None else str(text))

    # --- what an ask says: it runs in our loop ---

    def reply(self, ask: Ask, body: Mapping[str, Any]) -> None:
        if len(str(body["text"])) > LARGEST_TEXT:
            raise ValueError(f"a reply is longer than {LARGEST_TEXT} characters")
        self._send(self.working[ask.id], "reply", body)

    async def wait(self, ask: Ask, text: str, seconds: float) -> str | None:
        one = self.working[ask.id]
        waiting: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        seq = self._send(one, "wait", {"text": text, "seconds": seconds})
        one.waits[seq] = waiting
        return await waiting

    def typing(self, ask: Ask) -> None:
        if self.socket is not None:
            self._out.put_nowait(frame("typing", ask=ask.id))


def frame(kind: str, **more: Any) -> str:
    return json.dumps({"type": kind, **more}, ensure_ascii=False, separators=(",", ":"))


def sdk() -> str:
    from maru import __version__

    return f"maru-bots/{__version__}"


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
