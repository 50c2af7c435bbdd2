"""What judging pictures costs and how well they are read: ``python -m benchmarks image``.

CPU time of the whole process, each picture new. The bar is a ratio: pictures per core-second that the pipeline judges
with ``nsfw``, over those of a loop that decodes with Pillow and runs the same network one by one; and on how many
pictures that come with installed packages, and pieces of them, both decide the same. Then how much of what is drawn in
pictures ``ocr`` reads, and on how many of those pictures ``nsfw`` and ``quality`` fire, none of which shows anything of
the kind.
"""

from __future__ import annotations

import asyncio
import io
import statistics
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import uvloop
from PIL import Image, ImageDraw, ImageFont

from benchmarks import _harness
from classifiers import _onnx
from classifiers.nsfw import DOUBT, SHA256, Nsfw, NsfwOptions, model_path
from classifiers.ocr import Ocr
from classifiers.quality import Quality
from guard import registry
from guard.actions import ACTIONS
from guard.classifier import Unreadable
from guard.content import Content, Direction, ImagePart
from guard.pipeline import Engine, Pipeline
from guard.policy.loader import parse_policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guard.finding import Finding

QUESTION = "what does judging a picture cost, and what is read in it?"
PROFILES = {"quick": 24, "full": 120}
"""Pictures that are timed."""
BAR, BAR_AGREEING = 1.4, 2.0
"""Times the loop's pictures, and with a quantised network, which is to decide the same on 99.5 % of pictures."""
_ROUNDS = 5
_THRESHOLDS = (0.3, 0.5, 0.8)
_PIECES = 11
_SIDE = 1024
_POLICY = "policy: pictures\nremember: none\nrules: [{id: no-nsfw, when: {category: nsfw}, then: block}]"
_FONT = Path(__file__).parent.parent / "guard" / "media" / "data" / "notice.otf"
_SYSTEM_FONTS = "/usr/share/fonts/truetype/dejavu"
_PHRASE = "ZORBLAX-7731 protocol"
_LEAST_SIDE = 128
_MOST_PIXELS = 20_000_000


def measure(profile: str, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """Everything, or *only* some of ``speed``, ``agreement``, ``text`` and ``photographs``."""
    report: dict[str, Any] = {"machine": _harness.machine(["onnxruntime", "numpy", "pillow"]), "bar": BAR_AGREEING}
    parts = {
        "speed": lambda: _speed(PROFILES[profile]),
        "agreement": _agreement,
        "text": _text,
        "photographs": _photographs,
    }
    for name, part in parts.items():
        if only is None or name in only:
            report[name] = part()
    return report


def table(report: dict[str, Any]) -> str:
    """The report for people."""
    lines = []
    if "speed" in report:
        one = report["speed"]
        lines.append(
            f"1024 x 1024 JPEG: {one['pipeline_per_core_s']} a core-second, a loop {one['loop_per_core_s']}: "
            f"{one['ratio']} times ({one['ratios'][0]} to {one['ratios'][-1]}; bar {report['bar']}, "
            f"{BAR} if decisions differed)"
        )
    if "agreement" in report:
        one = report["agreement"]
        same = ", ".join(f"at {at} {share:.2%}" for at, share in one["same"].items())
        lines.append(
            f"{one['pictures']} pictures and pieces, decided like the loop {same} (bar 99.5 %); scores of "
            f"{one['doubt']} and more up to {one['apart']} apart, lesser ones up to {one['apart_below']}"
        )
    if "text" in report:
        lines += [
            f"text {row['pixels']} px, contrast {row['contrast']:.0%}: {row['read']} of {row['drawn']} read"
            for row in report["text"]["rows"]
        ]
        lines.append(f"at least 16 px and 50 %: {report['text']['share']:.1%} (bar 90 %)")
    if "photographs" in report:
        one = report["photographs"]
        fired = ", ".join(f"{name} {count}" for name, count in one["fired"].items())
        lines.append(f"of {one['pictures']} harmless pictures of {', '.join(one['packages'])}: {fired}")
    return "\n".join(lines)


def _pictures(count: int) -> list[bytes]:
    """Photographs, as far as a decoder can tell: smooth shapes with grain."""
    rng = np.random.default_rng(7)
    found = []
    for _ in range(count):
        shapes = Image.fromarray(rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)).resize((_SIDE, _SIDE))
        grain = rng.normal(0, 6, (_SIDE, _SIDE, 3))
        file = io.BytesIO()
        picture = Image.fromarray(np.clip(np.asarray(shapes) + grain, 0, 255).astype(np.uint8))
        picture.save(file, "JPEG", quality=90)
        found.append(file.getvalue())
    return found


