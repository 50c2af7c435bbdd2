"""`Stamp`, what is to be written into one medium, and `stamped`, which does it and reads all of it back."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from guard.classifier import Unreadable
from guard.content import MediaEdit
from guard.media import image_edit
from guard.media.marks import aigc, iptc, metadata
from guard.media.marks.block import Broken
from guard.media.marks.model import Asserts, Mark, Report, Status
from guard.media.stamps import (
    films,
    office,
    packet,
    pdf,
    pixels,
    rhythm,
    signing,
    sounds,
    spread,
    stills,
    texts,
    title,
    visible,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

VISIBLE, RHYTHM, PIXEL, SPREAD = "visible_label", "audio_rhythm", "pixel_mark", "audio_mark"
AIGC, IPTC, TEXT_C2PA, C2PA = "aigc_label", "iptc", "text_c2pa", "c2pa"
ORDER = (VISIBLE, RHYTHM, PIXEL, SPREAD, AIGC, IPTC, TEXT_C2PA, C2PA)
"""What is changed in pixels and samples comes first, and the signature over everything last."""
_REWRITTEN = frozenset({VISIBLE, PIXEL, IPTC})
"""Marks with which a source type that was there is written again, or could be."""
MOST_BYTES = 128 << 20
UNSET = "SET-YOUR-PROVIDER-CODE"
"""What stands for a producer in the policy that comes with the gateway: nobody, so it is never written."""
_AI = "trainedAlgorithmicMedia"
_OF_AI = frozenset({Asserts.AI, Asserts.AI_EDITED})
_IN_XMP = frozenset({"image/jpeg", "image/png", "image/webp"})
_FILMS = frozenset({"video/mp4", "video/quicktime"})
_LABELLED: dict[str, Callable[[bytes, str], bytes]] = {
    "audio/wav": sounds.wav,
    "audio/mpeg": sounds.mp3,
    "audio/flac": sounds.flac,
    "audio/mp4": films.mp4,
    "video/mp4": films.mp4,
    "video/quicktime": films.mp4,
    "application/pdf": pdf.labelled,
    "application/zip": office.labelled,
}
"""How China's label is written into each type that has no XMP for it."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """The *marks* to write, in any order, and what they say.

    *text* is drawn as the visible label. *producer* (a code that GB 45438 gives, ASCII) and *produce_id* (without one:
    the beginning of the SHA-256 of the bytes as they came) go into China's label, *system* (``NAME/VERSION``) into
    IPTC's and C2PA's data. *certificate* and *key* are PEM files: the chain and the private key that sign. *audio_key*
    names the key of the mark in sound: a file, or ``env:NAME``. *message* is what the pixel mark says
    (`guard.watermark.own`).
    """

    marks: tuple[str, ...]
    text: str = "AI-generated"
    producer: str = ""
    produce_id: str = ""
    system: str = ""
    corner: str = "bottom_right"
    certificate: str = ""
    key: str = ""
    audio_key: str = ""
    message: str = ""


def edited(data: bytes, edits: Sequence[MediaEdit]) -> Generator[None, None, bytes]:
    """*data* with the marks that *edits* of the kind ``stamp`` ask for: see `guard.media.edits`.

    Raises:
        Unreadable: a mark cannot be written or is not found when the bytes are read again.
    """
    stamps = []
    for edit in edits:
        options = dict(edit.options)
        marks = tuple(options.pop("marks", "").split(","))
        stamps.append(Stamp(marks, edit.text, **options))
    for stamp in sorted(stamps, key=lambda one: (C2PA in one.marks, PIXEL in one.marks)):  # as if it were one
        data = yield from stamped(data, stamp)
    for stamp in stamps if len(stamps) > 1 else ():
        if PIXEL in stamp.marks and not pixels.plan(data, stamp.message).stand:
            raise Unreadable("a pixel mark was lost to another")
    return data


def stamped(data: bytes, stamp: Stamp) -> Generator[None, None, bytes]:
    """*data* with the marks of *stamp*, each proved to be there. Yields where it may pause.

    Raises:
        Unreadable: it cannot be done, or is not found when the bytes are read again. The message names no content.
    """
    if stamp.marks == (TEXT_C2PA,) and data and metadata.sniff(data) is None:
        if texts.is_json(data):
            raise Unreadable("it is JSON, and would be none with something behind it")
        return (yield from texts.signed(data, stamp.certificate, stamp.key, stamp.system))
    given, before = data, _read(data)
    media_type = before.media_type or ""
    _check_asked(stamp, before)
    label = _label(stamp, before, data)
    source = _source(stamp, before)
    plan = pixels.plan(data, stamp.message) if PIXEL in stamp.marks else None
    yield
    if VISIBLE in stamp.marks and media_type in _FILMS:
        data = yield from title.titled(data, stamp.text, stamp.corner)
        yield
    elif VISIBLE in stamp.marks or (plan is not None and not plan.stand):
        data = yield from _drawn(data, stamp, plan)
        yield
    if RHYTHM in stamp.marks:
        data = yield from rhythm.prepended(data)
        yield
    if SPREAD in stamp.marks:
        data = yield from spread.marked(data, stamp.audio_key)
        if RHYTHM in stamp.marks and (yield from rhythm.prepended(data)) is not data:
            raise Unreadable("the rhythm could not be heard again")
        yield
    now = before if data is given else _read(data)
    written = _with_metadata(data, now, label, source)
    yield
    if not _is_same(data, written, media_type):
        raise Unreadable("writing metadata changed what is shown or heard")
    if C2PA in stamp.marks:
        written = signing.signed(written, media_type, given, stamp.certificate, stamp.key, stamp.system, _AI)
        yield
    _prove(written, stamp, before, label, source)
    if plan is not None:
        pixels.check(written, plan)
    if SPREAD in stamp.marks and not (yield from spread.bears(written, stamp.audio_key)):
        raise Unreadable("the mark in sound could not be read back")
    return written


def _drawn(data: bytes, stamp: Stamp, plan: pixels.Plan | None) -> Generator[None, None, bytes]:
    """The picture *data* with what is to be seen and, by *plan*, with what is not; coded once."""
    if plan is None:
        drawn = MediaEdit("visible_label", text=stamp.text, options=(("corner", stamp.corner),))
        data = yield from image_edit.edited(data, [drawn])
    else:
        draw = partial(visible.drawn, text=stamp.text, corner=stamp.corner) if VISIBLE in stamp.marks else None
        data = yield from pixels.marked(data, plan, draw)
    if VISIBLE in stamp.marks:
        visible.check(data, stamp.text, stamp.corner)
    return data


def _read(data: bytes) -> Report:
    if len(data) > MOST_BYTES:
        raise Unreadable("the file is larger than is marked")
    report = metadata.read(data)
    if report.unread:
        msg = f"the file is {report.unread}" if report.media_type is None else report.unread
        raise Unreadable(msg)
    return report


def _check_asked(stamp: Stamp, before: Report) -> None:
    """Whether *stamp* can be written into what *before* is about at all, and leaves whole what is there."""
    media_type = before.media_type or ""
    unknown = [name for name in stamp.marks if name not in ORDER]
    if unknown or not stamp.marks:
        raise Unreadable("nothing here can write such a mark")
    bears = {
        VISIBLE: media_type in _IN_XMP or media_type in _FILMS,
        RHYTHM: media_type in _LABELLED and media_type.startswith("audio/"),
        PIXEL: media_type in pixels.TYPES,
        SPREAD: media_type in _LABELLED and media_type.startswith("audio/"),
        AIGC: media_type in _IN_XMP or media_type in _LABELLED,
        IPTC: media_type in _IN_XMP,
        TEXT_C2PA: False,
        C2PA: media_type in signing.TYPES,
    }
    for name in stamp.marks:
        if not bears[name]:
            msg = f"{media_type} bears no {name} that is written here"
            raise Unreadable(msg)
    unsound = [mark for mark in before.marks if mark.family.startswith("c2pa") and not mark.is_sound]
    if any(mark.status is not Status.INCONCLUSIVE for mark in unsound):
        raise Unreadable("the file is signed (C2PA), and that does not hold: a new signature would hide it")
    if unsound:
        msg = f"whether the file is signed (C2PA) cannot be made out: {unsound[0].code}"
        raise Unreadable(msg)
    if C2PA not in stamp.marks and any(mark.family == "c2pa" for mark in before.marks):
        raise Unreadable("the file is signed (C2PA), and any other mark would break that: sign it anew")


def _family(report: Report, family: str) -> list[Mark]:
    return [mark for mark in report.marks if mark.family == family]


def _label(stamp: Stamp, before: Report, data: bytes) -> dict[str, str] | None:
    """The fields of China's label that have to be there in the end: those that are, or new ones; None for none."""
    found = _family(before, "aigc_label")
    if any(not mark.is_sound for mark in found):
        raise Unreadable("a label that is no good is there already; it may not be taken off")
    if found:
        return dict(found[0].detail)
    if AIGC not in stamp.marks:
        return None
    if stamp.producer == UNSET:
        raise Unreadable("no producer is set")
    number = stamp.produce_id or hashlib.sha256(data).hexdigest()[:32]
    fields = dict.fromkeys(aigc.FIELDS, "") | {"Label": "1", "ContentProducer": stamp.producer, "ProduceID": number}
    made = aigc.read(_spelled(fields))
    if made is None or made.issues:
        raise Unreadable("the label would be no good: the producer and the number are ASCII without spaces, not empty")
    return fields


