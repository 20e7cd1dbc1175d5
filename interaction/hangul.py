"""Hangul as it is typed: letters (jamo), initial consonants, the keyboard's two layouts, one written form.

Letters are the compatibility jamo (ㄱ, ㅏ) throughout, wherever they stand in a syllable: what slips from the end of
one syllable to the beginning of the next is then still the same letter.
"""

import re
import unicodedata

LEADS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
TAILS = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")

_FIRST, _LAST = "가", "힣"
# Two strokes, one letter.
_PAIRS = {
    **{"ㅘ": "ㅗㅏ", "ㅙ": "ㅗㅐ", "ㅚ": "ㅗㅣ", "ㅝ": "ㅜㅓ", "ㅞ": "ㅜㅔ", "ㅟ": "ㅜㅣ", "ㅢ": "ㅡㅣ"},
    **{"ㄳ": "ㄱㅅ", "ㄵ": "ㄴㅈ", "ㄶ": "ㄴㅎ", "ㄺ": "ㄹㄱ", "ㄻ": "ㄹㅁ", "ㄼ": "ㄹㅂ"},
    **{"ㄽ": "ㄹㅅ", "ㄾ": "ㄹㅌ", "ㄿ": "ㄹㅍ", "ㅀ": "ㄹㅎ", "ㅄ": "ㅂㅅ"},
}
_JOINED = {strokes: letter for letter, strokes in _PAIRS.items()}
_KEYS = dict(zip("rRseEfaqQtTdwWczxvg" + "koiOjpuPhynbml", LEADS + "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅛㅜㅠㅡㅣ", strict=True))
_KEY_OF = {letter: key for key, letter in _KEYS.items()}

_NAMES = {
    **{"에이": "a", "비": "b", "씨": "c", "시": "c", "디": "d", "이": "e", "에프": "f", "지": "g", "에이치": "h"},
    **{"아이": "i", "제이": "j", "케이": "k", "엘": "l", "엠": "m", "엔": "n", "오": "o", "피": "p", "큐": "q"},
    **{"알": "r", "에스": "s", "티": "t", "유": "u", "브이": "v", "더블유": "w", "엑스": "x", "와이": "y"},
    **{"제트": "z", "지트": "z"},
}
_NAME = re.compile("|".join(sorted(_NAMES, key=len, reverse=True)))
_SPELLED = re.compile(f"(?:{_NAME.pattern}){{2,8}}")


def _either(letters: str) -> str:
    doubles = "|".join(strokes for letter, strokes in _PAIRS.items() if letter in letters)
    return f"(?:{doubles}|[{letters}])"


# A consonant before a vowel begins the next syllable.
_SYLLABLE = re.compile(f"([{LEADS}])({_either(VOWELS)})({_either(''.join(TAILS))}(?![{VOWELS}]))?")
_USUAL = re.compile("[ -~ㄱ-ㅣ가-힣]*")
_OLD_LETTERS = re.compile("[\u1100-\u11ff]")
_WORDS = re.compile(r"[^\W_]+")
_SCRIPT_CHANGES = re.compile("(?<=[a-z])(?=[ㄱ-ㅣ가-힣])|(?<=[ㄱ-ㅣ가-힣])(?=[a-z])")


_LETTERS = {
    ord(_FIRST) + (lead * 21 + vowel) * 28 + tail: LEADS[lead] + VOWELS[vowel] + TAILS[tail]
    for lead in range(19)
    for vowel in range(21)
    for tail in range(28)
}
_INITIALS = {syllable: letters[0] for syllable, letters in _LETTERS.items()}


def is_syllable(letter: str) -> bool:
    return _FIRST <= letter <= _LAST


def is_consonants(text: str) -> bool:
    return bool(text) and all("ㄱ" <= letter <= "ㅎ" for letter in text)


def normal(text: str) -> str:
    """Words in one written form, a space between them: composed, of usual width, lower case, without punctuation.
    Latin letters and Hangul that touch are two words."""
    if not _USUAL.fullmatch(text):
        composed = unicodedata.normalize("NFC", text)
        # NFKC takes compatibility jamo for parts of old syllables; they are left alone.
        usual = "".join(one if "ㄱ" <= one <= "ㆎ" else unicodedata.normalize("NFKC", one) for one in composed)
        text = _OLD_LETTERS.sub(_compatible, unicodedata.normalize("NFC", usual))
    folded = text.casefold()
    return _SCRIPT_CHANGES.sub(" ", " ".join(_WORDS.findall(folded)))


def _compatible(found: re.Match[str]) -> str:
    name = unicodedata.name(found[0], "").rpartition(" ")[2]
    try:
        return unicodedata.lookup(f"HANGUL LETTER {name}")
    except KeyError:
        return ""


def letters(text: str) -> str:
    """Its jamo: 회의실 is ㅎㅚㅇㅢㅅㅣㄹ. What is no Hangul stays."""
    return text.translate(_LETTERS)


def initials(text: str) -> str:
    """회의실 is ㅎㅇㅅ. What is no Hangul stays."""
    return text.translate(_INITIALS)


def apart(text: str) -> str:
    """Consonants that the keyboard joined (ㄳ) as they were meant (ㄱㅅ)."""
    return "".join(_PAIRS.get(one, one) for one in text)


def composed(letters: str) -> str:
    """Jamo in the order of strokes, as a keyboard puts them together: ㅎㅗㅣㅇㅡㅣㅅㅣㄹ is 회의실."""
    return _SYLLABLE.sub(_syllable, letters)


def _syllable(found: re.Match[str]) -> str:
    lead, vowel, tail = found[1], _JOINED.get(found[2], found[2]), found[3] or ""
    at = (LEADS.index(lead) * 21 + VOWELS.index(vowel)) * 28 + TAILS.index(_JOINED.get(tail, tail))
    return chr(ord(_FIRST) + at)


def typed_for_hangul(text: str) -> str:
    """Latin letters typed where Hangul was meant: ghldmltlf is 회의실."""
    if text.isupper() and any(one.lower() in _KEYS and one not in _KEYS for one in text):
        text = text.lower()  # caps lock: capitals that have no letter of their own
    return composed("".join(_KEYS.get(one) or _KEYS.get(one.lower(), one) for one in text))


def typed_for_latin(text: str) -> str:
    """Hangul typed where Latin letters were meant: ㅗ디ㅔ is help."""
    return "".join(_KEY_OF.get(one, one) for one in apart(letters(text)))


def spelled_out(word: str) -> str | None:
    """Latin letters by their Korean names, as one: 브이피엔 is vpn."""
    return _NAME.sub(lambda name: _NAMES[name[0]], word) if _SPELLED.fullmatch(word) else None


def is_open(syllable: str) -> bool:
    """Does it end in a vowel?"""
    return is_syllable(syllable) and (ord(syllable) - ord(_FIRST)) % 28 == 0


def ends_in_rieul(syllable: str) -> bool:
    return is_syllable(syllable) and TAILS[(ord(syllable) - ord(_FIRST)) % 28] == "ㄹ"
