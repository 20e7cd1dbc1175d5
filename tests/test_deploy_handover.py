"""What systemd gives and hears: a socket that outlives its process, that parts are ready, and that they move."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.house import FLASK, GUNICORN, ROOT, House, eventually
from tests.test_intake_hooks import opened


class Systemd:
    """A socket that listens, and one that hears what parts tell."""

    def __init__(self, house: House) -> None:
        self.house, self.heard = house, list[str]()
        self.listening = socket.create_server(("127.0.0.1", house.port), backlog=256)
        self.ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ear.bind(str(house.folder / "notify"))
        threading.Thread(target=self.hear, daemon=True).start()

    def hear(self) -> None:
        while words := self.ear.recv(4096):
            self.heard += words.decode().split("\n")

    def start(self, name: str, command: str) -> None:
        held, log = self.listening.fileno(), self.house.log_file.fileno()
        env = self.house.env | {"NOTIFY_SOCKET": str(self.house.folder / "notify"), "PWD": str(ROOT)}
        words = ["bash", "-c", f"exec 3<&{held}; export LISTEN_FDS=1 LISTEN_PID=$$; exec {command}"]
        self.house.processes[name] = subprocess.Popen(
            words, cwd=ROOT, env=env, stdout=log, stderr=log, pass_fds=[held], start_new_session=True
        )

    def main(self) -> int:
        return int(([word for word in self.heard if word.startswith("MAINPID=")] or ["=0"])[-1].partition("=")[2])

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self.ear.getsockname())
        self.listening.close()
        self.ear.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    house = House(tmp_path / "house")
    house.set_up()
    made = Systemd(house)
    yield made
    house.close()
    made.close()


def test_an_upgrade_of_web_refuses_and_drops_no_hook(systemd: Systemd) -> None:
    systemd.start("web", GUNICORN)
    eventually(systemd.main, "the first master serves")
    first, answers, over = systemd.main(), list[int](), threading.Event()

    def knock() -> None:
        number = 0
        while not over.is_set():  # each by a connection of its own
            url = f"{systemd.house.url}/open_userchat?token={systemd.house.tokens[0]}"
            answers.append(requests.post(url, json=opened(f"c{number}"), timeout=30).status_code)
            number += 1

    knocking = threading.Thread(target=knock)
    knocking.start()
    try:
        os.kill(first, signal.SIGUSR2)
        eventually(lambda: systemd.main() != first, "the next one serves")
        eventually(lambda: _gone(first), "the first one has ended")
        seen = len(answers)
        eventually(lambda: len(answers) > seen + 5, "hooks go on")
    finally:
        over.set()
        knocking.join()
        os.kill(systemd.main(), signal.SIGTERM)
    assert set(answers) == {200}
    assert len(systemd.house.events()) == len(answers)
    assert {"READY=1", "WATCHDOG=1"} <= set(systemd.heard)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["worker", "clock", "relay"])
def test_a_part_tells_that_it_is_ready_and_that_it_moves(systemd: Systemd, part: str) -> None:
    systemd.house.start_redis()
    systemd.start(part, f"{FLASK} {part}")
    eventually(lambda: {"READY=1", "WATCHDOG=1"} <= set(systemd.heard), "both are told")
    beats = systemd.heard.count("WATCHDOG=1")
    eventually(lambda: systemd.heard.count("WATCHDOG=1") > beats, "it goes on moving")
    os.kill(systemd.house.processes[part].pid, signal.SIGSTOP)
    beats = systemd.heard.count("WATCHDOG=1")
    with pytest.raises(AssertionError):
        eventually(lambda: systemd.heard.count("WATCHDOG=1") > beats + 1, "a frozen one tells nothing", 12.0)


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
