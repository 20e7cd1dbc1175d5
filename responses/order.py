"""A question comes before the first message that needs its reply."""

from collections.abc import Sequence

from responses.shape import Message, Value


def dependents(values: Sequence[Value], key: str) -> set[str]:
    """The values that cannot be computed before the key is known."""
    waiting = {key}
    for value in values:
        if value.code.names & waiting:
            waiting.add(value.name)
    return waiting - {key}


def with_questions_first(
    messages: Sequence[Message], values: Sequence[Value]
) -> tuple[tuple[Message, ...], list[tuple[Message, Message]]]:
    """The messages in the order in which they can be said, and which question moved above which message."""
    order = list(messages)
    moved: list[tuple[Message, Message]] = []
    for question in [message for message in messages if message.ask is not None]:
        assert question.ask is not None
        waiting = {question.ask} | dependents(values, question.ask)
        place = order.index(question)
        first = next((at for at, message in enumerate(order[:place]) if message.names & waiting), None)
        if first is not None:
            moved.append((question, order[first]))
            order.insert(first, order.pop(place))
    return tuple(order), moved
