"""What a handler is handed: who asks what, and how to answer."""

import asyncio
import concurrent.futures
import math
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

# What the relay takes (docs/relay-protocol.md of Maru). Judged here, so that a test without a server sees it, too.
LONGEST_TEXT, LONGEST_TITLE, LONGEST_SAY = 20_000, 80, 500
MOST_BUTTONS = MOST_FILES = 5
LONGEST_WAIT = 86_400


class Left(BaseException):
    """The bot stops while it waits for somebody: the ask is given again, so nothing must be said of it here. No
    Exception, so that no handler takes it for an error of its own."""


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
        if not self.title.strip() or len(self.title) > LONGEST_TITLE or len(self.say) > LONGEST_SAY:
            raise ValueError(f"a button has a title of 1 to {LONGEST_TITLE} characters, and says at most {LONGEST_SAY}")
        if self.url and not self.url.startswith("https://"):
            raise ValueError(f"the button {self.title!r} needs an https address")
        return {"title": self.title, "say": self.say} if self.say else {"title": self.title, "url": self.url}


@dataclass(frozen=True)
class File:
    name: str
    url: str

    def json(self) -> dict[str, str]:
        if not self.url.startswith("https://"):
            raise ValueError(f"the file {self.name!r} needs an https address")
        if len(self.name) > LONGEST_TITLE:
            raise ValueError(f"a file's name has at most {LONGEST_TITLE} characters")
        return {"name": self.name, "url": self.url}


@dataclass(frozen=True)
class Reply:
    """More than a text."""

    text: str
    buttons: Iterable[Button] = ()
    files: Iterable[File] = ()

    def json(self) -> dict[str, Any]:
        buttons, files = [one.json() for one in self.buttons], [one.json() for one in self.files]
        if not self.text.strip() and not files:
            raise ValueError("a reply without words says nothing; to say nothing return None")
        if len(self.text) > LONGEST_TEXT:
            raise ValueError(f"a reply is longer than {LONGEST_TEXT} characters")
        if len(buttons) > MOST_BUTTONS or len(files) > MOST_FILES:
            raise ValueError(f"a reply has at most {MOST_BUTTONS} buttons and {MOST_FILES} files")
        found: dict[str, Any] = {"text": self.text}
        return found | ({"buttons": buttons} if buttons else {}) | ({"files": files} if files else {})


class Line(Protocol):
    """Where answers go: a socket, or a list in a test."""

    def reply(self, ask: "Ask", body: Mapping[str, Any]) -> None: ...

    async def wait(self, ask: "Ask", body: Mapping[str, Any], seconds: int) -> str | None: ...

    def typing(self, ask: "Ask") -> None: ...


class _Sent(Awaitable[None]):
    """So that `await ask.reply(…)` is right, too."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


@dataclass
class Ask:
    """`text`: what follows the command, or the whole message. `language`: ko or en, by what was typed. `asked_at`: on
    the clock of the company, which the bot's own host need not share."""

    id: str
    text: str
    command: str = ""
    user: User = field(default_factory=User)
    chat: Chat = field(default_factory=Chat)
    language: str = "ko"
    asked_at: datetime = field(default_factory=lambda: datetime.now().astimezone())
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

    def wait(self, text: str, seconds: float = 300, buttons: Iterable[Button] = ()) -> Any:
        """Ask something, and get the next message of this person here; None when none comes in time. In an async
        handler: `await ask.wait(…)`; in a plain one the value itself. A button answers with what it says."""
        assert self.line is not None and self.loop is not None
        if not 0 < seconds <= LONGEST_WAIT:
            raise ValueError(f"a question waits up to {LONGEST_WAIT} seconds")
        body = Reply(text, buttons).json()
        waiting: Coroutine[Any, Any, str | None] = self.line.wait(self, body, math.ceil(seconds))
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
