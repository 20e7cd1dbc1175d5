"""Sixty invented pages, each of half a year: what is told of them, what is missed, and what is told falsely.

`python -m tests.watches_sixty`. Every page has its own layout, and publishes once a day: most mornings, some days late,
now and then once more in the afternoon with corrected figures. Between the looks it drifts, is away, shows yesterday's
page from a cache, has a number mistyped, or wraps its figures in other words. A watch looks eight times a day; when it
could not be read three times in a row staff are told, and accept a jump that is real (such as back from a first reading
that was mistyped).
"""

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from alerts import page, watching
from alerts.watch_file import CSS, REGEX, TEXT, Figure, Watch

PAGES, DAYS, LOOKS = 60, 180, 8
FORMS = (
    "<p>누적 <b id=total>{total}</b>명, 신규 <span class=new>{new}</span>명</p><i class=asof>{asof}</i>",
    "<table><tr><td>누적<td id=total>{total}명</tr><tr><td>신규<td class=new>+ {new}</tr></table>"
    "<p class=asof>{asof} 기준",
    "<div><div id=total>약 {total}</div><ul><li class='x new'>▲ {new}</li></ul></div>"
    "<footer class=asof>{asof}</footer>",
)
JUNK = ("", "<div class=banner>알림 12건</div>", "<script>var total = 99</script>", "<!-- <b id=total>0</b> -->")


@dataclass
class Tally:
    published: int = 0
    alerted: int = 0
    missed: int = 0
    false: int = 0
    corrections_kept: int = 0
    unreadable: int = 0
    staff: int = 0  # how often they had to accept a jump


def main() -> int:
    tally = Tally()
    for number in range(PAGES):
        live(random.Random(number), tally)
    print(tally)
    return 1 if tally.missed or tally.false else 0


def a_watch(chance: random.Random) -> Watch:
    where = {"total": (CSS, "#total"), "new": (CSS, ".new"), "asof": (CSS, ".asof")}
    figures = {
        "total": Figure("total", *where["total"], "누적", never_falls=True),
        "new": Figure("new", *where["new"], "신규", max_jump=20_000),
        "asof": Figure("asof", *where["asof"], "기준일", TEXT),
    }
    if chance.random() < 0.3:
        figures["asof"] = Figure("asof", REGEX, r"(\d+\.\d+\.)", "기준일", TEXT)
    return Watch("w", "현황", "https://example.kr", (), "Asia/Seoul", figures, ("total", "new"), "t", "", "asof")


def live(chance: random.Random, tally: Tally) -> None:
    watch, form = a_watch(chance), chance.choice(FORMS)
    before: list[dict[str, Any]] = []
    told: dict[str, int] = {}
    shown: dict[str, str] = {}  # each publication, as a good page showed it first
    failures = 0
    for asof, body, is_good in looks(chance, form, shown):
        read = page.read(body.encode(), "text/html; charset=utf-8", watch.figures)
        outcome = watching.judge(watch, before, read.values, read.why)
        failures = failures + 1 if outcome.name == watching.UNREADABLE else 0
        if failures > 3 and is_good and not read.why:
            tally.staff += 1
            outcome = watching.judge(watch, before, read.values, read.why, any_jump=True)
            failures = 0
        tally.unreadable += outcome.name == watching.UNREADABLE
        tally.corrections_kept += outcome.name == watching.CORRECTED
        if outcome.name in watching.ACCEPTED:
            before.insert(0, read.values)
        if outcome.told:
            name = str(read.values["asof"]).removesuffix("기준").strip()
            told[name] = told.get(name, 0) + 1
            tally.alerted += 1
            tally.false += told[name] > 1 or asof not in name
    first = next(iter(shown))
    tally.published += len(shown) - 1
    tally.missed += sum(name not in told for name in shown if name != first)


def looks(chance: random.Random, form: str, shown: dict[str, str]) -> Iterator[tuple[str, str, bool]]:
    """(the publication that a good page shows, the page, whether it is one) at each look."""
    total, previous = chance.randrange(10_000, 5_000_000), ""
    for day in range(DAYS):
        new = chance.randrange(1, 9_000)
        total += new
        asof = f"{1 + day // 28}.{1 + day % 28}."
        morning = chance.randrange(0, 3)
        corrected = chance.randrange(5, LOOKS) if chance.random() < 0.15 else LOOKS
        if chance.random() < 0.08:
            form = chance.choice(FORMS)  # the layout drifts over night
        for look in range(LOOKS):
            off = 37 if look >= corrected else 0
            good = form.format(total=f"{total + off:,}", new=f"{new + off:,}", asof=asof)
            if look < morning:
                body, name = previous, ""
            else:
                shown.setdefault(asof, good)
                body, name = trouble(chance, good, previous, asof, total, new)
            if body:
                yield name or asof, f"<!doctype html><title>현황</title>{chance.choice(JUNK)}{body}", body == good
        previous, total = good, total + off


def trouble(chance: random.Random, good: str, previous: str, asof: str, total: int, new: int) -> tuple[str, str]:
    """Seldom more than one look long, since somebody mends it: the next look may see the good page."""
    lot = chance.random()
    if lot < 0.03:
        return previous, ""  # yesterday's page, from a cache
    if lot < 0.05:
        return good.replace("id=total", "id=sum"), ""
    if lot < 0.07:
        return good.replace(f"{new:,}", f"{new * 10 + 200_000:,}"), ""  # mistyped
    if lot < 0.08:
        return "<h1>503 점검 중</h1>", ""
    if lot < 0.09:
        return good.replace(f"{total:,}", f"{total:,} {total:,}"), ""
    return good, asof


if __name__ == "__main__":
    sys.exit(main())
