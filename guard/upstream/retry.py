"""Which calls are made again, when, and how many in all. Pure: clock and chance are the caller's.

A call is made again only where that cannot do a thing twice that was asked for once: the upstream could not be reached,
or says itself that it did not do it. Nobody else in the gateway tries again.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT_S = 2.0
"""An upstream that asks for more patience than this is not called again: the client hears of it instead."""
_FIRST_WAIT_S = 0.05
_SECONDS = re.compile(rb"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_BUSY = frozenset((502, 503, 504))


def wait_before_retry(status: int, retry_after: float | None, retry: int, chance: float) -> float | None:
    """Seconds to wait before call number *retry* + 1 (*retry* is 1 for the first one), or None for no such call.

    *status* is the answer's, 0 if the upstream was not reached; *retry_after* the seconds that the answer asks for,
    None if it does not; *chance* a number from 0 to 1 that spreads callers out.
    """
    if status == 429:
        if retry_after is None:
            return None
    elif status and status not in _BUSY:
        return None
    asked = retry_after or 0.0
    if asked > LONGEST_WAIT_S:
        return None
    return asked + min(LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (retry - 1) * (0.5 + chance))


def seconds_of(retry_after: bytes | None, now: datetime) -> float | None:
    """What a ``Retry-After`` header says (RFC 9110 section 10.2.3): seconds or a date. None if it says nothing."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        when = parsedate_to_datetime(text.decode("ascii"))
    except (ValueError, UnicodeDecodeError):
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds())


class RetryBudget:
    """Bounds the retries of all calls: a *share* of the calls of *window_s* seconds, but *least* at any rate.

    An upstream in trouble gets a fifth more work at the most, not three times as much.
    """

    def __init__(self, share: float = 0.2, least: int = 10, window_s: int = 10) -> None:
        self._share = share
        self._least = least
        self._seconds = [[-window_s, 0, 0] for _ in range(window_s)]
        """Of each second of the window: which one it is, calls, retries."""

    def called(self, now: float) -> None:
        """A client's call is made."""
        self._second(now)[1] += 1

    def take(self, now: float) -> bool:
        """Whether one retry more is within bounds; it is then counted."""
        here = self._second(now)
        recent = [one for one in self._seconds if here[0] - one[0] < len(self._seconds)]
        calls, retries = sum(one[1] for one in recent), sum(one[2] for one in recent)
        if retries >= max(self._least, self._share * calls):
            return False
        here[2] += 1
        return True

    def _second(self, now: float) -> list[int]:
        second = int(now)
        here = self._seconds[second % len(self._seconds)]
        if here[0] != second:
            here[:] = [second, 0, 0]
        return here
