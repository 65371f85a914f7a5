"""File values that a page or a program sends to Gradio: only files that were uploaded here, and only a teacher's.

Gradio downloads an address that stands where a path should, whole, before it looks at who asks.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from common.errors import AfinaError, NotAllowed

_FILE_BLOCKS = (gr.File, gr.UploadButton)
_ADDRESS = ("http:", "https:", "ftp:", "file:", "data:", "//", "\\\\")


def is_uploaded(path: str) -> bool:
    """Whether `path` lies below the folder where Gradio keeps what was uploaded; links are followed."""
    try:
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(get_upload_folder()))
    except (OSError, ValueError):  # too long, or with a null character
        return False


def require_local_files(inputs: Any, blocks: Sequence[Any], teacher: bool) -> None:
    """Checks every file value in `inputs` and takes the addresses out of those that are right.

    Raises: NotAllowed `role.teacher` for a visitor's file; AfinaError `file.not_uploaded` for an address or a path
    elsewhere.
    """
    if not isinstance(inputs, (list, tuple)):
        return
    for position, value in enumerate(inputs):
        block = blocks[position] if position < len(blocks) else None
        _check(value, isinstance(block, _FILE_BLOCKS), teacher)


def _check(value: Any, is_file: bool, teacher: bool) -> None:
    """Walks `value`; its nesting was bounded before it was parsed (`ui.edge.json_bounds`)."""
    if isinstance(value, (list, tuple)):
        for item in value:
            _check(item, is_file, teacher)
        return
    if isinstance(value, str):
        if is_file:
            raise AfinaError("file.not_uploaded", value=value)
        return
    if not isinstance(value, dict):
        return
    if "path" in value and (is_file or _is_marked(value) or _is_address(value["path"])):
        _check_file(value, teacher)
    for item in value.values():
        _check(item, False, teacher)


def _check_file(value: dict[str, Any], teacher: bool) -> None:
    path = value["path"]
    if not teacher:
        raise NotAllowed("role.teacher")
    if not isinstance(path, str) or _is_address(path) or not is_uploaded(path):
        raise AfinaError("file.not_uploaded", value=path)
    value["url"] = None  # the page sends it along; nothing reads it


def _is_marked(value: dict[str, Any]) -> bool:
    meta = value.get("meta")
    return isinstance(meta, dict) and meta.get("_type") == "gradio.FileData"


def _is_address(path: Any) -> bool:
    return isinstance(path, str) and path.strip().lower().startswith(_ADDRESS)
