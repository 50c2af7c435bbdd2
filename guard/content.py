"""What is judged: `Content`, its parts, and the `View` of text that a classifier reads.

bytes ─decode→ **Content** ─detect→ Findings ─decide→ Decision ─enforce→ Content′ ─encode→ bytes

A part is one leaf of a body. It knows exactly where it came from (`path`), what may be said of that place
in a record (`pointer`, which never holds a key a person chose), and what it is (`kind`, `role`).
A `View` is a copy of text made for reading, with a map back to the exact characters of the parts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

Path = tuple[str | int, ...]
"""Where a leaf stands in its document: keys and indices from the root."""


class Direction(StrEnum):
    """Which way content travels: to the generator, or from it."""

    INPUT = "input"
    OUTPUT = "output"


class Modality(StrEnum):
    """What kind of thing a part is, to the classifiers that can read it."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    OPAQUE = "opaque"


@dataclass(frozen=True, slots=True)
class MediaEdit:
    """A change to a medium, asked for by an action and not made yet: actions know no pixels, no samples and no keys.

    *kind* is what to do: ``blur``, ``pixelate`` or ``paint`` over the *box* of a picture or film (left, top, right,
    bottom as fractions of it), ``mute`` or ``beep`` for the *time* of a sound or film (seconds from, to), ``replace``
    all of it by something neutral that says *text*, ``stamp`` a mark into it. Without a box or time: all of it.
    *options* are the kind's own. `guard.media.edits` makes them; ADR 0025 is the contract.
    """

    kind: str
    box: tuple[float, float, float, float] | None = None
    time: tuple[float, float] | None = None
    text: str = ""
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TextPart:
    """One string of the body.

    *kind* says what the text is to the protocol: ``message``, ``tool_arguments``, ``tool_result``,
    ``tool_schema``, ``reasoning``, ``refusal``, ``name``, ``logprobs``, ``url``, ``key``, ``error``, or
    ``unknown`` for a field that no contract names. *editable* is false where no action could
    write a changed text back (a key, a list of tokens): an edit there becomes a block. *edits* are what actions cannot
    do themselves (a signature takes a key); see `ImagePart`.
    """

    text: str
    pointer: str = ""
    path: Path = ()
    kind: str = "message"
    role: str | None = None
    editable: bool = True
    edits: tuple[MediaEdit, ...] = ()
    modality: Modality = field(default=Modality.TEXT, init=False)


@dataclass(frozen=True, slots=True)
class ImagePart:
    """One encoded picture, undecoded. *media_type* is what the sender claims, or None.

    *edits* are changes that were decided and are still to be made to *data*, in order; a part that has some is never
    released. *editable* is true where changed bytes can be written back.
    """

    data: bytes
    pointer: str = ""
    path: Path = ()
    media_type: str | None = None
    role: str | None = None
    kind: str = "image"
    editable: bool = False
    edits: tuple[MediaEdit, ...] = ()
    modality: Modality = field(default=Modality.IMAGE, init=False)


RAW_SAMPLES = "audio/pcm"
"""The type of a sound that came as bare samples and has to leave as such: nothing can be written beside them."""


@dataclass(frozen=True, slots=True)
class AudioPart:
    """One encoded sound, undecoded; see `ImagePart`."""

    data: bytes
    pointer: str = ""
    path: Path = ()
    media_type: str | None = None
    role: str | None = None
    kind: str = "audio"
    editable: bool = False
    edits: tuple[MediaEdit, ...] = ()
    modality: Modality = field(default=Modality.AUDIO, init=False)


@dataclass(frozen=True, slots=True)
class VideoPart:
    """One encoded film, undecoded; see `ImagePart`."""

    data: bytes
    pointer: str = ""
    path: Path = ()
    media_type: str | None = None
    role: str | None = None
    kind: str = "video"
    editable: bool = False
    edits: tuple[MediaEdit, ...] = ()
    modality: Modality = field(default=Modality.VIDEO, init=False)


@dataclass(frozen=True, slots=True)
class OpaquePart:
    """Something that is there and cannot be read; *reason* says why, and the policy's ``unscannable`` decides."""

    reason: str
    pointer: str = ""
    path: Path = ()
    role: str | None = None
    kind: str = "opaque"
    editable: bool = False
    modality: Modality = field(default=Modality.OPAQUE, init=False)


Medium = ImagePart | AudioPart | VideoPart
Part = TextPart | Medium | OpaquePart


@dataclass(frozen=True, slots=True)
class Lane:
    """One text of an answer that grows while it is streamed: a `TextPart` whose text is not known yet.

    *path* and *pointer* are those of the part that the whole answer would have. Lanes of one *group* (a choice, an
    output) are released in the order in which they grow. Lanes of one *thread* follow one another and are read as one
    text, for that is what a person sees (the text blocks of one message): each ends before the next begins. A lane
    without a thread is one of its own.
    """

    path: Path
    pointer: str
    kind: str = "message"
    role: str | None = "assistant"
    group: int = 0
    thread: Path | None = None

    @property
    def key(self) -> Path:
        """What the lanes that are read as one text have in common."""
        return self.path if self.thread is None else self.thread

    def part(self, text: str) -> TextPart:
        """The part that this lane is once all of its *text* is known."""
        return TextPart(text, self.pointer, self.path, self.kind, self.role)


@dataclass(frozen=True, slots=True)
class Content:
    """Everything of one message body, in one direction.

    *exempt* counts the leaves that were not made parts, by the name of the rule that says why
    (a number, a fixed word of the protocol). Together with the parts it is the whole body.

    With a *vault_key*, placeholders can be minted for values that are to be restored in the answer; *masked* holds
    those that were minted, each with its value. Neither is ever shown.
    """

    direction: Direction
    parts: tuple[Part, ...]
    exempt: tuple[tuple[str, int], ...] = ()
    model: str | None = None
    tenant: str | None = None
    locale: str = "en"
    vault_key: bytes | None = field(default=None, repr=False)
    masked: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)


class Segment(NamedTuple):
    """Characters ``start:end`` of a view come from ``origin_start:origin_end`` of part number *part*.

    Equal lengths map character by character; unequal ones (an escape that became one letter) map
    whole to whole.
    """

    start: int
    end: int
    part: int
    origin_start: int
    origin_end: int


@dataclass(frozen=True, slots=True)
class View:
    """A copy of text made for reading, with the map back to the parts it was made of.

    *segments* are in order and do not overlap; a character in no segment (a joining space) comes from nowhere.
    """

    text: str
    segments: tuple[Segment, ...]

    @classmethod
    def of(cls, text: str, part: int = 0, offset: int = 0) -> View:
        """The view that is the text itself, or the stretch of it that begins at *offset*."""
        return cls(text, (Segment(0, len(text), part, offset, offset + len(text)),))

    def origins(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """The ``(part, start, end)`` that ``start:end`` of this view came from, in order, touching ones merged."""
        found: list[tuple[int, int, int]] = []
        first = max(0, bisect_right(self.segments, start, key=lambda s: s.start) - 1)
        for number in range(first, len(self.segments)):
            segment = self.segments[number]
            if segment.start >= end:
                break
            if segment.end <= max(start, segment.start):
                continue
            low, high = segment.origin_start, segment.origin_end
            if segment.end - segment.start == high - low:
                low += max(0, start - segment.start)
                high -= max(0, segment.end - end)
            if found and found[-1][0] == segment.part and found[-1][2] >= low:
                found[-1] = (segment.part, min(found[-1][1], low), max(found[-1][2], high))
            else:
                found.append((segment.part, low, high))
        return found
