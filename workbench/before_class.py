"""What a teacher looks at before class: what is set, what is kept and for how long, each with a remedy.

Each check is a state in words and, where something wants a look, what to do. Knows no page.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from common.errors import AfinaError
from labeling.storage.label_store import shown
from workbench.access import teacher
from workbench.actors import Actor

if TYPE_CHECKING:
    from workbench.services import Services

_LEAST_DISK = 2 * 2**30  # bytes: a small run, its checkpoints, a model of the Hub


@dataclass(frozen=True)
class Check:
    """`text` and `remedy` are keys of the page's texts; a remedy is there where `ok` is false."""

    name: str
    ok: bool
    text: str
    params: dict[str, Any] = field(default_factory=dict)
    remedy: str = ""
    error: AfinaError | None = None  # said instead of the remedy


class BeforeClass:
    """`addresses`: what other devices can open."""

    def __init__(self, services: Services, addresses: Callable[[], list[str]]) -> None:
        self._services, self._settings, self._addresses = services, services.settings, addresses
        self._roles = services.roles
        self._space = bool(os.environ.get("SPACE_ID"))

    @teacher
    def checks(self, actor: Actor) -> list[Check]:
        """All of them; loads the base model where it is not in memory yet. Raises: NotAllowed."""
        found = [self._token(), self._address(), self._database(), self._kept(), self._backup()]
        if self._space:
            found.append(Check("sleep", False, "before.sleep", remedy="before.sleep_remedy"))
        return [*found, self._disk(), self._device(), self._model(), self._chat(), self._seats(actor)]

    def _token(self) -> Check:
        if self._settings.teacher_token:
            return Check("token", True, "before.token_set")
        if self._space:
            return Check("token", False, "before.token_lost", remedy="before.token_remedy")
        return Check("token", True, "before.token_kept")

    def _address(self) -> Check:
        there = self._addresses()
        if not there:
            return Check("address", False, "before.address_none", remedy="before.address_remedy")
        return Check("address", True, "before.address", {"address": there[0]})

    def _database(self) -> Check:
        if self._services.health()["database"] == "ok":
            return Check("database", True, "before.database_ok")
        return Check("database", False, "before.database_failing", remedy="before.database_remedy")

    def _kept(self) -> Check:
        store = self._services.labels
        if not store.sqlite:
            return Check("kept", True, "before.kept_database", {"where": shown(store.engine)})
        if self._space:
            return Check("kept", True, "before.kept_space")
        return Check("kept", True, "before.kept_file", {"where": store.path})

    def _backup(self) -> Check:
        keeper = self._services.backup
        if self._services.refused:
            return Check("backup", False, "before.backup_refused", error=self._services.refused)
        if keeper is None:
            text = "before.backup_none_space" if self._space else "before.backup_none"
            return Check("backup", False, text, remedy="before.backup_remedy")
        kept = keeper.status()
        params = {"where": kept.where, "seconds": f"{kept.seconds:g}", "pending": kept.pending}
        return Check("backup", kept.error is None, "before.backup", params, error=kept.error)

    def _disk(self) -> Check:
        free = shutil.disk_usage(self._settings.home).free
        enough = free >= _LEAST_DISK
        remedy = "" if enough else "before.disk_remedy"
        return Check("disk", enough, "before.disk", {"gb": free / 2**30}, remedy)

    def _device(self) -> Check:
        if self._settings.zero_gpu:
            return Check("device", True, "before.device_zero")
        if self._settings.chat_url:
            return Check("device", True, "before.device_server", {"url": self._settings.chat_url})
        from tuning.models.loader import device

        if device().kind == "cpu":
            return Check("device", True, "before.device_cpu", {"n": os.cpu_count() or 1})
        return Check("device", True, "before.device", {"label": device().label})

    def _model(self) -> Check:
        name = self._settings.base_model
        try:
            self._services.comparing.warm()
        except AfinaError as error:
            return Check("model", False, "before.model_broken", {"name": name}, error=error)
        except Exception as error:  # whatever a library raises over a broken model
            broken = AfinaError("page.unexpected", kind=type(error).__name__)
            return Check("model", False, "before.model_broken", {"name": name}, error=broken)
        return Check("model", True, "before.model", {"name": name})

    def _chat(self) -> Check:
        return Check("chat", True, "before.chat_open" if self._settings.open_chat else "before.chat_closed")

    def _seats(self, actor: Actor) -> Check:
        door = self._services.doors.look(actor).door
        if door.closed:
            return Check("seats", False, "before.seats_closed", remedy="before.seats_remedy")
        if door.seats is None:
            return Check("seats", True, "before.seats_free")
        return Check("seats", True, "before.seats", {"n": door.seats})
