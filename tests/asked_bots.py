"""Bots made with the SDK, and customers who ask them the whole time, for the benches that break something meanwhile:
was each command answered once, how long did it take, and how long was each socket away?

`python -m tests.asked_bots COMMAND` is one socket; it tells on stdout when it came and went.
"""

import logging
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.house import ROOT, eventually

THINKS = 0.3  # seconds over each command, so that some are in hand whenever something breaks
CAME, WENT = "connected company", ("= connection is CLOSED", "disconnected", "not connected")


@dataclass(frozen=True)
class Judged:
    asked: int
    lost: int
    doubled: int
    wrongly: int  # answers to nothing that was asked
    told_to_wait: int  # times that somebody was told that the bot is away just now
    longest: float  # seconds from a command to its answer
    median: float

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.doubled or self.wrongly)

    def __str__(self) -> str:
        return (
            f"{self.asked} commands: lost {self.lost}, answered twice {self.doubled}, wrongly {self.wrongly}; median "
            f"{self.median:.2f} s, longest {self.longest:.2f} s; told that the bot is away {self.told_to_wait} times"
        )


class AskedBots:
    """`keys`: of the bots, each of which has so many sockets and the command that goes by its number."""

    def __init__(self, folder: Path, url: str, keys: Sequence[str], sockets: int, env: Mapping[str, str] = os.environ):
        self.commands = [f"/ask{number}" for number in range(len(keys))]
        self.logs, self.processes = [], []
        paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'sdk' / 'src'}", "PYTHONUNBUFFERED": "1"}
        for number, key in enumerate(keys * sockets):
            log, command = folder / f"socket-{time.monotonic_ns()}-{number}", self.commands[number % len(keys)]
            with log.open("wb") as out:
                self.processes.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "tests.asked_bots", command],
                        cwd=ROOT,
                        env={**env, **paths, "MARU_URL": url, "MARU_KEY": key},
                        stdout=out,
                        stderr=out,
                    )
                )
            self.logs.append(log)
        eventually(lambda: all(CAME in log.read_text() for log in self.logs), f"the bots of {folder} are connected")

    def away(self, since: float) -> list[float]:
        """Seconds for which a socket was not connected, as it saw that itself; since then. One that is still away
        counts until now."""
        found = []
        for log in self.logs:
            went = 0.0
            for line in log.read_text().splitlines():
                at, _, words = line.partition(" ")
                if words.startswith(CAME) and went:
                    found += [float(at) - went] if float(at) > since else []
                    went = 0.0
                elif words.startswith(WENT):
                    went = went or float(at)
            found += [time.time() - went] if went else []
        return found

    def came(self, since: float) -> list[float]:
        """When sockets came back, in seconds since then."""
        lines = [line.partition(" ") for log in self.logs for line in log.read_text().splitlines()]
        return [float(at) - since for at, _, words in lines if words.startswith(CAME) and float(at) > since]

    def close(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait(10)


class Askers:
    """Customers in ChannelTalk, who may use bots that are there for guests."""

    def __init__(self, sandbox_url: str, commands: Sequence[str], customers: int, every: float) -> None:
        self.url, self.line = f"{sandbox_url}/sandbox", requests.Session()
        self.line.trust_env = False
        self.every, self.over = every, threading.Event()
        self.commands: dict[str, str] = {}
        for number in range(customers):
            made = self.line.post(f"{self.url}/customers", json={"profile": {}}, timeout=60).json()
            self.commands[str(made["chat"]["id"])] = commands[number % len(commands)]
        self.asked: dict[str, list[float]] = {chat: [] for chat in self.commands}
        self.thread = threading.Thread(target=self._ask)
        self.thread.start()

    def _ask(self) -> None:
        """Each in turn, whether or not the one before is answered."""
        while True:
            for chat, command in self.commands.items():
                if self.over.wait(self.every):
                    return
                said = {"as": "user", "text": f"{command} {len(self.asked[chat])}"}
                self.asked[chat].append(time.time())
                self.line.post(f"{self.url}/chats/{chat}/say", json=said, timeout=60).raise_for_status()

    def judged(self, patience: float = 60.0) -> Judged:
        """They stop asking and wait for what is open."""
        self.over.set()
        self.thread.join()
        with suppress(AssertionError):  # what is missing is counted
            eventually(lambda: self._counted().lost == 0, "every command is answered", patience)
        time.sleep(1.0)  # what comes twice comes late
        return self._counted()

    def _counted(self) -> Judged:
        took: list[float] = []
        lost = doubled = wrongly = told_to_wait = 0
        for chat, asked in self.asked.items():
            messages = self.line.get(f"{self.url}/chats/{chat}", timeout=60).json()["messages"]
            told = [(one["plainText"], one["at"] / 1000) for one in messages if one["personType"] == "bot"]
            answers = [(text.split()[1], at) for text, at in told if text.startswith("answer ")]
            told_to_wait += len(told) - len(answers)
            counts, expected = Counter(number for number, _ in answers), {str(one) for one in range(len(asked))}
            lost += len(expected - counts.keys())
            doubled += sum(count - 1 for count in counts.values())
            wrongly += len(counts.keys() - expected)
            took += [at - asked[int(number)] for number, at in answers if number in expected]
        took.sort()
        total, middle = sum(map(len, self.asked.values())), took[len(took) // 2] if took else 0.0
        return Judged(total, lost, doubled, wrongly, told_to_wait, took[-1] if took else 0.0, middle)


def main() -> None:
    import asyncio

    from maru import Ask, Bot

    logging.basicConfig(level=logging.INFO, format="%(created).3f %(message)s", stream=sys.stdout)
    sockets = logging.getLogger("websockets.client")  # the SDK does not tell that it goes when it is asked to
    sockets.setLevel(logging.DEBUG)
    sockets.addFilter(lambda record: record.getMessage().startswith(WENT[0]))
    bot = Bot()

    @bot.command(sys.argv[1], help="answers", guests=True)
    async def answer(ask: Ask, number: int) -> str:
        await asyncio.sleep(THINKS)
        return f"answer {number}"

    bot.run()


if __name__ == "__main__":
    main()
