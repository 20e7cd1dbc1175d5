"""flask doctor: is everything as it should be, and how to mend what is not."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial

import click
from flask import current_app
from flask.cli import with_appcontext

from commands import doctor_house, doctor_mail, doctor_rows, doctor_search
from commands.printing import as_json, show
from settings import Settings

OK, WARN, ERROR = "ok", "warn", "error"


@dataclass(frozen=True)
class Check:
    name: str
    ok: bool
    level: str
    detail: str
    mend: str


@click.command("doctor")
@click.option("--mail", is_flag=True, help="Send a test mail by every mail profile, to RECEIVE_MAIL.")
@as_json
@with_appcontext
def command(mail: bool, as_json: bool) -> None:
    """Check settings, packages, keys, webhooks, database, parts, mail, modules and tables."""
    checks = [_check(verdict) for verdict in _verdicts(current_app.extensions["settings"], mail)]
    fine = not any(check.level == ERROR for check in checks)
    lines = [_line(check) for check in checks]
    wrong = [check for check in checks if not check.ok]
    lines.append(f"\n{len(checks)} checks, {len(wrong)} of them not ok" if wrong else f"\n{len(checks)} checks, all ok")
    show({"ok": fine, "checks": [asdict(check) for check in checks]}, as_json, "\n".join(lines))
    if not fine:
        raise SystemExit(1)


def _verdicts(settings: Settings, mail: bool) -> Iterator[doctor_house.Verdict]:
    running = doctor_rows.is_running(settings)
    groups: list[tuple[str, Callable[[], Iterable[doctor_house.Verdict]]]] = [
        ("settings", partial(doctor_house.settings, settings)),
        ("files", partial(doctor_house.files, settings)),
        ("packages", doctor_house.packages),
        ("database", partial(doctor_rows.rows, settings)),
        ("redis", partial(doctor_rows.redis, settings, running)),
        ("spool", doctor_rows.spool),
        ("parts", partial(doctor_rows.parts, running)),
        ("address", partial(doctor_rows.address, settings, running)),
        ("channels", partial(doctor_rows.channels, settings, running)),
        ("mail", partial(doctor_mail.rows, settings, mail)),
        ("search", partial(doctor_search.rows, settings)),
        ("words", doctor_rows.words),
    ]
    for name, group in groups:
        try:
            yield from group()
        except Exception as error:  # the top of a group: the others are checked all the same
            yield doctor_house.bad(name, f"could not be checked: {type(error).__name__}", "See the checks above.")


def _check(verdict: doctor_house.Verdict) -> Check:
    level = OK if verdict.ok else verdict.level
    return Check(verdict.name, verdict.ok, level, verdict.detail, "" if verdict.ok else verdict.mend)


def _line(check: Check) -> str:
    words = f"{check.level:5}  {check.name}: {check.detail}"
    return words if check.ok or not check.mend else f"{words}\n       → {check.mend}"
