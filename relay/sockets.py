"""One connection each. What it is sent goes through a line of its own, so that one who does not read holds up nobody
else; what it sends is counted."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

MOST_LINED_UP = 300  # frames that wait for one peer; a bot has as many asks at once and as many receipts at most
LONGEST_LINE = 4_000_000  # characters of those, for a frame that tells of long replies is long itself
SILENT_SECONDS = 20.0


class Bucket:
    """So many a second, and so many at once."""

    def __init__(self, per_second: float, burst: float) -> None:
        self.per_second, self.burst = per_second, burst
        self._left, self._at = burst, time.monotonic()

    def left(self) -> float:
        now = time.monotonic()
        self._left = min(self.burst, self._left + (now - self._at) * self.per_second)
        self._at = now
        return self._left

    def take(self) -> bool:
        if self.left() < 1:
            return False
        self._left -= 1
        return True

    def spend(self, much: float) -> None:
        """What it has cost is known afterwards, and may be more than was left."""
        self._left = self.left() - much

    async def wait(self, least: float = 1) -> None:
        """Until there is so much, which is taken."""
        while self.left() < least:
            await asyncio.sleep((least - self._left) / self.per_second + 0.001)
        self._left -= least


@dataclass(eq=False)
class Share:
    """What all sockets of one bot together may cost their relay. What is more waits; meanwhile others are served."""

    hellos: Bucket = field(default_factory=lambda: Bucket(4, 60))
    frames: Bucket = field(default_factory=lambda: Bucket(200, 400))
    work: Bucket = field(default_factory=lambda: Bucket(0.1, 0.5))  # seconds of the one loop that serves everybody


class Line:
    """Frames to one peer, in their order. Its task lives only while there is something to write."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.heard = time.monotonic()  # when a frame or a pong came last
        self._waiting: deque[str] = deque()
        self._long = 0
        self._writer: asyncio.Task[None] | None = None
        self._pinging = False

    def put(self, frame: str) -> None:
        self._waiting.append(frame)
        self._long += len(frame)
        if len(self._waiting) > MOST_LINED_UP or (self._long > LONGEST_LINE and len(self._waiting) > 1):
            self._forget()
            self.cut()
        elif self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def written(self) -> None:
        """Nothing waits any more."""
        while self._writer is not None:
            await asyncio.wait({self._writer})

    def _forget(self) -> None:
        self._waiting.clear()
        self._long = 0

    async def _write(self) -> None:
        try:
            while self._waiting:
                frame = self._waiting.popleft()
                self._long -= len(frame)
                await self.connection.send(frame)
        except ConnectionClosed:
            self._forget()  # whoever reads from it sees that it has ended
        finally:
            self._writer = None

    def cut(self) -> None:
        """Of a peer that does not read there is no farewell to wait for."""
        self.connection.transport.abort()

    def is_silent(self) -> bool:
        return time.monotonic() - self.heard > SILENT_SECONDS

    async def ping(self) -> None:
        """Ask for a sign of life, unless the last one is still on its way."""
        if self._pinging:
            return
        self._pinging = True
        try:
            pong = await self.connection.ping()
            await pong
            self.heard = time.monotonic()
        except ConnectionClosed:
            return
        finally:
            self._pinging = False


@dataclass(eq=False)
class BotSocket:
    id: str
    bot_id: int
    key_id: int
    company: str
    bot: str
    line: Line
    ip: str
    concurrency: int = 1
    open: set[int] = field(default_factory=set)  # calls that it was given and has not ended
    asking: dict[int, int] = field(default_factory=dict)  # by call, the number of the question it wants answered
    draining: bool = False
    shut: bool = False  # its key opens no more: whether or not it hears our farewell, it is not heard
    unkept: int = 0  # frames of it that are not written down yet
    room: asyncio.Event = field(default_factory=asyncio.Event)  # for more of those

    @property
    def free(self) -> int:
        """A call whose bot waits for the person takes no place: else a few who think hold up everybody."""
        return 0 if self.draining else self.concurrency - (len(self.open) - len(self.asking))
