"""Sixty invented pages, each of half a year: what is told of them, what is missed, and what is told falsely.

`python -m tests.watches_sixty`. Every page publishes once a day: most mornings, some days late, now and then once more
in the afternoon with corrected figures. Its layout drifts at any time, one page in five is JSON, one in five is written
in euc-kr. Now and then it is away, shows yesterday's page from a cache, lacks a figure, has one twice, has digits
mistyped (up, down, or ten times too much; sometimes a publication begins that way), or is built anew so that the watch
finds nothing. A watch looks eight times a day. Staff are told after three looks in a row that read nothing, and do then
what a person would: mend the selectors of a page that was built anew, accept a jump that is real.
"""

import json
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from alerts import page, watching
from alerts.watch_file import CSS, JSONPATH, REGEX, TEXT, Figure, Watch

PAGES, DAYS, LOOKS, FAILURES_TOLD = 60, 180, 8, 3
FORMS = (
    "<p>누적 <b id=total>{total}</b>명, 신규 <span class=new>{new}</span>명</p><i class=asof>{asof}</i>",
    "<table><tr><td>누적<td id=total>{total}명</tr><tr><td>신규<td class=new>+ {new}</tr></table>"
    "<p class=asof>{asof} 기준",
    "<div><div id=total>약 {total}</div><ul><li class='x new'>▲ {new}</li></ul></div>"
    "<footer class=asof>{asof} 0시 기준</footer>",
)
ANEW = "<main><p data-k=sum>{total}</p><p data-k=day>{new}</p><time>{asof}</time></main>"
JUNK = ("", "<div class=banner>알림 12건</div>", "<script>var total = 99</script>", "<!-- <b id=total>0</b> -->")
OF_FORMS = {"total": "#total", "new": ".new", "asof": ".asof"}
OF_ANEW = {"total": "[data-k=sum]", "new": "[data-k=day]", "asof": "time"}


@dataclass
class Tally:
    published: int = 0
    told: int = 0  # of these
    missed: int = 0
    false: int = 0  # told again, or told although it was old
    mistyped: int = 0  # told once, with a figure that was mistyped on the page
    corrections: int = 0
    unreadable: int = 0
    staff: int = 0  # how often they were called


@dataclass
class Site:
    """One page in the world."""

    chance: random.Random
    form: str = FORMS[0]
    as_json: bool = False
    charset: str = "utf-8"
    total: int = 0
    asof: str = ""
    shown: dict[str, int] = field(default_factory=dict)  # each publication that was there to be seen, its figure

    def page(self, total: int, new: int, asof: str) -> str:
        if self.as_json:
            numbers: dict[str, Any] = {"total": total, "new": new}
            if self.form == FORMS[1]:  # the same as texts
                numbers = {name: f"{number:,}" for name, number in numbers.items()}
            return json.dumps({"asof": asof, "data": numbers})
        body = self.form.format(total=f"{total:,}", new=f"{new:,}", asof=asof)
        return f"<!doctype html><title>현황</title>{self.chance.choice(JUNK)}{body}"

    def looks(self) -> Iterator[str]:
        """The page at each look, day by day."""
        chance = self.chance
        self.total = chance.randrange(10_000, 5_000_000)
        yesterday: tuple[int, int, str] | None = None
        for day in range(DAYS):
            new = chance.randrange(1, 9_000)
            asof, before = f"{1 + day // 28}.{1 + day % 28}.", self.total
            begins = chance.randrange(0, 3)
            mistyped_until = begins + (chance.randrange(1, 4) if chance.random() < 0.04 else 0)
            corrected_from = chance.randrange(5, LOOKS) if chance.random() < 0.15 else LOOKS
            if chance.random() < 0.003 and not self.as_json:
                self.form = ANEW
            for look in range(LOOKS):
                if self.form != ANEW and chance.random() < 0.01:
                    self.form = chance.choice(FORMS)
                off = 37 if look >= corrected_from else 0
                true = (before + new + off, new + off, asof)
                if look < begins or chance.random() < 0.03:  # not yet, or from a cache
                    if yesterday:
                        self.asof = yesterday[2]
                        yield self.page(*yesterday)
                    continue
                self.asof = asof
                self.shown.setdefault(asof, true[0])
                wrong = (mistype(chance, true[0]), true[1], asof) if look < mistyped_until else trouble(chance, true)
                yield self.page(*wrong) if wrong else self._broken(true)
                if wrong == true:
                    self.shown[asof] = true[0]
            yesterday, self.total = true, true[0]

    def _broken(self, true: tuple[int, int, str]) -> str:
        whole = self.page(*true)
        return self.chance.choice(("<h1>503 점검 중</h1>", whole.replace("total", "sum"), whole.replace("asof", "day")))