def _speed(count: int) -> dict[str, Any]:
    pictures = _pictures(count)
    loop = _Loop()
    policy = parse_policy(_POLICY, path="pictures.yaml", actions=ACTIONS, catalog=registry)
    engine = Engine()
    engine.ensure([policy])
    pipeline = Pipeline(engine)

    async def judge(data: bytes) -> None:
        content = Content(Direction.OUTPUT, (ImagePart(data),))
        judged = await pipeline.judge(content, policy, decision_id="x", deadline=time.monotonic() + 600)
        if judged.decision.failures or judged.decision.coverage.checked != 1:
            msg = "a picture was not judged"
            raise RuntimeError(msg)

    async def all_of_them() -> None:
        await asyncio.gather(*map(judge, pictures))

    loop_s, pipeline_s = [], []
    for _ in range(_ROUNDS):  # side by side: what else runs slows them alike
        began = time.process_time()
        for data in pictures:
            loop.score(data)
        loop_s.append(time.process_time() - began)
        began = time.process_time()
        uvloop.run(all_of_them())  # the loop that `guard serve` has
        pipeline_s.append(time.process_time() - began)
    engine.close()
    ratios = sorted(theirs / own for theirs, own in zip(loop_s, pipeline_s, strict=True))
    return {
        "pictures": count,
        "pipeline_per_core_s": round(count / statistics.median(pipeline_s), 1),
        "loop_per_core_s": round(count / statistics.median(loop_s), 1),
        "ratio": round(statistics.median(ratios), 2),
        "ratios": [round(ratio, 2) for ratio in ratios],
    }


class _Loop:
    """What a program does that has Pillow, ONNX Runtime and the published network, one picture after the other."""

    def __init__(self) -> None:
        self._session = _onnx.session(model_path(), SHA256)
        self._name = self._session.get_inputs()[0].name

    def score(self, data: bytes) -> float:
        square = Image.open(io.BytesIO(data)).convert("RGB").resize((256, 256), Image.Resampling.BILINEAR)
        pixels = np.asarray(square.crop((16, 16, 240, 240)), dtype=np.float32)[None, :, :, ::-1]
        (output,) = self._session.run(None, {self._name: pixels - np.array((104, 117, 123), np.float32)})
        return float(output[0, 1])


def _agreement() -> dict[str, Any]:
    """Decisions of the classifier and of the loop on the same files."""
    loop, classifier = _Loop(), Nsfw()
    classifier.load()
    scores = np.array(
        [
            (loop.score(data), max((one.score for one in classifier.classify([item])[0]), default=0.0))
            for data in _pieces()
            for item in [classifier.prepare(ImagePart(data))]
        ]
    )
    theirs, own = scores.T
    apart = np.abs(theirs - own)
    return {
        "pictures": len(scores),
        "doubt": DOUBT,
        "same": {str(at): round(float(np.mean((theirs >= at) == (own >= at))), 4) for at in _THRESHOLDS},
        "reached": {str(at): int((theirs >= at).sum()) for at in _THRESHOLDS},
        "apart": round(float(apart[own >= DOUBT].max(initial=0.0)), 4),
        "apart_below": round(float(apart[own < DOUBT].max(initial=0.0)), 4),
        "doubted": round(float((own >= DOUBT).mean()), 4),
    }


