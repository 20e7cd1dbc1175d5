"""What modules may call: the language's own functions and every public one of formulas.py."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from curation import formulas
from responses import language

FORMULAS: dict[str, Callable[..., Any]] = {
    name: function
    for name, function in vars(formulas).items()
    if not name.startswith("_") and inspect.isfunction(function) and function.__module__ == formulas.__name__
}
language.offer(FORMULAS)
SCOPE = language.names_offered(language.offered())


def described() -> Sequence[tuple[str, str, str]]:
    """Name, how it is called, and what it says about itself: for the console's help."""
    return [
        (name, f"{name}{inspect.signature(function)}", inspect.getdoc(function) or "")
        for name, function in language.offered().items()
    ]
