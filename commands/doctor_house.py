"""What doctor checks on this machine: settings, files, packages."""

import difflib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from urllib.parse import urlsplit, urlunsplit

from dotenv import dotenv_values

from settings import API_ORIGINS, CHANNEL_KEYS, ROOT, Settings, is_loopback

GIB = 1024**3
LITTLE_DISK, NO_DISK = GIB, GIB // 10
_PIN = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)")


@dataclass(frozen=True)
class Verdict:
    name: str
    ok: bool
    detail: str
    mend: str = ""
    level: str = "error"  # how bad it is when it is not ok


def good(name: str, detail: str) -> Verdict:
    return Verdict(name, True, detail)


def bad(name: str, detail: str, mend: str, level: str = "error") -> Verdict:
    return Verdict(name, False, detail, mend, level)


def settings(given: Settings) -> Iterator[Verdict]:
    """The start refuses wrong values; here each is shown as it is understood, a secret just as set."""
    for name, value in _shown(given).items():
        yield good(f"setting {name}", value)
    for first, name in given.renamed.items():
        mend = f"It still works. Call it {name} at the next occasion."
        yield bad(f"setting {first}", f"a name of the first version; today it is {name}", mend, "warn")
    if len(given.secret_key or "") < 16:
        yield bad("setting SECRET_KEY", "missing or too short", "Give 32 random characters: openssl rand -base64 36")
    if given.allow_private_urls:
        mend = "Switch ALLOW_PRIVATE_URLS off unless watches have to read addresses of your own network."
        yield bad("setting ALLOW_PRIVATE_URLS", "addresses inside your network may be fetched", mend, "warn")
    yield from _misspelt()


def _shown(given: Settings) -> dict[str, str]:
    house = {
        name.upper(): getattr(given, name)
        for name in given.__dataclass_fields__
        if name not in ("embedded_redis", "channels", "renamed", "secret_key", "metrics_token", "sentry_dsn")
    }
    addresses = ("DATABASE_URL", "REDIS_URL", "ELASTICSEARCH_URL")
    house |= {name: without_password(str(house[name] or "")) for name in addresses}
    secret = {
        "SECRET_KEY": given.secret_key,
        "METRICS_TOKEN": given.metrics_token,
        "SENTRY_DSN": given.sentry_dsn,
    }
    shown = {name: _plain(value) for name, value in house.items()}
    shown |= {name: "set" if value else "not set" for name, value in secret.items()}
    secrets = set(given.secrets())
    for channel, names in CHANNEL_KEYS.items():
        for key, name in names.items():
            value = given.channels[channel].get(key, "")
            hidden = any(part.strip() in secrets for part in value.split(","))
            shown[name] = "set" if hidden else _plain(value)
    return shown


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "not set" if value in (None, "") else str(value)


def without_password(url: str) -> str:
    parts = urlsplit(url)
    if not parts.password:
        return url
    where = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:…@{where}"))


def _misspelt() -> Iterator[Verdict]:
    """Names that look like one of ours and are none: they have no effect, silently."""
    known = {name for names in CHANNEL_KEYS.values() for name in names.values()}
    known |= {f"{name}_FILE" for name in known} | {"GOOGLE_APPLICATION_CREDENTIALS"}
    prefixes = tuple({f"{name.split('_')[0]}_" for name in API_ORIGINS if not name.startswith("GOOGLE")})
    for name in sorted({**dotenv_values(ROOT / ".env"), **os.environ}):
        if name.startswith(prefixes) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            meant = f"Did you mean {close[0]}?" if close else "Take it out, or see the README's list of settings."
            yield bad(f"setting {name}", "there is no such setting", meant, "warn")


def files(given: Settings) -> Iterator[Verdict]:
    free = shutil.disk_usage(given.data_dir).free
    detail = f"{free / GIB:.1f} GiB free under DATA_DIR"
    if free < LITTLE_DISK:
        yield bad("disk", detail, "Make room: what comes in is kept there.", "error" if free < NO_DISK else "warn")
    else:
        yield good("disk", detail)
    private = [given.data_dir, given.data_dir / "secret-key", ROOT / "API_key.json", ROOT / ".env"]
    open_ones = [path for path in private if path.exists() and path.stat().st_mode & 0o077]
    for path in open_ones:
        mode = "700" if path.is_dir() else "600"
        yield bad(f"file {path.name}", "others on this machine may read it", f"chmod {mode} {path}", "warn")
    if not open_ones:
        yield good("files", "keys and data are readable by their owner alone")
    if (given.data_dir / "first-password").exists():
        mend = "Log in, give yourself another password, then delete the file DATA_DIR/first-password."
        yield bad("file first-password", "the first admin's password still lies there", mend, "warn")
    if (given.data_dir / "clock").exists():
        mend = "For practice only: delete DATA_DIR/clock, then start again."
        yield bad(
            "clock file",
            "DATA_DIR/clock moves the time",
            mend,
            "warn" if "CLOCK_FILE" in os.environ else "error",
        )
    if (
        given.base_url.startswith("http:")
        and not is_loopback(given.host)
        and is_loopback(urlsplit(given.base_url).hostname)
    ):
        mend = "Set BASE_URL to the https address under which platforms reach this host."
        yield bad("setting BASE_URL", "HOST is open to others while BASE_URL is this machine's own", mend, "warn")


def packages() -> Iterator[Verdict]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield good("python", version)
    for name, wanted in _PIN.findall((ROOT / "requirements.txt").read_text(encoding="utf8")):
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield bad(f"package {name}", "not installed", ".venv/bin/pip install -r requirements.txt")
            continue
        if found == wanted:
            yield good(f"package {name}", found)
        else:
            mend = ".venv/bin/pip install -r requirements.txt"
            yield bad(
                f"package {name}",
                f"{found} is installed, {wanted} is what Maru was tested with",
                mend,
                "warn",
            )
