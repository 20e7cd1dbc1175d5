"""What every page of one response module has: its name, what is live, its draft."""

from typing import Any

from flask import abort
from sqlalchemy.orm import Session

from store import versions
from workers import words

KIND = versions.MODULE


def head(session: Session, module: str) -> dict[str, Any]:
    """What the pages' head shows; 404 when there is no module of this name."""
    draft, live = versions.get(session, KIND, module, versions.DRAFT), versions.standing(session, KIND, module)
    kept = draft or versions.live_version(session, KIND, module)
    if kept is None:
        abort(404)
    return {"module": module, "title": words.title(kept), "draft": draft, "live": live}
