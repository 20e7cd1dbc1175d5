"""The console: where staff change what customers hear, and see what will happen first. A file a page."""

from web.console import (
    account,
    accounts,
    backtests,
    changes,
    chats,
    comparing,
    door,
    health,
    looking,
    responses,
    table_uploads,
    tables,
    today,
    versions,
    why,
)
from web.console.frame import console

__all__ = [
    "account",
    "accounts",
    "backtests",
    "changes",
    "chats",
    "comparing",
    "console",
    "door",
    "health",
    "looking",
    "responses",
    "table_uploads",
    "tables",
    "today",
    "versions",
    "why",
]
