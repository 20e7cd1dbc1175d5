"""A bridge to a department's own HTTP API: /재고 품목, /주문 품목 수량. DEPARTMENT_API is its address."""

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from maru import Ask, Bot, Button

API = os.environ.get("DEPARTMENT_API", "http://127.0.0.1:9100")
SECONDS = 5.0

bot = Bot()


class Away(Exception):
    """The department's server did not answer as it should."""


def call(path: str, body: dict[str, Any] | None = None, key: str = "") -> dict[str, Any] | None:
    """What the API says; None for what it does not have. `key`: by it the API knows a repeat."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"} | ({"idempotency-key": key} if key else {})
    try:
        with urllib.request.urlopen(urllib.request.Request(API + path, data, headers), timeout=SECONDS) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise Away(f"status {error.code}") from None
    except (OSError, ValueError) as error:
        raise Away(type(error).__name__) from None


@bot.middleware
async def when_away(ask: Ask, go: Any) -> Any:
    """The person hears that it is the other side, and that trying again may help."""
    try:
        return await go()
    except Away:
        return ask.t(
            "지금은 담당 부서의 시스템이 대답하지 않아요. 잠시 뒤에 다시 해 주세요.", "Please try again later."
        )


@bot.command("/재고", help="남은 수량을 알려 드려요")
def stock(ask: Ask, item: str) -> str:
    found = call(f"/stock/{urllib.parse.quote(item)}")
    if found is None:
        return ask.t(f"‘{item}’ 품목은 다루지 않아요.", f"There is no {item}.")
    return ask.t(f"{item}: {found['left']}개 남았어요.", f"{item}: {found['left']} left")


@bot.command("/주문", help="물품을 주문해요")
def order(ask: Ask, item: str, count: int) -> str:
    if not 1 <= count <= 100:
        return ask.t("1개부터 100개까지 주문할 수 있어요.", "1 to 100, please.")
    yes, no = ask.t("네", "yes"), ask.t("아니요", "no")
    sure = ask.wait(
        ask.t(f"{item} {count}개를 주문할까요?", f"Order {count} {item}?"),
        buttons=[Button(yes, say=yes), Button(no, say=no)],
    )
    if (sure or "").strip().casefold() not in ("네", "예", "응", "yes", "y"):
        return ask.t("주문하지 않았어요.", "Not ordered.")
    made = call("/orders", {"item": item, "count": count, "who": ask.user.id}, key=ask.id)
    if made is None:
        return ask.t(f"‘{item}’ 품목은 다루지 않아요.", f"There is no {item}.")
    return ask.t(f"주문했어요. 주문 번호는 {made['number']}이에요.", f"Ordered: {made['number']}")


if __name__ == "__main__":
    bot.run()
