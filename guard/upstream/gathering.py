"""Many streams read in one go: being woken for each packet of each of them costs more than reading it.

While few packets come, each is read as it comes. When many do, as from a generator that answers dozens of people at
once, they are collected for a few milliseconds and read together, as network cards and kernels do it (NAPI). Linux
only (epoll), and not for TLS, whose bytes are the transport's; elsewhere every connection is read by itself.
"""

from __future__ import annotations

import contextlib
import os
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

PAUSE_S = 0.02
"""Seconds that packets are collected for, at most, when there are many: what a sentence may come later by that. Nothing
else waits for it: answers leave sentence by sentence, and a sentence takes a generator ten times as long."""
FEW = 4
"""Streams below which there is nothing to collect."""
BUSY_S, CALM_S = PAUSE_S / 6, PAUSE_S / 4
"""Seconds between two packets, all streams together, below which they are collected, and above which no longer."""
_MEMORY = 16
"""Packets over which these seconds are averaged."""
_PIECE = 64 * 2**10


class Gathering:
    """The connections of one event loop whose answers are being streamed. Only for use on that loop.

    A connection `join`s when its answer begins to be streamed and `leave`s at its end. Once there are `FEW` of them,
    `read` has its socket read here: *take* is given what comes, until *end* is told why nothing more does, or None
    for an orderly end, which the transport can see for itself.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll: select.epoll | None = None
        self._readers: dict[int, tuple[Callable[[bytes], None], Callable[[OSError | None], None]]] = {}
        self._joined = 0
        self._timer: asyncio.TimerHandle | None = None
        self._watching = False
        self._behind = False
        self._last = 0.0
        self._gap = 1.0

    @staticmethod
    def is_possible() -> bool:
        """Whether this system can do it."""
        return hasattr(select, "epoll")

    @property
    def worthwhile(self) -> bool:
        """Whether so many streams are under way that reading them together saves something."""
        return self._joined >= FEW

    def join(self) -> None:
        """One more stream."""
        self._joined += 1

    def leave(self) -> None:
        """One less."""
        self._joined -= 1

    def read(self, fd: int, take: Callable[[bytes], None], end: Callable[[OSError | None], None]) -> None:
        """Read the socket *fd*, which nobody else reads meanwhile, until `release`."""
        if self._epoll is None:
            self._epoll = select.epoll()
        self._epoll.register(fd, select.EPOLLIN)
        self._readers[fd] = take, end
        self._watch()

    def release(self, fd: int) -> None:
        """Read *fd* no more. Does nothing if it is not read."""
        if self._readers.pop(fd, None) is None or self._epoll is None:
            return
        with contextlib.suppress(OSError):  # the transport may have closed it: then the system has forgotten it already
            self._epoll.unregister(fd)
        if not self._readers:
            self.close()

    def close(self) -> None:
        """Stop, and let go of what the system keeps for it. It can be used again."""
        if self._epoll is None:
            return
        self._unwatch()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._readers.clear()
        self._epoll.close()
        self._epoll = None

    def _watch(self) -> None:
        if not self._watching and self._timer is None and self._epoll is not None:
            self._watching = True
            self._loop.add_reader(self._epoll.fileno(), self._came)

    def _unwatch(self) -> None:
        if self._watching and self._epoll is not None:
            self._watching = False
            self._loop.remove_reader(self._epoll.fileno())

    def _came(self) -> None:
        """Something came: read it, and if much comes wait a little from now on."""
        self._drain()
        if self._gap < BUSY_S and self._readers:
            self._unwatch()
            self._wait()

    def _wait(self) -> None:
        """Read again after a while, or at once what was too much for one go: no stream is held to a piece a pause."""
        self._timer = self._loop.call_later(0.0 if self._behind else PAUSE_S, self._collected)

    def _collected(self) -> None:
        """Read what has come meanwhile; if that was little, read it as it comes from now on."""
        self._timer = None
        self._drain()
        if not self._readers:
            return
        if self._gap < CALM_S:
            self._unwatch()  # the last reader may have gone and another come meanwhile
            self._wait()
        else:
            self._watch()

    def _drain(self) -> None:
        if self._epoll is None:
            return
        found = self._epoll.poll(0)
        self._note(len(found))
        self._behind = False
        for fd, _ in found:
            reader = self._readers.get(fd)
            if reader is None:  # released by what another one's bytes led to
                continue
            take, end = reader
            try:
                data = os.read(fd, _PIECE)
            except (BlockingIOError, InterruptedError):
                continue
            except OSError as error:  # told once: the transport would take it for an orderly end
                self.release(fd)
                end(error)
                continue
            if data:
                self._behind = self._behind or len(data) == _PIECE
                take(data)
            else:
                self.release(fd)
                end(None)

    def _note(self, packets: int) -> None:
        """Keep the average time between packets."""
        now = self._loop.time()
        gap = (now - self._last) / packets if packets else 1.0
        self._gap += (gap - self._gap) * min(1.0, packets / _MEMORY if packets else 1.0)
        self._last = now
