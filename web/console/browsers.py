"""A browser in words, from what it says of itself: enough to tell one's telephone from a stranger's."""

from web.words import t

# The first that occurs counts: most browsers also name those that they descend from.
BROWSERS = (
    ("Edg", "Edge"), ("Whale/", "Whale"), ("SamsungBrowser/", "Samsung Internet"), ("KAKAOTALK", "KakaoTalk"),
    ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"), ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)  # fmt: skip
SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def in_words(said: str) -> str:
    browser = next((name for mark, name in BROWSERS if mark in said), t("알 수 없는 브라우저", "Unknown browser"))
    system = next((name for mark, name in SYSTEMS if mark in said), "")
    return f"{browser} · {system}" if system else browser
