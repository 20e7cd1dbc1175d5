"""A letter as it goes over the wire: what we say, as text and as HTML, with headers that nobody's words can break."""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape, unescape
from typing import Any

import idna

from channels import emoji
from channels.contract import SendError

LARGEST_FILES = 5 * 1024 * 1024  # bytes of all attachments together
LONGEST_SUBJECT = 200
LONGEST_ADDRESS = 254  # RFC 5321
# 7bit: base64 or quoted-printable passes every server, 8BITMIME is not everywhere.
_POLICY = SMTP.clone(cte_type="7bit")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x80-\x9f\u2028\u2029\ud800-\udfff]+")
_TAG = re.compile(r"<(/?)(b|i|link)([^>]*)>")
_VALUE = re.compile(r'value="([^"]*)"')
_SAFE_LINK = re.compile(r"(?:https?://|mailto:|tel:)[^\s\x00-\x1f]+", re.IGNORECASE)
_CONTENT_TYPE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,80}/[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,80}")

_PAGE = (
    '<!doctype html>\n<html><head><meta charset="utf-8"></head>\n'
    '<body style="margin:0;padding:16px;font:16px/1.6 sans-serif;max-width:40em">\n{}\n</body></html>\n'
)
_BUTTON = (
    '<a href="{}" style="display:inline-block;margin:4px 8px 4px 0;padding:8px 16px;border-radius:8px;'
    'background:#2f5fd0;color:#fff;text-decoration:none">{}</a>'
)


def address(written: str) -> str:
    """The mailbox as servers take it, its domain in ASCII; or ValueError."""
    local, _, domain = written.strip().rpartition("@")
    try:
        domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        raise ValueError("no domain name") from None
    if not _LOCAL.fullmatch(local) or len(local) > 64 or not _DOMAIN.fullmatch(domain):
        raise ValueError("no e-mail address")
    if len(local) + len(domain) + 1 > LONGEST_ADDRESS:
        raise ValueError("longer than an e-mail address can be")
    return f"{local}@{domain.lower()}"


def letter(sender: tuple[str, str], to: str, body: Mapping[str, Any], key: str) -> tuple[str, bytes]:
    """The Message-ID, which is the same for every repeat of one delivery, and the whole letter. `sender` is a name and
    an address. Whatever cannot be written as a letter is a permanent SendError."""
    name, mailbox = sender
    letter = EmailMessage(policy=_POLICY)
    message_id = f"<{_CONTROL.sub('', key)}@{mailbox.rpartition('@')[2]}>"
    try:
        letter["From"] = Address(display_name=one_line(name), addr_spec=mailbox)
        letter["To"] = Address(addr_spec=to)
        if body.get("reply_to"):
            letter["Reply-To"] = Address(addr_spec=address(str(body["reply_to"])))
        letter["Subject"] = subject(body)
        letter["Date"] = format_datetime(datetime.now(UTC))
        letter["Message-ID"] = message_id
        letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine answers it
        letter["X-Auto-Response-Suppress"] = "All"  # what Exchange asks for to the same end
        text = str(body.get("text") or "")
        letter.set_content(plain(text, body))
        letter.add_alternative(str(body.get("html") or page(text, body)), subtype="html")
        _attach(letter, body.get("attachments") or [])
        return message_id, letter.as_bytes()
    except (ValueError, LookupError, TypeError) as error:
        raise SendError(f"it cannot be written as a mail: {error}", permanent=True) from None


def subject(body: Mapping[str, Any]) -> str:
    """What was given, else the first line of what is said."""
    given = one_line(str(body.get("subject") or ""))
    if not given:
        lines = [one_line(line) for line in plain(str(body.get("text") or ""), {}).splitlines()]
        given = next(filter(None, lines), "")
        given = given if len(given) <= 70 else given[:69].rstrip() + "…"
    return given[:LONGEST_SUBJECT]


def one_line(words: str) -> str:
    """A line break in a header would begin another header."""
    return " ".join(_CONTROL.sub(" ", words).split())


def plain(text: str, body: Mapping[str, Any]) -> str:
    """Our markup without its tags; an address that a link hides stands behind its words."""
    made, at, target, linked = "", 0, "", ""
    for found in _TAG.finditer(text):
        words = _said(text[at : found.start()])
        made, linked, at = made + words, linked + words, found.end()
        if found[2] == "link" and not found[1]:
            target, linked = _target(found[3]), ""
        elif found[2] == "link":
            made += f" ({target})" if target and target.removeprefix("mailto:") != linked.strip() else ""
            target = ""
    made += _said(text[at:])
    extra = [str(body["image"])] if body.get("image") else []
    extra += [f"{button['title']}: {button['url']}" for button in body.get("buttons") or [] if button.get("url")]
    return "\n".join([made.rstrip(), *([""] if extra else []), *extra]) + "\n"


def page(text: str, body: Mapping[str, Any]) -> str:
    """Our markup as a page; whatever is no tag of ours stays words."""
    made, at, opened = "", 0, list[str]()
    for found in _TAG.finditer(text):
        made += _words(text[at : found.start()])
        at = found.end()
        if not found[1]:
            opening, closing = _tags(found[2], found[3])
            made += opening
            opened.append(closing)
        elif opened:
            made += opened.pop()
    made += _words(text[at:]) + "".join(reversed(opened))
    parts = [f"<div>{made}</div>"]
    image = str(body.get("image") or "")
    if _SAFE_LINK.fullmatch(image):
        parts.append(f'<p><img src="{escape(image)}" alt="" style="max-width:100%"></p>')
    buttons = [button for button in body.get("buttons") or [] if _SAFE_LINK.fullmatch(str(button.get("url") or ""))]
    if buttons:
        shown = (_BUTTON.format(escape(str(one["url"])), escape(str(one["title"]))) for one in buttons)
        parts.append(f"<p>{''.join(shown)}</p>")
    return _PAGE.format("\n".join(parts))


def _words(text: str) -> str:
    return escape(_said(text), quote=False).replace("\n", "<br>\n")


def _said(text: str) -> str:
    return emoji.shown(unescape(text))


def _tags(name: str, attributes: str) -> tuple[str, str]:
    if name != "link":
        return f"<{name}>", f"</{name}>"
    target = _target(attributes)
    return (f'<a href="{escape(target)}">', "</a>") if target else ("", "")


def _target(attributes: str) -> str:
    """Where a link leads, if that is anywhere safe."""
    found = _VALUE.search(attributes)
    target = unescape(found[1]) if found else ""
    return target if _SAFE_LINK.fullmatch(target) else ""


def _attach(letter: EmailMessage, files: list[Mapping[str, Any]]) -> None:
    """`content` is base64."""
    size = 0
    for file in files:
        try:
            content = base64.b64decode(str(file["content"]), validate=True)
        except binascii.Error:
            raise ValueError("the content of an attachment is not base64") from None
        size += len(content)
        if size > LARGEST_FILES:
            raise ValueError(f"its attachments are larger than {LARGEST_FILES // 1024**2} MiB")
        kind = str(file.get("content_type") or "")
        # multipart and message would be read as parts of this letter.
        fits = _CONTENT_TYPE.fullmatch(kind) and not kind.lower().startswith(("multipart/", "message/"))
        main, _, sub = (kind if fits else "application/octet-stream").partition("/")
        name = one_line(str(file.get("name") or "")).replace("/", "_").replace("\\", "_") or "file"
        letter.add_attachment(content, maintype=main, subtype=sub, filename=name)
