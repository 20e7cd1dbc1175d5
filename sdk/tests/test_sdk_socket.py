"""The bot on its socket: a process of its own, and a relay that goes away, doubles, drains and refuses."""

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from small_relay import KEY, SmallRelay, small_relay
from websockets.exceptions import ConnectionClosed

from maru.bot import socket_address

BOT = """
import threading, time
from maru import Ask, Bot, Button

bot = Bot(concurrency=4)
gate = threading.Event()

@bot.command("/말", help="말합니다", guests=True)
def say(ask: Ask, word: str = "네"):
    return word

@bot.command("/둘")
def two(ask: Ask):
    ask.reply("하나", buttons=[Button("더", say="/둘")])
    return "둘"

@bot.command("/물음")
def question(ask: Ask):
    return f"답: {ask.wait('몇 시로 할까요?')}"

@bot.command("/오래")
async def long(ask: Ask, seconds: float):
    import asyncio
    ask.typing()
    await asyncio.sleep(seconds)
    return "끝"

@bot.command("/많이")
async def many(ask: Ask, number: int):
    for one in range(number):
        ask.reply(str(one))

@bot.command("/큰")
def large(ask: Ask):
    try:
        ask.reply("\U0001f600" * 20_000)
    except ValueError:
        return "작은"

@bot.command("/굳음")
def stuck(ask: Ask):
    ask.typing()
    time.sleep(3600)

@bot.command("/틀림")
def broken(ask: Ask):
    raise RuntimeError

@bot.message
async def other(ask: Ask):
    return f"들었어요: {ask.text}"

bot.run()
"""
SOURCE = str(Path(__file__).resolve().parent.parent / "src")
FRAMES = Path(__file__).resolve().parents[2] / "tests" / "wire" / "relay"


@pytest.fixture
def relay() -> Iterator[SmallRelay]:
    with small_relay() as made:
        yield made


