"""What goes over the socket to the model server and back, as bytes. Pure.

A frame is the lengths of its two halves, a JSON head and a body: the contents that are asked about, one behind the
other. A text goes without the map back to its parts, which stays with whoever asks.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import orjson

from guard.batching.answers import Unread
from guard.content import AudioPart, ImagePart, Modality, VideoPart, View
from guard.decision import Failure, FailureKind
from guard.finding import Finding, Quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from guard.batching.answers import Answer
    from guard.classifier import Readable

LENGTHS = struct.Struct(">II")
MOST_BYTES = 1 << 30
"""A frame with a longer half is none of ours."""
_PARTS: dict[str, type[ImagePart | AudioPart | VideoPart]] = {
    "image": ImagePart,
    "audio": AudioPart,
    "video": VideoPart,
}


class WireError(Exception):
    """Bytes that are no frame, or a frame that says nothing we know."""


def frame(head: dict[str, Any], body: bytes = b"") -> bytes:
    """The bytes of one frame."""
    encoded = orjson.dumps(head)
    return LENGTHS.pack(len(encoded), len(body)) + encoded + body


def lengths(data: bytes) -> tuple[int, int]:
    """The lengths of the halves of a frame that begins with *data*.

    Raises:
        WireError: they cannot be.
    """
    head, body = LENGTHS.unpack(data)
    if head > MOST_BYTES or body > MOST_BYTES:
        raise WireError("a frame too long")
    return head, body


def head(data: bytes) -> dict[str, Any]:
    """The first half of a frame. Raises `WireError` if it is none."""
    try:
        found = orjson.loads(data)
    except ValueError:
        raise WireError("no JSON") from None
    if not isinstance(found, dict):
        raise WireError("no object")
    return found


def sources_out(sources: Iterable[Readable]) -> tuple[list[dict[str, Any]], bytes]:
    """What is asked about: a line for the head each, and the body."""
    lines: list[dict[str, Any]] = []
    pieces: list[bytes] = []
    for source in sources:
        if isinstance(source, View):
            data = source.text.encode("utf-8", "surrogatepass")
            lines.append({"is": "text", "bytes": len(data)})
        else:
            data = source.data
            lines.append({"is": source.modality.value, "bytes": len(data), "type": source.media_type})
        pieces.append(data)
    return lines, b"".join(pieces)


def sources_in(lines: Iterable[dict[str, Any]], body: bytes) -> list[Readable]:
    """What `sources_out` was given, but for where it stood. Raises `WireError`."""
    found: list[Readable] = []
    at = 0
    try:
        for line in lines:
            data = body[at : at + line["bytes"]]
            at += line["bytes"]
            if line["is"] == "text":
                found.append(View.of(data.decode("utf-8", "surrogatepass")))
            else:
                found.append(_PARTS[line["is"]](data, media_type=line["type"]))
    except (KeyError, TypeError, UnicodeDecodeError) as error:
        raise WireError(type(error).__name__) from None
    if at != len(body):
        raise WireError("a body of another length")
    return found


def answers_out(answers: Iterable[Answer]) -> list[Any]:
    """Answers as they stand in a head."""
    return [
        _failure(answer) if isinstance(answer, Failure) else [_finding(one) for one in answer] for answer in answers
    ]


def answers_in(lines: Sequence[Any], name: str) -> list[Answer]:
    """What `answers_out` was given, of classifier *name*. Raises `WireError`."""
    try:
        return [_answer(line, name) for line in lines]
    except (KeyError, TypeError, ValueError) as error:
        raise WireError(type(error).__name__) from None


def _failure(answer: Failure) -> dict[str, Any]:
    said = {"kind": answer.kind.value, "detail": answer.detail, "again": answer.retry_after_s}
    return {**said, "unread": answer.reason} if isinstance(answer, Unread) else said


def _finding(one: Finding | Quote) -> list[Any] | dict[str, Any]:
    if isinstance(one, Quote):
        return {"text": one.text, "box": one.box, "time": one.time, "strand": one.strand}
    return [one.category, one.score, one.span, one.box, one.time, one.modality.value, one.evidence]


def _answer(line: Any, name: str) -> Answer:
    if isinstance(line, dict):
        kind = FailureKind(line["kind"])
        if "unread" in line:
            return Unread(name, kind, line["detail"], reason=line["unread"])
        return Failure(name, kind, line["detail"], line["again"])
    if line and isinstance(line[0], dict):
        return [_quote(one) for one in line]  # type: ignore[misc]  # a reader's answer
    return [
        Finding(
            category,
            score,
            span and tuple(span),
            box and tuple(box),
            time and tuple(time),
            modality=Modality(modality),
            evidence=evidence,
        )
        for category, score, span, box, time, modality, evidence in line
    ]


def _quote(one: dict[str, Any]) -> Quote:
    box, time = one["box"], one["time"]
    return Quote(one["text"], box and tuple(box), time and tuple(time), one["strand"])
