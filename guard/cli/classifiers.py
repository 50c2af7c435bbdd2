"""``guard classifiers``: what is installed, and how fast it is here."""

from __future__ import annotations

import io
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import orjson

from guard import registry
from guard.content import AudioPart, ImagePart, Modality, View
from guard.errors import GuardError

if TYPE_CHECKING:
    import argparse

    from guard.classifier import Classifier

_TEXT = "The parcel should arrive on Tuesday; 如果没有收到，请联系客服。 " * 3
_RUNS = 7
_RATE = 16_000


def classifiers(options: argparse.Namespace) -> int:
    """One line, or one object, per classifier."""
    for name in registry.names():
        line = _line(name, timed=not options.no_speed)
        if options.json:
            print(orjson.dumps(line).decode())
            continue
        speed = f"{line['ms']:.2f} ms" if "ms" in line else line.get("error", "not timed")
        print(f"{name}  {line['version']}  {line['license']}  {', '.join(line['modalities'])}  cpu  {speed}")
        print(f"    {', '.join(line['categories']) or 'categories come from its options'}")
    return 0


def _line(name: str, *, timed: bool) -> dict[str, Any]:
    classifier = registry.create(name)
    line: dict[str, Any] = {
        "name": name,
        "version": classifier.version,
        "license": classifier.license,
        "modalities": sorted(modality.value for modality in classifier.modalities),
        "categories": sorted(registry.provides(name)),
        "device": "cpu",
    }
    if timed:
        try:
            line["ms"] = _milliseconds(classifier)
        except GuardError as error:
            line["error"] = str(error)
    return line


def _milliseconds(classifier: Classifier[Any]) -> float:
    """Median wall time of a short text, a 256-pixel picture or a second of sound, prepared and classified alone."""
    classifier.load()
    part = _part(classifier)
    times = []
    for _ in range(1 if classifier.reader else _RUNS):
        began = time.perf_counter()
        classifier.classify([classifier.prepare(part)])
        times.append(time.perf_counter() - began)
    return round(median(times) * 1000, 3)


def _part(classifier: Classifier[Any]) -> View | ImagePart | AudioPart:
    if Modality.TEXT in classifier.modalities:
        return View.of(_TEXT)
    return _picture() if Modality.IMAGE in classifier.modalities else _sound()


def _sound() -> AudioPart:
    """A second of a tone."""
    import math
    import wave

    data = io.BytesIO()
    with wave.open(data, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(_RATE)
        wave_form = (int(8000 * math.sin(at / 5)) for at in range(_RATE))
        target.writeframes(b"".join(value.to_bytes(2, "little", signed=True) for value in wave_form))
    return AudioPart(data.getvalue())


def _picture() -> ImagePart:
    from PIL import Image

    data = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(data, "JPEG")
    return ImagePart(data.getvalue())
