"""The house that is tortured: two workers, two web processes, a clock, and what it takes to break them."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from tests.house import BIN, ROOT, House, eventually
from tests.torture import shapes
from tests.torture.database import UNFINISHED, Away, Postgres, Sqlite

EVERYDAY = ("redis", "web", "worker 1", "worker 2", "clock")
SPOOL_BYTES = 256 * 1024
SABOTAGE = Path(__file__).parent / "sabotage"


class Ground:
    """A house on one database. `sabotage`: a folder whose sitecustomize takes a safety out of the product."""

    def __init__(self, database: str, sabotage: str = "", sql: Sequence[str] = ()) -> None:
        self.database, self.sabotage, self.sql = database, sabotage, sql
        self.folder = Path(tempfile.mkdtemp(prefix="maru-torture-"))
        self.offset = 0.0  # by how many seconds the product's clock was moved
        self.offsets: list[tuple[float, float]] = [(0.0, 0.0)]  # (real time, offset from then on)
        self.small_disk = False
        self.judged = 0  # up to where the sandbox's record has been judged
        self._turn = threading.Lock()
        folder = self.folder / "house"
        self.outside: Sqlite | Postgres = Sqlite(folder) if database == "sqlite" else Postgres(self.folder / "postgres")
        url = self.outside.new_database(f"t{secrets.token_hex(6)}") if isinstance(self.outside, Postgres) else ""
        settings = {"WORKERS": "2", "WEB_CONCURRENCY": "2"}
        if sabotage:
            settings["PYTHONPATH"] = f"{SABOTAGE / sabotage}{os.pathsep}{ROOT}"
        self.house = House(folder, url, **settings)

    def open(self) -> "Ground":
        self._mount_small_disk()
        self.house.open(workers=2)
        for statement in self.sql:
            self.outside.change(statement)
        # A platform that forgets requestId is the harder one: a message sent twice is there twice.
        self.house.control("settings", {"repeated_request_id": "new"})
        for shape in shapes.ALL.values():
            for text in shape.modules():
                self.house.module(text)
        return self

    def close(self, keep: bool = False) -> None:
        self.house.close()
        self.outside.close()
        if self.small_disk:
            subprocess.run(["umount", "-l", str(self.spool)], check=False, capture_output=True)
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- the spool's disk ---

    @property
    def spool(self) -> Path:
        return self.house.folder / "spool"

    def _mount_small_disk(self) -> None:
        self.spool.mkdir(mode=0o700)
        command = ["mount", "-t", "tmpfs", "-o", f"size={SPOOL_BYTES},mode=0700", "tmpfs", str(self.spool)]
        if sys.platform == "linux" and os.geteuid() == 0:
            self.small_disk = subprocess.run(command, check=False, capture_output=True).returncode == 0

    def fill_disk(self) -> None:
        with (self.spool / "ballast").open("wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(b"x" * 4096)
            except OSError:
                return

    def free_disk(self) -> None:
        (self.spool / "ballast").unlink(missing_ok=True)

    # --- processes ---

    def hit(self, name: str, number: int) -> None:
        """Signal a part and all its children; one that has gone already is no fault."""
        try:
            os.killpg(self.house.processes[name].pid, number)
        except ProcessLookupError:
            return
        if number == signal.SIGKILL:
            self.house.processes[name].wait(20)

    def stop(self, name: str) -> None:
        """SIGTERM, as a restart by systemd does it; waits until it has gone."""
        process = self.house.processes[name]
        if process.poll() is None:
            process.terminate()
            process.wait(20)

    def start(self, name: str) -> None:
        if name == "redis":
            self.house.start_redis()
        elif name == "web":
            self.house.start(name, [str(BIN / "gunicorn")])
        elif name.startswith("clock"):
            self.house.start(name, [str(BIN / "flask"), "clock"])
        else:
            self.house.start_worker(name)

    def web_child(self, place: int) -> int:
        """The pid of one of gunicorn's workers; 0 when there is none just now."""
        master = self.house.processes["web"].pid
        try:
            found = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        except OSError:
            return 0
        return int(found[place % len(found)]) if found else 0

    def part_of(self, pid: int) -> str:
        parts = [name for name, process in self.house.processes.items() if process.pid == pid]
        return parts[0] if parts else ""

    def running(self, name: str) -> bool:
        return name in self.house.processes and self.house.processes[name].poll() is None

    # --- clock ---

    def move_clock(self, seconds: float) -> None:
        with self._turn:
            self.offset += seconds
            self.offsets.append((time.time(), self.offset))
            self.house.move_clock(self.offset)

    # --- between runs ---

    def calm(self) -> None:
        """Nothing is broken, everything runs, nothing waits."""
        self.house.faults()
        for name in EVERYDAY:
            if not self.running(name):
                self.start(name)
        eventually(self.ready, "the house is whole again", 60)
        eventually(lambda: self.quiet() or None, "nothing waits from the run before", 60)

    def ready(self) -> bool:
        try:
            parts = self.house.http.get(self.house.url + "/readyz", timeout=10).json()["parts"]
        except (requests.RequestException, ValueError, KeyError):
            return False
        wanted = {"database": "writable", "worker": "running", "clock": "running", "redis": "answers"}
        return all(parts.get(name, {}).get("ok") for name in wanted)

    def quiet(self) -> bool:
        try:
            return self.outside.ask(UNFINISHED) == [(0,)] and not list(self.spool.glob("*.json"))
        except (Away, OSError):
            return False

    def evidence(self) -> dict[str, Any]:
        """Rows for whoever looks into a failed run; the judge has not seen them."""
        wanted = {
            "events": "SELECT id, platform_id, kind, chat, state, reason, attempts, owner FROM events"
            " ORDER BY id DESC LIMIT 200",
            "deliveries": "SELECT id, source, step, chat, position, text, state, reason, due_at, sent_at, "
            " attempts, unclear, owner, message_id FROM deliveries ORDER BY id DESC LIMIT 400",
            "heartbeats": "SELECT id, part, pid, beat_at FROM heartbeats",
        }
        try:
            return {name: [list(map(str, row)) for row in self.outside.ask(sql)] for name, sql in wanted.items()}
        except Away as away:
            return {"away": str(away)}
