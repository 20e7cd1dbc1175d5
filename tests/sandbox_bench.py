"""A real sandbox process for tests, and a product of a few lines for it to call.

hooks = Hooks()                                  # records webhooks; `hooks.answer` may be replaced
bench = start_sandbox(hooks.url, tmp_path)       # bench.url, bench.secrets, bench.record(), bench.wait(…)
bench.stop(); hooks.stop()
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

ROOT = Path(__file__).resolve().parent.parent
Json = dict[str, Any]
PATIENCE = 15.0

SECRETS: Json = {
    "channeltalk": {
        "access_key": "bench-key",
        "access_secret": "bench-secret",
        "webhook_tokens": ["token-of-opened", "token-of-messages"],
    },
    "webex": {"bot_token": "bench-bot-token"},
    "telegram": {"bot_token": "123456789:bench-bot-token"},
    "google_chat": {"project_number": "123456789012"},
}


class Bench:
    """A running sandbox."""

    def __init__(self, process: "subprocess.Popen[str]", url: str, secrets_file: Path) -> None:
        self.process, self.url, self.secrets_file = process, url, secrets_file
        self.secrets = SECRETS
        self.http = requests.Session()
        self.http.trust_env = False

    # the platform's side

    def api(self, method: str, path: str, body: object = None, **options: Any) -> requests.Response:
        """A call to the Open API with the right keys; `path` begins after /open/v5."""
        keys = self.secrets["channeltalk"]
        headers = {"x-access-key": keys["access_key"], "x-access-secret": keys["access_secret"]}
        options.setdefault("timeout", PATIENCE)
        return self.http.request(method, f"{self.url}/open/v5{path}", json=body, headers=headers, **options)

    def webex(self, method: str, path: str, body: object = None, **options: Any) -> requests.Response:
        """A call to Webex with the bot's token; `path` begins after /v1, or is a whole address."""
        headers = {"authorization": f"Bearer {self.secrets['webex']['bot_token']}"}
        url = path if path.startswith("http") else f"{self.url}/v1{path}"
        return self.http.request(method, url, json=body, headers=headers, timeout=PATIENCE, **options)

    def post(self, chat: str, body: object, **options: Any) -> requests.Response:
        return self.api("POST", f"/user-chats/{chat}/messages", body, **options)

    def texts(self, chat: str, person: str = "bot") -> list[str]:
        messages = self.record()["chats"][chat]["messages"]
        return [one["plainText"] for one in messages if one["personType"] == person and "log" not in one]

    # people

    def do(self, path: str, body: Json | None = None) -> Json:
        answer = self.http.post(f"{self.url}/sandbox/{path}", json=body or {}, timeout=PATIENCE)
        if answer.status_code != 200:
            raise AssertionError(f"{path}: {answer.status_code} {answer.text}")
        return dict(answer.json())

    def see(self, path: str, **query: Any) -> Json:
        answer = self.http.get(f"{self.url}/sandbox/{path}", params=query, timeout=PATIENCE + 60)
        if answer.status_code != 200:
            raise AssertionError(f"{path}: {answer.status_code} {answer.text}")
        return dict(answer.json())

    def customer(self, name: str = "김하늘", profile: Json | None = None, **more: Any) -> str:
        """A new customer's chat, not opened yet."""
        return str(self.do("customers", {"name": name, "profile": profile or {}, **more})["chatId"])

    def opened(self, name: str = "김하늘", profile: Json | None = None, **more: Any) -> str:
        chat = self.customer(name, profile, **more)
        self.do(f"chats/{chat}/open")
        return chat

    def say(self, chat: str, text: str, who: str = "user") -> Json:
        return dict(self.do(f"chats/{chat}/say", {"as": who, "text": text})["message"])

    def faults(self, *rules: Json) -> None:
        self.do("faults", {"rules": list(rules)})

    def reset(self) -> None:
        self.do("reset")

    # what happened

    def record(self, since: int = 0) -> Json:
        return self.see("record", since=since)

    def wait(self, chat: str, messages: int, timeout: float = PATIENCE) -> None:
        """Returns once the chat holds that many bot messages."""
        self.see("wait", chat=chat, messages=messages, timeout=timeout)

    def until(self, holds: Callable[[Json], bool], timeout: float = PATIENCE) -> Json:
        """The whole record, as soon as `holds` is true of it."""
        timer = threading.Event()
        stopper = threading.Timer(timeout, timer.set)
        stopper.start()
        try:
            while not timer.is_set():
                record = self.record()
                if holds(record):
                    return record
                self.see("events", since=record["n"], wait=1)
        finally:
            stopper.cancel()
        raise AssertionError(f"did not come true within {timeout:g} s: {json.dumps(self.record(), ensure_ascii=False)}")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=5)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.http.close()


def start_sandbox(product_url: str, tmp_path: Path, port: int = 0) -> Bench:
    secrets_file = tmp_path / "sandbox-secrets.json"
    secrets_file.write_text(json.dumps(SECRETS), encoding="utf8")
    environ = {
        **os.environ,
        "SANDBOX_PORT": str(port),
        "PRODUCT_URL": product_url,
        "SANDBOX_SECRETS": str(secrets_file),
    }
    command = [sys.executable, "-m", "sandbox"]
    process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline().split()
    if line[:1] != ["sandbox"]:
        raise AssertionError(f"the sandbox did not start: exit {process.wait(timeout=5)}")
    return Bench(process, line[1], secrets_file)


@dataclass(frozen=True)
class Call:
    path: str
    token: str
    body: Json
    raw: bytes = b""
    signature: str = ""
    headers: Json = field(default_factory=dict)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sandbox that was reset or stopped hangs up in the middle of a delivery; that is no error here."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


Answer = tuple[int, dict[str, str], bytes]


class Hooks:
    """Stands where the product would: keeps each webhook and answers it as `answer` says."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answer: Callable[[Call], Answer] = lambda call: (200, {}, b"ok")
        self._arrived = threading.Condition()
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                parts = urlsplit(self.path)
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                token, signature = parse_qs(parts.query).get("token", [""])[0], self.headers["X-Spark-Signature"] or ""
                call = Call(parts.path, token, json.loads(raw), raw, signature, dict(self.headers.items()))
                status, headers, content = hooks._take(call)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet: the calls are in `hooks.calls`."""

        self.server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _take(self, call: Call) -> Answer:
        with self._arrived:
            self.calls.append(call)
            self._arrived.notify_all()
        return self.answer(call)

    def wait(self, n: int, timeout: float = PATIENCE) -> list[Call]:
        """The calls, as soon as there are n."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.calls) >= n, timeout):
                raise AssertionError(f"{len(self.calls)} webhooks instead of {n} within {timeout:g} s")
            return list(self.calls)

    def clear(self) -> None:
        with self._arrived:
            self.calls.clear()
            self.answer = lambda call: (200, {}, b"ok")

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
