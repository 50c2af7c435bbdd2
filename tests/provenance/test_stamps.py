"""guard.media.stamps: marks that other tools read too, in files that show and sound the same; or nothing is given."""

from __future__ import annotations

import io
import json
import socket
import struct
import tempfile
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from xml.etree import ElementTree

import av
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from guard.classifier import Unreadable
from guard.content import MediaEdit
from guard.media.marks import metadata
from guard.media.marks.model import Report
from guard.media.sound import decoding
from guard.media.stamps import packet, visible
from guard.media.stamps.rhythm import begins_so
from guard.media.stamps.stamp import Stamp, edited, stamped
from tests.classifiers import marked

T = TypeVar("T")
PRODUCER = "001191110102MACQD9K64010000"
AIGC = Stamp(("aigc_label",), producer=PRODUCER, produce_id="a-1")
BOTH = Stamp(("iptc", "aigc_label"), producer=PRODUCER, system="our-model/2", text="AI生成")
DATA = Path(__file__).parent.parent / "data" / "marks"


def done(steps: Generator[None, None, T]) -> T:
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def mark(data: bytes, stamp: Stamp) -> bytes:
    return done(stamped(data, stamp))


def families(report: Report) -> list[str]:
    return sorted(mark.category for mark in report.marks)


def pixels(data: bytes) -> list[bytes]:
    image = Image.open(io.BytesIO(data))
    found = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        found.append(image.convert("RGBA").tobytes())
    return found


def by_pillow(data: bytes) -> dict[str, str]:
    """The leaves of the XMP that Pillow finds, by ElementTree."""
    image = Image.open(io.BytesIO(data))
    image.load()
    xmp = image.info.get("xmp") or image.info["XML:com.adobe.xmp"]
    root = ElementTree.fromstring(xmp.decode() if isinstance(xmp, bytes) else xmp)
    return {element.tag.rpartition("}")[2]: element.text or "" for element in root.iter() if not len(element)}


def moving(kind: str) -> bytes:
    file = io.BytesIO()
    first, second = Image.new("RGBA", (40, 30), "red"), Image.new("RGBA", (40, 30), (0, 0, 255, 90))
    first.save(file, kind, save_all=True, append_images=[second], duration=50)
    return file.getvalue()