def _pieces() -> Iterator[bytes]:
    """Each picture of installed packages, and pieces of it, half of them under a film of the colour of skin: JPEGs."""
    rng = np.random.default_rng(11)
    for _, data in _packaged():
        with Image.open(io.BytesIO(data)) as picture:
            whole = picture.convert("RGB")
        for number in range(_PIECES + 1):
            piece = whole.copy()
            if number:
                width, height = (int(side * rng.uniform(0.3, 0.9)) for side in whole.size)
                left, top = rng.integers(0, whole.width - width), rng.integers(0, whole.height - height)
                piece = whole.crop((int(left), int(top), int(left) + width, int(top) + height))
            if number > _PIECES // 2:
                film = Image.new("RGB", piece.size, (224, int(rng.integers(150, 190)), int(rng.integers(110, 160))))
                piece = Image.blend(piece, film, float(rng.uniform(0.2, 0.6)))
            piece.thumbnail((_SIDE, _SIDE))
            file = io.BytesIO()
            piece.save(file, "JPEG", quality=85)
            yield file.getvalue()


def _text() -> dict[str, Any]:
    """A phrase drawn in every font there is, at every size, turn and contrast."""
    reader = Ocr()
    reader.load()
    fonts = [_FONT, *(sorted(Path(_SYSTEM_FONTS).glob("DejaVuS*[fso].ttf"))[:3])]
    rows = []
    for pixels in (12, 16, 24, 48):
        for contrast in (0.2, 0.5, 0.8):
            drawn = [(font, turn) for font in fonts for turn in (0, 90, 180)]
            read = sum(_is_read(reader, font, pixels, turn, contrast) for font, turn in drawn)
            rows.append({"pixels": pixels, "contrast": contrast, "drawn": len(drawn), "read": read})
    counted = [row for row in rows if row["pixels"] >= 16 and row["contrast"] >= 0.5]
    share = sum(row["read"] for row in counted) / sum(row["drawn"] for row in counted)
    return {"fonts": [font.stem for font in fonts], "rows": rows, "share": round(share, 4)}


def _is_read(reader: Ocr, font: Path, pixels: int, turn: int, contrast: float) -> bool:
    image = Image.new("L", (640, 640), 230)
    ink = 230 - round(255 * contrast)
    ImageDraw.Draw(image).text((20, 280), _PHRASE, ink, ImageFont.truetype(str(font), pixels))
    file = io.BytesIO()
    image.convert("RGB").rotate(turn).save(file, "PNG")
    (found,) = reader.classify([reader.prepare(ImagePart(file.getvalue()))])
    return any(_PHRASE in getattr(quote, "text", "") for quote in found)


def _photographs() -> dict[str, Any]:
    named = {"nsfw": Nsfw(), "nsfw, thorough": Nsfw(NsfwOptions(thorough=True)), "quality": Quality()}
    for classifier in named.values():
        classifier.load()
    fired = dict.fromkeys(named, 0)
    packages: dict[str, None] = {}
    pictures = 0
    for package, data in _packaged():
        try:
            answers: dict[str, list[Finding]] = {
                name: one.classify([one.prepare(ImagePart(data))])[0] for name, one in named.items()
            }
        except Unreadable:
            continue
        packages[package] = None
        pictures += 1
        for name, findings in answers.items():
            fired[name] += any(finding.score >= 0.5 for finding in findings)
    return {"packages": list(packages), "pictures": pictures, "fired": fired}


def _packaged() -> Iterator[tuple[str, bytes]]:
    """The pictures that come with installed packages, if they are large enough to show something."""
    for distribution in metadata.distributions():
        for file in distribution.files or ():
            if file.suffix.lower() not in {".jpg", ".jpeg", ".png", ".webp"}:
                continue
            path = Path(str(distribution.locate_file(file)))
            try:
                with Image.open(path) as image:
                    large = min(image.size) >= _LEAST_SIDE and image.width * image.height <= _MOST_PIXELS
            except OSError:
                continue
            if large:
                yield distribution.metadata["Name"], path.read_bytes()
