"""Fifty secrets and personal values go through the house, in good times and bad; then we look for them."""

import ast
import json
import re
import secrets
import sqlite3
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import planting
from tests.house import House, eventually
from tests.test_delivery_series import series
from tests.test_intake_hooks import message, opened
from tests.test_reporting_processes import Receiver
from tests.wire_samples import Sample, fresh_id, speak

ROOT = Path(__file__).resolve().parent.parent
pytestmark = (
    pytest.mark.slow
)  # whether reports and lines are clean is told quicker by test_logs_redaction and test_reporting_*


@dataclass
class Searched:
    """Where it was looked, and what had been planted."""

    house: House
    sentry: Receiver
    keys: dict[str, str]
    guesses: dict[str, str]
    profile: dict[str, str]
    words: dict[str, str]
    answers: list[bytes] = field(default_factory=list)
    command_lines: set[bytes] = field(default_factory=set)
    file_names: set[bytes] = field(default_factory=set)
    shell: list[bytes] = field(default_factory=list)

    @property
    def everything(self) -> dict[str, str]:
        return {**self.keys, **self.guesses, **self.profile, **self.words}

    def say(self, method: str, target: str, body: bytes = b"", *headers: str, raw: bytes = b"") -> int:
        status, heard = speak(self.house.port, raw or Sample("", "", method, target, (), body).raw(*headers))
        self.answers.append(heard)
        return status

    def hook(self, body: Any, target: str = "") -> int:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.say("POST", target or f"/in_userchat?token={self.house.tokens[0]}", data)

    def look_around(self) -> None:
        """What can be seen from outside at this moment."""
        for process in Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "comm"):
                try:
                    self.command_lines.add((process / name).read_bytes())
                except OSError:
                    continue  # it ended meanwhile
        self.file_names |= {str(path).encode() for path in self.house.folder.rglob("*")}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searched]:
    sentry, keys = Receiver(), planting.settings()
    dsn = sentry.origin.replace("http://", f"http://{secrets.token_hex(16)}@") + "/1"
    folder = tmp_path_factory.mktemp("planted") / "house"
    house = House(folder, SENTRY_DSN=dsn, LOG_LEVEL="DEBUG", SENTRY_TRACES_SAMPLE_RATE="1")
    house.warm = False  # its command lines are looked at
    kept = {name: keys[name] for name in keys if not name.startswith("CHANNELTALK_")}
    house.env |= kept
    for name in ("CHANNELTALK_ACCESS_KEY", "CHANNELTALK_ACCESS_SECRET"):
        keys[name] = house.env[name]
    keys |= {"webhook token": house.tokens[0], "other webhook token": house.tokens[1]}
    found = Searched(house, sentry, keys, planting.guesses(), planting.profile(), planting.words())
    try:
        house.open()
        for part in (good_times, strangers, bad_modules, bad_platform, bad_database, bad_ends, bad_commands):
            part(found)
            found.look_around()
        house.kill("worker 1", 15)  # what Sentry's client still holds is sent at the end
        house.kill("web", 15)
        sentry.rest()
        yield found
    finally:
        house.close()
        sentry.server.shutdown()


# --- what happens in the house ---

TOLD = """  - text: "{{ name }} {{ foreign }} {{ home }} {{ emoji }} {{ rtl }}"
    buttons: [{title: "{{ name }}", url: "{{ order }}"}]
    image: "{{ photo }}"
  - {ask: goal, text: "{{ name }}님, 목표가 무엇인가요?"}
  - {text: "{{ goal }} {{ accents }} {{ illness }}"}
"""


def good_times(found: Searched) -> None:
    """Answers with personal values in them, questions, replies, a manager who steps in."""
    tag = curious(found.house, TOLD)
    found.house.wait(found.house.open_chat(found.profile, tags=[tag]), 1)  # 'cups' cannot be read
    chat = found.house.open_chat({**found.profile, "cups": "3"}, tags=[tag])
    found.house.wait(chat, 2)
    found.house.say(chat, found.words["reply that cannot be read"])
    found.house.say(chat, "감량")
    eventually(lambda: any("감량" in text for text in found.house.told(chat)), "the reply is read")
    found.house.say(chat, found.words["question"])
    found.house.say(chat, found.words["note"], "note")
    found.house.say(chat, found.words["manager"], "manager")
    body = message(fresh_id(), f"{found.words['with NUL']}\x00\ud800")
    assert found.hook(body) == 200
    found.house.settled(chat)


