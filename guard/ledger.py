"""The ledger: whether everything that was to be looked at was, worked out apart from what says that it was.

`Coverage` tells what became of each part. Here the other way round: what classifiers were in fact handed, to its last
character. Whatever neither was, nor failed, nor cannot be read, is *unchecked*: a defect of the gateway. Counts only.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from guard import telemetry
from guard.content import Modality, TextPart, View

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from guard.content import Content
    from guard.decision import Coverage, Decision
    from guard.reading import Reading
    from guard.stream.gate import Growing
    from guard.stream.scan import Window

log = logging.getLogger(__name__)


def shown(read: Iterable[Reading]) -> dict[int, int]:
    """How many characters of each part the readings *read* show (1 for a medium); what overlaps counts each time."""
    found: dict[int, int] = {}
    for reading in read:
        source = reading.source
        if not isinstance(source, View):
            found[reading.part] = 1
        elif not (reading.seam or reading.copy):  # seams show the edges of parts alone, copies what others show
            for _, _, number, low, high in source.segments:
                part = reading.parts[number] if reading.parts else number
                found[part] = found.get(part, 0) + high - low
    return found


def unseen(content: Content, modalities: Collection[Modality], read: Iterable[Reading]) -> frozenset[int]:
    """The numbers of the parts of *modalities* that the readings *read* show not at all, or not whole."""
    known = shown(read)
    return frozenset(
        number
        for number, part in enumerate(content.parts)
        if part.modality in modalities
        and part.modality is not Modality.OPAQUE
        and known.get(number, 0) < (len(part.text) if isinstance(part, TextPart) else 1)
    )


def uncounted(content: Content, coverage: Coverage) -> int:
    """How many parts of *content* the *coverage* tells nothing of."""
    exempt = sum(count for _, count in coverage.exempt) - sum(count for _, count in content.exempt)
    return max(0, len(content.parts) - coverage.checked - exempt - len(coverage.unscannable))


class Marks:
    """How far each classifier was shown each growing text, and from where on a window was lost. One answer's."""

    def __init__(self) -> None:
        self._marks: dict[tuple[Growing, str], int] = {}
        self._lost: dict[tuple[Growing, str], int] = {}

    def show(self, growing: Growing, name: str, window: Window, read: Iterable[Reading], *, failed: bool) -> None:
        """Classifier *name* was handed *read* of *window*; or *failed* to read it, which the decision knows."""
        key, high = (growing, name), min(window.high, growing.thread.end)
        lost = self._lost.get(key, high)
        if not (failed or sum(shown(read).values()) >= window.high - window.low):
            self._lost[key] = min(lost, window.fresh)
            return
        if window.fresh <= lost:  # what begins there was asked about again
            self._lost.pop(key, None)
        if window.low <= self._marks.get(key, 0) < high:
            self._marks[key] = high

    def unseen(self, texts: Iterable[Growing], names: Sequence[str]) -> int:
        """How many pieces of *texts* were released further than they are settled, or than each of *names* was shown."""
        count = 0
        for growing in texts if names else ():
            known = min(growing.settled, *(self._known(growing, name) for name in names))
            if growing.released > known:
                thread = growing.thread
                count += sum(piece.start < growing.released and thread.end_of(piece) > known for piece in thread.pieces)
        return count

    def _known(self, growing: Growing, name: str) -> int:
        key = growing, name
        mark = self._marks.get(key, 0)
        return min(mark, self._lost.get(key, mark))


def enter(decision: Decision) -> None:
    """Count *decision*, and what became of every part that it is about."""
    coverage = decision.coverage
    telemetry.decided(decision.policy, decision.direction.value, decision.action).inc()
    for failure in decision.failures:
        telemetry.FAILURES.labels(failure.classifier, failure.kind.value).inc()
    telemetry.PARTS_CHECKED.inc(coverage.checked)
    for rule, count in coverage.exempt:
        telemetry.exempt(rule).inc(count)
    if coverage.unscannable:
        telemetry.UNSCANNABLE.labels(decision.policy).inc(len(coverage.unscannable))
    if coverage.unchecked:
        telemetry.PARTS_UNCHECKED.inc(coverage.unchecked)
        log.error("parts unchecked id=%s policy=%s count=%d", decision.id, decision.policy, coverage.unchecked)