def _spelled(fields: dict[str, str]) -> str:
    return json.dumps(fields, separators=(",", ":"))


def _source(stamp: Stamp, before: Report) -> packet.Source | None:
    """IPTC's source type that has to be there in the end; None for none."""
    found = _family(before, "iptc")
    if found and not _REWRITTEN.isdisjoint(stamp.marks):
        if any(not mark.is_sound or mark.asserts not in _OF_AI for mark in found):
            raise Unreadable("the file says itself that it has another origin")
        return packet.Source(found[0].code, found[0].issuer)
    return packet.Source(_AI, stamp.system) if IPTC in stamp.marks else None


def _with_metadata(data: bytes, now: Report, label: dict[str, str] | None, source: packet.Source | None) -> bytes:
    media_type = now.media_type or ""
    text = _spelled(label) if label is not None and not _family(now, "aigc_label") else None
    new = source if source is not None and not _family(now, "iptc") else None
    if text is None and new is None:
        return data
    try:
        if media_type in _IN_XMP:
            return stills.with_xmp(data, media_type, lambda old: packet.with_marks(old, text, new))
        return _LABELLED[media_type](data, text) if text is not None else data
    except (Broken, IndexError, OverflowError) as error:
        why = f": {error}" if isinstance(error, Broken) else ""
        msg = f"the file is damaged{why}"
        raise Unreadable(msg) from error


