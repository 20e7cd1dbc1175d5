"""Fifty values that must leave no trace, made up anew in each run, and how they might be spelt."""

import base64
import html
import json
import re
import secrets
import unicodedata
import zlib
from functools import cache
from urllib.parse import quote, quote_plus


def settings() -> dict[str, str]:
    """Keys of the house, by the setting that holds them."""
    return {
        "SECRET_KEY": secrets.token_hex(32),
        "METRICS_TOKEN": secrets.token_urlsafe(24),
        "CHANNELTALK_ACCESS_KEY": secrets.token_hex(12),
        "CHANNELTALK_ACCESS_SECRET": secrets.token_hex(16),
        "WEBEX_BOT_TOKEN": secrets.token_urlsafe(48),
        "WEBEX_WEBHOOK_SECRET": secrets.token_urlsafe(16) + "/&+ '\"",
        "TELEGRAM_BOT_TOKEN": f"{_digits(9)}:{secrets.token_urlsafe(26)}",
        "TELEGRAM_SECRET_TOKEN": secrets.token_urlsafe(20),
        "SEND_PASSWORD": secrets.token_urlsafe(9),
    }


def guesses() -> dict[str, str]:
    """What strangers present to be let in, or put where it does not belong."""
    return {
        "wrong token": secrets.token_hex(16),
        "short wrong token": secrets.token_hex(4),
        "token of two": secrets.token_urlsafe(18),
        "token in a path": secrets.token_urlsafe(18),
        "token in a header": secrets.token_urlsafe(24),
        "cookie": secrets.token_hex(14),
        "alert token": secrets.token_urlsafe(24),
        "token in a broken request line": secrets.token_hex(12),
        "token of an unknown page": secrets.token_hex(12),
        "user agent": f"Mozilla {secrets.token_hex(6)}",
        "database password": secrets.token_urlsafe(12),
        "redis password": secrets.token_urlsafe(12),
    }


def profile() -> dict[str, str]:
    """A customer's own values."""
    some = secrets.token_hex
    return {
        "name": f"홍{some(4)}동",
        "mobileNumber": f"+8210{_digits(8)}",
        "email": f"hong.{some(4)}@example.kr",
        "phone": f"010-{_digits(4)}-{_digits(4)}",
        "home": f"서울시 마포구 월드컵북로 {_digits(5)}",
        "company": f"주식회사 {some(4)}",
        "birthday": f"19{_digits(2)}년생 {some(3)}",
        "resident": f"{_digits(6)}-1{_digits(6)}",
        "card": "-".join(_digits(4) for _ in range(4)),
        "account": f"{_digits(3)}-{_digits(6)}-{_digits(5)}",
        "allergy": f"땅콩 {some(4)} 알레르기",
        "illness": f"허리 {some(4)} 통증",
        "foreign": f"Quilla Zenobia {some(4)}",
        "accents": f'Zoë Müller-{some(4)} O\'Neill "Zo"',
        "nfd": unicodedata.normalize("NFD", f"나래 {some(4)}"),
        "emoji": f"🍎 {some(4)} 🍏",
        "rtl": f"\u202e{some(4)} שלום",
        "weight_note": f"6{_digits(1)}.{_digits(6)}",
        "order": f"https://shop.example.kr/orders?token={some(10)}&who={some(4)}",
        "photo": f"https://cdn.example.kr/{some(12)}/me.jpg",
        "script": f"<b>{some(4)}</b>{{{{ 7*7 }}}}",
        "cups": f"세 잔 {some(4)}",  # where a number is expected
        "lines": f"첫째 {some(4)}\n2026-01-01 ERROR forged.line {some(4)}",
    }


def words() -> dict[str, str]:
    """What people say in chats."""
    some = secrets.token_hex
    return {
        "question": f"요즘 {some(4)} 때문에 잠을 못 자요",
        "reply that cannot be read": f"글쎄요 {some(4)} 같은데요",
        "manager": f"고객님 {some(4)} 건은 제가 볼게요",
        "note": f"진상 고객 {some(4)}",
        "with NUL": f"nul {some(6)}",
        "malformed body": f"broken {some(6)}",
        "large body": f"large {some(6)}",
    }


def _digits(count: int) -> str:
    return "".join(secrets.choice("123456789") for _ in range(count))


def telling_part(value: str) -> str:
    """The random part of a value: no innocent text has it."""
    pieces: list[str] = re.findall(r"[0-9A-Za-z_.:+-]+", value)
    return max(pieces, key=len)


@cache
def spellings(value: str) -> frozenset[bytes]:
    """As it is, and as addresses, JSON, Python, HTML, SQL and headers write it."""
    texts = {value, value.replace("-", ""), unicodedata.normalize("NFC", value), html.escape(value)}
    texts |= {
        quote(value, safe=""),
        quote(value),
        quote_plus(value),
        json.dumps(value)[1:-1],
        repr(value)[1:-1],
    }
    texts |= {value.encode("unicode_escape").decode(), value.replace("'", "''")}
    texts |= {base64.b64encode(value.encode()).decode().rstrip("="), value.encode().hex()}
    part = telling_part(value)
    texts |= {part} if len(part) >= 6 else set()
    return frozenset(text.encode() for text in texts if len(text) >= 6)


def unpacked(data: bytes) -> bytes:
    """The bytes, and behind them whatever zlib streams are in them: RQ packs its jobs."""
    found = [data]
    for start in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data):
        try:
            found.append(zlib.decompressobj().decompress(data[start.start() :]))
        except zlib.error:
            continue
    return b"\n".join(found)


def seen(planted: dict[str, str], where: bytes) -> list[str]:
    """The names of the planted values that are there."""
    return [name for name, value in planted.items() if any(text in where for text in spellings(value))]


def lines(planted: dict[str, str], where: bytes) -> dict[str, str]:
    """Which planted value is in which line (the first of them)."""
    found: dict[str, str] = {}
    for line in where.splitlines():
        for name in seen(planted, line):
            found.setdefault(name, line[:500].decode("utf8", "replace"))
    return found
