"""Data sets of the Hugging Face Hub, streamed: no more is fetched than a run can use."""

from __future__ import annotations

import os
import re
from itertools import islice
from typing import Any

from common.errors import AfinaError, NotFound
from tuning.data.file_types import Records

MAX_ROWS = 100_000
_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+(:[\w.-]*)?(:[\w.-]+)?")


def looks_like_id(source: str) -> bool:
    """Whether `source` reads as `owner/name`, `owner/name:config` or `owner/name:config:split`."""
    return bool(_ID.fullmatch(source))


def read(source: str, max_mb: int, token: str = "") -> Records:
    """The first rows (at most MAX_ROWS, at most about `max_mb` MB of text) of one split, as a rule `train`.

    Raises: AfinaError `data.no_network`, `data.hub_unknown`, `data.hub_gated`, `data.hub_config` (several
    configurations, or none of that name), `data.hub_split`, and `data.hub_failed` for whatever else the Hub answers.
    """
    name, config, split = (*source.split(":"), "", "")[:3]
    if os.environ.get("HF_HUB_OFFLINE", "") in ("1", "true", "True"):
        raise AfinaError("data.no_network", source=source)
    try:
        records = list(_bounded(_open(name, config, split, token), max_mb))
    except AfinaError:
        raise
    except Exception as error:  # the Hub's libraries raise dozens of kinds; every one is told with its cause
        raise _worded(source, error) from error
    cut = len(records) >= MAX_ROWS or _size(records) >= max_mb * 1_000_000
    return Records([(number, dict(record)) for number, record in enumerate(records, 1)], cut=cut)


def _open(name: str, config: str, split: str, token: str) -> Any:
    from datasets import load_dataset

    streams = load_dataset(name, config or None, streaming=True, token=token or None)
    chosen = split or ("train" if "train" in streams else next(iter(streams)))
    if chosen not in streams:
        raise AfinaError("data.hub_split", source=name, split=chosen, splits=", ".join(streams))
    return streams[chosen]


def _bounded(stream: Any, max_mb: int) -> Any:
    size = 0
    for record in islice(stream, MAX_ROWS):
        yield record
        size += len(str(record))
        if size >= max_mb * 1_000_000:
            return


def _size(records: list[dict[str, Any]]) -> int:
    return sum(len(str(record)) for record in records)


def _worded(source: str, error: Exception) -> AfinaError:
    kinds = {kind.__name__ for cause in _causes(error) for kind in type(cause).__mro__}
    text = str(error)
    if kinds & {
        "ConnectionError",
        "ConnectError",
        "ConnectTimeout",
        "OfflineModeIsEnabled",
        "LocalEntryNotFoundError",
    }:
        return AfinaError("data.no_network", source=source)
    if "GatedRepoError" in kinds or "gated dataset" in text:
        return AfinaError("data.hub_gated", source=source)
    if kinds & {"DatasetNotFoundError", "RepositoryNotFoundError"}:
        return NotFound("data.hub_unknown", source=source)
    if "config" in text.lower() and isinstance(error, ValueError):
        return AfinaError("data.hub_config", source=source, reason=text)
    return AfinaError("data.hub_failed", source=source, reason=f"{type(error).__name__}: {text}")


def _causes(error: BaseException | None) -> list[BaseException]:
    causes: list[BaseException] = []
    while error is not None and error not in causes:
        causes.append(error)
        error = error.__cause__ or error.__context__
    return causes
