"""Several machines on one: `sudo python -m tests.hosts_bench` (Linux; `ip`, PostgreSQL and redis-server of the system).

Each host is a network namespace with a web process, workers, a clock and a relay of its own; PostgreSQL and Redis stand
in a third one, as managed services do, and are reached over TLS with their certificates checked. A front shares hooks
and sockets out. Sixty customers at a time are told twelve messages half a second apart, others ask three bots with four
sockets each, and one thing breaks: always at the host with most messages on their way. What counts is who was told
something twice, not at all or out of order, which hooks were not taken, the longest pause beyond the usual that anybody
saw, and of the bots whether each command was answered once, how late, and how long their sockets were away.
"""

import argparse
import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from tests.asked_bots import AskedBots, Askers
from tests.house import FLASK, GUNICORN, ROOT, SURVEY, House, eventually
from tests.managed_services import Services
from tests.talking_bots import new_bot
from tests.torture.database import SENDERS, UNFINISHED

SERVICES, HOSTS = "maru-services", ("maru-a", "maru-b")
NETWORK, SERVICES_IP = "10.77.0", "10.77.0.1"
SANDBOX_OUTSIDE = 9002  # the sandbox listens on loopback only; between the hosts its port is passed on
CUSTOMERS, MESSAGES, WAIT, SLOW = 60, 12, 0.5, 0.4
CUT_SECONDS = 20.0
BOTS, SOCKETS, ASKERS, ASK_EVERY = 3, 4, 6, 0.25
MODULE = "module: hosts\ntitle: hosts\norder: 1\nstarts:\n  - {on: chat_opened, tags: [hosts]}\nmessages:\n" + "".join(
    f"  - {{text: '{number}', wait: {WAIT}}}\n" for number in range(MESSAGES)
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="hosts_bench", description=__doc__)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--pass-on", nargs=2, metavar=("FROM", "TO"), help=argparse.SUPPRESS)
    parser.add_argument("--front", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--half-say", metavar="DATABASE_URL", help=argparse.SUPPRESS)
    parser.add_argument("--only", default="", help="faults whose name has these words")
    asked = parser.parse_args()
    if asked.pass_on:
        asyncio.run(serve(asked.pass_on[0], [asked.pass_on[1]]))
    elif asked.front:
        asyncio.run(serve(asked.front[0], asked.front[1:]))
    elif asked.half_say:
        half_say(asked.half_say)
    elif asked.inside:
        return measure(asked.only)
    else:
        return with_network(asked.only)
    return 0


# --- the network ---


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def with_network(only: str) -> int:
    """Make the namespaces, run ourselves in that of the services, and leave nothing behind."""
    names = (SERVICES, *HOSTS)
    try:
        for name in names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", SERVICES, "link", "add", "street", "type", "bridge")
        ip("-n", SERVICES, "addr", "add", f"{SERVICES_IP}/24", "dev", "street")
        ip("-n", SERVICES, "link", "set", "street", "up")
        for number, name in enumerate(HOSTS, 11):
            ip("-n", SERVICES, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("-n", SERVICES, "link", "set", name, "master", "street", "up")
            ip("-n", name, "addr", "add", f"{NETWORK}.{number}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
        inside = [
            "ip",
            "netns",
            "exec",
            SERVICES,
            sys.executable,
            "-m",
            "tests.hosts_bench",
            "--inside",
            "--only",
            only,
        ]
        return subprocess.run(inside, cwd=ROOT, check=False).returncode
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


async def serve(here: str, there: Sequence[str]) -> None:
    """Pass connections on, to each place in turn; one that does not answer at once is passed over, as a load balancer
    does that looks after its hosts."""
    turns = {"n": 0}

    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in there:
            turns["n"] += 1
            host, _, port = there[turns["n"] % len(there)].rpartition(":")
            with suppress(OSError, TimeoutError):
                far = await asyncio.wait_for(asyncio.open_connection(host, int(port)), 1.0)
                await asyncio.gather(copied(reader, far[1]), copied(far[0], writer))
                return
        writer.close()

    host, _, port = here.rpartition(":")
    async with await asyncio.start_server(passed, host, int(port)) as server:
        await server.serve_forever()


async def copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    with suppress(OSError):
        writer.close()


# --- hosts ---


class Host:
    """A machine: its own network, data folder and processes, the house's settings."""

    def __init__(self, name: str, number: int, house: House, folder: Path) -> None:
        self.name, self.address = name, f"{NETWORK}.{number}"
        (folder / name).mkdir()
        self.env = house.env | {
            "HOST": self.address,
            "PORT": "8000",
            "RELAY_PORT": "8001",
            "DATA_DIR": str(folder / name),
        }
        del self.env["CLOCK_FILE"]
        self.log = (folder / f"{name}.log").open("ab")
        self.sandbox = str(house.sandbox_port)
        self.processes: list[subprocess.Popen[bytes]] = []

    def open(self) -> None:
        passing = [sys.executable, "-m", "tests.hosts_bench", "--pass-on", f"127.0.0.1:{self.sandbox}"]
        for command in (
            [*passing, f"{SERVICES_IP}:{SANDBOX_OUTSIDE}"],
            [GUNICORN],
            [FLASK, "worker"],
            [FLASK, "worker"],
            [FLASK, "clock"],
            [FLASK, "relay"],
        ):
            self.processes.append(
                subprocess.Popen(
                    ["ip", "netns", "exec", self.name, *command],
                    cwd=ROOT,
                    env=self.env,
                    stdout=self.log,
                    stderr=self.log,
                    start_new_session=True,
                )  # fmt: skip
            )

    def kill(self) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in self.processes:
            process.wait(20)
        self.processes.clear()

    def cut(self, off: bool = True) -> None:
        """Its cable, at the side of the street: nothing gets through, and nobody is told."""
        ip("link", "set", self.name, "down" if off else "up")


class Street:
    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="maru-hosts-"))
        self.services = Services(self.folder, SERVICES_IP)
        self.house = House(self.folder / "house", **self.services.settings(), WEB_CONCURRENCY="1")
        self.hosts = [Host(name, number, self.house, self.folder) for number, name in enumerate(HOSTS, 11)]
        self.broke_at, self.sockets_lost = 0.0, 0

    def open(self) -> None:
        eventually(self.services.is_up, "PostgreSQL takes connections")
        self.house.shell("setup")
        self.house.start("sandbox", [sys.executable, "-m", "sandbox"])
        near, far = f"127.0.0.1:{self.house.sandbox_port}", f"{SERVICES_IP}:{SANDBOX_OUTSIDE}"
        ourselves = [sys.executable, "-m", "tests.hosts_bench"]
        self.services.start([*ourselves, "--pass-on", far, near])
        for here, there in ((self.house.port, 8000), (self.house.relay_port, 8001)):
            places = [f"{host.address}:{there}" for host in self.hosts]
            self.services.start([*ourselves, "--front", f"127.0.0.1:{here}", *places])
        for host in self.hosts:
            host.open()
        self.whole()
        self.house.module(MODULE)
        self.keys = [new_bot(self.house)[1] for _ in range(BOTS)]

    def whole(self) -> None:
        wanted = len(self.hosts) * 4  # two workers, a clock and a relay each
        alive = "SELECT count(*) FROM heartbeats WHERE beat_at > extract(epoch FROM now()) - 4"
        eventually(lambda: self.services.ask(alive) == [(wanted,)], "every worker, clock and relay beats")
        eventually(lambda: all(self._answers(host) for host in self.hosts), "each host's web answers")

    def _answers(self, host: Host) -> bool:
        import requests

        try:
            return self.house.http.get(f"http://{host.address}:8000/healthz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def breaks(self) -> Host:
        """Cuts off the host with most messages on their way just now."""
        senders = eventually(lambda: self.services.ask(SENDERS.format(delivery=0, chat="")), "a message is on its way")
        pids = Counter(pid for (pid,) in senders)
        host = max(self.hosts, key=lambda host: sum(pids[process.pid] for process in host.processes))
        ours = ",".join(str(process.pid) for process in host.processes)
        held = "SELECT count(*) FROM bot_sockets s JOIN heartbeats h ON h.id = s.relay WHERE h.pid IN"
        ((self.sockets_lost,),) = self.services.ask(f"{held} ({ours})")
        self.broke_at = time.time()
        host.cut()
        return host

    def close(self) -> None:
        for host in self.hosts:
            host.kill()
        self.house.close()
        self.services.close()
        shutil.rmtree(self.folder, ignore_errors=True)


# --- what breaks ---


def nothing(street: Street) -> None:
    """How much the machine itself delays."""


def killed(street: Street) -> None:
    street.breaks().kill()


def cut_off(street: Street) -> None:
    """It lives on, believes what it believed, and comes back."""
    host = street.breaks()
    time.sleep(CUT_SECONDS)
    host.cut(off=False)


def cut_off_then_killed(street: Street) -> None:
    host = street.breaks()
    time.sleep(3)
    host.kill()


FAULTS: dict[str, Callable[[Street], None]] = {
    "nothing": nothing,
    "one of two hosts loses its power": killed,
    f"one of two hosts is cut off for {CUT_SECONDS:g} s": cut_off,
    "one of two hosts is cut off, then killed": cut_off_then_killed,
}


def half_say(database_url: str) -> None:
    """Change a row in a statement that never comes to its end, which no time-out of PostgreSQL's counts."""
    import psycopg

    from store.database import engine_options

    with psycopg.connect(database_url, **engine_options(database_url, 5.0)["connect_args"]) as connection:
        connection.pgconn.enter_pipeline_mode()
        connection.pgconn.send_query_params(b"BEGIN", None)
        connection.pgconn.send_query_params(b"UPDATE heartbeats SET pid = pid", None)
        connection.pgconn.send_flush_request()
        connection.pgconn.flush()
        print("said", flush=True)
        time.sleep(600)


def cut_off_in_mid_sentence(street: Street) -> bool:
    """For how long does a host that vanished keep its locks?"""
    url, host = street.services.settings()["DATABASE_URL"], street.hosts[0]
    command = ["ip", "netns", "exec", host.name, sys.executable, "-m", "tests.hosts_bench", "--half-say", url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as speaking:
        assert speaking.stdout is not None and speaking.stdout.readline() == b"said\n"
        time.sleep(0.5)
        host.cut()
        began = time.monotonic()
        street.services.ask("SELECT pid FROM heartbeats FOR UPDATE")
        took = time.monotonic() - began
        host.cut(off=False)
        speaking.kill()
    print(f"FIGURE a host that vanished in mid-sentence kept its locks for {took:.1f} s", flush=True)
    return took < 20


def measure(only: str) -> int:
    street = Street()
    try:
        street.open()
        good = cut_off_in_mid_sentence(street)
        street.whole()
        for name, fault in ((name, fault) for name, fault in FAULTS.items() if only in name):
            good = measured(street, name, fault) and good
            for host in street.hosts:
                host.cut(off=False)
                if not host.processes:
                    host.open()
            street.whole()
        return 0 if good else 1
    finally:
        street.close()


def measured(street: Street, name: str, fault: Callable[[Street], None]) -> bool:
    house = street.house
    before = len(house.control("record")["webhooks"])
    house.faults({"do": "slow", "seconds": SLOW, "match": {"method": "POST"}})
    over, counting = threading.Event(), ThreadPoolExecutor(1)
    counted = counting.submit(street.services.count_connections, over)
    bots = AskedBots(street.folder, f"ws://127.0.0.1:{house.relay_port}", street.keys, SOCKETS, house.env)
    try:
        askers = Askers(house.sandbox_url, bots.commands, ASKERS, ASK_EVERY)
        street.broke_at, street.sockets_lost = time.time(), 0
        asked = {"n": CUSTOMERS, "profile": SURVEY, "tags": ["hosts"]}
        chats = house.control("crowd", asked)["chats"]
        for chat in chats[: CUSTOMERS // 2]:
            house.wait(chat, 1)
        fault(street)
        for chat in chats:
            house.wait(chat, MESSAGES, patience=90)
        judged = askers.judged()
        with suppress(AssertionError):  # they live on where their host came back
            eventually(lambda: len(bots.came(street.broke_at)) >= street.sockets_lost, "the sockets came again", 35)
        away, came = bots.away(street.broke_at), bots.came(street.broke_at)
    finally:
        bots.close()
        over.set()
    eventually(lambda: street.services.ask(UNFINISHED) == [(0,)], "nothing is on its way")
    pauses, wrong = [], 0
    for chat in chats:
        told = house.bot_messages(chat)
        wrong += [one["plainText"] for one in told] != [str(number) for number in range(MESSAGES)]
        pauses += [after["at"] - first["at"] for first, after in zip(told, told[1:], strict=False)]
    hooks = house.control("record")["webhooks"][before:]
    refused = sum(hook["status"] != 200 for hook in hooks)
    print(
        f"FIGURE {name}: longest extra pause {max(pauses) / 1000 - WAIT - SLOW:.1f} s; told wrongly {wrong} of", end=" "
    )
    print(f"{CUSTOMERS}; hooks refused {refused} of {len(hooks)};", end=" ")
    print(f"{judged}; {len(came)} of {street.sockets_lost} sockets came again, the last", end=" ")
    print(f"{max(came, default=0.0):.1f} s after it broke, {max(away, default=0.0):.1f} s after it knew;", end=" ")
    print(f"at most {counted.result()} connections to PostgreSQL", flush=True)
    return not wrong and judged.is_good


if __name__ == "__main__":
    sys.exit(main())
