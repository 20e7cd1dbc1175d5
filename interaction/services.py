"""Which service somebody means, in the words that come to mind. Pure: a catalogue and a text in, services out.

A question is cut into words (phrases.py), each a piece of evidence for the catalogue's words that are the same, lie
within it, contain it, or differ by a slip of the keyboard. A service counts by how much of one of its names is told,
and how much of the question that explains; rare words weigh more than those that many services share.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest

from interaction import hangul, phrases
from interaction.evidence import Evidence, Match, Pieces, read
from interaction.phrases import GRAMMAR, TOPIC, WISH, Word

LONGEST_TEXT = 200
FITS = 0.5  # from here on a service is offered
CLEAR = ((0.8, 0.07), (0.7, 0.2))  # from such a score on, so far ahead of the second, one is answered at once
SURE = 0.8  # as typed; the other layout of the keyboard need not be tried
MOST_LOOKED_AT = 6000  # services that share a word with the question, those of the rarest words first
MOST_DESCRIBED = 500  # services with the same word in their description
MOST_WEIGHED = 40


@dataclass(frozen=True)
class Service:
    name: str
    synonyms: tuple[str, ...] = ()
    description: str = ""
    team: str = ""
    answer: str = ""
    link: str = ""
    run: str = ""


@dataclass(frozen=True)
class Hit:
    service: Service
    score: float


@dataclass(frozen=True)
class Found:
    """What to say: the one service that is clearly meant, else up to three to choose from, else nothing."""

    clear: Hit | None
    choices: tuple[Hit, ...]


@dataclass(frozen=True)
class _Phrase:
    """A service's name or synonym."""

    whole: str
    words: tuple[Word, ...]


@dataclass(frozen=True)
class _Prepared:
    phrases: tuple[_Phrase, ...]  # the name first
    pieces: frozenset[str]
    about: frozenset[str]  # words of the description


@dataclass(frozen=True)
class _Asked:
    question: tuple[Word, ...]
    worth: tuple[float, ...]  # of its words
    evidence: Evidence

    def explained(self, matches: Iterable[Match], aside: Sequence[float]) -> float:
        """The share of the question that these matches explain; what only speaks for the service counts half."""
        meant = [0.5 * one for one in aside]
        for match in matches:
            for at in match.places:
                meant[at] = max(meant[at], match.meant)
        return sum(one * worth for one, worth in zip(meant, self.worth, strict=True)) / sum(self.worth)

    def names_mere_wishes(self, matches: Iterable[Match]) -> bool:
        kinds = {self.question[at].kind for match in matches for at in match.places} - {GRAMMAR}
        return kinds == {WISH}


