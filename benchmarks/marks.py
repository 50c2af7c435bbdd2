"""How well marks are read, and what it costs: ``python -m benchmarks marks`` (needs ``.[provenance,bench-marks]``).

Pixel marks are written by the original library on cuts of scikit-image's photographs. Text is the prompts of
``benchmarks/data`` and the demonstration's, cut by a tokenizer trained on it; false positives are counted over many
keys, each of which draws other lists. C2PA: pictures signed here, one bit of which is changed. Sound, which needs
``.[audio]`` and espeakng-loader: see `benchmarks._marks_sound`.
"""

from __future__ import annotations

import io
import itertools
import random
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from benchmarks import _harness, _marks_sound
from classifiers._kgw import GreenList, SynthId
from guard.media.marks import dwtdct, metadata, prints
from tests.classifiers import marked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    Attack = Callable[[Pixels], Pixels]

QUESTION = "how well are marks read, and at what cost?"
PROFILES = {"quick": 18, "full": 60}
"""Pictures of each kind."""
BARS = {
    "none": 0.98, "jpeg 95 (1024)": 0.85, "cut": 0.90, "false positives": 1 / 5_000, "pass ms": 30.0,
    "times quicker": 20.0, "text false positives": 0.001, "flips found": 0.98,
}  # fmt: skip
_PHOTOS = ("astronaut", "coffee", "chelsea", "rocket", "retina", "hubble_deep_field")
_ROOT = Path(__file__).resolve().parent.parent


