"""`make run`: one command starts the house, keeps it standing, and leaves nothing behind."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from tests.house import ROOT, eventually, free_port


def _hear_ctrl_c() -> None:
    """Tests that a shell runs in the background have it ignored, and what they start would inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Run:
    """`python run.py` on a DATA_DIR of its own, as a user has it who has no terminal."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder, self.port, self.sandbox_port = folder, free_port(), free_port()
        kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG", "TMPDIR")}
        own = {"DATA_DIR": str(folder), "PORT": str(self.port), "SANDBOX_PORT": str(self.sandbox_port)}
        own["RELAY_PORT"] = str(free_port())
        self.env = kept | own | {"WORKERS": "1", "WEB_CONCURRENCY": "1"} | settings
        self.lines: list[str] = []
        self.process: subprocess.Popen[str] | None = None

    def begin(self) -> "Run":
        self.process = subprocess.Popen(
            [sys.executable, "run.py"],
            cwd=ROOT,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=_hear_ctrl_c,
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        return self

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append(line.rstrip("\n"))

    def ready(self) -> "Run":
        eventually(lambda: "ready" in self.lines or self.code() is not None, f"ready; said {self.lines}", 60)
        assert "ready" in self.lines, self.lines
        return self

    def code(self) -> int | None:
        return self.process.poll() if self.process else None

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(40)

    def pids(self) -> list[int]:
        """Every process that was started for this DATA_DIR and still runs."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                theirs = (folder / "environ").read_bytes().split(b"\0")
                at = Path(os.readlink(folder / "cwd"))  # Valkey writes its title over its environment
                gone = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
            except OSError:
                continue
            signs = (f"SANDBOX_PORT={self.sandbox_port}", f"DATA_DIR={self.folder}")
            if not gone and (at.is_relative_to(self.folder) or any(sign.encode() in theirs for sign in signs)):
                found.append(int(folder.name))
        return found

    def pid_of(self, word: str) -> int:
        for pid in self.pids():
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            parent = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
            if word in command and self.process is not None and parent == self.process.pid:
                return pid
        raise AssertionError(f"no {word} among {self.pids()}")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    yield from _ended(Run(tmp_path / "var"))


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One for the tests that leave it standing: a start takes five seconds of CPU."""
    for run in _ended(Run(tmp_path_factory.mktemp("standing") / "var")):
        yield run.begin().ready()


def _ended(run: Run) -> Iterator[Run]:
    try:
        yield run
    finally:
        for pid in run.pids():
            os.kill(pid, signal.SIGKILL)
        if run.process is not None:
            run.process.wait(10)


def test_the_addresses_and_the_first_password_s_place_are_told(standing: Run) -> None:
    said = "\n".join(standing.lines)
    password = standing.folder / "first-password"
    assert f"http://127.0.0.1:{standing.port}/" in said
    assert f"http://127.0.0.1:{standing.sandbox_port}/" in said
    assert f"admin@maru.local, first password: in {password}" in said
    assert password.stat().st_mode & 0o777 == 0o600
    assert password.read_text().strip() not in said


def test_passwords_are_kept_as_dear_hashes(standing: Run) -> None:
    with closing(sqlite3.connect(standing.folder / "maru.sqlite3")) as database:
        assert database.execute("SELECT password FROM staff").fetchone()[0].startswith("$argon2id$v=19$m=65536,t=3,")


def test_nothing_in_the_data_folder_is_readable_by_others(standing: Run) -> None:
    kept = [path for path in standing.folder.rglob("*") if not path.is_socket()]
    assert [path for path in [standing.folder, *kept] if path.stat().st_mode & 0o077] == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_ends_every_part_and_leaves_no_process(run: Run, number: int) -> None:
    run.begin().ready()
    assert run.end(number) == 0
    assert run.pids() == []
    assert run.lines[-1] == "stopped"


@pytest.mark.slow
def test_a_stop_while_it_starts_leaves_no_process(run: Run) -> None:
    run.begin()
    eventually(lambda: (run.folder / "valkey.sock").exists(), "it has begun")
    assert run.end(signal.SIGINT) == 0
    assert run.pids() == []
    assert "ready" not in run.lines
    assert not [line for line in run.lines if "Traceback" in line]


@pytest.mark.parametrize(
    "part",
    [
        "flask worker",
        "valkey",
        *(pytest.param(part, marks=pytest.mark.slow) for part in ("flask clock", "gunicorn", "sandbox")),
    ],
)
def test_a_killed_part_comes_back_and_it_is_said(standing: Run, part: str) -> None:
    before, said = standing.pid_of(part), len(standing.lines)
    os.kill(before, signal.SIGKILL)
    again = "ended (signal SIGKILL); starting it again"
    eventually(lambda: any(again in line for line in standing.lines[said:]), "it is said")
    eventually(lambda: [pid for pid in [_maybe(standing, part)] if pid not in (None, before)], "it is back")

    def whole() -> bool:
        try:
            parts = requests.get(f"http://127.0.0.1:{standing.port}/readyz", timeout=5).json()["parts"]
            page = requests.get(f"http://127.0.0.1:{standing.sandbox_port}/", timeout=5)
        except (requests.RequestException, ValueError):
            return False
        return page.ok and all(parts[name]["ok"] for name in ("database", "redis", "worker", "clock"))

    eventually(whole, "everything works again")


def _maybe(run: Run, part: str) -> int | None:
    try:
        return run.pid_of(part)
    except (AssertionError, OSError):
        return None


@pytest.mark.slow
def test_after_a_kill_of_everything_it_starts_again(run: Run) -> None:
    run.begin().ready()
    for pid in run.pids():
        os.kill(pid, signal.SIGKILL)
    assert run.process is not None
    run.process.wait(10)
    run.lines.clear()
    run.begin().ready()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells parts of their parent's death")
@pytest.mark.slow
def test_after_a_kill_of_the_one_that_watches_it_starts_again_at_once(run: Run) -> None:
    run.begin().ready()
    run.end(signal.SIGKILL)
    run.lines.clear()
    run.begin().ready()
    assert run.end() == 0
    assert run.pids() == []


@pytest.mark.slow
def test_a_second_start_says_how_long_it_took(run: Run, record_property: Callable[[str, object], None]) -> None:
    run.begin().ready().end()
    run.lines.clear()
    began = time.monotonic()
    run.begin().ready()
    record_property("second_start_seconds", round(time.monotonic() - began, 1))
    assert not [line for line in run.lines if "Traceback" in line]


def test_a_database_that_is_not_there_is_one_line_that_names_its_setting(tmp_path: Path) -> None:
    run = Run(tmp_path / "var", DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    for one in _ended(run):
        (line,) = refusal(one)
        assert line.startswith("maru: DATABASE_URL: ")
        assert one.pids() == []


@pytest.mark.slow
@pytest.mark.parametrize("number", range(2))
def test_a_start_that_was_killed_half_way_is_made_good_by_the_next(run: Run, number: int) -> None:
    run.begin()
    eventually(lambda: (run.folder / ("secret-key", "maru.sqlite3")[number]).exists(), "it has begun")
    for pid in run.pids():
        os.kill(pid, signal.SIGKILL)
    assert run.process is not None
    run.process.wait(10)
    run.lines.clear()
    run.begin().ready()


def test_two_houses_do_not_share_a_data_folder(standing: Run) -> None:
    other = subprocess.run(
        [sys.executable, "run.py"],
        cwd=ROOT,
        env=standing.env,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert other.returncode == 1
    assert other.stderr == f"maru: already running on {standing.folder}; stop it, or give another DATA_DIR\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "0"),
        ("TIMEZONE", "Mars"),
        ("SANDBOX", "maybe"),
        ("DATABASE_URL", "mysql://x/y"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(tmp_path: Path, name: str, value: str) -> None:
    (line,) = refusal(Run(tmp_path / "var", **{name: value}))
    assert line.startswith(f"maru: {name}: ")


@pytest.mark.parametrize("name", ["PORT", "SANDBOX_PORT", "RELAY_PORT"])
def test_a_taken_port_is_one_line_that_names_it(tmp_path: Path, name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        (line,) = refusal(Run(tmp_path / "var", **{name: str(taken.getsockname()[1])}))
    assert line.startswith(f"maru: {name}: ")


@pytest.mark.slow
def test_a_sandbox_port_that_is_not_needed_may_be_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        run = Run(tmp_path / "var", SANDBOX="off", SANDBOX_PORT=str(taken.getsockname()[1]))
        for one in _ended(run):
            one.begin().ready()
            assert not [line for line in one.lines if line.startswith("sandbox")]
            assert one.end() == 0


def refusal(run: Run) -> list[str]:
    """What it says, having ended by itself with 1."""
    done = subprocess.run(
        [sys.executable, "run.py"],
        cwd=ROOT,
        env=run.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    return done.stderr.splitlines()
