"""The mark that nobody sees: read by the scheme's own rule, bit for bit, in files as they leave, or not given."""

from __future__ import annotations

import io
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from PIL import Image

from classifiers.watermark import Watermark
from guard import watermark
from guard.classifier import Unreadable, parse_options
from guard.content import ImagePart, MediaEdit
from guard.media.marks import dwtdct, metadata
from guard.media.stamps import pixels, visible
from guard.media.stamps.stamp import Stamp, edited, stamped
from tests.classifiers import marked

DATA = Path(__file__).parent.parent / "data" / "marks"
PRODUCER = "001191110102MACQD9K64010000"
MESSAGE = "a-studio"
MARK = Stamp(("pixel_mark",), message=MESSAGE)
KINDS = ("JPEG", "PNG", "WEBP")


def done(steps: Generator[None, None, bytes]) -> bytes:
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return bytes(end.value)


def mark(data: bytes, stamp: Stamp = MARK) -> bytes:
    return done(stamped(data, stamp))


def photo(size: tuple[int, int] = (640, 480), of: str = "flux") -> Image.Image:
    """A picture as a camera gives it, of another size than the marked one that it comes from."""
    return Image.open(DATA / f"dwtdct_{of}.webp").convert("RGB").crop((5, 3, 250, 251)).resize(size)


