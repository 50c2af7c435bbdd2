"""One connection to the model server: frames go out in their order, and what comes in is heard frame by frame."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from guard.placement.wire import LENGTHS, head, lengths

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_READ = 1 << 18

Heard = dict[str, Any]


class Line:
    """One connection. `send` never blocks; what the socket does not take at once goes out in `listen`."""

    def __init__(self, path: Path) -> None:
        """Connect. Raises `OSError`."""
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(str(path))
        except BaseException:
            self._socket.close()
            raise
        self._socket.settimeout(0)
        self._outbox: deque[memoryview] = deque()
        self._lock = threading.Lock()
        self._woken, self._wake = socket.socketpair()
        self._woken.settimeout(0)
        self._wake.settimeout(0)

    def send(self, data: bytes) -> None:
        """Send *data* behind all that was sent before. That the connection broke shows in `listen`."""
        with self._lock:
            self._outbox.append(memoryview(data))
            if len(self._outbox) > 1:
                return
            with contextlib.suppress(OSError):
                self._write()
            if self._outbox:
                with contextlib.suppress(OSError):
                    self._wake.send(b"x")

    def listen(self, hear: Callable[[Heard], None]) -> None:
        """Read frames until the connection ends, which is an `OSError`, or what comes is no frame, a `WireError`."""
        data = bytearray()
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        while True:
            with self._lock:
                more = select.POLLOUT if self._outbox else 0
            poll.register(self._socket, select.POLLIN | more)
            poll.poll()
            with contextlib.suppress(BlockingIOError):
                self._woken.recv(4096)
            with self._lock:
                self._write()
            with contextlib.suppress(BlockingIOError):
                came = self._socket.recv(_READ)
                if not came:
                    raise ConnectionResetError
                data += came
                _take_frames(data, hear)

    def hang_up(self) -> None:
        """End `listen`, on whatever thread it is."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def drop(self) -> None:
        """Let go of the connection, which a forked child may share."""
        for one in (self._socket, self._woken, self._wake):
            one.close()

    def _write(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._outbox:
                sent = self._socket.send(self._outbox[0])
                if sent < len(self._outbox[0]):
                    self._outbox[0] = self._outbox[0][sent:]
                else:
                    self._outbox.popleft()


def _take_frames(data: bytearray, hear: Callable[[Heard], None]) -> None:
    """Have *hear* hear every whole frame that *data* begins with, and leave the rest."""
    at = 0
    while len(data) >= at + LENGTHS.size:
        size, rest = lengths(bytes(data[at : at + LENGTHS.size]))
        end = at + LENGTHS.size + size + rest
        if len(data) < end:
            break
        hear(head(bytes(data[at + LENGTHS.size : at + LENGTHS.size + size])))
        at = end
    del data[:at]
