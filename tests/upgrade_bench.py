"""What an upgrade and a rollback cost while customers write: `python -m tests.upgrade_bench [--old REV]`.

Two checkouts of this repository, one database, one Redis, one socket; the link between them is moved as maru-upgrade
moves it, and the parts are told as it tells them: web by USR2, workers one after another by SIGTERM, then the clock and
the relay.
`--machine` runs the real maru-upgrade and maru-rollback on a machine that launch.sh made (deploy/try-in-bare-root.sh).

Three customers a second open a chat, each by a new connection, and are told five messages half a second apart; two more
commands a second are asked of two bots with two sockets each. What counts: hooks that failed, customers that were told
too little, twice or out of order, commands not answered once, the longest wait, and how long a bot was away.
"""

import argparse
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

from tests.asked_bots import AskedBots, Askers
from tests.house import BIN, ROOT, SURVEY, House, eventually

EVERY, BEFORE_AND_AFTER, WAIT, MESSAGES = 1 / 3, 4.0, 0.5, 5
BOTS, SOCKETS, ASKERS, ASK_EVERY = 2, 2, 4, 0.5
TOLD = [str(number) for number in range(MESSAGES)]
MODULE = (
    "module: upgrade\ntitle: upgrade\norder: 1\nstarts:\n  - {on: chat_opened, tags: [upgrade]}\nmessages:\n"
    + "".join(f"  - {{text: '{number}', wait: {WAIT if number else 0}}}\n" for number in range(MESSAGES))
)


def opened(chat: str) -> dict[str, Any]:
    """As ChannelTalk tells it. (On a server there is no pytest, which the tests' own would need.)"""
    entity = {"id": chat, "state": "opened", "userId": f"user-{chat}", "tags": ["upgrade"]}
    entity |= {"openedAt": 1783401602120, "firstOpenedAt": 1783401602120}
    user = {"id": f"user-{chat}", "name": "김하늘", "profile": SURVEY}
    return {"event": "push", "type": "userChat", "entity": entity, "refers": {"user": user}}


