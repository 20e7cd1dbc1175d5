"""How commands speak: a table for people or one JSON document, on stdout; errors in plain words, on stderr."""

import json
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, NoReturn
from unicodedata import east_asian_width

import click
from flask import current_app

as_json: Callable[..., Any] = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")


def show(document: Any, as_json: bool, words: str = "") -> None:
    """The document itself, or the words for a person."""
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False, indent=2, default=_plain))
    elif words:
        click.echo(words)


def show_rows(rows: Sequence[dict[str, Any]], as_json: bool, empty: str) -> None:
    if as_json or not rows:
        show(list(rows), as_json, empty)
        return
    columns = list(rows[0])
    cells = [columns, *[[_short(row[column]) for column in columns] for row in rows]]
    widths = [max(_width(line[at]) for line in cells) for at in range(len(columns))]
    for line in cells:
        padded = [cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)]
        click.echo("  ".join(padded).rstrip())


def fail(message: str) -> NoReturn:
    """The answer is no."""
    click.echo(message, err=True)
    sys.exit(1)


def local(moment: datetime | None) -> str | None:
    return moment.astimezone(current_app.extensions["settings"].timezone).isoformat() if moment else None


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _short(value: Any) -> str:
    text = "" if value is None else " ".join(str(value).split())
    return text if len(text) <= 60 else text[:59] + "…"


def _width(text: str) -> int:
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)
