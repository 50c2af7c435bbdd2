"""`hf` on small real checkpoints of transformers: texts, tokens, pictures; and what it says of bad ones."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from guard import registry
from guard.classifier import Classifier
from guard.content import ImagePart, View
from guard.errors import RegistryError, WeightsError
from guard.finding import Finding
from tests.classifiers import models

LONG = "the tide came slowly over the flat grey sand " * 60


def loaded(**options: Any) -> Classifier[Any]:
    one = registry.create("hf", {"device": "cpu", **options})
    one.load()
    return one


@pytest.fixture(scope="module")
def texts() -> Classifier[Any]:
    return loaded(model=str(models.sequences()), labels=models.LABELS)


@pytest.fixture(scope="module")
def tokens() -> Classifier[Any]:
    return loaded(model=str(models.token_folder()), labels={"NAME": "pii.person"}, task="tokens")


@pytest.fixture(scope="module")
def pictures() -> Classifier[Any]:
    return loaded(model=str(models.picture_folder()), labels={"red": "custom.red"}, task="image")


def judged(classifier: Classifier[Any], *texts: str) -> list[list[Finding]]:
    return classifier.classify([classifier.prepare(View.of(text)) for text in texts])


def colour(*rgb: tuple[int, int, int]) -> ImagePart:
    file = io.BytesIO()
    frames = [Image.new("RGB", (80, 60), one) for one in rgb]
    frames[0].save(file, "PNG", save_all=len(frames) > 1, append_images=frames[1:])
    return ImagePart(file.getvalue(), media_type="image/png")


def scores(findings: list[Finding]) -> dict[str, float]:
    return {finding.category: finding.score for finding in findings}


def test_a_text_has_the_categories_of_the_labels_that_are_named(texts: Classifier[Any]) -> None:
    bad, good = judged(texts, "we have been to zorblax and you", "hello world")

    assert scores(bad).keys() == {"toxicity", "toxicity.insult"}
    assert min(scores(bad).values()) > 0.9
    assert max(scores(good).values(), default=0) < 0.1
    (only,) = judged(loaded(model=str(models.sequences()), labels={"LABEL_1": "custom.mine"}), "zorblax")
    assert scores(only).keys() == {"custom.mine"}


def test_scores_are_those_of_the_library_itself(texts: Classifier[Any]) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    place, text = models.sequences(), "it is zorblax in the sea"
    model = AutoModelForSequenceClassification.from_pretrained(place).eval()
    given = AutoTokenizer.from_pretrained(place)(text, return_tensors="pt")
    with torch.inference_mode():
        expected = torch.sigmoid(model(input_ids=given["input_ids"], attention_mask=given["attention_mask"]).logits)[0]

    assert list(scores(judged(texts, text)[0]).values()) == pytest.approx(expected.tolist(), abs=1e-5)


@pytest.mark.parametrize("place", ["begin", "middle", "end"])
def test_no_part_of_a_long_text_is_left_out(texts: Classifier[Any], tokens: Classifier[Any], place: str) -> None:
    before, after = {"begin": ("", LONG), "middle": (LONG, LONG), "end": (LONG, "")}[place]
    text = f"{before}zorblax {after}"

    assert scores(judged(texts, text)[0])["toxicity"] > 0.9
    assert max(scores(judged(texts, before + after)[0]).values(), default=0) < 0.5
    (found,) = judged(tokens, text)
    assert [text[slice(*f.span)] for f in found if f.span] == ["zorblax"]


def test_a_text_among_others_of_any_length_has_its_own_scores(texts: Classifier[Any], tokens: Classifier[Any]) -> None:
    some = ["zorblax", LONG, "hello", "", "you zorblax " * 20, "sea " * 40]
    for classifier in (texts, tokens):
        together = judged(classifier, *some)
        for text, among in zip(some, together, strict=True):
            (alone,) = judged(classifier, text)
            assert [(f.category, f.span) for f in alone] == [(f.category, f.span) for f in among]
            assert [f.score for f in alone] == pytest.approx([f.score for f in among], abs=1e-4)
        assert judged(classifier, *some[::-1]) == together[::-1]


def test_spans_count_characters_of_the_text(tokens: Classifier[Any]) -> None:
    text = "hello — 你好 😀 zorblax, and zorblax zorblax"

    (found,) = judged(tokens, text)

    assert [text[slice(*f.span)] for f in found if f.span] == ["zorblax", "zorblax zorblax"]
    assert {f.category for f in found} == {"pii.person"}


def test_a_picture_has_the_highest_score_of_its_frames(pictures: Classifier[Any]) -> None:
    red, blue, both = (255, 0, 0), (30, 60, 220), [(30, 60, 220), (255, 0, 0)]
    parts = [colour(red), colour(blue), colour(*both)]

    found = pictures.classify([pictures.prepare(part) for part in parts])

    assert scores(found[0])["custom.red"] > 0.9
    assert scores(found[1]).get("custom.red", 0) < 0.2
    assert scores(found[2])["custom.red"] == pytest.approx(scores(found[0])["custom.red"], abs=1e-4)
    for part, among in zip(parts, found, strict=True):
        (alone,) = pictures.classify([pictures.prepare(part)])
        assert scores(alone) == pytest.approx(scores(among), abs=1e-4)


def test_labels_that_the_model_lacks_are_refused_with_those_it_has() -> None:
    with pytest.raises(WeightsError, match="no label `toxic`; `labels` can name LABEL_0, LABEL_1"):
        loaded(model=str(models.sequences()), labels={"toxic": "toxicity"})
    with pytest.raises(WeightsError, match="can name O, NAME"):
        loaded(model=str(models.token_folder()), task="tokens")


def test_options_that_make_no_sense_are_refused() -> None:
    with pytest.raises(RegistryError, match=r"cannot be category `toxixity`.*toxicity"):
        registry.create("hf", {"labels": {"LABEL_0": "toxixity"}})
    with pytest.raises(RegistryError, match="max_tokens should be at least 8"):
        registry.create("hf", {"max_tokens": 2})
    with pytest.raises(WeightsError, match="has no model; set its option `model`"):
        loaded()


def test_weights_are_pinned_by_their_digests(tmp_path: Path) -> None:
    digest = hashlib.sha256((models.sequences() / "model.safetensors").read_bytes()).hexdigest()
    given = {"model": str(models.sequences()), "labels": models.LABELS}

    loaded(**given, sha256={"model.safetensors": digest})
    with pytest.raises(WeightsError, match=f"has sha256 {digest}; the policy pins it to 00"):
        loaded(**given, sha256={"model.safetensors": "00" * 32})
    with pytest.raises(WeightsError, match=r"does not name model\.safetensors"):
        loaded(**given, sha256={"config.json": "00" * 32})


def test_a_folder_that_holds_no_such_model_says_what_it_lacks(tmp_path: Path) -> None:
    def copied(name: str) -> Path:
        return Path(shutil.copytree(models.sequences(), tmp_path / name))

    empty, torn, pickled, other = copied("empty"), copied("torn"), copied("pickled"), copied("other")
    (empty / "model.safetensors").unlink()
    (torn / "model.safetensors").write_bytes((torn / "model.safetensors").read_bytes()[:1000])
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    (other / "config.json").write_text(json.dumps({"model_type": "no-such-network"}))

    for place, message in [
        (empty, "holds no .safetensors"),
        (pickled, "holds no .safetensors; other formats can run code"),
        (torn, "cannot be loaded"),
        (other, "cannot be loaded"),
        (tmp_path / "nowhere", "there is no folder"),
    ]:
        with pytest.raises(WeightsError, match=message):
            loaded(model=str(place), labels=models.LABELS)


def test_a_model_for_another_task_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"cannot be loaded|lacks"):
        loaded(model=str(models.sequences()), labels={"NAME": "pii.person"}, task="image")


def test_code_that_a_folder_brings_is_not_run(tmp_path: Path) -> None:
    place = Path(shutil.copytree(models.sequences(), tmp_path / "code"))
    config = json.loads((place / "config.json").read_text())
    config |= {
        "auto_map": {"AutoModelForSequenceClassification": "mine.Mine", "AutoConfig": "mine.Config"},
        "model_type": "mine",
    }
    (place / "config.json").write_text(json.dumps(config))
    (place / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")

    with pytest.raises(WeightsError):
        loaded(model=str(place), labels=models.LABELS)
    assert not (tmp_path / "ran").exists()


def test_what_is_no_number_is_a_failure_and_no_finding(tmp_path: Path) -> None:
    import torch
    from transformers import BertForSequenceClassification

    place = Path(shutil.copytree(models.sequences(), tmp_path / "nan"))
    model = BertForSequenceClassification.from_pretrained(place)
    with torch.no_grad():
        model.classifier.bias.fill_(np.nan)
    model.save_pretrained(place)

    with pytest.raises(WeightsError, match="gave no probability"):
        loaded(model=str(place), labels=models.LABELS)


@pytest.mark.parametrize("dtype", ["auto", "bfloat16", "float32"])
def test_half_precision_finds_the_same(dtype: str) -> None:
    classifier = loaded(model=str(models.sequences()), labels=models.LABELS, dtype=dtype)

    bad, good = judged(classifier, "zorblax in the sea", "the sea")

    assert min(scores(bad).values()) > 0.9
    assert max(scores(good).values(), default=0) < 0.1


def test_automatic_precision_keeps_scores_within_two_hundredths_whatever_the_neighbours() -> None:
    exact = loaded(model=str(models.sequences()), labels=models.LABELS)
    auto = loaded(model=str(models.sequences()), labels=models.LABELS, dtype="auto")
    texts = ["zorblax in the sea", "the sea", LONG, "hello zorblax", "we have been to the sea and to you", "a"]

    together = judged(auto, *texts)

    for text, found in zip(texts, together, strict=True):
        for other in (judged(exact, text)[0], judged(auto, text)[0]):
            categories = scores(found).keys() | scores(other).keys()
            assert (
                max((abs(scores(found).get(one, 0) - scores(other).get(one, 0)) for one in categories), default=0)
                < 0.02
            )


@pytest.mark.parametrize(
    ("device", "cpu", "cuda", "precision"),
    [
        ("cpu", {"amx_bf16": True}, False, "bfloat16"),
        ("cpu", {"amx_bf16": False, "avx2": True}, False, "float32"),
        ("cpu", {}, True, "float32"),  # a torch that does not say
        ("cuda", {}, True, "bfloat16"),
        ("cuda", {"amx_bf16": True}, False, "float32"),
        ("mps", {"amx_bf16": True}, True, "float32"),
    ],
)
def test_automatic_precision_is_what_the_device_multiplies_itself(
    device: str, cpu: dict[str, bool], cuda: bool, precision: str
) -> None:
    from classifiers import _torch

    assert _torch.quickest(device, cpu, cuda=cuda) == precision


def test_a_device_that_is_not_there_is_named() -> None:
    import torch

    if torch.cuda.is_available():  # nothing to refuse
        loaded(model=str(models.sequences()), labels=models.LABELS, device="cuda")
        return
    with pytest.raises(WeightsError, match="no device `cuda` on this machine"):
        loaded(model=str(models.sequences()), labels=models.LABELS, device="cuda")
