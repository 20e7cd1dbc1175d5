"""A house's database seen from outside: all its rows, and change where a test needs one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, MetaData, Table, create_engine, select

import settings
from tests.house import House


@contextmanager
def connected(house: House) -> Iterator[Connection]:
    engine = create_engine(settings.load(house.env).database_url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def everything(house: House) -> dict[str, list[dict[str, Any]]]:
    with connected(house) as connection:
        found = MetaData()
        found.reflect(connection)
        return {
            table.name: [
                dict(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns)).mappings()
            ]
            for table in found.sorted_tables
        }


def table(connection: Connection, name: str) -> Table:
    return Table(name, MetaData(), autoload_with=connection)
