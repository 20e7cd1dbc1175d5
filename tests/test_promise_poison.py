"""One bad thing hurts itself alone: hostile ids, words that no database takes, answers that never end."""

import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from store.events import Fact
from store.spool import Spool
from tests.house import SURVEY, House, eventually
from tests.test_delivery_series import series
from tests.test_intake_hooks import message, opened

Build = Callable[..., House]
NASTY = b'{"errors":[{"message":"no \\u0000 such \\ud800 chat"}]}'


@contextmanager
def platform(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A platform that answers every call as told; yields its address."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            answer(self)

        def do_GET(self) -> None:
            reply(self, 200, b'{"messages":[],"userChat":{"id":"c","state":"opened"},"user":{}}')

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def reply(handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    handler.send_response(status)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def told_of(house: House, tag: str) -> str:
    """A customer opens a chat with this tag; returns the chat."""
    body = opened(f"c-{secrets.token_hex(6)}", tags=[tag])
    body["refers"]["user"]["profile"] = {**SURVEY, "wish": "감량"}
    assert house.hook(body).status_code == 200
    return str(body["entity"]["id"])


def test_a_refusal_in_words_that_no_database_takes_stops_nobody(build: Build) -> None:
    with platform(lambda handler: reply(handler, 400, NASTY)) as url:
        house = build(CHANNELTALK_API_URL=url)
        tag = series(house, "  - {text: 하나}\n")
        for chat in [told_of(house, tag) for _ in range(2)]:
            dead = lambda chat=chat: [row for row in house.deliveries(chat) if row["state"] == "dead"]  # noqa: E731
            (row,) = eventually(dead, "the message is dead")
            assert row["reason"] == "ChannelTalk answered 400: no � such � chat"


@pytest.mark.slow
def test_an_answer_that_never_ends_is_given_up(build: Build, request: pytest.FixtureRequest) -> None:
    if "postgresql" in request.node.name:
        pytest.skip("one database tells")
    over = threading.Event()

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "100000")
        handler.end_headers()
        while not over.wait(0.5):
            handler.wfile.write(b" ")

    with platform(trickle) as url:
        house = build(CHANNELTALK_API_URL=url)
        chat = told_of(house, series(house, "  - {text: 하나}\n"))
        row = eventually(
            lambda: [one for one in house.deliveries(chat) if one["reason"]], "it was given up", patience=40
        )[0]
        over.set()
    assert row["reason"] == "the platform's answer did not end in time"


def test_an_id_of_any_length_is_refused_and_the_next_call_is_kept(build: Build) -> None:
    house = build(workers=0, clock=False)
    for field in ("id", "userId"):
        body = opened("c1")
        body["entity"][field] = secrets.token_hex(5000)
        assert house.hook(body).status_code == 400
    assert house.hook(opened("c2")).status_code == 200
    assert {row["chat"] for row in house.events()} == {"c2"}


def test_a_spooled_call_that_no_database_takes_is_laid_aside_and_the_others_are_kept(build: Build) -> None:
    house = build(workers=0, clock=False)
    bad = Fact("channeltalk", secrets.token_hex(5000), "message", "c1", "", {"id": "x"}, "{}", "t", datetime.now(UTC))
    Spool(house.folder / "spool").keep([bad])
    assert house.hook(opened("c2")).status_code == 200
    eventually(lambda: any(row["chat"] == "c2" for row in house.events()), "the other call is recorded")
    eventually(lambda: not list(house.folder.glob("spool/*.json")), "nothing waits any longer")


def test_a_spooled_file_that_is_none_is_laid_aside_and_told(build: Build, request: pytest.FixtureRequest) -> None:
    if "postgresql" in request.node.name:
        pytest.skip("one database tells")
    house = build(workers=0, clock=False)
    (house.folder / "spool").mkdir(exist_ok=True)
    (house.folder / "spool" / "00000000000000000001-1-1.json").write_text("[{")
    assert house.hook(opened("c2")).status_code == 200
    eventually(lambda: house.events("c2"), "the other call is recorded")
    ready = house.http.get(house.url + "/readyz", timeout=30)
    assert (ready.status_code, ready.json()["parts"]["spool"]["level"]) == (200, "warn")
    assert len(list(house.folder.glob("spool/bad/*.json"))) == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"options": 5},
        {"options": "private"},
        {"blocks": 5, "plainText": None},
        {"blocks": [1, None], "plainText": None},
        {"plainText": {"a": 1}},
        {"log": [1]},
        {"chatType": 7},
        {"personType": ["user"]},
    ],
    ids=json.dumps,
)
def test_a_message_of_an_odd_shape_is_no_fault_of_ours(house: House, odd: dict[str, Any]) -> None:
    assert house.hook(message(f"c-{secrets.token_hex(6)}", **odd)).status_code in (200, 400)
