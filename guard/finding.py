"""What a classifier saw: one category in one part. And what a reader read: a piece of text in one medium.

A classifier gives spans in the view it read and leaves *part*, *modality*, *role* and *classifier* alone;
the pipeline fills them in and maps spans back to the original text.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from guard.content import Modality


@dataclass(frozen=True, slots=True)
class Finding:
    """One category seen in one part.

    *score* is a probability in [0, 1] (a rule that proved itself, a checksum say, gives 1.0). *span* counts
    characters, *box* is left, top, right, bottom as fractions of the picture, *time* is seconds from, to.
    *evidence* says why in a few words ("luhn", "pattern aws-access-key"): it never holds content.
    """

    category: str
    score: float
    span: tuple[int, int] | None = None
    box: tuple[float, float, float, float] | None = None
    time: tuple[float, float] | None = None
    part: str = ""
    modality: Modality = Modality.TEXT
    role: str | None = None
    classifier: str = ""
    evidence: str = ""

    def __deepcopy__(self, _: object) -> Finding:
        """Itself: nothing of it changes."""
        return self


Box = tuple[float, float, float, float]
"""Left, top, right, bottom, as fractions of the picture."""
Time = tuple[float, float]
"""Seconds from, to."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A piece of text that was read off a medium: a word that was heard, a line that was seen, and where.

    Quotes of one *strand* (a channel, a page, another way to read the same picture) stand one behind the other as they
    are, so a quote brings its own spaces and line ends. Unlike a finding it is content: it is in no record.
    """

    text: str = field(repr=False)
    box: Box | None = None
    time: Time | None = None
    strand: int = 0
