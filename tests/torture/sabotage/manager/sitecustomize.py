"""A manager who writes, or closes the chat, ends nothing."""

from types import ModuleType

from tests.torture.sabotage.after_import import after_import, replace


def sabotage(events: ModuleType) -> None:
    replace(events, "ENDS", {})
    replace(events, "ended_since", lambda session, event: None)


after_import("store.events", sabotage)
