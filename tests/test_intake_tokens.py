"""Webhook tokens that staff did not give are read from ChannelTalk."""

from pathlib import Path

from tests.house import House
from tests.house import opened as standing
from tests.test_intake_hooks import opened


def house_without_tokens(folder: Path) -> House:
    return House(folder / "house", CHANNELTALK_WEBHOOK_TOKENS="")


def test_tokens_of_our_own_addresses_are_read_and_believed(tmp_path: Path) -> None:
    with standing(house_without_tokens(tmp_path), workers=0, clock=False) as house:
        for number, token in enumerate(house.tokens):
            assert house.hook(opened(f"c{number}"), token=token).status_code == 200
        assert house.hook(opened("c9"), token="wrong").status_code == 401


def test_while_the_list_cannot_be_read_nothing_is_believed_and_nothing_refused(tmp_path: Path) -> None:
    with standing(house_without_tokens(tmp_path), workers=0, clock=False) as house:
        house.faults({"do": "500", "match": {"path": "/open/v5/webhooks"}})
        assert house.hook(opened("c1"), token=house.tokens[0]).status_code == 503
        house.faults()
        assert house.events() == []


def test_without_any_keys_every_hook_is_refused(tmp_path: Path) -> None:
    off = {"CHANNELTALK_ACCESS_KEY": "", "CHANNELTALK_ACCESS_SECRET": "", "CHANNELTALK_WEBHOOK_TOKENS": ""}
    with standing(House(tmp_path / "house", **off), workers=0, clock=False) as house:
        assert house.hook(opened("c1"), token=house.tokens[0]).status_code == 401
