"""Bots: let in by their key, told who they are, given what was said to them, until they or we go."""

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

import clock
import logs
from relay import frames, giving
from relay.giving import Seen
from relay.keeping import Keeper, Kept, Said
from relay.rows import Rows
from relay.sockets import BotSocket, Bucket, Line, Share
from store import bot_calls, bots
from store.bot_calls import Answer
from workers.queues import BOTS, CALLS, GIVEN

LOOK_SECONDS = 0.5  # between looks at the rows, should no hint be heard
HELLO_SECONDS = 10.0
PER_SECOND, BURST = 50, 200
MOST_SOCKETS = 20  # of one bot
MOST_UNKEPT = 64  # frames of one socket that wait to be written down
BUILT_IN = "a built-in command"
NO_HELLO, REVOKED, SILENT, TOO_MUCH = 4001, 4003, 4008, 4029


class Unwelcome(Exception):
    """The socket is closed with this code and reason."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


class Bots:
    def __init__(
        self, rows: Rows, keeper: Keeper, relay: str, zone: ZoneInfo, built_in: Callable[[str], bool],
        tell: Callable[[str], None],
    ):  # fmt: skip
        self.rows, self.keeper, self.relay, self.zone, self.built_in = rows, keeper, relay, zone, built_in
        self.tell = tell  # a hint to all relays
        self.sockets: dict[str, BotSocket] = {}
        self.wake = asyncio.Event()
        self.keys_changed = True
        self._keys_looked_at = float("-inf")
        self._shares: dict[int, Share] = {}  # by bot; they outlive its sockets, or coming back would fill them
        self._gone: set[str] = set()  # ended, and not written down yet
        self._tasks: set[asyncio.Task[None]] = set()

    # --- in ---

    async def admit(self, authorization: str) -> tuple[int, tuple[int, int, str, str] | None]:
        """Before the upgrade: an HTTP status, and with 101 the ids of bot and key, company and name."""
        kind, _, key = authorization.partition(" ")
        if kind.lower() != "bearer" or not key.strip():
            return 401, None

        def find(session: Session) -> tuple[int, tuple[int, int, str, str] | None]:
            found = bots.by_key(session, key.strip())
            if found is None:
                return 401, None
            bot, known = found
            crowded = bots.count_sockets(session, bot.id) >= MOST_SOCKETS
            return 429 if crowded else 101, (bot.id, known.id, bot.company, bot.name)

        try:
            status, who = await self.rows.read(find)
        except SQLAlchemyError as error:
            logs.warn("relay.unproven", why=type(error).__name__)
            return 503, None
        if status == 101 and who is not None and not self._share(who[0]).hellos.take():
            return 429, None
        return status, who

    def _share(self, bot_id: int) -> Share:
        return self._shares.setdefault(bot_id, Share())

    async def serve(self, connection: ServerConnection, who: tuple[int, int, str, str], ip: str) -> None:
        bot_id, key_id, company, name = who
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                first = await connection.recv()
            with self._paid(bot_id):
                hello = frames.hello(frames.read(_text(first)))
        except TimeoutError:
            await connection.close(SILENT, "no hello")
            return
        except frames.Wrong as wrong:
            await connection.close(NO_HELLO, _short(str(wrong)))
            return
        except Unwelcome as unwelcome:
            await connection.close(unwelcome.code, str(unwelcome))
            return
        except ConnectionClosed:
            return
        socket = BotSocket(uuid.uuid4().hex, bot_id, key_id, company, name, Line(connection), ip, hello.concurrency)
        try:
            refused, answers = await self.rows.write(partial(self._arrive, socket, hello))
        except SQLAlchemyError as error:
            logs.warn("relay.unwritable", why=type(error).__name__)
            await connection.close(1013, "try again later")
            return
        except Unwelcome as unwelcome:
            await connection.close(unwelcome.code, str(unwelcome))
            return
        socket.line.put(frames.welcome(company, name, hello.protocol, refused))
        self.sockets[socket.id] = socket
        self._push(socket, answers)
        logs.say("bot.here", company=company, bot=name, socket=socket.id[:8], sdk=hello.sdk)
        self.keys_changed = True  # it may have been revoked since the door
        self.wake.set()
        await self._tell(BOTS)
        try:
            await self._listen(socket)
        finally:
            await self._leave(socket)

    def _arrive(
        self, socket: BotSocket, hello: frames.Hello, session: Session
    ) -> tuple[list[tuple[str, str]], list[Answer]]:
        now = clock.now()
        bot = bots.hold(session, socket.bot_id)
        if bot is None:
            raise RuntimeError("a bot's row is gone")
        if bots.shut(session, {socket.key_id}):  # since the door; what it can do is free for others
            raise Unwelcome(REVOKED, "the key was revoked")
        if bots.count_sockets(session, bot.id) >= MOST_SOCKETS:
            raise Unwelcome(TOO_MUCH, f"more than {MOST_SOCKETS} sockets")
        row = bots.Socket(id=socket.id, bot_id=bot.id, key_id=socket.key_id, relay=self.relay, ip=socket.ip)
        row.sdk, row.since, row.seen_at = hello.sdk, now, now
        bots.arrive(session, row)
        ours = [one.name for one in hello.commands if self.built_in(one.name)]
        theirs = [one for one in hello.commands if one.name not in ours]
        taken = bots.introduce(session, bot, theirs, hello.messages, now)
        refused = [(name, BUILT_IN) for name in ours]
        refused += [(name, f"it belongs to the bot {owner}") for name, owner in taken.items()]
        still = bot_calls.resume(session, bot.id, socket.id, hello.open)
        socket.open = {call.id for call in still}
        socket.asking = {call.id: call.wait_seq for call in still if bot_calls.is_asking(call)}
        return refused, bot_calls.answers(session, socket.asking)

    async def _listen(self, socket: BotSocket) -> None:
        bucket, share = Bucket(PER_SECOND, BURST), self._share(socket.bot_id)
        try:
            async for message in socket.line.connection:
                socket.line.heard = time.monotonic()
                if socket.shut:
                    continue
                if not bucket.take():
                    raise Unwelcome(TOO_MUCH, f"more than {PER_SECOND} frames a second")
                await share.frames.wait()
                await share.work.wait(0)
                with self._paid(socket.bot_id):
                    said = self._understood(socket, frames.read(_text(message)))
                if said is not None:
                    await self._keep(socket, said)
        except frames.Wrong as wrong:
            await socket.line.connection.close(1007, _short(str(wrong)))
        except Unwelcome as unwelcome:
            await socket.line.connection.close(unwelcome.code, str(unwelcome))
        except ConnectionClosed:
            return  # by the other side, or by us: in either case it has ended

    @contextmanager
    def _paid(self, bot_id: int) -> Iterator[None]:
        """What is done in here for this bot is done for nobody else. That others have the machine costs it nothing."""
        began = time.thread_time()
        try:
            yield
        finally:
            self._share(bot_id).work.spend(time.thread_time() - began)

    def _understood(self, socket: BotSocket, frame: Mapping[str, Any]) -> frames.Spoken | None:
        """What is to be kept. `typing` asks for nothing: that somebody works on it is seen by whose turn it is."""
        if frame["type"] not in frames.SPOKEN:
            return None
        try:
            return frames.spoken(frame)
        except frames.Wrong as wrong:
            socket.line.put(frames.made("no", **frames.named(frame), why=str(wrong)))
            return None

    async def _keep(self, socket: BotSocket, said: frames.Spoken) -> None:
        while socket.unkept >= MOST_UNKEPT:
            socket.room.clear()
            await socket.room.wait()
        socket.unkept += 1
        self.keeper.put(Said(socket.bot_id, said, partial(self._kept, socket, said)))

    def _kept(self, socket: BotSocket, said: frames.Spoken, kept: Kept) -> None:
        socket.unkept -= 1
        socket.room.set()
        facts = {"ask": f"c{said.ask}", "seq": said.seq}
        socket.line.put(frames.made("no", **facts, why=kept.why) if kept.why else frames.made("ok", **facts))
        if kept.over:
            self._ended(socket, said.ask)
        elif said.type == "wait" and not kept.why:
            socket.asking[said.ask] = said.seq
            if kept.answer is not None:
                self._push(socket, [kept.answer])

    def _ended(self, socket: BotSocket, call: int) -> None:
        socket.asking.pop(call, None)
        if call in socket.open:
            socket.open.discard(call)
            self.wake.set()

    def _push(self, socket: BotSocket, answers: list[Answer]) -> None:
        for answer in answers:
            if socket.asking.get(answer.call_id) == answer.seq:
                del socket.asking[answer.call_id]
                socket.line.put(frames.answer(answer))

    async def _leave(self, socket: BotSocket) -> None:
        self.sockets.pop(socket.id, None)
        self._gone.add(socket.id)
        logs.say("bot.gone", company=socket.company, bot=socket.bot, socket=socket.id[:8])
        try:
            await self._write_gone()
        except SQLAlchemyError as error:
            logs.warn("relay.unwritable", why=type(error).__name__)

    async def _write_gone(self) -> None:
        """What the ended sockets were given waits for others."""
        gone = sorted(self._gone)
        if not gone:
            return

        def write(session: Session) -> None:
            bots.depart(session, gone)
            bot_calls.let_go(session, gone)

        await self.rows.write(write)
        self._gone.difference_update(gone)
        await self._tell(CALLS)
        await self._tell(BOTS)

    async def _tell(self, what: str) -> None:
        await self.rows.call(partial(self.tell, what))

    # --- out ---

    async def run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self.wake.wait()
            except TimeoutError:
                pass  # no hint was heard
            self.wake.clear()
            try:
                await self._write_gone()
                await self._look()
            except SQLAlchemyError as error:
                logs.warn("relay.unreadable", why=type(error).__name__)
                await asyncio.sleep(LOOK_SECONDS)
            except Exception as error:  # the top of the loop: the next look may go well
                logs.error("relay.failed", exception=error)
                await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        here = list(self.sockets.values())
        if not here:
            return
        began = time.monotonic()  # however many hints of other things come, keys are looked at in time
        keys_too = self.keys_changed or began - self._keys_looked_at >= LOOK_SECONDS
        self.keys_changed = False
        seen: Seen = await self.rows.read(lambda session: giving.look(session, here, keys_too))
        self._keys_looked_at = began if keys_too else self._keys_looked_at
        for socket in here:
            if socket.key_id in seen.shut:
                self._begin(self._close(socket, REVOKED, "the key was revoked"))
                socket.draining = socket.shut = True
            for call in seen.over & socket.open:
                self._ended(socket, call)
            self._push(socket, seen.answers)
        if seen.unanswered:
            await self.rows.write(lambda session: giving.leave_unanswered(session, seen.unanswered))
            self.wake.set()
        if seen.wanted:
            await self._give(seen.wanted)

    async def _give(self, wanted: set[int]) -> None:
        places: dict[int, list[tuple[str, int]]] = {}
        for socket in self.sockets.values():
            if socket.bot_id in wanted and socket.free > 0:
                places.setdefault(socket.bot_id, []).append((socket.id, socket.free))
        if not places:
            return
        given = await self.rows.write(lambda session: giving.give(session, places))
        for id, calls in given.items():
            to = self.sockets.get(id)
            if to is None:
                continue  # it has gone meanwhile; whoever writes that down lets its calls go
            for call in calls:
                to.open.add(call.id)
                to.line.put(frames.ask(call, self.zone))
                logs.say("call.given", call=call.id, socket=id[:8], times=call.gives)
        if any(given.values()):
            self.wake.set()  # there may be more
            await self._tell(GIVEN)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close(self, socket: BotSocket, code: int, why: str) -> None:
        try:
            async with asyncio.timeout(3.0):
                await socket.line.connection.close(code, why)
        except TimeoutError:
            socket.line.cut()

    async def beat(self) -> None:
        """Every few seconds: who still answers?"""
        here = list(self.sockets.values())
        for socket in here:
            if socket.line.is_silent():
                self._begin(self._close(socket, SILENT, "no heartbeat"))
            else:
                self._begin(socket.line.ping())
        heard = [one.id for one in here if time.monotonic() - one.line.heard < 2 * LOOK_SECONDS + 10.0]
        if heard:
            await self.rows.write(lambda session: bots.seen(session, heard, clock.now()))

    # --- the end ---

    async def drain(self) -> None:
        """Nothing more is given; every bot is asked to connect to another relay."""
        ids = list(self.sockets)
        for socket in self.sockets.values():
            socket.draining = True
            socket.line.put(frames.made("drain"))
        if ids:
            await self.rows.write(lambda session: bots.drain(session, ids))

    async def close(self) -> None:
        await asyncio.gather(*(self._close(one, 1012, "the relay restarts") for one in list(self.sockets.values())))
        while self.sockets:
            await asyncio.sleep(0.01)
        await self._write_gone()


def _text(message: str | bytes) -> str:
    if isinstance(message, bytes):
        raise frames.Wrong("frames are text")
    if len(message) > frames.LARGEST or len(message.encode()) > frames.LARGEST:
        raise Unwelcome(TOO_MUCH, f"a frame is larger than {frames.LARGEST} bytes")
    return message


def _short(why: str) -> str:
    """A reason has at most 123 bytes."""
    return why.encode()[:120].decode(errors="ignore")
