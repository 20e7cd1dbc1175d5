"""A number as people publish it: '1,234명', '+ 56', '1만 2천', '3억', '약 12.5%', '▼ 7'."""

import re
from unicodedata import category, normalize

_LARGE, _SMALL = {"": 1, "만": 10**4, "억": 10**8, "조": 10**12}, {"": 1, "십": 10, "백": 100, "천": 1000}
_UNITS = {small + large: _SMALL[small] * _LARGE[large] for small in _SMALL for large in _LARGE}  # 천만 is 10^7
_MINUS = "-−–▼△↓"  # △ stands for minus in Korean tables
_PLUS = "+▲↑"
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_UNIT = r"[십백천]?[만억조]|[십백천]"
_PART = rf"{_DIGITS}(?:\s?(?:{_UNIT}))?"
_NUMBER = re.compile(rf"(?P<sign>[{re.escape(_MINUS + _PLUS)}])?\s?(?P<parts>{_PART}(?:\s?{_PART})*)")
_BESIDE = re.compile(r"\s*\(.*\)\s*", re.DOTALL)  # '1,234명 (+56)': what stands in brackets is beside it
LARGEST = 10**15


def read_number(text: str) -> int | float | None:
    """None when there is no number, more than one, or one that is written as none is."""
    seen = "".join(one for one in text if category(one) != "Cf")  # zero-width spaces between digits, marks of direction
    words = normalize("NFKC", seen).strip()
    outside = _BESIDE.sub(" ", words)
    words = outside if re.search(r"\d", outside) else words
    found = list(_NUMBER.finditer(words))
    if len(found) != 1:
        return None
    one = found[0]
    before, after = words[: one.start()], words[one.end() :]
    if re.search(r"[\d.,]$", before) or re.match(r"[.,]?\d", after):
        return None
    value = _value(one["parts"])
    if value is None or abs(value) >= LARGEST:
        return None
    value = -value if one["sign"] and one["sign"] in _MINUS else value
    return int(value) if value == int(value) else value


def _value(words: str) -> int | float | None:
    """'1만 2,345': each unit smaller than the one before; two numbers without units are two numbers."""
    total: int | float = 0
    last = float("inf")
    for digits, unit in re.findall(rf"({_DIGITS})(?:\s?({_UNIT}))?", words):
        size = _UNITS[unit]
        number = float(digits.replace(",", "")) if "." in digits else int(digits.replace(",", ""))
        if size >= last or (last != float("inf") and number * size >= last):
            return None
        total, last = total + number * size, size
    return total
