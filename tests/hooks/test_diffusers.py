"""With a pipeline of diffusers' own whose weights are random: what it draws is noise."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from guard import BlockedError, Guard
from guard.audit import State
from guard.audit.sqlite import read
from guard.classifier import Readable
from guard.content import ImagePart, Modality
from guard.finding import Finding
from guard.hooks.diffusers import SafetyChecker, guarded
from tests.fakes import CanaryClassifier, FakeCatalog

RULES = """
policy: pictures
classifiers:
  canary: {}
  keywords: {lists: {stop: [zorblax]}, builtin: []}
rules:
  - {id: stop-it, modalities: [text], when: {category: custom.stop}, then: block}
  - {id: stop-pictures, modalities: [image], when: {category: custom.canary, at_least: %s}, then: block}
"""


class Brightness(CanaryClassifier):
    """Scores a picture by how bright it is."""

    modalities = frozenset({Modality.IMAGE})
    window = None
    inline_cost = 0

    def prepare(self, part: Readable) -> Any:
        assert isinstance(part, ImagePart)
        return np.asarray(Image.open(io.BytesIO(part.data)).convert("RGB"))

    def cost(self, item: Any) -> int:
        return 1

    def classify(self, items: Any) -> list[list[Finding]]:
        return [[Finding("custom.canary", float(one.mean()) / 255, modality=Modality.IMAGE)] for one in items]


@pytest.fixture(scope="module")
def bare() -> Any:
    torch.manual_seed(7)
    blocks: dict[str, Any] = {"block_out_channels": (8, 8), "norm_num_groups": 4}
    unet = diffusers.UNet2DConditionModel(
        sample_size=8,
        layers_per_block=1,
        cross_attention_dim=8,
        attention_head_dim=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **blocks,
    )
    kinds: dict[str, Any] = {
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
    }
    pipeline = diffusers.StableDiffusionPipeline(
        vae=diffusers.AutoencoderKL(latent_channels=4, **kinds, **blocks),
        text_encoder=None,
        tokenizer=None,
        unet=unet,
        scheduler=diffusers.DDIMScheduler(clip_sample=False, steps_offset=1),
        safety_checker=None,
        feature_extractor=transformers.CLIPImageProcessor(size=16, crop_size=16),
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(params=["0.0", "1.0"], ids=["refusing", "allowing"])
def judging(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A guard that refuses every picture, and one that refuses none."""
    (tmp_path / "pictures.yaml").write_text(RULES % request.param)
    guard = Guard(tmp_path / "pictures.yaml", audit=tmp_path / "audit.db", catalog=FakeCatalog(Brightness()))
    yield guard, request.param == "0.0", tmp_path / "audit.db"
    guard.close()


def drawn(pipeline: Any, **named: Any) -> Any:
    torch.manual_seed(3)
    words = {"prompt_embeds": torch.zeros(2, 4, 8), "negative_prompt_embeds": torch.zeros(2, 4, 8)}
    return pipeline(**words, num_inference_steps=1, height=16, width=16, **named)


def colours(picture: Any) -> int:
    """How different neighbouring dots are: of noise very, of what is blurred hardly."""
    array = np.asarray(picture, dtype=np.float32)
    return int(np.abs(np.diff(array, axis=0)).mean())


def test_a_safety_checker_hides_what_the_policy_refuses_and_leaves_the_rest(
    bare: Any, judging: tuple[Guard, bool, Path]
) -> None:
    guard, refuses, log = judging
    bare.safety_checker = None
    alone = drawn(bare).images
    bare.safety_checker = SafetyChecker(guard)
    answer = drawn(bare)
    assert answer.nsfw_content_detected == [refuses] * 2
    for picture, before in zip(answer.images, alone, strict=True):
        assert picture.size == before.size
        assert np.asarray(picture).any(), "it is black"
        if refuses:
            assert colours(picture) < colours(before) / 2
        else:
            assert np.array_equal(np.asarray(picture), np.asarray(before))
    assert [one.state for one in read(log)] == [State.BLOCKED if refuses else State.ALLOWED]