class Shop:
    """Customers who write the whole time, and who said what to them."""

    def __init__(self, url: str, sandbox_url: str, token: str, authority: str | bool = True) -> None:
        self.url, self.sandbox_url, self.token, self.authority = url, sandbox_url, token, authority
        self.bots: AskedBots | None = None
        self.control_line = requests.Session()
        self.control_line.trust_env = False

    def control(self, path: str, body: Any = None) -> Any:
        url = f"{self.sandbox_url}/sandbox/{path}"
        line = self.control_line
        done = line.get(url, timeout=300) if body is None else line.post(url, json=body, timeout=300)
        done.raise_for_status()
        return done.json()

    def during(self, name: str, work: Callable[[], None]) -> bool:
        """Do this while customers write; print what it cost them. Was it nothing?"""
        self.control("reset", {})
        assert self.bots is not None
        askers = Askers(self.sandbox_url, self.bots.commands, ASKERS, ASK_EVERY)
        over, asked = threading.Event(), []
        with ThreadPoolExecutor(16) as hooks:
            writing = threading.Thread(target=self._write, args=(over, hooks, asked))
            writing.start()
            time.sleep(BEFORE_AND_AFTER)
            began, began_at = time.monotonic(), time.time()
            work()
            took = time.monotonic() - began
            time.sleep(BEFORE_AND_AFTER)
            over.set()
            writing.join()
            answers = [one.result() for one in asked]
        told = askers.judged()
        good = self._judge(name, took, answers) and told.is_good
        away, came = self.bots.away(began_at), self.bots.came(began_at)
        print(f"FIGURE   bots meanwhile: {told}; {len(came)} sockets came again, each away for at most", end=" ")
        print(f"{max(away, default=0.0):.2f} s", flush=True)
        return good

    def _write(self, over: threading.Event, hooks: ThreadPoolExecutor, asked: list[Any]) -> None:
        while not over.wait(EVERY):
            asked.append(hooks.submit(self._open))

    def _open(self) -> tuple[str, float, int, float, str]:
        body: dict[str, Any] = {"profile": SURVEY, "tags": ["upgrade"]}
        with requests.Session() as line:  # by a connection of its own, as platforms come
            line.trust_env = False
            made = line.post(f"{self.sandbox_url}/sandbox/customers", json=body, timeout=60).json()
        chat = str(made["chat"]["id"])
        data = json.dumps(opened(chat)).encode()
        at, began = time.time(), time.monotonic()
        try:
            with requests.Session() as line:
                line.trust_env = False
                done = line.post(
                    f"{self.url}/open_userchat?token={self.token}", data, timeout=60, verify=self.authority
                )
            return chat, at, done.status_code, time.monotonic() - began, done.text[:80]
        except requests.RequestException as error:
            return chat, at, 0, time.monotonic() - began, f"{type(error).__name__}: {error}"[:200]

    def _judge(self, name: str, took: float, answers: list[tuple[str, float, int, float, str]]) -> bool:
        good = [one for one in answers if one[2] == 200]
        self.control(f"wait?messages={len(good) * MESSAGES}&timeout=60")
        time.sleep(1.0)  # what comes twice comes late
        lost = doubled = unordered = 0
        first = gap = 0.0
        for chat, at, *_ in good:
            found = [one for one in self.control(f"chats/{chat}")["messages"] if one["personType"] == "bot"]
            told, times = [one["plainText"] for one in found], [one["at"] / 1000 for one in found]
            lost += len(set(TOLD) - set(told))
            doubled += len(told) - len(set(told))
            unordered += list(dict.fromkeys(told)) != [one for one in TOLD if one in told]
            first = max([first, *(time_ - at for time_ in times[:1])])
            gap = max([gap, *(b - a - WAIT for a, b in zip(times, times[1:], strict=False))])
        slow = max(one[3] for one in answers)
        hooks = [one for one in self.control("record")["webhooks"] if one["status"] != 200]
        failed = len(answers) - len(good) + len(hooks)
        print(
            f"FIGURE {name}: {took:.1f} s; {len(answers)} customers, {len(good) * MESSAGES} messages; hooks failed "
            f"{failed}, slowest hook {slow * 1000:.0f} ms; lost {lost}, doubled {doubled}, out of order {unordered}; "
            f"longest wait for the first message {first:.2f} s, pause beyond the usual {gap:.2f} s",
            flush=True,
        )
        for why in {one[4] for one in answers if one[2] != 200} | {str(one) for one in hooks[:3]}:
            print("  ", why, flush=True)
        return not (failed or lost or doubled or unordered)


# --- two checkouts, without systemd ---


