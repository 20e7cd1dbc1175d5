"""One line per thing that happened, on stderr, without a secret or a customer's data in it.

    2026-11-20T09:00:00+09:00 INFO hook.recorded channel=channeltalk event=12 ms=1.4 part=web trace=ab12cd34

`say`, `warn` and `error` take a constant event name and fields: ids, counts and states, nobody's words.
Lines of libraries go through the same handler: their logger's name is the event, their text is `message=`.
"""

import base64
import json
import linecache
import logging
import logging.config
import os
import re
import secrets
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, tzinfo
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, quote_plus

LONGEST_VALUE = 300
LONGEST_TEXT = 4_000  # what is looked at at all; patterns run over no more than this
FRAMES = 25
CUT = "[cut]"
REDACTED = "[redacted]"

# Fields that would hold a customer's words; a number under such a name is a count.
PERSONAL = frozenset({"text", "plain", "body", "payload", "profile", "survey", "values", "reply", "phone", "email"})
# Chatty below WARNING: one line per job or per request of theirs, beside ours that say the same.
CHATTY = ("rq.", "urllib3.", "werkzeug", "alembic.", "waitress", "asyncio", "sentry_sdk.", "watchfiles.")
# Loggers that bring their own handlers and do not propagate.
TAKEN_OVER = ("gunicorn.error", "gunicorn.access", "rq.worker", "werkzeug", "urllib3", "py.warnings")
# At DEBUG these write the path of each request, and a path may hold a token.
TELL_PATHS = ("gunicorn.error",)

_logger = logging.getLogger("maru")
_trace: ContextVar[str | None] = ContextVar("trace", default=None)


# What we say --------------------------------------------------------------------------------------


def say(event: str, /, **fields: object) -> None:
    _emit(logging.INFO, event, None, fields)


def warn(event: str, /, exception: BaseException | None = None, **fields: object) -> None:
    _emit(logging.WARNING, event, exception, fields)


def error(event: str, /, exception: BaseException | None = None, **fields: object) -> None:
    """With `exception`, its traceback follows; the values inside its texts do not."""
    _emit(logging.ERROR, event, exception, fields)


def debug(event: str, /, **fields: object) -> None:
    _emit(logging.DEBUG, event, None, fields)


def _emit(level: int, event: str, exception: BaseException | None, fields: dict[str, object]) -> None:
    if _logger.isEnabledFor(level):
        # stacklevel: the caller of say(), for whoever asks the record where it comes from
        _logger.log(level, event, exc_info=exception, extra={"fields": fields}, stacklevel=3)


@contextmanager
def following(trace_id: str | None) -> Iterator[None]:
    """Every line said inside carries `trace=`: the same id from the webhook to the last message."""
    token = _trace.set(trace_id)
    try:
        yield
    finally:
        _trace.reset(token)


def trace() -> str | None:
    return _trace.get()


def fresh_trace() -> str:
    return secrets.token_hex(4)


# Setting up ---------------------------------------------------------------------------------------


def setup(level: str, part: str, timezone: tzinfo | None = None) -> None:
    """Take over the process's logging: root, libraries, warnings and exceptions that nobody caught."""
    logging.config.dictConfig(described(level, part, timezone))
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def described(level: str, part: str, timezone: tzinfo | None = None) -> dict[str, Any]:
    """The same as a dictConfig, which gunicorn wants (`logconfig_dict`): it sets its own loggers up late."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"maru": {"()": _Lines, "part": part, "timezone": timezone}},
        "root": {"level": level, "handlers": ["maru"]},
        "loggers": {
            name: {
                "level": "INFO" if level == "DEBUG" and name in TELL_PATHS else level,
                "handlers": [],
                "propagate": True,
            }
            for name in TAKEN_OVER
        },
    }


class _Lines(logging.Handler):
    def __init__(self, part: str, timezone: tzinfo | None) -> None:
        super().__init__()
        self.part, self.timezone = part, timezone
        self.addFilter(_worth_a_line)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
            if sys.stderr is not None:  # a process may have closed it
                sys.stderr.write(f"{line}\n")
                sys.stderr.flush()
        except Exception:  # a line that cannot be written must not break the work that it tells of
            self.handleError(record)

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, self.timezone).astimezone(self.timezone)
        event, fields = record.name, dict[str, object](getattr(record, "fields", {}))
        if hasattr(record, "fields"):
            event = str(record.msg)
        else:
            text = _ANSI.sub("", record.getMessage())
            # gunicorn quotes what was no request, which may hold whatever a stranger or a mistake put there.
            fields["message"] = anonymous(text) if record.name == "gunicorn.error" else text
        fields["part"] = self.part
        if _trace.get() and "trace" not in fields:
            fields["trace"] = _trace.get()
        line = f"{at.isoformat(timespec='seconds')} {record.levelname} {_one_line(event)} " + _pairs(fields)
        if record.exc_info and record.exc_info[1]:
            line += "".join(f"\n    | {_one_line(said)}" for said in exception_lines(record.exc_info[1]))
        return line

    def handleError(self, record: logging.LogRecord) -> None:
        """logging's own would print the arguments as they are."""
        kind = sys.exc_info()[0]
        lost = f"logs.lost logger={_one_line(record.name)} error={kind.__name__ if kind else '-'}"
        if sys.stderr is not None and not isinstance(sys.exc_info()[1], OSError):
            print(f"{datetime.now(self.timezone).isoformat()} ERROR {lost}", file=sys.stderr)


