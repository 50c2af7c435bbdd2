"""guard.media.stamps.spread: a mark in sound that is read back from the bytes that are released, or no bytes at all."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

from guard.classifier import Unreadable
from guard.content import MediaEdit
from guard.media import sound
from guard.media.marks import metadata, spread
from guard.media.stamps.rhythm import begins_so
from guard.media.stamps.spread import LEAST_Z, bears
from guard.media.stamps.stamp import ORDER, Stamp, edited
from tests.classifiers import marked as others, models
from tests.classifiers.test_marks_sound import key_file, music, speech
from tests.provenance.test_stamps import PRODUCER, done, families, film, mark
from tests.sounds import encoded, murmur

MARK = Stamp(("audio_mark",), audio_key=key_file())


def whole_z(data: bytes) -> list[float]:
    """By the reader's own functions, for each track."""
    pattern = spread.signs(spread.secret(key_file()))
    return [spread.sighting(spread.cells(one.samples), pattern).whole for one in sound.decode(data, rate=spread.RATE)]


def below(given_: NDArray[np.float32], made: NDArray[np.float32]) -> float:
    """How far what was added lies below the sound, in decibels."""
    length = min(given_.shape[1], made.shape[1])
    added = made[:, :length] - given_[:, :length]
    return float(10 * np.log10(np.square(given_[:, :length]).sum() / np.square(added).sum()))


@pytest.mark.parametrize("form", ["wav", "wav of 24 bits", "flac", "mp3", "m4a", "alac"])
def test_a_sound_is_marked_in_its_own_codec_and_is_as_long_as_it_was(form: str) -> None:
    rate, samples = speech()
    data = encoded(samples, form=form, rate=rate)

    made = mark(data, MARK)

    (before,), (after,) = sound.decode(data), sound.decode(made)
    assert all(z >= LEAST_Z for z in whole_z(made))
    assert not any(z >= 5 for z in whole_z(data))
    assert (after.rate, len(after.samples)) == (before.rate, len(before.samples))
    assert after.seconds == pytest.approx(before.seconds, abs=0.15)
    with av.open(io.BytesIO(data)) as old, av.open(io.BytesIO(made)) as new:
        assert new.streams.audio[0].codec_context.name == old.streams.audio[0].codec_context.name
    assert mark(made, MARK) == made


