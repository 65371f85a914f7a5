"""Threads that need `transformers` first, at the same moment, all find it; without each of the patches some do not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import ROOT
from tuning.models import import_patches, lazy_imports

_BOTH = """
import threading, traceback, sys
from tuning.models import lazy_imports
from tuning.models import loader
from tuning.runs import resolver

def page():
    loader.load_tokenizer(resolver.resolve("pocket").base)

def engine():
    lazy_imports.transformers()
    import tuning.inference.engine

failed = []
threading.excepthook = lambda told: failed.append(traceback.format_exception(told.exc_value))
threads = [threading.Thread(target=each) for each in (page, engine, page, engine)]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.exit("".join(map("".join, failed)) or None)
"""


@pytest.mark.slow
def test_two_threads_may_need_the_library_first():
    done = subprocess.run(
        [sys.executable, "-c", _BOTH],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


_MANY = """
import sys, threading, traceback
sys.setswitchinterval(1e-5)
{before}
import tuning

def attribute():
    import transformers
    transformers.AutoTokenizer

def name():
    from transformers import GenerationConfig

def deep():
    from transformers.models.auto import AutoConfig

def ours():
    from tuning.models import lazy_imports
    lazy_imports.transformers().AutoTokenizer

failed = []
threading.excepthook = lambda told: failed.append("".join(traceback.format_exception(told.exc_value)))
threads = [threading.Thread(target=each) for each in (attribute, name, ours, deep, attribute, name, ours)]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.exit("\\n".join(failed) or None)
"""


_WITHOUT = """
import types
sys.modules["tuning"] = types.ModuleType("tuning")
sys.modules["tuning"].__path__ = ["tuning"]
"""


def imported(before: str = "") -> subprocess.CompletedProcess:
    """Seven threads import the package in four ways at once; `before` runs before `tuning` installs our patches."""
    script = _MANY.replace("{before}", before)
    return subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(3))
def test_whoever_imports_it_first_and_however_all_find_it(attempt):
    done = imported()
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_without_us_some_thread_fails():
    """Of four tries each failed; two are enough to know when Transformers needs us no longer."""
    done = [imported(_WITHOUT) for _ in range(2)]
    assert any(each.returncode for each in done)
    assert all("Error: " in each.stderr for each in done if each.returncode)


def test_modules_of_the_package_still_replace_themselves():
    from transformers.utils.import_utils import _LazyModule

    assert type(lazy_imports.transformers()) is _LazyModule


def test_what_is_nowhere_is_still_an_attribute_error():
    module = lazy_imports.transformers()
    with pytest.raises(AttributeError):
        module.no_such_name  # noqa: B018
    import_patches.install(lazy_imports.transformers)
    import_patches.install(lazy_imports.transformers)
    assert sum(type(each).__name__ == "_PassingOn" for each in sys.meta_path) == 1
