"""Which services were perhaps meant by words that found none: a proposal for staff, never an answer."""

from collections.abc import Iterable
from itertools import islice

from rapidfuzz import fuzz, process

from interaction import hangul

LIKE = 72.0  # of 100, letter by letter: a word with a particle or a slip of the finger
MOST = 2
FEW = 3  # services that share a word, in the smallest catalogue; a word of many, such as 신청, tells nothing
SHARE = 0.05


class Guesses:
    """Of a catalogue: each service's name and the words it goes by."""

    def __init__(self, services: Iterable[tuple[str, Iterable[str]]]) -> None:
        names: set[str] = set()
        self.words: dict[str, set[str]] = {}
        for name, said in services:
            names.add(name)
            for word in (part for one in (name, *said) for part in one.split()):
                self.words.setdefault(hangul.letters(word), set()).add(name)
        most = max(FEW, SHARE * len(names))
        self.words = {word: whose for word, whose in self.words.items() if word and len(whose) <= most}

    def of(self, text: str) -> list[str]:
        """The likeliest names, best first."""
        scores: dict[str, float] = {}
        for word in islice((hangul.letters(part) for part in text.split() if len(part) > 1), 12):
            for like, score, _ in process.extract(word, self.words.keys(), scorer=fuzz.ratio, score_cutoff=LIKE):
                for name in self.words[like]:
                    scores[name] = max(score, scores.get(name, 0))
        return sorted(scores, key=lambda name: -scores[name])[:MOST]
