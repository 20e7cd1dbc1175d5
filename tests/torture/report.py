"""The table at the end."""

import statistics
from collections import defaultdict
from collections.abc import Sequence

from tests.torture.run import Result

COLUMNS = (
    "runs",
    "customers",
    "messages",
    "lost",
    "doubled",
    "out of order",
    "waits broken",
    "overrun",
    "strange",
    "unheard",
)


def table(results: Sequence[Result]) -> str:
    """Per database what was counted, then per fault how long customers had to wait for it."""
    lines = ["", f"{'database':<12}" + "".join(f"{name:>14}" for name in COLUMNS)]
    for database in dict.fromkeys(result.plan.database for result in results):
        of = [result for result in results if result.plan.database == database]
        seen = [result.verdict for result in of]
        counts = [
            len(of),
            sum(len(result.plan.customers) for result in of),
            *(
                sum(getattr(one, name) for one in seen)
                for name in (
                    "messages",
                    "lost",
                    "doubled",
                    "disordered",
                    "early",
                    "overrun",
                    "strange",
                    "unheard",
                )
            ),
        ]
        lines.append(f"{database:<12}" + "".join(f"{count:>14}" for count in counts))
    return "\n".join([*lines, "", *_recovery(results)])


def _recovery(results: Sequence[Result]) -> list[str]:
    """The longest stall of a run belongs to all its faults; the median tells which of them cost it."""
    stalls: dict[tuple[str, str], list[float]] = defaultdict(list)
    for result in results:
        for kind in result.plan.kinds():
            stalls[kind, result.plan.database].append(result.verdict.stall)
    lines = [f"{'fault':<28}{'database':<12}{'runs':>6}{'median s':>10}{'worst s':>10}   seconds to recover"]
    for (kind, database), found in sorted(stalls.items()):
        lines.append(f"{kind:<28}{database:<12}{len(found):>6}{statistics.median(found):>10.1f}{max(found):>10.1f}")
    return lines
