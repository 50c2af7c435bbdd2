"""Lines of JSON (NDJSON): read as leniently as any client reads them, written one way only."""

from __future__ import annotations

import re

from guard.errors import RequestError
from guard.protocols.sse import LARGEST_EVENT
from guard.protocols.strict_json import Json, dump

_LINE_END = re.compile(rb"[\r\n]")  # neither may stand inside of JSON but as an escape
_BREAKS = ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))
"""Characters of which some clients think that they end a line, and their escapes."""


class LineReader:
    """Bytes in, cut anywhere; whole lines out, empty ones left out."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._scanned = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that *data* completes.

        Raises:
            RequestError: ``invalid_stream``: a line is too large.
        """
        rest = self._rest
        rest += data
        lines: list[bytes] = []
        begin = 0
        for end in _LINE_END.finditer(rest, self._scanned):
            lines.append(bytes(rest[begin : end.start()]))
            begin = end.end()
        del rest[:begin]
        self._scanned = len(rest)
        if len(rest) > LARGEST_EVENT:
            raise RequestError("invalid_stream", f"A line of the stream is larger than {LARGEST_EVENT} bytes.")
        return [line for line in lines if line.strip()]

    def close(self) -> list[bytes]:
        """The last line, if nothing ended it."""
        return [line] if (line := bytes(self._rest)).strip() else []


def write_line(document: Json) -> bytes:
    """One line."""
    data = dump(document)
    for raw, escape in _BREAKS:
        data = data.replace(raw, escape)
    return data + b"\n"
