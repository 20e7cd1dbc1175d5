"""The audit of packages: fails on a known vulnerability, is loud where it cannot tell."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

AUDIT = Path(__file__).resolve().parent.parent / ".ci" / "audit.py"
FLAW = {"id": "PYSEC-2026-1", "fix_versions": ["2.0"], "aliases": [], "description": "bad"}
Audit = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    """Runs the audit with a pip-audit that answers as the real one does, and keeps what it was asked."""

    def run(known: dict[str, list[Any]] | None, pins: str = "a==1.0\nb==2.0  # why\n") -> Any:
        program = tmp_path / "pip-audit"
        program.write_text(
            f"#!{sys.executable}\n"
            "import json, re, sys\n"
            f"known = json.loads({json.dumps(known)!r})\n"
            "if known is None: sys.exit('Name or service not known')\n"
            "asked = open(sys.argv[sys.argv.index('--requirement') + 1]).read()\n"
            f"open({str(tmp_path / 'asked')!r}, 'a').write(asked + '|')\n"
            "told = lambda n: {'vulns': known[n]} if n in known else {'skip_reason': 'not there'}\n"
            "pins = re.findall(r'(\\S+)==(\\S+)', asked)\n"
            "found = [{'name': n, 'version': v, **told(n)} for n, v in pins]\n"
            "print(json.dumps({'dependencies': found, 'fixes': []}))\n"
            "sys.exit(any(one.get('vulns') for one in found))\n"
        )
        program.chmod(0o755)
        (tmp_path / "pins.txt").write_text(pins)
        command = [sys.executable, str(AUDIT), str(tmp_path / "pins.txt")]
        env = os.environ | {"PIP_AUDIT": str(program)}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)

    return run


def test_a_known_vulnerability_fails(audit: Audit) -> None:
    done = audit({"a": [], "b": [FLAW]})
    assert done.returncode == 1
    assert "b 2.0: PYSEC-2026-1 is known; mended in 2.0" in done.stderr


def test_nothing_known_is_fine(audit: Audit) -> None:
    done = audit({"a": [], "b": []})
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 of 2 packages audited, 0 vulnerabilities known" in done.stdout


def test_an_index_without_advisories_is_asked_once_and_told_of_loudly(audit: Audit, tmp_path: Path) -> None:
    done = audit({})
    assert done.returncode == 0
    assert "*** PACKAGES WERE NOT AUDITED" in done.stderr
    assert (tmp_path / "asked").read_text() == "a==1.0|"


def test_no_way_out_is_told_of_loudly(audit: Audit) -> None:
    done = audit(None)
    assert done.returncode == 0
    assert "*** PACKAGES WERE NOT AUDITED: pip-audit ended with 1: Name or service not known ***" in done.stderr


def test_a_package_that_the_advisories_do_not_know_is_named(audit: Audit) -> None:
    done = audit({"a": []})
    assert done.returncode == 0
    assert "*** PACKAGES WERE NOT AUDITED: the index has no advisories of b ***" in done.stderr


def test_a_file_without_pins_is_a_mistake(audit: Audit) -> None:
    assert audit({}, pins="# nothing\n").returncode == 2
