"""Sounds are read to the last sample of every channel of every track, or refused."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from guard.classifier import Unreadable
from guard.content import MediaEdit
from guard.media import _av, sound, sound_edit
from tests.sounds import FORMATS, RATE, encoded, film, heard, murmur, speech, with_tone

T = TypeVar("T")


def finished(steps: Generator[None, None, T]) -> T:
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]


def tones(data: bytes) -> list[tuple[int, int, float]]:
    """Track, channel and first second of each tone in *data*."""
    return [
        (number, place, times[0][0])
        for number, track in enumerate(sound.decode(data, rate=RATE))
        for place, channel in enumerate(track.samples)
        if (times := heard(channel, track.rate))
    ]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(("channels", "channel"), [(1, 0), (2, 1)])
@pytest.mark.parametrize("start", [0.0, 0.8, 1.6])
def test_s33_a_canary_in_any_channel_at_any_time_is_decoded(form: str, channels: int, channel: int, start: float):
    if form == "telephone" and channels > 1:
        channels, channel = 1, 0
    data = encoded(with_tone(murmur(2.0, channels), start, channel=channel), form=form)

    ((track, place, second),) = tones(data)

    assert (track, place) == (0, channel)
    assert second == pytest.approx(start, abs=0.15)


def test_s33_every_track_is_decoded():
    data = encoded(murmur(1.0), with_tone(murmur(2.0, 2), 1.5, channel=1), murmur(0.5), form="m4a")

    assert [round(track.seconds, 1) for track in sound.decode(data)] == pytest.approx([1.0, 2.0, 0.5], abs=0.15)
    assert [(track, place) for track, place, _ in tones(data)] == [(1, 1)]


def test_s33_the_sound_of_a_film_is_decoded_in_each_of_its_channels():
    data = film(track=with_tone(murmur(2.0, 2), 1.0, channel=1), seconds=2.0)
    assert [(track, place) for track, place, _ in tones(data)] == [(0, 1)]


def test_flac_behind_a_tag_is_read_as_what_it_is():
    data = encoded(with_tone(murmur(1.0), 0.5), form="flac")
    tag = b"ID3\4\0\0" + bytes((0, 0, 2, 3)) + bytes(2 * 128 + 3)  # as C2PA's library puts its manifest there

    assert _av.sniff(tag + data) == "audio/flac"
    assert tones(tag + data) == tones(data)


def test_a_film_without_sound_has_no_tracks():
    assert sound.decode(film(seconds=0.4)) == []


def test_what_is_decoded_is_as_long_as_what_was_recorded():
    for form in FORMATS:
        (track,) = sound.decode(encoded(murmur(1.37), form=form))
        assert track.seconds == pytest.approx(1.37, abs=0.15), form
        (again,) = sound.decode(encoded(murmur(1.37), form=form), rate=8000)
        assert (again.rate, again.seconds) == (8000, pytest.approx(track.seconds, abs=0.01))


@pytest.mark.parametrize("form", sorted(FORMATS.keys() - {"aac", "mp3"}))
@pytest.mark.parametrize("part", [0.3, 0.5, 0.9])
def test_a_sound_that_is_cut_short_is_refused(form: str, part: float):
    data = encoded(murmur(2.0), form=form)
    with pytest.raises(Unreadable):
        sound.decode(data[: int(len(data) * part)])


def test_an_mp3_that_says_how_long_it_is_is_refused_when_it_is_shorter():
    data = encoded(murmur(2.0), form="mp3")
    assert b"Info" in data[:4096] or b"Xing" in data[:4096]
    with pytest.raises(Unreadable, match="cut short"):
        sound.decode(data[: len(data) // 2])


@pytest.mark.parametrize("form", ["opus", "webm"])
def test_a_sound_that_is_damaged_is_refused(form: str):
    data = encoded(murmur(2.0), form=form)
    middle = len(data) // 2
    damaged = data[:middle] + bytes(byte ^ 0x5A for byte in data[middle : middle + 60]) + data[middle + 60 :]
    with pytest.raises(Unreadable):
        sound.decode(damaged)


@pytest.mark.parametrize("form", ["wav", "m4a"])
def test_what_stands_behind_the_end_of_a_sound_is_not_passed_over(form: str):
    harmless, canary = encoded(murmur(0.5), form=form), encoded(with_tone(murmur(0.5), 0.1), form=form)
    with pytest.raises(Unreadable, match="behind its end"):
        sound.decode(harmless + canary)


@pytest.mark.parametrize("form", ["opus", "flac", "aac", "webm"])
def test_sounds_that_are_chained_are_heard_to_the_last(form: str):
    harmless, canary = encoded(murmur(0.5), form=form), encoded(with_tone(murmur(1.0), 0.5), form=form)
    assert len(tones(harmless + canary)) == 1


def test_a_wav_of_unknown_length_is_read_to_its_end():
    data = bytearray(encoded(with_tone(murmur(1.0), 0.6)))
    at = data.index(b"data") + 4
    data[4:8] = data[at : at + 4] = b"\xff\xff\xff\xff"
    assert len(tones(bytes(data))) == 1


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (sound.Limits(seconds=0.5), "longer than 0.5 seconds"),
        (sound.Limits(channels=1), "2 channels"),
        (sound.Limits(rate=8000), "16000 Hz"),
        (sound.Limits(channel_seconds=1.5), "more than 1.5 seconds"),
        (sound.Limits(tracks=1), "2 tracks"),
    ],
)
def test_more_than_the_limits_is_refused(limits: sound.Limits, said: str):
    tracks = (murmur(1.0, 2), murmur(1.0, 2)) if limits.tracks == 1 else (murmur(1.0, 2),)
    with pytest.raises(Unreadable, match=said):
        sound.decode(encoded(*tracks, form="m4a" if limits.tracks == 1 else "wav"), limits=limits)


def test_samples_that_are_no_numbers_are_refused():
    broken = murmur(0.2)
    broken[0, 100] = np.nan
    with pytest.raises(Unreadable, match="no numbers"):
        sound.decode(encoded(broken, form="wav of floats"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n",
        b"ffconcat version 1.0\nfile /etc/hostname\n",
        b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"/>',
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"RIFF",
        b"RIFF\xff\xff\xff\xffWAVE",
        b"OggS",
        b"fLaC",
        b"ID3",
        b"\xff\xfb\x90\x00",
        b"\x1aE\xdf\xa3",
        b"\0\0\0\x18ftypisom",
    ],
)
def test_what_is_no_sound_is_refused(data: bytes):
    with pytest.raises(Unreadable):
        sound.decode(data)


HEADS = [encoded(murmur(0.2), form=form) for form in FORMATS]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(HEADS), st.data())
def test_whatever_bytes_are_given_they_are_read_or_refused(whole: bytes, data: st.DataObject):
    at = data.draw(st.integers(0, len(whole)))
    noise = data.draw(st.binary(max_size=60))
    try:
        tracks = sound.decode(whole[:at] + noise + whole[at + len(noise) :])
    except Unreadable:
        return
    assert all(np.isfinite(track.samples).all() for track in tracks)


KINDS: dict[str, Callable[[Any], bool]] = {
    "mute": lambda samples: float(np.abs(samples).max()) < 0.01,
    "beep": lambda samples: 0.1 < float(np.abs(samples).max()) < 0.3,
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_time_that_is_hidden_is_hidden_in_every_channel_and_the_rest_stays(form: str, kind: str):
    channels = 1 if form == "telephone" else 2
    before = with_tone(with_tone(murmur(2.0, channels), 0.2), 1.0, channel=channels - 1)
    data = encoded(before, form=form, tags={"title": "the secret"} if form in ("mp3", "flac", "m4a") else None)

    changed = finished(sound_edit.edited(data, [MediaEdit(kind, time=(1.0, 1.3))]))

    assert (_av.sniff(changed), b"the secret" in changed) == (_av.sniff(data), False)
    (track,) = sound.decode(changed)
    assert len(track.samples) == channels
    assert track.seconds == pytest.approx(2.0, abs=0.15)
    assert KINDS[kind](track.samples[:, int(1.05 * track.rate) : int(1.25 * track.rate)])
    (left,) = tones(changed)
    assert left[2] == pytest.approx(0.2, abs=0.15)


def test_without_a_time_all_of_a_sound_is_hidden_and_mute_wins_over_beep():
    data = encoded(with_tone(murmur(1.0), 0.5))
    (track,) = sound.decode(finished(sound_edit.edited(data, [MediaEdit("mute")])))
    assert float(np.abs(track.samples).max()) == 0.0

    both = [MediaEdit("mute", time=(0.4, 0.9)), MediaEdit("beep", time=(0.4, 0.9))]
    (track,) = sound.decode(finished(sound_edit.edited(data, both)))
    assert float(np.abs(track.samples[:, 7000:14000]).max()) == 0.0


def test_what_cannot_be_written_again_is_refused():
    for data in (b"", encoded(murmur(0.5))[:200]):
        with pytest.raises(Unreadable):
            finished(sound_edit.edited(data, [MediaEdit("mute")]))


def test_speech_of_the_fixtures_is_whole():
    (track,) = sound.decode(speech("canary"))
    assert 2.0 < track.seconds < 4.0


times = st.lists(st.tuples(st.floats(-5, 15), st.floats(-5, 15)), max_size=6)


@given(times, st.floats(0, 1))
def test_ranges_are_in_order_apart_and_within(given_times: list[tuple[float, float]], margin: float):
    found = sound.ranges(given_times, 10.0, margin)
    flat = [bound for one in found for bound in one]
    assert flat == sorted(flat)
    assert all(0.0 <= bound <= 10.0 for bound in flat)
    for low, high in given_times:
        middle = (low + high) / 2
        if low < high and 0.0 < middle < 10.0:
            assert any(a <= middle <= b for a, b in found)