def test_a_guarded_pipeline_judges_prompts_before_it_draws_and_pictures_before_they_are_seen(
    bare: Any, judging: tuple[Guard, bool, Path]
) -> None:
    guard, refuses, log = judging
    bare.safety_checker = None
    pipeline = guarded(bare, guard, style="replace")
    assert pipeline.unet is bare.unet
    for named in ({"prompt": "a zorblax"}, {"prompt": ["a house", "a zorblax"]}, {"negative_prompt": "zorblax"}):
        with pytest.raises(BlockedError):
            pipeline(**named)
    with pytest.raises(BlockedError):
        pipeline("a zorblax")
    with pytest.raises(TypeError, match="output_type"):
        drawn(pipeline, output_type="latent")
    answer = drawn(pipeline)
    assert answer.nsfw_content_detected == [refuses] * 2
    assert ([one.getcolors() for one in answer.images] == [[(256, (128, 128, 128))]] * 2) is refuses
    assert [one.state for one in read(log)] == [State.BLOCKED if refuses else State.ALLOWED, *[State.BLOCKED] * 4]


def test_whatever_text_a_pipeline_is_given_is_judged_and_what_gives_no_pictures_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "pictures.yaml").write_text(RULES % "1.0")
    guard = Guard(tmp_path / "pictures.yaml", audit=tmp_path / "audit.db", catalog=FakeCatalog(Brightness()))
    drawn_from: list[Any] = []

    def latent(*given: Any, **named: Any) -> Any:  # as where `output_type` is given by position
        drawn_from.append((given, named))
        return SimpleNamespace(images=torch.zeros(1, 4, 8, 8))

    pipeline = guarded(latent, guard)
    with pytest.raises(BlockedError):
        pipeline("a house", "a zorblax")  # pipelines with two encoders take a second prompt
    with pytest.raises(BlockedError):
        pipeline("a house", prompt_4="a zorblax")
    assert drawn_from == []
    picture = Image.new("RGB", (8, 8))
    with pytest.raises(AttributeError):
        pipeline("a house", picture, strength=0.5)
    assert drawn_from == [(("a house", picture), {"strength": 0.5})]
    assert [one.state for one in read(tmp_path / "audit.db")][::-1] == [*[State.BLOCKED] * 2, State.UPSTREAM_ERROR]
    guard.close()


def test_arrays_and_grey_pictures_are_no_exception(judging: tuple[Guard, bool, Path]) -> None:
    guard, refuses, _ = judging
    checker = SafetyChecker(guard)
    noise = np.random.default_rng(5).random((1, 32, 48, 3), dtype=np.float32)
    images, bad = checker(images=noise.copy(), clip_input=None)
    assert bad == [refuses]
    assert np.array_equal(images, noise) is not refuses
    assert (images.min() >= 0, images.max() <= 1, images.shape) == (True, True, noise.shape)
    grey, bad = checker(torch.rand(1, 1, 16, 16) * 2 - 1)
    assert (bad, grey.shape) == ([refuses], (1, 1, 16, 16))


def test_only_the_pictures_that_a_rule_names_are_hidden(tmp_path: Path) -> None:
    (tmp_path / "pictures.yaml").write_text(RULES % "0.5")
    guard = Guard(tmp_path / "pictures.yaml", catalog=FakeCatalog(Brightness()))
    dark, bright = np.full((1, 16, 16, 3), 0.2), np.full((1, 16, 16, 3), 0.8)
    images, bad = SafetyChecker(guard, style="replace")(np.concatenate([dark, bright, dark]))
    assert bad == [False, True, False]
    assert np.allclose(images[[0, 2]], 0.2)
    assert np.allclose(images[1], 128 / 255)
    guard.close()


