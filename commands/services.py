"""flask services: the catalogue that people search in chats."""

import io
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup
from ruamel.yaml import YAML

from commands.printing import as_json, fail, local, show, show_rows
from commands.publishing import SHELL
from commands.responses import a_file
from interaction.services import Service
from store import database, services
from workers import catalogues, searching

command = AppGroup("services", help="The service catalogue: import, search, export.")


@command.command("import")
@click.argument("file", type=a_file)
@click.option("--replace", "and_remove", is_flag=True, help="Remove the services that are not in the file.")
@click.option("--keep-examples", is_flag=True, help="Keep the examples of the first start, too.")
@as_json
def import_services(file: Path, and_remove: bool, keep_examples: bool, as_json: bool) -> None:
    """Add the services of a file (.yaml, .xlsx, .csv), and change those of the same name. The examples of the first
    start go unless somebody changed them. With an error nothing is stored."""
    catalogue = catalogues.read(file.name, file.read_bytes())
    for problem in catalogue.problems:
        click.echo(str(problem), err=True)
    found: dict[str, Any] = {"file": file.name, "problems": [problem.json() for problem in catalogue.problems]}
    if catalogue.failed:
        show(found, as_json)
        raise SystemExit(1)

    def goes(service: services.Service) -> bool:
        return and_remove or (service.origin == services.SHIPPED and not keep_examples)

    with database.writing() as session:
        counts = catalogues.keep(session, catalogue, file.name, SHELL, goes)
    told = ", ".join(f"{count} {what}" for what, count in counts.items())
    show({**found, **counts}, as_json, f"{file.name}: {told}")


def _values(service: Service) -> dict[str, Any]:
    return asdict(service) | {"synonyms": list(service.synonyms)}


@command.command("search")
@click.argument("text")
@click.option("--most", type=click.IntRange(1, 50), default=3, help="So many at most.")
@as_json
def search(text: str, most: int, as_json: bool) -> None:
    """The services that fit the words, best first."""
    with database.reading() as session:
        hits = searching.search(session, text, most, current_app.extensions["settings"].elasticsearch_url)
    rows = [{"service": hit.service.name, "score": hit.score} for hit in hits]
    if as_json:
        show({"query": text, "hits": rows}, as_json)
    else:
        show_rows(rows, as_json, "Nothing fits.")


@command.command("list")
@as_json
def list_services(as_json: bool) -> None:
    """All services."""
    with database.reading() as session:
        rows = [
            {**_values(searching.as_value(row)), "updated": local(row.updated_at)} for row in services.listed(session)
        ]
    if not as_json:
        rows = [{"name": row["name"], "team": row["team"], "synonyms": ", ".join(row["synonyms"])} for row in rows]
    show_rows(rows, as_json, "No services yet.")


@command.command("missed")
@as_json
def missed(as_json: bool) -> None:
    """What was searched for and not found, the most frequent first."""
    with database.reading() as session:
        rows = [
            {"text": row.text, "channel": row.channel, "count": row.count, "last": local(row.last_at)}
            for row in services.missed(session)
        ]
    show_rows(rows, as_json, "Everything was found.")


@command.command("export")
@as_json
def export(as_json: bool) -> None:
    """Print the catalogue as a file that `import` takes."""
    with database.reading() as session:
        rows = [_values(service) for service in searching.catalogue(session)]
    if not rows:
        fail("No services yet.")
    show(rows, as_json, _yaml([{key: value for key, value in row.items() if value} for row in rows]))


def _yaml(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = YAML()
    writer.allow_unicode, writer.width = True, 110
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.dump(rows, out)
    return out.getvalue().rstrip("\n")
