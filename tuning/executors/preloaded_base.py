"""A base model that is loaded before a run needs it: what the warm worker process holds."""

from __future__ import annotations

from pathlib import Path

from tuning.config.planner import dtype_for
from tuning.methods import sft
from tuning.methods.start import Start
from tuning.models.references import Base


class PreloadedBase:
    """A start loaded before anybody asked, to be used once."""

    def __init__(self, start: Start) -> None:
        self._start: Start | None = start

    @classmethod
    def load(cls, base_model: str, home: Path) -> PreloadedBase:
        """Loads libraries and `base_model`, and trains a copy of it for one step, so that the first is not slow."""
        start = Start.load(base_model, home)
        sft.rehearse(start)
        return cls(start)

    def claim(self, base: Base, dtype: str, method: str = "lora") -> Start | None:
        """The loaded start if it is of this base and number format; it is given away once."""
        start = self._start
        if method == "qlora" or (method == "full" and start is not None and start.dtype != "float32"):
            return None
        if start is None or (start.base.path_or_id, start.base.sha256) != (base.path_or_id, base.sha256):
            return None
        if dtype_for(dtype, start.device.dtype, start.info.parameters) != start.dtype:
            return None
        self._start = None
        return start

    def release(self) -> None:
        """Gives its memory back."""
        self._start = None
