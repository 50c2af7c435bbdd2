"""How well the mark in sound is read, and what it costs: the part ``sound`` of ``python -m benchmarks marks``.

Clips of ten seconds, of up to four kinds: ``espeak`` (a synthesiser with two voices, several speeds), ``made`` (music
synthesised here: chords, and noise for drums; no recording), and each folder in the one that ``GUARD_SOUNDS``
names, for recordings. The committed results took Debian's ``asterisk-core-sounds-{en,es,fr}-g722`` (people who speak,
16 kHz; several prompts make one clip) as ``speech``, and ``drascula-music``, ``planetblupi-music-ogg`` and
``singularity-music`` as ``music``, unpacked with ``dpkg -x``.

Each clip is marked as the action `label` does it, as a WAV, and then changed. What counts as found is what the
classifier says. The reader was tuned on other cuts out of the same packages. How the mark sounds was not put to
listeners: levels are given.
"""

from __future__ import annotations

import base64
import io
import os
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import av
import numpy as np

from examples import voice
from guard.corpus.summary import wilson
from guard.media import sound
from guard.media.marks import spread
from guard.media.stamps.stamp import Stamp, stamped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

SECONDS = 10
RATE = spread.RATE
KEYS = 50
"""Keys that each unmarked clip is asked for."""
_ROOT = Path(__file__).resolve().parent.parent
_DATA = "GUARD_SOUNDS"


class Clip(NamedTuple):
    """Floats of shape (channels, samples)."""

    kind: str
    rate: int
    samples: Samples


def measure(count: int, seed: int = 1) -> dict[str, Any]:
    """Measure with *count* clips of each kind."""
    clips = [clip for kind in _kinds() for clip in _clips(kind, count, seed)]
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "key"
        key.write_bytes(os.urandom(32))
        pattern = spread.signs(spread.secret(str(key)))
        marked = [(clip, _marked(clip, key)) for clip in clips]
        return {
            "clips": {kind: sum(clip.kind == kind for clip in clips) for kind in _kinds()},
            "found": _found([(clip, one) for clip, one in marked if one is not None], pattern),
            "lengths": _lengths(clips, key, pattern),
            "refused": sum(one is None for _, one in marked),
            "levels": _levels([(clip, one) for clip, one in marked if one is not None]),
            "clean": _clean(clips),
            "cost": _cost(key),
        }


# Clips


def _kinds() -> list[str]:
    folder = os.environ.get(_DATA)
    recorded = sorted(one.name for one in Path(folder).iterdir() if one.is_dir()) if folder else []
    return ["espeak", "made", *recorded]


def _clips(kind: str, count: int, seed: int) -> Iterator[Clip]:
    draw = random.Random(f"{kind} {seed}")
    if kind == "espeak":
        yield from (_spoken(number, draw) for number in range(count))
    elif kind == "made":
        yield from (Clip(kind, 44_100, _music(np.random.default_rng(draw.randrange(1 << 30)))) for _ in range(count))
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


def _music(draw: np.random.Generator) -> Samples:
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


# What is done to them


def _coded(clip: Clip, form: str, codec: str, rate: int = 0, bit_rate: int = 0) -> bytes:
    out = io.BytesIO()
    layout = "mono" if len(clip.samples) == 1 else "stereo"
    samples = _resampled(clip.samples, clip.rate, rate or clip.rate)
    with av.open(out, "w", format=form) as target:
        stream = target.add_stream(codec, rate=rate or clip.rate, layout=layout)
        if bit_rate:
            stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate = rate or clip.rate
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return out.getvalue()


def _resampled(samples: Samples, before: int, after: int) -> Samples:
    if before == after:
        return samples
    layout = "mono" if len(samples) == 1 else "stereo"
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=after)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
    frame.sample_rate = before
    pieces = [one.to_ndarray() for one in (*resampler.resample(frame), *resampler.resample(None))]
    return np.concatenate(pieces, axis=1)


def _through(form: str, codec: str, rate: int, bit_rate: int) -> Callable[[Clip], Samples]:
    return lambda clip: sound.decode(_coded(clip, form, codec, rate, bit_rate), rate=RATE)[0].samples


def _plain(change: Callable[[Clip], Samples]) -> Callable[[Clip], Samples]:
    return lambda clip: _resampled(change(clip).astype(np.float32), clip.rate, RATE)


def _cut(clip: Clip, seconds: float = 5) -> Samples:
    begin = random.Random(clip.samples.shape[1]).randint(1, clip.samples.shape[1] - int(seconds * clip.rate))
    return clip.samples[:, begin : begin + int(seconds * clip.rate)]