class Index:
    """A catalogue that can be asked. `before`: the index of the catalogue as it was; what did not change since is
    taken from there."""

    def __init__(self, services: Iterable[Service], before: "Index | None" = None) -> None:
        known: dict[Service, _Prepared] = before._prepared if before else {}
        self.services = tuple(services)
        self._prepared: dict[Service, _Prepared] = {
            service: known.get(service) or _prepare(service) for service in self.services
        }
        self._holders: dict[str, list[int]] = defaultdict(list)  # piece: places of the services that have it
        self._about: dict[str, list[int]] = defaultdict(list)
        for place, service in enumerate(self.services):
            prepared = self._prepared[service]
            for piece in prepared.pieces:
                self._holders[piece].append(place)
            for word in prepared.about:
                self._about[word].append(place)
        self._places = {service.name: place for place, service in enumerate(self.services)}
        self._pieces = Pieces(self._holders)
        self._whole = math.log(len(self.services) + 1)
        self._rarities: dict[str, float] = {}  # of pieces that more than one service has

    def _rarity(self, piece: str) -> float:
        """1 for what one service has, down to near 0 for what all have. What none has is rare."""
        rarity = self._rarities.get(piece)
        if rarity is None:
            count = len(self._holders.get(piece, ()))
            if count < 2:
                return 1.0
            rarity = self._rarities[piece] = max(0.15, 1 - math.log(count) / self._whole)
        return rarity

    # --- asking ---

    def search(self, text: str, most: int = 3, among: Collection[str] | None = None) -> list[Hit]:
        """The services that fit, best first; none when nothing does. `among`: only these names are weighed, which
        somebody else thinks likely."""
        best: dict[int, float] = {}
        for reading in readings(text):
            for place, score in self._judge(reading, among).items():
                best[place] = max(best.get(place, 0.0), score)
            if max(best.values(), default=0.0) >= SURE:
                break
        fitting = {place: score for place, score in best.items() if score >= FITS}
        first = nlargest(most, fitting, key=lambda place: (fitting[place], -place))
        return [Hit(self.services[place], round(min(fitting[place], 1.0), 3)) for place in first]

    def answer(self, text: str, among: Collection[str] | None = None) -> Found:
        hits = tuple(self.search(text, 3, among))
        if not hits:
            return Found(None, ())
        ahead = hits[0].score - hits[1].score if len(hits) > 1 else 1.0
        is_clear = any(hits[0].score >= score and ahead >= before for score, before in CLEAR)
        return Found(hits[0] if is_clear else None, hits)

    def _judge(self, text: str, among: Collection[str] | None) -> dict[int, float]:
        question = phrases.words(text)
        if not question:
            return {}
        worth = [word.worth * self._rarity(word.stem) for word in question]
        if not any(worth):
            worth = [1.0] * len(question)
        asked = _Asked(question, tuple(worth), read(question, self._pieces))
        if among is None:
            likely = self._candidates(asked)
        else:
            likely = [self._places[name] for name in among if name in self._places]
        return {place: self._score(place, asked) for place in likely}

    def _candidates(self, asked: _Asked) -> list[int]:
        """The services that most of the evidence speaks for."""
        votes: dict[int, float] = defaultdict(float)
        weights = {piece: self._rarity(piece) * match.told for piece, match in asked.evidence.items()}
        left = MOST_LOOKED_AT
        for piece in sorted(weights, key=lambda piece: -weights[piece]):
            for place in self._holders[piece][:left]:
                votes[place] += weights[piece]
            left -= len(self._holders[piece])
            if left <= 0:
                break
        for word in asked.question:
            for place in self._about.get(word.stem, ())[:MOST_DESCRIBED]:
                votes[place] += 0.1
        return nlargest(MOST_WEIGHED, votes, key=lambda place: (votes[place], -place))

    def _score(self, place: int, asked: _Asked) -> float:
        prepared = self._prepared[self.services[place]]
        aside = [0.0] * len(asked.question)
        for at, word in enumerate(asked.question):
            aside[at] = float(word.stem in prepared.about or word.stem in prepared.pieces)
        best = self._described(asked, aside)
        for number, phrase in enumerate(prepared.phrases):
            score = self._weigh(phrase, asked, aside)
            # Of two services that are told alike, the one of that name is meant.
            best = max(best, score * 1.01 if number == 0 else score)
        return best

    def _weigh(self, phrase: _Phrase, asked: _Asked, aside: Sequence[float]) -> float:
        """How far the phrase is told as one, or word by word."""
        evidence, best = asked.evidence, 0.0
        whole = evidence.get(phrase.whole)
        if whole is not None:
            best = self._agreed(whole.told, [whole], asked, aside)
        matches, told, total = [], 0.0, 0.0
        for word in phrase.words:
            weight = word.worth * self._rarity(word.stem)
            total += weight
            found = evidence.get(word.stem) or evidence.get(word.said)
            if found:
                matches.append(found)
                told += weight * found.told
        if matches and total and (len(phrase.words) > 1 or whole is None):
            best = max(best, self._agreed(told / total, matches, asked, aside))
        return best

    def _agreed(self, told: float, matches: Sequence[Match], asked: _Asked, aside: Sequence[float]) -> float:
        """A phrase told in full counts even within a long sentence, a question explained in full even for a part of
        a phrase; a little of both is nothing."""
        meant = asked.explained(matches, aside)
        score = max(told, meant) * (0.5 + 0.5 * min(told, meant))
        return score * 0.5 if told < 1 and asked.names_mere_wishes(matches) else score

    def _described(self, asked: _Asked, aside: Sequence[float]) -> float:
        """Words of the description alone offer a service when they are all that was asked, and more than one."""
        topics = sum(word.kind == TOPIC and bool(found) for word, found in zip(asked.question, aside, strict=True))
        share = sum(one * worth for one, worth in zip(aside, asked.worth, strict=True)) / sum(asked.worth)
        return 0.6 * share if topics > 1 else 0.0


def _prepare(service: Service) -> _Prepared:
    told = tuple(phrase for text in (service.name, *service.synonyms) if (phrase := _phrase(text)).words)
    pieces = {phrase.whole for phrase in told}
    for phrase in told:
        for word in phrase.words:
            pieces |= {word.stem, word.said}
    about = frozenset(word.stem for word in phrases.words(service.description) if word.kind == TOPIC)
    return _Prepared(told, frozenset(pieces), about)


def _phrase(text: str) -> _Phrase:
    words = phrases.words(text)
    return _Phrase("".join(word.said for word in words), tuple(word for word in words if word.kind != GRAMMAR) or words)


def readings(text: str) -> Iterator[str]:
    """The text, what it is if letters were spelled out, and if the keyboard was in the other layout."""
    text = text[:LONGEST_TEXT]
    yield text
    words = text.split()
    named = [hangul.spelled_out(phrases.without_particle(word)) or word for word in words]
    if named != words:
        yield " ".join(named)
    typed = [_meant_as_hangul(word) for word in words]
    if typed != words and sum(hangul.is_syllable(letter) for word in typed for letter in word) > 1:
        yield " ".join(typed)
    latin_meant = hangul.typed_for_latin(text)
    if latin_meant != text and not hangul.is_consonants("".join(text.split())):
        yield latin_meant


def _meant_as_hangul(word: str) -> str:
    """A word of Latin letters that makes whole syllables in the other layout; else the word itself."""
    typed = hangul.typed_for_hangul(word)
    return word if any("ㄱ" <= letter <= "ㅣ" for letter in typed) else typed