def test_a_picture_that_cannot_be_judged_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "words.yaml").write_text(
        "policy: words\nclassifiers:\n  keywords: {lists: {stop: [zorblax]}, builtin: []}\n"
        "rules:\n  - {id: stop-it, when: {category: custom.stop}, then: block}\n"
    )
    guard = Guard(tmp_path / "words.yaml")
    _, bad = SafetyChecker(guard)(np.zeros((2, 16, 16, 3), dtype=np.float32))
    assert bad == [True, True]
    guard.close()


@pytest.mark.parametrize("form", ["picture", "list", "positional", "array", "tensor", "transparent tensor"])
def test_pictures_that_a_pipeline_is_given_are_judged_before_it_draws(tmp_path: Path, form: str) -> None:
    (tmp_path / "pictures.yaml").write_text(RULES % "0.5")
    guard = Guard(tmp_path / "pictures.yaml", audit=tmp_path / "audit.db", catalog=FakeCatalog(Brightness()))
    drawn_from: list[Any] = []

    def repaint(*given: Any, **named: Any) -> Any:
        drawn_from.append((given, named))
        return SimpleNamespace(images=[Image.new("RGB", (8, 8))])

    def asked(brightness: float) -> tuple[tuple[Any, ...], dict[str, Any]]:
        picture = Image.new("RGB", (8, 8), (round(255 * brightness),) * 3)
        return {
            "picture": (("a house",), {"image": picture}),
            "list": (("a house",), {"control_image": [Image.new("L", (8, 8)), picture]}),
            "positional": (("a house", picture), {}),
            "array": (("a house",), {"image": np.full((8, 8, 3), brightness, np.float32)}),
            "tensor": (("a house", torch.full((1, 3, 8, 8), 2 * brightness - 1)), {}),
            "transparent tensor": (("a house",), {"mask_image": torch.full((1, 4, 8, 8), 2 * brightness - 1)}),
        }[form]

    pipeline = guarded(repaint, guard)
    latents = torch.ones(1, 4, 8, 8)
    for brightness in (0.9, 0.1):
        given, named = asked(brightness)
        if brightness > 0.5:
            with pytest.raises(BlockedError):
                pipeline(*given, latents=latents, **named)
        else:
            pipeline(*given, latents=latents, **named)
    assert len(drawn_from) == 1
    assert drawn_from[0][1]["latents"] is latents
    blocked, done = list(read(tmp_path / "audit.db"))[::-1]
    assert (blocked.state, done.state) == (State.BLOCKED, State.ALLOWED)
    guard.close()


def test_a_picture_that_would_have_to_be_changed_does_not_go_in(tmp_path: Path) -> None:
    blur = "{redact: {style: blur}}"
    (tmp_path / "pictures.yaml").write_text((RULES % "0.5").replace("0.5}, then: block", f"0.5}}, then: {blur}"))
    guard = Guard(tmp_path / "pictures.yaml", catalog=FakeCatalog(Brightness()))
    pipeline = guarded(lambda **_: pytest.fail("it was drawn from"), guard)
    with pytest.raises(BlockedError):
        pipeline(prompt="a house", image=Image.new("RGB", (8, 8), (250, 250, 250)))
    guard.close()


def see_through(kind: str, brightness: int) -> Any:
    """A picture of that brightness that shows nothing of it to a viewer."""
    picture = Image.new("RGBA", (8, 8), (brightness, brightness, brightness, 0))
    if kind == "RGBA":
        return picture
    if kind == "LA":
        return picture.convert("LA")
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, brightness, brightness, brightness])
    palette.info["transparency"] = bytes([255, 0]) if kind == "P" else 1
    return palette


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P", "P, one colour"])
def test_what_transparency_hides_is_judged_for_a_pipeline_takes_no_notice_of_it(tmp_path: Path, kind: str) -> None:
    class Shown(Brightness):
        """Of what a viewer shows on black."""

        def prepare(self, part: Readable) -> Any:
            assert isinstance(part, ImagePart)
            picture = Image.open(io.BytesIO(part.data)).convert("RGBA")
            return np.asarray(Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture).convert("RGB"))

    (tmp_path / "pictures.yaml").write_text(RULES % "0.5")
    guard = Guard(tmp_path / "pictures.yaml", catalog=FakeCatalog(Shown()))
    pipeline = guarded(lambda **_: SimpleNamespace(images=[Image.new("RGB", (8, 8))]), guard)
    with pytest.raises(BlockedError):
        pipeline(prompt="a house", image=see_through(kind, 250))
    pipeline(prompt="a house", image=see_through(kind, 10))
    guard.close()


