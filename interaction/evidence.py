"""What the words of a question say about the words of a catalogue: the same, a part, a whole, initials, a slip."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import OSA, Levenshtein

from interaction import hangul
from interaction.phrases import CHATTER, GRAMMAR, TOPIC, Word, is_ending, is_grammar, without_particle

LONGEST_PART = 12  # syllables of a word of the catalogue within a longer one
LONGEST_RUN = 4  # words of a question that may be one word of the catalogue: 복지 포인트
MOST_SLIPS = 5  # runs of a question for which slips of the keyboard are looked up


@dataclass(frozen=True)
class Match:
    """`told` is how much of the piece the question says, `meant` how much of those words of the question the piece
    explains; `words` are their places, as bits."""

    told: float
    meant: float
    words: int

    @property
    def places(self) -> list[int]:
        return [at for at in range(self.words.bit_length()) if self.words >> at & 1]


Evidence = dict[str, Match]


class Pieces:
    """The words and whole phrases of a catalogue, found by how they look."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self.known = frozenset(pieces)
        self._by_letters: dict[str, list[str]] = {}
        self._by_two: dict[tuple[str, int], list[str]] = defaultdict(list)  # two letters, and how many there are
        self._by_initials: dict[str, list[str]] = defaultdict(list)
        self._by_three: dict[str, list[str]] = defaultdict(list)  # the first three initials
        self._by_pair: dict[str, list[str]] = defaultdict(list)  # of syllables
        for piece in self.known:
            self._add(piece)

    def _add(self, piece: str) -> None:
        letters = hangul.letters(piece)
        same = self._by_letters.setdefault(letters, [])
        if not same:
            length = len(letters)
            for two in _twos(letters):
                self._by_two[two, length].append(letters)
        same.append(piece)
        if len(piece) > 1:
            initials = hangul.initials(piece)
            self._by_initials[initials].append(piece)
            self._by_three[initials[:3]].append(piece)
            for pair in {piece[at : at + 2] for at in range(len(piece) - 1) if len(piece) > 2}:
                self._by_pair[pair].append(piece)

    def with_initials(self, initials: str) -> list[str]:
        return self._by_initials.get(initials, [])

    def beginning_with(self, initials: str) -> Iterator[str]:
        """Pieces whose initials go on behind these, three or more."""
        for piece in self._by_three.get(initials[:3], ()):
            if len(piece) > len(initials) and hangul.initials(piece).startswith(initials):
                yield piece

    def containing(self, part: str) -> list[str]:
        pairs = [part[at : at + 2] for at in range(len(part) - 1)]
        rarest = min((self._by_pair.get(pair, []) for pair in pairs), key=len)
        return [piece for piece in rarest if part in piece and part != piece]

    def like(self, form: str, alone: bool) -> Iterator[tuple[str, float]]:
        """Pieces that a few slips make of this form, and how alike they are. Neighbours that changed places are one
        slip; letters that the keyboard joined count joined or apart, whichever is nearer."""
        letters = hangul.letters(form)
        strokes = hangul.apart(letters)
        reach = allowed(len(letters) + 1, alone) + 1
        for length in range(len(letters) - reach, len(letters) + reach + 1):
            slips = allowed(max(length, len(letters)), alone)
            if not slips or abs(length - len(letters)) > slips + 1:
                continue
            # To Levenshtein, who is quicker, changed places are two slips.
            others = self._sharing(letters, length, slips)
            near = process.extract(letters, others, scorer=Levenshtein.distance, score_cutoff=slips + 1, limit=None)
            for other, _, _ in near:
                made = min(OSA.distance(letters, other), OSA.distance(strokes, hangul.apart(other)))
                if 0 < made <= slips:
                    alike = 1 - 1.2 * made / max(length, len(letters))
                    yield from ((piece, alike) for piece in self._by_letters[other])

    def _sharing(self, letters: str, length: int, slips: int) -> set[str]:
        """All of that length which can be so near. A slip spoils two pairs of letters (three, when neighbours change
        places), so one of any few more is left: the rarest are looked up."""
        lists = sorted((self._by_two.get((two, length), []) for two in {*_twos(letters)}), key=len)
        return set().union(*lists[: 2 * slips + 2])


def _twos(letters: str) -> list[str]:
    closed = f"^{letters}$"
    return [closed[at : at + 2] for at in range(len(closed) - 1)]


def read(question: Sequence[Word], pieces: Pieces) -> Evidence:
    evidence: Evidence = {}
    for piece, match in _matches(question, pieces):
        before = evidence.get(piece)
        if before is None or (match.told, match.meant) > (before.told, before.meant):
            evidence[piece] = match
    return evidence


