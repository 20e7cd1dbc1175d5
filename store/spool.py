"""Where proven events wait, on this host's disk, while the database cannot be written."""

import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import logs
from store.events import Fact


class Spool:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0
        self._lock = threading.Lock()

    def keep(self, facts: Sequence[Fact]) -> None:
        """Returns when the facts are on the disk; raises OSError when they cannot be."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._lock:
            self._count += 1
            name = f"{time.time_ns():020d}-{os.getpid()}-{self._count}"
        rows = [{**vars(fact), "received_at": fact.received_at.isoformat()} for fact in facts]
        unfinished = self.folder / f"{name}.part"
        try:
            handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(json.dumps(rows).encode())
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(self.folder / f"{name}.json")
            self._sync_folder()
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise

    def probe(self) -> None:
        """Raises OSError when nothing could be kept."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = self.folder / f"probe-{os.getpid()}-{threading.get_ident()}"
        try:
            probe.write_bytes(b"x")
        finally:
            probe.unlink(missing_ok=True)

    def waiting(self) -> list[Path]:
        """The oldest first."""
        try:
            return sorted(path for path in self.folder.iterdir() if path.suffix == ".json")
        except FileNotFoundError:
            return []

    def drain(self, record: Callable[[Sequence[Fact]], Any], away: tuple[type[Exception], ...]) -> int:
        """Hand everything to `record`, the oldest first; returns how many. Raises when the database is `away`; what
        cannot be recorded for another reason is laid aside in `spool/bad`. One process of the host at a time."""
        with (self.folder / "draining").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return 0
            paths = self.waiting()
            for path in paths:
                try:
                    record([_fact(row) for row in json.loads(path.read_bytes())])
                except away:
                    raise
                except Exception as error:
                    logs.error("spool.laid_aside", exception=error, file=path.name)
                    (self.folder / "bad").mkdir(exist_ok=True, mode=0o700)
                    path.rename(self.folder / "bad" / path.name)
                else:
                    path.unlink()
            self._sync_folder()
            return len(paths)

    def _sync_folder(self) -> None:
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _fact(row: dict[str, Any]) -> Fact:
    return Fact(**{**row, "received_at": datetime.fromisoformat(row["received_at"])})