def _noisy(clip: Clip, decibels: float = 30) -> Samples:
    level = float(np.sqrt(np.mean(np.square(clip.samples)))) * 10 ** (-decibels / 20)
    return clip.samples + level * np.random.default_rng(0).normal(size=clip.samples.shape)


CHANGES: dict[str, Callable[[Clip], Samples]] = {
    "none": _plain(lambda clip: clip.samples),
    "mp3 128": _through("mp3", "libmp3lame", 44_100, 128_000),
    "mp3 64": _through("mp3", "libmp3lame", 44_100, 64_000),
    "aac 64": _through("ipod", "aac", 44_100, 64_000),
    "opus 64": _through("ogg", "libopus", 48_000, 64_000),
    "opus 24": _through("ogg", "libopus", 48_000, 24_000),
    "8 kHz": _plain(lambda clip: _resampled(_resampled(clip.samples, clip.rate, 8_000), 8_000, clip.rate)),
    "a tenth as loud": _plain(lambda clip: clip.samples / 10),
    "clipped, 12 dB louder": _plain(lambda clip: np.clip(clip.samples * 4, -1, 1)),
    "noise 30 dB below": _plain(_noisy),
    "mixed to one channel": _plain(lambda clip: clip.samples.mean(axis=0, keepdims=True)),
    "5 s cut out": _plain(_cut),
    "5 s cut out, mp3 64": lambda clip: CHANGES["mp3 64"](clip._replace(samples=_cut(clip))),
    "1% faster": lambda clip: _resampled(clip.samples, round(clip.rate * 1.01), RATE),
}


# What is measured


def _done(data: bytes, key: Path) -> bytes:
    steps = stamped(data, Stamp(("audio_mark",), audio_key=str(key)))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return bytes(end.value)


def _marked(clip: Clip, key: Path) -> Clip | None:
    from guard.classifier import Unreadable

    try:
        (track,) = sound.decode(_done(_coded(clip, "wav", "pcm_s16le"), key))
    except Unreadable:
        return None
    return clip._replace(samples=track.samples)


def _share(sightings: list[spread.Sighting]) -> dict[str, Any]:
    found = sum(one.p_value <= spread.SEEN for one in sightings)
    low, high = wilson(found, len(sightings))
    return {
        "of": len(sightings), "found": found, "recall": round(found / len(sightings), 4),
        "interval": [round(low, 4), round(high, 4)],
        "in_doubt": sum(spread.SEEN < one.p_value <= spread.DOUBTFUL for one in sightings),
        "median_z": round(statistics.median(one.z for one in sightings), 1),
        "least_z": round(min(one.z for one in sightings), 1),
    }  # fmt: skip


def _found(marked: list[tuple[Clip, Clip]], pattern: Samples) -> dict[str, Any]:
    report: dict[str, Any] = {}
    for kind in dict.fromkeys(clip.kind for clip, _ in marked):
        own = [one for clip, one in marked if clip.kind == kind]
        report[kind] = {
            name: _share([spread.sighting(spread.cells(change(one)), pattern) for one in own])
            for name, change in CHANGES.items()
        }
    return report


def _lengths(clips: list[Clip], key: Path, pattern: Samples) -> dict[str, Any]:
    """Sounds that were no longer than so when they were marked; those it was refused for do not count as found."""
    report: dict[str, Any] = {}
    for seconds in (1, 2, 3, 5):
        short = [clip._replace(samples=clip.samples[:, : seconds * clip.rate]) for clip in clips]
        marked = [one for one in (_marked(clip, key) for clip in short) if one is not None]
        report[f"{seconds} s"] = {"of": len(short), "marked": len(marked)}
        for name in ("none", "mp3 64"):
            seen = [spread.sighting(spread.cells(CHANGES[name](one)), pattern) for one in marked]
            report[f"{seconds} s"][name] = sum(one.p_value <= spread.SEEN for one in seen)
    return report


def _levels(marked: list[tuple[Clip, Clip]]) -> dict[str, Any]:
    """How far the mark lies below the sound, in decibels: by power, and by loudness (BS.1770's K weighting)."""
    report = {}
    for kind in dict.fromkeys(clip.kind for clip, _ in marked):
        power, loudness = [], []
        for clip, one in marked:
            if clip.kind == kind:
                length = min(clip.samples.shape[1], one.samples.shape[1])
                given, added = clip.samples[:, :length], one.samples[:, :length] - clip.samples[:, :length]
                power.append(_decibels(given, added, None))
                loudness.append(_decibels(given, added, clip.rate))
        report[kind] = {
            "snr_db": round(statistics.median(power), 1), "least_snr_db": round(min(power), 1),
            "loudness_below_db": round(statistics.median(loudness), 1),
        }  # fmt: skip
    return report


