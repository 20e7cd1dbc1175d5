"""A message need not be the first in its chat's line."""

from types import ModuleType

from tests.torture.sabotage.after_import import after_import, replace


def sabotage(deliveries: ModuleType) -> None:
    """The statement that claims is built once, at import: build it anew without the condition on the line."""
    from sqlalchemy import bindparam, select

    rows = deliveries._rows
    any_due = (
        select(rows.c.id)
        .where(deliveries._waits, rows.c.due_at <= bindparam("now"), rows.c.position.is_not(None))
        .where(rows.c.channel == bindparam("of_channel"))
        .order_by(rows.c.event_id.desc(), rows.c.step)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
    )
    replace(deliveries, "_due_ones", any_due)


after_import("store.deliveries", sabotage)
