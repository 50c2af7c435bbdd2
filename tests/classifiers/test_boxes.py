"""classifiers.boxes: a detector of one's own says where, in shares of the picture, whatever its shape."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from classifiers.boxes import Boxes, BoxesOptions
from guard.content import ImagePart
from guard.errors import WeightsError
from guard.finding import Finding
from tests.classifiers import models


def detector(**more: object) -> Boxes:
    one = Boxes(BoxesOptions(**{**_options(), **more}))  # type: ignore[arg-type]
    one.load()
    return one


def _options() -> dict[str, object]:
    given = models.options("boxes")
    return {**given, "labels": ("red",), "categories": {"custom.red": ("red",)}}


def found(box: tuple[int, int, int, int], size: tuple[int, int] = (64, 64), **more: object) -> list[Finding]:
    image = Image.new("RGB", size, "white")
    image.paste("red", box)
    file = io.BytesIO()
    image.save(file, "PNG")
    one = detector(**more)
    (findings,) = one.classify([one.prepare(ImagePart(file.getvalue()))])
    return findings


@pytest.mark.parametrize("size", [(64, 64), (128, 64), (64, 128), (640, 320)])
def test_a_place_is_told_in_shares_of_the_picture(size: tuple[int, int]) -> None:
    width, height = size
    findings = found((width // 2, height // 2, width, height), size)

    assert findings
    assert min(f.box[0] for f in findings if f.box) == pytest.approx(0.5, abs=0.03)
    assert min(f.box[1] for f in findings if f.box) == pytest.approx(0.5, abs=0.03)
    assert max(f.box[2] for f in findings if f.box) == pytest.approx(1.0, abs=0.03)
    assert {(f.category, f.evidence) for f in findings} == {("custom.red", "red")}


def test_where_nothing_is_nothing_is_found() -> None:
    assert found((0, 0, 0, 0)) == []


def test_a_label_that_no_category_means_is_nothing() -> None:
    assert found((0, 0, 64, 64), categories={}) == []


def test_the_file_can_be_pinned() -> None:
    with pytest.raises(WeightsError, match="pinned"):
        detector(sha256="0" * 64)


def test_a_model_of_other_labels_stops_the_start() -> None:
    with pytest.raises(WeightsError, match="4 \\+ labels"):
        detector(labels=("red", "blue"))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"categories": {"nsfw": ("bare",)}}, "label `bare`, which is not in labels"),
        ({"side": 5}, "side should be"),
        ({"at_least": 0.0}, "at_least between"),
    ],
)
def test_options_that_mean_nothing_are_refused(given: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        BoxesOptions(**given)  # type: ignore[arg-type]


def test_without_a_model_it_does_not_start() -> None:
    with pytest.raises(WeightsError, match="needs its options"):
        Boxes().load()