def _decibels(given: Samples, added: Samples, rate: int | None) -> float:
    def power(samples: Samples) -> float:
        spectrum = np.square(np.abs(np.fft.rfft(samples, axis=1))).sum(axis=0)
        if rate is not None:
            spectrum = spectrum * _k_weight(np.fft.rfftfreq(samples.shape[1], 1 / rate))
        return float(spectrum.sum())

    return float(10 * np.log10(power(given) / power(added)))


def _k_weight(hertz: NDArray[Any]) -> NDArray[Any]:
    """ITU-R BS.1770-5, annex 1: the two filters for 48 kHz, by their coefficients; higher frequencies do not matter."""
    z = np.exp(-2j * np.pi * np.minimum(hertz, 23_999) / 48_000)
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    high = (1 - 2 * z + z**2) / (1 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    weight: NDArray[Any] = np.square(np.abs(shelf * high))
    return weight


def _clean(clips: list[Clip]) -> dict[str, Any]:
    """Unmarked clips, each asked for `KEYS` keys; `Sighting.p_value` bounds chance, what is counted is what happens."""
    draw = random.Random(2)
    patterns = [spread.signs(draw.randbytes(32)) for _ in range(KEYS)]
    seen: list[spread.Sighting] = []
    short = 0
    for clip in clips:
        heard = spread.cells(_resampled(clip.samples, clip.rate, RATE))
        short += heard.seconds < spread.LEAST_S
        seen += [spread.sighting(heard, pattern) for pattern in patterns]
    return {
        "tests": len(seen), "found": sum(one.p_value <= spread.SEEN for one in seen),
        "in_doubt": sum(spread.SEEN < one.p_value <= spread.DOUBTFUL for one in seen),
        "highest_z": round(max(one.z for one in seen), 2), "too_short": short, "clips": len(clips),
        "below": {
            f"{bound:g}": sum(one.p_value <= bound for one in seen) for bound in (0.5, 0.1, 0.01)
        },
    }  # fmt: skip


def _cost(key: Path) -> dict[str, Any]:
    """CPU seconds for a minute of stereo at 44.1 kHz: to mark it, with decoding, encoding and proof, and to read it."""
    samples = np.concatenate([_music(np.random.default_rng(seed)) for seed in range(60 // SECONDS)], axis=1)
    clip = Clip("made", 44_100, samples)
    report: dict[str, Any] = {}
    pattern = spread.signs(spread.secret(str(key)))
    for name, (form, codec, bit_rate) in {
        "wav": ("wav", "pcm_s16le", 0), "flac": ("flac", "flac", 0), "mp3": ("mp3", "libmp3lame", 128_000),
        "m4a": ("ipod", "aac", 128_000),
    }.items():  # fmt: skip
        data = _coded(clip, form, codec, 44_100, bit_rate)
        begin = time.process_time()
        marked = _done(data, key)
        middle = time.process_time()
        (track,) = sound.decode(marked, rate=RATE)
        decoded = time.process_time()
        spread.sighting(spread.cells(track.samples), pattern)
        report[name] = {
            "mark_s": round(middle - begin, 2), "read_s": round(time.process_time() - middle, 2),
            "of_which_decoding_s": round(decoded - middle, 2),
        }  # fmt: skip
    return report


def rows(report: dict[str, Any]) -> list[str]:
    """Rows of the table of ``marks``."""
    lines = []
    for name in CHANGES:
        cells = ", ".join(
            f"{kind} {one[name]['found']}/{one[name]['of']} (z {one[name]['median_z']})"
            for kind, one in report["found"].items()
        )
        lines.append(f"| mark in sound found, {name} | {cells} |")
    for name, one in report["lengths"].items():
        lines.append(
            f"| sounds of {name} | {one['marked']}/{one['of']} marked; found {one['none']}, mp3 64 {one['mp3 64']} |"
        )
    one = report["clean"]
    lines.append(
        f"| unmarked sounds taken for marked | {one['found']}/{one['tests']}, in doubt {one['in_doubt']} "
        f"(z ≤ {one['highest_z']}) |"
    )
    for kind, level in report["levels"].items():
        lines.append(
            f"| mark below the sound, {kind} | {level['snr_db']} dB, by loudness {level['loudness_below_db']} dB |"
        )
    for name, cost in report["cost"].items():
        lines.append(f"| CPU for a minute of stereo, {name} | mark {cost['mark_s']} s, read {cost['read_s']} s |")
    return lines
