"""Changes to Python's import of `transformers` (5.10 to 5.23), which several threads may need first, one function each.

Page and engine both need it, each in a thread of its own. `tests/tuning/models/test_import_patches.py` fails when one
of the two is needed no longer, or does not help any more.
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

FIRST = threading.RLock()  # held by the thread that loads the package
_PACKAGE = "transformers"


def install(load: Callable[[], object]) -> None:
    """Makes imports of the package safe in threads, whoever imports it and by which statement; `load` loads it whole.

    Once is enough.
    """
    if not any(isinstance(finder, _PassingOn) for finder in sys.meta_path):
        pass_on_replaced_modules()
        load_whole_first(load)


def load_whole_first(load: Callable[[], object]) -> None:
    """Has one thread load the package whole before any other import of it begins; then `__import__` is Python's again.

    A thread that imports a part of the package holds that part's lock while it waits for the package; the thread that
    loads the package needs the part. Python breaks such a knot by handing out a module that is half loaded. With the
    other patch alone two of four tries failed so, with neither all four.

    Can go when threads that import different parts at once all find them.
    """
    builtins.__import__ = _WholeFirst(builtins.__import__, load)


def pass_on_replaced_modules() -> None:
    """Lets the package's modules pass on what they are asked for to the module that took their place.

    The package and its parts put another module (`_LazyModule`) in their own place in `sys.modules` while they load:
    whoever waited for the import holds the old one, and finds nothing in it. With neither patch
    four of four tries failed.

    Can go when the modules fill themselves instead.
    """
    sys.meta_path.insert(0, _PassingOn())


class _WholeFirst:
    """Stands for `__import__` until the package is loaded: the first statement that names it loads it whole."""

    def __init__(self, usual: Callable[..., ModuleType], load: Callable[[], object]) -> None:
        self._usual, self._load, self._began = usual, load, False

    def __call__(self, name: str, *rest: Any, **more: Any) -> ModuleType:
        if name.partition(".")[0] == _PACKAGE:
            with FIRST:  # waits for a thread that loads it; the loading thread itself comes through
                if not self._began:
                    self._load_whole()
        return self._usual(name, *rest, **more)

    def _load_whole(self) -> None:
        self._began = True
        try:
            self._load()
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
