"""The database, for an event loop: its calls wait, so they are made in a few threads of their own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from flask import Flask
from sqlalchemy.orm import Session

from store import database

AT_ONCE = 4

Found = TypeVar("Found")


class Rows:
    def __init__(self, app: Flask) -> None:
        self.app = app
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="rows")

    async def read(self, look: Callable[[Session], Found]) -> Found:
        def run() -> Found:
            with self.app.app_context(), database.reading() as session:
                return look(session)

        return await asyncio.get_running_loop().run_in_executor(self._pool, run)

    async def write(self, change: Callable[[Session], Found]) -> Found:
        """One transaction; what it returns may be read when it is over."""

        def run() -> Found:
            with self.app.app_context(), database.writing() as session:
                found = change(session)
                session.flush()
                session.expunge_all()
                return found

        return await asyncio.get_running_loop().run_in_executor(self._pool, run)

    async def call(self, work: Callable[[], Found]) -> Found:
        def run() -> Found:
            with self.app.app_context():
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._pool, run)

    def close(self) -> None:
        self._pool.shutdown(wait=True)
