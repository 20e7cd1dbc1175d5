"""What the spool kept reaches the database, also when nothing more is to be kept there."""

from datetime import UTC, datetime
from pathlib import Path

from store.events import Fact
from store.spool import Spool
from tests.house import House, eventually, opened


def test_what_was_acknowledged_before_the_spool_was_turned_off_is_brought_in(tmp_path: Path) -> None:
    built = House(tmp_path / "house", SPOOL="off")
    inbound = {"id": "left", "kind": "message", "chat": "c1"}
    fact = Fact("channeltalk", "left", "message", "c1", "u1", inbound, "{}", "", datetime.now(UTC))
    Spool(built.folder / "spool").keep([fact])
    with opened(built, workers=0, clock=False) as house:
        eventually(lambda: house.events("c1"), "it is recorded")
        eventually(lambda: not list(house.folder.glob("spool/*.json")), "the spool is empty")
