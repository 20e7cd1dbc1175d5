"""One thing worth telling, from an alarm, a watch or a hook."""

from dataclasses import dataclass
from datetime import datetime

FIRING, RESOLVED = "firing", "resolved"
INFO, WARNING, CRITICAL = SEVERITIES = ("info", "warning", "critical")  # the later the graver


@dataclass(frozen=True)
class Alert:
    """`text` is in our markup, with people's words in it escaped. The same alarm again, and its end, have the same
    `key`; without one it is a new alert each time. `at`: when its source says that it changed. `news` is told once
    and never fires, such as a new figure. What has the same `group` and topic is bundled."""

    topic: str
    title: str
    text: str = ""
    key: str = ""
    state: str = FIRING
    severity: str = WARNING
    url: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    at: datetime | None = None
    source: str = ""
    news: bool = False
    group: str = ""


def rank(severity: str) -> int:
    """How grave; what nobody named so is as grave as can be, so that it is told."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
