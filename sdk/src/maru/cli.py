"""maru run bot.py [--reload] · maru shell bot.py · maru new NAME"""

import argparse
import asyncio
import importlib.util
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from maru.asks import Ask, Chat, User
from maru.bot import Bot, read_env, split

LOOK_SECONDS = 0.5
BOT = '''"""{name}: a bot for Maru."""

from maru import Ask, Bot, TimeSpan

bot = Bot()  # MARU_KEY and MARU_URL, from .env


@bot.command("{command}", help="{help}")
def reserve(ask: Ask, room: str, span: TimeSpan) -> str:
    return f"{answer}"


if __name__ == "__main__":
    bot.run()
'''
ENV = """# The bot's key, shown once when it is made, and the address of Maru. Keep this file to yourself.
MARU_KEY=
MARU_URL=
"""
TEST = """from bot import bot


def test_reserve() -> None:
    assert bot.answer("{said}") == ["{told}"]
"""
KOREAN = {
    "command": "/예약",
    "help": "회의실을 예약합니다",
    "answer": "{room} {span} 예약했습니다",
    "said": "/예약 회의실 오후 3~4시",
    "told": "회의실 15:00~16:00 예약했습니다",
}
ENGLISH = {
    "command": "/book",
    "help": "Books a meeting room",
    "answer": "{room} is yours, {span}",
    "said": "/book lounge 3pm-4pm",
    "told": "lounge is yours, 15:00~16:00",
}
NEXT = """{name}/bot.py, its test, and .env for the key

  cd {name}
  maru shell bot.py               # then say: {said}
  pip install pytest && pytest
  maru run bot.py --reload        # once the key and the address are in .env
"""
HELP = ("/도움말", "/help", "도움말", "help")


def main() -> None:
    parser = argparse.ArgumentParser(prog="maru", description="Chatbots for Maru.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="connect a bot and answer")
    run.add_argument("file", type=Path)
    run.add_argument("--reload", action="store_true", help="start again whenever a file beside it changes")
    shell = commands.add_parser("shell", help="talk to a bot here, with no server")
    shell.add_argument("file", type=Path)
    new = commands.add_parser("new", help="begin a bot in a new folder")
    new.add_argument("name")
    new.add_argument("--english", action="store_true", help="with an English command")
    asked = parser.parse_args()
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # bots speak Korean in a container without LANG, too
            stream.reconfigure(encoding="utf8")
    if asked.command == "new":
        begin(asked.name, ENGLISH if asked.english else KOREAN)
    elif not asked.file.is_file():
        raise SystemExit(f"maru: {asked.file}: there is no such file")
    elif asked.command == "shell":
        talk(load(asked.file))
    elif asked.reload:
        reload(asked.file)
    else:
        read_env(asked.file.resolve().parent / ".env")
        load(asked.file).run()


def load(path: Path) -> Bot:
    """The file's one Bot."""
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"maru: {path}: is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    bots = {id(one): one for one in vars(module).values() if isinstance(one, Bot)}
    if len(bots) != 1:
        raise SystemExit(f"maru: {path}: {'has no Bot' if not bots else 'has several Bots'}; it needs just one")
    return next(iter(bots.values()))


class Shell:
    """The line of a person at this terminal."""

    def __init__(self) -> None:
        self.silent = True

    def reply(self, ask: Ask, body: Mapping[str, Any]) -> None:
        self.silent = False
        print(body["text"])
        for one in body.get("buttons", ()):
            print(f"  [{one['title']}] {one.get('say') or one.get('url')}")
        for one in body.get("files", ()):
            print(f"  {one['name']}: {one['url']}")

    async def wait(self, ask: Ask, body: Mapping[str, Any], seconds: int) -> str | None:
        self.reply(ask, body)
        try:
            return await asyncio.to_thread(input, "… ")
        except EOFError:
            return None

    def typing(self, ask: Ask) -> None:
        return


def talk(bot: Bot) -> None:
    with suppress(ImportError):
        import readline  # noqa: F401  so that a Korean syllable is deleted whole, and the arrows work
    print(f"{bot.help()}\n(Ctrl-D로 나가요 · Ctrl-D leaves)")
    while True:
        try:
            text = input("> ").strip()
            if not text:
                continue
            shell = Shell()
            asyncio.run(bot.play(text, shell, User(), Chat()))
        except (EOFError, KeyboardInterrupt):
            print()
            return
        if shell.silent:
            print(unheard(bot, text))


def unheard(bot: Bot, text: str) -> str:
    """What a person at the shell is told when the bot says nothing."""
    if text in HELP:
        return bot.help()
    name = split(text)[0]
    if name and not bot.knows(name):
        return f"({name}: 이런 명령은 없어요 · there is no such command)\n{bot.help()}"
    return "(아무 말도 하지 않아요 · says nothing)"


def reload(path: Path) -> None:
    """A child runs the bot; when a .py file beside it changes the next one does."""
    command = [sys.executable, "-m", "maru.cli", "run", str(path)]
    stopped = False

    def stop(number: int, frame: object) -> None:
        nonlocal stopped
        stopped = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    while not stopped:
        seen, child = _files(path), subprocess.Popen(command, start_new_session=True)
        said = False
        while not stopped and _files(path) == seen:
            if child.poll() is not None and not said:
                said = True
                print("maru: it has ended; it is started again when a file changes", file=sys.stderr)
            time.sleep(LOOK_SECONDS)
        child.send_signal(signal.SIGTERM)
        child.wait()
        if not stopped:
            print("maru: changed, starting again", flush=True)


def _files(path: Path) -> dict[str, float]:
    found = {}
    for one in [*path.resolve().parent.glob("*.py"), path.resolve().parent / ".env"]:
        with suppress(FileNotFoundError):  # an editor is just putting it in its place
            found[str(one)] = one.stat().st_mtime
    return found


def begin(name: str, words: Mapping[str, str]) -> None:
    if not re.fullmatch(r"[a-z0-9-]{1,40}", name):
        raise SystemExit("maru: NAME is 1 to 40 of a-z, 0-9 and -")
    folder = Path(name)
    if folder.exists():
        raise SystemExit(f"maru: {name}: is there already")
    folder.mkdir()
    (folder / "bot.py").write_text(BOT.format(name=name, **words), encoding="utf8")
    (folder / "test_bot.py").write_text(TEST.format(**words), encoding="utf8")
    (folder / ".gitignore").write_text(".env\n.venv/\n__pycache__/\n", encoding="utf8")
    (folder / ".env").write_text(ENV, encoding="utf8")
    (folder / ".env").chmod(0o600)
    print(NEXT.format(name=name, **words), end="")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
