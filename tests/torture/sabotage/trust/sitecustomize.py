"""A worker that was frozen past its lease calls the platform all the same."""

from types import ModuleType

from tests.torture.sabotage.after_import import after_import, replace


def sabotage(process: ModuleType) -> None:
    replace(process.Process, "trusted", lambda self: True)
    # Trust in leases taken before a lapse, where the product tells it from trust in new ones.
    if hasattr(process.Process, "holds"):
        replace(process.Process, "holds", lambda self, lapses: True)


after_import("workers.process", sabotage)