@pytest.fixture
def start(relay: SmallRelay, tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    running: list[subprocess.Popen[str]] = []
    (tmp_path / "bot.py").write_text(BOT, encoding="utf8")

    def begin(key: str = KEY, wait: bool = True, **more: str) -> "subprocess.Popen[str]":
        env = {**os.environ, "MARU_KEY": key, "MARU_URL": relay.url, "PYTHONPATH": SOURCE, **more}
        process = subprocess.Popen(
            [sys.executable, str(tmp_path / "bot.py")], env=env, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        if wait:
            relay.next("hello")
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate(timeout=10)


def test_it_says_hello_with_its_commands(relay: SmallRelay, start: Callable[..., Any]) -> None:
    start(wait=False)
    hello = relay.next("hello")
    assert hello["protocol"] == 1 and hello["messages"] is True and hello["concurrency"] == 4 and hello["open"] == []
    assert hello["commands"][0] == {"name": "/말", "usage": "/말 [word]", "help": "말합니다", "guests": True}


def test_an_ask_is_answered_in_order_and_done(relay: SmallRelay, start: Callable[..., Any]) -> None:
    start()
    relay.ask("c1", "/둘")
    one, two, done = relay.next("reply"), relay.next("reply"), relay.next("done")
    assert [one["seq"], two["seq"], done["seq"]] == [1, 2, 3]
    assert [one["text"], two["text"]] == ["하나", "둘"] and one["buttons"] == [{"title": "더", "say": "/둘"}]
    relay.ask("c2", "", "안녕")
    assert relay.next("reply")["text"] == "들었어요: 안녕"


def test_its_log_has_neither_the_key_nor_what_people_say(relay: SmallRelay, start: Callable[..., Any]) -> None:
    process = start()
    relay.ask("c1", "/말", "비밀이야")
    assert relay.next("reply")["text"] == "비밀이야"
    relay.next("done")
    process.send_signal(signal.SIGTERM)
    log = process.communicate(timeout=15)[1]
    assert "ask id=c1 command=/말" in log and "비밀이야" not in log and KEY not in log


def test_an_error_is_failed_with_polite_words(relay: SmallRelay, start: Callable[..., Any]) -> None:
    start()
    relay.ask("c1", "/틀림", language="en")
    assert relay.next("failed")["text"] == "Sorry, something went wrong."


def test_what_was_not_acknowledged_is_said_again_after_a_break(relay: SmallRelay, start: Callable[..., Any]) -> None:
    start()
    relay.keeps = False
    relay.ask("c1", "/말", "하나")
    assert relay.next("reply")["seq"] == 1 and relay.next("done")["seq"] == 2
    relay.cut()
    relay.keeps = True
    assert relay.next("hello")["open"] == ["c1"]
    assert relay.next("reply")["seq"] == 1 and relay.next("done")["seq"] == 2
    relay.ask("c1", "/말", "하나")  # given once more, although it is done
    assert relay.next("done") == {"type": "done", "ask": "c1", "seq": 2}


@pytest.mark.parametrize("code", [1000, 1001, 1012, None])
def test_however_the_socket_ends_it_comes_back(code: int | None, relay: SmallRelay, start: Callable[..., Any]) -> None:
    start()
    relay.abort() if code is None else relay.cut(code)
    relay.next("hello")
    relay.ask("c1", "/말", "여기")
    assert relay.next("reply")["text"] == "여기"


def test_an_ask_that_is_worked_on_survives_a_break_and_is_not_begun_twice(
    relay: SmallRelay, start: Callable[..., Any]
) -> None:
    start()
    relay.ask("c1", "/오래", "1.5")
    assert relay.next("typing")["ask"] == "c1"
    relay.cut()
    assert relay.next("hello")["open"] == ["c1"]
    relay.ask("c1", "/오래", "1.5")
    assert relay.next("reply") == {"type": "reply", "ask": "c1", "seq": 1, "text": "끝"}
    relay.next("done")
    assert relay.heard.empty()


@pytest.mark.parametrize("answer", ["3시", None])
def test_a_further_question_gets_its_answer_across_a_break(
    answer: str | None, relay: SmallRelay, start: Callable[..., Any]
) -> None:
    start()
    relay.ask("c1", "/물음")
    asked = relay.next("wait")
    assert asked["text"] == "몇 시로 할까요?" and asked["seconds"] == 300
    relay.cut()
    relay.next("hello")
    relay.say(type="answer", ask="c1", seq=asked["seq"], text=answer)
    assert relay.next("reply")["text"] == f"답: {answer}"


def test_a_question_that_cannot_be_kept_counts_as_unanswered(relay: SmallRelay, start: Callable[..., Any]) -> None:
    start()
    relay.keeps = False
    relay.ask("c1", "/물음")
    relay.say(type="no", ask="c1", seq=relay.next("wait")["seq"], why="the ask is over")
    assert relay.next("reply")["text"] == "답: None"


def test_who_is_asked_something_holds_up_nobody(relay: SmallRelay, start: Callable[..., Any]) -> None:
    start()
    for number in range(5):  # it works on four at a time
        relay.ask(f"c{number}", "/물음")
    asked = [relay.next("wait")["ask"] for _ in range(5)]
    assert sorted(asked) == ["c0", "c1", "c2", "c3", "c4"]
    relay.ask("c9", "/말", "나도")
    assert relay.next("reply")["text"] == "나도"


def test_a_reply_that_is_too_large_leaves_no_gap_in_the_numbers(relay: SmallRelay, start: Callable[..., Any]) -> None:
    start()
    relay.ask("c1", "/큰")
    assert relay.next("reply") == {"type": "reply", "ask": "c1", "seq": 1, "text": "작은"}


def test_it_says_no_more_at_a_time_than_the_relay_takes(relay: SmallRelay, start: Callable[..., Any]) -> None:
    start()
    relay.ask("c1", "/많이", "260")
    assert relay.next("done")["seq"] == 261
    assert len(relay.sockets) == 1 and relay.heard.empty()


def test_a_command_that_it_no_longer_has_is_told_so(relay: SmallRelay, start: Callable[..., Any]) -> None:
    start()
    relay.ask("c1", "/옛날")
    assert relay.next("failed")["text"] == "이 명령은 이제 쓰지 않아요."


def test_asks_do_not_wait_for_a_slow_one(relay: SmallRelay, start: Callable[..., Any]) -> None:
    start()
    relay.ask("c1", "/오래", "5")
    relay.ask("c2", "/말", "빨라")
    assert relay.next("reply")["ask"] == "c2"


def test_it_goes_where_a_draining_relay_sends_it(relay: SmallRelay, start: Callable[..., Any]) -> None:
    start()
    relay.say(type="drain")
    relay.next("hello")
    relay.ask("c1", "/말", "여기")
    assert relay.next("reply")["text"] == "여기"


def test_a_wrong_or_revoked_key_ends_it(relay: SmallRelay, start: Callable[..., Any]) -> None:
    wrong = start("mb_other", wait=False)
    assert wrong.wait(15) == 1 and "MARU_KEY" in wrong.stderr.read()
    process = start()
    relay.cut(4003, "revoked")
    assert process.wait(15) == 1 and "revoked" in process.stderr.read()


def test_asked_to_stop_it_finishes_what_it_works_on(relay: SmallRelay, start: Callable[..., Any]) -> None:
    process = start()
    relay.ask("c1", "/오래", "1")
    relay.next("typing")
    process.send_signal(signal.SIGTERM)
    assert relay.next("reply")["text"] == "끝"
    relay.next("done")
    assert process.wait(15) == 0


def test_asked_to_stop_while_the_relay_is_away_it_still_tells_what_it_worked_on(
    relay: SmallRelay, start: Callable[..., Any]
) -> None:
    process = start()
    relay.ask("c1", "/오래", "1")
    relay.next("typing")
    relay.abort()
    process.send_signal(signal.SIGTERM)
    assert relay.next("hello")["open"] == ["c1"]
    relay.ask("c2", "/말")  # begins nothing new
    assert relay.next("reply")["ask"] == "c1" and relay.next("done")["ask"] == "c1"
    assert process.wait(15) == 0 and relay.heard.empty()


def test_asked_to_stop_it_waits_for_no_person(relay: SmallRelay, start: Callable[..., Any]) -> None:
    process = start()
    relay.ask("c1", "/물음")
    first = relay.next("wait")
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0 and relay.heard.empty()
    start()
    relay.ask("c1", "/물음")  # given again, it asks the same under the same number
    assert relay.next("wait") == first


def test_told_twice_to_stop_it_does_so_at_once(relay: SmallRelay, start: Callable[..., Any]) -> None:
    process = start()
    relay.ask("c1", "/오래", "60")
    relay.next("typing")
    process.send_signal(signal.SIGINT)
    for line in process.stderr:
        if "stopping" in line:
            break
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


@pytest.mark.slow
def test_a_handler_that_never_returns_does_not_keep_it_from_stopping(
    relay: SmallRelay, start: Callable[..., Any]
) -> None:
    process = start()
    relay.ask("c1", "/굳음")
    relay.next("typing")
    process.send_signal(signal.SIGTERM)
    assert process.wait(40) == 0
    assert "open=1" in process.stderr.read()


@pytest.mark.slow
def test_a_relay_that_is_dead_is_noticed_within_30_seconds(relay: SmallRelay, start: Callable[..., Any]) -> None:
    process = start()
    thawed = threading.Event()
    began = time.monotonic()
    relay.freeze(thawed)
    for line in process.stderr:
        if "disconnected" in line:
            break
    took = time.monotonic() - began
    thawed.set()
    assert took < 30
    relay.next("hello")


@pytest.mark.slow
def test_twenty_breaks_and_five_kills_and_each_ask_is_answered_once(
    relay: SmallRelay, start: Callable[..., Any]
) -> None:
    """Each has one reply by the number, and none is lost: what is not done is given again, as a relay does."""
    process, kept, over, given = start(), dict[tuple[str, int], str](), set[str](), set[str]()
    asks, heard, broken = [f"c{number}" for number in range(1, 201)], 0, 0

    def give() -> None:
        for id in [one for one in asks if one not in over | given][: 4 - len(given)]:
            given.add(id)
            relay.ask(id, "/말", id)

    give()
    while len(over) < len(asks):
        told = relay.heard.get(timeout=15)
        if told["type"] == "hello":
            heard, given = 0, set(told["open"])
            give()
        elif told["type"] == "reply":
            assert kept.setdefault((told["ask"], told["seq"]), told["text"]) == told["text"] == told["ask"]
        elif told["type"] == "done":
            over.add(told["ask"])
            given.discard(told["ask"])
        heard += 1
        if heard > 6 and broken < 25 and relay.sockets:
            broken += 1
            if broken % 5:
                relay.abort()
            else:
                relay.sockets.pop()
                process.kill()
                process.wait(10)
                process = start(wait=False)
        elif relay.sockets:
            with suppress(ConnectionClosed):  # it has just broken; what was to be given waits for the next hello
                give()
    assert broken == 25
    assert sorted(kept) == sorted((id, 1) for id in asks)


def test_killed_in_the_middle_it_may_begin_again_under_the_same_id(
    relay: SmallRelay, start: Callable[..., Any]
) -> None:
    process = start()
    relay.ask("c1", "/오래", "30")
    relay.next("typing")
    process.kill()
    process.wait(10)
    start()
    relay.ask("c1", "/오래", "0")
    assert relay.next("reply")["ask"] == "c1"


def test_frames_it_does_not_know_change_nothing(relay: SmallRelay, start: Callable[..., Any]) -> None:
    start()
    relay.say(type="from the future", what=1)
    relay.say(nothing=True)
    for text in ("[]", "5", "{", '{"type": 5}', "null", b"\xff\x00"):
        relay.send(text)
    relay.say(type="ask")
    relay.say(type="answer", ask="c9", seq=1)
    relay.say(type="ok", ask="c1", seq="eins")
    relay.ask("c1", "/말", "하나", more={"later": 1})
    assert relay.next("reply")["text"] == "하나"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://maru.example.kr", "wss://maru.example.kr/relay/bots"),
        ("wss://maru.example.kr/", "wss://maru.example.kr/relay/bots"),
        ("ws://127.0.0.1:8001", "ws://127.0.0.1:8001/relay/bots"),
        ("http://localhost:8001", "ws://localhost:8001/relay/bots"),
        ("http://maru.example.kr", None),
        ("ws://10.0.0.5:8001", None),
        ("https://maru.example.kr/relay", None),
        ("maru.example.kr", None),
        ("", None),
    ],
)
def test_only_loopback_may_be_unencrypted(url: str, address: str | None) -> None:
    if address is None:
        with pytest.raises(ValueError, match=r"address|encrypted|path"):
            socket_address(url)
    else:
        assert socket_address(url) == address


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """For localhost, by itself; with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    words = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "both.pem").write_bytes(words + made.public_bytes(Encoding.PEM))
    return tmp_path / "both.pem"


def test_over_tls_it_talks_to_whom_it_can_trust_alone(certificate: Path, tmp_path: Path) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    (tmp_path / "bot.py").write_text(BOT, encoding="utf8")
    with small_relay(tls) as relay:
        env = {**os.environ, "MARU_KEY": KEY, "MARU_URL": relay.url, "PYTHONPATH": SOURCE, "NO_PROXY": "localhost"}
        for trusts in (False, True):
            trusted = {"SSL_CERT_FILE": str(certificate)} if trusts else {}
            command = [sys.executable, str(tmp_path / "bot.py")]
            process = subprocess.Popen(command, env=env | trusted, stderr=subprocess.PIPE, text=True)
            try:
                if trusts:
                    relay.next("hello")
                else:
                    assert process.stderr is not None and "SSLCertVerificationError" in process.stderr.readline()
                    assert relay.heard.empty()
            finally:
                process.kill()
                process.communicate(timeout=10)


FRAMES_OF_A_BOT = ("hello", "reply", "wait", "done", "failed", "typing")


def test_it_says_nothing_that_the_samples_do_not_have(relay: SmallRelay, start: Callable[..., Any]) -> None:
    samples = {name: json.loads((FRAMES / "v1" / f"{name}.json").read_text()) for name in FRAMES_OF_A_BOT}
    start(wait=False)
    heard = [relay.next("hello")]
    for number, name in enumerate(("/둘", "/물음", "/틀림", "/오래")):
        relay.ask(f"c{number}", name, "0" if name == "/오래" else "")
    while {told["type"] for told in heard} != set(FRAMES_OF_A_BOT):
        heard.append(relay.heard.get(timeout=15))
    for told in heard:
        assert told.keys() <= samples[told["type"]].keys(), told


@pytest.mark.parametrize("version", sorted(path.name for path in FRAMES.iterdir()))
def test_it_understands_every_sample_of_every_version(
    version: str, relay: SmallRelay, start: Callable[..., Any]
) -> None:
    start()
    for path in sorted((FRAMES / version).glob("*.json")):
        kept = json.loads(path.read_text(encoding="utf8"))
        if kept["type"] not in (*FRAMES_OF_A_BOT, "welcome", "drain"):
            relay.say(**kept)
    relay.ask("c1", "/말", "여기")
    while relay.next("reply")["text"] != "여기":
        continue
