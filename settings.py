"""Every knob, typed, read once from the environment, `.env` and `API_key.json`.

The doors call `load()` and hand the values down; nothing else reads the environment.
"""

import difflib
import hashlib
import hmac
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parent

# A channel's section in API_key.json, and the setting that each of its keys is.
CHANNEL_KEYS: dict[str, dict[str, str]] = {
    "channeltalk": {
        "access_key": "CHANNELTALK_ACCESS_KEY",
        "access_secret": "CHANNELTALK_ACCESS_SECRET",
        "webhook_tokens": "CHANNELTALK_WEBHOOK_TOKENS",
        "bot_name": "CHANNELTALK_BOT_NAME",
        "api_url": "CHANNELTALK_API_URL",
    },
    "webex": {
        "bot_token": "WEBEX_BOT_TOKEN",
        "bot_name": "WEBEX_BOT_NAME",
        "bot_email": "WEBEX_BOT_EMAIL",
        "webhook_secret": "WEBEX_WEBHOOK_SECRET",
        "webhook_name": "WEBHOOK_NAME",
        "webhook_url": "WEBHOOK_URL",
        "api_url": "WEBEX_API_URL",
    },
    "google_chat": {
        "application_credentials": "GOOGLE_APPLICATION_CREDENTIALS",
        "audience": "GOOGLE_CHAT_AUDIENCE",
        "project_number": "GOOGLE_CHAT_PROJECT_NUMBER",
        "api_url": "GOOGLE_CHAT_API_URL",
        "certs_url": "GOOGLE_CERTS_URL",
    },
    "telegram": {
        "bot_token": "TELEGRAM_BOT_TOKEN",
        "secret_token": "TELEGRAM_SECRET_TOKEN",
        "api_url": "TELEGRAM_API_URL",
    },
    "sns": {"topic_arns": "SNS_TOPIC_ARNS", "base_url": "SNS_BASE_URL"},
    "email": {
        "smtp_url": "SMTP_URL",
        "smtp_port": "SMTP_PORT",
        "smtp_tls": "SMTP_TLS",
        "send_mail": "SEND_MAIL",
        "send_password": "SEND_PASSWORD",
        "receive_mail": "RECEIVE_MAIL",
    },
}
API_ORIGINS = {
    "CHANNELTALK_API_URL": "https://api.channel.io",
    "WEBEX_API_URL": "https://webexapis.com",
    "GOOGLE_CHAT_API_URL": "https://chat.googleapis.com",
    "TELEGRAM_API_URL": "https://api.telegram.org",
}
SMTP_PORTS = {"starttls": "587", "ssl": "465", "none": "25"}
WEBHOOK_NAME = "maru"  # the first part of our webhooks' names; the installation's own, where several share a bot
LISTS = ("CHANNELTALK_WEBHOOK_TOKENS", "SNS_TOPIC_ARNS")
LOOPBACK_ONLY = ("SNS_BASE_URL", "GOOGLE_CERTS_URL")

# What the first version called things. DB_PASSWROD and ELASTCSEARCH are spelt as it spelt them.
FIRST_NAMES = {"SERVER_HOST": "HOST", "SERVER_PORT": "PORT", "SERVER_WORKER": "WEB_CONCURRENCY"}
FIRST_PARTS = {
    "REDIS_URL": ("REDIS_HOST", "REDIS_PORT"),
    "ELASTICSEARCH_URL": ("ELASTCSEARCH_HOST", "ELASTCSEARCH_PORT"),
    "DATABASE_URL": ("DB_USER", "DB_PASSWROD", "DB_HOST", "DB_PORT", "DB_NAME"),
}


class Wrong(Exception):
    """A setting has a value we cannot run with; the text names the setting and the mend."""


