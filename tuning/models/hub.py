"""Base models of the Hugging Face Hub: what of them is on this disk, whether the Hub answers, what went wrong.

Nothing is asked of the network for what is already here. Knows nothing of runs or devices.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from common import hashing
from common.errors import AfinaError
from tuning.models import lazy_imports

if TYPE_CHECKING:
    from tuning.models.references import Base

WEIGHTS = "*.safetensors"


def looks_like_id(name: str) -> bool:
    """Whether `name` reads as `owner/name`."""
    parts = name.split("/")
    allowed = all(part and part.replace("-", "").replace("_", "").replace(".", "").isalnum() for part in parts)
    return len(parts) == 2 and allowed and not name.startswith((".", "/"))


def on_disk(base: Base) -> Path | None:
    """The folder of the model's files: itself, or the Hub cache's snapshot."""
    return _cached(base.path_or_id) if base.kind == "hub" else Path(base.path_or_id)


def _cached(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(name, "config.json")
    folder = Path(config).parent if isinstance(config, str) else None
    return folder if folder and _whole(folder) else None


def _whole(folder: Path) -> bool:
    """Whether every weight file is there: a download may have been broken off between two."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return any(folder.glob(WEIGHTS))
    shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    return all((folder / shard).is_file() for shard in shards)


def sha256(name: str) -> str:
    """What identifies the weights of the Hub model `name` on this disk; "" where they are not."""
    folder = _cached(name)
    if folder is None:
        return ""
    files = sorted(folder.glob(WEIGHTS))
    # In the Hub's cache a weight file is a link to a blob that is named by its sha256.
    return hashing.of_json([[file.name, file.resolve().name] for file in files])


def config(base: Base) -> dict[str, Any]:
    """The `config.json` of a Hub model, fetched if need be. Raises: AfinaError as `why`."""
    transformers = lazy_imports.transformers()
    try:
        return transformers.AutoConfig.from_pretrained(
            base.path_or_id, trust_remote_code=False, **only_local(base)
        ).to_dict()
    except (OSError, ValueError) as error:
        raise why(base, error) from error


def only_local(base: Base) -> dict[str, Any]:
    """What keeps a folder, or a Hub model that is on this disk, from asking the Hub.

    Raises: AfinaError `models.no_network` at once where the Hub is needed and does not answer.
    """
    if base.kind != "hub" or on_disk(base) is not None:
        return {"local_files_only": True}
    if not _answers():
        raise AfinaError("models.no_network", name=base.name)
    return {}


def reachable() -> bool:
    """Whether models and data can be fetched now."""
    return _answers()


def _answers(seconds: float = 3.0) -> bool:
    """Whether a connection to the Hub can be opened; spares a minute of retries where there is no network."""
    from huggingface_hub import constants

    if constants.is_offline_mode():
        return False
    address = urlsplit(constants.ENDPOINT)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), timeout=seconds).close()
    except OSError:
        return bool(getproxies())  # behind a proxy names need not resolve here: let the client try
    return True


def why(base: Base, error: Exception) -> AfinaError:
    """The error a person sees for what transformers and the Hub raise."""
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

    text = str(error)
    causes = [error, error.__cause__, error.__context__]
    if any(isinstance(cause, GatedRepoError) for cause in causes) or "gated repo" in text:
        return AfinaError("models.gated", name=base.name)
    if any(isinstance(cause, RepositoryNotFoundError) for cause in causes) or "is not a valid model id" in text:
        return AfinaError("models.not_found", name=base.name)
    if "safetensors" in text:
        return AfinaError("models.not_safetensors", name=base.name)
    offline = ("couldn't connect", "offline", "Connection", "cached files")
    if any(isinstance(cause, LocalEntryNotFoundError) for cause in causes) or any(word in text for word in offline):
        return AfinaError("models.no_network", name=base.name)
    return AfinaError("models.broken", name=base.name, reason=text.splitlines()[0] if text else type(error).__name__)
