"""What happened here, in one growing order `n`, and waiting for it without sleeping."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

KEPT = 10_000


@dataclass(eq=False, slots=True)
class _Waiter:
    until: Callable[[], bool]
    done: asyncio.Future[bool]


class Record:
    def __init__(self) -> None:
        self.n = 0
        self.resets = 0
        self.requests: deque[Json] = deque(maxlen=KEPT)
        self.webhooks: deque[Json] = deque(maxlen=KEPT)
        self._waiters: dict[str, list[_Waiter]] = {}
        self._last_ms = 0

    def now(self) -> int:
        """Milliseconds since 1970 that never go back, so that `at` sorts as `n` does."""
        self._last_ms = max(self._last_ms, time.time_ns() // 1_000_000)
        return self._last_ms

    def next(self) -> int:
        self.n += 1
        return self.n

    def request(self, entry: Json) -> None:
        self.requests.append({"n": self.next(), **entry})
        self.wake(entry["chat"])

    def webhook(self, entry: Json) -> None:
        self.webhooks.append({"n": self.next(), **entry})
        self.wake(entry["chat"])

    def since(self, n: int) -> Json:
        return {"requests": _after(self.requests, n), "webhooks": _after(self.webhooks, n)}

    def clear(self) -> None:
        """Empties the record; `n` goes on, so that whoever polls with an old `since` misses nothing."""
        self.requests.clear()
        self.webhooks.clear()
        self.resets += 1
        self.next()
        self.wake("")

    def wake(self, chat: str) -> None:
        """Something happened in this chat: lets those go on who waited for it."""
        for key in {chat, ""}:
            for waiter in self._waiters.get(key, ()):
                if not waiter.done.done() and waiter.until():
                    waiter.done.set_result(True)

    async def wait(self, until: Callable[[], bool], chat: str, seconds: float) -> bool:
        """True as soon as `until()` holds, False when the time is over. `chat` narrows what can change it."""
        if until():
            return True
        waiter = _Waiter(until, asyncio.get_running_loop().create_future())
        self._waiters.setdefault(chat, []).append(waiter)
        try:
            return await asyncio.wait_for(waiter.done, seconds)
        except TimeoutError:
            return False
        finally:
            self._waiters[chat].remove(waiter)
            if not self._waiters[chat]:
                del self._waiters[chat]


def _after(entries: deque[Json], n: int) -> list[Json]:
    found: list[Json] = []
    for entry in reversed(entries):
        if entry["n"] <= n:
            break
        found.append(entry)
    found.reverse()
    return found
