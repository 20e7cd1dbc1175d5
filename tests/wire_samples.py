"""Sample calls of each platform, `tests/wire/<channel>/*.http`: request line, headers, an empty line, body.

Marks are filled in when a sample is sent. {{new}} is an id that no other call has, and must be the chat's id
or part of it; {{secret KEY}} is the first of the channel's values under KEY; {{hmac-sha1 KEY}} and
{{hmac-sha256 KEY}} sign the body with it; what Google and Amazon sign, their stand-ins at the address under KEY
sign. Where such a mark stands, the abuse cases take the proof away or falsify it; SNS has it in the body. {{now}} is
the time, as SNS writes it. A name that begins with `ignored_` is genuine, but nothing for us.
"""

import hmac
import json
import re
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import requests

from channels import sns

FOLDER = Path(__file__).parent / "wire"
_MARK = re.compile(r"\{\{(\S+) (\S+)\}\}")


def _hmac(algorithm: str) -> Callable[[str, bytes], str]:
    return lambda key, body: hmac.new(key.encode(), body, algorithm).hexdigest()


def _asked(url: str, path: str, **body: object) -> dict[str, str]:
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    done = requests.post(f"{origin}/sandbox/{path}", json=body, timeout=30)
    assert done.status_code == 200, done.text
    return done.json()  # type: ignore[no-any-return]


def _google(url: str, body: bytes) -> str:
    return _asked(url, "google_chat/token")["token"]


def _google_addon(url: str, body: bytes) -> str:
    project = _project(url)
    email = f"service-{project}@gcp-sa-gsuiteaddons.iam.gserviceaccount.com"
    return _asked(url, "google_chat/token", claims={"email": email})["token"]


def _project(url: str) -> str:
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    return str(requests.get(f"{origin}/sandbox/google_chat/settings", timeout=30).json()["project"])


def _sns(url: str, body: bytes) -> dict[str, str]:
    told = sns.read(body)
    fields = {name: told[name] for name in (*sns.SIGNED, *sns.SIGNED_TO_CONFIRM, "SignatureVersion") if name in told}
    return _asked(url, "sns/sign", message=fields)


# How a platform proves itself: the first of its keys, and the body, to what it sends.
PROOFS: dict[str, Callable[[str, bytes], str]] = {
    "secret": lambda key, body: key,
    "hmac-sha1": _hmac("sha1"),
    "hmac-sha256": _hmac("sha256"),
    "google-token": _google,
    "google-addon-token": _google_addon,
    "sns-signature": lambda url, body: _sns(url, body)["signature"],
    "sns-certificate": lambda url, body: _sns(url, body)["url"],  # where the proof's key is: itself none
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

    @property
    def proves_in_the_body(self) -> bool:
        return b"{{sns-signature" in self.body

    def new(self, id: str) -> "Sample":
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z").encode()
        return replace(self, body=self.body.replace(b"{{new}}", id.encode()).replace(b"{{now}}", now))

    def proven(self, keys: Mapping[str, str], change: Callable[[str], str] = str) -> "Sample":
        """With its proof, after `change` had it in hand; a proof that is then empty takes its field along."""

        def proof(mark: re.Match[str]) -> str:
            made = PROOFS[mark[1]](keys[mark[2]].split(",")[0].strip(), self.body)
            return made if mark[1] == "sns-certificate" else change(made)

        def fill(text: str) -> str:
            return _MARK.sub(proof, text)

        path, query = urlsplit(self.target).path, urlsplit(self.target).query
        given = [(name, fill(value), "{{" in value) for name, value in parse_qsl(query)]
        kept = urlencode([(n, v) for n, v, marked in given if v or not marked], quote_via=quote)
        told = [(name, fill(value), "{{" in value) for name, value in self.headers]
        return replace(
            self,
            target=path + (f"?{kept}" if kept else ""),
            headers=tuple((n, v) for n, v, marked in told if v or not marked),
            body=_MARK.sub(lambda mark: json.dumps(proof(mark))[1:-1], self.body.decode()).encode()
            if self.proves_in_the_body
            else self.body,
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
