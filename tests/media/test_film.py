"""Films are looked at frame by frame, read, and changed, or refused."""

from __future__ import annotations

import io
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from PIL import Image

from guard.classifier import Unreadable
from guard.content import MediaEdit
from guard.media import film, film_edit, sound
from tests.media.test_sound import finished, tones
from tests.sounds import encoded, film as make_film, murmur, with_tone

RED = (220, 20, 20)


def flash(*numbers: int, box: tuple[int, int, int, int] = (0, 0, 160, 120)):
    left, top, right, bottom = box

    def paint(number: int, picture: NDArray[np.uint8]) -> None:
        if number in numbers:
            picture[top:bottom, left:right] = RED

    return paint


def is_red(shot: film.Shot) -> bool:
    pixels = np.asarray(Image.open(io.BytesIO(shot.picture)).convert("RGB"), np.int16)
    return bool(((pixels[..., 0] > 150) & (pixels[..., 1] < 90)).sum() > 40)


def red_times(data: bytes) -> list[tuple[float, float]]:
    return [shot.time for shot in finished(film.unfold(data)).shots if is_red(shot) and shot.time]


CODECS = [("libx264", "mp4"), ("mpeg4", "mp4"), ("libvpx-vp9", "webm"), ("libx264", "mov")]


@pytest.mark.parametrize(("codec", "container"), CODECS)
@pytest.mark.parametrize("number", [0, 1, 24, 48, 49])
def test_s33_what_is_shown_in_a_single_frame_is_kept(codec: str, container: str, number: int):
    data = make_film(flash(number), codec=codec, container=container)

    ((start, end),) = red_times(data)

    assert start <= number / 25 + 0.1  # where frames are sent in another order, they come two later
    assert end > number / 25


@pytest.mark.parametrize("number", [7, 25, 40])
def test_s33_what_flashes_in_a_corner_is_kept(number: int):
    assert len(red_times(make_film(flash(number, box=(4, 90, 24, 106))))) == 1
    assert 1 <= len(red_times(make_film(flash(number, number + 1, number + 2, box=(130, 4, 150, 20))))) <= 3


def test_what_moves_slowly_is_not_kept_frame_by_frame():
    data = make_film(seconds=4.0, speed=1)
    shots = finished(film.unfold(data)).shots
    assert 8 <= len(shots) <= 40
    times = [shot.time for shot in shots if shot.time]
    assert times[0][0] <= 0.1
    assert times[-1][1] >= 4.0
    assert all(a[1] == b[0] for a, b in pairwise(times)), "no moment is without a picture"


def test_subtitles_and_tags_are_texts():
    out = io.BytesIO()
    with av.open(io.BytesIO(make_film()), "r") as source, av.open(out, "w", format="matroska") as target:
        target.metadata["title"] = "A title 标题"
        given_stream = source.streams.video[0]
        pictures = target.add_stream_from_template(given_stream)
        for packet in source.demux(given_stream):
            if packet.dts is not None:
                packet.stream = pictures
                target.mux(packet)
    found = finished(film.unfold(out.getvalue()))
    assert "A title 标题" in [quote.text for quote in found.quotes]
    assert not found.has_sound


def test_what_programs_write_of_themselves_is_no_text():
    for data in (
        make_film(track=murmur(0.5), seconds=0.4),
        make_film(seconds=0.4, codec="libvpx-vp9", container="webm"),
    ):
        assert finished(film.unfold(data)).quotes == []
    for form in ("mp3", "opus", "m4a", "flac", "wav"):
        assert finished(film.unfold(encoded(murmur(0.3), form=form))).quotes == [], form
    (quote,) = finished(film.unfold(encoded(murmur(0.3), form="mp3", tags={"title": "I will kill you"}))).quotes
    assert (quote.text, quote.time) == ("I will kill you", None)


def test_the_sound_of_a_film_is_noticed():
    assert finished(film.unfold(make_film(track=murmur(1.0), seconds=1.0))).has_sound


