"""Addresses that people write: what is fetched, from exactly where, and what never is."""

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels import fetching, reachable
from channels.fetching import Forbidden, Page, Unfetched

PEM = Path(__file__).parent / "tls" / "shop.example.kr.pem"
Answer = Callable[[socket.socket, bytes], None]


class Server:
    """Answers each connection with the bytes that `answer` writes; keeps what was asked."""

    def __init__(self, answer: Answer, tls: bool = False) -> None:
        self.asked: list[bytes] = []
        self.answer = answer
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
        if self.context is not None:
            self.context.load_cert_chain(PEM)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                came, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(came,), daemon=True).start()

    def _talk(self, came: socket.socket) -> None:
        try:
            with self.context.wrap_socket(came, server_side=True) if self.context else came as talking:
                asked = b""
                while b"\r\n\r\n" not in asked:
                    piece = talking.recv(4096)
                    if not piece:
                        return
                    asked += piece
                self.asked.append(asked)
                self.answer(talking, asked)
        except OSError:
            return  # the other side hung up, which is what many of these tests are about


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def make(answer: Answer | bytes, tls: bool = False) -> Server:
        said = answer if callable(answer) else lambda talking, asked: talking.sendall(answer)
        made.append(Server(said, tls))
        return made[-1]

    yield make
    for server in made:
        server.listening.close()


