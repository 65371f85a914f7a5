"""The one gate for texts that could mean a file or a folder of this machine: a data field, a model field, an endpoint.

On a personal machine (it listens to itself alone) the teacher may name what they like: they can read it anyway. On any
other only what was uploaded, and what lies below the folders that the host names in AFINA_FOLDERS. The gate looks at
how a name is written before it looks at the disk: a refusal reads the same whether there is such a file or not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from common.errors import AfinaError, NotAllowed, NotFound
from common.settings import Settings
from tuning.data import hub_datasets
from tuning.data.prompts import SUM_SETS
from tuning.models.references import POCKET_ID
from tuning.pocket.world.shipped import SETS
from tuning.runs.run_store import RunStore

_SCALED = "*"  # `NAME*1.5`
_LONGEST = 2_000  # characters of a name


class Paths:
    """Says which files and folders of this machine a text may name. Visitors may name none: they are not asked here."""

    def __init__(self, settings: Settings) -> None:
        self.is_personal = settings.personal
        self._home, self._base_model = settings.home, settings.base_model
        parts = (part.strip() for part in settings.folders.split(os.pathsep))
        self._folders = [Path(part).expanduser().resolve() for part in parts if part]

    def require_file(self, source: str | Path) -> None:
        """Data, prompts, votes: an uploaded file, a shipped set, a data set of the Hub, a file of a named folder.

        Raises: NotAllowed `role.server_file`; NotFound `data.hub_unknown` for a file that is called like a data set.
        """
        text = _name(source)
        if self.is_personal or not text or self._is_shipped(text):
            return
        if isinstance(source, str) and hub_datasets.looks_like_id(text):
            if _exists(text) and not self._lies_below(text, self._folders):
                raise NotFound("data.hub_unknown", source=text)  # as if there were none
            return
        if not self._lies_below(text, [self._home / "uploads", *self._folders]):
            raise NotAllowed("role.server_file", name=_last(text))

    def require_model(self, name: str) -> None:
        """A model: the installation's, a run, a model of the Hub, a folder below a named one.

        Raises: NotAllowed `role.server_folder`; AfinaError `models.unknown` for a folder that is called like a run or a
        model of the Hub.
        """
        text = _name(name).rpartition(_SCALED)[0] if _SCALED in name else _name(name)
        if self.is_personal or not text or text in (self._base_model, "pocket", POCKET_ID):
            return
        if self._lies_below(text, [self._home / "models", *self._folders]):
            return
        is_bare = not any(sign in text for sign in "/\\~") and text not in (".", "..")
        if not is_bare and not hub_datasets.looks_like_id(text):
            raise NotAllowed("role.server_folder", name=_last(text))
        if _exists(text) and not (is_bare and self._is_run(text)):
            raise AfinaError("models.unknown", name=text)  # as if there were none

    def _is_shipped(self, text: str) -> bool:
        return text in SUM_SETS or text in {path.stem for path in SETS.glob("*.jsonl")}

    def _is_run(self, name: str) -> bool:
        try:
            return bool(RunStore(self._home).get(name))
        except AfinaError:
            return False

    def _lies_below(self, text: str, folders: Iterable[Path]) -> bool:
        """Whether the path, its links followed, lies below one of the folders."""
        try:
            path = Path(text).expanduser().resolve()
        except (OSError, RuntimeError, ValueError):  # a loop of links, an unknown user, a NUL
            return False
        return any(path.is_relative_to(folder.resolve()) for folder in folders)


def _name(source: str | Path) -> str:
    """Raises: NotFound `data.not_found` for what cannot be a name."""
    text = str(source).strip()
    if len(text) > _LONGEST or "\0" in text:
        raise NotFound("data.not_found", source=text[:100].replace("\0", "?"), sets="-")
    return text


def _exists(text: str) -> bool:
    try:
        return Path(text).expanduser().exists()
    except (OSError, RuntimeError, ValueError):
        return True  # something is there that may not be looked at


def _last(text: str) -> str:
    return Path(text).name or text
