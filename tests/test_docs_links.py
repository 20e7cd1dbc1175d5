"""Documentation that leads somewhere: links, commands, addresses within a page, settings."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

import commands
import settings
from tests.house import ROOT

FOLDERS = [path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".") and path.name != "var"]
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in folder.rglob("*.md"))])
every = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))

_FENCE = re.compile(r"^(?: {4}[^\n]*|```.*?^```)$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_COMMENT = re.compile(r"(?:^|\s)#.*$", re.MULTILINE)
_MAKE = re.compile(r"(?:^|&&|;) *make ([a-z][a-z-]*)", re.MULTILINE)
_FLASK = re.compile(r"(?:^|[ /])flask ([a-z][a-z-]*(?: [a-z][a-z-]*)?)", re.MULTILINE)


@cache
def text(page: Path) -> str:
    return page.read_text(encoding="utf8")


@cache
def anchors(page: Path) -> frozenset[str]:
    """As GitHub names headings: small letters, no punctuation, spaces as hyphens, repeats numbered."""
    found: list[str] = []
    for heading in _HEADING.findall(_FENCE.sub("", text(page))):
        words = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found.append(f"{name}-{found.count(name)}" if name in found else name)
    return frozenset(found)


def said_in_code(page: Path) -> str:
    """Blocks and `code`, without comments: elsewhere `make` is a word of English."""
    kept = _FENCE.findall(text(page)) + [code.strip("`") for code in _CODE.findall(_FENCE.sub("", text(page)))]
    return _COMMENT.sub("", "\n".join(kept))


@every
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    lost = []
    for link in _LINK.findall(_CODE.sub("", _FENCE.sub("", text(page)))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, place = unquote(link).partition("#")
        there = (page.parent / path) if path else page
        known = there.exists() and (not place or there.suffix != ".md" or place in anchors(there.resolve()))
        lost += [] if known else [link]
    assert lost == []


@every
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(_MAKE.findall(said_in_code(page))) - targets == set()


@cache
def verbs(noun: str) -> set[str] | None:
    """What a noun of `flask` takes; None for a command by itself. Read: importing all of them takes seconds."""
    source = (ROOT / "commands" / f"{noun}.py").read_text(encoding="utf8")
    return set(re.findall(r'@command\.command\("([a-z-]+)"', source)) if "AppGroup(" in source else None


@every
def test_every_flask_command_that_is_named_exists(page: Path) -> None:
    wrong = []
    for words in set(_FLASK.findall(said_in_code(page))):
        noun, _, verb = words.partition(" ")
        known = verbs(noun) if noun in commands.NOUNS else set()
        if known is not None and (noun not in commands.NOUNS or (verb and verb not in known)):
            wrong.append(words)
    assert wrong == []


def test_the_korean_readme_has_what_the_english_one_has() -> None:
    """The same sections, pictures, links and commands; the words around them are for people to compare."""
    english, korean = text(ROOT / "README.md"), text(ROOT / "README.ko.md")
    for pattern in (r"^(#+) ", r"!\[[^\]]*\]\(([^)]+)\)", r"^ {4}((?:make|flask|curl) [^#\n]*?) *(?:#|$)"):
        assert re.findall(pattern, korean, re.MULTILINE) == re.findall(pattern, english, re.MULTILINE)
    pages = [
        {link for link in _LINK.findall(said) if not link.startswith(("#", "README"))} for said in (english, korean)
    ]
    assert pages[0] == pages[1]


def test_every_setting_is_in_the_docs() -> None:
    source = (ROOT / "settings.py").read_text(encoding="utf8")
    names = set(re.findall(r'given\.\w+\(\s*"([A-Z_]+)"', source)) | {"DATABASE_URL"}
    names |= {name for keys in settings.CHANNEL_KEYS.values() for name in keys.values()}
    assert len(names) > 40
    page = text(ROOT / "docs" / "settings.md")
    assert {name for name in names if f"`{name}`" not in page} == set()