def whole(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: Text/HTML", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def get(url: str, **more: object) -> Page:
    return fetching.get(url, **{"allow_private": True, "resolve": here, "seconds": 5.0, **more})  # type: ignore[arg-type]


# --- what is fetched ---


def test_a_page_comes_with_its_kind_and_is_asked_for_by_its_name(serve: Callable[..., Server]) -> None:
    server = serve(whole("현황".encode()))
    page = get(f"http://Health.Example.kr:{server.port}/상태?q=a b%20c#top".replace(" ", "%20"))
    assert (page.status, page.content_type, page.body.decode()) == (200, "text/html", "현황")
    assert server.asked[0].startswith(b"GET /%EC%83%81%ED%83%9C?q=a%20b%20c HTTP/1.1\r\n")
    assert f"Host: health.example.kr:{server.port}\r\n".encode() in server.asked[0]


def test_a_status_of_their_own_is_the_caller_s_to_judge(serve: Callable[..., Server]) -> None:
    server = serve(whole(b"gone", status="404 Not Found"))
    assert get(f"http://a.example.kr:{server.port}/").status == 404


def test_a_packed_page_is_unpacked(serve: Callable[..., Server]) -> None:
    server = serve(whole(gzip.compress(b"one ") + gzip.compress(b"two"), "Content-Encoding: gzip"))
    assert get(f"http://a.example.kr:{server.port}/").body == b"one two"


def test_a_page_in_chunks_is_put_together(serve: Callable[..., Server]) -> None:
    server = serve(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert get(f"http://a.example.kr:{server.port}/").body == b"abcde"


# --- the address that was judged is the address that is called ---


def test_a_name_is_looked_up_once_and_cannot_be_another_address_a_moment_later(
    serve: Callable[..., Server],
) -> None:
    server, looked_up = serve(whole(b"ours")), []

    def rebinding(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"] if len(looked_up) == 1 else ["127.0.0.2"]

    assert get(f"http://rebind.example.kr:{server.port}/", resolve=rebinding).body == b"ours"
    assert looked_up == ["rebind.example.kr"]


def test_one_forbidden_address_among_good_ones_forbids_the_name() -> None:
    with pytest.raises(Forbidden, match="leads to a private address"):
        fetching.get("http://mixed.example.kr/", allow_private=False, resolve=lambda *_: ["93.184.215.14", "10.0.0.7"])


def test_the_next_address_is_tried_when_one_is_down(serve: Callable[..., Server]) -> None:
    server = serve(whole(b"up"))
    page = get(f"http://two.example.kr:{server.port}/", resolve=lambda *_: ["127.0.0.9", "127.0.0.1"])
    assert page.body == b"up"


def test_a_certificate_must_be_that_of_the_written_name(serve: Callable[..., Server]) -> None:
    server, ours = serve(whole(b"safe"), tls=True), ssl.create_default_context(cafile=str(PEM))
    assert get(f"https://shop.example.kr:{server.port}/", trusted=ours).body == b"safe"
    with pytest.raises(Unfetched, match="no valid certificate"):
        get(f"https://other.example.kr:{server.port}/", trusted=ours)


def test_a_certificate_that_nobody_vouches_for_is_refused(serve: Callable[..., Server]) -> None:
    server = serve(whole(b"false"), tls=True)
    with pytest.raises(Unfetched, match="no valid certificate"):
        get(f"https://shop.example.kr:{server.port}/")
    assert server.asked == []


# --- where we never go ---

NOT_OURS_TO_CALL = [
    "127.0.0.1", "127.8.9.10", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255",
    "192.168.1.1", "169.254.169.254", "169.254.0.1", "100.64.0.1", "100.127.255.254", "192.0.0.192",
    "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250",
    "240.0.0.1", "255.255.255.255", "192.88.99.1", "::1", "::", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "fe80::1", "fe80::1%eth0",
    "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "2002:7f00:1::", "2001:0:7f00:1::",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "fec0::1", "4000::1",
]  # fmt: skip
PUBLIC = ["93.184.215.14", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", NOT_OURS_TO_CALL)
def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    with pytest.raises(Forbidden, match="leads to"):
        fetching.get("https://inside.example.kr/", allow_private=False, resolve=lambda *_: [address])


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_called(address: str) -> None:
    assert reachable.forbidden(address, allow_private=False) == ""


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd12::1"])
def test_the_switch_opens_private_networks(address: str) -> None:
    assert reachable.forbidden(address, allow_private=True) == ""


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "169.254.1.1", "fd00:ec2::254", "100.100.100.200", "fe80::1", "0.0.0.0", "224.0.0.1"],
)
def test_the_switch_opens_no_cloud_s_own_address(address: str) -> None:
    assert reachable.forbidden(address, allow_private=True) != ""
    assert reachable.forbidden(f"::ffff:{address}", allow_private=True) != "" or ":" in address


@pytest.mark.parametrize(
    "url",
    [
        *("http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/"),
        *("http://0/", "http://127.0.0.1./", "http://[::1]/", "http://[::ffff:7f00:1]/", "http://[fe80::1%25lo]/"),
        *("http://１２７.０.０.１/", "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://[0:0:0:0:0:0:0:1]/"),
        *("http://1.2.3.4.5/", "http://0x/", "http://08.8.8.8/"),
        *("http://user@8.8.8.8/", "http://8.8.8.8:80@10.0.0.1/", "http://:x@8.8.8.8/", "http://@8.8.8.8/"),
        *("file:///etc/passwd", "ftp://8.8.8.8/", "gopher://8.8.8.8:80/_x", "dict://8.8.8.8/", "unix:///x"),
        *("//8.8.8.8/", "8.8.8.8", "", "http://", "http:///x", "http://[/", "http://[::1/", "http://8.8.8.8:99999/"),
        *("http://8.8.8.8\\@10.0.0.1/", "http://8.8.8.8 /", "http://8.8.8.8\t/", "http://8.8.8.8/\r\nX: y", " http://8.8.8.8"),
        *("http://8.8.8.8:22/", "http://8.8.8.8:6379/", "http://8.8.8.8:25/", "https://8.8.8.8:9200/", "http://8.8.8.8:0/"),
        *("http://a..example.kr/", "http://-a.example.kr/", "http://xn--\x80.kr/"),
        "http://" + "a" * 64 + ".kr/",
        *("http://a.example.kr/" + "x" * 3000, "http://ex%61mple.kr/", "http://exa\u00admple／.kr/"),
    ],
)  # fmt: skip
def test_tricks_are_refused_before_anything_is_looked_up(url: str) -> None:
    def never(host: str, port: int) -> list[str]:
        raise AssertionError(f"{host} was looked up")

    with pytest.raises(Forbidden):
        fetching.get(url, allow_private=False, resolve=never)


@given(st.text(max_size=60), st.sampled_from(["http://", "https://", "//", "http://127.0.0.1@", "http://[", ""]))
def test_no_text_leads_inside_or_breaks_the_judge(text: str, before: str) -> None:
    with pytest.raises(Unfetched):
        fetching.get(before + text, allow_private=False, resolve=lambda *_: ["192.168.0.1"])


@pytest.mark.parametrize(
    "location",
    ["http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "ftp://a.example.kr/", "http://u:p@a.example.kr/",
     "//[fd00:ec2::254]/", "http://0x7f.1/", "http://[", "https://metadata.google.internal/"],
)  # fmt: skip
def test_a_redirect_is_judged_like_a_written_address(serve: Callable[..., Server], location: str) -> None:
    def resolve(host: str, port: int) -> list[str]:
        return ["169.254.169.254"] if host.endswith(".internal") else ["127.0.0.1"]

    server = serve(whole(b"", f"Location: {location}", status="302 Found"))
    with pytest.raises(Forbidden):
        get(f"http://a.example.kr:{server.port}/", resolve=resolve)
    assert len(server.asked) == 1


def test_three_redirects_are_followed_and_no_more(serve: Callable[..., Server]) -> None:
    def count(talking: socket.socket, asked: bytes) -> None:
        step = int(asked.split(b" ")[1].strip(b"/") or 0)
        left = whole(b"there") if step == 3 else whole(b"", f"Location: /{step + 1}", status="307 Go")
        talking.sendall(left)

    server = serve(count)
    assert get(f"http://a.example.kr:{server.port}/0").url.endswith("/3")
    endless = serve(whole(b"", "Location: /again", status="301 Go"))
    with pytest.raises(Unfetched, match="more than 3 redirects"):
        get(f"http://a.example.kr:{endless.port}/")
    assert len(endless.asked) == 4


# --- limits ---


def test_a_page_may_be_as_large_as_allowed_and_not_a_byte_more(serve: Callable[..., Server]) -> None:
    server = serve(whole(b"x" * 1000))
    assert len(get(f"http://a.example.kr:{server.port}/", largest=1000).body) == 1000
    with pytest.raises(Unfetched, match="more than 999 bytes"):
        get(f"http://a.example.kr:{server.port}/", largest=999)


def test_a_page_without_end_is_left(serve: Callable[..., Server]) -> None:
    def endless(talking: socket.socket, asked: bytes) -> None:
        talking.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            talking.sendall(b"x" * 65536)

    with pytest.raises(Unfetched, match="more than"):
        get(f"http://a.example.kr:{serve(endless).port}/")


@pytest.mark.parametrize("members", [1, 40])
def test_a_bomb_is_not_unpacked(serve: Callable[..., Server], members: int) -> None:
    bomb = gzip.compress(bytes(50_000_000 // members)) * members
    server = serve(whole(bomb, "Content-Encoding: gzip"))
    with pytest.raises(Unfetched, match="more than"):
        get(f"http://a.example.kr:{server.port}/", largest=1_000_000)


def drip_body(talking: socket.socket, asked: bytes) -> None:
    talking.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    drip(talking, b"x")


def drip_headers(talking: socket.socket, asked: bytes) -> None:
    talking.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    drip(talking, b"x")


def drip(talking: socket.socket, piece: bytes) -> None:
    hung_up = threading.Event()
    while not hung_up.wait(0.02):
        talking.sendall(piece)


@pytest.mark.parametrize("answer", [drip_body, drip_headers, lambda talking, asked: talking.recv(1)])
def test_a_slow_drip_ends_with_the_whole_time(serve: Callable[..., Server], answer: Answer) -> None:
    server, began = serve(answer), time.monotonic()
    with pytest.raises(Unfetched, match="in time"):
        get(f"http://a.example.kr:{server.port}/", seconds=0.3)
    assert time.monotonic() - began < 9


def test_a_silent_handshake_ends_with_the_whole_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Unfetched, match="in time"):
        get(f"https://a.example.kr:{silent.getsockname()[1]}/", seconds=0.3)


def test_a_name_server_that_never_answers_holds_nobody() -> None:
    with pytest.raises(Unfetched, match="looked up in time"):
        get("http://a.example.kr/", seconds=0.2, resolve=lambda *_: threading.Event().wait(30) or [])


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"what\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        whole(gzip.compress(b"x" * 100)[:-9], "Content-Encoding: gzip"),
        whole(b"plain", "Content-Encoding: gzip"),
        whole(b"\x1b", "Content-Encoding: br"),
        whole(gzip.compress(gzip.compress(b"x")), "Content-Encoding: gzip, gzip"),
    ],
)
def test_an_answer_that_is_none_is_said_so(serve: Callable[..., Server], answer: bytes) -> None:
    with pytest.raises(Unfetched):
        get(f"http://a.example.kr:{serve(answer).port}/")


def test_what_went_wrong_is_told_without_the_address_s_secrets(serve: Callable[..., Server]) -> None:
    with pytest.raises(Unfetched) as failed:
        get(f"http://a.example.kr:{serve(b'').port}/s3cret?token=s3cret")
    assert "s3cret" not in str(failed.value)
