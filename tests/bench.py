"""`make bench`: what a customer waits, what a crowd takes, and what a killed worker costs. Prints figures, judges
only what must never happen (lost, doubled, out of order)."""

import argparse
import random
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tests.house import SURVEY, House, eventually

TEN = "module: ten\ntitle: ten\norder: 1\nstarts:\n  - on: chat_opened\n    tags: [bench]\nmessages:\n" + "".join(
    f'  - text: "{number}번째"\n    wait: 0\n' for number in range(1, 11)
)
EXPECTED = [f"{number}번째" for number in range(1, 11)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("latency", "crowd", "kills"))
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="maru-bench-"))
    house = House(folder, WORKERS="2")
    try:
        house.open(workers=2)
        house.module(TEN)
        for name, run in (("latency", latency), ("crowd", crowd)):
            if asked.only in (None, name):
                run(house)
        if asked.only in (None, "kills"):
            kills(house, asked.kills, random.Random(asked.seed))
    finally:
        house.close()
        shutil.rmtree(folder)


def latency(house: House, count: int = 200) -> None:
    """One customer after the other opens a chat; from the webhook's arrival to the first message."""
    took = []
    for _ in range(count):
        chat = house.open_chat(SURVEY, tags=["bench"])
        house.wait(chat, 10)
        took.append(_first_message_ms(house, chat))
    took.sort()
    print(f"webhook sent -> first message posted, {count} customers: ", end="")
    print(f"median {statistics.median(took):.0f} ms, p95 {took[int(count * 0.95)]:.0f} ms, max {took[-1]:.0f} ms")


def _first_message_ms(house: House, chat: str) -> float:
    record = house.control("record")
    opened = min(hook["at"] for hook in record["webhooks"] if hook["chat"] == chat)
    first = min(message["at"] for message in house.bot_messages(chat))
    house.control("reset", {})
    return float(first - opened)


def crowd(house: House, count: int = 300) -> None:
    """Everybody opens a chat within a second, ten messages each."""
    house.control("reset", {})
    began = time.monotonic()
    chats = house.control("crowd", {"n": count, "profile": SURVEY, "tags": ["bench"]})["chats"]
    house.control(f"wait?messages={count * 10}&timeout=300")
    took = time.monotonic() - began
    record = house.control("record")
    slowest = max(hook["ms"] for hook in record["webhooks"])
    opened = [hook["ms"] for hook in record["webhooks"] if hook["kind"] == "opened"]
    wrong = _judge(house, chats)
    print(f"{count} customers at once, ten messages each: {took:.1f} s, {count * 10 / took:.0f} messages/s;", end=" ")
    print(f"longest answer to an opened hook {max(opened):.0f} ms, to any hook {slowest:.0f} ms; {wrong}")


def kills(house: House, count: int, dice: random.Random) -> None:
    """`kill -9` of a worker at random moments while crowds are answered."""
    house.control("reset", {})
    chats: list[str] = []
    over = threading.Event()
    killer = threading.Thread(target=_kill_now_and_then, args=(house, count, dice, over))
    began = time.monotonic()
    killer.start()
    while killer.is_alive():
        chats += house.control("crowd", {"n": 20, "profile": SURVEY, "tags": ["bench"]})["chats"]
        over.wait(1.5)
    killer.join()
    eventually(lambda: _all_told(house, chats), "every customer has ten messages", 120)
    print(f"{count} x kill -9 of a worker, {len(chats)} customers: {time.monotonic() - began:.0f} s;", end=" ")
    print(_judge(house, chats))


def _kill_now_and_then(house: House, count: int, dice: random.Random, over: threading.Event) -> None:
    for _ in range(count):
        over.wait(dice.uniform(0.2, 1.2))
        name = dice.choice(("worker 1", "worker 2"))
        house.kill(name)
        house.start_worker(name)
    over.set()


def _all_told(house: House, chats: Sequence[str]) -> bool:
    kept = house.control("record")["chats"]
    return all(sum(one["personType"] == "bot" for one in kept[chat]["messages"]) >= 10 for chat in chats)


def _judge(house: House, chats: Sequence[str]) -> str:
    """Reads only the sandbox's record."""
    kept = house.control("record")["chats"]
    lost = doubled = disordered = 0
    for chat in chats:
        told = [one["plainText"] for one in kept[chat]["messages"] if one["personType"] == "bot"]
        lost += len(set(EXPECTED) - set(told))
        doubled += len(told) - len(set(told))
        disordered += list(dict.fromkeys(told)) != [text for text in EXPECTED if text in told]
    assert not (lost or doubled or disordered), f"lost {lost}, doubled {doubled}, out of order {disordered}"
    return "0 lost, 0 doubled, 0 out of order"


if __name__ == "__main__":
    main()