def clear(kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGBA", (33, 21), (1, 200, 3, 100)).save(file, kind, **options)
    return file.getvalue()


PICTURES = {
    "jpeg": marked.picture("JPEG"),
    "jpeg progressive, with EXIF": marked.picture("JPEG", progressive=True, exif=marked.exif({0x010E: "a cat"})),
    "jpeg with XMP": marked.picture("JPEG", xmp=marked.xmp("<xmp:CreatorTool>a brush</xmp:CreatorTool>")),
    "png": marked.picture("PNG"),
    "png with XMP": marked.png_xmp(marked.xmp("<xmp:CreatorTool>a brush</xmp:CreatorTool>")),
    "png moving": moving("PNG"),
    "webp": marked.picture("WEBP"),
    "webp lossless": marked.picture("WEBP", lossless=True),
    "webp clear": clear("WEBP", lossless=True),
    "webp with XMP": marked.picture("WEBP", xmp=marked.xmp("<xmp:CreatorTool>a brush</xmp:CreatorTool>")),
    "webp moving": moving("WEBP"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_labelled_for_other_readers_too_and_shows_the_same(name: str) -> None:
    data = PICTURES[name]

    made = mark(data, BOTH)

    assert pixels(made) == pixels(data)
    found = by_pillow(made)
    assert json.loads(found["AIGC"])["ContentProducer"] == PRODUCER
    assert json.loads(found["AIGC"])["Label"] == "1"
    assert found["DigitalSourceType"].endswith("/digitalsourcetype/trainedAlgorithmicMedia")
    assert (found["AISystemUsed"], found["AISystemVersionUsed"]) == ("our-model", "2")
    assert found.get("CreatorTool") == ("a brush" if "with XMP" in name else None)
    assert {"mark.aigc_label", "mark.iptc"} <= set(families(metadata.read(made)))
    assert mark(made, BOTH) == made


def test_exif_and_comments_stay():
    data = PICTURES["jpeg progressive, with EXIF"]

    assert Image.open(io.BytesIO(mark(data, BOTH))).getexif()[0x010E] == "a cat"


def sound(kind: str, codec: str, rate: int = 16_000) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as box:
        stream = box.add_stream(codec, rate=rate)
        wave = (np.sin(np.arange(rate) / 9) * 9_000).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
        frame.rate = rate
        for packet_ in [*stream.encode(frame), *stream.encode(None)]:
            box.mux(packet_)
    return file.getvalue()


def film(file: Any = None, *, seconds: float = 1.2, size: tuple[int, int] = (64, 48), **options: str) -> bytes:
    file = file or io.BytesIO()
    with av.open(file, "w", format="mp4", options=options) as box:
        stream = box.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(round(seconds * 10)):
            grey = np.full((size[1], size[0], 3), number * 3, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            for packet_ in stream.encode(frame):
                box.mux(packet_)
        for packet_ in stream.encode(None):
            box.mux(packet_)
    return file.read_bytes() if isinstance(file, Path) else file.getvalue()


def by_av(data: bytes) -> tuple[list[bytes], dict[str, str]]:
    """Every packet, as it is stored, and the metadata."""
    with av.open(io.BytesIO(data)) as box:
        return [bytes(one) for one in box.demux() if one.size], dict(box.metadata)


def film_with_tags() -> bytes:
    file = io.BytesIO()
    with (
        av.open(io.BytesIO(film())) as given_,
        av.open(file, "w", format="mp4", options={"movflags": "use_metadata_tags"}) as box,
    ):
        box.metadata["made"] = "here"
        stream = box.add_stream_from_template(given_.streams.video[0])
        for one in given_.demux():
            if one.size:
                one.stream = stream
                box.mux(one)
    return file.getvalue()


def film_in_a_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:  # what was written is moved: not in memory
        data = film(Path(folder) / "film.mp4", movflags="faststart")
    assert data.index(b"moov") < data.index(b"mdat")
    return data


MOVING = {
    "mp3": lambda: sound("mp3", "libmp3lame"),
    "mp3 without a tag": lambda: mp3_without(sound("mp3", "libmp3lame")),
    "flac": lambda: sound("flac", "flac"),
    "mp4": film,
    "mp4, moov first": film_in_a_file,
    "mp4 with keys": film_with_tags,
    "mov": lambda: sound("mov", "pcm_s16le"),
    "m4a": lambda: sound("ipod", "aac"),
}


def mp3_without(data: bytes) -> bytes:
    size = sum(byte << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
    return data[10 + size :]


@pytest.mark.parametrize("name", MOVING)
def test_sounds_and_films_are_labelled_for_other_readers_too_and_no_packet_changes(name: str) -> None:
    data = MOVING[name]()

    made = mark(data, AIGC)

    packets, said = by_av(made)
    before, kept = by_av(data)
    assert packets == before
    assert len(packets) > 0
    assert json.loads(said["AIGC"]) == {**marked.LABEL, "ContentProducer": PRODUCER}
    assert {key: said.get(key) for key in kept} == kept
    assert families(metadata.read(made)) == ["mark.aigc_label"]
    assert mark(made, AIGC) == made


@pytest.mark.parametrize("open_ended", [False, True])
def test_a_wav_is_labelled_in_a_chunk_of_its_own_and_its_samples_stay(open_ended: bool) -> None:
    data = sound("wav", "pcm_s16le")
    if open_ended:  # as a server streams it
        at = data.index(b"data")
        data = data[:4] + b"\xff" * 4 + data[8 : at + 4] + b"\xff" * 4 + data[at + 8 :]

    made = mark(data, AIGC)

    assert by_av(made)[0] == by_av(data)[0]
    chunks, at = {}, 12
    while at < len(made):
        size = struct.unpack("<I", made[at + 4 : at + 8])[0]
        chunks[made[at : at + 4]] = made[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    assert struct.unpack("<I", made[4:8])[0] == len(made) - 8
    assert json.loads(chunks[b"AIGC"])["ProduceID"] == "a-1"
    assert families(metadata.read(made)) == ["mark.aigc_label"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("size", [(512, 512), (640, 200), (500, 900)])
@pytest.mark.parametrize("text", ["AI生成", "AI-generated"])
def test_the_visible_label_is_as_large_as_the_law_asks(kind: str, size: tuple[int, int], text: str) -> None:
    data = marked.picture(kind, size)

    made = mark(data, Stamp(("visible_label", "aigc_label"), text, PRODUCER, corner="top_left"))

    box, letters, _ = visible.placed(size, text, "top_left")
    shown = np.asarray(Image.open(io.BytesIO(made)).convert("L").crop(box))
    rows = np.flatnonzero((shown > 200).any(axis=1))
    assert (rows.max() - rows.min() + 1) >= 0.05 * min(size)
    assert letters >= 0.05 * min(size)
    assert Image.open(io.BytesIO(made)).size == size
    assert families(metadata.read(made)) == ["mark.aigc_label"]


@pytest.mark.parametrize("kind", ["wav", "mp3", "flac", "ipod"])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_a_sound_begins_with_the_rhythm_once_and_goes_on_as_it_was(kind: str, rate: int) -> None:
    codec = {"wav": "pcm_s16le", "mp3": "libmp3lame", "flac": "flac", "ipod": "aac"}[kind]
    data = sound(kind, codec, rate)

    made = mark(data, Stamp(("audio_rhythm", "aigc_label"), producer=PRODUCER))

    (before,), (after,) = done(decoding(data)), done(decoding(made))
    assert not begins_so(before)
    assert begins_so(after)
    rest = after.samples[0, -before.samples.shape[1] // 2 :]
    assert np.sqrt(np.mean(rest**2)) == pytest.approx(np.sqrt(np.mean(before.samples**2)), rel=0.1)
    assert after.seconds == pytest.approx(before.seconds + 1.7, abs=0.15)
    assert families(metadata.read(made)) == ["mark.aigc_label"]
    assert mark(made, Stamp(("audio_rhythm", "aigc_label"), producer=PRODUCER)) == made


def test_a_film_shows_the_label_for_its_first_seconds_and_then_no_more() -> None:
    data = film(seconds=5, size=(160, 128))

    made = mark(data, Stamp(("visible_label", "aigc_label"), "AI生成", PRODUCER))

    box, _, _ = visible.placed((160, 128), "AI生成", "bottom_right")
    with av.open(io.BytesIO(made)) as shown:
        frames = [(one.time or 0.0, one.to_image().convert("L").crop(box)) for one in shown.decode(video=0)]
    assert len(frames) == 50
    bright = [(time, image.getextrema()[1] > 200) for time, image in frames]  # type: ignore[operator]
    assert all(seen for time, seen in bright if time <= 2.0)
    assert not any(seen for time, seen in bright if time > 3.2)
    assert families(metadata.read(made)) == ["mark.aigc_label"]


def test_a_moving_and_a_clear_picture_get_the_label_in_every_frame() -> None:
    file = io.BytesIO()
    frames = [Image.new("RGBA", (200, 120), (200 * n, 80, 0, 60)) for n in range(2)]
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], duration=50, lossless=True)

    made = mark(file.getvalue(), Stamp(("visible_label",), "AI生成"))

    box, _, _ = visible.placed((200, 120), "AI生成", "bottom_right")
    image = Image.open(io.BytesIO(made))
    for number in range(2):
        image.seek(number)
        assert image.convert("L").crop(box).getextrema()[1] > 200  # type: ignore[operator]


def test_a_label_that_stood_there_stands_there_after_drawing():
    data = marked.CARRIERS["png XMP"]
    large = io.BytesIO()
    Image.open(io.BytesIO(data)).resize((300, 200)).save(large, "PNG")
    first = mark(large.getvalue(), AIGC)

    made = mark(first, Stamp(("visible_label",), "AI生成"))

    (label,) = metadata.read(made).marks
    assert label.detail["ProduceID"] == "a-1"


REFUSED = {
    "no mark": (PICTURES["png"], Stamp(())),
    "unknown mark": (PICTURES["png"], Stamp(("pixel_mark",))),
    "no producer": (PICTURES["png"], Stamp(("aigc_label",))),
    "a producer that nobody set": (PICTURES["png"], Stamp(("aigc_label",), producer="SET-YOUR-PROVIDER-CODE")),
    "a producer in Chinese": (PICTURES["png"], Stamp(("aigc_label",), producer="某公司")),
    "a label in conflict": (
        marked.png_xmp(marked.aigc_xmp('{"Label": "9", "ContentProducer": "x", "ProduceID": "y"}')), AIGC,
    ),
    "another origin": (
        marked.png_xmp(
            marked.xmp("<Iptc4xmpExt:DigitalSourceType>digitalCapture</Iptc4xmpExt:DigitalSourceType>")
        ), BOTH,
    ),
    "too small": (PICTURES["png"], Stamp(("visible_label",), "AI生成 by a name that is long")),
    "a picture with a rhythm": (PICTURES["png"], Stamp(("audio_rhythm",))),
    "a sound with a drawing": (marked.wav(), Stamp(("visible_label",))),
    "signed": ((DATA / "C.jpg").read_bytes(), BOTH),
    "cut short": (PICTURES["png"][:-30], BOTH),
    "entities": (
        marked.png_xmp(b'<!DOCTYPE x [<!ENTITY a "b">]><x/>'), BOTH,
    ),
    "empty": (b"", BOTH),
    "text": ("这是一段文字".encode(), BOTH),
    "no keys": (PICTURES["png"], Stamp(("c2pa",), certificate="none.pem", key="none.pem")),
    "a bomb of boxes": ((DATA / "nested_moov_1000.mp4").read_bytes(), AIGC),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_marked_and_proved_is_refused(name: str) -> None:
    data, stamp = REFUSED[name]

    with pytest.raises(Unreadable):
        mark(data, stamp)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["jpeg", "png", "webp"]), st.data())
def test_damaged_files_are_marked_or_refused_and_nothing_else(name: str, draw: st.DataObject) -> None:
    data = bytearray(PICTURES[name])
    for _ in range(3):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        made = mark(bytes(data), BOTH)
    except Unreadable:
        return
    assert {"mark.aigc_label", "mark.iptc"} <= set(families(metadata.read(made)))


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=60))
def test_any_name_of_a_system_makes_a_sound_packet(system: str) -> None:
    made = packet.with_marks(None, '{"a": "<&\\">"}', packet.Source("trainedAlgorithmicMedia", system))

    ElementTree.fromstring(made.decode())


@pytest.fixture
def signing(tmp_path: Path) -> Stamp:
    root, chain, key = marked.certificates()
    for name, data in (("root.pem", root), ("chain.pem", chain), ("key.pem", key)):
        (tmp_path / name).write_bytes(data)
    return Stamp(
        ("c2pa", "aigc_label"), "AI生成", PRODUCER, system="our-model/2",
        certificate=str(tmp_path / "chain.pem"), key=str(tmp_path / "key.pem"),
    )  # fmt: skip


def test_a_signed_picture_says_who_made_it_and_keeps_who_signed_before(
    signing: Stamp, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp = replace(signing, marks=("c2pa", "aigc_label", "iptc"))
    root = Path(signing.key).with_name("root.pem").read_text()

    def closed(*_given: object) -> None:
        raise AssertionError("a call to the network")

    monkeypatch.setattr(socket.socket, "connect", closed)
    first = mark(marked.picture("JPEG"), stamp)
    second = mark(first, stamp)

    assert by_pillow(first)["AISystemUsed"] == "our-model"
    for made, manifests in ((first, 1), (second, 2)):
        report = metadata.read(made, (root,))
        (signed,) = [one for one in report.marks if one.family == "c2pa"]
        assert (signed.category, signed.detail["manifests"]) == ("mark.c2pa.trusted", manifests)
        assert {"mark.aigc_label", "mark.iptc"} <= set(families(report))


@pytest.mark.parametrize("name", ["mp3", "flac", "mp4, moov first"])
def test_sounds_and_films_are_signed_and_no_packet_changes(signing: Stamp, name: str) -> None:
    data = MOVING[name]()

    made = mark(data, signing)

    assert by_av(made)[0] == by_av(data)[0]
    assert families(metadata.read(made)) == ["mark.aigc_label", "mark.c2pa.untrusted"]


def test_a_signed_picture_that_is_drawn_on_keeps_who_signed_before(signing: Stamp) -> None:
    made = mark((DATA / "C.jpg").read_bytes(), replace(signing, marks=("c2pa", "visible_label", "aigc_label")))

    found = {one.family: one for one in metadata.read(made).marks}
    assert set(found) == {"c2pa", "aigc_label"}
    assert found["c2pa"].detail["manifests"] == 2


def test_a_new_signature_never_hides_that_an_old_one_was_broken(signing: Stamp) -> None:
    data = bytearray((DATA / "C.jpg").read_bytes())
    data[-1_000] ^= 1

    with pytest.raises(Unreadable, match="would hide it"):
        mark(bytes(data), signing)


def test_an_edit_says_all_that_is_to_be_stamped():
    edit = MediaEdit("stamp", text="AI生成", options=(("marks", "aigc_label,visible_label"), ("producer", PRODUCER)))

    made = done(edited(marked.picture("PNG", (300, 200)), [edit, edit]))

    assert families(metadata.read(made)) == ["mark.aigc_label"]
