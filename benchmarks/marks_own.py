"""What the pixel mark of one's own is worth: ``python -m benchmarks marks_own`` (needs ``.[bench-marks]``).

Written by `guard.media.stamps` on cuts of scikit-image's photographs, as files and with messages drawn by chance; read
by invisible-watermark's own decoder, all bits of it, and by our reader after what happens to pictures. Beside it the
marks that invisible-watermark's own encoder writes.
"""

from __future__ import annotations

import io
import math
import random
import statistics
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from benchmarks import _harness
from benchmarks.marks import library_writes, milliseconds, pictures, resized, saved
from guard import watermark
from guard.classifier import Unreadable
from guard.media.marks import dwtdct
from guard.media.stamps import dwtdct as writer, pixels
from guard.media.stamps.stamp import Stamp, stamped

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from benchmarks.marks import Attack, Pixels

QUESTION = "what is a pixel mark of one's own worth?"
PROFILES = {"quick": 12, "full": 36}
"""Pictures of each kind."""
BARS = {"all bits, lossless": 1.0, "jpeg 70 (512)": 0.98, "psnr (512, 56 bits)": 38.0, "refused": 0.02}
_CELLS = (
    (256, 24),
    (256, 40),
    (256, 64),
    (512, 32),
    (512, 56),
    (512, 64),
    (512, 120),
    (512, 128),
    (1024, 56),
    (1024, 512),
)
"""Width and height in pixels, and bits."""
_ATTACKS: dict[str, Attack] = {
    **{f"jpeg {quality}": lambda rgb, q=quality: saved(rgb, "JPEG", quality=q) for quality in (95, 90, 85, 80, 75, 70)},
    **{f"webp {quality}": lambda rgb, q=quality: saved(rgb, "WEBP", quality=q) for quality in (90, 80)},
    "half size and back": lambda rgb: resized(rgb, 0.5),
    "jpeg 70 of half size and back": lambda rgb: saved(resized(rgb, 0.5), "JPEG", quality=70),
}


