"""How much junk is noticed, and how much good taken for it: ``python -m benchmarks junk`` (needs ``.[bench-marks]``).

Junk is what the examples' generators make before they have learned (`examples`): text, drawn digits, and, where
``espeakng-loader`` is installed, speech that is silent or clipped. Good is what they make when they have, and what no
generator made: photographs of scikit-image and scikit-learn, what people ask assistants, and paragraphs of this
documentation, in English and Chinese. Thresholds are those of ``examples/policy.yaml`` and ``media.yaml``. The examples
were there when the classifiers were made; photographs, requests and prose are what they had not seen.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from benchmarks import _harness
from classifiers.quality import Quality
from classifiers.quality_text import QualityText
from classifiers.sound_quality import SoundQuality
from examples import digits, voice, writer
from guard.content import AudioPart, ImagePart, View
from guard.corpus.summary import wilson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from guard.classifier import Classifier

QUESTION = "how much junk is noticed, and how much good taken for it?"
PROFILES = {"quick": 40, "full": 300}
"""Things of each kind, as far as there are so many."""
THRESHOLDS = {
    "text": {"quality.gibberish": 0.5, "quality.repetition": 0.5},
    "pictures": {"quality.blank": 0.9, "quality.noise": 0.5},
    "sound": {"quality.silence": 0.9, "quality.clipping": 0.8},
}
_ROOT = Path(__file__).resolve().parent.parent
_PHOTOS = ("astronaut", "coffee", "chelsea", "rocket", "retina", "hubble_deep_field", "immunohistochemistry")
_SENTENCES = (
    "The parcel leaves at noon.", "Please write to us before Friday.", "We are closed on Sunday and on Monday.",
    "Your book has come and waits at the desk.", "包裹中午发出。", "请在星期五之前联系我们。", "您的书到了。",
)  # fmt: skip


def measure(profile: str, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """Measure all kinds, or *only* some of ``text``, ``pictures``, ``sound``."""
    count = PROFILES[profile]
    kinds: dict[str, Callable[[int], list[dict[str, Any]]]] = {
        "text": _texts,
        "pictures": _pictures,
        "sound": _sounds,
    }
    cells = [
        {"kind": kind, **cell} for kind, work in kinds.items() if only is None or kind in only for cell in work(count)
    ]
    packages = ["numpy", "pillow", "scikit-image", "scikit-learn", "espeakng-loader"]
    return {"machine": _harness.machine(packages), "thresholds": THRESHOLDS, "cells": cells}


def _cell(name: str, flagged: Iterable[list[str]], *, junk: bool) -> dict[str, Any]:
    """How many of the things were flagged, with a 95 % interval (Wilson), and as what."""
    found = list(flagged)
    hits = sum(1 for one in found if one)
    low, high = wilson(hits, len(found))
    categories = sorted({category for one in found for category in one})
    by = {category: sum(1 for one in found if category in one) for category in categories}
    return {
        "of": name, "junk": junk, "things": len(found), "flagged": hits, "share": round(hits / len(found), 4),
        "interval": [round(low, 4), round(high, 4)], "as": by,
    }  # fmt: skip


def _flagged(classifier: Classifier[Any], item: Any, kind: str) -> list[str]:
    (findings,) = classifier.classify([item])
    least = THRESHOLDS[kind]
    return sorted({one.category for one in findings if one.score >= least.get(one.category, 2.0)})


# Text


def _texts(count: int) -> list[dict[str, Any]]:
    classifier = QualityText()
    classifier.load()

    def judged(texts: Iterable[str]) -> Iterator[list[str]]:
        return (_flagged(classifier, classifier.prepare(View.of(text)), "text") for text in texts)

    written = {
        checkpoint: [
            writer.write({"begin": "We send", "letters": 300, "seed": seed, "checkpoint": checkpoint})["text"]
            for seed in range(count)
        ]
        for checkpoint in writer.STEPS
    }
    loops = [" ".join([sentence] * 30) for sentence in _SENTENCES]
    return [
        _cell("the writer's early checkpoint", judged(written["early"]), junk=True),
        _cell("a sentence over and over", judged(loops), junk=True),
        _cell("the writer's late checkpoint", judged(written["late"]), junk=False),
        _cell("requests to assistants", judged(_requests(count)), junk=False),
        _cell("paragraphs of the documentation", judged(_paragraphs(count)), junk=False),
    ]


def _requests(count: int) -> list[str]:
    """What people asked, half of it in Chinese: see ``benchmarks/data``."""
    halves = [
        (_ROOT / "benchmarks" / "data" / f"requests_{language}.txt").read_text("utf-8") for language in ("en", "zh")
    ]
    return [line for half in halves for line in half.splitlines()[: count // 2]]


def _paragraphs(count: int) -> list[str]:
    """Prose of this repository, without tables and code."""
    files = [_ROOT / "README.md", _ROOT / "README.zh.md", *sorted((_ROOT / "docs").rglob("*.md"))]
    found: list[str] = []
    for file in files:
        if "reference" in file.parts:
            continue
        plain = re.sub(r"```.*?```", "", file.read_text("utf-8"), flags=re.DOTALL)
        blocks = (block.strip() for block in plain.split("\n\n"))
        found += [block for block in blocks if len(block) >= 120 and block[0] not in "|#<-" and "| ---" not in block]
    random.Random(0).shuffle(found)
    return found[:count]


# Pictures


def _pictures(count: int) -> list[dict[str, Any]]:
    classifier = Quality()
    classifier.load()

    def judged(pictures: Iterable[bytes]) -> Iterator[list[str]]:
        for data in pictures:
            yield _flagged(classifier, classifier.prepare(ImagePart(data)), "pictures")

    def drawn(model: str, checkpoint: str) -> Iterator[bytes]:
        for seed in range(count):
            asked = {"digit": seed % 10, "model": model, "seed": seed, "checkpoint": checkpoint}
            yield base64.b64decode(digits.draw(asked)["sheet"])

    cells = []
    for model in ("vae", "gan"):
        cells += [
            _cell(f"{model}, early checkpoint", judged(drawn(model, "early")), junk=True),
            _cell(f"{model}, late checkpoint", judged(drawn(model, "late")), junk=False),
        ]
    return [*cells, _cell("cuts of photographs", judged(_cuts(count)), junk=False)]


def _cuts(count: int) -> Iterator[bytes]:
    """Squares of 256 pixels cut out of photographs at random, as JPEG."""
    from skimage import data
    from sklearn.datasets import load_sample_images

    photos = [Image.fromarray(getattr(data, name)()[..., :3]).convert("RGB") for name in _PHOTOS]
    photos += [Image.fromarray(one) for one in load_sample_images().images]
    draw = random.Random(0)
    for number in range(count):
        photo = photos[number % len(photos)]
        left, top = draw.randrange(photo.width - 256), draw.randrange(photo.height - 256)
        file = io.BytesIO()
        photo.crop((left, top, left + 256, top + 256)).save(file, "JPEG", quality=90)
        yield file.getvalue()


# Sound


def _sounds(count: int) -> list[dict[str, Any]]:
    if importlib.util.find_spec("espeakng_loader") is None:
        return []
    classifier = SoundQuality()
    classifier.load()

    def judged(loudness: int) -> Iterator[list[str]]:
        for number in range(min(count, 20 * len(_SENTENCES))):
            say = _SENTENCES[number % len(_SENTENCES)]
            asked = {
                "say": say, "voice": "en" if say.isascii() else "zh",
                "speed": 100 + 10 * (number // len(_SENTENCES)), "loudness": loudness,
            }  # fmt: skip
            part = AudioPart(base64.b64decode(voice.speak(asked)["sound"]), media_type="audio/wav")
            yield _flagged(classifier, classifier.prepare(part), "sound")

    return [
        _cell("speech of no loudness", judged(0), junk=True),
        _cell("speech ten times too loud", judged(1000), junk=True),
        _cell("speech", judged(100), junk=False),
    ]


def table(report: dict[str, Any]) -> str:
    """Markdown: a row for each kind of thing."""
    lines = ["| kind | of | is | things | flagged, 95 % interval | as |", "| --- | --- | --- | ---: | --- | --- |"]
    for one in report["cells"]:
        low, high = one["interval"]
        as_ = ", ".join(f"{name.removeprefix('quality.')} {hits}" for name, hits in one["as"].items()) or "–"
        share = f"{one['share']:.1%} [{low:.1%}–{high:.1%}]"
        lines.append(
            f"| {one['kind']} | {one['of']} | {'junk' if one['junk'] else 'good'} | {one['things']} | {share} | {as_} |"
        )
    return "\n".join(lines)
