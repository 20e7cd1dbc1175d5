"""Modules written inside a test, imported as drafts and previewed by command: what an outsider sees."""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.house import House

# A Saturday in Seoul.
NOW = "2026-11-21T14:05:09+09:00"


@contextmanager
def stopped(folder: Path, database_url: str) -> Iterator[House]:
    """A house in which nothing runs: commands work there as well, and a table is not held to the modules of
    hundreds of other tests."""
    house = House(folder, database_url)
    try:
        house.set_up()
        yield house
    finally:
        house.close()


def fresh(letter: str = "m") -> str:
    """A name nobody else has, fit for modules, tables and tags."""
    return f"{letter}{secrets.token_hex(5)}"


def written(house: House, text: str | bytes, ending: str) -> str:
    path: Path = house.folder / f"{fresh('f')}.{ending}"
    path.write_bytes(text.encode("utf8") if isinstance(text, str) else text)
    return str(path)


def headed(body: str, name: str | None = None, starts: str | None = None) -> str:
    """The body of a module under a head; by itself it starts when somebody writes its name."""
    name = name or fresh()
    starts = starts or f"  - {{on: message, says: [{name}]}}\n"
    return f"module: {name}\ntitle: 시험\norder: 5\nstarts:\n{starts}{body}"


def named(text: str) -> str:
    return text.partition("\n")[0].removeprefix("module: ")


def draft(house: House, body: str) -> str:
    """Import it as a draft; returns the module's name."""
    text = headed(body)
    house.flask("responses", "import", written(house, text, "yaml"))
    return named(text)


def look(house: House, module: str, survey: Mapping[str, Any] | str, *words: str, code: int | None = 0) -> Any:
    """`responses preview` of a module that is there; a survey given as text is the file's very content."""
    content = survey if isinstance(survey, str) else json.dumps(survey)
    given = words if "--now" in words else (*words, "--now", NOW)
    path = written(house, content, "json")
    return house.flask("responses", "preview", module, "--survey", path, *given, code=code)


def preview(house: House, body: str, survey: Mapping[str, Any] | str | None = None, code: int | None = 0) -> Any:
    """What the module says to the survey."""
    return look(house, draft(house, body), {} if survey is None else survey, code=code)


def listed(block: Mapping[str, str]) -> str:
    """Lines of a YAML mapping, every value quoted."""
    return "".join(f"  {key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in block.items())