FORMS: dict[str, Any] = {
    "bytes": lambda grey: np.full((8, 8, 3), grey, np.uint8),
    "bytes, channels first": lambda grey: np.full((3, 8, 8), grey, np.uint8),
    "bytes in a tensor": lambda grey: torch.full((8, 8, 3), grey, dtype=torch.uint8),
    "two bytes": lambda grey: np.full((8, 8, 3), grey * 257, np.uint16),
    "from 0 to 1 in a tensor": lambda grey: torch.full((1, 3, 8, 8), grey / 255),
    "from -1 to 1 in an array": lambda grey: np.pad(
        np.full((1, 7, 8, 3), grey / 127.5 - 1), [(0, 0), (1, 0), *[(0, 0)] * 2], constant_values=-1
    ),
    "no channels": lambda grey: np.full((8, 8), grey, np.uint8),
    "values of a mapping": lambda grey: {"one": Image.new("L", (8, 8), grey)}.values(),
    "an array of objects": lambda grey: np.array([None, Image.new("L", (8, 8), grey)], dtype=object),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_is_judged_as_bright_as_it_is_in_whatever_numbers_it_comes(tmp_path: Path, form: str) -> None:
    for refused, passed in ((0.7, 0.9), (0.1, 0.3)):  # the picture has 0.2 and 0.8
        (tmp_path / "pictures.yaml").write_text(RULES % refused)
        strict = Guard(tmp_path / "pictures.yaml", catalog=FakeCatalog(Brightness()))
        (tmp_path / "pictures.yaml").write_text(RULES % passed)
        mild = Guard(tmp_path / "pictures.yaml", catalog=FakeCatalog(Brightness()))
        picture = FORMS[form](204 if refused > 0.5 else 51)

        def draw(**_: Any) -> Any:
            return SimpleNamespace(images=[Image.new("RGB", (8, 8))])

        with pytest.raises(BlockedError):
            guarded(draw, strict)(prompt="a house", image=picture)
        guarded(draw, mild)(prompt="a house", image=picture)
        strict.close()
        mild.close()


def test_no_path_stands_for_a_picture_and_nothing_is_given_but_images(tmp_path: Path) -> None:
    (tmp_path / "pictures.yaml").write_text(RULES % "0.5")
    guard = Guard(tmp_path / "pictures.yaml", catalog=FakeCatalog(Brightness()))
    plain, bright = Image.new("RGB", (8, 8)), Image.new("RGB", (8, 8), (250, 250, 250))

    def drawing(**more: Any) -> Any:
        return guarded(lambda **_: SimpleNamespace(images=[plain], nsfw_content_detected=None, **more), guard)

    for place in ("http://127.0.0.1:9/zebra.png", tmp_path / "zebra.png", [plain, "zebra.png"]):
        with pytest.raises(TypeError, match="load them first"):
            drawing()(prompt="a house", control_image=place)
    for more in ({"text": ["zorblax"]}, {"unsafe_images": [bright]}, {"about": {"said": "zorblax"}}):
        with pytest.raises(TypeError, match="is not judged"):
            drawing(**more)(prompt="a house")
    assert drawing(seed=3)(prompt="a house").images == [plain]
    both = diffusers.ImageTextPipelineOutput(images=[plain], text=["zorblax"])
    with pytest.raises(TypeError, match="`text`"):
        guarded(lambda **_: both, guard)(prompt="a house")
    guard.close()
