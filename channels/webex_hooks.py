"""Webex's webhooks: just one active for each event; and what was said while none told us.

Webex has no "make or keep", allows two of the same, and switches off for good what failed too often.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from channels import webex_api as api
from channels.contract import Finding, Keys, SendError

WANTED = (  # purpose, resource. No filters: a bot gets its 1:1 messages and its mentions only
    ("messages", "messages"),
    ("actions", "attachmentActions"),
    ("memberships", "memberships"),
)
LOOK_BACK = 50  # messages of a room
MOST_ROOMS = 100
MEND = "The clock makes it so within a minute: is it running?"
MEND_KEYS = "Compare WEBEX_BOT_TOKEN with developer.webex.com: regenerating a token ends the old one."

Hook = Mapping[str, Any]


@dataclass(frozen=True)
class Mended:
    """How the webhooks stand, and whether they may have been silent before."""

    findings: list[Finding]
    were_silent: bool = False


def look(keys: Keys) -> list[Finding]:
    try:
        api.about_me(keys)
        return _judged(keys, _mine(keys))
    except SendError as error:
        return [_trouble(error)]


def mend(keys: Keys) -> Mended:
    """Make it so: keep one of each, bring it up to date, revive it, delete what is stale, make what is missing."""
    try:
        api.about_me(keys)
        mine = _mine(keys)
        silent, changed = _mend(keys, mine)
        return Mended(_judged(keys, _mine(keys) if changed else mine), silent)
    except SendError as error:
        return Mended([_trouble(error)])


def _trouble(error: SendError) -> Finding:
    refused = error.permanent and ("401" in error.reason or "403" in error.reason)
    return Finding("keys", False, error.reason, MEND_KEYS if refused else "Look again in a minute.")


def _mine(keys: Keys) -> list[dict[str, Any]]:
    """Those whose name begins with our prefix; others belong to other installations of the same bot."""
    prefix = f"{keys['webhook_name']}:"
    return [hook for hook in api.listed(keys, "/webhooks?max=100") if api.text(hook, "name").startswith(prefix)]


def _same(keys: Keys, mine: Sequence[Hook], purpose: str, resource: str) -> list[Hook]:
    """Those for one purpose, the one to keep first: the active one, and the one that calls the right address."""
    wanted = {"name": f"{keys['webhook_name']}:{purpose}", "resource": resource, "event": "created", "filter": ""}
    same = [hook for hook in mine if all(api.text(hook, key) == value for key, value in wanted.items())]
    return sorted(same, key=lambda hook: (not _is_active(hook), hook.get("targetUrl") != keys["webhook_url"]))


def _is_active(hook: Hook) -> bool:
    return api.text(hook, "status") == "active"


def _mend(keys: Keys, mine: Sequence[Hook]) -> tuple[bool, bool]:
    """Were some silent, and was anything changed that has to be looked at once more?"""
    silent = changed = False
    stale = list(mine)
    for purpose, resource in WANTED:
        same = _same(keys, mine, purpose, resource)
        stale = [hook for hook in stale if hook not in same[:1]]
        if same and _is_kept(keys, same[0]):
            right = _is_active(same[0]) and same[0].get("targetUrl") == keys["webhook_url"]
            silent, changed = silent or not right, changed or not right
        else:
            _make(keys, purpose, resource)
            silent = changed = True
    for hook in stale:
        _delete(keys, hook)
    return silent, changed or bool(stale)


def _is_kept(keys: Keys, hook: Hook) -> bool:
    """Always written anew: whether the secret kept there is ours cannot be read back reliably. False: it is gone."""
    body = {"name": hook["name"], "targetUrl": keys["webhook_url"], "secret": secret(keys), "status": "active"}
    reply = api.request(keys, "PUT", f"/webhooks/{api.segment(api.text(hook, 'id'))}", body=body)
    if reply.status == 404:
        return False
    api.judged(reply)
    return True


def _make(keys: Keys, purpose: str, resource: str) -> None:
    body = {"name": f"{keys['webhook_name']}:{purpose}", "resource": resource, "event": "created"}
    api.call(keys, "POST", "/webhooks", body={**body, "targetUrl": keys["webhook_url"], "secret": secret(keys)})


def secret(keys: Keys) -> str:
    """What Webex signs with. Where several are given, the others are accepted still: they are being replaced."""
    return keys["webhook_secret"].split(",")[0].strip()


def _delete(keys: Keys, hook: Hook) -> None:
    reply = api.request(keys, "DELETE", f"/webhooks/{api.segment(api.text(hook, 'id'))}")
    if reply.status != 404:  # somebody else deleted it already
        api.judged(reply)


def _judged(keys: Keys, mine: Sequence[Hook]) -> list[Finding]:
    found = [Finding("keys", True, "Webex knows the bot")]
    for purpose, resource in WANTED:
        same, name = _same(keys, mine, purpose, resource), f"webhook {purpose}"
        if not same:
            words = "is missing"
        elif not _is_active(same[0]):
            words = "was switched off by Webex"
        elif len(same) > 1:
            words = f"is there {len(same)} times"
        else:
            found.append(Finding(name, True, f"{name} is active"))
            continue
        found.append(Finding(name, False, f"{name} {words}", MEND, "warn"))
    return found


# --- what no webhook told ---


def rooms(keys: Keys, since: datetime) -> list[tuple[str, bool, datetime]]:
    reply = api.request(keys, "GET", "/rooms", params={"sortBy": "lastactivity", "max": str(MOST_ROOMS)})
    found = api.items(api.judged(reply).json()) if reply.status not in (403, 404) else []
    lively = [row for row in found if api.text(row, "id") and not is_before(api.text(row, "lastActivity"), since)]
    return [(api.text(row, "id"), row.get("type") == "group", since) for row in lively]


def missed(keys: Keys, rooms: Sequence[tuple[str, bool, datetime]]) -> Iterator[dict[str, Any]]:
    """What others wrote in these rooms (id, whether it is a group, since when), the oldest of a room first."""
    me = api.about_me(keys)["id"]
    for room, group, since in rooms:
        if "@" in room:  # a person whom we wrote to; what they answer comes from their room
            continue
        params = {"roomId": room, "max": str(LOOK_BACK)} | ({"mentionedPeople": "me"} if group else {})
        reply = api.request(keys, "GET", "/messages", params=params)
        if reply.status in (400, 403, 404):  # the room is gone, we are no longer in it, or it never was one
            continue
        rows = [row for row in api.items(api.judged(reply).json()) if not is_before(api.text(row, "created"), since)]
        for row in rows[::-1]:
            if api.text(row, "personId") != me:
                yield {**row, "roomId": room, "roomType": "group" if group else "direct"}


def is_before(created: str, since: datetime | None) -> bool:
    try:
        return since is not None and datetime.fromisoformat(created) < since
    except (ValueError, TypeError):  # no time, or one without its zone
        return False