def _worth_a_line(record: logging.LogRecord) -> bool:
    debugging = logging.getLogger().level <= logging.DEBUG
    return debugging or record.levelno >= logging.WARNING or not record.name.startswith(CHATTY)


def _uncaught(kind: type[BaseException], value: BaseException, at: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, value, at)
        return
    _logger.critical("process.broken", exc_info=(kind, value, at), extra={"fields": {}})


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        name = args.thread.name if args.thread else "-"
        _logger.critical("thread.broken", exc_info=args.exc_value, extra={"fields": {"thread": name}})


# One line -----------------------------------------------------------------------------------------

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_BARE = re.compile(r'[^\s"=\\]+')


def _pairs(fields: dict[str, object]) -> str:
    return " ".join(f"{re.sub(r'[^0-9A-Za-z_.]', '_', key)}={_value(key, value)}" for key, value in fields.items())


def _value(key: str, value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if is_secret_name(key):
        return REDACTED
    if key in PERSONAL:
        return "[personal]"
    text = redact(value.isoformat() if isinstance(value, datetime) else str(value))
    text = text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
    if _BARE.fullmatch(text) and text.isprintable():
        return text
    return _one_line(json.dumps(text, ensure_ascii=False))


def _one_line(text: str) -> str:
    """No line breaks, terminal codes or bidirectional marks: nobody writes a second line into our log."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)


# What must not be read ----------------------------------------------------------------------------

_hidden: frozenset[str] = frozenset()
_hidden_pattern: re.Pattern[str] | None = None

_SECRET_WORD = (
    r"(?:token|secret|passw(?:or)?d|passwrod|api[_-]?key|access[_-]?key"
    r"|authorization|cookie|session|signature|credential)"
)
_SECRET_NAME = re.compile(_SECRET_WORD, re.I)

# Every quantifier is bounded or cannot give back what it took, so that a hostile text costs no time.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.I), instead)
    for pattern, instead in (
        (r"-----BEGIN [A-Z ]{1,40}-----[^-]*(?:-----END [A-Z ]{1,40}-----)?", REDACTED),
        (r"/bot\d{1,20}(?::|%3A)[\w-]+", f"/bot{REDACTED}"),
        (r"(/hooks/alert/)[^/\s\"'?]+", rf"\1{REDACTED}"),
        (r"(?<=[^\s?])\?(?=[^\s?\"'<>)])[^\s\"'<>]*", f"?{CUT}"),
        (r"://[^\s/@\"'<>]{1,300}@", f"://{REDACTED}@"),
        (
            rf"([\w-]{{0,40}}{_SECRET_WORD}[\w-]{{0,40}}[\"']?\s{{0,3}}[:=]\s{{0,3}})"
            rf"(?:(?:Bearer|Basic)\s+)?(?:\"[^\"]*\"?|'[^']*'?|[^\s\"',;&}})\]]+)",
            rf"\1{REDACTED}",
        ),
        (r"\b(Bearer|Basic)\s+(?=\S{0,200}[0-9+/=._-])[\w.~+/=-]{8,}", rf"\1 {REDACTED}"),
        (r"\b\d{6,20}:[\w-]{20,}", REDACTED),  # Telegram
        (r"\bmb_[\w-]{12,}|\bAKIA[0-9A-Z]{12,}|\bAIza[\w-]{20,}|\bya29\.[\w.-]+", REDACTED),
        (r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?", REDACTED),  # a signed JSON token
        (r"[\w.%+-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}", "[email]"),
        (
            r"(?<![\da-f])(?:(?:\+|%2B)?82[-.\s]?\(?0?\)?[-.\s]?|0)1[016789]"
            r"[-.\s]?\d{3,4}[-.\s]?\d{4}(?!\d)",
            "[phone]",
        ),
        (r"(?<![\da-f])0\d{1,2}[-.)]\s?\d{3,4}[-.]\d{4}(?!\d)", "[phone]"),
        (r"(?:\+|%2B)[1-9][\d\s().-]{6,16}\d", "[phone]"),
        (r"(?<!\d)\d{6}-[1-8]\d{6}(?!\d)", REDACTED),  # resident registration number
        (r"(?<!\d)\d{4}[- ]\d{4}[- ]\d{4}[- ]\d{4}(?!\d)", REDACTED),  # payment card
    )
)


def hide(*values: str) -> None:
    """From now on none of these values is written, nor as URLs, JSON and headers spell it."""
    global _hidden, _hidden_pattern
    spelt = {spelling for value in values if len(value.strip()) >= 6 for spelling in _spellings(value.strip())}
    if spelt <= _hidden:
        return
    _hidden = _hidden | spelt
    longest_first = sorted(_hidden, key=len, reverse=True)
    _hidden_pattern = re.compile("|".join(re.escape(value) for value in longest_first))


def _spellings(value: str) -> set[str]:
    quoted = {
        value,
        quote(value, safe=""),
        quote(value),
        quote_plus(value),
        json.dumps(value)[1:-1],
        repr(value)[1:-1],
    }
    return quoted | {base64.b64encode(value.encode()).decode().rstrip("=")}


def is_secret_name(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def redact(text: str) -> str:
    """The text without known secrets, tokens, query strings, e-mail addresses and telephone numbers."""
    if len(text) > LONGEST_TEXT:
        text = f"{text[:LONGEST_TEXT]}{CUT}"
    if _hidden_pattern is not None:
        text = _hidden_pattern.sub(REDACTED, text)
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


_SAID_BY_DATA = (
    (re.compile(r"\[parameters: .*", re.S), "[parameters: …]"),  # SQLAlchemy
    (re.compile(r"\bDETAIL: .*", re.S), "DETAIL: …"),  # PostgreSQL: Key (chat)=(…), Failing row contains (…)
    (re.compile(r"\"[^\"]*\"?|'[^']*'?|`[^`]*`?"), "'…'"),
    (re.compile(r"\{[^{}]*\}?"), "{…}"),
    (re.compile(r"[^\x00-\x7f…]+(?:\s+[^\x00-\x7f…]+)*"), "…"),
)


_WORDS = re.compile(r"\w+")
_OURS = f"{Path(__file__).resolve().parent}{os.sep}"
_LIBRARY = f"{os.sep}site-packages{os.sep}"


def anonymous(text: str) -> str:
    """`redact`, and nothing that may be a person's words: what is quoted, in braces, or not in English.

    For texts of exceptions, which libraries fill with whatever value they stumbled over.
    """
    text = redact(text)
    for pattern, instead in _SAID_BY_DATA:
        text = pattern.sub(instead, text)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def exception_lines(exception: BaseException) -> Iterator[str]:
    """The traceback, causes first; file, line, source and kind as they are, texts made anonymous."""
    for cause in _chain(exception):
        if cause.__traceback__ is not None:
            frames = "".join(traceback.format_tb(cause.__traceback__, limit=-FRAMES))
            yield from (redact(line) for line in frames.splitlines())
        kind = f"{type(cause).__module__}.{type(cause).__qualname__}".removeprefix("builtins.")
        yield f"{kind}: {_calm_text(cause)}"
        if isinstance(cause, BaseExceptionGroup):
            for inner in cause.exceptions[:5]:
                yield from (f"  {line}" for line in exception_lines(inner))


def _chain(exception: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    link: BaseException | None = exception
    while link is not None and link not in chain and len(chain) < 10:
        chain.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return chain[::-1]


def _calm_text(exception: BaseException) -> str:
    try:
        text = anonymous(str(exception))
    except Exception:  # a __str__ that breaks must not cost us the traceback
        return "(its text cannot be read)"
    frames = traceback.extract_tb(exception.__traceback__, limit=-1)
    if not frames or not frames[0].filename.startswith(_OURS) or _LIBRARY in frames[0].filename:
        return text
    first, last = frames[0].lineno or 0, frames[0].end_lineno or 0
    source = [linecache.getline(frames[0].filename, line) for line in range(first, last + 1)]
    return only_words_of("".join(source), text)


def only_words_of(source: str, text: str) -> str:
    """Beside its fixed words, what a `raise` of ours puts into a text is data: only words of the source stay.

    Libraries quote what they stumble over, which `anonymous` takes out.
    """
    if "raise" not in source:
        return text
    words = set(_WORDS.findall(source))
    known = _WORDS.sub(lambda found: found[0] if found[0] in words else "…", text)
    return re.sub(r"…(?:[^\w…]*…)+", "…", known)