@pytest.mark.parametrize("kind", ["speech", "music"])
def test_the_mark_is_far_below_the_sound_and_silent_where_that_is(kind: str) -> None:
    rate, samples = speech() if kind == "speech" else music()
    gap = np.zeros((len(samples), rate), np.float32)
    given_ = np.concatenate([samples, gap, samples], axis=1)

    (after,) = sound.decode(mark(encoded(given_, form="wav of floats", rate=rate), MARK))

    assert below(given_, after.samples) > 20
    inside = after.samples[:, samples.shape[1] + rate // 4 : samples.shape[1] + 3 * rate // 4]
    assert float(np.abs(inside).max()) == 0.0
    assert float(np.abs(after.samples).max()) <= max(1.0, float(np.abs(given_).max()))


def test_all_marks_of_a_sound_stand_in_one_file(tmp_path: Path) -> None:
    _, chain, key = others.certificates()
    (tmp_path / "chain.pem").write_bytes(chain)
    (tmp_path / "key.pem").write_bytes(key)
    stamp = Stamp(
        ("c2pa", "aigc_label", "audio_mark", "audio_rhythm"), producer=PRODUCER, audio_key=key_file(),
        certificate=str(tmp_path / "chain.pem"), key=str(tmp_path / "key.pem"),
    )  # fmt: skip
    rate, samples = speech()

    made = mark(encoded(samples, form="flac", rate=rate), stamp)

    assert all(z >= LEAST_Z for z in whole_z(made))
    assert begins_so(sound.decode(made)[0])
    assert families(metadata.read(made)) == ["mark.aigc_label", "mark.c2pa.untrusted"]
    assert ORDER.index("audio_rhythm") < ORDER.index("audio_mark") < ORDER.index("aigc_label")


def test_each_track_and_channel_is_marked() -> None:
    rate, samples = music()
    both = np.concatenate([samples[:, : 5 * rate], samples[::-1, : 5 * rate]], axis=1)

    made = mark(encoded(samples, both, form="m4a", rate=rate), MARK)

    assert len(whole_z(made)) == 2
    assert all(z >= LEAST_Z for z in whole_z(made))
    for track in sound.decode(made):
        for channel in track.samples:
            alone = encoded(channel[None], form="wav of floats", rate=track.rate)
            assert all(z >= LEAST_Z for z in whole_z(alone))


def test_what_is_marked_in_part_is_marked_throughout() -> None:
    rate, samples = music()
    first = sound.decode(mark(encoded(samples, rate=rate), MARK))[0].samples
    whole = np.concatenate([first, first, samples[:, ::-1], samples[::-1]], axis=1)
    data = encoded(whole, rate=rate)

    made = mark(data, MARK)

    assert whole_z(data)[0] >= LEAST_Z
    assert made != data
    end = sound.decode(made)[0].samples[:, 20 * rate :]
    assert all(z >= LEAST_Z for z in whole_z(encoded(end, rate=rate)))


def test_a_short_sound_takes_more_and_one_too_short_is_refused() -> None:
    rate, samples = speech()
    three, less = samples[:, : 3 * rate], samples[:, : rate // 3]

    made = mark(encoded(three, form="wav of floats", rate=rate), MARK)

    assert all(z >= LEAST_Z for z in whole_z(made))
    with pytest.raises(Unreadable, match="too little sound"):
        mark(encoded(less, rate=rate), MARK)


REFUSED = {
    "silence": (encoded(np.zeros((1, 160_000), np.float32)), MARK),
    "a tone": (encoded(np.sin(np.arange(160_000) / 9, dtype=np.float32)[None] / 2, form="mp3"), MARK),
    "opus, which bears no marks here": (encoded(murmur(5.0, rate=48_000), form="opus", rate=48_000), MARK),
    "a picture": (others.picture("PNG"), MARK),
    "a film": (film(), MARK),
    "cut short": (encoded(murmur(5.0), form="flac")[:-2_000], MARK),
    "nothing": (b"", MARK),
    "no key": (encoded(murmur(5.0)), Stamp(("audio_mark",))),
    "a key that is not there": (encoded(murmur(5.0)), Stamp(("audio_mark",), audio_key="/none/there")),
    "a variable that is not set": (encoded(murmur(5.0)), Stamp(("audio_mark",), audio_key="env:NOT_SET_ANYWHERE")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_bear_the_mark_is_refused(name: str) -> None:
    data, stamp = REFUSED[name]

    with pytest.raises(Unreadable):
        mark(data, stamp)


def test_a_short_key_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHORT", "hunter2")

    with pytest.raises(Unreadable) as refused:
        mark(encoded(murmur(5.0)), Stamp(("audio_mark",), audio_key="env:SHORT"))

    assert "hunter2" not in str(refused.value)


def test_a_mark_of_another_key_is_not_taken_for_ours_and_both_are_read() -> None:
    rate, samples = speech()
    theirs = str(models.sound_key())

    first = mark(encoded(samples, rate=rate), replace(MARK, audio_key=theirs))
    both = mark(first, MARK)

    assert not done(bears(first, key_file()))
    assert done(bears(both, key_file()))
    assert done(bears(both, theirs))


def test_an_edit_names_the_key_and_does_not_hold_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUND_KEY", Path(key_file()).read_text())
    edit = MediaEdit("stamp", options=(("marks", "audio_mark"), ("audio_key", "env:SOUND_KEY")))
    rate, samples = speech()

    made = done(edited(encoded(samples, rate=rate), [edit, edit]))

    assert all(z >= LEAST_Z for z in whole_z(made))


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(["wav", "flac", "mp3", "m4a"]), st.data())
def test_damaged_sounds_are_marked_or_refused_and_nothing_else(form: str, draw: st.DataObject) -> None:
    data = bytearray(DAMAGED[form])
    for _ in range(3):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        made = mark(bytes(data), MARK)
    except Unreadable:
        return
    assert all(z >= LEAST_Z for z in whole_z(made))


DAMAGED = {form: encoded(murmur(4.0), form=form) for form in ("wav", "flac", "mp3", "m4a")}