def file(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def rgb(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(opened(data).convert("RGB"))


def by_the_scheme(data: bytes, length: int) -> str:
    """The bits as invisible-watermark's decoder takes them, block by block, from whole numbers of chroma."""
    r, g, b = (rgb(data)[..., n].astype(float) for n in range(3))
    u = np.rint(0.492 * (b - (0.299 * r + 0.587 * g + 0.114 * b)) + 128)
    high, wide = u.shape[0] // 4 * 4, u.shape[1] // 4 * 4
    u = u[:high, :wide]
    band = (u[0::2, 0::2] + u[0::2, 1::2] + u[1::2, 0::2] + u[1::2, 1::2]) / 2
    said: list[list[int]] = [[] for _ in range(length)]
    number = 0
    for top in range(0, band.shape[0] // 4 * 4, 4):
        for left in range(0, band.shape[1] // 4 * 4, 4):
            largest = max(abs(one) for one in band[top : top + 4, left : left + 4].flatten()[1:])
            said[number % length].append(int(largest % 36 > 18))
            number += 1
    return "".join(str(int(sum(one) / len(one) * 255 > 127)) for one in said)


def seen(data: bytes, effort: str = "normal", **messages: str) -> dict[str, float]:
    classifier = Watermark(parse_options("watermark", Watermark, {"messages": messages, "effort": effort}))
    classifier.load()
    return {one.category: one.score for one in classifier.classify([classifier.prepare(ImagePart(data))])[0]}


OURS = {"mark.pixel.dwtdct.ours": 1.0, "mark.ai.generated": 1.0}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("message", "size"),
    [
        ("ai!", (256, 256)),
        (MESSAGE, (640, 480)),
        ("0x1f3a5c7e9b2d4f60", (333, 517)),
        ("某工作室生成", (512, 512)),
        ("01101" * 9 + "00", (512, 320)),
    ],
)
def test_a_message_is_read_bit_for_bit_and_by_the_classifier(kind: str, message: str, size: tuple[int, int]) -> None:
    data = file(photo(size), kind)

    made = mark(data, replace(MARK, message=message))

    bits = watermark.bits_of(message)
    assert by_the_scheme(data, len(bits)) != bits
    assert by_the_scheme(made, len(bits)) == bits
    assert seen(made, ours=message) == OURS
    assert not any("inconclusive" not in category for category in seen(made, other="0xfeedbeef0f1e2d3c"))
    assert (opened(made).format, opened(made).size) == (kind, size)


@pytest.mark.parametrize("message", ["0x1f3a5c7e9b2d4f60", MESSAGE, "acme pictures co"])
def test_who_does_not_know_the_message_takes_it_for_no_generators(message: str) -> None:
    made = mark(file(photo((512, 512))), replace(MARK, message=message))
    cut = file(opened(made).crop((5, 11, 490, 471)))

    for data, effort in ((made, "normal"), (cut, "high")):
        assert set(seen(data, effort)) <= {"mark.inconclusive.pixel.dwtdct"}
    assert seen(cut, "high", ours=message) == {"mark.pixel.dwtdct.ours": 0.75, "mark.ai.generated": 0.75}


@pytest.mark.parametrize("of", ["sdxl", "flux", "sd1"])
def test_nobody_sees_it(of: str) -> None:
    data = file(photo((512, 512), of))

    apart = rgb(mark(data)).astype(float) - rgb(data)

    assert 20 * np.log10(255 / np.sqrt(np.mean(apart**2))) > 37
    luma = apart @ [0.299, 0.587, 0.114]
    assert np.abs(luma).mean() < 0.3  # only colour changes


@pytest.mark.parametrize("quality", [90, 80, 70])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_found_after_a_jpeg_and_another_size_and_back(kind: str, quality: int) -> None:
    made = mark(file(photo(), kind))
    smaller = opened(made).convert("RGB").resize((480, 360)).resize((640, 480))

    assert seen(file(opened(made).convert("RGB"), "JPEG", quality=quality), ours=MESSAGE) == OURS
    assert seen(file(smaller), ours=MESSAGE) == OURS


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_marked_is_not_marked_again(kind: str) -> None:
    made = mark(file(photo(), kind))

    assert mark(made) == made


def test_a_mark_that_lost_bits_is_written_again() -> None:
    worn = file(opened(mark(file(photo((512, 512))))).convert("RGB"), "JPEG", quality=30)
    bits = watermark.bits_of(MESSAGE)
    assert by_the_scheme(worn, len(bits)) != bits

    assert by_the_scheme(mark(worn), len(bits)) == bits


@pytest.mark.parametrize("kind", ["sdxl", "flux", "sd1"])
def test_the_mark_of_a_generator_is_kept_and_ours_is_not_written(kind: str) -> None:
    data = file(Image.open(DATA / f"dwtdct_{kind}.webp").convert("RGB"))

    kept = mark(data)
    drawn = mark(data, replace(MARK, marks=("pixel_mark", "visible_label"), text="AI"))

    assert kept == data
    assert drawn != data
    for made in (kept, drawn):
        assert seen(made, ours=MESSAGE) == {f"mark.pixel.dwtdct.{kind}": 1.0, "mark.ai.generated": 1.0}


def test_where_a_generators_mark_is_in_doubt_nothing_is_written() -> None:
    whole = np.asarray(Image.open(DATA / "dwtdct_sdxl.webp").convert("RGB"))
    other = np.asarray(photo((256, 256)))
    for rows in range(0, 256, 8):
        part = np.concatenate([whole[:rows], other[rows:]])
        if dwtdct.DOUBTFUL <= max(one.z for one in dwtdct.read(part, dwtdct.MESSAGES)) < dwtdct.ALIGNED:
            break
    assert rows < 248

    with pytest.raises(Unreadable, match="would wipe it out"):
        mark(file(Image.fromarray(part)))


@pytest.mark.parametrize("kind", KINDS)
def test_all_marks_stand_together(kind: str, tmp_path: Path) -> None:
    root, chain, key = marked.certificates()
    for name, data in (("chain.pem", chain), ("key.pem", key)):
        (tmp_path / name).write_bytes(data)
    stamp = Stamp(
        ("c2pa", "iptc", "aigc_label", "pixel_mark", "visible_label"), "AI生成", PRODUCER, system="our-model/2",
        certificate=str(tmp_path / "chain.pem"), key=str(tmp_path / "key.pem"), message=MESSAGE,
    )  # fmt: skip

    made = mark(file(photo(), kind), stamp)

    found = {one.category for one in metadata.read(made, (root.decode(),)).marks}
    assert found == {"mark.c2pa.trusted", "mark.iptc", "mark.aigc_label"}
    visible.check(made, "AI生成", "bottom_right")
    assert seen(made, ours=MESSAGE) == OURS


def test_a_label_that_stood_there_stands_there_after_it() -> None:
    first = mark(file(photo()), Stamp(("aigc_label", "iptc"), producer=PRODUCER, produce_id="a-1", system="m/1"))

    made = mark(first)

    said = {one.family: one for one in metadata.read(made).marks}
    assert said["aigc_label"].detail["ProduceID"] == "a-1"
    assert said["iptc"].issuer == "m 1"


def test_what_is_see_through_stays_so() -> None:
    picture = photo().convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 120, 480))
    data = file(picture)

    made = mark(data)

    assert opened(made).getchannel("A").tobytes() == picture.getchannel("A").tobytes()
    assert seen(made, ours=MESSAGE) == OURS


def moving(kind: str) -> bytes:
    return file(photo(), kind, save_all=True, append_images=[photo(of="sd1")], duration=50)


REFUSED = {
    "no message": (file(photo()), Stamp(("pixel_mark",))),
    "a message that says nothing": (file(photo()), Stamp(("pixel_mark",), message="0" * 64)),
    "the message of a generator": (file(photo()), Stamp(("pixel_mark",), message="StableDiffusionV1")),
    "few pixels": (file(photo((200, 200))), MARK),
    "a line": (file(photo((12, 9_000))), MARK),
    "few pixels for many bits": (file(photo((300, 300))), replace(MARK, message="0123456789abcdef" * 2)),
    "all see-through": (file(Image.new("RGBA", (400, 400), (90, 90, 90, 0))), MARK),
    "a moving png": (moving("PNG"), MARK),
    "a moving webp": (moving("WEBP"), MARK),
    "a gif": (file(photo(), "GIF"), MARK),
    "a sound": (marked.wav(), MARK),
    "of a camera": (
        file(photo(), "JPEG", xmp=marked.xmp(
            "<Iptc4xmpExt:DigitalSourceType>digitalCapture</Iptc4xmpExt:DigitalSourceType>"
        )), MARK,
    ),
    "signed": ((DATA / "C.jpg").read_bytes(), MARK),
    "cut short": (file(photo())[:-40_000], MARK),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_marked_and_proved_is_refused(name: str) -> None:
    data, stamp = REFUSED[name]

    with pytest.raises(Unreadable):
        mark(data, stamp)


def test_a_mark_that_is_worn_off_after_it_was_written_is_missed() -> None:
    data = file(photo())
    wanted = pixels.plan(data, MESSAGE)
    made = done(pixels.marked(data, wanted))
    worn = file(opened(made).resize((100, 75)).resize((640, 480)))

    pixels.check(made, wanted)
    for other in (data, worn):
        with pytest.raises(Unreadable, match="read back"):
            pixels.check(other, wanted)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (0, 0, 255), (255, 255, 0), (128, 128, 128)])
