from __future__ import annotations

import io
import struct
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, strategies as st

from guard.errors import RequestError
from guard.media import pcm, sound


@given(st.binary(min_size=1, max_size=400).map(lambda half: half + half))
def test_samples_come_back_as_they_were(samples: bytes) -> None:
    assert pcm.unwrapped(pcm.wrapped(samples)) == samples


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=200))
def test_samples_are_decoded_as_what_they_are(values: list[int]) -> None:
    (track,) = sound.decode(pcm.wrapped(struct.pack(f"<{len(values)}h", *values)))
    assert track.rate == 24_000
    assert track.samples.shape == (1, len(values))
    assert (track.samples[0] * 32768).round().astype(int).tolist() == values


@pytest.mark.parametrize("beside", [b"AIGC", b"C2PA", b"id3 "])
def test_what_is_written_beside_samples_is_not_dropped_unseen(beside: bytes) -> None:
    with pytest.raises(RequestError, match="beside"):
        pcm.unwrapped(pcm.wrapped(b"\1\0" * 8) + beside + struct.pack("<I", 2) + b"{}")


def test_another_form_is_not_taken_for_samples() -> None:
    wave = pcm.wrapped(b"\1\0" * 8)
    with pytest.raises(RequestError, match="form"):
        pcm.unwrapped(wave.replace(struct.pack("<I", pcm.RATE), struct.pack("<I", 16_000), 1))
    with pytest.raises(RequestError, match="form"):
        pcm.unwrapped(wave[:36])


HEADS = [b"RIFF", b"OggS", b"fLaC", b"ID3\3", b"\0\0\0\x20ftyp", b"FORM", b".snd", b"caff", b"#!AMR\n"]


@pytest.mark.parametrize("head", HEADS)
def test_a_file_of_sound_is_not_taken_for_samples(head: bytes) -> None:
    assert not pcm.is_raw(head + b"\0" * 20)
    assert pcm.is_raw(b"\0" * 20)
    assert not pcm.is_raw(b"\0" * 21)


@pytest.mark.parametrize(
    ("form", "codec", "rate"),
    [("adts", "aac", 24_000), *(("mp3", "libmp3lame", rate) for rate in (8_000, 24_000, 44_100)),
     ("mp2", "mp2", 48_000), ("mp2", "mp2", 16_000)],
)  # fmt: skip
def test_frames_that_need_no_head_are_not_taken_for_samples(form: str, codec: str, rate: int) -> None:
    out = io.BytesIO()
    options = {"write_xing": "0", "id3v2_version": "0"} if form == "mp3" else {}
    with av.open(out, "w", format=form, options=options) as file:
        stream: Any = file.add_stream(codec, rate=rate)
        stream.layout = "mono"
        silence = av.AudioFrame.from_ndarray(np.zeros((1, rate), np.int16), format="s16p", layout="mono")
        silence.sample_rate = rate
        turned = av.AudioResampler(format=stream.format.name, layout="mono", rate=rate, frame_size=stream.frame_size)
        for frame in (*turned.resample(silence), None):
            file.mux(stream.encode(frame))
    data = out.getvalue()

    assert not pcm.is_raw(data[: len(data) // 2 * 2])
    assert pcm.is_raw(data[:4] + b"\1\0" * 4_000), "one frame's head alone may be two samples"
