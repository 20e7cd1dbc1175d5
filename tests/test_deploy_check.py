"""maru-check, as its timer runs it: what is wrong is told once, and once again when it is in order."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).resolve().parent.parent / "deploy" / "lightsail" / "bin" / "maru-check"
pytestmark = pytest.mark.skipif(shutil.which("systemctl") is None, reason="NO systemctl: maru-check WAS NOT TRIED")


class Machine:
    """Answers /readyz, and takes alerts."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.parts, self.alerts = folder, dict[str, Any](), list[dict[str, Any]]()
        machine = self

        class Door(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(json.dumps({"ready": True, "parts": machine.parts}).encode())

            def do_POST(self) -> None:
                machine.alerts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.answer(b"{}")

            def answer(self, body: bytes) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def look(self, *words: str) -> str:
        url = f"http://127.0.0.1:{self.server.server_port}"
        env = {"PATH": os.environ["PATH"], "MARU_READYZ": f"{url}/readyz", "MARU_ALERT_URL": f"{url}/hooks/alert/x"}
        env |= {"RUNTIME_DIRECTORY": str(self.folder), "BACKUP_FOLDER": str(self.folder / "none")}
        done = subprocess.run([sys.executable, str(PROGRAM), *words], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def told(self) -> list[tuple[str, str]]:
        return [(one["key"].split(" ", 1)[1], one["state"]) for one in self.alerts if "part" in one["key"]]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_what_is_wrong_is_told_once_and_once_when_it_is_right_again(machine: Machine) -> None:
    machine.parts = {"queue": {"ok": False, "level": "warn", "detail": "the oldest event has waited 31 s"}}
    assert "the oldest event has waited 31 s" in machine.look()
    assert machine.told() == []  # it may pass
    machine.look()
    machine.look()
    assert machine.told() == [("part queue", "firing")]
    machine.parts = {"queue": {"ok": True, "level": "ok", "detail": "empty"}}
    for _ in range(3):
        machine.look()
    assert machine.told() == [("part queue", "firing"), ("part queue", "resolved")]


def test_a_unit_that_failed_is_told_at_once(machine: Machine) -> None:
    machine.look("--failed", "maru-backup.service")
    assert [(one["state"], "maru-backup.service" in one["text"]) for one in machine.alerts] == [("firing", True)]
