"""The systemd units are valid, hardened, and start the commands that the contract names."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "deploy" / "lightsail"
UNITS = sorted(HERE.glob("maru*.service"))
PARTS = [HERE / f"maru-{name}.service" for name in ("web", "worker@", "clock", "relay", "redis")]
OTHERS = sorted([*HERE.glob("maru*.socket"), *HERE.glob("maru*.timer"), *HERE.glob("maru*.target")])
TARGET = HERE / "maru.target"
SCRIPTS = [HERE / "launch.sh", *(path for path in sorted((HERE / "bin").iterdir()) if path.name != "maru-check")]
SCRIPTS += sorted((ROOT / "deploy").glob("*.sh"))

pytestmark = pytest.mark.skipif(not UNITS, reason="no units")
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="NO systemd-analyze: THE UNITS WERE NOT VERIFIED"
)


@pytest.fixture
def copies(tmp_path: Path) -> list[Path]:
    """The units as they would be installed, with their programs present under another root."""
    made = []
    for unit in [*UNITS, *OTHERS]:
        text = unit.read_text()
        for program in set(re.findall(r"(?<==)/(?:opt|usr)/\S+", text)):
            here = tmp_path / "root" / program.lstrip("/")
            if "/bin/" in program:
                here.parent.mkdir(parents=True, exist_ok=True)
                here.write_text("#!/bin/sh\n")
                here.chmod(0o755)
                text = re.sub(rf"(?<==){re.escape(program)}(?=\s)", str(here), text)
        made.append(tmp_path / unit.name)
        made[-1].write_text(text)
    return made


@needs_systemd
def test_systemd_has_nothing_to_say_against_them(copies: list[Path]) -> None:
    names = [str(path).replace("@.", "@1.") for path in copies]
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True, timeout=60)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "maru" in line]
    assert (done.returncode, ours) == (0, [])


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_exposure_is_ok(unit: Path, tmp_path: Path) -> None:
    # template instances cannot be analysed offline: give the copy a plain name
    copy = tmp_path / unit.name.replace("@", "")
    copy.write_text(unit.read_text())
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=30", "--no-pager", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if "unrecognized option" in done.stderr:
        pytest.skip("systemd-analyze HERE IS TOO OLD TO JUDGE EXPOSURE")
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


@pytest.mark.parametrize(
    ("unit", "command"),
    [
        ("maru-web.service", "/opt/maru/current/.venv/bin/gunicorn"),
        ("maru-worker@.service", "/opt/maru/current/.venv/bin/flask worker"),
        ("maru-clock.service", "/opt/maru/current/.venv/bin/flask clock"),
        ("maru-relay.service", "/opt/maru/current/.venv/bin/flask relay"),
    ],
)
def test_each_part_is_the_one_command(unit: str, command: str) -> None:
    assert f"\nExecStart={command}\n" in (TARGET.parent / unit).read_text()


@pytest.mark.parametrize("unit", PARTS, ids=lambda unit: unit.name)
def test_every_part_comes_back_and_keeps_to_itself(unit: Path) -> None:
    lines = unit.read_text().splitlines()
    assert {"Restart=always", "StartLimitIntervalSec=0", "PartOf=maru.target", "User=maru"} <= set(lines)
    assert any(line.startswith("TimeoutStopSec=") for line in lines)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_nothing_runs_unconfined(unit: Path) -> None:
    lines = unit.read_text().splitlines()
    assert {"NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "User=maru"} <= set(lines)
    for name in ("MemoryMax", "RestrictAddressFamilies", "SystemCallFilter", "CapabilityBoundingSet"):
        assert any(line.startswith(f"{name}=") for line in lines), name


def test_what_can_freeze_is_watched() -> None:
    """gunicorn's workers, and each process that holds leases, tell systemd that they move."""
    for name in ("web", "worker@", "clock", "relay"):
        assert {"Type=notify", "WatchdogSec=30"} <= set((HERE / f"maru-{name}.service").read_text().splitlines())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_can_be_read(script: Path) -> None:
    assert subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True).stderr == ""
    assert script.stat().st_mode & 0o111


def test_the_example_environment_holds_no_secret_and_only_settings_that_exist() -> None:
    settings = (ROOT / "settings.py").read_text()
    for line in (TARGET.parent / "maru.env.example").read_text().splitlines():
        if found := re.fullmatch(r"#?([A-Z_]+)=(.*)", line):
            assert f'"{found[1]}"' in settings, found[1]
            assert not re.search("KEY|SECRET|DSN", found[1]) or found[2] == ""