def measure(profile: str, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """Measure all of it, or *only* some of ``lossless``, ``found``, ``files``, ``cut``, ``clean``, ``cost``."""
    count = PROFILES[profile]
    parts: dict[str, Callable[[], Any]] = {
        "lossless": lambda: [_lossless(size, length, _few(size, count)) for size, length in _CELLS],
        "found": lambda: {f"{size}": _found(size, 56, _few(size, count)) for size in (256, 512, 1024)},
        "files": lambda: [
            _files(kind, size, length, _few(size, count)) for kind in ("JPEG", "WEBP") for size, length in _CELLS
        ],
        "cut": lambda: _cut(count // 2),
        "clean": lambda: _clean(300 * count),
        "cost": _cost,
    }
    report = {name: work() for name, work in parts.items() if only is None or name in only}
    packages = ["invisible-watermark", "numpy", "opencv-python-headless", "pillow", "scikit-image"]
    return {"machine": _harness.machine(packages), "asked": BARS, "pictures": count, **report}


def _few(size: int, count: int) -> int:
    return count if size < 1024 else max(6, count // 2)


def _messages(length: int, seed: int = 0) -> Generator[str, None, None]:
    """Messages that an operator may have."""
    draw = random.Random(seed + length)
    while True:
        word = f"{draw.getrandbits(length):0{length}b}"
        try:
            yield watermark.own(word)
        except ValueError:
            continue


def _done(steps: Generator[None, None, bytes]) -> bytes:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return bytes(end.value)


def _file(rgb: Pixels, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, kind, **({} if kind == "PNG" else {"quality": 95}))
    return out.getvalue()


def _opened(data: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def _ours(rgb: Pixels, bits: str, kind: str = "PNG") -> bytes:
    return _done(stamped(_file(rgb, kind), Stamp(("pixel_mark",), message=bits)))


def _by_the_library(rgb: Pixels, length: int) -> str:
    from imwatermark import WatermarkDecoder

    bgr = np.ascontiguousarray(rgb[..., ::-1])
    return "".join(str(int(bit)) for bit in WatermarkDecoder("bits", length).decode(bgr, "dwtDct"))


def _psnr(one: Pixels, other: Pixels) -> float:
    return 20 * math.log10(255 / math.sqrt(float(np.mean((one.astype(float) - other) ** 2))))


def _z(rgb: Pixels, bits: str) -> float:
    return max((one.z for one in dwtdct.read(rgb, {"ours": bits}) if one.is_certain), default=0.0)


def _lossless(size: int, length: int, count: int) -> dict[str, Any]:
    """All bits in PNG, as the library's decoder reads them, of marks by us and by the library."""
    exact = {"ours": 0, "library": 0}
    noise: dict[str, list[float]] = {name: [] for name in exact}
    for rgb, bits in zip(pictures(size, count), _messages(length), strict=False):
        made = {"ours": _opened(_ours(rgb, bits)), "library": library_writes(rgb, bits)}
        for name, marked in made.items():
            exact[name] += _by_the_library(marked, length) == bits
            noise[name].append(_psnr(marked, rgb))
    return {
        "size": size, "bits": length, "pictures": count, "votes_per_bit": writer.votes_per_bit((size, size), length),
        **{f"all_bits_{name}": round(hits / count, 3) for name, hits in exact.items()},
        **{f"psnr_{name}": round(statistics.mean(values), 1) for name, values in noise.items()},
        "least_psnr_ours": round(min(noise["ours"]), 1),
    }  # fmt: skip


def _found(size: int, length: int, count: int) -> dict[str, Any]:
    """How many of the marked PNGs our reader finds after each attack."""
    seen: dict[str, dict[str, list[float]]] = {name: {"ours": [], "library": []} for name in _ATTACKS}
    for rgb, bits in zip(pictures(size, count, 1), _messages(length, 1), strict=False):
        made = {"ours": _opened(_ours(rgb, bits)), "library": library_writes(rgb, bits)}
        for attack, change in _ATTACKS.items():
            for name, marked in made.items():
                seen[attack][name].append(_z(change(marked), bits))
    return {
        attack: {
            name: {
                "found": round(sum(z > 0 for z in scores) / count, 3),
                "median_z": round(statistics.median(scores), 1),
                "least_z": round(min(scores), 1),
            }
            for name, scores in both.items()
        }
        for attack, both in seen.items()
    }


def _files(kind: str, size: int, length: int, count: int) -> dict[str, Any]:
    """Lossy files, in and out: all bits in what is released, how many were refused or coded again with more effort."""
    exact = refused = again = 0
    for rgb, bits in zip(pictures(size, count, 2), _messages(length, 2), strict=False):
        effort = writer.Effort.of((size, size), length)
        first = saved(writer.written(_opened(_file(rgb, kind)), bits, effort), kind, quality=92)
        again += _by_the_library(first, length) != bits
        try:
            exact += _by_the_library(_opened(_ours(rgb, bits, kind)), length) == bits
        except Unreadable:
            refused += 1
    return {
        "kind": kind.lower(), "size": size, "bits": length, "pictures": count, "refused": refused,
        "all_bits": round(exact / max(1, count - refused), 3), "written_again": round(again / count, 3),
    }  # fmt: skip


def _cut(count: int) -> dict[str, Any]:
    """Cut pictures, found by a reader that knows the message; and what one that does not takes them for."""
    draw, hits, taken = random.Random(1), 0, 0
    for rgb, bits in zip(pictures(512, count, 3), _messages(56, 3), strict=False):
        top, left, bottom, right = (draw.randint(1, 80) for _ in range(4))
        cut = _opened(_ours(rgb, bits))[top:-bottom, left:-right]
        found = dwtdct.anywhere(cut, {**dwtdct.MESSAGES, "ours": bits})
        hits += found is not None and found.kind == "ours" and found.is_certain
        other = dwtdct.anywhere(cut, dwtdct.MESSAGES)
        taken += other is not None and other.is_certain
    return {"of": count, "found": hits, "taken_for_a_generators": taken}


def _clean(count: int) -> dict[str, Any]:
    """Clean pictures and messages drawn by chance; marked pictures, and readers who do not know the message."""
    false = taken = 0
    highest = 0.0
    messages = _messages(56, 4)
    few = list(pictures(320, count // 12, 5))
    for rgb in pictures(320, count, 4):
        z = max(one.z for one in dwtdct.read(rgb, {str(number): next(messages) for number in range(6)}))
        highest, false = max(highest, z), false + (z >= dwtdct.ALIGNED)
    for number, rgb in enumerate(few):
        length = (24, 40, 56, 64, 96)[number % 5]
        bits = next(_messages(length, number))
        marked = writer.written(rgb, bits, writer.Effort.of((320, 320), length))
        taken += any(one.is_certain for one in dwtdct.read(marked, dwtdct.MESSAGES))
    return {
        "pictures": count, "tests": 12 * count, "found": false, "highest_z": round(highest, 2),
        "marked": len(few), "taken_for_a_generators": taken,
    }  # fmt: skip


def _cost() -> dict[str, Any]:
    """CPU milliseconds of one thread for a picture of 1024 × 1024."""
    (rgb,) = pictures(1024, 1)
    bits = next(_messages(56))
    report: dict[str, Any] = {
        "write_ms": milliseconds(lambda: writer.written(rgb, bits, writer.Effort.of((1024, 1024), 56)), 9),
        "library_write_ms": milliseconds(lambda: library_writes(rgb, bits), 3),
    }
    for kind in ("PNG", "JPEG", "WEBP"):
        data = _file(rgb, kind)
        wanted = pixels.plan(data, bits)
        made = _ours(rgb, bits, kind)
        report[kind.lower()] = {
            "plan_ms": milliseconds(lambda data=data: pixels.plan(data, bits), 5),
            "check_ms": milliseconds(lambda made=made, wanted=wanted: pixels.check(made, wanted), 5),
            "whole_stamp_ms": milliseconds(
                lambda data=data: _done(stamped(data, Stamp(("pixel_mark",), message=bits))), 3
            ),
            "decode_and_encode_ms": milliseconds(lambda kind=kind: saved(rgb, kind), 3),
        }
    return report


def table(report: dict[str, Any]) -> str:
    """Markdown: a table for each part."""
    rows = ["| pixels, bits | votes a bit | all bits, ours | library's writer | PSNR, ours | library's |"]
    rows.append("| --- | ---: | ---: | ---: | ---: | ---: |")
    rows += [
        f"| {one['size']}², {one['bits']} | {one['votes_per_bit']} | {one['all_bits_ours']:.2f} | "
        f"{one['all_bits_library']:.2f} | {one['psnr_ours']} (least {one['least_psnr_ours']}) | {one['psnr_library']} |"
        for one in report.get("lossless", [])
    ]
    rows += [
        "",
        "| found after | " + " | ".join(f"{size}², ours | library's" for size in report.get("found", {})) + " |",
    ]
    rows.append("| --- |" + " ---: | ---: |" * len(report.get("found", {})))
    for attack in _ATTACKS:
        cells = [
            f"{one[attack][name]['found']:.2f} (z {one[attack][name]['median_z']})"
            for one in report.get("found", {}).values()
            for name in ("ours", "library")
        ]
        rows.append(f"| {attack} | {' | '.join(cells)} |")
    rows += ["", "| file | pixels, bits | all bits | refused | coded again |", "| --- | --- | ---: | ---: | ---: |"]
    rows += [
        f"| {one['kind']} | {one['size']}², {one['bits']} | {one['all_bits']:.2f} | "
        f"{one['refused']}/{one['pictures']} | {one['written_again']:.2f} |"
        for one in report.get("files", [])
    ]
    rows += ["", *(f"- {name}: {report[name]}" for name in ("cut", "clean", "cost") if name in report)]
    return "\n".join(rows)
