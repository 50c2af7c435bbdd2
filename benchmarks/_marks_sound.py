"""How well the mark in sound is read, and what it costs: the part ``sound`` of ``python -m benchmarks marks``.

Clips of ten seconds, of up to four kinds: ``espeak`` (a synthesiser with two voices, several speeds), ``made`` (music
synthesised here: chords, and noise for drums; no recording), and each folder in the one that ``GUARD_SOUNDS``
names, for recordings. The committed results took Debian's ``asterisk-core-sounds-{en,es,fr}-g722`` (people who speak,
16 kHz; several prompts make one clip) as ``speech``, and ``drascula-music``, ``planetblupi-music-ogg`` and
``singularity-music`` as ``music``, unpacked with ``dpkg -x``.

Each clip is marked as the action `label` does it, as a WAV, and then changed. What counts as found is what the
classifier says. The reader was tuned on other cuts out of the same packages. How the mark sounds was not put to
listeners: levels are given, and, where the package ``zimtohrli`` is installed, what that psychoacoustic measure says
(5: no difference heard), beside what it says of the unmarked clip as MP3 at 128 kbit/s.
"""

from __future__ import annotations

import importlib.util
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks._sound_clips import SECONDS, Clip, clips as clips_of, coded, kinds, music, resampled
from guard.corpus.summary import wilson
from guard.media import sound
from guard.media.marks import spread
from guard.media.stamps.stamp import Stamp, stamped

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

RATE = spread.RATE
KEYS = 250
"""Keys that each unmarked clip is asked for."""


def measure(count: int, seed: int = 1) -> dict[str, Any]:
    """Measure with *count* clips of each kind."""
    clips = [clip for kind in kinds() for clip in clips_of(kind, count, seed)]
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "key"
        key.write_text(random.Random(seed).randbytes(16).hex())
        pattern = spread.signs(spread.secret(str(key)))
        marked = [(clip, _marked(clip, key)) for clip in clips]
        return {
            "clips": {kind: sum(clip.kind == kind for clip in clips) for kind in kinds()},
            "found": _found([(clip, one) for clip, one in marked if one is not None], pattern),
            "lengths": _lengths(clips, key, pattern),
            "refused": sum(one is None for _, one in marked),
            "levels": _levels([(clip, one) for clip, one in marked if one is not None]),
            "clean": _clean(clips),
            "cost": _cost(key),
        }


# What is done to clips


def _through(form: str, codec: str, rate: int, bit_rate: int) -> Callable[[Clip], Samples]:
    return lambda clip: sound.decode(coded(clip, form, codec, rate, bit_rate), rate=RATE)[0].samples


def _plain(change: Callable[[Clip], Samples]) -> Callable[[Clip], Samples]:
    return lambda clip: resampled(change(clip).astype(np.float32), clip.rate, RATE)


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
    "8 kHz": _plain(lambda clip: resampled(resampled(clip.samples, clip.rate, 8_000), 8_000, clip.rate)),
    "a tenth as loud": _plain(lambda clip: clip.samples / 10),
    "clipped, 12 dB louder": _plain(lambda clip: np.clip(clip.samples * 4, -1, 1)),
    "noise 30 dB below": _plain(_noisy),
    "mixed to one channel": _plain(lambda clip: clip.samples.mean(axis=0, keepdims=True)),
    "5 s cut out": _plain(_cut),
    "5 s cut out, mp3 64": lambda clip: CHANGES["mp3 64"](clip._replace(samples=_cut(clip))),
    "1% faster": lambda clip: resampled(clip.samples, round(clip.rate * 1.01), RATE),
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
        (track,) = sound.decode(_done(coded(clip, "wav", "pcm_s16le"), key))
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
    report: dict[str, Any] = {}
    for kind in dict.fromkeys(clip.kind for clip, _ in marked):
        power, loudness = list[float](), list[float]()
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
        if importlib.util.find_spec("zimtohrli") is not None:
            own = [(clip, one) for clip, one in marked if clip.kind == kind]
            as_mp3 = [(clip, _as_mp3(clip)) for clip, _ in own]
            for name, pairs in (("heard", own), ("mp3_128_heard", as_mp3)):
                opinions = [_opinion(clip, one) for clip, one in pairs]
                report[kind][name] = {
                    "median": round(statistics.median(opinions), 2), "least": round(min(opinions), 2),
                }  # fmt: skip
    return report


def _as_mp3(clip: Clip) -> Clip:
    """*clip* as MP3 at 128 kbit/s, at the time where it fits best: the encoder puts something before it."""
    (track,) = sound.decode(coded(clip, "mp3", "libmp3lame", 44_100, 128_000), rate=clip.rate)
    length = min(4 * clip.rate, clip.samples.shape[1])
    one, two = (np.fft.rfft(samples[0, :length], 2 * length) for samples in (clip.samples, track.samples))
    late = int(np.argmax(np.fft.irfft(two * np.conj(one))[:length]))
    return clip._replace(samples=track.samples[:, late:])


def _opinion(clip: Clip, other: Clip) -> float:
    import zimtohrli

    one, two = (resampled(each.samples, each.rate, 48_000).mean(axis=0).astype(np.float32) for each in (clip, other))
    length = min(len(one), len(two))
    return float(zimtohrli.mos_from_signals(one[:length], two[:length]))


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
        heard = spread.cells(resampled(clip.samples, clip.rate, RATE))
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
    samples = np.concatenate([music(np.random.default_rng(seed)) for seed in range(60 // SECONDS)], axis=1)
    clip = Clip("made", 44_100, samples)
    report: dict[str, Any] = {}
    pattern = spread.signs(spread.secret(str(key)))
    for name, (form, codec, bit_rate) in {
        "wav": ("wav", "pcm_s16le", 0), "flac": ("flac", "flac", 0), "mp3": ("mp3", "libmp3lame", 128_000),
        "m4a": ("ipod", "aac", 128_000),
    }.items():  # fmt: skip
        data = coded(clip, form, codec, 44_100, bit_rate)
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
        if "heard" in level:
            heard, other = level["heard"]["median"], level["mp3_128_heard"]["median"]
            lines.append(f"| Zimtohrli of the mark, {kind} (5: not heard) | {heard}; of MP3 at 128 kbit/s {other} |")
    for name, cost in report["cost"].items():
        lines.append(f"| CPU for a minute of stereo, {name} | mark {cost['mark_s']} s, read {cost['read_s']} s |")
    return lines
