"""One connection each. What it is sent goes through a line of its own, so that one who does not read holds up nobody
else; what it sends is counted."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

MOST_LINED_UP = 300  # frames that wait for one peer; a bot has as many asks at once and as many receipts at most
SILENT_SECONDS = 20.0


class Bucket:
    """So many a second, and so many at once."""

    def __init__(self, per_second: float, burst: int) -> None:
        self.per_second, self.burst = per_second, burst
        self._left, self._at = float(burst), time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._left = min(self.burst, self._left + (now - self._at) * self.per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    async def wait(self) -> None:
        while not self.take():
            await asyncio.sleep((1 - self._left) / self.per_second)


class Line:
    """Frames to one peer, in their order. Its task lives only while there is something to write."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.heard = time.monotonic()  # when a frame or a pong came last
        self._waiting: deque[str] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._pinging = False

    def put(self, frame: str) -> None:
        self._waiting.append(frame)
        if len(self._waiting) > MOST_LINED_UP:
            self._waiting.clear()
            self.cut()
        elif self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._waiting:
                await self.connection.send(self._waiting.popleft())
        except ConnectionClosed:
            self._waiting.clear()  # whoever reads from it sees that it has ended
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
    unkept: int = 0  # frames of it that are not written down yet
    room: asyncio.Event = field(default_factory=asyncio.Event)  # for more of those

    @property
    def free(self) -> int:
        """A call whose bot waits for the person takes no place: else a few who think hold up everybody."""
        return 0 if self.draining else self.concurrency - (len(self.open) - len(self.asking))
