"""What hearing a sound and watching a film cost: ``python -m benchmarks audio``.

Real-time factors: CPU seconds for each second of sound or film, on one thread. Speech is that of the test suite, said
by a machine and repeated; so the figures are of time, not of how well it is heard.
"""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from benchmarks import _harness
from classifiers.asr import RATE, Asr, Voice
from guard.content import AudioPart, MediaEdit
from guard.errors import WeightsError
from guard.media import film, sound, sound_edit

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

QUESTION = "what do hearing a sound and watching a film cost?"
PROFILES = {"quick": 30, "full": 120}
"""Seconds of sound."""
_SPEECH = Path(__file__).parent.parent / "tests" / "data" / "sound" / "harmless.ogg"
_SIZES = {"360p": (640, 360), "720p": (1280, 720)}


def measure(profile: str, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """Time each step, or *only* some of them."""
    seconds = PROFILES[profile]
    (track,) = sound.decode(_SPEECH.read_bytes(), rate=RATE)
    speech = np.resize(track.samples[0], seconds * RATE).astype(np.float32)
    data = _ogg(speech)
    rows: dict[str, float] = {}
    steps: dict[str, Callable[[], object]] = {
        "decoding an Opus file to 16 kHz": lambda: sound.decode(data, rate=RATE),
        "muting two seconds of it": lambda: _finish(sound_edit.edited(data, [MediaEdit("mute", time=(3.0, 5.0))])),
    }
    for name, size in _SIZES.items():
        clip = _film(size)
        steps[f"taking the pictures out of a {name} film, 25 frames a second"] = lambda clip=clip: _finish(
            film.unfold(clip)
        )
    for name, step in steps.items():
        if only is None or name in only:
            rows[name] = _factor(step, 10.0 if "film" in name else seconds)
    try:
        asr = Asr()
        asr.load()
    except WeightsError as error:
        return {"machine": _harness.machine(["av", "numpy"]), "factors": rows, "asr": str(error)}
    for name, sounds in {
        "hearing speech": [Voice(speech)],
        "hearing noise": [Voice((np.random.default_rng(1).standard_normal(len(speech)) * 0.05).astype(np.float32))],
        "hearing silence": [Voice(np.zeros_like(speech))],
    }.items():
        if only is None or name in only:
            rows[name] = _factor(lambda sounds=sounds: asr.read([sounds]), seconds)
    rows["preparing a sound"] = _factor(lambda: asr.prepare(AudioPart(data)), seconds)
    return {"machine": _harness.machine(["av", "faster-whisper", "ctranslate2", "numpy"]), "factors": rows}


def table(report: dict[str, Any]) -> str:
    """Markdown: a row for each step."""
    lines = ["| step | CPU seconds a second |", "| --- | --: |"]
    lines += [f"| {name} | {factor:.3f} |" for name, factor in report["factors"].items()]
    return "\n".join(lines)


def _factor(step: Callable[[], object], seconds: float) -> float:
    began = time.process_time()
    step()
    return round((time.process_time() - began) / seconds, 4)


def _finish(steps: Generator[None, None, object]) -> None:
    for _ in steps:
        pass


def _ogg(samples: Any) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="ogg") as target:
        stream: Any = target.add_stream("libopus", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return out.getvalue()


def _film(size: tuple[int, int], seconds: int = 10) -> bytes:
    """A gradient that drifts, with a cut every two seconds."""
    out = io.BytesIO()
    across = np.linspace(0, 255, size[0], dtype=np.float32)
    with av.open(out, "w", format="mp4") as target:
        stream: Any = target.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"preset": "veryfast"}
        for number in range(25 * seconds):
            row = np.roll(across, 2 * number + 311 * (number // 50)).astype(np.uint8)
            picture = np.broadcast_to(row[None, :, None], (size[1], size[0], 3))
            target.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        target.mux(stream.encode(None))
    return out.getvalue()
