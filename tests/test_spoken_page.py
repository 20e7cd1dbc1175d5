"""The page of commands in docs/ says what the commands themselves say."""

from pathlib import Path

from workers import spoken

PAGE = Path(__file__).resolve().parent.parent / "docs" / "commands.md"


def row(one: spoken.Command) -> str:
    ways = [one.usage, *one.more]
    korean, english = ("<br>".join(f"`{way[side]}`" for way in ways).replace("|", "\\|") for side in (0, 1))
    who = "모두 · everybody" if one.outsiders else "직원 · employees"
    return f"| {korean} | {english} | {one.says[0]} *{one.says[1]}* | {who} |"


def test_the_page_lists_every_command_as_the_help_does() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf8").splitlines() if line.startswith("| `/")]
    assert rows == [row(one) for one in spoken.listed(outsider=False)]
