"""Errors, check-ins of the clock and warnings to Sentry: what broke and where, never whose data it was.

Everything that leaves is built from lists of what may, so a field that nobody thought of is not sent. Without
a DSN nothing happens and `sentry_sdk` is not even imported.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import logs

if TYPE_CHECKING:
    from logging import LogRecord

    from sentry_sdk.integrations import Integration
    from sentry_sdk.types import Breadcrumb, Event, Hint, Log

Json = dict[str, Any]

# Platforms call these: their query holds a token, and recording must cost nothing more than recording.
NEVER_TRACED = ("/open_userchat", "/in_userchat", "/hooks/", "/healthz", "/readyz", "/metrics")

_started = False


def start(
    dsn: str | None,
    environment: str,
    release: str,
    traces_sample_rate: float,
    part: str,
    secrets: Iterable[str] = (),
) -> None:
    """Once per process, before the Flask app or the worker is built; `secrets` are hidden from logs too."""
    global _started
    logs.hide(*secrets)
    if not dsn:
        return
    import sentry_sdk

    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        release=release,
        # Named ones only: looking for all that could be enabled imports half of what is installed, and the
        # integrations of Redis and SQLAlchemy would put commands and parameters into spans.
        auto_enabling_integrations=False,
        integrations=_integrations(part),
        traces_sampler=_sampler(traces_sample_rate) if traces_sample_rate else None,
        trace_propagation_targets=[],
        strict_trace_continuation=True,
        send_default_pii=False,
        max_request_body_size="never",
        include_local_variables=False,
        auto_session_tracking=False,
        enable_logs=True,
        max_breadcrumbs=40,
        project_root=str(Path(__file__).resolve().parent),
        before_send=scrub,
        before_send_transaction=scrub,
        before_breadcrumb=scrub_breadcrumb,
        before_send_log=scrub_log,
        before_send_metric=lambda metric, hint: None,
        shutdown_timeout=2,
    )
    sentry_sdk.set_tag("part", part)
    _started = True


def check_in(slug: str, ok: bool = True, every_minutes: int = 1, seconds: float | None = None) -> None:
    """Tell Sentry that a regular run took place; when none is told for a while, Sentry raises the alarm."""
    if not _started:
        return
    from sentry_sdk.crons import MonitorStatus, capture_checkin

    capture_checkin(
        monitor_slug=slug,
        status=MonitorStatus.OK if ok else MonitorStatus.ERROR,
        duration=seconds,
        monitor_config={
            "schedule": {"type": "interval", "value": every_minutes, "unit": "minute"},
            "checkin_margin": max(2, every_minutes),
            "max_runtime": max(1, every_minutes),
            "failure_issue_threshold": 1,
            "recovery_threshold": 1,
        },
    )


def flush(seconds: float = 2) -> None:
    """Before `os._exit`, at the end of a forked child and of a short command."""
    if _started:
        import sentry_sdk

        sentry_sdk.flush(timeout=seconds)


def _integrations(part: str) -> "list[Integration]":
    import logging

    from sentry_sdk.integrations.logging import LoggingIntegration

    found: list[Integration] = [LoggingIntegration(sentry_logs_level=logging.WARNING)]
    if part == "web":
        from sentry_sdk.integrations.flask import FlaskIntegration

        found.append(FlaskIntegration(transaction_style="url"))
    if part == "worker":
        from sentry_sdk.integrations.rq import RqIntegration

        found.append(RqIntegration())
    return found


def _sampler(rate: float) -> Callable[[Mapping[str, Any]], float]:
    def sample(context: Mapping[str, Any]) -> float:
        path = str((context.get("wsgi_environ") or {}).get("PATH_INFO", ""))
        return 0.0 if path.startswith(NEVER_TRACED) else rate

    return sample


# What may leave ----------------------------------------------------------------------------------

_TOP = {
    *("event_id", "timestamp", "start_timestamp", "level", "platform", "sdk", "server_name", "environment"),
    *("release", "transaction", "transaction_info", "logger", "type", "fingerprint", "modules"),
    *("monitor_slug", "check_in_id", "status", "duration", "monitor_config"),
}
_FRAME = {
    *("filename", "abs_path", "function", "module", "lineno", "in_app"),
    *("pre_context", "context_line", "post_context"),
}
_TRACE = {"trace_id", "span_id", "parent_span_id", "op", "origin", "status"}
_SPAN = _TRACE | {"start_timestamp", "timestamp", "same_process_as_parent"}
_SPAN_DATA = {"http.method", "http.response.status_code", "messaging.destination.name"}
_CRUMB = {"type", "category", "level", "timestamp"}
_LOG = {
    *(
        "logger.name",
        "code.line.number",
        "code.file.path",
        "code.function.name",
        "process.pid",
        "server.address",
    ),
    *(
        "sentry.environment",
        "sentry.release",
        "sentry.sdk.name",
        "sentry.sdk.version",
        "sentry.origin",
        "part",
    ),
}
_HEADERS = {"content-type", "content-length"}
_TAGS = {"part", "channel", "queue", "module"}
# A field of ours is an id, a count or a state; these may name a person.
_PERSONAL = re.compile(r"name|person|user|chat|text|mail|phone|customer|reply|query|body|answer_text", re.I)
_WORD = re.compile(r"[A-Za-z0-9_.:/+-]{1,80}")
# Their texts are their own words about themselves, and are made anonymous. Anyone else who logs without
# arguments may have put a customer into the text.
_LIBRARIES = (
    "gunicorn",
    "rq",
    "urllib3",
    "sqlalchemy",
    "alembic",
    "werkzeug",
    "flask",
    "py.warnings",
    "asyncio",
)


def scrub(event: "Event", hint: "Hint") -> "Event | None":
    """Errors, messages, check-ins and transactions: a new event from what may leave of the old one."""
    old = cast(Json, event)
    new = _clean(_kept(old, _TOP))
    parts: dict[str, Callable[[Any], Any]] = {
        "exception": lambda it: {"values": [_exception(one) for one in _values(it)]},
        "threads": lambda it: {"values": [{"stacktrace": _stack(one.get("stacktrace"))} for one in _values(it)]},
        "breadcrumbs": lambda it: {"values": [_clean(_kept(one, _CRUMB | {"data", "message"})) for one in _values(it)]},
        "contexts": _contexts,
        "request": lambda it: _request(it, str(old.get("transaction", ""))),
        "spans": lambda it: [_span(span) for span in it if isinstance(span, dict)],
        "tags": lambda it: _clean(_kept(it, _TAGS)),
        "extra": _extra,
        "logentry": lambda it: _logentry(it, hint.get("log_record"), str(old.get("logger", ""))),
        "message": logs.anonymous,
    }
    for name, rebuilt in parts.items():
        if old.get(name):
            new[name] = rebuilt(old[name])
    return cast("Event", new)


def scrub_breadcrumb(crumb: "Breadcrumb", hint: "Hint") -> "Breadcrumb | None":
    new = _crumb(crumb)
    record: LogRecord | None = hint.get("log_record")
    if record is not None:
        new["message"] = _record_text(record)
    return new


def scrub_log(log: "Log", hint: "Hint") -> "Log | None":
    old: Json = dict(log["attributes"])
    template = old.get("sentry.message.template")
    log["body"] = _log_text(str(old.get("logger.name")), str(template or log["body"]), bool(template))
    log["attributes"] = {**_clean(_kept(old, _LOG)), **_fields(old.get("fields"))}
    return log


def _exception(one: Json) -> Json:
    new = _clean(_kept(one, {"type", "module", "thread_id"}))
    mechanism = {"type", "handled", "exception_id", "parent_id", "is_exception_group"}
    new["mechanism"] = _kept(one.get("mechanism"), mechanism)
    new["stacktrace"] = _stack(one.get("stacktrace"))
    new["value"] = _exception_text(str(one.get("value") or ""), new["stacktrace"]["frames"])
    return new


def _exception_text(text: str, frames: list[Json]) -> str:
    text = logs.anonymous(text)
    last = frames[-1] if frames else {}
    line = str(last.get("context_line", ""))
    if not last.get("in_app") or "raise" not in line:
        return text
    return logs.only_words_of("\n".join([line, *map(str, last.get("post_context") or ())]), text)


def _stack(stack: Any) -> Json:
    frames = stack.get("frames") if isinstance(stack, dict) else None
    return {"frames": [_clean(_kept(frame, _FRAME)) for frame in frames or ()]}


def _crumb(crumb: Mapping[str, Any]) -> Json:
    """Which call was made and how it ended. A text is added by `scrub_breadcrumb`, for lines of logs only."""
    new = _clean(_kept(crumb, _CRUMB))
    data = crumb.get("data") or {}
    made = {
        "method": data.get("method") or data.get("http.method"),
        "status_code": data.get("status_code") or data.get("http.response.status_code"),
        "url": _place(str(data["url"])) if data.get("url") else None,
        **_fields(data.get("fields")),
    }
    if known := {name: value for name, value in made.items() if value is not None}:
        new["data"] = known
    return new


def _place(url: str) -> str:
    """Host and path; steps that look like ids or tokens are left out."""
    origin, path = _split(url)
    plain = re.compile(r"[a-z_.-]*|v\d")
    return logs.redact(origin + "/".join(step if plain.fullmatch(step) else "…" for step in path.split("/")))


def _split(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:  # no address at all: nothing of it is worth sending
        return "", ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}", parts.path


def _contexts(contexts: Any) -> Json:
    new = _clean(_kept(contexts, {"runtime"}))
    # without its dynamic_sampling_context, which repeats the `baggage` header of whoever called us
    if isinstance(contexts, dict) and isinstance(contexts.get("trace"), dict):
        new["trace"] = _clean(_kept(contexts["trace"], _TRACE))
    return new


def _request(request: Any, transaction: str) -> Json:
    new: Json = _clean(_kept(request, {"method"}))
    if isinstance(request, dict):
        headers = request.get("headers") or {}
        new["headers"] = _clean({k: v for k, v in headers.items() if str(k).lower() in _HEADERS})
        if transaction.startswith("/"):  # the rule, such as /console/chats/<channel>/<chat>, not what filled it
            new["url"] = logs.redact(_split(str(request.get("url", "")))[0] + transaction)
    return new


def _span(span: Json) -> Json:
    new = _clean(_kept(span, _SPAN))
    new["data"] = _clean(_kept(span.get("data"), _SPAN_DATA))
    said = str(span.get("description") or "").split(" ")
    if span.get("op") == "http.client" and len(said) == 2:
        new["description"] = f"{said[0]} {_place(said[1])}"
    return new


def _extra(extra: Any) -> Json:
    if not isinstance(extra, dict):
        return {}
    new = _fields(extra.get("fields"))
    if isinstance(extra.get("rq-job"), dict):
        new["rq-job"] = _clean(_kept(extra["rq-job"], {"job_id", "func"}))
    return new


def _fields(fields: Any) -> Json:
    """Of the fields of a line of ours: numbers, and single words that name no person."""
    if not isinstance(fields, dict):
        return {}
    new: Json = {}
    for name, value in fields.items():
        if _PERSONAL.search(str(name)) or logs.is_secret_name(str(name)):
            continue
        if isinstance(value, int | float):
            new[str(name)] = value
        elif isinstance(value, str) and _WORD.fullmatch(value):
            new[str(name)] = logs.redact(value)
    return new


def _logentry(entry: Any, record: "LogRecord | None", logger: str) -> Json:
    if record is not None:
        return {"message": _record_text(record)}
    return {"message": _log_text(logger, str(entry.get("message", "")), bool(entry.get("params")))}


def _record_text(record: "LogRecord") -> str:
    return _log_text(record.name, str(record.msg), bool(record.args))


def _log_text(logger: str, template: str, filled: bool) -> str:
    """The template, never what filled it. Who fills before logging is believed only when it is a library."""
    if filled or logger == "maru" or logger.startswith(_LIBRARIES):
        return logs.anonymous(template)
    return "(a text that may hold data)"


def _values(it: Any) -> list[Json]:
    found = it.get("values") if isinstance(it, dict) else it
    return [one for one in found or () if isinstance(one, dict)]


def _kept(it: Any, names: set[str]) -> Json:
    return {name: it[name] for name in names if name in it} if isinstance(it, Mapping) else {}


def _clean(it: Json) -> Json:
    """Every text in it without known secrets and what looks like one."""
    return {name: _without_secrets(value) for name, value in it.items()}


def _without_secrets(it: Any) -> Any:
    if isinstance(it, str):
        return logs.redact(it)
    if isinstance(it, Mapping):
        return {name: _without_secrets(value) for name, value in it.items()}
    if isinstance(it, list | tuple):
        return [_without_secrets(value) for value in it]
    return it
