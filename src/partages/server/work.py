"""The work itself, off the event loop: a few threads, a short queue, a clear refusal beyond."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from partages.server.problems import Busy

T = TypeVar("T")

THREADS = max(2, min(8, os.cpu_count() or 2))
QUEUE = 16
"""Requests that may wait for a thread; at a second each, the last of them waits for a few seconds."""
POLL_SECONDS = 0.5
"""How often a stream looks whether its client is still there while nothing is written."""


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., Any], *arguments: Any) -> None:
    """Call a function in the loop, from a thread; nothing when the server has stopped meanwhile."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *arguments)


class Workers:
    """A bounded pool of threads.

    Args:
        threads: requests worked on at the same time.
        queue: requests that may wait; one more raises ``Busy``.
    """

    def __init__(self, threads: int = THREADS, queue: int = QUEUE) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="partages")
        self._places = threads + queue
        self._taken = 0

    @property
    def pending(self) -> int:
        """Requests being worked on or waiting."""
        return self._taken

    def _submit(self, work: Callable[[], T]) -> asyncio.Future[T]:
        if self._taken >= self._places:
            raise Busy
        self._taken += 1
        loop = asyncio.get_running_loop()
        future = self._pool.submit(work)
        # the place is given back when the thread is, even if the client has left before
        future.add_done_callback(lambda _: _call(loop, self._release))
        return asyncio.wrap_future(future)

    def _release(self) -> None:
        self._taken -= 1

    async def run(self, work: Callable[[], T]) -> T:
        """The result of ``work``, called in a thread.

        Raises:
            Busy: the queue is full.
        """
        return await self._submit(work)

    async def stream(
        self, start: Callable[[], Iterator[T]], is_gone: Callable[[], Any]
    ) -> AsyncIterator[T | None]:
        """Yield what an iterator yields, pulled in a thread; None now and then while it is silent.

        The iterator is closed as soon as ``is_gone`` (awaited) answers true, or this generator is
        closed: a language model must not write for a reader who has left.

        Raises:
            Busy: the queue is full.
            Exception: what the iterator raises.
        """
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[tuple[bool, T | None]] = asyncio.Queue()
        stopped = threading.Event()

        def pump() -> None:
            iterator = start()
            try:
                for piece in iterator:
                    if stopped.is_set():
                        break
                    _call(loop, pieces.put_nowait, (True, piece))
            finally:
                close = getattr(iterator, "close", None)
                if close:
                    close()

        future = self._submit(pump)
        future.add_done_callback(lambda _: pieces.put_nowait((False, None)))
        try:
            while True:
                try:
                    more, piece = await asyncio.wait_for(pieces.get(), POLL_SECONDS)
                except TimeoutError:
                    more, piece = True, None
                if not more:
                    break
                if await is_gone():
                    return
                yield piece
            future.result()
        finally:
            stopped.set()
            # an error after the client has left interests nobody; retrieved, it is not logged
            future.add_done_callback(lambda done: done.cancelled() or done.exception())

    def close(self) -> None:
        """Wait for nothing; safe to call twice."""
        self._pool.shutdown(wait=False, cancel_futures=True)
