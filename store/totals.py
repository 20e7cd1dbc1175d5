"""Totals: how many events and messages ended how, and how long customers waited. They only ever grow.

A dead message that is retried leaves its state again, so counting rows would not do. Two triggers of the
database (migration 0003) append a row here whenever an event or a message ends, whoever writes that, in the
same transaction; appending, so that no two writers meet on a row. `fold` keeps the table small.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import cast

from sqlalchemy import Double, Table, delete, func, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, Id

EVENTS, DELIVERIES, SECONDS, SECONDS_SUM = "events", "deliveries", "seconds", "seconds_sum"
ALERTS, ALERT_ROWS = "alerts", "alert_rows"  # of these the channel is a topic, the outcome what happened; and as usual
BUCKETS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, math.inf)  # seconds, upper bounds
FEW = 1000  # rows that are not worth folding

Key = tuple[str, str, str]  # name, channel, outcome (of `seconds` the bucket's upper bound)


class Total(Base):
    __tablename__ = "totals"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str]
    channel: Mapped[str]
    outcome: Mapped[str]
    amount: Mapped[float] = mapped_column(Double)


_table = cast(Table, Total.__table__)


def waited(session: Session, channel: str, seconds: float) -> None:
    """So long after its event the first message of an answer was sent."""
    waited_each(session, channel, [seconds])


def waited_each(session: Session, channel: str, many: Sequence[float]) -> None:
    found: Counter[Key] = Counter()
    for seconds in many:
        bucket = next(bound for bound in BUCKETS if max(seconds, 0.0) <= bound)
        found[(SECONDS, channel, str(bucket))] += 1
    if found:
        _append(session, {**found, (SECONDS_SUM, channel, ""): sum(max(seconds, 0.0) for seconds in many)})


def count(session: Session, name: str, amounts: Mapping[tuple[str, str], int]) -> None:
    """`amounts` by channel and outcome."""
    if amounts:
        _append(session, {(name, channel, outcome): float(count) for (channel, outcome), count in amounts.items()})


def _append(session: Session, amounts: dict[Key, float]) -> None:
    rows = [
        {"name": name, "channel": channel, "outcome": outcome, "amount": amount}
        for (name, channel, outcome), amount in amounts.items()
    ]
    session.connection().execute(insert(_table), rows)


def read(session: Session) -> dict[Key, float]:
    what = (_table.c.name, _table.c.channel, _table.c.outcome)
    rows = session.execute(select(*what, func.sum(_table.c.amount)).group_by(*what))
    return {(name, channel, outcome): float(amount) for name, channel, outcome, amount in rows}


def fold(session: Session, few: int = FEW) -> None:
    """Put the rows together. What is deleted is what is summed: a commit in between is not lost."""
    if int(session.scalar(select(func.count()).select_from(_table)) or 0) <= few:
        return
    newest = select(func.max(_table.c.id)).scalar_subquery()
    gone = delete(_table).where(_table.c.id <= newest)
    sums: Counter[Key] = Counter()
    for row in session.connection().execute(gone.returning(_table)):
        sums[row.name, row.channel, row.outcome] += row.amount
    _append(session, dict(sums))