def curious(house: House, messages: str) -> str:
    """A module that reads all of the profile; returns the tag that starts it."""
    tag = f"t{secrets.token_hex(4)}"
    keys = [name for name in planting.profile() if name not in ("cups", "weight_note")]
    survey = "\n".join(f"  {key}: {{type: text, label: {key}}}" for key in keys)
    house.module(
        f"module: {tag}\ntitle: {tag}\norder: 1\n"
        f"starts: [{{on: chat_opened, tags: [{tag}]}}]\nsurvey:\n{survey}\n"
        f"  cups: {{type: integer, label: 물, default: 3}}\n"
        f"  goal: {{type: choice, label: 목표, options: [감량, 유지]}}\nmessages:\n{messages}"
        f"incomplete:\n  - {{text: '{{{{ missing | join }}}}'}}\n"
    )
    return tag


def strangers(found: Searched) -> None:
    """Who is not let in, and what is no request."""
    guess, words = found.guesses, found.words
    body = opened(fresh_id())
    body["refers"]["user"]["profile"] = found.profile
    for name in ("wrong token", "short wrong token"):
        assert found.hook(body, f"/open_userchat?token={guess[name]}") == 401
    twice = f"/in_userchat?token={found.house.tokens[0]}&token={guess['token of two']}"
    assert found.hook(body, twice) == 401
    assert found.hook(json.dumps({"a": words["malformed body"]}).encode()[:-1]) == 400
    assert found.hook({"a": found.profile}) == 400
    assert found.hook(words["large body"].encode() * 100_000) == 413
    assert found.say("POST", f"/hooks/alert/{guess['alert token']}", b"{}") in (401, 404)
    assert found.say("GET", f"/{guess['token in a path']}/x?y={guess['token of an unknown page']}") == 404
    assert found.say("PUT", f"/in_userchat?token={found.house.tokens[1]}", b"{}") == 405
    told = (f"Authorization: Bearer {guess['token in a header']}", f"Cookie: session={guess['cookie']}",
            f"User-Agent: {guess['user agent']}", "Accept: text/html")  # fmt: skip
    assert found.say("GET", "/nothing", b"", *told) == 404
    assert found.say("GET", "/metrics", b"", *told) == 401
    shown = f"Authorization: Bearer {found.keys['METRICS_TOKEN']}"
    assert found.say("GET", "/metrics", b"", shown) == 200
    assert found.say("GET", f"/?lang={guess['token in a header']}", b"", *told) == 200
    leaked = guess["token in a broken request line"]
    for line in (
        f"POST /in_userchat?token={leaked} HTTP/9.9",
        f"GET  /?token={leaked}",
        f"X:Y{leaked} / HTTP/1.1",
    ):
        found.say("", "", raw=f"{line}\r\n\r\n".encode())
    found.say("", "", raw=f"GET / HTTP/1.1\r\nX-Token {leaked}\r\n\r\n".encode())
    found.say("", "", raw=f"GET / HTTP/1.1\r\nAuthorization: Basic {leaked}\x00\r\n\r\n".encode())


BROKEN = [
    "  - {text: '{{ name }} {{ 1 / (cups - 3) }}'}\n",
    "  - {text: '{{ int(illness) }}'}\n",
    "  - {text: '{{ float(accents) + 1 }}'}\n",
    "  - {text: '{{ days_between(home, now) }}'}\n",
    "  - {text: '{{ ([name] if cups == 3 else 1) + 1 }}'}\n",
    "  - {text: '{% for a in range(9999) %}{% for b in range(9999) %}{{ name }}{% endfor %}{% endfor %}'}\n",
]


def bad_modules(found: Searched) -> None:
    """Modules that stumble over a customer's value."""
    complete = {**found.profile, "cups": "3", "goal": "감량"}
    for messages in BROKEN:
        chat = found.house.open_chat(complete, tags=[curious(found.house, messages)])
        assert found.house.settled(chat)[0]["state"] == "dead", messages


