"""The same event delivered again is a new event."""

import itertools
import os
from collections.abc import Sequence
from dataclasses import replace as changed
from types import ModuleType
from typing import Any

from tests.torture.sabotage.after_import import after_import, replace


def sabotage(events: ModuleType) -> None:
    record, count = events.record, itertools.count()

    def record_all(session: Any, facts: Sequence[Any]) -> Any:
        fresh = [changed(fact, platform_id=f"{fact.platform_id}:{os.getpid()}:{next(count)}") for fact in facts]
        return record(session, fresh)

    replace(events, "record", record_all)


after_import("store.events", sabotage)
