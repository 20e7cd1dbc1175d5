"""A warm parent for the processes of a test run. Starting `gunicorn` or `flask worker` from cold costs a second of
CPU, nearly all of it imports, and the tests start hundreds; here they are imported once, and each process is a fork
that goes on as its command would: own group, environment, streams and exit.

What is about the start itself (`make run`, process titles, PYTHONPATH) is started from cold; see `House.start`."""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import argon2

WARM = (
    *("app", "web.bots", "web.chat", "web.console", "web.hooks", "web.metrics"),
    *("flask.cli", "workers.errands", "workers.jobs", "workers.rounds", "workers.schedule", "workers.sending"),
    *("workers.worker", "workers.notifications", "workers.welcoming", "commands.worker", "commands.clock"),
    *("relay.serve", "workers.spoken", "websockets.asyncio.server", "holidays.countries", "dateutil.easter"),
    *("gunicorn.app.wsgiapp", "gunicorn.arbiter", "web.patience", "sandbox.control", "sandbox.server"),
    *("psycopg", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite", "sqlite3", "rq", "redis"),
)
LINE = 1 << 20


class Child:
    """A process of the nursery, spoken to as a `subprocess.Popen`."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self.pid, self.returncode = pid, None  # type: int, int | None
        self._nursery = nursery
        self._end = os.pidfd_open(pid)  # the nursery keeps the dead until they are asked for, so this is our child
        self._asking = threading.Lock()

    def poll(self) -> int | None:
        with self._asking:  # how it ended is told once only
            if self.returncode is None:
                self.returncode = self._nursery.ask({"ended": self.pid})["code"]
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        end = select.poll()
        end.register(self._end, select.POLLIN)
        if not end.poll(None if timeout is None else timeout * 1000):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        code = self.poll()
        assert code is not None, f"process {self.pid} has ended, but the nursery does not know how"
        return code

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            signal.pidfd_send_signal(self._end, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def __del__(self) -> None:
        os.close(self._end)


class Nursery:
    """One for each process of the test run; it ends, and what is left in it, with that process."""

    def __init__(self, root: Path) -> None:
        self._turn = threading.Lock()
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-u", "-m", "tests.nursery", str(theirs.fileno())]
            self._process = subprocess.Popen(command, cwd=root, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])

    def start(self, command: list[str], env: dict[str, str], out: int, errors: int, words: int | None = None) -> Child:
        streams = [out, errors] if words is None else [out, errors, words]
        return Child(self, self.ask({"command": command, "env": env}, streams)["pid"])

    def run(self, command: list[str], env: dict[str, str], patience: float) -> "subprocess.CompletedProcess[str]":
        with TemporaryFile() as out, TemporaryFile() as errors:
            child = self.start(command, env, out.fileno(), errors.fileno())
            try:
                code = child.wait(patience)
            finally:
                child.kill()
            printed = [os.pread(file.fileno(), 1 << 30, 0).decode() for file in (out, errors)]
        return subprocess.CompletedProcess(command, code, *printed)

    def ask(self, order: dict[str, Any], streams: Sequence[int] = ()) -> dict[str, Any]:
        with self._turn:
            socket.send_fds(self._line, [json.dumps(order).encode()], list(streams))
            answer = self._line.recv(LINE)
        assert answer, "the nursery has ended"
        return json.loads(answer)  # type: ignore[no-any-return]


def main(line: socket.socket) -> list[str] | None:
    """Serves orders until the test run ends; in a fork it returns the command that this process is to be."""
    children: set[int] = set()
    while True:
        order, streams, _, _ = socket.recv_fds(line, LINE, 3)
        if not order:
            for pid in children:
                os.killpg(pid, signal.SIGKILL)
            return None
        asked = json.loads(order)
        if "command" not in asked:
            pid, status = os.waitpid(asked["ended"], os.WNOHANG)
            children -= {pid}
            answer = {"code": os.waitstatus_to_exitcode(status) if pid else None}
        else:
            pid = os.fork()
            if pid == 0:
                line.close()
                _become(asked, streams)
                return list(asked["command"])
            os.setpgid(pid, pid)  # here too: once its number is known, its group can be signalled
            children.add(pid)
            answer = {"pid": pid}
        for stream in streams:
            os.close(stream)
        line.send(json.dumps(answer).encode())


def _become(order: dict[str, Any], streams: Sequence[int]) -> None:
    os.setpgid(0, 0)
    for number, stream in zip((1, 2, 0), streams, strict=False):
        os.dup2(stream, number)
    for stream in streams:
        os.close(stream)
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    importlib.reload(sys.modules["clock"])  # the one module that reads the environment when it is imported


def run(command: list[str]) -> None:
    gc.enable()
    if command[0] == sys.executable and command[1] == "-m":
        sys.argv = command[2:]
        runpy.run_module(command[2], run_name="__main__", alter_sys=True)
    else:
        sys.argv = command
        runpy.run_path(command[0], run_name="__main__")


if __name__ == "__main__":
    for name in WARM:
        importlib.import_module(name)
    # A hash of a password takes a fifth of a second by design, and the tests make hundreds. What is started from cold
    # hashes as the product does, and a hash says itself how it was made.
    sys.modules["store.staff"]._hasher = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    gc.collect()
    gc.freeze()
    todo = main(socket.socket(fileno=int(sys.argv[1])))
    if todo is not None:
        run(todo)
