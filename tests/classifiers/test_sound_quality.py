"""Silence and clipping are measured, and nothing else is claimed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from classifiers.sound_quality import SoundQuality, SoundQualityOptions
from guard import registry
from guard.classifier import Unreadable
from guard.content import AudioPart, ImagePart
from guard.errors import RegistryError
from guard.finding import Finding
from tests.sounds import RATE, encoded, murmur, with_tone


def found(samples: NDArray[np.float32], form: str = "wav", **options: float) -> dict[str, Finding]:
    one = SoundQuality(SoundQualityOptions(**options))  # type: ignore[arg-type]
    (findings,) = one.classify([one.prepare(AudioPart(encoded(samples, form=form)))])
    return {finding.category: finding for finding in findings}


def test_silence_is_its_share_of_the_sound_and_the_longest_is_named():
    samples = murmur(4.0, 2)
    samples[:, RATE : 3 * RATE] = 0.0
    silence = found(samples)["quality.silence"]
    assert silence.score == pytest.approx(0.5, abs=0.05)
    assert silence.time == pytest.approx((1.0, 3.0), abs=0.1)


def test_a_sound_is_silent_only_where_all_channels_are():
    samples = murmur(2.0, 2)
    samples[0] = 0.0
    assert "quality.silence" not in found(samples)
    assert found(np.zeros((1, RATE), np.float32))["quality.silence"].score == 1.0


def test_what_counts_as_silent_can_be_said():
    quiet = murmur(1.0) * np.float32(0.02)
    assert found(quiet, silent_db=-30.0)["quality.silence"].score == 1.0
    assert found(quiet, silent_db=-80.0).get("quality.silence") is None


@pytest.mark.parametrize("form", ["wav", "flac", "wav of floats"])
def test_a_wave_that_is_cut_off_at_the_top_clips(form: str):
    at = np.arange(RATE) / RATE
    wave = np.sin(2 * np.pi * 220 * at, dtype=np.float32)[None]
    assert "quality.clipping" not in found(0.8 * wave, form)
    clipped = found(np.clip(3 * wave, -0.99, 0.99), form)["quality.clipping"]
    assert clipped.score == 1.0
    assert clipped.time == pytest.approx((0.0, 1.0), abs=0.05)


def test_what_is_merely_loud_or_quiet_does_not_clip():
    assert "quality.clipping" not in found(with_tone(murmur(1.0), 0.2))
    assert "quality.clipping" not in found(murmur(1.0) * np.float32(4))


def test_what_it_measured_does_not_make_a_sound_checked():
    assert not SoundQuality.vouches


def test_options_and_other_media_are_refused():
    for options in ({"silent_db": 3.0}, {"max_seconds": 0}):
        with pytest.raises(RegistryError):
            registry.create("sound_quality", options)
    with pytest.raises(Unreadable):
        SoundQuality().prepare(ImagePart(b"x"))
