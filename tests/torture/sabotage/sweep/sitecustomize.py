"""Nobody looks for rows by himself: a ring that was lost stays lost."""

from types import ModuleType

from tests.torture.sabotage.after_import import after_import, replace

NEVER = 86_400.0


def no_sweep(schedule: ModuleType) -> None:
    replace(schedule, "sweep", lambda bell, settings: None)


after_import("workers.schedule", no_sweep)
after_import("workers.worker", lambda worker: replace(worker, "LOOK_SECONDS", NEVER))
after_import("workers.sending", lambda sending: replace(sending, "LONGEST_SLEEP", NEVER))
