"""Who answers: a question that waits in this chat, else the first module that starts, else nobody. In ChannelTalk
people are there, so silence is right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from responses.module import Module
from responses.starts import Occasion, match


@dataclass(frozen=True)
class Reply:
    """It answers the question that waits in this chat."""


@dataclass(frozen=True)
class Start:
    module: Module
    groups: Mapping[str, str]


@dataclass(frozen=True)
class Silence:
    reason: str


Decision = Reply | Start | Silence


def decide(occasion: Occasion, asking: bool, modules: Sequence[Module]) -> Decision:
    """`modules` are the live ones; the lowest order wins, then the name."""
    if occasion.kind == "message" and asking:
        return Reply()
    for module in sorted(modules, key=lambda module: (module.order, module.name)):
        found = match(module.starts, occasion)
        if found is not None:
            return Start(module, found.groups)
    return Silence("no module starts on it")


def asks_for_chat(modules: Sequence[Module]) -> bool:
    """Does any module need to know which bot or tags the chat of a message has?"""
    return any(start.on == "message" and (start.bots or start.tags) for module in modules for start in module.starts)
