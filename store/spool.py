"""Where proven events wait, on this host's disk, while the database cannot be written."""

import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import logs
from store.events import Fact

UNFINISHED_SECONDS = 600.0


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
        return sorted(self._files(self.folder, ".json"))

    def holds_any(self) -> bool:
        """Asked for every call, so it does not read the whole folder."""
        return next(self._files(self.folder, ".json"), None) is not None

    def laid_aside(self) -> list[Path]:
        return sorted(self._files(self.folder / "bad", ".json"))

    def _files(self, folder: Path, suffix: str) -> Iterator[Path]:
        try:
            with os.scandir(folder) as found:
                yield from (Path(entry.path) for entry in found if entry.name.endswith(suffix))
        except FileNotFoundError:
            return

    def drain(self, record: Callable[[Sequence[Fact]], Any], is_away: Callable[[Exception], bool]) -> int:
        """Hand everything to `record`, the oldest first, until nothing is left; returns how many. Raises when the
        database is away; what can never be recorded is laid aside in `spool/bad`. One process of the host at a
        time."""
        drained = 0
        with (self.folder / "draining").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return 0
            # What came in meanwhile lined up behind, so there is another look: under load it would never end else.
            while paths := self.waiting():
                for path in paths:
                    self._bring_in(path, record, is_away)
                    drained += 1
            self._forget_unfinished()
            self._sync_folder()
        return drained

    def _bring_in(
        self, path: Path, record: Callable[[Sequence[Fact]], Any], is_away: Callable[[Exception], bool]
    ) -> None:
        try:
            record([_fact(row) for row in json.loads(path.read_bytes())])
        except Exception as error:
            if isinstance(error, OSError) or is_away(error):
                raise
            logs.error("spool.laid_aside", exception=error, file=path.name)
            (self.folder / "bad").mkdir(exist_ok=True, mode=0o700)
            path.rename(self.folder / "bad" / path.name)
        else:
            path.unlink(missing_ok=True)

    def _forget_unfinished(self) -> None:
        """What a killed process was just writing; its call was never acknowledged."""
        for left in self._files(self.folder, ".part"):
            try:
                if time.time() - left.stat().st_mtime > UNFINISHED_SECONDS:
                    left.unlink(missing_ok=True)
            except FileNotFoundError:
                continue

    def facts(self) -> list[dict[str, Any]]:
        """Everything that lies here, as it was kept, for somebody to read."""
        found = []
        for path in (*self.waiting(), *self.laid_aside()):
            try:
                found += json.loads(path.read_bytes())
            except FileNotFoundError:  # drained meanwhile
                continue
            except ValueError:
                logs.warn("spool.unreadable_file", file=path.name)
        return found

    def forget(self, concerns: Callable[[dict[str, Any]], bool], marks: Sequence[str], patience: float) -> int:
        """Take the facts that `concerns` out of every file, also of those laid aside; one that cannot be read goes
        when it holds a mark. Returns how many files changed. Raises TimeoutError while the spool is being drained."""
        if not self.folder.exists():
            return 0
        with self._alone(patience):
            paths = [*self.waiting(), *self.laid_aside(), *self._files(self.folder, ".part")]
            return sum(_forget_in(path, concerns, marks) for path in paths)

    def forget_older(self, than: datetime) -> int:
        """Of what was laid aside. What waits is recorded first, and ages out in the database."""
        old = [path for path in self.laid_aside() if path.stat().st_mtime < than.timestamp()]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    @contextmanager
    def _alone(self, patience: float) -> Iterator[None]:
        until = time.monotonic() + patience
        with (self.folder / "draining").open("w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise TimeoutError("the spool is being brought into the database") from None
                time.sleep(0.05)
            yield
            self._sync_folder()

    def _sync_folder(self) -> None:
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _fact(row: dict[str, Any]) -> Fact:
    return Fact(**{**row, "received_at": datetime.fromisoformat(row["received_at"])})


def _forget_in(path: Path, concerns: Callable[[dict[str, Any]], bool], marks: Sequence[str]) -> bool:
    try:
        content = path.read_bytes()
    except FileNotFoundError:  # its call was just acknowledged under its final name, or given up
        return False
    try:
        rows = json.loads(content)
        kept = [row for row in rows if not concerns(row)]
    except (ValueError, TypeError, KeyError):
        if _holds(content, marks):
            path.unlink(missing_ok=True)
        return not path.exists()
    if len(kept) == len(rows):
        return False
    if kept:
        handle = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(kept).encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(f"{path}.new", path)
    else:
        path.unlink(missing_ok=True)
    return True


def _holds(content: bytes, marks: Sequence[str]) -> bool:
    return any(mark.encode() in content or json.dumps(mark)[1:-1].encode() in content for mark in marks if mark)
