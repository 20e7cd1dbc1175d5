"""A bot that speaks the frames of docs/relay-protocol.md by hand, and a page of the web chat that does so."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.house import House
from tests.rows import connected, table

PATIENCE = 30.0
COMMANDS: tuple[Mapping[str, Any], ...] = ({"name": "/예약", "usage": "/예약 방", "help": "회의실을 예약합니다"},)


class Talker:
    """One open socket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self._passed: list[dict[str, Any]] = []

    def send(self, **frame: Any) -> None:
        self.connection.send(json.dumps(frame, ensure_ascii=False))

    def next(self, *types: str, patience: float = PATIENCE) -> dict[str, Any]:
        """The next frame of one of these types; others on the way are kept for whoever asks for them."""
        for frame in self._passed:
            if not types or frame["type"] in types:
                self._passed.remove(frame)
                return frame
        while True:
            frame = json.loads(self.connection.recv(patience))
            if not types or frame["type"] in types:
                return frame
            self._passed.append(frame)

    def silent(self, seconds: float, *types: str) -> bool:
        """Does nothing of these types come for so long?"""
        try:
            self.next(*types, patience=seconds)
        except TimeoutError:
            return True
        return False

    def closed(self, patience: float = PATIENCE) -> tuple[int, str]:
        """The code and reason with which the other side ends it."""
        try:
            while True:
                self.connection.recv(patience)
        except ConnectionClosed as ended:
            assert ended.rcvd is not None, "it broke off without a word"
            return ended.rcvd.code, ended.rcvd.reason

    def close(self) -> None:
        self.connection.close()


class Bot(Talker):
    def __init__(self, connection: ClientConnection, hello: Mapping[str, Any]) -> None:
        super().__init__(connection)
        self.send(**hello)
        self.welcome = self.next("welcome")

    def say(self, ask: Mapping[str, Any], seq: int, text: str, **more: Any) -> dict[str, Any]:
        """A reply; returns its receipt."""
        self.send(**{"type": "reply", "ask": ask["id"], "seq": seq, "text": text} | more)
        return self.next("ok", "no")

    def done(self, ask: Mapping[str, Any], seq: int) -> dict[str, Any]:
        self.send(type="done", ask=ask["id"], seq=seq)
        return self.next("ok", "no")

    def answer(self, text: str) -> dict[str, Any]:
        """The next ask, answered by one reply."""
        ask = self.next("ask")
        assert self.say(ask, 1, text)["type"] == "ok"
        assert self.done(ask, 2)["type"] == "ok"
        return ask


def hello(
    commands: Sequence[Mapping[str, Any]] = COMMANDS, open: Sequence[str] = (), messages: bool = False, at_once: int = 8
) -> dict[str, Any]:
    facts = {"concurrency": at_once, "messages": messages, "commands": list(commands), "open": list(open)}
    return {"type": "hello", "protocol": 1, "sdk": "by-hand/1", **facts}


def dial(house: House, key: str, port: int = 0, **how: Any) -> ClientConnection:
    url = f"ws://127.0.0.1:{port or house.relay_port}/relay/bots"
    bearer = {"Authorization": f"Bearer {key}"}
    how = {"ping_interval": None, "close_timeout": 1, "proxy": None, **how}
    return connect(url, additional_headers=bearer, **how).__enter__()


@contextmanager
def here(house: House, key: str, port: int = 0, **told: Any) -> Iterator[Bot]:
    """A bot that is connected meanwhile."""
    connection = dial(house, key, port)
    try:
        yield Bot(connection, hello(**told))
    finally:
        connection.close()


def new_bot(house: House, company: str = "home", name: str = "") -> tuple[str, str]:
    """Its name and key."""
    name = name or f"bot-{secrets.token_hex(4)}"
    house.flask("bots", "company", company)
    return name, str(house.flask("bots", "add", company, name)["key"])


def new_command() -> str:
    return f"/c{secrets.token_hex(4)}"


# --- the web chat ---


def new_page(house: House, company: str, guest: bool = False, name: str = "민지") -> tuple[str, Callable[..., Talker]]:
    """Admits somebody; returns their chat and what opens a page of theirs."""
    member = f"{company}/{secrets.token_hex(6)}"
    house.flask("bots", "company", company)
    house.flask("members", "add", company, "webchat", member, *(["--guest"] if guest else []))

    def page(since: str = "", port: int = 0) -> Talker:
        found = Talker(knock(house, port=port))
        found.send(
            **{"type": "hello", "ticket": ticket(house, company, member, name)} | ({"since": since} if since else {})
        )
        return found

    return member, page


def knock(house: House, origin: str = "", port: int = 0) -> ClientConnection:
    url = f"ws://127.0.0.1:{port or house.relay_port}/relay/chat"
    return connect(url, origin=origin or house.url, ping_interval=None, close_timeout=1, proxy=None).__enter__()  # type: ignore[arg-type]


def ticket(house: House, company: str, member: str, name: str = "", seconds: float = 30.0) -> str:
    """As the page's POST makes one."""
    import time

    from store.bots import digest_of

    made = secrets.token_hex(16)
    row = {"digest": digest_of(made), "company": company, "chat": member, "name": name, "until": time.time() + seconds}
    with connected(house) as connection:
        connection.execute(table(connection, "tickets").insert().values(row))
    return made
