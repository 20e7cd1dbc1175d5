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
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from maru.asks import Ask, Chat, Left, User

if TYPE_CHECKING:
    from maru.bot import Bot

log = logging.getLogger("maru")
PROTOCOL = 1
LARGEST_FRAME = 65_536
PING_SECONDS, PONG_SECONDS, CLOSE_SECONDS = 10, 15, 3  # a dead relay is noticed within 30 s
FIRST_BACKOFF, LONGEST_BACKOFF = 0.5, 30.0
STOP_SECONDS = 20.0
REMEMBERED = 10_000  # asks that are done, so that one that comes again is not worked on again
FOR_GOOD = {4001: "the relay does not take this bot", 4003: "the key was revoked"}
AT_ONCE = (1001, 1012)
WITH_BACKOFF = (4008, 4029)  # although we were welcome
PER_SECOND, BURST = 45, 150  # frames; the relay allows 50, and 200 at once


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
        self._idle = asyncio.Event()  # nothing is worked on, and all is acknowledged
        self._idle.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(bot.concurrency)
        self._out: asyncio.Queue[str] = asyncio.Queue()

    async def run(self) -> None:
        if len(self._hello().encode()) > LARGEST_FRAME - 4_096:
            self.refused = "the commands with their usage and help are too much for one frame; shorten the help"
            return
        self._hear_signals()
        visits, stop = asyncio.create_task(self._visits()), asyncio.create_task(self.stopping.wait())
        await asyncio.wait({visits, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not visits.done():
            await self._leave(visits)
        stop.cancel()
        visits.cancel()
        for task in self._tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await visits

    def _hear_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError, ValueError, RuntimeError):  # Windows; or not in the main thread
                loop.add_signal_handler(number, self._told_to_stop)

    def _told_to_stop(self) -> None:
        if self.stopping.is_set():
            self._idle.set()  # told twice: without waiting for what is worked on
        self.stopping.set()

    async def _leave(self, visits: "asyncio.Task[None]") -> None:
        """Nothing new is begun; what is worked on may end, and its last words may arrive, after a reconnect as well.
        What waits for a person is let go: it is given again, and asks the same question once."""
        log.info("stopping open=%d", len(self.working))
        for one in self.working.values():
            for waiting in one.waits.values():
                if not waiting.done():
                    waiting.set_exception(Left())
        idle = asyncio.create_task(self._idle.wait())
        await asyncio.wait({idle, visits}, timeout=STOP_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        idle.cancel()
        if self.working:
            log.warning("stopped open=%d; these asks are given again", len(self.working))

    # --- one socket ---

    async def _visits(self) -> None:
        failures = 0
        while not self.refused:
            welcome, code = await self._visit()
            failures = 0 if welcome and code not in WITH_BACKOFF else failures + 1
            pause = 0.2 if code in AT_ONCE else min(FIRST_BACKOFF * 2 ** min(max(failures - 1, 0), 10), LONGEST_BACKOFF)
            if not self.refused:
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))

    async def _visit(self) -> tuple[bool, int]:
        """Until the socket ends: whether we were welcome, and the code with which it was closed."""
        welcome, code = False, 0
        try:
            async with connect(
                self.address,
                additional_headers={"Authorization": f"Bearer {self.key}"},
                user_agent_header=f"{sdk()} python/{sys.version_info.major}.{sys.version_info.minor}",
                ping_interval=PING_SECONDS,
                ping_timeout=PONG_SECONDS,
                close_timeout=CLOSE_SECONDS,
                max_size=4 * LARGEST_FRAME,
                compression=None,
                # HTTPS_PROXY leads out of a company's network, never to this machine itself.
                proxy=True if urlsplit(self.address).scheme == "wss" else None,
            ) as socket:
                await socket.send(self._hello())
                self._welcomed(json.loads(await asyncio.wait_for(socket.recv(), 10)))
                welcome = True
                await self._talk(socket)
                code = 1012
        except InvalidStatus as error:
            if error.response.status_code == 401:
                self.refused = "MARU_KEY is not known here, or was revoked"
            else:
                log.warning("not connected status=%s", error.response.status_code)
        except ConnectionClosed as error:
            code = error.rcvd.code if error.rcvd else 0
            if code in FOR_GOOD:
                why = error.rcvd.reason if error.rcvd else ""
                self.refused = FOR_GOOD[code] if why in ("", FOR_GOOD[code]) else f"{FOR_GOOD[code]}: {why}"
            log.info("disconnected code=%s", code)
        except (OSError, TimeoutError, InvalidHandshake, ValueError) as error:
            log.warning("not connected why=%s", type(error).__name__)
        finally:
            self.socket = None
        return welcome, code

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

    def _welcomed(self, told: Any) -> None:
        if not isinstance(told, dict) or told.get("type") != "welcome":
            raise ValueError("the first frame of the relay is no welcome")
        log.info("connected company=%s bot=%s", told.get("company"), told.get("bot"))
        for one in told.get("refused") or []:
            log.warning("command refused name=%s why=%s", one.get("name"), one.get("why"))

    async def _talk(self, socket: ClientConnection) -> None:
        """Until the relay asks us to come to another one."""
        self._out = asyncio.Queue()
        for one in self.working.values():
            for kept in one.unsaid.values():
                self._out.put_nowait(kept)
        self.socket = socket
        saying = asyncio.create_task(self._say(socket))
        try:
            while not self._heard(await socket.recv()):
                continue
        finally:
            saying.cancel()

    async def _say(self, socket: ClientConnection) -> None:
        """Frame after frame, no faster than the relay takes them."""
        loop = asyncio.get_running_loop()
        left, at = float(BURST), loop.time()
        while True:
            text = await self._out.get()
            left, at = min(float(BURST), left + (loop.time() - at) * PER_SECOND), loop.time()
            if left < 1:
                await asyncio.sleep((1 - left) / PER_SECOND)
            left -= 1
            try:
                await socket.send(text)
            except ConnectionClosed:
                return

    def _heard(self, text: str | bytes) -> bool:
        """What is newer than we are is passed over, and so is what nobody can read."""
        kind = None
        try:
            told = json.loads(text)
            kind = told["type"]
            if kind == "ask":
                self._asked(told)
            elif kind in ("ok", "no"):
                self._kept(told)
            elif kind == "answer":
                self._answered(told)
        except (ValueError, KeyError, TypeError, AttributeError):
            log.warning("unreadable frame type=%s", kind, exc_info=True)
        return bool(kind == "drain")

    # --- asks ---

    def _asked(self, told: Mapping[str, Any]) -> None:
        id = str(told["id"])
        if id in self.working or self.stopping.is_set():
            return  # it is ours already, from before a reconnect; or nothing new is begun, and it is given to others
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
            asked_at=_moment(told.get("asked_at")) or datetime.now().astimezone(),
            line=self,
            loop=asyncio.get_running_loop(),
        )
        one = self.working[id] = Working(ask)
        self._idle.clear()
        task = asyncio.create_task(self._work(one))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, one: Working) -> None:
        from maru.bot import Failed

        async with self._turns:
            if self.stopping.is_set():
                self._forget(one)
                return
            log.info("ask id=%s command=%s", one.ask.id, one.ask.command or "-")
            kind, more = "done", {}
            try:
                await self.bot.handle(one.ask)
            except Failed as failed:
                kind, more = "failed", {"text": failed.said}
            except Left:
                self._forget(one)
                return
            self._send(one, kind, more)
            one.over = True

    def _forget(self, one: Working) -> None:
        self.working.pop(one.ask.id, None)
        if not self.working:
            self._idle.set()

    def _send(self, one: Working, kind: str, more: Mapping[str, Any]) -> int:
        """Raises before anything is counted, so that the numbers have no gaps."""
        if one.over:
            raise RuntimeError("this ask is over: its handler has returned")
        text = frame(kind, ask=one.ask.id, seq=one.seq + 1, **more)
        if len(text.encode()) > LARGEST_FRAME:
            raise ValueError(f"a reply is larger than {LARGEST_FRAME} bytes")
        one.seq += 1
        one.unsaid[one.seq] = text
        self._out.put_nowait(text)
        return one.seq

    def _kept(self, told: Mapping[str, Any]) -> None:
        one, seq = self.working.get(str(told.get("ask"))), int(told.get("seq") or 0)
        if one is None:
            return
        if told["type"] == "no":
            log.warning("not kept ask=%s seq=%s why=%s", one.ask.id, seq, told.get("why"))
            self._got(one, seq, None)  # a question that nobody was asked
        one.unsaid.pop(seq, None)
        if one.over and not one.unsaid:
            self._forget(one)
            self.done[one.ask.id] = one.seq
            while len(self.done) > REMEMBERED:
                self.done.popitem(last=False)

    def _answered(self, told: Mapping[str, Any]) -> None:
        one, text = self.working.get(str(told.get("ask"))), told.get("text")
        if one is not None:
            self._got(one, int(told.get("seq") or 0), None if text is None else str(text))

    def _got(self, one: Working, seq: int, text: str | None) -> None:
        waiting = one.waits.pop(seq, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(text)

    # --- what an ask says: it runs in our loop ---

    def reply(self, ask: Ask, body: Mapping[str, Any]) -> None:
        self._send(self._open(ask), "reply", body)

    async def wait(self, ask: Ask, body: Mapping[str, Any], seconds: int) -> str | None:
        """While somebody thinks about it another ask has our turn."""
        one = self._open(ask)
        if self.stopping.is_set():
            raise Left
        waiting: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        one.waits[self._send(one, "wait", {**body, "seconds": seconds})] = waiting
        self._turns.release()
        try:
            return await waiting
        finally:
            await self._turns.acquire()

    def _open(self, ask: Ask) -> Working:
        one = self.working.get(ask.id)
        if one is None:
            raise RuntimeError("this ask is over: its handler has returned")
        return one

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
