"""requirements.lock, which servers and images install from, says what requirements.txt and constraints.txt say."""

import re
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as plain

ROOT = Path(__file__).resolve().parent.parent
MEND = "run make lock"


def pins(name: str) -> dict[str, str]:
    lines = [re.sub(r"(^|\s)#.*| \\$", "", line) for line in (ROOT / name).read_text().splitlines()]
    found = [Requirement(line) for line in lines if line and line[0] not in " -"]
    return {plain(one.name): str(one.specifier).removeprefix("==") for one in found}


def locked() -> dict[str, list[str]]:
    """Package and version, with what its files hash to."""
    blocks = re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text())
    return {block.split()[0]: re.findall(r"--hash=sha256:([0-9a-f]{64})\b", block) for block in blocks if block.strip()}


def test_what_we_want_is_locked_at_its_pin() -> None:
    lock, wanted = pins("requirements.lock"), pins("requirements.txt")
    assert {name: lock.get(name) for name in wanted} == wanted, MEND


def test_what_that_needs_is_locked_at_the_pin_of_the_constraints() -> None:
    lock, known = pins("requirements.lock"), pins("constraints.txt")
    assert {name: version for name, version in lock.items() if known.get(name, version) != version} == {}, MEND


def test_nothing_is_missing() -> None:
    """As the installed packages tell what they need on this machine."""
    lock = pins("requirements.lock")
    waiting = [Requirement(f"{name}[binary]" if name == "psycopg" else name) for name in pins("requirements.txt")]
    seen = set()
    while waiting:
        one = waiting.pop()
        if one.name in seen:
            continue
        seen.add(one.name)
        assert plain(one.name) in lock, f"{one.name} is not in requirements.lock: {MEND}"
        for text in requires(one.name) or []:
            need = Requirement(text)
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in one.extras or {""}):
                waiting.append(need)


def test_every_file_is_known_by_its_hash() -> None:
    assert [package for package, hashes in locked().items() if not hashes] == []
