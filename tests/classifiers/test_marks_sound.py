"""classifiers.sound_watermark: the mark in sound is heard after what happens to sounds, and nowhere else."""

from __future__ import annotations

import base64
import functools
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from classifiers.sound_watermark import SoundWatermark
from examples import voice
from guard.classifier import Unreadable, parse_options
from guard.content import AudioPart, View
from guard.errors import RegistryError, WeightsError
from guard.media import sound
from guard.media.marks import spread
from guard.media.marks.model import Report
from guard.media.stamps.stamp import Stamp, stamped
from tests.sounds import encoded, murmur

Samples = NDArray[np.float32]
KEY = "0123456789abcdef0123456789abcdef"
SAID = {
    "en": "The parcel leaves at noon, and nobody knows where it goes from there. Please keep it dry, and tell no one. "
    "We shall meet again when the weather is better, and then you may tell me everything about it.",
    "zh": "包裹中午发出，没有人知道它会去哪里。请保持干燥，不要告诉任何人。"
    "等天气好了我们再见面，那时你可以把一切都告诉我。",
}


def done(steps: Generator[None, None, Any]) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@functools.cache
def speech(language: str = "en") -> tuple[int, Samples]:
    """Some ten seconds that a synthesiser says."""
    (track,) = sound.decode(base64.b64decode(voice.speak({"say": SAID[language], "voice": language})["sound"]))
    return track.rate, track.samples


@functools.cache
def music() -> tuple[int, Samples]:
    """Ten seconds of chords in stereo, made here."""
    rate = 44_100
    at = np.arange(rate) / rate
    seconds = []
    for root in (220, 262, 196, 247, 220, 294, 165, 196, 220, 330):
        pitches = [(n, 2 * np.pi * n * root * step) for n in range(1, 9) for step in (1, 1.25, 1.5)]
        tones = [np.sin(pitch * at) * np.exp(-2 * at) / n for n, pitch in pitches]
        seconds.append(np.stack([sum(tones[::2]), sum(tones[1::2])]) / 20)
    noise = np.random.default_rng(0).normal(0, 0.002, (2, 10 * rate))
    return rate, (np.concatenate(seconds, axis=1) + noise).astype(np.float32)


@functools.cache
def marked(kind: str) -> tuple[int, Samples]:
    rate, samples = music() if kind == "music" else speech(kind)
    stamp = Stamp(("audio_mark",), audio_key=key_file())
    (track,) = sound.decode(done(stamped(encoded(samples, rate=rate), stamp)))
    return track.rate, track.samples


@functools.cache
def key_file() -> str:
    path = Path(tempfile.mkdtemp(prefix="guard-key-")) / "key"
    path.write_text(KEY + "\n")
    return str(path)


def classifier(**options: object) -> SoundWatermark:
    made = SoundWatermark(parse_options("sound_watermark", SoundWatermark, options or {"keys": {"ours": key_file()}}))
    made.load()
    return made


def heard(data: bytes, **options: object) -> Report:
    return classifier(**options).prepare(AudioPart(data))


def categories(data: bytes, **options: object) -> set[str]:
    asked = classifier(**options)
    return {finding.category for finding in asked.classify([asked.prepare(AudioPart(data))])[0]}


FOUND = {"mark.audio.spread.ours", "mark.ai.generated"}
DOUBT = {"mark.inconclusive.audio.spread"}


def resampled(samples: Samples, rate: int, to: int) -> Samples:
    return sound.decode(encoded(samples, form="wav of floats", rate=rate), rate=to)[0].samples


CHANGES: dict[str, Callable[[int, Samples], bytes]] = {
    "nothing": lambda rate, samples: encoded(samples, rate=rate),
    "flac": lambda rate, samples: encoded(samples, form="flac", rate=rate),
    "mp3": lambda rate, samples: encoded(samples, form="mp3", rate=rate),
    "aac": lambda rate, samples: encoded(samples, form="m4a", rate=rate),
    "opus": lambda rate, samples: encoded(resampled(samples, rate, 48_000), form="opus", rate=48_000),
    "8 kHz": lambda rate, samples: encoded(resampled(samples, rate, 8_000), rate=8_000),
    "telephone": lambda rate, samples: encoded(resampled(samples, rate, 8_000), form="telephone", rate=8_000),
    "half of it": lambda rate, samples: encoded(samples[:, int(1.234 * rate) : int(7.3 * rate)], rate=rate),
    "much softer": lambda rate, samples: encoded(samples / 20, rate=rate),
    "too loud": lambda rate, samples: encoded((4 * samples).clip(-1, 1), rate=rate),
    "upside down": lambda rate, samples: encoded(-samples, rate=rate),
    "one channel": lambda rate, samples: encoded(samples.mean(axis=0, keepdims=True), rate=rate),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["en", "zh", "music"])
def test_the_mark_survives_what_happens_to_sounds(kind: str, change: str) -> None:
    assert categories(CHANGES[change](*marked(kind))) == FOUND


