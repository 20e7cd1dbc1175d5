"""Who changed what: the audit, for admins."""

import json
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from store import audit, database
from store.audit import Change
from web.console.change_words import KINDS, SUBJECTS
from web.console.frame import console, needs, page
from web.words import t

ON_A_PAGE = 50
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Difference:
    """One thing that changed; `name` is empty where there is but one."""

    name: str
    before: str
    after: str


@console.get("/staff/audit", endpoint="audit")
@needs("admin")
def audit_page() -> Response:
    wanted = {name: request.args.get(name, "").strip()[:300] for name in ("who", "what", "subject")}
    before = request.args.get("before", type=int)
    with database.reading() as session:
        older_than = None if before is None else min(max(before, 0), LARGEST_ID)
        rows = audit.listed(session, before_id=older_than, most=ON_A_PAGE + 1, **wanted)
        shown = [_row(one) for one in rows[:ON_A_PAGE]]
    older = shown[-1]["id"] if len(rows) > ON_A_PAGE else None
    kinds = sorted((t(*words), what) for what, words in KINDS.items())
    filters = {name: value for name, value in wanted.items() if value}
    return page("audit.html", changes=shown, older=older, before=before, filters=filters, kinds=kinds)


def _row(one: Change) -> dict[str, Any]:
    kind, _, name = one.subject.partition(":")
    return {
        "id": one.id,
        "at": one.at,
        "who": one.who,
        "what": one.what,
        "said": t(*KINDS[one.what]) if one.what in KINDS else one.what,
        "subject": one.subject,
        "kind": t(*SUBJECTS[kind]) if kind in SUBJECTS else kind,
        "name": name,
        "differences": differences(one.before, one.after),
    }


def differences(before: Any, after: Any) -> list[Difference]:
    """Field by field where both sides have fields; what stayed as it was is left out."""
    if before is None and after is None:
        return []
    if not all(side is None or isinstance(side, dict) for side in (before, after)):
        return [Difference("", _text(before), _text(after))]
    before, after = before or {}, after or {}
    names = [*before, *(name for name in after if name not in before)]
    return [
        Difference(str(name), _text(before.get(name)), _text(after.get(name)))
        for name in names
        if before.get(name) != after.get(name)
    ]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return t("예", "yes") if value else t("아니요", "no")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
