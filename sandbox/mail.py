"""A mail server that keeps what it gets, and a page on which a person reads it. No encryption and no login: it listens
on loopback only, and nothing leaves it."""

import asyncio
import re
from collections import deque
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape

from sandbox.page import HEADERS, TYPES
from sandbox.server import Request, Response, answer_json

KEPT = 200
LARGEST = 10 * 1024 * 1024
LONGEST_LINE = 4096
PATIENCE = 60.0
_ADDRESS = re.compile(r"<([^<>\s]*)>")
_HEAD = (
    '<!doctype html><html lang="ko"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>우편함 · Mails</title></head><body><p><a href='/'>← 연습실 · Sandbox</a></p><h1>우편함 · Mails</h1>"
)


class Mailbox:
    def __init__(self) -> None:
        self.letters: deque[tuple[str, EmailMessage]] = deque(maxlen=KEPT)

    async def listen(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", port, limit=LARGEST)

    # --- SMTP ---

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._converse(reader, writer)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            return  # they hung up, or said more than anybody says
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(words: str) -> None:
            writer.write(words.encode() + b"\r\n")
            await writer.drain()

        await say("220 sandbox ESMTP")
        sender, recipients = "", list[str]()
        while line := await reader.readline():
            said = line[:LONGEST_LINE].decode("utf8", "replace").strip()
            verb, address = said[:4].upper(), _ADDRESS.search(said)
            if verb in ("EHLO", "HELO"):
                await say(f"250-sandbox\r\n250 SIZE {LARGEST}" if verb == "EHLO" else "250 sandbox")
            elif verb == "MAIL" and address:
                sender, recipients = address[1], []
                await say("250 OK")
            elif verb == "RCPT" and address and sender:
                recipients.append(address[1])
                await say("250 OK")
            elif verb == "DATA" and recipients:
                await say("354 End with a dot")
                self._keep(recipients, await reader.readuntil(b"\r\n.\r\n"))
                await say("250 OK kept")
            elif verb in ("RSET", "NOOP"):
                sender, recipients = ("", []) if verb == "RSET" else (sender, recipients)
                await say("250 OK")
            elif verb == "QUIT":
                await say("221 Bye")
                return
            else:
                await say("503 Not now" if verb in ("MAIL", "RCPT", "DATA") else "502 Not here")

    def _keep(self, recipients: list[str], content: bytes) -> None:
        bare = re.sub(rb"(?m)^\.\.", b".", content.removesuffix(b".\r\n"))
        letter = message_from_bytes(bare, policy=policy.default)
        if isinstance(letter, EmailMessage):
            self.letters.extend((to, letter) for to in recipients)

    # --- the page ---

    def answer(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return answer_json({"error": "method not allowed"}, 405, {"Allow": "GET, HEAD"})
        shown = "".join(_shown(to, letter) for to, letter in reversed(self.letters))
        page = f"{_HEAD}{shown or '<p>아직 온 메일이 없어요. · No mail yet.</p>'}</body></html>"
        return Response(200, page.encode("utf8", "replace"), {"Content-Type": TYPES[".html"], **HEADERS})


def _shown(to: str, letter: EmailMessage) -> str:
    """The plain words: the page of a letter is somebody's HTML, and this one runs scripts of ours."""
    body = letter.get_body(("plain",))
    words = str(body.get_content()) if body is not None else ""
    files = ", ".join(str(part.get_filename()) for part in letter.iter_attachments())
    head = {
        "보낸 사람 · From": letter["from"],
        "받는 사람 · To": to,
        "시각 · Date": letter["date"],
        "첨부 · Files": files,
    }
    lines = "<br>".join(f"{escape(name)}: {escape(str(value))}" for name, value in head.items() if value)
    return f"<article><h2>{escape(str(letter['subject']))}</h2><p>{lines}</p><pre>{escape(words)}</pre></article><hr>"