@dataclass(frozen=True)
class Settings:
    data_dir: Path
    host: str
    port: int
    relay_port: int
    sandbox_port: int
    base_url: str
    trusted_proxies: int
    secret_key: str | None
    database_url: str
    redis_url: str
    embedded_redis: bool
    timezone: ZoneInfo
    locale: str
    log_level: str
    retention_days: int
    web_concurrency: int
    workers: int
    spool: bool
    home_company: str
    allow_private_urls: bool
    metrics_token: str | None
    sandbox: str
    elasticsearch_url: str | None
    sentry_dsn: str | None
    sentry_environment: str
    sentry_traces_sample_rate: float
    channels: Mapping[str, Mapping[str, str]] = field(repr=False)
    renamed: Mapping[str, str] = field(repr=False)  # first version's name -> today's, of those that are set

    @property
    def socket_path(self) -> Path:
        return Path(urlsplit(self.redis_url.split("?")[0]).path)

    @property
    def relay_url(self) -> str:
        """Where browsers and bots connect: behind the front on the public address, on this machine its own port."""
        url = urlsplit(self.base_url)
        if url.scheme == "https":
            return f"wss://{url.netloc}"
        host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
        return f"ws://{host}:{self.relay_port}"

    def secrets(self) -> list[str]:
        """Every value that must appear in no log: keys, tokens, passwords inside addresses."""
        public = {
            "api_url",
            "bot_name",
            "bot_email",
            "webhook_name",
            "webhook_url",
            "base_url",
            "certs_url",
            "audience",
        }
        public |= {"smtp_url", "smtp_port", "smtp_tls", "send_mail", "receive_mail", "application_credentials"}
        public |= {"project_number", "topic_arns", "endpoint"}
        found = [v for keys in self.channels.values() for k, v in keys.items() if k not in public]
        found += [p for v in found if "," in v for p in v.split(",")]
        found += [urlsplit(u).password or "" for u in (self.database_url, self.redis_url)]
        found += [self.secret_key or "", self.metrics_token or "", urlsplit(self.sentry_dsn or "").username or ""]
        return sorted({v.strip() for v in found if len(v.strip()) >= 6})


def load(environ: Mapping[str, str] | None = None, root: Path = ROOT) -> Settings:
    """Read and check everything, or raise `Wrong` with one line."""
    given = _Given(environ if environ is not None else os.environ, root)
    data_dir = Path(given.text("DATA_DIR", "var"))
    data_dir = data_dir if data_dir.is_absolute() else root / data_dir
    host, port = given.text("HOST", "127.0.0.1"), given.whole("PORT", 8000, 1, 65535)
    redis_url = given.address("REDIS_URL", ("redis", "rediss", "unix"))
    base_url = given.origin("BASE_URL") or f"http://127.0.0.1:{port}"
    secret_key = given.text("SECRET_KEY", "") or _kept_key(data_dir)
    return Settings(
        data_dir=data_dir,
        host=host,
        port=port,
        relay_port=given.whole("RELAY_PORT", 8001, 0, 65535),
        sandbox_port=given.whole("SANDBOX_PORT", 8002, 0, 65535),
        base_url=base_url,
        trusted_proxies=given.whole("TRUSTED_PROXIES", 0, 0, 10),
        secret_key=secret_key,
        database_url=_database_url(given, data_dir),
        redis_url=redis_url or f"unix://{_socket_path(data_dir)}",
        embedded_redis=not redis_url,
        timezone=_zone(given.text("TIMEZONE", "Asia/Seoul")),
        locale=given.choice("LOCALE", "ko", ("ko", "en")),
        log_level=given.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"), fold=str.upper),
        retention_days=given.whole("RETENTION_DAYS", 365, 1, 36500),
        web_concurrency=given.whole("WEB_CONCURRENCY", 2, 1, 64),
        workers=given.whole("WORKERS", 2, 1, 64),
        spool=given.switch("SPOOL", True),
        home_company=given.name("HOME_COMPANY", "home"),
        allow_private_urls=given.switch("ALLOW_PRIVATE_URLS", False),
        metrics_token=given.text("METRICS_TOKEN", "") or None,
        sandbox=given.choice("SANDBOX", "auto", ("auto", "on", "off")),
        elasticsearch_url=given.origin("ELASTICSEARCH_URL", lan=True) or None,
        sentry_dsn=_dsn(given.text("SENTRY_DSN", "")),
        sentry_environment=given.text("SENTRY_ENVIRONMENT", "production"),
        sentry_traces_sample_rate=given.share("SENTRY_TRACES_SAMPLE_RATE", 0.0),
        channels=_completed(_channels(given), base_url, secret_key),
        renamed=given.renamed,
    )


def demand_secret_key(settings: Settings) -> None:
    """What signs sessions is made by `make run` alone; elsewhere it has to be given."""
    if len(settings.secret_key or "") < 16:
        raise Wrong("SECRET_KEY: missing or shorter than 16; give 32 random characters (make run makes one by itself)")