def mistype(chance: random.Random, number: int) -> int:
    """A digit that is another one, or missing, or twice there."""
    digits = str(number)
    at = chance.randrange(len(digits))
    other = chance.choice([digits[:at] + chance.choice("123456789") + digits[at + 1 :], digits[:at] + digits[at + 1 :]])
    return int(chance.choice([other, digits[:at] + digits[at] + digits[at:]]) or 0)


def trouble(chance: random.Random, true: tuple[int, int, str]) -> tuple[int, int, str] | None:
    """What the page says instead, for one look; None: it is broken."""
    lot = chance.random()
    if lot < 0.01:
        return mistype(chance, true[0]), true[1], true[2]
    if lot < 0.02:
        return true[0], true[1] * 10 + 200_000, true[2]
    return None if lot < 0.05 else true


def a_watch(site: Site) -> Watch:
    how, where = (JSONPATH, {"total": "$.data.total", "new": "$..new", "asof": "$.asof"}) if site.as_json else (CSS, {})
    where = where or OF_FORMS
    figures = {
        "total": Figure("total", how, where["total"], "누적", never_falls=True, max_jump=20_000),
        "new": Figure("new", how, where["new"], "신규", max_jump=20_000),
        "asof": Figure("asof", how, where["asof"], "기준일", TEXT),
    }
    if not site.as_json and site.chance.random() < 0.3:
        figures["asof"] = Figure("asof", REGEX, r"(\d+\.\d+\.)", "기준일", TEXT)
    return Watch("w", "현황", "https://example.kr", (), "Asia/Seoul", figures, ("total", "new"), "t", "", "asof")


def mended(watch: Watch) -> Watch:
    figures = {name: replace(one, how=CSS, where=OF_ANEW[name]) for name, one in watch.figures.items()}
    return replace(watch, figures=figures)


def live(chance: random.Random, tally: Tally) -> None:
    site = Site(chance, chance.choice(FORMS), chance.random() < 0.2, chance.choice(["utf-8"] * 4 + ["euc-kr"]))
    watch = a_watch(site)
    before: list[dict[str, Any]] = []
    told: dict[str, int] = {}
    failures = 0
    for body in site.looks():
        read = page.read(body.encode(site.charset), f"text/html; charset={site.charset}", watch.figures)
        called = failures >= FAILURES_TOLD  # and they stay with it until it can be read
        outcome = watching.judge(watch, before, read.values, read.why, any_jump=called)
        failures = failures + 1 if outcome.name == watching.UNREADABLE else 0
        if failures == FAILURES_TOLD:
            tally.staff += 1
            watch = mended(watch) if site.form == ANEW else watch
        tally.unreadable += outcome.name == watching.UNREADABLE
        tally.corrections += outcome.name == watching.CORRECTED
        if outcome.name in watching.ACCEPTED:
            before.insert(0, read.values)
        if outcome.told:
            tally.false += site.asof in told or not str(read.values["asof"]).startswith(site.asof)
            told[site.asof] = int(read.values["total"] or 0)
            tally.mistyped += told[site.asof] not in (site.shown[site.asof], site.shown[site.asof] - 37)
    names = [asof for asof in site.shown if asof != next(iter(site.shown))]
    tally.published += len(names)
    tally.told += sum(asof in told for asof in names)
    tally.missed += sum(asof not in told for asof in names)


def main() -> int:
    tally = Tally()
    for number in range(PAGES):
        live(random.Random(number), tally)
    print(tally)
    return 1 if tally.false else 0


if __name__ == "__main__":
    sys.exit(main())
