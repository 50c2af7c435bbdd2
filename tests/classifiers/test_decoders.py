"""Marks that a decoder of the operator's own reads in pictures and sounds, judged by what chance does."""

from __future__ import annotations

import functools
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from classifiers import _bits
from classifiers.pixel_decoder import PixelDecoder, PixelDecoderOptions
from classifiers.sound_decoder import SoundDecoder, SoundDecoderOptions, Stretches
from guard.classifier import Unreadable
from guard.cli import main
from guard.content import AudioPart, ImagePart
from guard.errors import WeightsError
from guard.finding import Finding
from tests.classifiers import models
from tests.sounds import encoded, murmur

MARKED = "mark.pixel.decoder.ours"
HEARD = "mark.audio.decoder.ours"


def decoder(name: str, **more: Any) -> Any:
    given: Any = {**models.options(name), **more}
    one = PixelDecoder(PixelDecoderOptions(**given)) if name == "pixel_decoder" else SoundDecoder(
        SoundDecoderOptions(**given)
    )  # fmt: skip
    one.load()
    return one


@functools.cache
def reader_of_pictures() -> PixelDecoder:
    made: PixelDecoder = decoder("pixel_decoder")
    return made


def written(name: str, strength: float, wrong: int = 0) -> Any:
    """What is to be added to a picture or a sound to mark it, with so many bits that are wrong."""
    bits = np.array([int(bit) for bit in models.bit_reader(name)[1]])
    bits[:wrong] ^= 1
    return strength * models.carriers(name) @ (2 * bits - 1).astype(np.float32)


def picture(strength: float = 1.0, wrong: int = 0, seed: int = 3) -> bytes:
    smooth = np.random.default_rng(seed).integers(40, 216, (4, 4, 3)).astype(np.uint8)
    pixels = np.asarray(Image.fromarray(smooth).resize((64, 64)), np.float32).transpose(2, 0, 1)
    marked = pixels + written("pixel_decoder", strength, wrong).reshape(3, 64, 64)
    out = io.BytesIO()
    Image.fromarray(marked.clip(0, 255).astype(np.uint8).transpose(1, 2, 0)).save(out, "PNG")
    return out.getvalue()


def heard(strength: float = 0.004, seconds: float = 2.0, at: float = 1.0) -> bytes:
    """Two channels, of which one is marked, in half a second of it."""
    samples = murmur(seconds, 2)
    start = int(at * 16_000)
    samples[1, start : start + 8_000] += written("sound_decoder", strength)
    return encoded(samples)


def found(one: Any, data: bytes) -> list[Finding]:
    part = ImagePart(data) if isinstance(one, PixelDecoder) else AudioPart(data)
    (findings,) = one.classify([one.prepare(part)])
    return list(findings)


def test_a_marked_picture_is_known_by_the_message_and_an_unmarked_one_is_not() -> None:
    one = decoder("pixel_decoder")
    marked = found(one, picture())
    assert {finding.category for finding in marked} == {MARKED, "mark.ai.generated"}
    assert marked[0].evidence == "pixels 48 of 48 bits"
    assert found(one, picture(0.0)) == []
    assert found(decoder("pixel_decoder", messages={"other": "01" * 24}), picture()) == []


def test_a_message_with_wrong_bits_is_in_doubt_before_it_is_absent() -> None:
    one = decoder("pixel_decoder")
    by_wrong = {wrong: {finding.category for finding in found(one, picture(1.5, wrong))} for wrong in (5, 13, 24)}
    assert MARKED in by_wrong[5]
    assert by_wrong[13] == {"mark.inconclusive.pixel.decoder"}
    assert by_wrong[24] == set()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_chance_marks_no_picture(seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG")
    assert MARKED not in {finding.category for finding in found(reader_of_pictures(), out.getvalue())}


def test_a_mark_in_some_of_a_sound_is_found_in_any_channel() -> None:
    one = decoder("sound_decoder")
    assert {finding.category for finding in found(one, heard())} == {HEARD, "mark.ai.generated"}
    assert found(one, heard(0.0)) == []
    assert {finding.category for finding in found(one, heard(at=1.5))} >= {HEARD}, "to the last sample"


def test_a_sound_shorter_than_a_stretch_is_in_doubt() -> None:
    one = decoder("sound_decoder")
    (finding,) = found(one, encoded(murmur(0.3)))
    assert (finding.category, finding.score) == ("mark.inconclusive.audio.decoder", 0.5)


def test_a_track_too_short_to_read_beside_a_long_one_is_in_doubt() -> None:
    one = decoder("sound_decoder")
    container = encoded(murmur(2.0), murmur(0.3), form="m4a")
    assert {finding.category for finding in found(one, container)} == {"mark.inconclusive.audio.decoder"}


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("pixel_decoder", {"sha256": "0" * 64}, "pinned"),
        ("pixel_decoder", {"sha256": ""}, "`sha256`"),
        ("pixel_decoder", {"model": "nowhere.onnx"}, "cannot be read"),
        ("pixel_decoder", {"output": "words"}, "no output `words`; it has mean, bits"),
        ("pixel_decoder", {"side": 32}, "does not take"),
        ("sound_decoder", {"messages": {"ours": "01" * 16}}, "gives 48 bits; message `ours` has 32"),
    ],
)
def test_a_model_that_does_not_fit_stops_the_start(name: str, more: dict[str, Any], said: str) -> None:
    with pytest.raises(WeightsError, match=said):
        decoder(name, **more)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"messages": {"ours": "0101"}}, "4 bits, which chance hits more often"),
        ({"messages": {"Ours!": "01" * 24}}, "lower-case"),
        ({"messages": {"ours": "1" * 48}}, "not all alike"),
        ({"messages": {"ours": "0xzz"}}, "non-hexadecimal"),
        ({"at_most": 0.5}, "at_most"),
        ({"sha256": "abc"}, "64 hexadecimal"),
        ({"side": 4}, "side"),
    ],
)
def test_options_that_cannot_be_asked_with_are_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PixelDecoderOptions(**more)


def test_what_is_no_number_is_a_failure_and_no_finding() -> None:
    one = decoder("sound_decoder")
    silent = np.full((1, 1, 8_000), np.nan, np.float32)
    with pytest.raises(ArithmeticError):
        one.classify([Stretches([silent], short=False)])


def test_another_kind_of_content_is_not_read() -> None:
    with pytest.raises(Unreadable):
        decoder("pixel_decoder").prepare(AudioPart(b""))


@given(st.integers(1, 64), st.data())
def test_chance_is_that_of_fair_coins(of: int, data: st.DataObject) -> None:
    same = data.draw(st.integers(0, of))
    assert 0 < _bits.chance(same, of) <= _bits.chance(max(0, same - 1), of) <= 1
    assert _bits.chance(of, of) == 2.0**-of


def test_inspect_asks_the_decoder_that_a_policy_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = json.dumps(models.options("pixel_decoder"))
    (tmp_path / "policy.yaml").write_text(
        f"policy: decoded\nclassifiers: {{pixel_decoder: {options}}}\n"
        f"rules: [{{id: note, modalities: [image], when: {{category: {MARKED}}}, then: flag}}]\n"
    )
    (tmp_path / "marked.png").write_bytes(picture())
    code = main(["inspect", str(tmp_path / "marked.png"), "--policy", str(tmp_path / "policy.yaml")])
    said = capsys.readouterr().out
    assert code == 0
    assert "Watermark in pixels (your decoder)" in said
    assert "48 of 48 bits" in said
