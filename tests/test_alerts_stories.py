"""What a watch makes of a page, look by look: tests/golden/watches.yaml; and what holds for every page."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from alerts import page, watch_file, watching
from alerts.watch_file import Watch
from alerts.watching import ACCEPTED, CHANGED, CORRECTED, UNREADABLE, Outcome
from tests.watched_page import LAYOUT, MOVED, WATCH

STORIES: list[dict[str, Any]] = YAML(typ="safe").load(Path(__file__).parent / "golden" / "watches.yaml")
EXAMPLE = watch_file.parse(WATCH.format(name="cases", url="https://health.example.kr"), "cases.yaml")


def a_watch(changes: dict[str, Any]) -> Watch:
    figures = dict(EXAMPLE.figures)
    if "never_falls" in changes:
        figures["total"] = replace(figures["total"], never_falls=False)
    if "max_jump" in changes:
        figures["new"] = replace(figures["new"], max_jump=None)
    return replace(
        EXAMPLE,
        figures=figures,
        asof=EXAMPLE.asof if "asof" not in changes else "",
        alert_on=tuple(changes.get("alert_on", EXAMPLE.alert_on)),
        corrections=changes.get("corrections", False),
    )


class Looks:
    """What the house keeps of a watch, in memory."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.before: list[watching.Values] = []
        self.seen: watching.Values | None = None

    def at(self, values: watching.Values, why: str = "") -> Outcome:
        outcome = watching.judge(self.watch, self.before, values, why, seen=self.seen)
        if outcome.name in ACCEPTED:
            self.before.insert(0, values)
        if outcome.name != UNREADABLE:
            self.seen = values
        return outcome


def html(row: str) -> bytes:
    layout = MOVED if row.startswith("MOVED ") else LAYOUT
    total, new, asof = (part.strip() for part in row.removeprefix("MOVED ").split("|"))
    shown = layout.format(total=total, new=new, asof=asof)
    return (shown if new != "—" else shown.replace("<dd>—</dd>", "")).encode()


@pytest.mark.parametrize("story", STORIES, ids=lambda story: str(story["story"]))
def test_a_story_goes_as_it_is_told(story: dict[str, Any]) -> None:
    watch = a_watch(story.get("watch", {}))
    looks = Looks(watch)
    for number, line in enumerate(story["looks"], 1):
        row, _, expected = line.rpartition(" → ")
        read = page.read(html(row), "text/html; charset=utf-8", watch.figures)
        outcome = looks.at(read.values, read.why)
        found = outcome.name + (", told" if outcome.told else "")
        assert found == expected, f"look {number}: {row}: {found} ({outcome.why or read.values})"


def test_there_are_stories_of_every_outcome() -> None:
    said = {line.rpartition(" → ")[2] for story in STORIES for line in story["looks"]}
    untold = {"first", "unchanged", "corrected", "reverted", "unreadable"}
    assert said == untold | {"changed, told", "corrected, told"}


def test_figures_that_staff_have_just_added_are_no_news() -> None:
    looks = Looks(replace(EXAMPLE, alert_on=("total",), asof=""))
    looks.at({"total": 1200})
    looks.watch = replace(EXAMPLE, alert_on=("total", "new"), asof="")
    assert looks.at({"total": 1200, "new": 56}).name == "unchanged"
    looks.watch = replace(EXAMPLE, alert_on=("new",), asof="")
    looks.before = [{"total": 1200}]
    assert looks.at({"total": 1300, "new": 57}).name == "first"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("11.26.", "11.26. 기준", True),
        ("2026-11-26", "2026년 11월 26일 현재", True),
        ("11.26. 09:00", "11.26. 18:00", False),
        ("11.26. 오전", "11.26. 오후", False),
        ("제1보", "제2보", False),
        ("-", "기준", False),
        (3, 4, False),
        (3, 3, True),
    ],
)
def test_a_publication_is_known_by_its_words_not_by_its_dress(one: object, other: object, same: bool) -> None:
    assert (watching.publication(EXAMPLE, {"asof": one}) == watching.publication(EXAMPLE, {"asof": other})) is same


SAID = st.fixed_dictionaries(
    {
        "total": st.one_of(st.integers(0, 6), st.just(90_000)),
        "new": st.one_of(st.integers(0, 3), st.just(90_000)),
        "asof": st.sampled_from(["1.", "2.", "3.", "2. 기준"]),
    }
)


def told(looks: Looks, values: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in values if looks.at(one).told]


@given(st.lists(SAID, max_size=40))
def test_whatever_a_page_says_a_publication_is_told_once_at_most(values: list[dict[str, Any]]) -> None:
    names = [watching.publication(EXAMPLE, one) for one in told(Looks(EXAMPLE), values)]
    assert len(names) == len(set(names))


@given(st.lists(SAID, max_size=40), st.booleans(), st.booleans())
def test_only_what_is_new_is_told_and_corrections_where_they_are_wanted(
    values: list[dict[str, Any]], corrections: bool, has_asof: bool
) -> None:
    looks = Looks(replace(EXAMPLE, corrections=corrections, asof=EXAMPLE.asof if has_asof else ""))
    for number, one in enumerate(values):
        outcome = looks.at(one)
        assert (outcome.name == "first") is (number == 0)
        if outcome.told:
            assert outcome.name == CHANGED or (corrections and outcome.name == CORRECTED)
        assert outcome.told or outcome.name != CHANGED
        if outcome.name != UNREADABLE:
            assert looks.at(one).name == "unchanged"  # the same page again says nothing more


@given(SAID, SAID, st.integers(2, 30))
def test_a_page_that_flips_back_and_forth_tells_nobody_twice(
    one: dict[str, Any], other: dict[str, Any], times: int
) -> None:
    for watch in (EXAMPLE, replace(EXAMPLE, asof=""), replace(EXAMPLE, corrections=True)):
        assert len(told(Looks(watch), [one, other] * times)) <= 1
