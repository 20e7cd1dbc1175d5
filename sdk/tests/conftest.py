"""The SDK from its source, and its own pytest fixture."""

import sys
from pathlib import Path

SOURCE = str(Path(__file__).resolve().parent.parent / "src")
if SOURCE not in sys.path:
    sys.path.insert(0, SOURCE)

from maru.testing import talk  # noqa: E402

__all__ = ["talk"]
