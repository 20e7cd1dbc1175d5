"""What judges and the page use: the record, waiting, the crowd; and who may not."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.sandbox_bench import ROOT, SECRETS, Bench, Hooks, start_sandbox

Json = dict[str, Any]
HELLO: Json = {"blocks": [{"type": "text", "value": "안녕하세요"}]}


@pytest.fixture(scope="module")
def hooks() -> Iterator[Hooks]:
    made = Hooks()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def running(hooks: Hooks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = start_sandbox(hooks.url, Path(tmp_path_factory.mktemp("sandbox")))
    yield bench
    bench.stop()


@pytest.fixture
def bench(running: Bench, hooks: Hooks) -> Bench:
    running.reset()
    hooks.clear()
    return running


def test_the_record_holds_chats_requests_and_webhooks_in_one_order(bench: Bench) -> None:
    chat = bench.opened("김하늘", {"height": 168})
    bench.say(chat, "안녕")
    bench.post(chat, {**HELLO, "requestId": "dlv-1"})
    record = bench.until(lambda record: len(record["webhooks"]) == 3)
    kept = record["chats"][chat]
    assert (kept["profile"]["height"], kept["state"], kept["tags"]) == (168, "opened", [])
    said, answered = kept["messages"]
    assert (said["personType"], answered["personType"], answered["requestId"]) == ("user", "bot", "dlv-1")
    assert said["n"] < answered["n"] and said["at"] <= answered["at"]
    assert [(one["method"], one["status"], one["chat"]) for one in record["requests"]] == [("POST", 200, chat)]
    assert {one["status"] for one in record["webhooks"]} == {200}


def test_since_leaves_out_what_was_seen(bench: Bench) -> None:
    quiet, chat = bench.customer(), bench.customer()
    bench.post(chat, HELLO)
    seen = bench.until(lambda record: record["webhooks"])
    bench.post(chat, HELLO)
    news = bench.record(since=seen["n"])
    assert news["chats"].keys() == {chat} and quiet not in news["chats"]
    assert (len(news["chats"][chat]["messages"]), len(news["requests"])) == (1, 1)


def test_events_answers_as_soon_as_something_happens(bench: Bench) -> None:
    n = bench.record()["n"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(requests.get, f"{bench.url}/sandbox/events", {"since": n, "wait": 30}, timeout=40)
        chat = bench.customer()
        assert waiting.result(timeout=10).json()["chats"].keys() == {chat}


def test_events_answers_with_nothing_when_the_time_is_over(bench: Bench) -> None:
    record = bench.see("events", since=bench.record()["n"], wait=0.05)
    assert (record["chats"], record["requests"], record["webhooks"]) == ({}, [], [])


def test_wait_answers_when_the_messages_are_there_and_504_otherwise(bench: Bench) -> None:
    chat, other = bench.customer(), bench.customer()
    bench.post(chat, HELLO)
    bench.post(other, HELLO)
    bench.say(chat, "bots only count")
    query: Json = {"chat": chat, "messages": 1, "timeout": 5}
    assert bench.see("wait", **query) == {"messages": 1}
    late = bench.http.get(f"{bench.url}/sandbox/wait", params={**query, "messages": 2, "timeout": 0.05}, timeout=5)
    assert (late.status_code, late.json()) == (504, {"messages": 1})
    assert bench.see("wait", messages=2) == {"messages": 2}, "without a chat, all of them count"
    assert bench.see("wait", chat=chat, text="안녕하세요")["messages"] == 1


def test_a_crowd_opens_its_chats_at_once(bench: Bench, hooks: Hooks) -> None:
    made = bench.do("crowd", {"n": 300, "name": "손님", "profile": {"height": 168}, "tags": ["설문완료"]})
    told = [call.body["entity"] for call in hooks.wait(300)]
    assert {entity["id"] for entity in told} == set(made["chats"])
    assert max(entity["openedAt"] for entity in told) - min(entity["openedAt"] for entity in told) < 1000
    assert {entity["tags"][0] for entity in told} == {"설문완료"}
    assert len({call.body["refers"]["user"]["profile"]["name"] for call in hooks.wait(300)}) == 300


def test_names_and_values_are_kept_as_they_are(bench: Bench) -> None:
    name = "<b>{{7*7}}</b> ${user.name} \u202e🦄" + "가" * 10_000
    chat = bench.opened(name, {"weight": [1, None], "age": "1e309"})
    assert bench.record()["chats"][chat]["profile"] == {"name": name, "weight": [1, None], "age": "1e309"}


def test_reset_empties_everything_and_keeps_counting(bench: Bench) -> None:
    bench.faults({"do": "500"})
    bench.opened()
    n = bench.record()["n"]
    bench.reset()
    record = bench.record()
    assert (record["chats"], record["requests"], bench.see("faults")["rules"]) == ({}, [], [])
    assert record["n"] > n


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("customers", {"profile": []}),
        ("customers", {"name": 5}),
        ("crowd", {"n": 0}),
        ("crowd", {"n": "many"}),
        ("faults", {"rules": {}}),
        ("settings", {"repeated_request_id": "maybe"}),
        ("settings", {"rate_limit": {"limit": 0}}),
    ],
)
def test_says_what_is_wrong_with_a_request(bench: Bench, path: str, body: Json) -> None:
    answer = bench.http.post(f"{bench.url}/sandbox/{path}", json=body, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_unknown_chats_and_controls_are_404(bench: Bench) -> None:
    for path in ("chats/nobody/say", "chats/nobody/open", "nothing"):
        assert bench.http.post(f"{bench.url}/sandbox/{path}", json={}, timeout=5).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "sandbox.example.kr"},
        {"Host": "127.0.0.1.example.kr"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/sandbox/reset", "/sandbox/customers"])
def test_no_other_web_page_can_drive_it(bench: Bench, headers: dict[str, str], path: str) -> None:
    chat = bench.customer()
    assert requests.post(f"{bench.url}{path}", json={}, headers=headers, timeout=5).status_code == 403
    assert bench.record()["chats"].keys() == {chat}


def test_its_own_page_can_drive_it(bench: Bench) -> None:
    headers = {"Origin": bench.url, "Sec-Fetch-Site": "same-origin"}
    assert requests.post(f"{bench.url}/sandbox/reset", json={}, headers=headers, timeout=5).status_code == 200


def exchange(bench: Bench, sent: bytes) -> bytes:
    """What comes back over a bare connection until it is closed."""
    port = int(bench.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_answers_pipelined_requests_in_order_on_one_connection(bench: Bench) -> None:
    one = b"GET /sandbox/settings HTTP/1.1\r\nHost: localhost\r\n\r\n"
    chunked = b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    last = b"POST /sandbox/customers HTTP/1.1\r\nHost: localhost\r\n" + chunked
    answers = exchange(bench, one + b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n" + one + last)
    assert answers.count(b"HTTP/1.1 200 OK") == 4
    assert answers.rindex(b"chatId") > answers.rindex(b"repeated_request_id")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000, 431),
    ],
)
def test_refuses_what_is_no_http(bench: Bench, sent: bytes, status: int) -> None:
    assert exchange(bench, sent).startswith(b"HTTP/1.1 %d " % status)


def run(tmp_path: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "sandbox"]
    everything = {**os.environ, "PRODUCT_URL": "http://127.0.0.1:9", **environ}
    return subprocess.run(command, cwd=ROOT, env=everything, capture_output=True, text=True, timeout=10)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"SANDBOX_SECRETS": ""}, "SANDBOX_SECRETS"),
        ({"SANDBOX_SECRETS": "/nowhere"}, "SANDBOX_SECRETS"),
        ({"SANDBOX_PORT": "http"}, "SANDBOX_PORT"),
        ({"PRODUCT_URL": "127.0.0.1:8000"}, "PRODUCT_URL"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line(tmp_path: Path, changes: dict[str, str], name: str) -> None:
    secrets = tmp_path / "secrets.json"
    secrets.write_text(json.dumps(SECRETS))
    ended = run(tmp_path, **{"SANDBOX_SECRETS": str(secrets), "SANDBOX_PORT": "0", **changes})
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{name}: ") and ended.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_at_once_when_told(tmp_path: Path, number: signal.Signals) -> None:
    bench = start_sandbox("http://127.0.0.1:9", tmp_path)
    bench.say(bench.customer(), "a delivery that is being tried again")
    bench.process.send_signal(number)
    assert bench.process.wait(timeout=2) == 0
    bench.stop()


def test_knows_nothing_of_the_product() -> None:
    own = {"sandbox", "cryptography", *sys.stdlib_module_names}  # keys and certificates of its own
    for file in (ROOT / "sandbox").glob("*.py"):
        lines = [line.split() for line in file.read_text(encoding="utf8").splitlines()]
        imported = {words[1].split(".")[0] for words in lines if words[:1] in (["import"], ["from"]) and words[1:]}
        assert imported <= own, file.name