def _is_same(before: bytes, after: bytes, media_type: str) -> bool:
    """Whether all but the places where marks are written is the same to the byte."""
    documents = {"application/pdf": pdf.is_same, "application/zip": office.is_same}
    if media_type in documents:
        return before == after or documents[media_type](before, after)
    return _coded(before, media_type) == _coded(after, media_type)


def _coded(data: bytes, media_type: str) -> bytes:
    """A digest of what is shown or heard, in its coded form: all but the places where marks are written."""
    take: Callable[[bytes], bytes] = {
        "image/jpeg": stills.coded_jpeg, "image/png": stills.coded_png, "image/webp": stills.coded_webp,
        "audio/wav": sounds.coded_wav, "audio/mpeg": sounds.coded_mp3, "audio/flac": sounds.coded_flac,
    }.get(media_type, films.coded_mp4)  # fmt: skip
    try:
        return hashlib.sha256(take(data)).digest()
    except (Broken, IndexError) as error:
        raise Unreadable("the file is damaged") from error


def _prove(
    written: bytes, stamp: Stamp, before: Report, label: dict[str, str] | None, source: packet.Source | None
) -> None:
    """Read *written* with the readers that everybody else's files are read with.

    Raises:
        Unreadable: a mark is not there, not sound, or something else became unsound.
    """
    after = _read(written)
    same = after.media_type == before.media_type
    if label is not None:
        same = same and [mark.detail for mark in _family(after, "aigc_label") if mark.is_sound] == [label]
    if source is not None:
        said = [mark.code for mark in _family(after, "iptc") if mark.is_sound]
        same = same and bool(said) and set(said) == {iptc.last_word(source.kind)}
    if C2PA in stamp.marks:
        same = same and any(mark.is_sound for mark in _family(after, "c2pa"))
    unsound = {_plain(mark) for mark in after.marks if not mark.is_sound}
    if not same or unsound - {_plain(mark) for mark in before.marks}:
        raise Unreadable("the marks could not be read back")


def _plain(mark: Mark) -> Mark:
    return replace(mark, carrier="", location=None, detail={})