def bad_platform(found: Searched) -> None:
    """ChannelTalk slows down, breaks, hangs up, answers with a page; a message dies of it."""
    post = {"method": "POST", "path": "/open/v5/user-chats/*/messages"}
    tag = series(found.house, "  - {text: '{{ name }}', wait: 0}\n")
    complete = {**found.profile, "cups": "3", "wish": "감량"}
    faults = ("429", "500", "reset", "drop_before", "drop_after", "half", "html")
    chats = [found.house.customer(complete, tags=[tag]) for _ in faults]
    dead = found.house.customer(complete, tags=[tag])
    rules = [
        {"do": fault, "seconds": 1, "match": {**post, "chat": chat, "count": 1}}
        for fault, chat in zip(faults, chats, strict=True)
    ]
    found.house.faults(*rules, {"do": "html", "status": 400, "match": {**post, "chat": dead}})
    for chat in (*chats, dead):
        found.house.control(f"chats/{chat}/open", {})
    for chat in chats:
        found.house.wait(chat, 1)
    eventually(lambda: [row for row in found.house.deliveries(dead) if row["state"] == "dead"], "it is dead")
    found.house.faults()


def bad_database(found: Searched) -> None:
    """Nobody can write: what comes goes to the spool, and later into the rows."""
    lock = sqlite3.connect(found.house.folder / "maru.sqlite3", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    try:
        body = opened(chat := fresh_id())
        body["refers"]["user"]["profile"] = found.profile
        assert found.hook(body) == 200
        assert found.say("GET", "/readyz") == 200
        found.look_around()
    finally:
        lock.execute("ROLLBACK")
        lock.close()
    found.house.settled(chat)


def bad_ends(found: Searched) -> None:
    """Worker and Redis are killed in the middle of it."""
    house = found.house
    tag = series(house, "  - {text: '{{ name }}', wait: 0}\n  - {text: '둘', wait: 1}\n")
    house.faults({"do": "slow", "seconds": 1, "match": {"method": "POST"}})
    chat = house.open_chat({**found.profile, "cups": "3", "wish": "감량"}, tags=[tag])
    eventually(lambda: house.flask("deliveries", "list", "--state", "sending"), "a message is in flight")
    house.kill("worker 1")
    house.kill("redis")
    found.hook(message(chat, found.words["question"]))
    house.start_redis()
    house.start_worker("worker 1")
    house.faults()
    house.wait(chat, 2)


def bad_commands(found: Searched) -> None:
    """Commands that fail, on what customers gave or on a setting that holds a password."""
    some, guess = str(found.house.events()[0]["id"]), found.guesses
    away = f"postgresql://maru:{guess['database password']}@127.0.0.1:1/maru"
    gone = f"redis://:{guess['redis password']}@127.0.0.1:1/0"
    runs = [(("events", "show", "99999999"), {}), (("trace", "99999999"), {}), (("events", "replay", "x"),
    {}),
            (("deliveries", "retry", "99999999"), {}), (("events", "list"), {"DATABASE_URL": away}),
            (("events", "replay", some), {"REDIS_URL": gone}), (("events", "list"), {"PORT": "x"}),
            (("nothing",), {})]  # fmt: skip
    for words, env in runs:
        done = found.house.shell(*words, **env)
        found.shell.append((done.stderr + (done.stdout if done.returncode else "")).encode())
    found.shell.append(found.house.shell("doctor").stdout.encode())
    file = found.house.folder / "backup.tar.gz"
    found.house.flask("backup", str(file))
    with tarfile.open(file) as backup:
        found.file_names |= {name.encode() for name in backup.getnames()}
    astray = found.house.log().count("heartbeat.missed")
    found.house.env["DATABASE_URL"] = away
    found.house.start_worker("worker without a database")
    eventually(lambda: found.house.log().count("heartbeat.missed") > astray, "it misses the database")
    found.look_around()
    found.house.kill("worker without a database")
    del found.house.env["DATABASE_URL"]


# --- where it is looked for ---


def test_fifty_values_are_planted(searched: Searched) -> None:
    assert len(searched.everything) >= 50
    assert len({planting.telling_part(value) for value in searched.everything.values()}) >= 50


def test_the_search_finds_what_is_there(searched: Searched) -> None:
    """The customer's chat holds them: the values did go through the house, and the search can find them."""
    record = json.dumps(searched.house.control("record")).encode()
    assert {"name", "home", "emoji", "question", "manager", "note"} <= set(planting.seen(searched.everything, record))
    packed = b"*3\r\n" + zlib.compress(searched.keys["SECRET_KEY"].encode()) + b"\r\n"
    assert planting.seen(searched.keys, planting.unpacked(packed)) == ["SECRET_KEY"]


def test_no_log_holds_one(searched: Searched) -> None:
    log = searched.house.log()
    assert "hook.refused" in log and "database.away" in log
    assert planting.lines(searched.everything, log.encode()) == {}
    assert "\n2026-01-01 ERROR" not in log


def test_sentry_hears_of_none(searched: Searched) -> None:
    sent = b"\n".join(searched.sentry.bodies)
    plain = sent.decode("unicode_escape", "replace").encode("latin-1", "replace")
    assert b'"logentry"' in sent
    assert planting.lines(searched.everything, sent + b"\n" + plain) == {}


def test_redis_holds_none_in_any_key_value_or_job(searched: Searched) -> None:
    """The append-only file has every write that there was, with what is gone by now."""
    written = b"".join(path.read_bytes() for path in searched.house.folder.glob("appendonlydir/*"))
    assert b"rq:job" in written or b"LPUSH" in written.upper() or b"RPUSH" in written.upper()
    assert planting.seen(searched.everything, planting.unpacked(written)) == []


def test_no_answer_repeats_one(searched: Searched) -> None:
    """What a stranger sends is not said back, what others sent even less."""
    assert len(searched.answers) > 10
    # gunicorn quotes the line that is no request to whoever sent it.
    quoted = "token in a broken request line"
    private = {name: value for name, value in searched.everything.items() if name != quoted}
    assert planting.lines(private, b"\n".join(searched.answers)) == {}


def test_no_page_of_an_error_tells_of_the_inside(searched: Searched) -> None:
    heard = b"\n".join(searched.answers)
    assert not re.search(rb"Traceback|site-packages|\.py\b|sqlite3|sqlalchemy", heard)


def test_no_command_line_or_process_title_shows_one(searched: Searched) -> None:
    lines = b"\n".join(searched.command_lines)
    assert b"gunicorn" in lines and b"worker" in lines
    assert planting.seen(searched.everything, lines) == []


def test_no_file_is_named_after_one(searched: Searched) -> None:
    assert any(b"/spool/" in name for name in searched.file_names)
    assert planting.seen(searched.everything, b"\n".join(searched.file_names)) == []


def test_no_failing_command_prints_one(searched: Searched) -> None:
    assert planting.lines(searched.everything, b"\n".join(searched.shell)) == {}


def test_no_key_is_stored_readably(searched: Searched) -> None:
    """Databases are copied about; settings are not in them."""
    for path in searched.house.folder.glob("maru.sqlite3*"):
        assert planting.seen(searched.keys, path.read_bytes()) == [], path.name


def test_what_is_on_the_disk_is_its_owner_s_alone(searched: Searched) -> None:
    private = [
        path
        for name in ("spool", "secret-key", "first-password", "backup.tar.gz")
        for path in [searched.house.folder / name]
    ]
    found = [path for path in private if path.exists()]
    assert found
    assert [path.name for path in found if path.stat().st_mode & 0o077] == []


# --- how secrets are compared ---

SECRET = re.compile(r"token|secret|signature|digest|passw|hmac|presented|bearer|api_key|access_key", re.I)


def compared(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        plain = any(isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for op in node.ops)
        named = any(SECRET.search(ast.unparse(side)) for side in sides if not isinstance(side, ast.Constant))
        if plain and named and not any(isinstance(side, ast.Constant) for side in sides):
            yield f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"


# Both sides are ours: what ChannelTalk's own API lists, and our settings. Nobody outside can try and try.
OURS = {"hook['token'] not in tokens"}


def test_no_secret_of_a_caller_is_compared_with_an_equals_sign() -> None:
    folders = [ROOT / name for name in ("web", "channels", "relay")]
    paths = [ROOT / "intake.py", *(path for folder in folders for path in folder.rglob("*.py"))]
    found = [line for path in paths for line in compared(path)]
    assert [line for line in found if line.split(": ", 1)[1] not in OURS] == []


def test_the_search_for_equals_signs_finds_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("if call.query['token'] == keys['webhook_token']: pass")
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert list(compared(bad)) != []
