"""The front as it is installed: what goes where, and that no secret reaches a log."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.house import eventually, free_port

CADDYFILE = Path(__file__).resolve().parent.parent / "deploy" / "lightsail" / "etc" / "Caddyfile"
pytestmark = pytest.mark.skipif(shutil.which("caddy") is None, reason="NO caddy: THE FRONT WAS NOT TRIED")

SECRET = "5ecretToken5ecretToken"


class Part(BaseHTTPRequestHandler):
    """Says what it was asked; a socket is upgraded and gets one word."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade") == "websocket":
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.end_headers()
            self.wfile.write(b"hello")
            self.close_connection = True
            return
        length = int(self.headers.get("Content-Length") or 0)
        said = {"part": self.server.part, "path": self.path, "bytes": len(self.rfile.read(length))}  # type: ignore[attr-defined]
        said |= {name.lower(): value for name, value in self.headers.items()}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Server", "gunicorn")
        self.send_header("Set-Cookie", f"session={SECRET}")
        self.send_header("Strict-Transport-Security", "max-age=31536000")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        return


class Front:
    def __init__(self, folder: Path) -> None:
        self.port, self.folder, self.access = free_port(), folder, folder / "access.log"
        self.web, self.relay = _part("web"), _part("relay")
        text = CADDYFILE.read_text().replace("admin unix//run/caddy/admin.sock", "admin off")
        (folder / "Caddyfile").write_text(text.replace("lb_try_duration 25s", "lb_try_duration 300ms"))
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "MARU_DOMAIN": f"http://127.0.0.1:{self.port}"}
        env |= {"MARU_ACCESS_LOG": str(self.access)}
        if (
            not subprocess.run(["caddy", "version"], capture_output=True, text=True)
            .stdout.lstrip("v")
            .startswith("2.6")
        ):
            env["MARU_BUFFER"] = "request_buffers 12MB"  # as compose.yaml has it
        env |= {"MARU_WEB": f"127.0.0.1:{self.web.server_port}", "MARU_RELAY": f"127.0.0.1:{self.relay.server_port}"}
        command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
        with (folder / "errors.log").open("wb") as errors:
            self.process = subprocess.Popen(command, env=env, stdout=errors, stderr=errors)
        eventually(self.listens, "caddy listens")

    def listens(self) -> bool:
        assert self.process.poll() is None, (self.folder / "errors.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[http.client.HTTPResponse, bytes]:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        line.request(method, path, body or None, {"Authorization": f"Bearer {SECRET}", "X-Secret": SECRET})
        answer = line.getresponse()
        return answer, answer.read()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        for part in (self.web, self.relay):
            part.shutdown()
            part.server_close()


def _part(name: str) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Part)
    server.part = name  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    made = Front(tmp_path_factory.mktemp("front"))
    yield made
    made.close()


def test_sockets_go_to_the_relay_and_all_else_to_web(front: Front) -> None:
    parts = {}
    for path in ("/relay/chat", "/relay/bots", "/", "/in_userchat", "/relayed"):
        answer, body = front.ask("GET", path)
        assert (answer.status, answer.getheader("Server")) == (200, None)
        parts[path] = json.loads(body)["part"]
    wanted = {"/relay/chat": "relay", "/relay/bots": "relay", "/": "web", "/in_userchat": "web", "/relayed": "web"}
    assert parts == wanted


def test_web_learns_the_query_and_who_asks(front: Front) -> None:
    said = json.loads(front.ask("POST", f"/in_userchat?token={SECRET}", b"{}")[1])
    assert said["path"] == f"/in_userchat?token={SECRET}"
    assert (said["x-forwarded-for"], said["x-forwarded-proto"]) == ("127.0.0.1", "http")
    assert said["x-forwarded-host"] == f"127.0.0.1:{front.port}"


def test_a_websocket_is_passed_through(front: Front) -> None:
    with socket.create_connection(("127.0.0.1", front.port), timeout=10) as line:
        head = "GET /relay/chat?ticket=abc HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        line.sendall(f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: aaaaaaaaaaaaaaaaaaaaaa==\r\n\r\n".encode())
        seen = b""
        while not seen.endswith(b"hello"):
            piece = line.recv(4096)
            assert piece, seen
            seen += piece
    assert seen.startswith(b"HTTP/1.1 101 ")


def test_security_headers_stand_there_once(front: Front) -> None:
    answer, _ = front.ask("GET", "/")
    assert answer.headers.get_all("Strict-Transport-Security") == ["max-age=31536000"]


def test_web_judges_what_is_too_large_and_the_front_ends_what_has_no_end(front: Front) -> None:
    assert json.loads(front.ask("POST", "/hooks/webex", b"x" * (2 << 20))[1])["bytes"] == 2 << 20
    try:
        status = front.ask("POST", "/hooks/webex", b"x" * (13 << 20))[0].status
    except (BrokenPipeError, ConnectionResetError):
        return  # it stopped reading
    assert status in (413, 502)  # 502 by Caddy 2.6, which Debian 12 and Ubuntu 24.04 have


def test_no_secret_reaches_a_log(front: Front) -> None:
    """Not even when web is away, where Caddy's own error names the request."""
    paths = [f"/hooks/alert/{SECRET}?x={SECRET}", f"/console/link/{SECRET}", f"/in_userchat?token={SECRET}"]
    for path in paths:
        front.ask("POST", path, b"{}")
    front.web.shutdown()
    front.web.server_close()
    for path in paths:
        assert front.ask("POST", path, b"{}")[0].status == 502
    eventually(lambda: front.access.read_text().count('"status":502') >= 3, "all is logged")
    access, errors = front.access.read_text(), (front.folder / "errors.log").read_text()
    assert '"uri":"/in_userchat"' in access and '"uri":"/hooks/alert/"' in access
    assert SECRET not in access + errors
