"""One thread that does what a crowd asks for, and commits what is waiting together.

SQLite has one writer: several threads would wait for each other, and for Python's lock, in its midst. So what waits
is taken in one lot, each piece in a savepoint of its own, and everybody is answered once the lot is on disk: the more
come at once, the fewer commits each costs. Knows no tables.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager
from queue import Empty, SimpleQueue
from typing import Any

MOST = 64  # pieces of work in one commit: how long others, who write outside, may have to wait


class Batches(Executor):
    """An executor whose answers come after the commit that keeps what they say.

    Args:
        together: opens the block within which this thread's writes share a commit.
    """

    def __init__(self, together: Callable[[], AbstractContextManager[None]]) -> None:
        self._together = together
        self._waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._waiting.put((future, lambda: fn(*args, **kwargs)))
        if self._thread is None:
            self._start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the thread after what was submitted so far."""
        self._waiting.put(None)
        if wait and self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="votes", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        more = True
        while more:
            lot, more = self._lot()
            done: list[tuple[Future[Any], Any, BaseException | None]] = []
            try:
                with self._together():
                    done = [_done(future, task) for future, task in lot]
            except BaseException as error:  # nothing was kept: nobody hears otherwise
                done = [(future, None, error) for future, _ in lot]
            for future, result, failure in done:
                if failure is None:
                    future.set_result(result)
                else:
                    future.set_exception(failure)

    def _lot(self) -> tuple[list[tuple[Future[Any], Callable[[], Any]]], bool]:
        """What waits now, at least one piece; and whether more is to come after it."""
        lot: list[tuple[Future[Any], Callable[[], Any]]] = []
        item = self._waiting.get()
        while item is not None:
            if item[0].set_running_or_notify_cancel():
                lot.append(item)
            if len(lot) >= MOST:
                return lot, True
            try:
                item = self._waiting.get_nowait()
            except Empty:
                return lot, True
        return lot, False


def _done(future: Future[Any], task: Callable[[], Any]) -> tuple[Future[Any], Any, BaseException | None]:
    try:
        return future, task(), None
    except BaseException as error:
        return future, None, error
