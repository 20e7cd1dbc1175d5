"""A module, read and compiled."""

from dataclasses import dataclass, field

from responses.keys import Key
from responses.language import Expression, Text
from responses.starts import Start

COLOURS = ("cobalt", "green", "orange", "red", "black", "pink", "purple")
LONGEST_TITLE = 30


@dataclass(frozen=True)
class Value:
    name: str
    expression: str
    line: int
    code: Expression = field(repr=False)


@dataclass(frozen=True)
class Button:
    title: Text
    url: Text
    colour: str
    line: int


@dataclass(frozen=True)
class Message:
    text: Text
    wait: float | None
    when: Expression | None
    image: Text | None
    buttons: tuple[Button, ...]
    ask: str | None
    line: int
    text_line: int
    when_line: int
    image_line: int

    @property
    def names(self) -> frozenset[str]:
        """Everything that has to be known before this can be said."""
        texts = [self.text, *([self.image] if self.image else [])]
        texts += [part for button in self.buttons for part in (button.title, button.url)]
        read = frozenset[str]().union(*(text.names for text in texts))
        return read | self.when.names if self.when else read


@dataclass(frozen=True)
class Mail:
    """A mail that goes out once the series is sent. `html`: the whole page, where our markup does not do."""

    to: Text
    subject: Text
    text: Text
    html: Text | None
    profile: str
    lines: dict[str, int] = field(compare=False)

    @property
    def texts(self) -> tuple[Text, ...]:
        return (self.to, self.subject, self.text, *([self.html] if self.html else []))


@dataclass(frozen=True)
class Effects:
    profile: dict[str, Text]
    tags: tuple[Text, ...]
    line: int
    mail: Mail | None = None

    @property
    def on_customer(self) -> bool:
        """Is anything to be written to the customer's own page at the platform?"""
        return bool(self.profile or self.tags)

    @property
    def names(self) -> frozenset[str]:
        """Everything that has to be known before they can be made."""
        texts = (*self.profile.values(), *self.tags, *(self.mail.texts if self.mail else ()))
        return frozenset[str]().union(*(text.names for text in texts))


@dataclass(frozen=True)
class Module:
    name: str
    title: str
    order: int
    starts: tuple[Start, ...]
    survey: dict[str, Key]
    values: tuple[Value, ...]
    messages: tuple[Message, ...]
    incomplete: tuple[Message, ...] | None
    yields: bool
    effects: Effects | None
    source: str = field(repr=False)
    lines: dict[str, int] = field(default_factory=dict, repr=False)  # where each top-level part begins

    @property
    def groups(self) -> tuple[str, ...]:
        """The names that regular expressions of `starts` may give."""
        return tuple(dict.fromkeys(group for start in self.starts for group in start.groups))
