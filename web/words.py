"""Both languages side by side, where they are said: t("저장", "Save")."""

from web.front import language


def t(korean: str, english: str) -> str:
    """The reader's language."""
    return korean if language() == "ko" else english
