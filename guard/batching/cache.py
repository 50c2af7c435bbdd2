"""Findings of items seen before, and items that did harm: bounded, keyed, and gone with the process.

Nothing here is locked; the batcher guards every use. Contents are known by digests under a key that is new in each
process, so nobody who sees one can tell what it is of, or look it up elsewhere.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from typing import TYPE_CHECKING

from guard.content import View
from guard.decision import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from guard.batching.answers import Answer
    from guard.batching.queue import Entry
    from guard.classifier import Readable
    from guard.finding import Finding

Key = tuple[str, bytes]
"""The scope that an item may be shared in, and its digest."""

MOST_FINDINGS = 65_536
"""What is remembered for one classifier: findings, and one more for each item; some 200 bytes each."""
QUARANTINED = "quarantined"
"""The detail of the failure of an item that is not run, for it did harm before."""
_MOST_OF_ONE = 64
_STRIKES = 2
_MOST_SUSPECTS = 1024


def digest(source: Readable, key: bytes) -> bytes:
    """16 bytes for all that a classifier may read of *source*: equal for equal contents, wherever they stand."""
    if isinstance(source, View):
        data, kind = source.text.encode("utf-8", "surrogatepass"), b"text"
    else:
        data = source.data
        kind = hashlib.blake2b(f"{source.modality.value} {source.media_type}".encode(), digest_size=16).digest()
    return hashlib.blake2b(data, key=key, digest_size=16, person=kind).digest()


def new_key() -> bytes:
    """A key for digests."""
    return os.urandom(32)


class Memory:
    """The findings of the items used last, by their keys. *most* bounds them, counted as in `MOST_FINDINGS`."""

    def __init__(self, most: int = MOST_FINDINGS) -> None:
        self._most = most
        self._known: OrderedDict[Key, tuple[Finding, ...]] = OrderedDict()
        self._weight = 0

    def __len__(self) -> int:
        """The items known."""
        return len(self._known)

    def get(self, key: Key) -> list[Finding] | None:
        """What was found in the item of *key*; None if that is not known."""
        found = self._known.get(key)
        if found is None:
            return None
        self._known.move_to_end(key)
        return list(found)

    def put(self, key: Key, findings: Sequence[Finding]) -> None:
        """Remember *findings*, and forget those that were not asked for longest. An item with very many is not kept."""
        if len(findings) > _MOST_OF_ONE:
            return
        before = self._known.pop(key, None)
        if before is not None:
            self._weight -= 1 + len(before)
        self._known[key] = tuple(findings)
        self._weight += 1 + len(findings)
        while self._weight > self._most:
            _, gone = self._known.popitem(last=False)
            self._weight -= 1 + len(gone)

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()
        self._weight = 0


class Suspects:
    """Digests of items that made a batch fail, with their strikes and when these lapse, in seconds of a clock.

    One strike: the item is judged by itself from then on, so that others do not suffer again. Two: it is refused
    without being run. A strike lapses *for_s* seconds after the last one, or when the item is judged after all.
    """

    def __init__(self, for_s: float = 60.0) -> None:
        self._for_s = for_s
        self._struck: OrderedDict[bytes, tuple[int, float]] = OrderedDict()

    def strike(self, digest: bytes, now: float, *, alone: bool = True) -> None:
        """The item of *digest* did harm; or another that was judged with it, unless it was *alone*."""
        before = self._count(digest, now)
        count = before + 1 if alone else max(1, before)
        self._struck[digest] = count, now + self._for_s
        self._struck.move_to_end(digest)
        if len(self._struck) > _MOST_SUSPECTS:
            self._struck.popitem(last=False)

    def clear(self, digest: bytes) -> None:
        """The item of *digest* was judged and did none."""
        self._struck.pop(digest, None)

    def goes_alone(self, digest: bytes, now: float) -> bool:
        """Whether it should have a batch of its own."""
        return self._count(digest, now) > 0

    def is_refused(self, digest: bytes, now: float) -> bool:
        """Whether it should not be run."""
        return self._count(digest, now) >= _STRIKES

    def _count(self, digest: bytes, now: float) -> int:
        if not self._struck:
            return 0
        count, until = self._struck.get(digest, (0, 0.0))
        return count if now < until else 0


class Known:
    """What is known of items before they are run: their findings, or that they did harm."""

    def __init__(self) -> None:
        self.served = 0
        self._memory = Memory()
        self._suspects = Suspects()

    def recall(self, digests: Sequence[bytes], scope: str | None, now: float, name: str) -> dict[int, Answer]:
        """The answers that need no run, by the places of *digests*; in the *scope* given, nothing without one."""
        found: dict[int, Answer] = {}
        for place, digest in enumerate(digests):
            if self._suspects.is_refused(digest, now):
                found[place] = Failure(name, FailureKind.ERROR, QUARANTINED)
            elif scope is not None:
                findings = self._memory.get((scope, digest))
                if findings is not None:
                    found[place] = findings
        self.served += len(found)
        return found

    def goes_alone(self, digest: bytes, now: float) -> bool:
        """Whether the item of *digest* should have a batch of its own."""
        return self._suspects.goes_alone(digest, now)

    def learn(self, entries: Iterable[Entry[Any]], answers: Iterable[Answer]) -> None:
        """Remember what was found, and forget what was suspected of whatever was judged."""
        for entry, answer in zip(entries, answers, strict=True):
            if isinstance(answer, Failure):
                continue
            if entry.digest:
                self._suspects.clear(entry.digest)
            if entry.key is not None:
                self._memory.put(entry.key, answer)

    def blame(self, failed: Sequence[bytes], *, of: int, now: float) -> None:
        """Strike the items that *failed*, unless all did: then it was the classifier."""
        if len(failed) < of or (of == 1 and self._suspects.goes_alone(failed[0], now)):
            self.strike(failed, now)

    def strike(self, digests: Iterable[bytes], now: float, *, alone: bool = True) -> None:
        """The items of *digests*, as far as they have some, did harm: each of them, or one of all."""
        for digest in digests:
            if digest:
                self._suspects.strike(digest, now, alone=alone)