def _matches(question: Sequence[Word], pieces: Pieces) -> Iterator[tuple[str, Match]]:
    everything = (1 << len(question)) - 1
    whole = "".join(word.said for word in question)
    if hangul.is_consonants(whole):
        yield from _initials(whole, everything, pieces)
        return
    told = 0
    for form, words in dict(_runs(question)).items():
        if form in pieces.known:
            told |= words
            yield form, Match(1.0, 1.0, words)
    for at, word in enumerate(question):
        if hangul.is_consonants(word.said):
            told |= 1 << at
            yield from _initials(word.said, 1 << at, pieces)
    spoken = [at for at, word in enumerate(question) if word.kind != GRAMMAR]
    open_words = [at for at in spoken if not told >> at & 1]
    for at in open_words if len(spoken) > 1 else spoken:
        yield from _parts(question[at], 1 << at, pieces)
    yield from _slips(question, open_words, pieces)


def _runs(question: Sequence[Word]) -> Iterator[tuple[str, int]]:
    """What neighbouring words say when written together, and their places; the whole question too."""
    count = len(question)
    for first in range(count):
        for last in range(first, count):
            if last - first >= LONGEST_RUN and (first, last) != (0, count - 1):
                continue
            run = question[first : last + 1]
            if all(word.kind == GRAMMAR for word in run) and len(run) < count:
                continue
            said = "".join(word.said for word in run)
            words = (1 << (last + 1)) - (1 << first)
            yield "".join(word.stem for word in run), words
            yield without_particle(said), words
            yield said, words


def _initials(said: str, words: int, pieces: Pieces) -> Iterator[tuple[str, Match]]:
    initials = hangul.apart(said)
    if len(initials) < 2 or len(set(initials)) == 1 or initials in CHATTER:  # ㅋㅋㅋ, ㅇㅋ
        return
    for piece in pieces.with_initials(initials):
        yield piece, Match(0.92, 0.92, words)
    if len(initials) > 2:
        for piece in pieces.beginning_with(initials):
            yield piece, Match(0.9 * len(initials) / len(piece), 0.9, words)


def _parts(word: Word, place: int, pieces: Pieces) -> Iterator[tuple[str, Match]]:
    """Pieces that lie within the word, and pieces within which it lies."""
    said, stem = word.said, word.stem
    for first in range(len(said) - 1):
        for last in range(min(len(said), first + LONGEST_PART), first + 1, -1):
            part = said[first:last]
            if part == said or part not in pieces.known:
                continue
            match = _within(said, first, last, place)
            if match:
                yield part, match
    if len(stem) > 1 and hangul.is_syllable(stem[0]):
        for piece in pieces.containing(stem):
            share = len(stem) / len(piece)
            if piece.startswith(stem) or piece.endswith(stem):
                yield piece, Match(0.95 * share, 0.95, place)
            elif share > 0.5:
                yield piece, Match(0.8 * share, 0.8, place)


def _within(said: str, first: int, last: int, place: int) -> Match | None:
    """A piece inside a longer word: its beginning or end, or three syllables in the middle."""
    if not hangul.is_syllable(said[first]):
        return None
    share = (last - first) / len(said)
    if first == 0:
        meant = 0.95 if is_ending(said[last:]) else 0.4 + 0.5 * share
        return Match(0.95 if is_ending(said[last:]) else 0.85, meant, place)
    if last == len(said) or is_ending(said[last:]):
        return Match(0.85, 0.4 + 0.5 * share, place)
    return Match(0.8, 0.4 + 0.5 * share, place) if last - first > 2 else None


def _slips(question: Sequence[Word], open_words: Sequence[int], pieces: Pieces) -> Iterator[tuple[str, Match]]:
    tried: set[str] = set()
    for form, words, alone in _slippery(question, open_words):
        if form not in tried and allowed(len(hangul.letters(form)) + 1, alone):
            tried.add(form)
            for piece, alike in pieces.like(form, alone):
                yield piece, Match(alike, alike, words)
        if len(tried) >= MOST_SLIPS:
            return


def _slippery(question: Sequence[Word], open_words: Sequence[int]) -> Iterator[tuple[str, int, bool]]:
    """Runs that may hold a slip, their places, and whether they are all that was asked."""
    everything = (1 << len(question)) - 1
    if len(question) <= LONGEST_RUN and not all(map(is_grammar, question)):
        yield "".join(word.said for word in question), everything, True
        yield "".join(word.stem for word in question if word.kind != GRAMMAR), everything, True
    topics = [at for at in open_words if question[at].kind == TOPIC]
    for at in sorted(open_words, key=lambda at: -len(question[at].stem)):
        yield question[at].stem, 1 << at, len(topics) == 1 and at in topics
    for at, after in zip(open_words, open_words[1:], strict=False):
        if after == at + 1:
            yield question[at].stem + question[after].stem, 3 << at, False


def allowed(length: int, alone: bool) -> int:
    """How many slips so many letters may hold: short words have to be exact, above all within a sentence."""
    if not alone:
        return 0 if length < 6 else 1 if length < 10 else 2
    return 0 if length < 4 else 1 if length < 7 else 2 if length < 16 else 3
