"""The first import of `transformers`, by several threads at the same moment.

Page and engine both need it, each in a thread of its own. Two things go wrong then, and `install` mends both, whoever
imports the package and by which statement:
- A thread that imports a part of the package holds that part's lock while it waits for the package; the thread that
  loads the package needs the part. Python breaks such a knot by handing out a module that is half loaded. So the
  package is loaded whole, by one thread, before any other import of it begins.
- The package and its parts put another module in their own place while they load: whoever waited for the import holds
  the old one, and finds nothing in it. So the old one passes on what it is asked for.
"""

from __future__ import annotations

import builtins
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from common import collecting

_FIRST = threading.RLock()
_PACKAGE = "transformers"


def transformers() -> ModuleType:
    """The module, loaded as far as tokenizers and configs need; torch is not."""
    with _FIRST, collecting.held():
        import transformers
        from transformers import AutoConfig, AutoTokenizer  # noqa: F401

    return sys.modules.get(_PACKAGE, transformers)


def install() -> None:
    """Makes imports of the package safe in threads. Once is enough."""
    if not any(isinstance(each, _PassingOn) for each in sys.meta_path):
        sys.meta_path.insert(0, _PassingOn())
        builtins.__import__ = _WholeFirst(builtins.__import__)


class _WholeFirst:
    """Stands for `__import__` until the package is loaded: the first statement that names it loads it whole."""

    def __init__(self, usual: Callable[..., ModuleType]) -> None:
        self._usual, self._began = usual, False

    def __call__(self, name: str, *rest: Any, **more: Any) -> ModuleType:
        if name.partition(".")[0] == _PACKAGE:
            with _FIRST:  # waits for a thread that loads it; the loading thread itself comes through
                if not self._began:
                    self._load()
        return self._usual(name, *rest, **more)

    def _load(self) -> None:
        self._began = True
        try:
            transformers()
        except BaseException:
            self._began = False
            raise
        if builtins.__import__ is self:
            builtins.__import__ = self._usual


class _PassingOn(MetaPathFinder):
    """Finds the package's modules as Python does, and adds the way to what takes their place."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != _PACKAGE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.submodule_search_locations is not None and spec.loader is not None:
            _watch(spec.loader)
        return spec


def _watch(loader: Any) -> None:
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        name = module.__name__

        def missing(attribute: str) -> Any:
            now = sys.modules.get(name)
            if now is module or now is None:
                raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
            return getattr(now, attribute)

        module.__dict__["__getattr__"] = missing
        execute(module)

    loader.exec_module = exec_module
