"""The one place that calls out: nothing leaves for a platform once the right to send is gone."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from channels import http


class Platform:
    """Takes requests on loopback, keeps what bytes came, and answers whole ones."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}/messages"
        self.came = [b""]
        self.ended = threading.Semaphore(0)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.came.append(b"")
            with connection:
                while data := connection.recv(65536):
                    self.came[-1] += data
                    if self.came[-1].endswith(b"}"):
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            self.ended.release()


@pytest.fixture
def platform() -> Iterator[Platform]:
    made = Platform()
    yield made
    made.server.close()


def answers(*said: bool) -> Callable[[], bool]:
    left = iter(said)
    return lambda: next(left)


def post(platform: Platform, may_send: Callable[[], bool]) -> http.Reply:
    return http.call("POST", platform.url, headers={}, body={"text": "안녕하세요"}, may_send=may_send)


def test_a_right_that_is_gone_once_connected_sends_nothing(platform: Platform) -> None:
    with pytest.raises(http.NotSent):
        post(platform, answers(False))
    platform.ended.acquire()
    assert platform.came[-1] == b""


def test_a_right_that_is_lost_after_the_head_leaves_half_a_request_that_is_none(platform: Platform) -> None:
    with pytest.raises(http.NotSent):
        post(platform, answers(True, False))
    platform.ended.acquire()
    assert platform.came[-1].endswith(b"\r\n\r\n") and "안녕하세요".encode() not in platform.came[-1]


def test_the_next_request_of_the_thread_is_not_asked_for_the_last_one(platform: Platform) -> None:
    with pytest.raises(http.NotSent):
        post(platform, answers(False))
    assert http.call("POST", platform.url, headers={}, body={"text": "다시"}).status == 200


def test_a_right_that_holds_sends_it_whole(platform: Platform) -> None:
    assert post(platform, lambda: True).status == 200
    assert "안녕하세요".encode() in platform.came[-1]
