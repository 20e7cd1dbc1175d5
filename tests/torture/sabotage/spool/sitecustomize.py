"""What the database cannot take is acknowledged and thrown away."""

from types import ModuleType

from tests.torture.sabotage.after_import import after_import, replace


def sabotage(spool: ModuleType) -> None:
    replace(spool.Spool, "keep", lambda self, facts: None)


after_import("store.spool", sabotage)
