"""The next message follows at once."""

from types import ModuleType

from tests.torture.sabotage.after_import import after_import, replace


def sabotage(deliveries: ModuleType) -> None:
    replace(deliveries, "timedelta", lambda **span: deliveries.datetime.resolution * 0)


after_import("store.deliveries", sabotage)
