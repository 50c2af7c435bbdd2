"""Every category of text in one pass of one encoder, English and Chinese; and topics that a policy defines by example.

text ─pieces→ encoder (int8, one text a run) ─heads→ calibrated scores
                                             └meaning→ nearness to the examples of each topic

See ``weights/text.md`` for what it was trained on, what was measured, and what it cannot do. A finding is about the
whole text it read, so it has no span. ``engine: linear`` puts the floor in the encoder's place (`classifiers._floor`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import View
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

SHA256 = "dde809910a2a7c3936cbfd66460349f6c66a1c84ade3d90867e67a4c90335bf7"
WEIGHTS = Path(__file__).parent / "weights" / "text.onnx"
HEADS = frozenset(
    {
        "toxicity", "toxicity.severe", "toxicity.insult", "toxicity.threat", "toxicity.obscene", "hate", "harassment",
        "sexual", "self_harm", "self_harm.intent", "self_harm.instructions", "violence", "violence.graphic",
        "illicit", "illicit.violent", "prompt_attack.injection", "prompt_attack.jailbreak", "prompt_attack.leak",
    }
)  # fmt: skip
FLOOR_HEADS = frozenset(
    {
        "toxicity", "toxicity.insult", "toxicity.threat", "toxicity.obscene", "hate",
        "prompt_attack.injection", "prompt_attack.jailbreak",
    }
)  # fmt: skip
_LEAST = 0.01
_NAME = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9_]+)*")
_LONGEST_EXAMPLE = 400


@dataclass(frozen=True)
class TextOptions:
    """What to judge with, and what for.

    *topics* by name, each with sentences that are examples of it: findings are of category ``custom.<name>``. A few
    sentences as a user would write them do best. *engine* ``linear`` is for installs that cannot spare some 150 MB and
    a few milliseconds a text: it knows seven categories, no topics, and words rather than what is meant.
    """

    topics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    engine: Literal["encoder", "linear"] = "encoder"

    def __post_init__(self) -> None:
        if self.topics and self.engine == "linear":
            msg = "the linear engine knows no topics; use `engine: encoder`, or lists of words (`keywords`)"
            raise ValueError(msg)
        for name, examples in self.topics.items():
            if not _NAME.fullmatch(name):
                msg = f"`{name}` cannot be the name of a topic; use small letters, digits and _, parts joined by dots"
                raise ValueError(msg)
            if not examples or not all(any(map(str.isalnum, example)) for example in examples):
                msg = f"topic `{name}` has an empty example or none; write sentences that are about it"
                raise ValueError(msg)
            if any(len(example) > _LONGEST_EXAMPLE for example in examples):
                msg = f"topic `{name}` has an example longer than {_LONGEST_EXAMPLE} characters; use single sentences"
                raise ValueError(msg)


class Text(Classifier[Any]):
    """Items and their cost are the engine's: numbers of pieces, or for the floor the text itself.

    The window is short: a score is of everything in it, and one bad sentence must not drown in a long good text.
    """

    Options: ClassVar[type[Any]] = TextOptions
    categories = HEADS | {"custom"}
    reads: Reads = "sentences"
    window = 480
    horizon = 64
    batch_cost = 16  # texts are run one by one: whoever shares a batch only waits for its neighbours
    version = "encoder-1"

    def __init__(self, options: Any = None) -> None:
        """Take the options; the floor is quick enough to run on the event loop and reads less at once."""
        super().__init__(options)
        if self.options.engine == "linear":
            self.version, self.window = "tfidf-1", 256
            self.batch_cost, self.inline_cost = 16_384, 400  # one text of 100 characters: some 100 µs

    @classmethod
    def provides(cls, options: Any) -> frozenset[str]:
        """The heads of the engine, and a category for each topic."""
        heads = FLOOR_HEADS if options.engine == "linear" else HEADS
        return heads | {f"custom.{name}" for name in options.topics}

    def load(self) -> None:
        """Read the model beside this file, place the examples of topics, and score a text."""
        self._engine = self._scorer()
        self._engine.scores([self._engine.item("warm up")])

    def _scorer(self) -> Any:
        if self.options.engine == "linear":
            from classifiers import _floor

            return _floor.Floor()
        from classifiers import _encoder

        topics = {f"custom.{name}": examples for name, examples in sorted(self.options.topics.items())}
        return _encoder.Scorer(_encoder.load(WEIGHTS, SHA256), topics)

    def prepare(self, part: Readable) -> Any:
        """What the engine reads of the text."""
        if not isinstance(part, View):
            msg = "text reads text only"
            raise Unreadable(msg)
        return self._engine.item(part.text)

    def cost(self, item: Any) -> int:
        """What the engine says."""
        cost: int = self._engine.cost(item)
        return cost

    def classify(self, items: Sequence[Any]) -> list[list[Finding]]:
        """The categories of each text that reach 0.01."""
        return [
            [
                Finding(category, score, evidence=self._engine.evidence)
                for category, score in scores.items()
                if score >= _LEAST
            ]
            for scores in self._engine.scores(items)
        ]
