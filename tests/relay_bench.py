"""Figures of the relay, by hand: python -m tests.relay_bench [idle] [throughput] [round] [stuck] [restarts] [outage]"""

import asyncio
import json
import random
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psutil
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.house import House
from tests.rows import connected, table
from tests.talking_bots import hello, new_bot, ticket

CONNECTIONS, COMMANDS, RESTARTS, OUTAGE = 500, 1000, 100, 9 * 60


def bots_of(house: House, count: int, company: str = "home") -> list[str]:
    """Their keys; by hand, for as many command lines take minutes."""
    from store.bots import digest_of

    house.flask("bots", "company", company)
    _, first = new_bot(house, company)
    made: list[str] = []
    with connected(house) as connection:
        bots, keys = table(connection, "bots"), table(connection, "bot_keys")
        like = dict(connection.execute(bots.select().limit(1)).mappings().one())
        key_like = dict(connection.execute(keys.select().limit(1)).mappings().one())
        for _ in range(count):
            key = f"mb_{secrets.token_urlsafe(32)}"
            row = {**like, "company": company, "name": f"b-{secrets.token_hex(5)}"}
            row.pop("id")
            id = connection.execute(bots.insert().values(row)).inserted_primary_key[0]
            key_row = {**key_like, "bot_id": id, "digest": digest_of(key)}
            key_row.pop("id")
            connection.execute(keys.insert().values(key_row))
            made.append(key)
    return made


async def bot(house: House, stack: AsyncExitStack, key: str, port: int = 0, **told: Any) -> ClientConnection:
    url = f"ws://127.0.0.1:{port or house.relay_port}/relay/bots"
    bearer = {"Authorization": f"Bearer {key}"}
    socket = await stack.enter_async_context(
        connect(url, additional_headers=bearer, ping_interval=None, compression=None, proxy=None, open_timeout=60)
    )
    await socket.send(json.dumps(hello(**told)))
    assert json.loads(await socket.recv())["type"] == "welcome"
    return socket


async def page(house: House, stack: AsyncExitStack, company: str) -> ClientConnection:
    member = f"{company}/{secrets.token_hex(6)}"
    await asyncio.to_thread(house.flask, "members", "add", company, "webchat", member)
    url = f"ws://127.0.0.1:{house.relay_port}/relay/chat"
    socket = await stack.enter_async_context(connect(url, origin=house.url, compression=None, proxy=None))  # type: ignore[arg-type]
    await socket.send(json.dumps({"type": "hello", "ticket": ticket(house, company, member)}))
    await until(socket, "welcome")
    return socket


async def until(socket: ClientConnection, kind: str, **wanted: Any) -> dict[str, Any]:
    while True:
        frame: dict[str, Any] = json.loads(await socket.recv())
        if frame["type"] == kind and all(frame.get(name) == value for name, value in wanted.items()):
            return frame


def memory(house: House) -> int:
    return int(psutil.Process(house.processes["relay 1"].pid).memory_full_info().pss)


async def echo(socket: ClientConnection) -> None:
    async for text in socket:
        frame = json.loads(text)
        if frame["type"] == "ask":
            await socket.send(json.dumps({"type": "reply", "ask": frame["id"], "seq": 1, "text": frame["text"] or "-"}))
            await socket.send(json.dumps({"type": "done", "ask": frame["id"], "seq": 2}))
            await asyncio.sleep(0.05)  # the relay closes what sends more than fifty frames a second


async def idle(house: House) -> None:
    """The first hundred make the relay load what it needs anyway."""
    keys, first = bots_of(house, CONNECTIONS + 100), 100
    async with AsyncExitStack() as stack:

        async def open_all(some: list[str]) -> None:
            for start in range(0, len(some), 25):
                await asyncio.gather(*(bot(house, stack, key, commands=[]) for key in some[start : start + 25]))

        await open_all(keys[:first])
        before, began = memory(house), time.monotonic()
        await open_all(keys[first:])
        opened = time.monotonic() - began
        await asyncio.sleep(3)
        relay = psutil.Process(house.processes["relay 1"].pid)
        relay.cpu_percent()
        await asyncio.sleep(12)
        kib, cpu = (memory(house) - before) / CONNECTIONS / 1024, relay.cpu_percent()
        print(f"idle: {CONNECTIONS} bots, {kib:.1f} KiB each (PSS of the relay), {cpu:.1f} % of a core together,")
        print(f"  opened in {opened:.1f} s; the relay has {memory(house) / 2**20:.0f} MiB")


