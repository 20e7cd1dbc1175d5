"""How well the service search finds: `python -m tests.search_report` prints the table by class of query, for the
shipped catalogue and for one that the rules have never seen, and how long a search takes among 10,000 services."""

import random
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from interaction import hangul
from interaction.services import Index, Service

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "responses" / "shipped" / "services.yaml"
GOLDEN = Path(__file__).parent / "golden"
NOTHING = "nothing"
MOST_PLACES = 200  # at which a name is tried, before it is given up as too short

Queries = dict[str, list[tuple[str, str]]]  # by class: what is asked, and the service that is meant ('' = none)


@dataclass
class Tally:
    asked: int = 0
    first: int = 0  # the right one is the first
    among: int = 0  # the right one is among the three
    false: int = 0  # something was found where nothing should be
    wrong: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # milliseconds of the processor: other programs may be busy

    @property
    def share(self) -> float:
        return self.first / self.asked


# --- catalogues and their queries ---


def services(rows: Sequence[Mapping[str, Any]]) -> list[Service]:
    return [Service(**{**row, "synonyms": tuple(row.get("synonyms", ()))}) for row in rows]


@cache
def shipped() -> tuple[Index, Queries]:
    """The shipped catalogue, with queries that are written out."""
    found = _yaml(GOLDEN / "searches.yaml")
    return Index(services(_yaml(SHIPPED))), _queries(found)


@cache
def unseen(seed: int = 1) -> tuple[Index, Queries]:
    """Another catalogue: sentences and the like are written out, slips of the keyboard are drawn by seed."""
    found = _yaml(GOLDEN / "searches_unseen.yaml")
    catalogue = services(found.pop("services"))
    return Index(catalogue), _queries(found) | drawn(catalogue, seed)


def _queries(found: Mapping[str, Any]) -> Queries:
    return {
        name: [(query, "") for query in asked] if name == NOTHING else list(asked.items())
        for name, asked in found.items()
    }


def _yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text(encoding="utf8"))


def drawn(catalogue: Sequence[Service], seed: int, each: int = 60) -> Queries:
    """Queries that follow from the names and synonyms alone."""
    dice = random.Random(seed)
    told = [(text, one.name) for one in catalogue for text in (one.name, *one.synonyms)]
    korean = [
        (text, name) for text, name in told if all(hangul.is_syllable(letter) for letter in text.replace(" ", ""))
    ]
    made = {
        "exact": told,
        "spacing": [(respaced(text, dice), name) for text, name in korean if len(text) > 2],
        "typo1": [(slipped(text, 1, dice), name) for text, name in korean if strokes(text) >= 4],
        "typo2": [(slipped(text, 2, dice), name) for text, name in korean if strokes(text) >= 7],
        "initials": [(hangul.initials(text.replace(" ", "")), name) for text, name in korean if len(text) > 2],
        "layout": [(hangul.typed_for_latin(text), name) for text, name in korean],
    }
    queries = {name: dice.sample(found, min(each, len(found))) for name, found in made.items()}
    return {name: _meant(catalogue, name, found) for name, found in queries.items()}


