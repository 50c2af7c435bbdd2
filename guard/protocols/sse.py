"""Server-sent events (WHATWG HTML, section 9.2): read as leniently as any client reads them, written one way only.

The reader takes lines that end in LF, CRLF or CR, a byte order mark at the start, ``data:`` with or without the space,
several data lines to an event, comments and fields it does not know. An event that no blank line ends is none.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from guard.errors import RequestError

LARGEST_EVENT = 16 * 2**20
"""Bytes of one event: more than any whole answer has, pictures aside."""
HEAD, TAIL = b"data: ", b"\n\n"
"""What most generators write around an event's data."""
_LINE_END = re.compile(rb"\r\n|\r|\n")


class ServerEvent(NamedTuple):
    """One event: its *name* (``""`` if it has none) and its data lines, joined by line feeds."""

    name: str
    data: bytes


class EventReader:
    """Bytes in, cut anywhere; whole events out."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._started = False
        self._after_cr = False
        self._scanned = 0
        self._name = b""
        self._data: list[bytes] = []
        self._size = 0

    @property
    def in_event(self) -> bool:
        """Whether something was read that no blank line has ended yet."""
        return bool(self._rest or self._data or self._name)

    @property
    def is_between(self) -> bool:
        """Whether what comes next begins an event, whatever it is."""
        return self._started and not (self._rest or self._after_cr or self._data or self._name)

    def feed(self, data: bytes) -> list[ServerEvent]:
        """The events that *data* completes.

        Raises:
            RequestError: ``invalid_stream``: an event is too large.
        """
        rest = self._rest
        # Most generators write like this, and all of a packet is whole events.
        if data[: len(HEAD)] == HEAD and data[-len(TAIL) :] == TAIL and self.is_between and b"\r" not in data:
            pieces = data[: -len(TAIL)].split(TAIL)
            if data.count(b"\n") == 2 * len(pieces) and all([piece[: len(HEAD)] == HEAD for piece in pieces]):  # noqa: C419  quicker
                return [ServerEvent("", piece[len(HEAD) :]) for piece in pieces]
        events: list[ServerEvent] = []
        if self._started and not rest and not self._after_cr and b"\r" not in data:
            *lines, last = data.split(b"\n")
            for line in lines:
                self._take(line, events)
            rest += last
            self._scanned = len(rest)
            self._check_size(len(rest))
            return events
        rest += data
        if not self._started:
            if len(rest) < 3 and b"\xef\xbb\xbf".startswith(rest):
                return []
            self._started = True
            if rest[:3] == b"\xef\xbb\xbf":
                del rest[:3]
        if self._after_cr and rest:  # a CR ended the last line at once; an LF behind it belongs to it
            if rest[:1] == b"\n":
                del rest[:1]
            self._after_cr = False
        begin = 0
        for end in _LINE_END.finditer(rest, self._scanned):
            self._take(bytes(rest[begin : end.start()]), events)
            begin = end.end()
            self._after_cr = end[0] == b"\r" and begin == len(rest)
        del rest[:begin]
        self._scanned = len(rest)
        self._check_size(len(rest))
        return events

    def _take(self, line: bytes, events: list[ServerEvent]) -> None:
        if not line:
            if self._data:
                data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                events.append(ServerEvent(self._name.decode("utf-8", "replace"), data))
            self._name, self._data, self._size = b"", [], 0
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._size += len(value)
            self._check_size()
        elif field == b"event":
            self._name = value

    def _check_size(self, more: int = 0) -> None:
        if self._size + more > LARGEST_EVENT:
            raise RequestError("invalid_stream", f"An event of the stream is larger than {LARGEST_EVENT} bytes.")


def write(data: bytes, name: str = "") -> bytes:
    """One event of one data line: *data* is JSON, which has no line breaks."""
    return (b"event: " + name.encode() + b"\n" if name else b"") + b"data: " + data + b"\n\n"
