"""Korean particles: which form follows a word goes by the word's last sound."""

import re
import unicodedata

VOWEL, RIEUL, CLOSED = "vowel", "rieul", "closed"

# (after a consonant, after a vowel)
_PAIRS = (
    ("은", "는"),
    ("이", "가"),
    ("을", "를"),
    ("과", "와"),
    ("아", "야"),
    ("이에요", "예요"),
    ("으로", "로"),
)
PAIRS = {f"{one}/{other}": pair for pair in _PAIRS for one, other in (pair, pair[::-1])}

_DIGITS = (
    CLOSED,
    RIEUL,
    VOWEL,
    CLOSED,
    VOWEL,
    VOWEL,
    CLOSED,
    RIEUL,
    RIEUL,
    VOWEL,
)  # 영 일 이 삼 사 오 육 칠 팔 구
_LETTERS = {"l": RIEUL, "r": RIEUL, "m": CLOSED, "n": CLOSED}
# 킬로그램 그램 밀리그램, and 킬로칼로리 밀리리터 리터 센티미터 킬로미터 밀리미터 미터 퍼센트 도
_UNITS = {"kg": CLOSED, "g": CLOSED, "mg": CLOSED} | dict.fromkeys(
    ("kcal", "ml", "l", "cm", "km", "mm", "m", "%", "°c", "°"), VOWEL
)
# A lone letter is a unit only behind a digit; in "5G" and "3M" it is a letter.
_UNIT = re.compile(
    r"(?:(?<=[0-9])|(?<=[0-9] )|^)(g|l|L|m)$"
    r"|(?:(?<![^\W_])|(?<=[0-9]))((?i:kg|mg|kcal|ml|cm|km|mm))$"
    r"|(%|°[Cc]?)$"
)
_NUMBER = re.compile(r"([0-9][0-9,]*)(?:\.([0-9]+))?$")
_TAG_AT_END = re.compile(r"</?[a-z][^<>]*>\s*$")
_BRACKETS = {
    ")": "(",
    "]": "[",
    "}": "{",
    ">": "<",
    "〉": "〈",
    "》": "《",
    "」": "「",
    "』": "『",
    "】": "【",
    "〕": "〔",
}
_JAMO_WITHOUT_RIEUL = re.compile("[ㄱ-ㅎ]")
_LONGEST = 400  # characters from the end that are looked at


def josa(word: str, pair: str) -> str:
    """The word with the particle that fits it: 닭가슴살 and 을/를 give 닭가슴살을."""
    after_consonant, after_vowel = PAIRS[pair.replace(" ", "")]
    sound = last_sound(word)
    if sound == RIEUL and after_vowel == "로":
        return word + after_vowel
    return word + (after_vowel if sound == VOWEL else after_consonant)


def last_sound(word: str) -> str:
    """`vowel`, `rieul` (ends in ㄹ) or `closed` (ends in another consonant), as it is read in Korean."""
    folded = unicodedata.normalize("NFKC", word[-_LONGEST:])
    spoken = _spoken_end(folded, skip_brackets=True) or _spoken_end(folded, skip_brackets=False)
    unit = _UNIT.search(spoken)
    if unit:
        return _UNITS[next(found for found in unit.groups() if found).casefold()]
    number = _NUMBER.search(spoken)
    if number:
        return _number_sound(number[1].replace(",", ""), number[2])
    return _letter_sound(spoken[-1:])


def _spoken_end(text: str, skip_brackets: bool) -> str:
    """The text up to the last character that is pronounced."""
    while text:
        last = text[-1]
        if last.isalnum() or last in "%°":
            return text
        tag = _TAG_AT_END.search(text) if last == ">" else None
        if tag:
            text = text[: tag.start()]
        elif skip_brackets and last in _BRACKETS:
            text = _before_bracket(text, _BRACKETS[last], last)
        else:
            text = text[:-1]
    return ""


def _before_bracket(text: str, opening: str, closing: str) -> str:
    depth = 0
    for place in range(len(text) - 1, -1, -1):
        depth += (text[place] == closing) - (text[place] == opening)
        if depth == 0:
            return text[:place]
    return text[:-1]


def _number_sound(whole: str, decimals: str | None) -> str:
    if decimals:
        return _DIGITS[int(decimals[-1])]
    zeros = len(whole) - len(whole.rstrip("0"))
    if zeros == len(whole) or zeros == 0:
        return _DIGITS[int(whole[-1])]
    if zeros < 4:
        return CLOSED  # 십 백 천
    # 만 억 조 경 해 자 양 구 간 정
    return (CLOSED, CLOSED, VOWEL, CLOSED, VOWEL, VOWEL, CLOSED, VOWEL, CLOSED, CLOSED)[min(zeros // 4 - 1, 9)]


def _letter_sound(letter: str) -> str:
    if "가" <= letter <= "힣":
        final = (ord(letter) - ord("가")) % 28
        return VOWEL if final == 0 else RIEUL if final == 8 else CLOSED
    # A consonant by itself is read by its name, 기역 니은 …, all of which end in one.
    if "ᄀ" <= letter <= "ᄒ" or _JAMO_WITHOUT_RIEUL.match(letter):
        return RIEUL if letter in "ᄅㄹ" else CLOSED
    bare = unicodedata.normalize("NFD", letter)[:1].casefold()
    return _LETTERS.get(bare, VOWEL)