class _Given:
    """What the user gave, by today's names: environment over `.env`, NAME_FILE and the first version's names."""

    def __init__(self, environ: Mapping[str, str], root: Path) -> None:
        kept = {k: v for k, v in dotenv_values(root / ".env").items() if v is not None}
        self.values = {**kept, **environ}
        self.root = root
        self.renamed: dict[str, str] = {}
        for first, name in FIRST_NAMES.items():
            if self.values.get(first) and not self.values.get(name):
                self.values[name] = self.values[first]
                self.renamed[first] = name
        for name, firsts in FIRST_PARTS.items():
            if not self.values.get(name) and any(self.values.get(first) for first in firsts):
                self.renamed |= {first: name for first in firsts if self.values.get(first)}
                self.values[name] = self._joined(name, [self.values.get(first, "") for first in firsts])

    def _joined(self, name: str, parts: list[str]) -> str:
        if name == "DATABASE_URL":
            user, password, host, port, database = (quote(part, safe="") for part in parts)
            return f"postgresql://{user}:{password}@{host or 'localhost'}:{port or 5432}/{database or user}"
        scheme, port = ("redis", "6379") if name == "REDIS_URL" else ("http", "9200")
        return f"{scheme}://{parts[0] or 'localhost'}:{parts[1] or port}"

    def text(self, name: str, default: str) -> str:
        value = self.values.get(name, "").strip()
        path = self.values.get(f"{name}_FILE", "").strip()
        if not value and path:
            try:
                value = Path(path).read_text(encoding="utf8").strip()
            except OSError as error:
                raise Wrong(f"{name}_FILE: cannot read {path}: {error.strerror}") from None
        return value or default

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        value = self.text(name, str(default))
        if not re.fullmatch(r"\d{1,9}", value) or not low <= int(value) <= high:
            raise Wrong(f"{name}: {value!r} is not a whole number from {low} to {high}")
        return int(value)

    def share(self, name: str, default: float) -> float:
        value = self.text(name, str(default))
        if not re.fullmatch(r"\d(\.\d+)?", value) or not 0 <= float(value) <= 1:
            raise Wrong(f"{name}: {value!r} is not a number from 0 to 1")
        return float(value)

    def switch(self, name: str, default: bool) -> bool:
        value = self.text(name, "on" if default else "off").lower()
        if value in ("on", "1", "true", "yes"):
            return True
        if value in ("off", "0", "false", "no"):
            return False
        raise Wrong(f"{name}: {value!r} is neither on nor off")

    def choice(self, name: str, default: str, options: tuple[str, ...], fold: object = str.lower) -> str:
        value = fold(self.text(name, default))  # type: ignore[operator]
        if value not in options:
            raise Wrong(f"{name}: {value!r} is none of {', '.join(options)}")
        return str(value)

    def name(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if not re.fullmatch(r"[a-z0-9-]{1,40}", value):
            raise Wrong(f"{name}: {value!r} must be 1 to 40 of a-z, 0-9 and -")
        return value

    def address(self, name: str, schemes: tuple[str, ...]) -> str:
        value = self.text(name, "")
        if value and urlsplit(value).scheme not in schemes:
            raise Wrong(f"{name}: must begin with {' or '.join(s + '://' for s in schemes)}")
        return value

    def origin(self, name: str, lan: bool = False) -> str:
        """scheme://host[:port] without a path; plain http for loopback only (or anywhere when `lan`)."""
        value = self.text(name, "").rstrip("/")
        if not value:
            return ""
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Wrong(f"{name}: {value!r} is not an address such as https://maru.example.kr")
        if parts.path or parts.query or parts.fragment:
            raise Wrong(f"{name}: give the origin alone, without a path: {parts.scheme}://{parts.netloc}")
        if parts.scheme == "http" and not lan and not is_loopback(parts.hostname):
            raise Wrong(f"{name}: plain http is accepted for loopback hosts only; use https://{parts.netloc}")
        return value


def is_host(name: str) -> bool:
    """A name or an IP address alone, without scheme or port."""
    return re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9a-fA-F:]*:[0-9a-fA-F:.]+", name) is not None


def is_loopback(host: str | None) -> bool:
    return bool(host) and (host in ("localhost", "::1") or re.fullmatch(r"127(\.\d{1,3}){3}", host or "") is not None)


