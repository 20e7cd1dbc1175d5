"""What a viewer sees of a customer's data: enough to tell two people apart, too little to know one."""

import re
from typing import Any

HIDDEN = "•"
_EMAIL = re.compile(r"([^@\s])[^@\s]*@([^@\s]+)")
_PHONE = re.compile(r"\+?\d[\d\s().-]{5,}\d")


def masked(value: Any) -> Any:
    """Texts keep a first letter, phone numbers their last two digits; numbers, dates and the like are hidden.
    Lists and dicts keep their shape and keys; true, false and nothing stay."""
    if value is None or isinstance(value, bool) or value == "":
        return value
    if isinstance(value, dict):
        return {key: masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    return _text(value) if isinstance(value, str) else HIDDEN * 3


def _text(text: str) -> str:
    mail = _EMAIL.fullmatch(text.strip())
    if mail:
        return f"{mail[1]}{HIDDEN * 3}@{mail[2]}"
    if _PHONE.fullmatch(text.strip()):
        return HIDDEN * 6 + text.strip()[-2:]
    words = text.split()
    # The number of marks tells nothing of the word's length beyond "short".
    return " ".join(word[0] + HIDDEN * min(max(len(word) - 1, 1), 3) for word in words[:8])
