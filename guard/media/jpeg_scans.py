"""How often a JPEG goes over its picture: hundreds of times where it was made to keep a decoder busy.

A progressive JPEG is drawn in scans, about ten in practice. Each can be made of some bytes and costs as much time as
the picture has blocks, so that a megabyte may take minutes.

Source: ITU-T T.81, B.1.1 and B.2.
"""

from __future__ import annotations

import re

MAX_SCANS = 100
"""As many as libtiff reads, too."""
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")
_BARE = frozenset((0xD8, 0xD9))
"""Markers without a length: where a picture begins and ends."""
_SCAN = 0xDA


def too_many_scans(data: bytes) -> bool:
    """Whether *data* has more than `MAX_SCANS` scans, all its pictures together."""
    place = scans = 0
    while (found := _MARKER.search(data, place)) is not None:
        place, marker = found.end(), data[found.end() - 1]
        if marker == _SCAN:
            scans += 1
            if scans > MAX_SCANS:
                return True
        if marker not in _BARE:
            place += max(2, int.from_bytes(data[place : place + 2]))
    return False