def _channels(given: _Given) -> dict[str, dict[str, str]]:
    kept = _api_key_file(given.root / "API_key.json")
    channels: dict[str, dict[str, str]] = {}
    for channel, names in CHANNEL_KEYS.items():
        found = {}
        for key, name in names.items():
            given.values.setdefault(name, "")
            if not given.text(name, "") and kept.get(channel, {}).get(key):
                given.values[name] = kept[channel][key]
            value = given.origin(name) if name in API_ORIGINS else given.text(name, "")
            if name in LOOPBACK_ONLY and value and not is_loopback(urlsplit(value).hostname):
                raise Wrong(f"{name}: exists for test benches and is accepted for loopback hosts only")
            if value or name in API_ORIGINS:
                found[key] = value or API_ORIGINS[name]
        channels[channel] = found
    channels["webchat"] = {}  # our own page needs none
    _check_pairs(channels)
    _check_google(given, channels["google_chat"])
    _check_topics(channels["sns"])
    channels["email"] = _email(channels["email"])
    return channels


def _completed(channels: dict[str, dict[str, str]], base_url: str, secret_key: str | None) -> dict[str, dict[str, str]]:
    """What need not be given. The secret follows from SECRET_KEY, so that all processes and hosts agree on it."""
    webex = {"webhook_name": WEBHOOK_NAME, "webhook_url": f"{base_url}/hooks/webex"}
    if secret_key:
        webex["webhook_secret"] = hmac.new(secret_key.encode(), b"webex webhook", hashlib.sha256).hexdigest()
        secret = hmac.new(secret_key.encode(), b"telegram webhook", hashlib.sha256).hexdigest()
        channels["telegram"] = {"secret_token": secret} | channels["telegram"]
    channels["telegram"]["webhook_url"] = f"{base_url}/hooks/telegram"
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", channels["telegram"].get("secret_token", "")):
        raise Wrong("TELEGRAM_SECRET_TOKEN: at most 256 of A-Z, a-z, 0-9, _ and -")
    channels["google_chat"]["endpoint"] = f"{base_url}/hooks/google_chat"
    channels["webex"] = webex | channels["webex"]
    url = urlsplit(channels["webex"]["webhook_url"])
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise Wrong("WEBHOOK_URL: is not a whole address such as https://maru.example.kr/hooks/webex")
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise Wrong(f"WEBHOOK_URL: plain http is accepted for loopback hosts only; use https://{url.netloc}{url.path}")
    if not re.fullmatch(r"[^:]{1,60}", channels["webex"]["webhook_name"]):
        raise Wrong("WEBHOOK_NAME: at most 60 characters and no colon")
    return channels


def _check_pairs(channels: Mapping[str, Mapping[str, str]]) -> None:
    talk = channels["channeltalk"]
    if bool(talk.get("access_key")) != bool(talk.get("access_secret")):
        missing = "CHANNELTALK_ACCESS_SECRET" if talk.get("access_key") else "CHANNELTALK_ACCESS_KEY"
        raise Wrong(f"{missing}: missing; the access key and its secret go together")
    name = talk.get("bot_name", "")
    if name and not re.fullmatch(r"[^@#$%:/\\]{1,30}", name):
        raise Wrong("CHANNELTALK_BOT_NAME: at most 30 characters and none of @ # $ % : / \\")


def _check_google(given: _Given, keys: dict[str, str]) -> None:
    audience, number = keys.get("audience", ""), keys.get("project_number", "")
    parts = urlsplit(audience)
    if audience and not audience.isdecimal() and not (parts.scheme in ("http", "https") and parts.hostname):
        raise Wrong(f"GOOGLE_CHAT_AUDIENCE: {audience!r} is neither a project's number nor a whole address")
    if number and not re.fullmatch(r"[0-9]{1,20}", number):
        raise Wrong(f"GOOGLE_CHAT_PROJECT_NUMBER: {number!r} is no number; the project's name is something else")
    if keys.get("application_credentials"):
        path = Path(keys["application_credentials"])
        keys["application_credentials"] = str(path if path.is_absolute() else given.root / path)
        try:
            kind = json.loads(Path(keys["application_credentials"]).read_text(encoding="utf8")).get("type")
        except OSError as error:
            raise Wrong(f"GOOGLE_APPLICATION_CREDENTIALS: cannot read {path}: {error.strerror}") from None
        except (ValueError, AttributeError):
            kind = None
        if not isinstance(kind, str):
            raise Wrong(f"GOOGLE_APPLICATION_CREDENTIALS: {path} is no file of credentials that Google made")


