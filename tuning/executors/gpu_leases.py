"""GPU time that comes with a visitor's request: how much to ask for, and how work behind the page gets at it.

On ZeroGPU a GPU is lent for a number of seconds to one call in one visitor's event, at the cost of that visitor's
quota. Knows seconds and threads; no Gradio, no `spaces`, no trainer.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from common.errors import AfinaError

MOST = 60  # seconds of one slice: half of what a visitor without an account has for a day
OVERHEAD = 12  # seconds of a slice that do not train: process, model onto the GPU, saving
PATIENCE = 120.0  # seconds that work half done waits for a page before it is interrupted
_T = TypeVar("_T")


@dataclass(frozen=True)
class Quote:
    """What some training asks for, told before the click."""

    slices: int
    seconds: int  # of quota, all slices together


def quote(seconds: float, most: int = MOST) -> Quote:
    """The slices of at most `most` seconds in which about `seconds` of training are done."""
    whole, rest = divmod(max(1.0, seconds), max(1, most - OVERHEAD))
    return Quote(int(whole) + bool(rest), int(whole) * most + (slice_of(rest, most) if rest else 0))


def slice_of(seconds: float | None, most: int = MOST) -> int:
    """Seconds to ask for when about `seconds` of training are left (None: nobody knows yet)."""
    return most if seconds is None else min(most, math.ceil(1.2 * seconds) + OVERHEAD)


def replies(rows: int, max_new_tokens: int, parameters: int) -> int:
    """Seconds to ask for so many replies, written in batches of 32 on one GPU.

    A token takes a batch about 30 ms, and the time in which all weights pass through at 1 TB/s in two bytes each.
    """
    each = 0.03 + 2 * parameters / 1e12
    return min(2 * MOST, math.ceil(5 + parameters / 1e9 + math.ceil(rows / 32) * max_new_tokens * each))


class Nobody(Exception):
    """No page lent its request in time."""


class Piece:
    """Some work that waits for a page."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.taken, self.done = threading.Event(), threading.Event()
        self.value: Any = None
        self.error: BaseException | None = None


class GpuLeases:
    """Where work from behind the page meets the events of the teacher's page.

    A thread that needs a GPU waits in `acquire`; the page's next event does that work in its own thread (`grant`),
    because the platform recognises the visitor by it.
    """

    def __init__(self, most: int = MOST, patience: float = PATIENCE) -> None:
        self.most, self.patience = most, patience  # seconds of a slice; of waiting
        self._waiting: deque[Piece] = deque()
        self._mutex = threading.Lock()
        self._closing = threading.Event()

    def acquire(
        self, work: Callable[[], _T], still_needed: Callable[[], bool] = lambda: True, patient: bool = False
    ) -> _T:
        """What `work` gives, done by a page's event, as soon as there is one.

        Waits `patience` seconds for a page (if `patient`, without end), while `wanted()`. Raises: Nobody; whatever
        `work` raises.
        """
        piece = Piece(work)
        with self._mutex:
            self._waiting.append(piece)
        waited = 0.0
        while not piece.taken.wait(0.1):
            waited += 0.1
            over = not patient and waited > self.patience
            if (over or self._closing.is_set() or not still_needed()) and self._take_back(piece):
                raise Nobody
        piece.done.wait()
        if piece.error is not None:
            raise piece.error
        return piece.value

    def grant(self) -> bool:
        """Called in a page's event: does the work that waits longest. False where none waits.

        What went wrong is raised here too, so that the page can say it.
        """
        with self._mutex:
            if not self._waiting:
                return False
            piece = self._waiting.popleft()
            piece.taken.set()
        try:
            piece.value = piece.work()
        except BaseException as error:
            piece.error = error
            raise
        finally:
            piece.done.set()
        return True

    def close(self) -> None:
        """Nobody waits any longer."""
        self._closing.set()

    def _take_back(self, piece: Piece) -> bool:
        with self._mutex:
            if piece.taken.is_set():
                return False
            self._waiting.remove(piece)
            return True


def refused(error: BaseException) -> AfinaError:
    """What the platform says when it gives no GPU (quota, queue, time over), as ours."""
    return error if isinstance(error, AfinaError) else AfinaError("gpu.refused", reason=str(error))