class Standing:
    """One house whose parts run in the folder that a link names, with a socket that outlives them."""

    def __init__(self, house: House, folder: Path, old: str) -> None:
        self.house, self.current = house, folder / "current"
        self.releases = {name: folder / name for name in ("old", "new")}
        for name, revision in (("old", old), ("new", "HEAD")):
            command = ["git", "worktree", "add", "--quiet", "--detach", "--force", str(self.releases[name]), revision]
            subprocess.run(command, cwd=ROOT, check=True)
            (self.releases[name] / ".venv").symlink_to(BIN.parent)
        self.socket = socket.create_server(("127.0.0.1", house.port), backlog=1024)
        self.env = house.env | {"PWD": str(self.current), "PATH": f"{BIN}:{os.environ['PATH']}"}
        self.point("old")

    def close(self) -> None:
        for release in self.releases.values():
            subprocess.run(["git", "worktree", "remove", "--force", str(release)], cwd=ROOT, check=False)

    def point(self, name: str) -> None:
        following = self.current.with_name("current.new")
        following.symlink_to(self.releases[name])
        following.replace(self.current)

    def flask(self, name: str, *words: str) -> None:
        done = [str(BIN / "flask"), *words]
        subprocess.run(done, cwd=self.releases[name], env=self.env, check=True, stdout=subprocess.DEVNULL)

    def start(self, part: str, *command: str) -> None:
        log = self.house.log_file.fileno()
        self.house.processes[part] = subprocess.Popen(
            command, cwd=self.current, env=self.env, stdout=log, stderr=log, start_new_session=True
        )

    def start_web(self) -> None:
        """As systemd does: the socket is number 3, and our own number stands in the environment."""
        held, log = self.socket.fileno(), self.house.log_file.fileno()
        script = f'exec 3<&{held}; export LISTEN_FDS=1 LISTEN_PID=$$; exec "{BIN / "gunicorn"}"'
        self.house.processes["web"] = subprocess.Popen(
            ["bash", "-c", script], cwd=self.current, env=self.env, stdout=log, stderr=log,
            pass_fds=[held], start_new_session=True,
        )  # fmt: skip

    def web(self) -> dict[int, Path]:
        """gunicorn's processes of this house, and the folder that each runs in."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                ours = f"PORT={self.house.port}\0".encode() in (folder / "environ").read_bytes()
                if ours and b"gunicorn" in (folder / "cmdline").read_bytes():
                    found[int(folder.name)] = (folder / "cwd").readlink()
            except OSError:  # gone meanwhile
                continue
        return found

    def serving(self, name: str) -> bool:
        return set(self.web().values()) == {self.releases[name]}

    def switch(self, name: str) -> None:
        self.point(name)
        master = next(pid for pid in self.web() if _parent(pid) not in self.web())
        os.kill(master, signal.SIGUSR2)
        eventually(lambda: self.serving(name), "only the other release serves")
        self.replace("worker next", str(BIN / "flask"), "worker")
        for number in (1, 2):
            self.replace(f"worker {number}", str(BIN / "flask"), "worker")
        self.house.kill("worker next", signal.SIGTERM)
        self.replace("clock", str(BIN / "flask"), "clock")
        self.replace("relay", str(BIN / "flask"), "relay")

    def replace(self, part: str, *command: str) -> None:
        said = self.house.log().count(".ready")
        if part != "worker next":
            self.house.kill(part, signal.SIGTERM)
        self.start(part, *command)
        eventually(lambda: self.house.log().count(".ready") > said, f"{part} is ready")


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def with_checkouts(old: str, database: str) -> bool:
    from tests.torture.database import Postgres

    folder = Path(tempfile.mkdtemp(prefix="maru-upgrade-"))
    postgres = Postgres(folder / "postgres") if database == "postgresql" else None
    house = House(folder / "house", postgres.new_database("upgrade") if postgres else "", WEB_CONCURRENCY="2")
    standing, shop = Standing(house, folder, old), None
    try:
        house.start_redis()
        standing.flask("old", "setup")
        house.start("sandbox", [sys.executable, "-m", "sandbox"])
        standing.start_web()
        for number in (1, 2):
            standing.start(f"worker {number}", str(BIN / "flask"), "worker")
        for part in ("clock", "relay"):
            standing.start(part, str(BIN / "flask"), part)
        eventually(lambda: house._up(house.sandbox_url + "/sandbox/record"), "the sandbox is up")
        eventually(
            lambda: house._ready(["database", "worker", "clock", "relay"]), f"all is up; see {folder / 'house' / 'log'}"
        )
        house.module(MODULE)
        shop = Shop(house.url, house.sandbox_url, house.tokens[0])
        house.flask("bots", "company", "home")
        keys = [house.flask("bots", "add", "home", f"bot-{number}")["key"] for number in range(BOTS)]
        shop.bots = AskedBots(folder, f"ws://127.0.0.1:{house.relay_port}", keys, SOCKETS, house.env)

        def upgrade() -> None:
            standing.flask("new", "db", "upgrade")
            standing.switch("new")
            standing.flask("new", "setup")

        good = shop.during(f"{database}: nothing", lambda: time.sleep(2))
        good = shop.during(f"{database}: upgrade {old} to HEAD", upgrade) and good
        return shop.during(f"{database}: rollback", lambda: standing.switch("old")) and good
    finally:
        if sys.exc_info()[0]:
            print(house.log()[-3000:], file=sys.stderr)
        if shop is not None and shop.bots:
            shop.bots.close()
        house.close()
        for pid in standing.web():
            os.kill(pid, signal.SIGKILL)
        standing.close()
        if postgres:
            postgres.close()
        shutil.rmtree(folder)


# --- a machine that launch.sh made ---


def on_this_machine() -> bool:
    """Give Maru keys, and play ChannelTalk beside it. Then the commands that a person types."""
    keys = {"access_key": secrets.token_hex(16), "access_secret": secrets.token_hex(24)}
    stand_ins = {"channeltalk": {**keys, "webhook_tokens": [secrets.token_hex(16), secrets.token_hex(16)]}}
    stand_ins["webex"] = {"bot_token": secrets.token_hex(32)}
    tokens, sandbox_url = list(stand_ins["channeltalk"]["webhook_tokens"]), "http://127.0.0.1:8002"
    folder = Path(tempfile.mkdtemp())
    (folder / "sandbox.json").write_text(json.dumps(stand_ins))
    (folder / "upgrade.yaml").write_text(MODULE)
    folder.chmod(0o755)
    with Path("/etc/maru/maru.env").open("a") as settings:
        settings.write(f"CHANNELTALK_ACCESS_KEY={keys['access_key']}\n")
        settings.write(f"CHANNELTALK_ACCESS_SECRET={keys['access_secret']}\n")
        settings.write(f"CHANNELTALK_WEBHOOK_TOKENS={','.join(tokens)}\nCHANNELTALK_API_URL={sandbox_url}\n")
    sandbox = {"SANDBOX_PORT": "8002", "SANDBOX_SECRETS": str(folder / "sandbox.json")}
    sandbox |= {"PRODUCT_URL": "http://127.0.0.1:8000", "PATH": os.environ["PATH"]}
    playing = subprocess.Popen([sys.executable, "-m", "sandbox"], env=sandbox)
    authority = "/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt"
    shop = Shop("https://maru.localhost", sandbox_url, tokens[0], authority)
    try:
        run("systemctl", "restart", "maru.target")
        run("maru", "responses", "import", str(folder / "upgrade.yaml"), "--publish")
        eventually(lambda: requests.get(f"{sandbox_url}/sandbox/record", timeout=5).ok, "the sandbox is up")
        url = f"{shop.url}/readyz"
        eventually(lambda: requests.get(url, timeout=30, verify=authority).status_code == 200, "Maru is up")
        run("maru", "bots", "company", "home")
        bot_keys = [new_bot(number) for number in range(BOTS)]
        trusting = {**os.environ, "SSL_CERT_FILE": authority}
        shop.bots = AskedBots(folder, "https://maru.localhost", bot_keys, SOCKETS, trusting)
        good = shop.during("nothing", lambda: time.sleep(2))
        good = shop.during("maru-upgrade, packages and all", lambda: run("maru-upgrade", "now")) and good
        good = shop.during("maru-rollback", lambda: run("maru-rollback")) and good
        return shop.during("systemctl restart maru.target", lambda: run("systemctl", "restart", "maru.target")) and good
    finally:
        if shop.bots:
            shop.bots.close()
        playing.terminate()
        playing.wait(10)


def run(*command: str) -> None:
    subprocess.run(command, check=True)


def new_bot(number: int) -> str:
    """Its key."""
    command = ["maru", "bots", "add", "home", f"bot-{number}", "--json"]
    return str(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["key"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="upgrade_bench", description=__doc__)
    parser.add_argument("--old", default="HEAD~1", help="the release before")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--machine", action="store_true", help="on a machine that launch.sh made")
    asked = parser.parse_args()
    return 0 if (on_this_machine() if asked.machine else with_checkouts(asked.old, asked.database)) else 1


if __name__ == "__main__":
    sys.exit(main())
