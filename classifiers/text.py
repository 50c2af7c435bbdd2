"""Every category of text in one pass of one encoder, English and Chinese; and topics that a policy defines by example.

text ─pieces→ encoder (int8, one text a run) ─heads→ calibrated scores
                                             └meaning→ nearness to the examples of each topic

See ``weights/text.md`` for what it was trained on, what was measured, and what it cannot do. A finding is about the
whole text it read, so it has no span.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import View
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

SHA256 = ""
WEIGHTS = Path(__file__).parent / "weights" / "text.onnx"
HEADS = (
    "toxicity", "toxicity.severe", "toxicity.insult", "toxicity.threat", "toxicity.obscene", "hate", "harassment",
    "sexual", "self_harm", "self_harm.intent", "self_harm.instructions", "violence", "violence.graphic",
    "illicit", "illicit.violent", "prompt_attack.injection", "prompt_attack.jailbreak", "prompt_attack.leak",
)  # fmt: skip
_LEAST = 0.01
_FIXED_COST = 4
_REMEMBERED = 4096
_NAME = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9_]+)*")
_LONGEST_EXAMPLE = 400

Item = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class TextOptions:
    """*topics* by name, each with sentences that are examples of it: findings are of category ``custom.<name>``.

    A few sentences as a user would write them do best; a language that is not among them is found less surely.
    """

    topics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, examples in self.topics.items():
            if not _NAME.fullmatch(name):
                msg = f"`{name}` cannot be the name of a topic; use small letters, digits and _, parts joined by dots"
                raise ValueError(msg)
            if not examples or not all(example.strip() for example in examples):
                msg = f"topic `{name}` has an empty example or none; write sentences that are about it"
                raise ValueError(msg)
            if any(len(example) > _LONGEST_EXAMPLE for example in examples):
                msg = f"topic `{name}` has an example longer than {_LONGEST_EXAMPLE} characters; use single sentences"
                raise ValueError(msg)


class Text(Classifier[Item]):
    """Items are the runs a text takes, as numbers of pieces; cost is their pieces and 4 more for each run.

    Scores of texts seen before are remembered under keyed digests, so the history that comes with every request of a
    conversation is not read anew. A text's scores never depend on other texts, so this changes none.
    """

    Options: ClassVar[type[Any]] = TextOptions
    categories = frozenset(HEADS)
    reads: Reads = "sentences"
    window = 480
    horizon = 64
    batch_cost = 512
    version = "encoder-1"

    @classmethod
    def provides(cls, options: Any) -> frozenset[str]:
        """The heads, and a category for each topic."""
        return frozenset(HEADS) | {f"custom.{name}" for name in options.topics}

    def load(self) -> None:
        """Read the model beside this file, run it once, and place the topics' examples."""
        import numpy as np

        from classifiers import _encoder

        self._encoder = _encoder.load(WEIGHTS, SHA256)
        self._key = os.urandom(16)
        self._memory: OrderedDict[bytes, tuple[Finding, ...]] = OrderedDict()
        self._encoder.run(self._encoder.numbers("warm up")[0])
        self._topics = [
            (f"custom.{name}", np.stack([self._encoder.run(self._encoder.numbers(text)[0])[1] for text in examples]))
            for name, examples in sorted(self.options.topics.items())
        ]

    def prepare(self, part: Readable) -> Item:
        """The pieces of the text."""
        if not isinstance(part, View):
            msg = "text reads text only"
            raise Unreadable(msg)
        return self._encoder.numbers(part.text)

    def cost(self, item: Item) -> int:
        """Pieces, and what a run costs however short it is."""
        return max(1, sum(_FIXED_COST + len(run) for run in item))

    def classify(self, items: Sequence[Item]) -> list[list[Finding]]:
        """The categories of each text that reach 0.01."""
        return [list(self._findings(item)) for item in items]

    def _findings(self, item: Item) -> tuple[Finding, ...]:
        digest = hashlib.blake2b(repr(item).encode(), key=self._key, digest_size=16).digest()
        known = self._memory.get(digest)
        if known is not None:
            self._memory.move_to_end(digest)
            return known
        highest: dict[str, float] = {}
        for run in item:
            for category, score in self._scores(run):
                highest[category] = max(highest.get(category, 0.0), score)
        found = tuple(
            Finding(category, score, evidence="encoder") for category, score in highest.items() if score >= _LEAST
        )
        self._memory[digest] = found
        if len(self._memory) > _REMEMBERED:
            self._memory.popitem(last=False)
        return found

    def _scores(self, run: tuple[int, ...]) -> list[tuple[str, float]]:
        scores, meaning = self._encoder.run(run)
        found = list(zip(self._encoder.heads, map(float, scores), strict=True))
        for category, examples in self._topics:
            found.append((category, self._encoder.nearness(float((examples @ meaning).max()))))
        return found
