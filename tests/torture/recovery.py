"""How long customers notice a fault: `python -m tests.torture.recovery [--database …]`.

Thirty customers are told something every half second, by a platform that takes its time, so that messages are always
on their way. A second after they began one thing breaks; the longest pause that any of them saw, beyond what is usual,
is how long the house took to recover.
"""

import argparse
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable

from tests.house import SURVEY, eventually
from tests.torture.database import SENDERS, UNFINISHED, Postgres
from tests.torture.ground import Ground

CUSTOMERS, MESSAGES, WAIT, SLOW = 30, 12, 0.5, 0.4
MODULE = (
    "module: recovery\ntitle: recovery\norder: 1\nstarts:\n  - {on: chat_opened, tags: [recovery]}\nmessages:\n"
    + "".join(f"  - {{text: '{number}', wait: {WAIT}}}\n" for number in range(MESSAGES))
)
AWAY_SECONDS = 5.0
AS_SUPERVISED = 0.25  # seconds until whoever watches has started a part again


def main() -> int:
    parser = argparse.ArgumentParser(prog="recovery", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    ground = Ground(parser.parse_args().database)
    try:
        ground.open()
        ground.house.module(MODULE)
        broken = 0
        for name, fault in FAULTS.items():
            pause, wrong = measured(ground, fault)
            broken += wrong
            print(f"{ground.database:10}  {name:40}  {pause:5.1f} s  {wrong or 'nobody'} told wrongly", flush=True)
        return 1 if broken else 0
    finally:
        ground.close()


def measured(ground: Ground, fault: Callable[[Ground], None]) -> tuple[float, int]:
    """The longest pause, and how many customers were not told everything once and in order."""
    ground.calm()
    house = ground.house
    house.faults({"do": "slow", "seconds": SLOW, "match": {"method": "POST"}})
    asked = {"n": CUSTOMERS, "profile": SURVEY, "tags": ["recovery"]}
    chats = house.control("crowd", asked)["chats"]
    for chat in chats:
        house.wait(chat, 1)
    time.sleep(1)  # they are in the middle of it
    fault(ground)
    for chat in chats:
        house.wait(chat, MESSAGES, patience=60)
    for name in ("worker 1", "worker 2"):
        ground.hit(name, signal.SIGCONT)
    eventually(lambda: ground.outside.ask(UNFINISHED) == [(0,)], "nothing is on its way")
    pauses, wrong = [], 0
    for chat in chats:
        told = house.bot_messages(chat)
        wrong += [one["plainText"] for one in told] != [str(number) for number in range(MESSAGES)]
        pauses += [after["at"] - before["at"] for before, after in zip(told, told[1:], strict=False)]
    return max(pauses) / 1000 - WAIT - SLOW, wrong


def nothing(ground: Ground) -> None:
    """How much the machine itself delays."""


def busiest_worker(ground: Ground) -> str:
    """Whose messages are on their way just now."""
    senders = eventually(lambda: ground.outside.ask(SENDERS.format(delivery=0, chat="")), "a message is on its way")
    return ground.part_of(Counter(pid for (pid,) in senders).most_common(1)[0][0])


def killed(name: str, again: bool = True) -> Callable[[Ground], None]:
    def kill(ground: Ground) -> None:
        part = name or busiest_worker(ground)
        ground.hit(part, signal.SIGKILL)
        if again:
            time.sleep(AS_SUPERVISED)
            ground.start(part)

    return kill


def frozen(ground: Ground) -> None:
    ground.hit(busiest_worker(ground), signal.SIGSTOP)


def emptied(ground: Ground) -> None:
    from redis import Redis

    import settings

    Redis.from_url(settings.load(ground.house.env).redis_url).flushall()


def away(ground: Ground) -> None:
    if isinstance(ground.outside, Postgres):
        ground.outside.stop(signal.SIGQUIT)
        time.sleep(AWAY_SECONDS)
        ground.outside.start()
    else:
        with ground.outside.locked():
            time.sleep(AWAY_SECONDS)


FAULTS: dict[str, Callable[[Ground], None]] = {
    "nothing": nothing,
    "kill -9 of one of two workers": killed("", again=False),
    "kill -9 of a worker, started again": killed(""),
    "SIGSTOP of one of two workers": frozen,
    "kill -9 of web": killed("web"),
    "kill -9 of the clock": killed("clock"),
    "kill -9 of Redis": killed("redis"),
    "Redis emptied": emptied,
    f"database away for {AWAY_SECONDS:g} s": away,
}

if __name__ == "__main__":
    sys.exit(main())
