"""`zero_shot` on a small CLIP that knows colours by their names."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from guard import registry
from guard.classifier import Classifier
from guard.content import ImagePart
from guard.errors import RegistryError, WeightsError
from guard.finding import Finding
from tests.classifiers import models


def loaded(**more: Any) -> Classifier[Any]:
    one = registry.create("zero_shot", {**models.options("zero_shot"), **more})
    one.load()
    return one


@pytest.fixture(scope="module")
def classifier() -> Classifier[Any]:
    return loaded()


def colour(*names: str, size: tuple[int, int] = (90, 50)) -> ImagePart:
    rgb = [tuple(round(255 * value) for value in models.COLOURS[name]) for name in names]
    frames = [Image.new("RGB", size, one) for one in rgb]
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=len(frames) > 1, append_images=frames[1:])
    return ImagePart(file.getvalue(), media_type="image/png")


def judged(classifier: Classifier[Any], *parts: ImagePart) -> list[dict[str, float]]:
    found: list[list[Finding]] = classifier.classify([classifier.prepare(part) for part in parts])
    return [{finding.category: finding.score for finding in findings} for findings in found]


def test_a_category_is_what_its_prompts_say(classifier: Classifier[Any]) -> None:
    red, blue = judged(classifier, colour("red"), colour("blue"))

    assert red["custom.red"] > 0.9
    assert blue.get("custom.red", 0) < 0.1
    other = loaded(categories={"custom.sea": ["blue things"]}, neutral=["red things", "green things", "grey things"])
    assert judged(other, colour("blue"))[0]["custom.sea"] > 0.9


def test_one_frame_is_enough(classifier: Classifier[Any]) -> None:
    (found,) = judged(classifier, colour("blue", "grey", "red"))

    assert found["custom.red"] > 0.9


def test_neighbours_change_no_score(classifier: Classifier[Any]) -> None:
    parts = [colour("red"), colour("green", "blue"), colour("grey", size=(3, 400)), colour("red", size=(32, 32))]
    for part, among in zip(parts, judged(loaded(), *parts), strict=True):
        assert judged(classifier, part)[0] == pytest.approx(among, abs=1e-4)


def test_scores_are_the_shares_that_the_library_gives(classifier: Classifier[Any]) -> None:
    import open_clip
    import torch

    name = f"local-dir:{models.clip_folder()}"
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    model.eval()
    words = ["red things", "green things", "blue things", "grey things"]
    one = loaded(templates=["{}"])
    with torch.inference_mode():
        read = model.encode_text(open_clip.get_tokenizer(name)(words), normalize=True)
        seen = model.encode_image(preprocess(Image.open(io.BytesIO(colour("red").data)))[None], normalize=True)
        shares = (model.logit_scale.exp() * seen @ read.T).softmax(dim=-1)[0]

    assert judged(one, colour("red"))[0]["custom.red"] == pytest.approx(float(shares[0]), abs=1e-4)


def test_policies_with_other_words_share_the_model_and_what_it_saw(classifier: Classifier[Any]) -> None:
    other = loaded(categories={"custom.grass": ["green things"]})

    assert other._clip is classifier._clip  # type: ignore[attr-defined]


def test_options_that_make_no_sense_are_refused() -> None:
    for options, message in [
        ({"categories": {"weapons": ["a gun"]}}, "`weapons` is no category: .* call it `custom.weapons`"),
        ({"categories": {"violence": []}}, "has an empty prompt or none"),
        ({"neutral": []}, "neutral is empty"),
        ({"templates": ["a photo"]}, "has {} where the prompt goes"),
    ]:
        with pytest.raises(RegistryError, match=message):
            registry.create("zero_shot", options)


def test_a_folder_that_holds_no_such_model_says_so(tmp_path: Path) -> None:
    torn = Path(shutil.copytree(models.clip_folder(), tmp_path / "torn"))
    (torn / "open_clip_config.json").write_text("{}")

    with pytest.raises(WeightsError, match="cannot be loaded"):
        loaded(model=str(torn))
    with pytest.raises(WeightsError, match=r"holds no \.safetensors"):
        loaded(model=str(tmp_path))
    with pytest.raises(WeightsError, match="the policy pins it to 00"):
        loaded(sha256={"open_clip_model.safetensors": "00" * 32})