def test_a_cover_is_a_picture_for_all_of_the_time():
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), RED).save(picture, "PNG")
    out = io.BytesIO()
    with av.open(out, "w", format="mp3") as target:
        audio = target.add_stream("libmp3lame", rate=16_000, layout="mono")
        cover = target.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "rgb24"
        frame = av.AudioFrame.from_ndarray(murmur(1.0), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        packets = [*audio.encode(frame), *audio.encode(None)]
        target.mux(cover.encode(av.VideoFrame.from_image(Image.open(picture))))
        target.mux(cover.encode(None))
        target.mux(packets)
    found = finished(film.unfold(out.getvalue()))
    assert [(shot.time, is_red(shot)) for shot in found.shots] == [(None, True)]


@pytest.mark.parametrize(("codec", "container"), CODECS)
@pytest.mark.parametrize("part", [0.0, 0.3, 0.6])
def test_a_film_that_is_cut_short_is_refused(codec: str, container: str, part: float):
    data = make_film(codec=codec, container=container)
    with pytest.raises(Unreadable):
        finished(film.unfold(data[: int(len(data) * part)]))


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (film.Limits(seconds=0.5), "longer than"),
        (film.Limits(frames=10), "more than 10 frames"),
        (film.Limits(pixels=1000), "1000 pixels"),
        (film.Limits(kept=3), "more than 3 different pictures"),
    ],
)
def test_more_than_the_limits_is_refused(limits: film.Limits, said: str):
    with pytest.raises(Unreadable, match=said):
        finished(film.unfold(make_film(), limits=limits))


@pytest.mark.parametrize("data", [b"", b"<svg/>", b"#EXTM3U\nhttp://127.0.0.1:1/a.ts", b"\0\0\0\x18ftypisom"])
def test_what_is_no_film_is_refused(data: bytes):
    with pytest.raises(Unreadable):
        finished(film.unfold(data))


WHOLE = [make_film(seconds=0.4), make_film(seconds=0.4, codec="libvpx-vp9", container="webm")]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(WHOLE), st.data())
def test_whatever_bytes_are_given_they_are_looked_at_or_refused(whole: bytes, data: st.DataObject):
    at = data.draw(st.integers(0, len(whole)))
    noise = data.draw(st.binary(max_size=60))
    try:
        found = finished(film.unfold(whole[:at] + noise + whole[at + len(noise) :]))
    except Unreadable:
        return
    assert found.shots or found.has_sound


@pytest.mark.parametrize(("codec", "container"), CODECS)
def test_a_flash_that_is_hidden_is_hidden_and_the_film_stays_as_long(codec: str, container: str):
    data = make_film(flash(20), codec=codec, container=container, seconds=1.2)
    ((start, end),) = red_times(data)

    changed = finished(film_edit.edited(data, [MediaEdit("paint", time=(start, end))]))

    assert red_times(changed) == []
    before, after = (finished(film.unfold(one)).shots for one in (data, changed))
    assert before[-1].time
    assert after[-1].time
    assert after[-1].time[1] == pytest.approx(before[-1].time[1], abs=0.1)


def test_a_box_is_hidden_and_the_rest_stays():
    data = make_film(flash(*range(50), box=(100, 80, 140, 110)), seconds=1.0)
    assert red_times(data)
    changed = finished(film_edit.edited(data, [MediaEdit("paint", box=(0.6, 0.65, 0.9, 0.95), time=(0.0, 2.0))]))
    (shot, *_) = finished(film.unfold(changed)).shots
    pixels = np.asarray(Image.open(io.BytesIO(shot.picture)), np.int16)
    assert red_times(changed) == []
    assert abs(int(pixels[10, 10, 1]) - 120) < 25, "what is not in the box is as it was"


def test_what_is_said_in_a_film_is_muted():
    data = make_film(track=with_tone(with_tone(murmur(2.0), 0.2), 1.0), seconds=2.0)
    changed = finished(film_edit.edited(data, [MediaEdit("mute", time=(1.0, 1.3))]))
    assert [round(second, 1) for _, _, second in tones(changed)] == pytest.approx([0.2], abs=0.15)
    (track,) = sound.decode(changed)
    assert track.seconds == pytest.approx(2.0, abs=0.15)


def test_what_cannot_be_written_again_is_refused():
    for data in (b"", encoded(murmur(0.3))):
        with pytest.raises(Unreadable):
            finished(film_edit.edited(data, [MediaEdit("blur")]))