def _check_topics(keys: Mapping[str, str]) -> None:
    for arn in keys.get("topic_arns", "").split(","):
        if arn.strip() and not re.fullmatch(
            r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}", arn.strip()
        ):
            raise Wrong(f"SNS_TOPIC_ARNS: {arn.strip()!r} is not of the form arn:aws:sns:REGION:ACCOUNT:TOPIC")


def _api_key_file(path: Path) -> dict[str, dict[str, str]]:
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError) as error:
        raise Wrong(f"API_key.json: cannot be read as JSON: {error}") from None
    if not isinstance(content, dict):
        raise Wrong("API_key.json: must be an object with a section per channel; see API_key.json.example")
    first = {"x-access-key": "access_key", "x-access-secret": "access_secret"}  # the first version's flat form
    sections: dict[str, dict[str, str]] = {"channeltalk": {}}
    for section, keys in content.items():
        if section in first:
            sections["channeltalk"][first[section]] = _key_text(section, keys)
            continue
        if section not in CHANNEL_KEYS or not isinstance(keys, dict):
            raise Wrong(f"API_key.json: {section!r} is no section{_meant(section, CHANNEL_KEYS)}")
        for key, value in keys.items():
            if key not in CHANNEL_KEYS[section]:
                raise Wrong(f"API_key.json: {section}.{key} is no key{_meant(key, CHANNEL_KEYS[section])}")
            sections.setdefault(section, {})[key] = _key_text(f"{section}.{key}", value)
    return sections


def _key_text(name: str, value: object) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Wrong(f"API_key.json: {name} must be text")
    return str(value)


def _meant(word: str, words: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(word, words, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(words)}"


def _database_url(given: _Given, data_dir: Path) -> str:
    value = given.address("DATABASE_URL", ("postgresql", "postgres", "postgresql+psycopg", "sqlite"))
    if not value:
        return f"sqlite:///{data_dir / 'maru.sqlite3'}"
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", value)


def _socket_path(data_dir: Path) -> Path:
    """A unix socket's path holds some 100 bytes; a deep DATA_DIR gets a short private folder instead."""
    path = data_dir / "valkey.sock"
    if len(os.fsencode(path)) <= 100:
        return path
    import hashlib
    import tempfile

    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"maru-{os.getuid()}-{digest}" / "valkey.sock"


def _kept_key(data_dir: Path) -> str | None:
    try:
        return (data_dir / "secret-key").read_text().strip() or None
    except OSError:
        return None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Wrong(f"TIMEZONE: {name!r} is no time zone; Asia/Seoul is one") from None


def _dsn(value: str) -> str | None:
    parts = urlsplit(value)
    if value and not (parts.scheme in ("http", "https") and parts.username and re.search(r"/\d+$", parts.path)):
        raise Wrong("SENTRY_DSN: is not of the form https://key@host/number")
    if value and parts.scheme == "http" and not is_loopback(parts.hostname):
        raise Wrong("SENTRY_DSN: plain http is accepted for loopback hosts only")
    return value or None


def _email(given: Mapping[str, str]) -> dict[str, str]:
    """The section with its defaults: how to encrypt follows from the port, and the port from how to encrypt."""
    host, port, tls = given.get("smtp_url", ""), given.get("smtp_port", ""), given.get("smtp_tls", "").lower()
    if host and not is_host(host):
        raise Wrong(f"SMTP_URL: {host!r} is no host; give its name alone, such as smtp.example.kr, and SMTP_PORT")
    if tls and tls not in SMTP_PORTS:
        raise Wrong(f"SMTP_TLS: {tls!r} is none of {', '.join(SMTP_PORTS)}")
    if port and (not re.fullmatch(r"\d{1,5}", port) or not 1 <= int(port) <= 65535):
        raise Wrong(f"SMTP_PORT: {port!r} is not a whole number from 1 to 65535")
    for name, key in (("SEND_MAIL", "send_mail"), ("RECEIVE_MAIL", "receive_mail")):
        written = given.get(key, "")
        several = [part.strip() for part in written.split(",")] if key == "receive_mail" else [written]
        if written and not all(re.fullmatch(r"[^@\s<>,;]+@[^@\s<>,;]+", one) for one in several):
            raise Wrong(f"{name}: {written!r} is no e-mail address")
    if not host:
        return dict(given)
    tls = tls or ("ssl" if port == SMTP_PORTS["ssl"] else "starttls")
    return {**given, "smtp_tls": tls, "smtp_port": port or SMTP_PORTS[tls]}
