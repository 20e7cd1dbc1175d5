"""Sample calls of each platform, `tests/wire/<channel>/*.http`: request line, headers, an empty line, body.

Marks are filled in when a sample is sent. {{new}} is an id that no other call has, and must be the chat's id
or part of it; {{secret KEY}} is the first of the channel's values under KEY; {{hmac-sha1 KEY}} and
{{hmac-sha256 KEY}} sign the body with it. Where such a mark stands, the abuse cases take the proof away or
falsify it. A name that begins with `ignored_` is genuine, but nothing for us.
"""

import hmac
import re
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

FOLDER = Path(__file__).parent / "wire"
_MARK = re.compile(r"\{\{(\S+) (\S+)\}\}")


def _hmac(algorithm: str) -> Callable[[str, bytes], str]:
    return lambda key, body: hmac.new(key.encode(), body, algorithm).hexdigest()


# How a platform proves itself: the first of its keys, and the body, to what it sends.
PROOFS: dict[str, Callable[[str, bytes], str]] = {
    "secret": lambda key, body: key,
    "hmac-sha1": _hmac("sha1"),
    "hmac-sha256": _hmac("sha256"),
}


@dataclass(frozen=True)
class Sample:
    channel: str
    name: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def ignored(self) -> bool:
        return self.name.startswith("ignored_")

    @property
    def signs_the_body(self) -> bool:
        return any("{{hmac" in text for text in (self.target, *(value for _, value in self.headers)))

    def new(self, id: str) -> "Sample":
        return replace(self, body=self.body.replace(b"{{new}}", id.encode()))

    def proven(self, keys: Mapping[str, str], change: Callable[[str], str] = str) -> "Sample":
        """With its proof, after `change` had it in hand; a proof that is then empty takes its field along."""

        def fill(text: str) -> str:
            return _MARK.sub(lambda mark: change(PROOFS[mark[1]](keys[mark[2]].split(",")[0].strip(), self.body)), text)

        path, query = urlsplit(self.target).path, urlsplit(self.target).query
        given = [(name, fill(value), "{{" in value) for name, value in parse_qsl(query)]
        kept = urlencode([(n, v) for n, v, marked in given if v or not marked], quote_via=quote)
        told = [(name, fill(value), "{{" in value) for name, value in self.headers]
        return replace(
            self,
            target=path + (f"?{kept}" if kept else ""),
            headers=tuple((n, v) for n, v, marked in told if v or not marked),
        )

    def raw(self, *more: str, length: bool = True) -> bytes:
        """The call as bytes on the wire."""
        lines = [f"{self.method} {self.target} HTTP/1.1", "Host: maru.example.kr", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += [f"Content-Length: {len(self.body)}"] if length else []
        return "\r\n".join([*lines, *more]).encode() + b"\r\n\r\n" + self.body


def samples(channel: str) -> list[Sample]:
    return [_read(channel, path) for path in sorted((FOLDER / channel).glob("*.http"))]


def _read(channel: str, path: Path) -> Sample:
    head, _, body = path.read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    method, _, rest = first.partition(" ")
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    return Sample(channel, path.stem, method, rest.removesuffix(" HTTP/1.1"), headers, body)


def fresh_id() -> str:
    return f"w{secrets.token_hex(8)}"


def speak(port: int, said: bytes, *, patience: float = 30.0, hang_up: bool = False) -> tuple[int, bytes]:
    """Send the bytes as they are; the status and all that came back. 0 = closed without a word."""
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as talking:
        try:
            talking.sendall(said)
            if hang_up:
                talking.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before all was said: what matters is the answer
        heard = b""
        try:
            while piece := talking.recv(65536):
                heard += piece
        except ConnectionResetError:
            pass  # they closed while we still spoke; what came before it is the answer
    status = re.match(rb"HTTP/1\.\d (\d{3})", heard)
    return (int(status[1]) if status else 0), heard
