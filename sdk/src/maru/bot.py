"""A bot: commands and messages as functions, run against Maru or, in a test, against nothing at all."""

import asyncio
import contextvars
import inspect
import logging
import os
import re
import sys
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from unicodedata import normalize
from urllib.parse import urlsplit

from maru.arguments import Signature, Wrong, signature
from maru.asks import Ask, Button, Chat, File, Line, Reply, User

log = logging.getLogger("maru")
Handler = TypeVar("Handler", bound=Callable[..., Any])
Middleware = Callable[[Ask, Callable[[], Awaitable[Any]]], Awaitable[Any]]
SORRY = ("죄송해요, 처리하다가 문제가 생겼어요.", "Sorry, something went wrong.")
GONE = ("이 명령은 이제 쓰지 않아요.", "This command is no longer there.")
MOST_COMMANDS = 100
NAME = re.compile(r"/[\w-]{1,32}")


@dataclass(frozen=True)
class Command:
    name: str
    run: Callable[..., Any]
    signature: Signature
    help: str
    guests: bool

    @property
    def usage(self) -> str:
        return self.signature.usage(self.name)

    def json(self) -> dict[str, Any]:
        return {"name": self.name, "usage": self.usage[:200], "help": self.help[:500], "guests": self.guests}


class Failed(Exception):
    """A handler raised something; `said` is what the person is told."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


class Bot:
    """`key` and `url` are MARU_KEY and MARU_URL unless given here. `concurrency`: asks that are worked on at a time."""

    def __init__(self, key: str | None = None, url: str | None = None, *, concurrency: int = 8) -> None:
        if not 1 <= concurrency <= 100:
            raise ValueError("concurrency is 1 to 100")
        self.key, self.url, self.concurrency = key, url, concurrency
        self.commands: dict[str, Command] = {}
        self._message: Callable[..., Any] | None = None
        self._middleware: list[Middleware] = []

    # --- what authors say ---

    def command(self, name: str, *, help: str | None = None, guests: bool = False) -> Callable[[Handler], Handler]:
        """Answer a command. `help`: one line, else the docstring's first. `guests`: outsiders may use it, too."""
        if not isinstance(name, str):
            raise TypeError('a command needs its name: @bot.command("/예약")')
        name = normalize("NFKC", name)
        folded = _folded(name)
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r}: a command is / and 1 to 32 letters, digits, _ or -")
        if folded in self.commands:
            raise ValueError(f"{name}: there is such a command already")
        if len(self.commands) >= MOST_COMMANDS:
            raise ValueError(f"a bot has at most {MOST_COMMANDS} commands")

        def register(run: Handler) -> Handler:
            said = help or (inspect.getdoc(run) or "").partition("\n")[0]
            self.commands[folded] = Command(name, run, signature(run), said, guests)
            return run

        return register

    def message(self, run: Handler) -> Handler:
        """Answer everything else that is said to this bot."""
        if self._message is not None:
            raise ValueError("there is a handler for messages already")
        if any(not one.optional and not one.many for one in signature(run).parameters):
            raise TypeError(
                f"{getattr(run, '__name__', run)}: a handler of messages takes the ask alone; what was said is ask.text"
            )
        self._message = run
        return run

    def middleware(self, run: Middleware) -> Middleware:
        """Wrap every handler: `async def log(ask, go): …; return await go()`. The first one added is outermost."""
        if not inspect.iscoroutinefunction(run):
            raise TypeError("middleware is an async function: async def …(ask, go): return await go()")
        self._middleware.append(run)
        return run

    def knows(self, name: str) -> bool:
        return _folded(name) in self.commands

    @property
    def hears_messages(self) -> bool:
        return self._message is not None

    def help(self) -> str:
        return "\n".join(f"{one.usage} · {one.help}".rstrip(" ·") for one in self.commands.values())

    # --- answering ---

    def answer(
        self,
        text: str,
        *,
        then: Sequence[str] = (),
        user: User | None = None,
        chat: Chat | None = None,
        guest: bool = False,
        at: datetime | None = None,
    ) -> list[str]:
        """What this bot says to `text`, with no server. `then`: what the person says to its further questions. `at`:
        when it is asked, so that 내일 is the same day in every run of a test."""
        return [one.text for one in self.replies(text, then=then, user=user, chat=chat, guest=guest, at=at)]

    def replies(
        self,
        text: str,
        *,
        then: Sequence[str] = (),
        user: User | None = None,
        chat: Chat | None = None,
        guest: bool = False,
        at: datetime | None = None,
    ) -> list[Reply]:
        """The same with buttons and files."""
        line = _Listed(list(then))
        playing = self.play(text, line, user or User(guest=guest), chat or Chat(), at)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            asyncio.run(playing)
            return line.said
        alone = threading.Thread(target=asyncio.run, args=(playing,))  # a test that is async itself
        alone.start()
        alone.join()
        return line.said

    async def play(self, text: str, line: Line, user: User, chat: Chat, at: datetime | None = None) -> None:
        """Somebody says this to the bot alone; what it answers goes to the line. Silence is what Maru would not bring
        to this bot."""
        name, rest = split(text)
        found = self.commands.get(_folded(name)) if name else None
        if (found is None and self._message is None) or (user.guest and not (found and found.guests)):
            return
        ask = Ask(
            id=f"local-{uuid.uuid4().hex}",
            text=rest if found else text.strip(),
            command=found.name if found else "",
            user=user,
            chat=chat,
            language=language_of(text),
            asked_at=at or datetime.now().astimezone(),
            line=line,
            loop=asyncio.get_running_loop(),
        )
        try:
            await self.handle(ask)
        except Failed as failed:
            line.reply(ask, {"text": failed.said})

    async def handle(self, ask: Ask) -> None:
        """Run the handler of an ask; its replies go to the ask's line. Raises Failed when the handler does."""
        command = self.commands.get(_folded(ask.command)) if ask.command else None
        run = command.run if command else None if ask.command else self._message
        if run is None:
            log.warning("nobody handles ask=%s command=%s", ask.id, ask.command or "-")
            raise Failed(ask.t(*GONE))
        try:
            await self._handled(ask, command, run)
        except (Exception, SystemExit, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise  # it is the bot that stops, not something the handler waited for
            log.exception("handler failed ask=%s command=%s", ask.id, ask.command or "-")
            sentry = sys.modules.get("sentry_sdk")
            if sentry is not None:
                sentry.capture_exception(error)
            raise Failed(ask.t(*SORRY)) from error

    async def _handled(self, ask: Ask, command: Command | None, run: Callable[..., Any]) -> None:
        try:
            arguments = command.signature.read(ask.text, ask.asked_at) if command else []
            said = await self._through(ask, lambda: self._call(run, ask, arguments))
            await self._say(ask, said)
        except Wrong as wrong:
            if told := _usage(ask, command, wrong):
                ask.reply(told)

    async def _through(self, ask: Ask, last: Callable[[], Awaitable[Any]]) -> Any:
        go = last
        for one in reversed(self._middleware):
            go = _wrapped(one, ask, go)
        return await go()

    async def _call(self, run: Callable[..., Any], ask: Ask, arguments: list[Any]) -> Any:
        if inspect.iscoroutinefunction(run):
            return await run(ask, *arguments)
        if inspect.isasyncgenfunction(run):
            return run(ask, *arguments)
        said = await _in_thread(_whole, run, ask, arguments)
        return await said if inspect.isawaitable(said) else said

    async def _say(self, ask: Ask, said: Any) -> None:
        """What a handler returned: nothing, a text, a Reply, or several of them."""
        if said is None:
            return
        if isinstance(said, str | Reply | int | float):
            _reply(ask, said)
        elif hasattr(said, "__aiter__"):
            async for one in said:
                _reply(ask, one)
        elif isinstance(said, Iterable) and not isinstance(said, Mapping | bytes):
            for one in said:
                _reply(ask, one)
        else:
            raise TypeError(f"a handler returned {type(said).__name__}; return a text, a Reply or a list of them")

    # --- running ---

    def run(self) -> None:
        """Connect and answer until SIGTERM or Ctrl-C; then finish what is being worked on."""
        from maru.connection import Connection

        if not logging.getLogger().handlers:
            logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        program = getattr(sys.modules["__main__"], "__file__", None)
        if program:  # python bot.py
            read_env(Path(program).resolve().parent / ".env")
        key = (self.key or os.environ.get("MARU_KEY", "")).strip()
        url = self.url or os.environ.get("MARU_URL", "")
        if not re.fullmatch(r"mb_[!-~]+", key):
            what = "is no key" if key else "missing"
            raise SystemExit(f"MARU_KEY: {what}; it is the bot's key, mb_…, shown once when it was made")
        try:
            address = socket_address(url)
        except ValueError as error:
            raise SystemExit(f"MARU_URL: {error}") from None
        connection = Connection(self, key, address)
        asyncio.run(connection.run())
        if connection.refused:
            raise SystemExit(f"maru: {connection.refused}")


def read_env(path: Path) -> None:
    """MARU_KEY and MARU_URL from the .env beside the bot, so that no key is typed where a shell remembers it. What the
    environment says holds; of two lines in the file the later one does."""
    if not path.is_file():
        return
    read = {}
    for line in path.read_text(encoding="utf8").splitlines():
        found = re.fullmatch(r"\s*(?:export\s+)?(MARU_[A-Z]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|(\S*))\s*", line)
        if found:
            read[found[1]] = found[2] or found[3] or found[4] or ""
    for name, value in read.items():
        os.environ.setdefault(name, value)


def socket_address(url: str) -> str:
    """The relay's address for an origin; unencrypted ones are for loopback alone."""
    parts = urlsplit(url.strip().rstrip("/"))
    schemes = {"https": "wss", "wss": "wss", "http": "ws", "ws": "ws"}
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError(f"{url!r} is no address such as https://maru.example.kr")
    if parts.path or parts.query or parts.fragment:
        raise ValueError(f"give the origin alone, without a path: {parts.scheme}://{parts.netloc}")
    if schemes[parts.scheme] == "ws" and not _is_loopback(parts.hostname):
        raise ValueError(f"{url!r} is not encrypted; use https://{parts.netloc}")
    return f"{schemes[parts.scheme]}://{parts.netloc}/relay/bots"


def _is_loopback(host: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def split(text: str) -> tuple[str, str]:
    """Command and rest; no command is ''."""
    wide = normalize("NFKC", text[:200]).lstrip()
    if not wide.startswith("/"):
        return "", text
    parts = text.strip().split(None, 1)
    return parts[0], parts[1].strip() if len(parts) > 1 else ""


def language_of(text: str) -> str:
    if any("가" <= letter <= "힣" or "ㄱ" <= letter <= "ㅣ" for letter in normalize("NFC", text)):
        return "ko"
    return "en" if any(letter.isascii() and letter.isalpha() for letter in text) else "ko"


def _folded(name: str) -> str:
    return normalize("NFKC", name).casefold().lstrip("/").strip()


def _whole(run: Callable[..., Any], ask: Ask, arguments: list[Any]) -> Any:
    """A generator's replies go out as they come, in the thread in which it runs."""
    said = run(ask, *arguments)
    if inspect.isgenerator(said):
        for one in said:
            _reply(ask, one)
        return None
    return said


def _reply(ask: Ask, said: Any) -> None:
    if isinstance(said, Reply):
        ask.reply(said.text, said.buttons, said.files)
    elif isinstance(said, str):
        ask.reply(said)
    elif isinstance(said, int | float) and not isinstance(said, bool):
        ask.reply(str(said))
    elif said is not None:  # one of several: [a, b if … else None]
        raise TypeError(f"a handler said {type(said).__name__}; say a text or a Reply")


def _wrapped(one: Middleware, ask: Ask, go: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
    return lambda: one(ask, go)


def _usage(ask: Ask, command: Command | None, wrong: Wrong) -> str:
    lines = [ask.t(wrong.korean, wrong.english)] if wrong.korean else []
    if command is not None:
        lines.append(ask.t(f"이렇게 써 주세요: {command.usage}", f"Use it like this: {command.usage}"))
    return "\n".join(lines)


async def _in_thread(work: Callable[..., Any], *given: Any) -> Any:
    """In a thread that does not hold up the end of the process: a handler that never returns must not, either. There
    are as many as asks are worked on at a time."""
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()
    done: asyncio.Future[Any] = loop.create_future()

    def tell(error: BaseException | None, result: Any) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(result)
        else:
            done.set_exception(error)

    def run() -> None:
        error, result = None, None
        try:
            result = context.run(work, *given)
        except BaseException as raised:  # SystemExit as well: it is raised again where the handler is awaited
            error = RuntimeError("a handler raised StopIteration") if isinstance(raised, StopIteration) else raised
        with suppress(RuntimeError):  # the bot has stopped meanwhile, and nobody waits any more
            loop.call_soon_threadsafe(tell, error, result)

    threading.Thread(target=run, daemon=True, name="handler").start()
    return await done


class _Listed:
    """The line of a test: replies in a list, answers from another."""

    def __init__(self, then: list[str]) -> None:
        self.said: list[Reply] = []
        self.then = then

    def reply(self, ask: Ask, body: Mapping[str, Any]) -> None:
        buttons = [Button(**one) for one in body.get("buttons", ())]
        self.said.append(Reply(body["text"], buttons, [File(**one) for one in body.get("files", ())]))

    async def wait(self, ask: Ask, body: Mapping[str, Any], seconds: int) -> str | None:
        self.reply(ask, body)
        return self.then.pop(0) if self.then else None

    def typing(self, ask: Ask) -> None:
        return
