"""Known vulnerabilities among the pinned packages, as the package index publishes them.

`audit.py [constraints.txt]` fails on one that is known. Where the advisories cannot be reached it says so
loudly and does not fail: a machine without that way out still has to be able to run `make lint`.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("PIP_AUDIT", str(Path(sys.executable).parent / "pip-audit"))
PATIENCE = 180


class Unreachable(Exception):
    """Nothing can be said about the packages; the text tells why."""


def main(pins: Path) -> int:
    every = re.findall(r"(?m)^[A-Za-z0-9._-]+==[^\s;#]+", pins.read_text(encoding="utf8"))
    if not every:
        print(f"{pins} pins nothing", file=sys.stderr)
        return 2
    try:
        # One first: an index without advisories would be asked for all the others in vain.
        if _known(report(every[:1])):
            return tell(report(every))
    except Unreachable as error:
        return not_audited(str(error))
    return not_audited("the package index has no advisories")


def report(pins: list[str]) -> list[dict[str, Any]]:
    """pip-audit's findings, a package each. Nothing is installed: what they need in turn is pinned too."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as asked:
        asked.write("\n".join(pins))
        asked.flush()
        options = [
            "--no-deps",
            "--disable-pip",
            "--progress-spinner",
            "off",
            "--format",
            "json",
            "--timeout",
            "10",
        ]
        try:
            done = subprocess.run(
                [PROGRAM, "--requirement", asked.name, *options],
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
        except FileNotFoundError:
            raise Unreachable("pip-audit is not installed") from None
        except subprocess.TimeoutExpired:
            raise Unreachable("the advisories did not come in time") from None
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise Unreachable(f"pip-audit ended with {done.returncode}: {last[:200]}") from None
    return found


def tell(packages: list[dict[str, Any]]) -> int:
    found = [(one, flaw) for one in packages for flaw in one.get("vulns") or ()]
    for one, flaw in found:
        mend = ", ".join(flaw.get("fix_versions") or ()) or "no version yet"
        print(f"{one['name']} {one['version']}: {flaw['id']} is known; mended in {mend}", file=sys.stderr)
    known = _known(packages)
    print(f"{len(known)} of {len(packages)} packages audited, {len(found)} vulnerabilities known")
    left = [str(one["name"]) for one in packages if one not in known]
    if left:
        not_audited(f"the index has no advisories of {', '.join(left)}")
    return 1 if found else 0


def _known(packages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in packages if "vulns" in one]


def not_audited(why: str) -> int:
    print(f"\n  *** PACKAGES WERE NOT AUDITED: {why} ***\n", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "constraints.txt"))
