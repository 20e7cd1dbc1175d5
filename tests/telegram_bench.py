"""`python -m tests.telegram_bench`: many Telegram subscribers are told of one change; some have blocked the bot.
Prints the time and the rate; judges what must never happen: somebody untold, told twice, or blocked and still
subscribed, and a rate beyond what Telegram allows."""

import argparse
import secrets
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from tests.house import House, eventually
from tests.rows import connected, table
from tests.torture.database import Postgres

TOPIC = "확진자"
A_SECOND = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscribers", type=int, default=10_000)
    parser.add_argument("--blocked", type=int, default=200)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="maru-telegram-"))
    postgres = Postgres(folder / "postgres") if asked.database == "postgresql" else None
    house = House(folder / "house", postgres.new_database("telegram") if postgres else "")
    try:
        house.open(workers=2)
        run(house, asked.subscribers, asked.blocked)
    finally:
        house.close()
        if postgres:
            postgres.close()
        shutil.rmtree(folder)


def run(house: House, count: int, blocked: int) -> None:
    users = house.control("telegram/crowd", {"n": count, "blocked": blocked})["users"]
    house.flask("topics", "add", TOPIC, "--public")
    now = datetime.now(UTC)
    with connected(house) as connection:
        row = {"topic": TOPIC, "channel": "telegram", "person": "", "since": now, "severity": ""}
        connection.execute(table(connection, "subscribers").insert(), [{**row, "chat": str(one)} for one in users])
    url = house.flask("hooks", "add", f"h{secrets.token_hex(4)}", "--topics", TOPIC)["url"]
    began = time.monotonic()
    house.http.post(url, json={"topic": TOPIC, "title": "누적 1,234명", "text": "신규 56명"}, timeout=30)
    house.telegrams(users[0], 1)
    print(f"the first was told after {time.monotonic() - began:.2f} s", flush=True)

    def all_told() -> bool:
        with connected(house) as connection:
            rows = table(connection, "deliveries")
            open_ones = select(rows.c.id).where(rows.c.state.in_(("waiting", "sending"))).limit(1)
            done = connection.execute(open_ones).first() is None
            return done and connection.execute(select(rows.c.id).offset(count - 1).limit(1)).first() is not None

    while not all_told():
        time.sleep(1.0)
    seconds = time.monotonic() - began
    eventually(lambda: len(subscribed(house)) == count - blocked, "those who blocked us are unsubscribed")
    judge(house, users, blocked, seconds)


def subscribed(house: House) -> set[str]:
    with connected(house) as connection:
        return set(connection.scalars(select(table(connection, "subscribers").c.chat)))


def judge(house: House, users: list[int], blocked: int, seconds: float) -> None:
    count = len(users)
    chats = house.control("telegram/chats")["chats"]
    told = [chats[str(one)]["sent"] for one in users]
    calls = [one for one in house.control("telegram/calls")["calls"] if one["method"] == "sendmessage"]
    times = sorted(one["at"] for one in calls if one["status"] == 200)
    busiest = max(sum(1 for at in times[i : i + 2 * A_SECOND] if at < first + 1000) for i, first in enumerate(times))
    limited = sum(one["status"] == 429 for one in calls)
    print(f"{count} subscribers, {blocked} of them blocked: {seconds:.0f} s, {len(calls) / seconds:.1f} calls a second")
    print(f"busiest second {busiest} messages, {limited} calls refused for the rate")
    print(
        f"told once {told.count(1)}, twice {sum(one > 1 for one in told)}, not {told.count(0)}; left {count - blocked}"
    )
    assert told == [1] * (count - blocked) + [0] * blocked
    assert subscribed(house) == {str(one) for one in users[: count - blocked]}
    assert busiest <= A_SECOND


if __name__ == "__main__":
    main()
