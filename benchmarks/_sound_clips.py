"""Clips of ten seconds for `benchmarks._marks_sound`: spoken, made here, and out of recordings."""

from __future__ import annotations

import base64
import io
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import av
import numpy as np

from examples import voice
from guard.media import sound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

SECONDS = 10
_ROOT = Path(__file__).resolve().parent.parent
_DATA = "GUARD_SOUNDS"


class Clip(NamedTuple):
    """Floats of shape (channels, samples)."""

    kind: str
    rate: int
    samples: Samples


def kinds() -> list[str]:
    """What there are clips of: see `benchmarks._marks_sound`."""
    folder = os.environ.get(_DATA)
    recorded = sorted(one.name for one in Path(folder).iterdir() if one.is_dir()) if folder else []
    return ["espeak", "made", *recorded]


def clips(kind: str, count: int, seed: int) -> Iterator[Clip]:
    """*count* clips of *kind*, which *seed* chooses."""
    draw = random.Random(f"{kind} {seed}")
    if kind == "espeak":
        yield from (_spoken(number, draw) for number in range(count))
    elif kind == "made":
        yield from (Clip(kind, 44_100, music(np.random.default_rng(draw.randrange(1 << 30)))) for _ in range(count))
    else:
        files = sorted(one for one in (Path(os.environ[_DATA]) / kind).rglob("*") if one.is_file())
        yield from (_recorded(kind, files, draw) for _ in range(count))


def _spoken(number: int, draw: random.Random) -> Clip:
    language = ("en", "zh")[number % 2]
    texts = (_ROOT / "benchmarks" / "data" / f"requests_{language}.txt").read_text("utf-8").splitlines()
    pieces: list[Samples] = []
    rate = length = 0
    while length < SECONDS * max(1, rate):
        said = {"say": draw.choice(texts)[:400] or "a", "voice": language, "speed": draw.randint(110, 190)}
        (track,) = sound.decode(base64.b64decode(voice.speak(said)["sound"]))
        rate, length = track.rate, length + track.samples.shape[1]
        pieces.append(track.samples)
    return Clip("espeak", rate, np.concatenate(pieces, axis=1)[:, : SECONDS * rate])


def music(draw: np.random.Generator) -> Samples:
    """A chord and some noise on each beat; each tone has seven harmonics that die away. The root changes every four."""
    rate, length = 44_100, 44_100 * SECONDS
    left = np.zeros(length, np.float32)
    right = np.zeros(length, np.float32)
    beat, root = int(rate * draw.uniform(0.35, 0.6)), 110.0
    for number, start in enumerate(range(0, length, beat)):
        at = np.arange(min(2 * beat, length - start)) / rate
        if number % 4 == 0:
            root = 110 * 2 ** (draw.integers(0, 12) / 12)
        for step in (0, draw.choice([3, 4]), 7, 12):
            pitch = root * 2 ** (step / 12 + draw.normal(0, 0.001))
            tone = sum(np.sin(2 * np.pi * n * pitch * at) / n**1.2 for n in range(1, 8)) * np.exp(-3 * at)
            place = draw.uniform(0.2, 0.8)
            left[start : start + len(at)] += (0.06 * place * tone).astype(np.float32)
            right[start : start + len(at)] += (0.06 * (1 - place) * tone).astype(np.float32)
        noise = (0.1 * draw.normal(size=len(at)) * np.exp(-25 * at)).astype(np.float32)
        left[start : start + len(at)] += noise
        right[start : start + len(at)] += noise
    return np.stack([left, right])


def _recorded(kind: str, files: list[Path], draw: random.Random) -> Clip:
    """Ten seconds of one file, or of several short ones behind each other."""
    pieces: list[Samples] = []
    rate = length = 0
    while length < SECONDS * max(1, rate):
        try:
            found, samples = _read(draw.choice(files))
        except (av.error.FFmpegError, IndexError):
            continue
        if pieces and (found != rate or len(samples) != len(pieces[0])):
            continue
        begin = draw.randint(0, max(0, samples.shape[1] - SECONDS * found))
        samples = samples[:2, begin : begin + SECONDS * found]
        if float(np.abs(samples).max(initial=0.0)) < 0.01:
            continue
        rate, length = found, length + samples.shape[1]
        pieces.append(samples)
    return Clip(kind, rate, np.concatenate(pieces, axis=1)[:, : SECONDS * rate])


def _read(path: Path) -> tuple[int, Samples]:
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)
        pieces = [one.to_ndarray() for frame in file.decode(stream) for one in resampler.resample(frame)]
        pieces += [one.to_ndarray() for one in resampler.resample(None)]
        return int(stream.rate), np.concatenate(pieces, axis=1)


def coded(clip: Clip, form: str, codec: str, rate: int = 0, bit_rate: int = 0) -> bytes:
    """*clip* in a file of *form*, at another *rate* if one is given."""
    out = io.BytesIO()
    layout = "mono" if len(clip.samples) == 1 else "stereo"
    samples = resampled(clip.samples, clip.rate, rate or clip.rate)
    with av.open(out, "w", format=form) as target:
        stream = target.add_stream(codec, rate=rate or clip.rate, layout=layout)
        if bit_rate:
            stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate = rate or clip.rate
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return out.getvalue()


def resampled(samples: Samples, before: int, after: int) -> Samples:
    """*samples* at the rate *after*."""
    if before == after:
        return samples
    layout = "mono" if len(samples) == 1 else "stereo"
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=after)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
    frame.sample_rate = before
    pieces = [one.to_ndarray() for one in (*resampler.resample(frame), *resampler.resample(None))]
    return np.concatenate(pieces, axis=1)