async def throughput(house: House) -> None:
    """Each bot is handed its asks by rows, so that the relay alone is measured: ask, reply, ok, done, ok."""
    keys, each = bots_of(house, CONNECTIONS), 10
    async with AsyncExitStack() as stack:
        sockets = []
        for start in range(0, CONNECTIONS, 25):
            some = (bot(house, stack, key, commands=[]) for key in keys[start : start + 25])
            sockets += await asyncio.gather(*some)

        async def serve(socket: ClientConnection) -> int:
            frames = over = 0
            while over < each:
                frame = json.loads(await socket.recv())
                frames += 1
                if frame["type"] == "ask":
                    reply = {"type": "reply", "ask": frame["id"], "seq": 1, "text": "x" * 100}
                    await socket.send(json.dumps(reply))
                    await socket.send(json.dumps({"type": "done", "ask": frame["id"], "seq": 2}))
                    frames += 2
                over += frame["type"] == "ok" and frame["seq"] == 2
            return frames

        relay = psutil.Process(house.processes["relay 1"].pid)
        tasks, before = [asyncio.create_task(serve(one)) for one in sockets], sum(relay.cpu_times()[:2])
        began = time.monotonic()
        await asyncio.to_thread(plant_calls, house, each)
        planted = time.monotonic()
        frames = sum(await asyncio.gather(*tasks))
        seconds = time.monotonic() - planted
        asks = CONNECTIONS * each
        print(f"throughput: {CONNECTIONS} connections, {asks} asks answered: {frames / seconds:.0f} frames/s,")
        used = sum(relay.cpu_times()[:2]) - before
        print(f"  {used / frames * 1000:.2f} ms of the relay's CPU each; on a core of its own {frames / used:.0f}/s")
        print(f"  {asks / seconds:.0f} asks/s (planting took {planted - began:.1f} s)")


def plant_calls(house: House, each: int) -> None:
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC)
    with connected(house) as connection:
        bots, calls = table(connection, "bots"), table(connection, "bot_calls")
        ids = [row.id for row in connection.execute(bots.select().where(bots.c.name.like("b-%")))]
        base = random.randrange(10**9, 10**12)
        rows = [
            {
                "event_id": base + number * each + turn, "bot_id": id, "company": "home", "command": "/x",
                "text": "y" * 50, "channel": "webchat", "chat": f"home/p{number}",
                "thread": "", "person": f"p{number}", "name": "",
                "language": "ko", "trace": "", "state": "waiting", "why": "", "room": False, "guest": False,
                "gives": 0, "last_seq": 0, "wait_seq": 0, "asked_at": now, "expires_at": now + timedelta(minutes=10),
            }
            for number, id in enumerate(ids[-CONNECTIONS:])
            for turn in range(each)
        ]  # fmt: skip
        connection.execute(calls.insert(), rows)


async def one_round(socket: ClientConnection, to: str, number: str) -> float:
    began = time.monotonic()
    await socket.send(json.dumps({"type": "say", "id": number, "to": to, "text": number}))
    await until(socket, "line", mine=False)
    return (time.monotonic() - began) * 1000


def told(name: str, found: list[float]) -> str:
    ordered = sorted(found)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"{name}: p50 {statistics.median(ordered):.0f} ms, p99 {p99:.0f} ms ({len(ordered)} rounds)"


async def rounds(house: House, count: int = 200) -> list[float]:
    name, key = new_bot(house, "acme")
    async with AsyncExitStack() as stack:
        echoing = asyncio.create_task(echo(await bot(house, stack, key, commands=[], messages=True)))
        talker = await page(house, stack, "acme")
        found = []
        for number in range(count):
            found.append(await one_round(talker, name, f"{number} {secrets.token_hex(3)}"))
            await asyncio.sleep(0.2)  # a page is read five times a second
        echoing.cancel()
    return found


async def round_trip(house: House) -> None:
    print(told("web chat → bot → web chat", await rounds(house)))


async def stuck(house: House) -> None:
    """Another company's bot takes everything, reads nothing and answers nothing. What its company's people write is
    work by itself, so the same is written to a bot that answers."""
    for per_second in (1, 16):
        for kind in ("answers", "is stuck"):
            alone, beside = await rounds(house, 100), await beside_another(house, per_second, kind == "is stuck")
            print(told(f"{per_second} a second to another company's bot, which {kind}; without", alone))
            print(told("  with it", beside))


async def beside_another(house: House, per_second: int, is_stuck: bool) -> list[float]:
    name, key = new_bot(house, "other")
    async with AsyncExitStack() as stack:
        other = await bot(house, stack, key, commands=[], messages=True, at_once=100)
        pages = [await page(house, stack, "other") for _ in range(min(4, per_second))]

        async def write(talker: ClientConnection) -> None:
            for number in range(10_000):
                await talker.send(json.dumps({"type": "say", "id": str(number), "to": name, "text": "가" * 500}))
                await until(talker, "kept")
                await asyncio.sleep(len(pages) / per_second)

        busy = [asyncio.create_task(write(one)) for one in pages]
        if not is_stuck:
            busy.append(asyncio.create_task(echo(other)))
        await asyncio.sleep(5)
        found = await rounds(house, 100)
        for one in busy:
            one.cancel()
    return found


