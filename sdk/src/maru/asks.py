"""What a handler is handed: who asks what, and how to answer."""

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class User:
    id: str = "somebody"
    name: str = ""
    guest: bool = False


@dataclass(frozen=True)
class Chat:
    channel: str = "shell"
    id: str = ""
    room: bool = False  # several people are there


@dataclass(frozen=True)
class Button:
    """Pressing it says something, or opens an address."""

    title: str
    say: str = ""
    url: str = ""

    def json(self) -> dict[str, str]:
        if bool(self.say) == bool(self.url):
            raise ValueError(f"the button {self.title!r} needs just one of say and url")
        return {"title": self.title, "say": self.say} if self.say else {"title": self.title, "url": self.url}


@dataclass(frozen=True)
class File:
    name: str
    url: str

    def json(self) -> dict[str, str]:
        if not self.url.startswith("https://"):
            raise ValueError(f"the file {self.name!r} needs an https address")
        return {"name": self.name, "url": self.url}


@dataclass(frozen=True)
class Reply:
    """More than a text."""

    text: str
    buttons: Iterable[Button] = ()
    files: Iterable[File] = ()

    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"text": self.text}
        if buttons := [one.json() for one in self.buttons]:
            found["buttons"] = buttons
        if files := [one.json() for one in self.files]:
            found["files"] = files
        return found


class Line(Protocol):
    """Where answers go: a socket, or a list in a test."""

    def reply(self, ask: "Ask", body: Mapping[str, Any]) -> None: ...

    async def wait(self, ask: "Ask", text: str, seconds: float) -> str | None: ...

    def typing(self, ask: "Ask") -> None: ...


class _Sent(Awaitable[None]):
    """So that `await ask.reply(…)` is right, too."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


@dataclass
class Ask:
    """`text`: what follows the command, or the whole message. `language`: ko or en, by what was typed."""

    id: str
    text: str
    command: str = ""
    user: User = field(default_factory=User)
    chat: Chat = field(default_factory=Chat)
    language: str = "ko"
    asked_at: datetime | None = None
    line: Line | None = field(default=None, repr=False)
    loop: asyncio.AbstractEventLoop | None = field(default=None, repr=False)

    def reply(self, text: str, buttons: Iterable[Button] = (), files: Iterable[File] = ()) -> Awaitable[None]:
        """Say something at once; a handler may do so often. What it returns is said last."""
        assert self.line is not None and self.loop is not None
        body = Reply(text, buttons, files).json()
        self._in_loop(lambda: self.line.reply(self, body))  # type: ignore[union-attr]
        return _Sent()

    def typing(self) -> None:
        """Show that somebody works on it."""
        self._in_loop(lambda: self.line.typing(self))  # type: ignore[union-attr]

    def wait(self, text: str, seconds: float = 300) -> Any:
        """Ask something, and get the next message of this person here; None when none comes in time. In an async
        handler: `await ask.wait(…)`; in a plain one the value itself."""
        assert self.line is not None and self.loop is not None
        waiting: Coroutine[Any, Any, str | None] = self.line.wait(self, text, seconds)
        if _running_loop() is self.loop:
            return waiting
        return asyncio.run_coroutine_threadsafe(waiting, self.loop).result()

    def t(self, korean: str, english: str) -> str:
        """In the asker's language."""
        return korean if self.language == "ko" else english

    def _in_loop(self, work: Callable[[], None]) -> None:
        """Sockets belong to the loop; a plain handler runs in a thread, and its replies keep their order."""
        assert self.loop is not None
        if _running_loop() is self.loop:
            work()
            return
        done: concurrent.futures.Future[None] = concurrent.futures.Future()

        def run() -> None:
            try:
                work()
            except BaseException as error:
                done.set_exception(error)
            else:
                done.set_result(None)

        self.loop.call_soon_threadsafe(run)
        done.result()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