@pytest.mark.parametrize("kind", ["en", "zh", "music"])
def test_a_sound_without_the_mark_has_none_and_no_other_key_sees_it(kind: str, tmp_path: Path) -> None:
    rate, samples = music() if kind == "music" else speech(kind)
    (tmp_path / "other").write_text("another key, as long as it has to be")

    assert categories(encoded(samples, rate=rate)) == set()
    assert categories(encoded(marked(kind)[1], rate=rate), keys={"other": str(tmp_path / "other")}) == set()


def test_chance_is_no_more_than_is_said() -> None:
    """Over keys, for one sound: that it is found by chance p is at most p, whatever the sound is."""
    rate, samples = speech()
    values = spread.cells(resampled(samples, rate, spread.RATE))
    chances = [spread.sighting(values, spread.signs(f"key {number}".encode())).p_value for number in range(400)]

    for bound in (0.5, 0.1, 0.01):
        assert sum(chance <= bound for chance in chances) <= bound * len(chances)
    assert min(chances) > spread.SEEN


@pytest.mark.parametrize(
    "samples",
    [
        speech()[1][:, : 3 * speech()[0]],
        np.zeros((1, 10 * 22_050), np.float32),
        np.full((2, 10 * 22_050), 0.25, np.float32),
        np.sin(np.arange(10 * 22_050) / 100, dtype=np.float32)[None] / 2,
        murmur(0.01, rate=22_050),
    ],
    ids=["three seconds", "silence", "nothing but an offset", "a hum", "a click"],
)
def test_too_little_sound_is_in_doubt_and_never_absent(samples: Samples) -> None:
    report = heard(encoded(samples, rate=22_050))

    assert report.state == "inconclusive"
    assert [mark.category for mark in report.marks] == ["mark.inconclusive.audio.spread"]
    assert report.marks[0].code == "too short to tell, z"


def test_a_weak_trace_is_in_doubt() -> None:
    rate, samples = marked("en")
    clean = speech()[1][:, : samples.shape[1]]
    weaker = clean + 0.45 * (samples[:, : clean.shape[1]] - clean)
    report = heard(encoded(weaker, form="wav of floats", rate=rate))

    assert [mark.category for mark in report.marks] == ["mark.inconclusive.audio.spread"]
    assert report.marks[0].code == "too weak to tell, z"


def test_ten_seconds_of_it_in_a_minute_are_found_and_where() -> None:
    rate, clean = music()
    whole = np.concatenate([clean, clean[:, ::-1], marked("music")[1], clean, clean[:, ::-1], clean], axis=1)
    (mark,) = heard(encoded(whole, rate=rate)).marks

    assert mark.category == "mark.audio.spread.ours"
    assert mark.detail["from"] < 30
    assert mark.detail["to"] > 20
    assert mark.detail["to"] - mark.detail["from"] < 20


def test_it_is_found_in_the_second_track() -> None:
    rate, clean = speech()

    assert categories(encoded(clean, marked("en")[1], form="m4a", rate=rate)) == FOUND


def test_each_key_speaks_for_itself_and_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUND_KEY", KEY)
    (tmp_path / "other").write_text("another key, as long as it has to be")
    keys = {"ours": "env:SOUND_KEY", "theirs": str(tmp_path / "other")}
    asked = classifier(keys=keys)
    (findings,) = asked.classify([asked.prepare(AudioPart(encoded(marked("en")[1], rate=marked("en")[0])))])

    assert {finding.category for finding in findings} == FOUND
    assert {"mark.audio.spread.ours", "mark.audio.spread.theirs"} <= SoundWatermark.provides(asked.options)
    assert not any(KEY[:8] in str(finding) for finding in findings)


def test_without_keys_it_finds_nothing_and_serves_no_rule() -> None:
    assert SoundWatermark.provides(SoundWatermark.Options()) == frozenset()
    assert classifier(keys={}).prepare(AudioPart(b"RIFF, not really")).marks == ()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"keys": {"Ours": "a"}}, "lower-case"),
        ({"keys": {"ours": ""}}, "should be a file"),
        ({"keys": {"ours": "env:"}}, "should be a file"),
        ({"max_seconds": 0}, "at least 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(RegistryError, match=said):
        parse_options("sound_watermark", SoundWatermark, options)


def test_a_key_that_is_missing_or_short_stops_the_start_and_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORT", "hunter2")
    monkeypatch.delenv("NONE", raising=False)
    for source in ("env:SHORT", "env:NONE", str(tmp_path / "none")):
        with pytest.raises(WeightsError, match="key `ours`") as raised:
            classifier(keys={"ours": source})
        assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("data", [b"", b"no sound", encoded(murmur(2.0), form="mp3")[:-700], b"ID3" + bytes(40)])
def test_what_cannot_be_read_is_unreadable_and_inconclusive(data: bytes) -> None:
    asked = classifier()

    with pytest.raises(Unreadable):
        asked.prepare(AudioPart(data))
    assert asked.inspect(AudioPart(data)).state == "inconclusive"
    with pytest.raises(Unreadable):
        asked.prepare(View.of("text"))