def measure(profile: str, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """Measure all of it, or *only* some of the parts below, by their names."""
    count = PROFILES[profile]
    parts: dict[str, Callable[[], Any]] = {
        "pixels": lambda: {f"{size}": _recall(size, count) for size in (512, 1024)},
        "cut": lambda: _cut(count // 2),
        "clean": lambda: _clean(300 * count),
        "cost": _cost,
        "words": lambda: _words(200),
        "known": lambda: _known(30 * count),
        "c2pa": lambda: _flips(12 * count),
        "sound": lambda: _marks_sound.measure(count),
    }
    report = {name: work() for name, work in parts.items() if only is None or name in only}
    packages = [
        "av",
        "c2pa-python",
        "espeakng-loader",
        "invisible-watermark",
        "numpy",
        "opencv-python-headless",
        "pillow",
        "scikit-image",
    ]
    return {"machine": _harness.machine(packages), "bars": BARS, "pictures": count, **report}


def _photos() -> list[Image.Image]:
    from skimage import data

    return [Image.fromarray(getattr(data, name)()[..., :3]).convert("RGB") for name in _PHOTOS]


def pictures(size: int, count: int, seed: int = 0) -> Iterator[Pixels]:
    """*count* squares cut out of the photographs, resized to *size*."""
    draw, photos = random.Random(seed), _photos()
    for number in range(count):
        photo = photos[number % len(photos)]
        side = draw.randint(min(photo.size) // 2, min(photo.size))
        left, top = draw.randint(0, photo.width - side), draw.randint(0, photo.height - side)
        yield np.asarray(
            photo.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.LANCZOS)
        )


def library_writes(rgb: Pixels, bits: str) -> Pixels:
    """*rgb* with the ``dwtDct`` mark of invisible-watermark's own encoder."""
    from imwatermark import WatermarkEncoder

    encoder = WatermarkEncoder()
    encoder.set_watermark("bits", [int(bit) for bit in bits])
    return np.ascontiguousarray(encoder.encode(np.ascontiguousarray(rgb[..., ::-1]), "dwtDct")[..., ::-1])


def saved(rgb: Pixels, kind: str, **options: Any) -> Pixels:
    """*rgb* as it comes back from a file of *kind*."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, kind, **options)
    return np.asarray(Image.open(file).convert("RGB"))


def resized(rgb: Pixels, by: float) -> Pixels:
    """A square *rgb*, made smaller or larger *by* so much, and back."""
    image, size = Image.fromarray(rgb), rgb.shape[1]
    return np.asarray(image.resize((round(size * by),) * 2).resize((size, size)))


_ATTACKS: dict[str, Attack] = {
    "none": lambda rgb: rgb,
    "half size and back": lambda rgb: resized(rgb, 0.5),
    "noise": lambda rgb: np.clip(
        rgb + np.random.default_rng(0).normal(10, 3, rgb.shape), 0, 255
    ).astype(np.uint8),
    "webp 90": lambda rgb: saved(rgb, "WEBP", quality=90),
    "jpeg 95": lambda rgb: saved(rgb, "JPEG", quality=95),
    "jpeg 90": lambda rgb: saved(rgb, "JPEG", quality=90),
}  # fmt: skip


def _recall(size: int, count: int) -> dict[str, Any]:
    seen: dict[str, list[float]] = {name: [] for name in _ATTACKS}
    hits = dict.fromkeys(_ATTACKS, 0)
    for rgb, kind in zip(pictures(size, count), itertools.cycle(dwtdct.MESSAGES), strict=False):
        whole = library_writes(rgb, dwtdct.MESSAGES[kind])
        for name, attack in _ATTACKS.items():
            found = {one.kind: one for one in dwtdct.read(attack(whole), dwtdct.MESSAGES)}
            seen[name].append(found[kind].z if kind in found else 0.0)
            hits[name] += kind in found and found[kind].is_certain
    return {
        name: {
            "recall": hits[name] / count,
            "median_z": round(statistics.median(scores), 1),
            "least_z": round(min(scores), 1),
        }
        for name, scores in seen.items()
    }


def _cut(count: int) -> dict[str, Any]:
    draw, hits = random.Random(1), 0
    for rgb, kind in zip(pictures(512, count, 1), itertools.cycle(dwtdct.MESSAGES), strict=False):
        top, left, bottom, right = (draw.randint(1, 80) for _ in range(4))
        found = dwtdct.anywhere(library_writes(rgb, dwtdct.MESSAGES[kind])[top:-bottom, left:-right], dwtdct.MESSAGES)
        hits += found is not None and found.kind == kind and found.is_certain
    clean = [dwtdct.anywhere(rgb, dwtdct.MESSAGES) for rgb in pictures(512, count, 2)]
    return {"of": count, "found": hits, "clean_found": sum(one is not None for one in clean)}


def _clean(count: int) -> dict[str, Any]:
    highest = 0.0
    false = 0
    for rgb in pictures(320, count, 3):
        z = max(one.z for one in dwtdct.read(rgb, dwtdct.MESSAGES))
        highest, false = max(highest, z), false + (z >= dwtdct.ALIGNED)
    return {"pictures": count, "tests": count * 12, "found": false, "highest_z": round(highest, 2)}


def milliseconds(work: Callable[[], object], rounds: int) -> float:
    """Median CPU time of this thread for *work*, after a first time that does not count."""
    work()
    found = []
    for _ in range(rounds):
        begin = time.thread_time()
        work()
        found.append((time.thread_time() - begin) * 1e3)
    return round(statistics.median(found), 2)


def _cost() -> dict[str, Any]:
    from imwatermark import WatermarkDecoder

    (rgb,) = pictures(1024, 1)
    data = io.BytesIO()
    Image.fromarray(rgb).save(data, "PNG")
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    decoder = WatermarkDecoder("bits", 48)
    reading = milliseconds(lambda: dwtdct.read(rgb, dwtdct.MESSAGES), 15)
    declared = milliseconds(lambda: metadata.read(data.getvalue()), 15)
    library = milliseconds(lambda: decoder.decode(bgr, "dwtDct"), 3)
    return {
        "dwtdct_ms": reading, "metadata_ms": declared, "pass_ms": round(reading + declared, 2),
        "library_ms_one_message": library, "times_quicker": round(library / reading, 1),
        "cut_ms_512": milliseconds(lambda: dwtdct.anywhere(rgb[:512, :512], dwtdct.MESSAGES), 1),
    }  # fmt: skip


def _words(length: int) -> dict[str, Any]:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    files = [*sorted((_ROOT / "benchmarks" / "data").glob("requests_*.txt"))]
    files += sorted((_ROOT / "guard" / "demo").glob("corpus_*.txt"))
    texts = [file.read_text("utf-8") for file in files] + [page.read_text("utf-8") for page in _ROOT.glob("docs/*.md")]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=4_096, show_progress=False))
    tokens = [token for text in texts for token in tokenizer.encode(text).ids]
    windows = [tokens[at : at + length] for at in range(0, len(tokens) - length, length)]
    draw = random.Random(0)
    report: dict[str, Any] = {"tokens": length, "windows": len(windows)}
    for name, keys in (
        ("kgw", [GreenList(4_096, hashing_key=draw.randrange(10**6, 10**8)) for _ in range(8)]),
        ("synthid", [SynthId(tuple(draw.sample(range(1_000), 30))) for _ in range(8)]),
    ):
        scores = [key.score(window).z for key in keys for window in windows]
        report[name] = {
            "tests": len(scores),
            "at_least_4": sum(z >= 4 for z in scores),
            "in_doubt": round(sum(2.5 <= z < 4 for z in scores) / len(scores), 5),
            "highest_z": round(max(scores), 2),
        }
    return report


def _known(count: int) -> dict[str, Any]:
    """All pairs of pictures of different photographs, and of copies of one."""
    made = [prints.prints(Image.fromarray(rgb)) for rgb in pictures(256, count, 4)]
    own = np.arange(count) % len(_PHOTOS)
    report: dict[str, Any] = {}
    for kind in (prints.PDQ, prints.PHASH):
        entries = np.stack([one.pdq if kind == prints.PDQ else one.phash for one in made])
        pairs = false = 0
        nearest = 256
        for number in range(count):
            others = entries[own != own[number]]
            distances = np.bitwise_count(others ^ entries[number]).sum(axis=1)
            pairs, false = pairs + len(others), false + int((distances <= prints.NEAR[kind]).sum())
            nearest = min(nearest, int(distances.min()))
        report[kind] = {"pairs": pairs // 2, "false": false // 2, "nearest": nearest}
    return report


def _flips(count: int) -> dict[str, Any]:
    _, chain, key = marked.certificates()
    draw = random.Random(5)
    report = {}
    for kind in ("JPEG", "PNG", "WEBP"):
        rgb = next(pictures(256, 1))
        file = io.BytesIO()
        Image.fromarray(rgb).save(file, kind)
        data = marked.signed(file.getvalue(), f"image/{kind.lower()}", chain, key)
        found = 0
        for _ in range(count // 3):
            flipped = bytearray(data)
            flipped[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            found += metadata.read(bytes(flipped)).state in {"bad", "inconclusive"}
        report[kind.lower()] = {"flips": count // 3, "found": found}
    return report


def table(report: dict[str, Any]) -> str:
    """Markdown: a row for each figure."""
    rows = ["| what | figure |", "| --- | ---: |"]
    for size, attacks in report.get("pixels", {}).items():
        rows += [
            f"| dwtDct found, {size} px, {name} | {one['recall']:.2f} (median z {one['median_z']}) |"
            for name, one in attacks.items()
        ]
    if "cut" in report:
        one = report["cut"]
        rows.append(f"| dwtDct found after a cut | {one['found']}/{one['of']} |")
        rows.append(f"| clean pictures taken for marked, cut search | {one['clean_found']}/{one['of']} |")
    if "clean" in report:
        one = report["clean"]
        rows.append(f"| clean pictures taken for marked | {one['found']}/{one['pictures']} (z ≤ {one['highest_z']}) |")
    rows += [f"| {name} | {value} |" for name, value in report.get("cost", {}).items()]
    for name in ("kgw", "synthid"):
        if name in report.get("words", {}):
            one = report["words"][name]
            rows.append(f"| {name}: unmarked texts at z ≥ 4 | {one['at_least_4']}/{one['tests']} |")
    for name, one in report.get("known", {}).items():
        rows.append(f"| {name}: false pairs | {one['false']}/{one['pairs']} (nearest {one['nearest']}) |")
    for name, one in report.get("c2pa", {}).items():
        rows.append(f"| C2PA {name}: flips found | {one['found']}/{one['flips']} |")
    if "sound" in report:
        rows += _marks_sound.rows(report["sound"])
    return "\n".join(rows)