async def restarts(house: House) -> None:
    """A thousand commands while bot and relay are killed a hundred times by turns."""
    name, key = new_bot(house, "acme")
    port = house.start_relay("relay 2")
    stop = asyncio.Event()

    async def clumsy() -> None:
        while not stop.is_set():
            try:
                async with AsyncExitStack() as stack:
                    at = random.choice((house.relay_port, port))
                    await echo(await bot(house, stack, key, port=at, messages=True))
            except (OSError, WebSocketException, TimeoutError, EOFError):
                await asyncio.sleep(0.05)

    async with AsyncExitStack():
        bots = [asyncio.create_task(clumsy()) for _ in range(2)]
        began = time.monotonic()
        saying = asyncio.create_task(pages_say_all(house, name, pages=5))
        for number in range(RESTARTS):
            victim = number % 4
            if victim == 3:
                await asyncio.to_thread(house.kill, "relay 2")
                await asyncio.to_thread(house.start_relay, "relay 2", port)
            else:
                bots[victim % 2].cancel()
                bots[victim % 2] = asyncio.create_task(clumsy())
            await asyncio.sleep(0.1)
        await saying
        await all_answered(house)
        stop.set()
        for one in bots:
            one.cancel()
    each_once(house, f"{RESTARTS} restarts", began)


async def outage(house: House) -> None:
    """A bot is known, goes, and comes back nine minutes later; the relay dies meanwhile."""
    name, key = new_bot(house, "acme")
    async with AsyncExitStack() as stack:
        await bot(house, stack, key, messages=True)
    gone = time.monotonic()
    await pages_say_all(house, name, pages=50, gap=(OUTAGE - 90) * 50 / COMMANDS)
    await asyncio.to_thread(house.kill, "relay 1")
    await asyncio.to_thread(house.start_relay, "relay 1", house.relay_port)
    await asyncio.sleep(OUTAGE - (time.monotonic() - gone))
    async with AsyncExitStack() as stack:
        back = time.monotonic()
        echoing = asyncio.create_task(echo(await bot(house, stack, key, messages=True)))
        await all_answered(house)
        echoing.cancel()
    each_once(house, f"an outage of {back - gone:.0f} s", back)


async def all_answered(house: House) -> None:
    until = time.monotonic() + 240
    while len(answers(house)) < COMMANDS and time.monotonic() < until:
        await asyncio.sleep(0.5)


def each_once(house: House, over: str, since: float) -> None:
    found = answers(house)
    once = len(set(found)) == len(found) == COMMANDS
    print(f"{COMMANDS} commands over {over}: {len(set(found))} answered, each once: {once},")
    print(f"  the last after {time.monotonic() - since:.0f} s")
    assert once


async def pages_say_all(house: House, name: str, pages: int, gap: float = 0.0) -> None:
    members = [f"acme/{secrets.token_hex(6)}" for _ in range(pages)]
    for member in members:
        await asyncio.to_thread(house.flask, "members", "add", "acme", "webchat", member)
    own, loop, count = ThreadPoolExecutor(pages), asyncio.get_running_loop(), COMMANDS // pages
    tickets = [ticket(house, "acme", member) for member in members]
    each = (loop.run_in_executor(own, say_all, house, shown, name, count, gap) for shown in tickets)
    await asyncio.gather(*each)


def say_all(house: House, shown: str, name: str, count: int, gap: float) -> None:
    """As a page does it, which is read five times a second."""
    from websockets.sync.client import connect as dial

    url = f"ws://127.0.0.1:{house.relay_port}/relay/chat"
    with dial(url, origin=house.url, proxy=None) as socket:  # type: ignore[arg-type]
        socket.send(json.dumps({"type": "hello", "ticket": shown}))
        for number in range(count):
            socket.send(json.dumps({"type": "say", "id": str(number), "to": name, "text": f"n{number}"}))
            while json.loads(socket.recv(60))["type"] != "kept":
                continue
            time.sleep(gap)


def answers(house: House) -> list[tuple[str, str]]:
    with connected(house) as connection:
        rows = table(connection, "deliveries")
        here = rows.c.chat.like("acme/%") & rows.c.source.like("call:%")
        return [(row.chat, row.text) for row in connection.execute(rows.select().where(here))]


ALL: dict[str, Callable[[House], Awaitable[None]]] = {
    "idle": idle,
    "throughput": throughput,
    "round": round_trip,
    "stuck": stuck,
    "restarts": restarts,
    "outage": outage,
}


def main() -> None:
    for name in sys.argv[1:] or [one for one in ALL if one not in ("restarts", "outage")]:
        house = House(Path(tempfile.mkdtemp(prefix="relay-bench-")))
        try:
            house.open(relays=1)
            asyncio.run(ALL[name](house))  # type: ignore[arg-type]
        finally:
            house.close()


if __name__ == "__main__":
    main()
