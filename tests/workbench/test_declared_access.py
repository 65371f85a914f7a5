"""Every public method of a service declares who may call it, and what it declares is checked before it begins."""

import importlib
import inspect
import pkgutil
from types import SimpleNamespace
from typing import get_args, get_type_hints

import pytest

import workbench
from common.errors import NotAllowed
from common.settings import Settings
from workbench.access import Roles, anybody, teacher
from workbench.actors import TEACHER, VISITOR
from workbench.services import Services

# The app itself, the phones' routes and other services call these; they take no actor.
WITHOUT_ACTOR = {
    "Alternatives.altered",
    "Classifying.sets",
    "Comparing.warm",
    "Course.data_of",
    "Doors.check",
    "Doors.enter",
    "Judging.close",
    "Results.contested",
    "Results.findings",
    "Results.shares",
    "Rounds.start",
    "Rounds.stop",
    "Studies.close",
}
# Who asks is checked elsewhere: voters by their tokens, the app by itself.
SERVICES_WITHOUT_ACTOR = {"Keeping", "Roles", "Voting"}


def service_classes() -> list[type]:
    """The classes of `workbench` that can check an actor: those that are built with `Roles` or with all services."""
    modules = [importlib.import_module(found.name) for found in pkgutil.walk_packages(workbench.__path__, "workbench.")]
    classes = {
        item for module in modules for item in vars(module).values() if inspect.isclass(item) and item is not Services
    }
    owned = [item for item in classes if item.__module__.startswith("workbench.")]
    return [item for item in owned if {"roles", "services"} & inspect.signature(item.__init__).parameters.keys()]


METHODS = {
    f"{service.__name__}.{name}": method
    for service in service_classes()
    for name, method in inspect.getmembers(service, inspect.isfunction)
    if not name.startswith("_")
}


def declared(access: str) -> list[str]:
    return sorted(name for name, method in METHODS.items() if getattr(method, "access", "") == access)


def test_every_public_method_declares_who_may_call_it():
    undeclared = METHODS.keys() - {*declared("teacher"), *declared("anybody")}
    assert undeclared == WITHOUT_ACTOR, "decorate it with @teacher or @anybody"
    for name in undeclared:
        assert "actor" not in inspect.signature(METHODS[name]).parameters, name


def test_every_service_can_check_an_actor():
    fields = [kind for hint in get_type_hints(Services).values() for kind in (get_args(hint) or (hint,))]
    wired = {kind.__name__ for kind in fields if kind.__module__.startswith("workbench.")}
    assert wired - {service.__name__ for service in service_classes()} == SERVICES_WITHOUT_ACTOR


@pytest.mark.parametrize("name", declared("teacher"))
def test_a_visitor_calls_no_method_of_the_teachers(name, tmp_path):
    service = SimpleNamespace(_roles=Roles(Settings(home=tmp_path)))
    with pytest.raises(NotAllowed, match="teacher"):
        METHODS[name](service, VISITOR)


class _Counting:
    def __init__(self, roles: Roles) -> None:
        self._roles = roles

    @teacher
    def doubled(self, n: int) -> int:
        """Doubles."""
        return 2 * n

    @anybody
    def who(self, actor, n: int) -> str:
        return f"{actor.kind} {n}"


def test_a_method_gets_the_actor_only_where_it_reads_one(tmp_path):
    counting = _Counting(Roles(Settings(home=tmp_path)))
    assert counting.doubled(TEACHER, n=2) == 4
    assert counting.who(VISITOR, 3) == "visitor 3"
    assert _Counting.doubled.__doc__ == "Doubles."
