"""An event that another worker has decided meanwhile is decided again."""

from types import ModuleType
from typing import Any

from tests.torture.sabotage.after_import import after_import, replace


def sabotage(events: ModuleType) -> None:
    """The unique indexes behind it are dropped by the bench: they alone would still hold."""

    def mine_anyway(session: Any, id: int, owner: str) -> Any:
        return session.get(events.Event, id, populate_existing=True)

    replace(events, "still_mine", mine_anyway)


after_import("store.events", sabotage)
