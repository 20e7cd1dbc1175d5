"""Who may import whom: downwards only."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOOR = {"settings", "clock", "logs", "reporting", "supervised"}
MAY = {
    "responses": set(),
    "channels": set(),
    "store": {"clock", "logs"},
    "curation": {"responses"},
    "interaction": {"responses"},
    "alerts": {"responses"},
    "workers": FLOOR | {"responses", "channels", "store", "curation", "interaction", "alerts"},
    "web": FLOOR | {"intake", "store", "channels", "responses", "curation", "interaction", "alerts", "workers"},
    "relay": FLOOR | {"intake", "store", "channels", "responses", "workers"},
    "commands": FLOOR
    | {"app", "relay", "workers", "store", "channels", "curation", "interaction", "alerts", "responses", "web"},
    "sandbox": set(),
}


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("folder", MAY)
def test_a_folder_imports_downwards_only(folder: str) -> None:
    ours = set(MAY) | FLOOR | {"app", "intake", "run"}
    for path in (ROOT / folder).rglob("*.py"):
        wrong = imported(path) & ours - MAY[folder] - {folder}
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_of_the_workers_the_rim_knows_their_bell_and_what_pages_need() -> None:
    for path in (ROOT / "web").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "workers":
                names = {name.name for name in node.names} if node.module == "workers" else {str(node.module)[8:]}
                assert names <= {"queues", "rehearsal", "words", "alerting", "watching"}, (
                    f"{path.relative_to(ROOT)} imports {names}"
                )


def test_of_the_workers_the_relay_knows_their_bell_and_how_to_beat() -> None:
    for path in (ROOT / "relay").rglob("*.py"):
        known = {name for name in modules(path) if name.startswith("workers.")}
        assert known <= {"workers.queues", "workers.process"}, f"{path.relative_to(ROOT)} imports {known}"


def modules(path: Path) -> set[str]:
    found = ast.walk(ast.parse(path.read_text(encoding="utf8")))
    return {str(node.module) for node in found if isinstance(node, ast.ImportFrom)}


def test_no_web_process_loads_pandas() -> None:
    heavy = "{'pandas', 'numpy', 'openpyxl', 'python_calamine', 'alembic', 'sentry_sdk'}"
    code = f"import app, sys; app.create_app(); print(sorted(set(sys.modules) & {heavy}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
