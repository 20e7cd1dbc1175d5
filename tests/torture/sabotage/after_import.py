"""Change a module of the product right after it was imported."""

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

Change = Callable[[ModuleType], None]


class _Loader(importlib.abc.Loader):
    def __init__(self, loader: importlib.abc.Loader, change: Change) -> None:
        self.loader, self.change = loader, change

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        self.change(module)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, name: str, change: Change) -> None:
        self.name, self.change = name, change

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        finally:
            sys.meta_path.insert(0, self)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self.change)
        return spec


def after_import(name: str, change: Change) -> None:
    """`change(module)` once `name` is imported in this process. Changes must fail loudly when the product has
    moved on, so they use `replace`."""
    sys.meta_path.insert(0, _Finder(name, change))


def replace(owner: object, name: str, value: object) -> None:
    """Like setattr, but the name must be there: a safety that was renamed is not silently kept."""
    if not hasattr(owner, name):
        raise AttributeError(f"nothing to sabotage: {owner!r} has no {name}")
    setattr(owner, name, value)
