"""A house's commands and clock without its channels, in a process of their own: a line of JSON in, a line out. What
an employee says in a chat at a given time; and what the clock finds due then, and what is told of it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from tests.house import ROOT, House


class Company:
    """A stopped house that people talk to."""

    def __init__(self, house: House) -> None:
        self.house, self.turn = house, threading.Lock()
        command = [sys.executable, "-m", "tests.speaking"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=house.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def say(self, who: str, text: str, now: str, chat: str = "", room: bool = False, channel: str = "webex") -> Any:
        """The answers, each {"text", "buttons"}; None when it is no command for this person."""
        given = {"who": who, "text": text, "now": now, "chat": chat or f"1:1 {who}", "room": room, "channel": channel}
        return self._ask(given)

    def says(self, who: str, text: str, now: str, **more: Any) -> str:
        """The texts in one."""
        return "\n".join(one["text"] for one in self.say(who, text, now, **more))

    def tick(self, now: str) -> list[dict[str, Any]]:
        """What the clock has told at this moment: {"chat", "source", "text"} each."""
        return list(self._ask({"tick": True, "now": now}))

    def _ask(self, given: dict[str, Any]) -> Any:
        assert self.process.stdin is not None and self.process.stdout is not None
        with self.turn:
            self.process.stdin.write(json.dumps(given) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        assert line, "the conversation broke off"
        return json.loads(line)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)


@contextmanager
def company(house: House) -> Iterator[Company]:
    made = Company(house)
    try:
        yield made
    finally:
        made.close()


def look(app: Any, moments: Any) -> None:
    """A clock and nothing else, in a process forked for it: looks at each moment that comes through the pipe."""
    with app.app_context():
        while True:
            _tick(app.extensions["settings"], moments.recv())


def an_app(env: Mapping[str, str]) -> Any:
    os.environ.clear()
    os.environ.update({**env, "FLASK_RUN_FROM_CLI": "true"})
    from app import create_app

    return create_app()


def main() -> None:
    app = an_app(dict(os.environ))
    answers, sys.stdout = sys.stdout, sys.stderr
    with app.app_context():
        for line in sys.stdin:
            given = json.loads(line)
            now = datetime.fromisoformat(given["now"])
            done = _tick(app.extensions["settings"], now) if "tick" in given else _hear(app, given, now)
            print(json.dumps(done, ensure_ascii=False), file=answers, flush=True)


def _hear(app: Any, given: dict[str, Any], now: datetime) -> Any:
    from store import database, people
    from workers import spoken

    settings = app.extensions["settings"]
    with database.writing() as session:
        found = people.find(session, given["who"]) if given["channel"] == "webex" else None
        ask = spoken.Ask(
            session=session,
            settings=settings,
            now=now.astimezone(settings.timezone),
            channel=given["channel"],
            chat=given["chat"],
            person="p",
            email=given["who"],
            room=given["room"],
            employee=found,
            language=spoken.language_of(given["text"]),
            outsider=found is None,
        )
        told = spoken.hear(ask, given["text"])
    return told and [{"text": one.text, "buttons": list(one.buttons)} for one in told]


def _tick(settings: Any, now: datetime) -> Any:
    from store import database, events
    from workers import due, spoken

    told: list[dict[str, str]] = []
    now = now.astimezone(UTC)
    with database.reading() as session:
        if not due.any_due(session, now):
            return told
    with database.writing() as session:
        for fact in due.facts(session, settings, now):
            if events.record(session, [fact]) and fact.chat and fact.kind == "due":  # what is told in a chat
                for one in spoken.due(session, settings, fact.inbound["source"], now):
                    told.append({"chat": fact.chat, "source": fact.platform_id, "text": one.text})
    return told


if __name__ == "__main__":
    main()
