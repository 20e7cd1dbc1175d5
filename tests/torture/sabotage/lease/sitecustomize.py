"""Nobody's lease holds: what another worker is sending counts as lost at once."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from tests.torture.sabotage.after_import import after_import, replace


def sabotage(deliveries: ModuleType) -> None:
    from sqlalchemy import and_, or_

    def lost(me: str, busy: Sequence[int]) -> Any:
        row = deliveries.Delivery
        not_mine = or_(row.owner.is_(None), row.owner != me, row.id.not_in(busy))
        return and_(deliveries.is_one_of(row.state, deliveries.SENDING), not_mine)

    replace(deliveries, "_lost", lost)


after_import("store.deliveries", sabotage)
