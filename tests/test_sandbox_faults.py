"""The fault dial breaks exactly the calls it is told to, and what is stored is what its words say."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.sandbox_bench import Bench, start_sandbox

Json = dict[str, Any]
NOBODY = "http://127.0.0.1:9"
HELLO: Json = {"blocks": [{"type": "text", "value": "안녕하세요, 반가워요"}]}
POSTS = {"method": "POST", "path": "/open/v5/user-chats/*/messages"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = start_sandbox(NOBODY, Path(tmp_path_factory.mktemp("sandbox")))
    yield bench
    bench.stop()


@pytest.fixture
def bench(running: Bench) -> Bench:
    running.reset()
    return running


@pytest.mark.parametrize(
    ("fault", "stored"),
    [("drop_before", 0), ("drop_after", 1), ("reset", 0), ("half", 1), ("timeout_after", 1)],
)
def test_breaks_the_connection(bench: Bench, fault: str, stored: int) -> None:
    chat = bench.customer()
    bench.faults({"do": fault, "match": POSTS, "seconds": 0.05})
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        bench.post(chat, HELLO)
    assert len(bench.texts(chat)) == stored


def test_goes_silent_after_taking_the_message(bench: Bench) -> None:
    chat = bench.customer()
    bench.faults({"do": "timeout_after", "match": POSTS})
    with pytest.raises(requests.ReadTimeout):
        bench.post(chat, HELLO, timeout=0.3)
    assert len(bench.texts(chat)) == 1


def test_a_slow_call_takes_effect_even_if_nobody_waits(bench: Bench) -> None:
    chat = bench.customer()
    bench.faults({"do": "slow", "match": POSTS, "seconds": 0.4})
    with pytest.raises(requests.ReadTimeout):
        bench.post(chat, HELLO, timeout=0.1)
    bench.wait(chat, messages=1)
    assert bench.until(lambda record: record["requests"])["requests"][-1]["fault"] == "slow"


@pytest.mark.parametrize(
    ("fault", "status", "stored"), [("429", 429, 0), ("500", 500, 0), ("empty", 200, 1), ("html", 502, 0)]
)
def test_answers_otherwise(bench: Bench, fault: str, status: int, stored: int) -> None:
    chat = bench.customer()
    bench.faults({"do": fault, "match": POSTS})
    answer = bench.post(chat, HELLO)
    assert answer.status_code == status
    assert answer.headers["x-ratelimit-limit"]
    assert len(bench.texts(chat)) == stored
    if fault == "html":
        assert "<h1>" in answer.text


def test_429_says_when_to_come_back(bench: Bench) -> None:
    bench.faults({"do": "429", "seconds": 5})
    before = time.time()
    headers = bench.api("GET", "/channel").headers
    assert before + 4 < int(headers["x-ratelimit-reset"]) <= time.time() + 7
    assert headers["x-ratelimit-remaining"] == "0"


def test_trickles_a_whole_answer(bench: Bench) -> None:
    chat = bench.customer()
    bench.faults({"do": "trickle", "match": POSTS, "seconds": 0.1})
    assert bench.post(chat, HELLO).json()["message"]["plainText"] == "안녕하세요, 반가워요"


def test_stored_can_be_told(bench: Bench) -> None:
    chat = bench.customer()
    bench.faults({"do": "html", "match": POSTS, "stored": True, "status": 200})
    assert bench.post(chat, HELLO).status_code == 200
    assert len(bench.texts(chat)) == 1


def statuses(bench: Bench, calls: int) -> list[int]:
    return [bench.api("GET", "/channel").status_code for _ in range(calls)]


def test_counts_from_which_call_how_often_and_how_many(bench: Bench) -> None:
    bench.faults({"do": "500", "match": {"from": 2, "every": 2, "count": 2}})
    assert statuses(bench, 8) == [200, 500, 200, 500, 200, 200, 200, 200]
    assert [(rule["seen"], rule["hits"]) for rule in bench.see("faults")["rules"]] == [(8, 2)]


def test_the_same_seed_breaks_the_same_calls(bench: Bench) -> None:
    rule = {"do": "500", "match": {"probability": 0.5, "seed": 42}}
    bench.faults(rule)
    first = statuses(bench, 20)
    bench.faults(rule)
    assert statuses(bench, 20) == first
    assert {200, 500} == set(first)


def test_breaks_one_chat_and_leaves_the_other(bench: Bench) -> None:
    broken, fine = bench.customer(), bench.customer()
    bench.faults({"do": "500", "match": {"chat": broken}})
    assert [bench.post(chat, HELLO).status_code for chat in (broken, fine)] == [500, 200]


def test_the_first_rule_that_hits_wins(bench: Bench) -> None:
    bench.faults({"do": "429", "match": {"count": 1}}, {"do": "500"})
    assert statuses(bench, 2) == [429, 500]


def test_the_control_addresses_never_break(bench: Bench) -> None:
    bench.faults({"do": "drop_before", "match": {"path": "*"}})
    assert bench.record()["chats"] == {}


@pytest.mark.parametrize(
    "rule",
    [
        {"do": "explode"},
        {"do": "500", "match": {"path": 5}},
        {"do": "500", "match": {"form": 1}},
        {"do": "500", "match": {"from": 0}},
        {"do": "500", "match": {"probability": 2}},
        {"do": "slow", "seconds": "long"},
        {"do": "slow", "second": 1},
        {"do": "html", "status": 42},
        "500",
    ],
)
def test_refuses_rules_it_does_not_understand(bench: Bench, rule: object) -> None:
    answer = bench.http.post(f"{bench.url}/sandbox/faults", json={"rules": [rule]}, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("rules[0]")
