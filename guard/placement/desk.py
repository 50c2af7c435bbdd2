"""A classifier whose model is elsewhere, and the desk where it is asked: the gateway's end of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from guard.batching.batcher import MOST_STUCK_THREADS, BatcherStats
from guard.batching.terms import ALONE
from guard.classifier import Classifier, Readable, Unreadable
from guard.content import Modality, View
from guard.decision import Failure, FailureKind
from guard.placement.wire import WireError, answers_in, sources_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.batching.answers import Answer
    from guard.batching.terms import Terms

_EARLY_S = 0.005
"""Event loops' timers may be a little early."""

LOST = "lost"
"""The detail of the failure of what was asked and not answered, though there was time."""

Heard = dict[str, Any]


class Asking(Protocol):
    """Whoever brings a question to where a model is, and its answer back."""

    @property
    def is_up(self) -> bool:
        """Whether there is somebody at the other end."""

    async def ask(self, about: Heard, body: bytes, deadline: float) -> Heard | None:
        """What is said to *about*; None if it is lost, or once the *deadline* has come."""


class Afar(Classifier[Readable]):
    """A classifier that is not loaded here: it says of itself what it would, and its items are what is to be read."""

    def __init__(self, classifier: Classifier[Any]) -> None:
        """Speak for *classifier*."""
        self.options = classifier.options
        self.categories = classifier.categories
        for name in Classifier.__annotations__.keys() - {"Options"}:
            setattr(self, name, getattr(classifier, name))
        self._of = classifier

    def prepare(self, part: Readable) -> Readable:
        """*part* itself, if it is of a modality that is read; the server does the rest."""
        modality = Modality.TEXT if isinstance(part, View) else part.modality
        if modality not in self.modalities:
            raise Unreadable(f"it does not read {modality.value}")
        return part

    def cost(self, item: Readable) -> int:
        """Its length: what it costs in the classifier's units, only the server knows."""
        return max(1, len(item.text if isinstance(item, View) else item.data))

    def classify(self, items: Sequence[Readable]) -> Any:
        """Not here."""
        raise NotImplementedError

    def pending(self, text: str) -> int:
        """What the classifier says."""
        return self._of.pending(text)


@dataclass(slots=True)
class Remote:
    """The desk of one classifier, asked over a link."""

    link: Asking
    name: str
    options: Mapping[str, object]
    shares: bool = False
    backlog_s: float = 0.0
    _counts: dict[str, int] = field(default_factory=lambda: {"calls": 0, "items": 0, "open": 0, "refused": 0})

    @property
    def stats(self) -> BatcherStats:
        """What this process asked: calls count as batches. Without a server, all of its threads count as stuck."""
        count = self._counts
        stuck = 0 if self.link.is_up else MOST_STUCK_THREADS
        return BatcherStats(
            count["calls"], count["items"], 0, 0, count["refused"], count["open"], 0, stuck, round(self.backlog_s, 3), 0
        )

    def digest(self, source: Readable) -> bytes:  # noqa: ARG002  a desk's
        """Nothing: the server knows its contents itself."""
        return b""

    async def submit(self, items: Sequence[Any], deadline: float, terms: Terms = ALONE) -> list[Answer]:
        """`guard.batching.terms.Desk.submit`."""
        if not items:
            return []
        lines, body = sources_out(items)
        about = {
            "do": "ask",
            "name": self.name,
            "options": self.options,
            "of": lines,
            "deadline": deadline,
            "patience": terms.patience,
            "scope": terms.scope,
        }
        count = self._counts
        count["calls"] += 1
        count["items"] += len(items)
        count["open"] += 1
        try:
            answers = self._taken(await self.link.ask(about, body, deadline), len(items), deadline)
        finally:
            count["open"] -= 1
        count["refused"] += any(isinstance(a, Failure) and a.kind is FailureKind.OVERLOAD for a in answers)
        return answers

    def close(self, timeout: float = 1.0) -> None:
        """Nothing to do: the link is closed with the engine."""

    def _taken(self, heard: Heard | None, count: int, deadline: float) -> list[Answer]:
        """The answers in what was *heard*; whatever is wrong with it is a failure of all of them."""
        if heard is None:
            late = time.monotonic() >= deadline - _EARLY_S
            failure = Failure(self.name, FailureKind.TIMEOUT) if late else self._error(LOST)
            return [failure] * count
        if "error" in heard:
            return [self._error("not answered")] * count
        try:
            answers = answers_in(heard["answers"], self.name)
            self.backlog_s = float(heard["backlog"])
        except (WireError, KeyError, TypeError, ValueError):
            answers = []
        return answers if len(answers) == count else [self._error("nonsense")] * count

    def _error(self, detail: str) -> Failure:
        return Failure(self.name, FailureKind.ERROR, detail)