def _meant(catalogue: Sequence[Service], kind: str, queries: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Initials that several services share name none of them."""
    if kind != "initials":
        return queries
    owners: dict[str, set[str]] = defaultdict(set)
    for one in catalogue:
        for text in (one.name, *one.synonyms):
            owners[hangul.initials(text.replace(" ", ""))].add(one.name)
    return [(query, name) for query, name in queries if len(owners[query]) == 1]


# --- slips of the keyboard ---


def strokes(text: str) -> int:
    return len(hangul.letters(text.replace(" ", "")))


def slipped(text: str, count: int, dice: random.Random) -> str:
    """The text with so many letters changed, left out, doubled or swapped with their neighbour."""
    plain = hangul.letters(text)
    for _ in range(MOST_PLACES):
        letters = plain
        for _ in range(count):
            letters = _slip(letters, dice)
        typed = hangul.composed(letters)
        # A slip that leaves the first letter alone is how people mistype; one that gives the same word is none.
        if hangul.letters(typed) != plain and typed != text and typed[:1] != " ":
            return typed
    raise AssertionError(f"no slip changes {text}")


def _slip(letters: str, dice: random.Random) -> str:
    at = dice.choice([place for place, letter in enumerate(letters) if letter != " "])
    letter, rest = letters[at], letters[at + 1 :]
    kind = dice.choices(("change", "leave out", "double", "swap"), (6, 2, 1, 1))[0]
    if kind == "leave out":
        return letters[:at] + rest
    if kind == "double":
        return letters[:at] + letter * 2 + rest
    if kind == "swap" and rest and rest[0] != " ":
        return letters[:at] + rest[0] + letter + rest[1:]
    group = hangul.VOWELS if letter in hangul.VOWELS else hangul.LEADS
    return letters[:at] + dice.choice([other for other in group if other != letter]) + rest


def respaced(text: str, dice: random.Random) -> str:
    """Without its spaces, or with one where none belongs."""
    bare = text.replace(" ", "")
    at = dice.randrange(1, len(bare))
    spread = bare[:at] + " " + bare[at:]
    return spread if bare == text or spread != text and dice.random() < 0.5 else bare


# --- judging ---


def judged(index: Index, queries: Queries) -> dict[str, Tally]:
    tallies: dict[str, Tally] = {}
    for name, asked in queries.items():
        tally = tallies[name] = Tally()
        for query, meant in asked:
            began = time.process_time()
            found = [hit.service.name for hit in index.search(query)]
            tally.times.append((time.process_time() - began) * 1000)
            tally.asked += 1
            tally.among += meant in found
            right = found[0] == meant if found and meant else not found and not meant
            tally.first += right
            tally.false += bool(found) and not meant
            if not right:
                tally.wrong.append(f"{query} → {found or 'nothing'}, not {meant or 'nothing'}")
    return tallies


def share(tallies: Mapping[str, Tally], *kinds: str) -> float:
    """How often the right service came first, over these classes, or all that have one."""
    some = [tally for name, tally in tallies.items() if name in kinds or (not kinds and name != NOTHING)]
    return sum(tally.first for tally in some) / sum(tally.asked for tally in some)


def false(tallies: Mapping[str, Tally]) -> float:
    return tallies[NOTHING].false / tallies[NOTHING].asked


def report(title: str, tallies: Mapping[str, Tally], show_wrong: bool = False) -> Iterator[str]:
    yield f"{title:<24}{'asked':>6}{'top-1':>8}{'top-3':>8}{'false':>7}{'p50 ms':>8}{'p99 ms':>8}"
    for name, tally in tallies.items():
        first, among = (f"{one / tally.asked:.1%}" if name != NOTHING else "" for one in (tally.first, tally.among))
        wrong = f"{tally.false / tally.asked:.1%}" if name == NOTHING else ""
        yield f"  {name:<22}{tally.asked:>6}{first:>8}{among:>8}{wrong:>7}{_times(tally.times)}"
        if show_wrong:
            yield from (f"      {one}" for one in tally.wrong)
    every = [one for tally in tallies.values() for one in tally.times]
    asked = sum(tally.asked for tally in tallies.values())
    yield f"  {'all':<22}{asked:>6}{share(tallies):>8.1%}{'':>8}{false(tallies):>7.1%}{_times(every)}"


def _times(times: Sequence[float]) -> str:
    quantiles = statistics.quantiles(times, n=100)
    return f"{quantiles[49]:>8.2f}{quantiles[98]:>8.2f}"


# --- speed ---


def crowd(count: int, seed: int = 1) -> list[Service]:
    """The shipped catalogue among made-up services, whose words are as unevenly frequent as words are."""
    dice = random.Random(seed)
    own = services(_yaml(SHIPPED))
    syllables = [letter for one in own for letter in one.name if hangul.is_syllable(letter)]
    pool = ["".join(dice.choices(syllables, k=dice.choice((2, 3, 3, 4)))) for _ in range(count // 2)]

    def phrase() -> str:
        return " ".join(pool[int(len(pool) * dice.random() ** 2)] for _ in range(dice.choice((1, 2, 2, 3))))

    names: dict[str, None] = dict.fromkeys(one.name for one in own)
    while len(names) < count:
        names[f"{phrase()} {dice.choice(('신청', '예약', '조회', '문의'))}"] = None
    made = [Service(name, tuple(phrase() for _ in range(4)), phrase()) for name in list(names)[len(own) :]]
    return own + made


def main() -> None:
    for title, (index, queries) in (("shipped catalogue", shipped()), ("unseen catalogue", unseen())):
        print("\n".join(report(title, judged(index, queries), show_wrong=True)), end="\n\n")
    catalogue = crowd(10_000)
    began = time.process_time()
    index = Index(catalogue)
    built = time.process_time()
    Index([*catalogue[1:], Service("새로 생긴 것")], index)
    again = time.process_time()
    print(f"10,000 services: built in {built - began:.1f} s, and in {again - built:.1f} s after one of them changed")
    print("\n".join(report("10,000 services", judged(index, shipped()[1]))))


if __name__ == "__main__":
    main()
