"""Pages, cursors and the smaller request bodies of the ChannelTalk API."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sandbox.channeltalk_markup import Rejected, is_web_address

Json = dict[str, Any]
Item = TypeVar("Item")

TAG_LIMIT = 20
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


@dataclass(frozen=True)
class Page(Generic[Item]):
    items: list[Item]
    cursors: dict[str, str]  # next, prev: opaque, absent where the list ends


def cut(items: Sequence[Item], number: Callable[[Item], int], query: dict[str, str], order: str = "desc") -> Page[Item]:
    """The page that `sortOrder`, `limit` and `since` ask for; `items` come in ascending order of `number`."""
    order = query.get("sortOrder") or order
    if order not in ("asc", "desc", "both"):
        raise Rejected("sortOrder must be asc, desc or both.")
    limit = query.get("limit", "25")
    if not re.fullmatch(r"[0-9]{1,3}", limit) or not 1 <= int(limit) <= 500:
        raise Rejected("limit must be a whole number from 1 to 500.")
    since = query.get("since", "")
    if since and not re.fullmatch(r"[0-9a-f]{1,16}", since):
        raise Rejected("since must be a cursor of an earlier answer.")
    rising = order == "asc"
    ordered: list[Item] = []
    for item in items if rising else reversed(items):
        if since and (number(item) <= int(since, 16) if rising else number(item) >= int(since, 16)):
            continue
        ordered.append(item)
        if len(ordered) > int(limit):
            break
    shown = ordered[: int(limit)]
    cursors = {"prev": f"{number(shown[0]):016x}"} if shown and since else {}
    if len(ordered) > len(shown):
        cursors["next"] = f"{number(shown[-1]):016x}"
    return Page(shown, cursors)


def checked_profile(body: Json) -> Json:
    for name in ("profile", "profileOnce"):
        if not isinstance(body.get(name, {}), dict):
            raise Rejected(f"{name} must be an object.")
    tags = body.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) and tag for tag in tags):
        raise Rejected("tags must be a list of texts.")
    if len(tags) > TAG_LIMIT:
        raise Rejected(f"tags holds {len(tags)} items, at most {TAG_LIMIT} are allowed.")
    for name in ("blocked", "unsubscribeEmail", "unsubscribeTexting"):
        if not isinstance(body.get(name, False), bool):
            raise Rejected(f"{name} must be true or false.")
    return body


def check_hook(body: Json, names: set[str], known: tuple[str, ...]) -> None:
    name, url, scopes = (
        body.get("name", "-"),
        body.get("url", "https://bot.example.kr"),
        body.get("scopes", [known[0]]),
    )
    if not isinstance(name, str) or not name or name in names:
        raise Rejected("name must be a text that no other webhook has.")
    if not is_web_address(url):
        raise Rejected("url must be an http address.")
    if not isinstance(scopes, list) or not scopes or not all(scope in known for scope in scopes):
        raise Rejected(f"scopes must be some of {', '.join(known)}.")
    if len(set(scopes)) != len(scopes):
        raise Rejected("scopes must be unique.")
    if body.get("apiVersion", "v5") != "v5":
        raise Rejected("apiVersion must be v5.")


def duration(text: str) -> int | None:
    """Seconds of an ISO-8601 duration such as PT30M; None when it is none."""
    found = _DURATION.fullmatch(text)
    if not found or not any(found.groups()):
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + seconds
