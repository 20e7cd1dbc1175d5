"""maru new, shell and run, as a new author types them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_relay import KEY, SmallRelay, small_relay

SOURCE = str(Path(__file__).resolve().parent.parent / "src")
ENV = {name: value for name, value in os.environ.items() if not name.startswith("MARU_")}
ENV |= {"PYTHONPATH": SOURCE, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}  # a bare container


def maru(*words: str, at: Path, says: str = "") -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "maru.cli", *words]
    return subprocess.run(
        command, cwd=at, env=ENV, input=says, capture_output=True, encoding="utf8", timeout=60, check=False
    )


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("author")
    made = maru("new", "first", at=folder)
    assert made.returncode == 0, made.stderr
    return folder / "first"


def test_a_new_bot_answers_in_the_shell(begun: Path) -> None:
    told = maru("shell", "bot.py", at=begun, says="/예약 회의실 오후 3~4시\n/예약 회의실\n/없음\n/도움말\n그냥\n")
    assert told.returncode == 0, told.stderr
    for words in (
        "회의실 15:00~16:00 예약했습니다",
        "이렇게 써 주세요: /예약 room span",
        "no such command",
        "says nothing",
    ):
        assert words in told.stdout
    assert told.stdout.count("/예약 room span · 회의실을 예약합니다") == 3  # at first, after /없음, and by /도움말


def test_a_new_bot_has_a_test_that_passes_and_hides_its_key(begun: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=begun, env=ENV, capture_output=True, encoding="utf8", timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0 and "1 passed" in ran.stdout, ran.stdout
    assert (begun / ".env").stat().st_mode & 0o077 == 0 and ".env" in (begun / ".gitignore").read_text()


def test_a_new_bot_in_english_passes_its_test_too(tmp_path: Path) -> None:
    assert "maru shell bot.py" in maru("new", "first", "--english", at=tmp_path).stdout
    test = "import test_bot; test_bot.test_reserve()"
    ran = subprocess.run([sys.executable, "-c", test], cwd=tmp_path / "first", env=ENV, timeout=60, check=False)
    assert ran.returncode == 0


def test_a_new_bot_never_writes_over_an_old_one(begun: Path) -> None:
    assert "already" in maru("new", "first", at=begun.parent).stderr
    assert "NAME" in maru("new", "../first", at=begun.parent).stderr


def test_the_shell_asks_further_and_shows_buttons(tmp_path: Path) -> None:
    bot = """
from maru import Ask, Bot, Button
bot = Bot()
@bot.command("/예약")
def reserve(ask: Ask) -> str:
    return f"{ask.wait('몇 시로 할까요?', buttons=[Button('세 시', say='3시')])}에 봬요"
"""
    (tmp_path / "bot.py").write_text(bot, encoding="utf8")
    told = maru("shell", "bot.py", at=tmp_path, says="/예약\n3시\n").stdout
    assert "몇 시로 할까요?\n  [세 시] 3시\n" in told and "3시에 봬요" in told


@pytest.mark.parametrize(
    ("file", "bot", "told"),
    [
        ("none.py", "", "no such file"),
        ("bot.py", "", "has no Bot"),
        ("bot.py", "from maru import Bot\na, b = Bot(), Bot()\n", "several Bots"),
        ("bot.py", "from maru import Bot\nbot = Bot()\n", "MARU_KEY: missing"),
        ("bot.py", "from maru import Bot\nbot = Bot('mb_x', 'http://maru.example.kr')\n", "not encrypted"),
    ],
)
def test_what_cannot_run_is_told_in_one_line(file: str, bot: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text(bot, encoding="utf8")
    ran = maru("run", file, at=tmp_path)
    assert ran.returncode == 1 and told in ran.stderr and ran.stderr.count("\n") == 1


def test_run_by_python_itself_it_reads_the_key_beside_it_too(relay: SmallRelay, tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text("from maru import Bot\nBot().run()\n", encoding="utf8")
    (tmp_path / ".env").write_text(f"MARU_KEY={KEY}\nMARU_URL={relay.url}\n", encoding="utf8")
    running = subprocess.Popen([sys.executable, tmp_path / "bot.py"], env=ENV, stderr=subprocess.DEVNULL)
    try:
        relay.next("hello")
    finally:
        running.terminate()
    assert running.wait(15) == 0


@pytest.fixture
def relay() -> Iterator[SmallRelay]:
    with small_relay() as made:
        yield made


def test_with_reload_a_changed_bot_connects_anew_with_the_key_beside_it(relay: SmallRelay, tmp_path: Path) -> None:
    bot = "from maru import Bot\nbot = Bot()\n@bot.command('/말')\ndef say(ask):\n    return '{}'\n"
    file = tmp_path / "bot.py"
    file.write_text(bot.format("하나"), encoding="utf8")
    (tmp_path / ".env").write_text(
        f"MARU_KEY=\n# mine\nexport MARU_KEY='{KEY}'\nMARU_URL={relay.url}\n", encoding="utf8"
    )
    command = [sys.executable, "-m", "maru.cli", "run", "--reload", "bot.py"]
    running: Any = subprocess.Popen(command, cwd=tmp_path, env=ENV, stderr=subprocess.DEVNULL)
    try:
        relay.next("hello")
        relay.ask("c1")
        assert relay.next("reply")["text"] == "하나"
        other = tmp_path / "bot.new"
        other.write_text(bot.format("둘, 하나보다 길게"), encoding="utf8")
        other.replace(file)
        relay.next("hello")
        relay.ask("c2")
        assert relay.next("reply")["text"] == "둘, 하나보다 길게"
    finally:
        running.terminate()
    assert running.wait(15) == 0