@pytest.mark.parametrize("kind", KINDS)
def test_plain_pictures_of_one_colour_are_marked_too(kind: str, colour: tuple[int, int, int]) -> None:
    made = mark(file(Image.new("RGB", (512, 512), colour), kind))

    bits = watermark.bits_of(MESSAGE)
    assert by_the_scheme(made, len(bits)) == bits


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(KINDS), st.data())
def test_damaged_files_are_marked_or_refused_and_nothing_else(kind: str, draw: st.DataObject) -> None:
    data = bytearray(file(photo((320, 240)), kind))
    for _ in range(3):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        made = mark(bytes(data))
    except Unreadable:
        return
    assert "mark.pixel.dwtdct.ours" in seen(made, ours=MESSAGE)


def test_an_edit_says_all_that_is_to_be_stamped() -> None:
    edit = MediaEdit("stamp", text="AI", options=(("marks", "pixel_mark"), ("message", MESSAGE)))

    made = done(edited(file(photo()), [edit, edit]))

    assert seen(made, ours=MESSAGE) == OURS


@pytest.mark.parametrize("kind", KINDS)
def test_marks_of_several_rules_are_written_in_one_order(kind: str, tmp_path: Path) -> None:
    _, chain, key = marked.certificates()
    for name, data in (("chain.pem", chain), ("key.pem", key)):
        (tmp_path / name).write_bytes(data)
    signed = (("marks", "c2pa"), ("certificate", str(tmp_path / "chain.pem")), ("key", str(tmp_path / "key.pem")))
    hidden = (("marks", "pixel_mark"), ("message", MESSAGE))
    edits = [
        MediaEdit("stamp", text="AI", options=options) for options in (signed, hidden, (("marks", "visible_label"),))
    ]

    made = done(edited(file(photo(), kind), edits))

    assert [one.category for one in metadata.read(made).marks] == ["mark.c2pa.untrusted"]
    visible.check(made, "AI", "bottom_right")
    bits = watermark.bits_of(MESSAGE)
    assert by_the_scheme(made, len(bits)) == bits


def test_two_messages_do_not_go_into_one_picture() -> None:
    edits = [
        MediaEdit("stamp", options=(("marks", "pixel_mark"), ("message", message)))
        for message in (MESSAGE, "0x1f3a5c7e9b2d4f60")
    ]

    with pytest.raises(Unreadable):
        done(edited(file(photo()), edits))
