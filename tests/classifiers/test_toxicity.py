"""`toxicity` on a small checkpoint in detoxify's own format, beside the library's own loop."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from guard import registry
from guard.classifier import Classifier
from guard.content import View
from guard.errors import RegistryError, WeightsError
from guard.finding import Finding
from tests.classifiers import models


def loaded(**options: Any) -> Classifier[Any]:
    one = registry.create("toxicity", {**models.options("toxicity"), **options})
    one.load()
    return one


@pytest.fixture(scope="module")
def classifier() -> Classifier[Any]:
    return loaded()


def judged(classifier: Classifier[Any], *texts: str) -> list[list[Finding]]:
    return classifier.classify([classifier.prepare(View.of(text)) for text in texts])


def test_classes_have_our_names_and_the_scores_of_the_library(classifier: Classifier[Any]) -> None:
    from detoxify import Detoxify

    checkpoint, config = models.detoxify_checkpoint()
    theirs = Detoxify(checkpoint=str(checkpoint), huggingface_config_path=str(config))
    for text in ("you zorblax", "hello world of sand"):
        expected = theirs.predict(text)
        found = {finding.category: finding.score for finding in judged(classifier, text)[0]}
        assert found.get("toxicity", 0) == pytest.approx(expected["toxicity"], abs=0.01)
        assert found.get("hate", 0) == pytest.approx(expected["identity_attack"], abs=0.01)
    assert {finding.category for finding in judged(classifier, "you zorblax")[0]} == {"toxicity", "hate"}


def test_the_end_of_a_long_text_counts(classifier: Classifier[Any]) -> None:
    (found,) = judged(classifier, "the tide came slowly over the flat grey sand " * 40 + "zorblax")

    assert max(finding.score for finding in found) > 0.9


def test_neighbours_change_no_score(classifier: Classifier[Any]) -> None:
    some = ["zorblax", "hello " * 200, "", "you zorblax and we"]
    for text, among in zip(some, judged(classifier, *some), strict=True):
        (alone,) = judged(classifier, text)
        assert [f.category for f in alone] == [f.category for f in among]
        assert [f.score for f in alone] == pytest.approx([f.score for f in among], abs=1e-4)


def test_a_checkpoint_that_could_run_code_is_not_read(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path(tmp_path / "ran").touch, ()

    torch.save({"config": Evil(), "state_dict": {}}, tmp_path / "evil.ckpt")

    with pytest.raises(WeightsError, match="cannot be loaded"):
        loaded(checkpoint=str(tmp_path / "evil.ckpt"))
    assert not (tmp_path / "ran").exists()


def test_a_file_that_is_no_such_checkpoint_says_so(tmp_path: Path) -> None:
    torch.save({"weights": {}}, tmp_path / "other.ckpt")
    good = torch.load(models.detoxify_checkpoint()[0], weights_only=True)
    torch.save({**good, "state_dict": {"classifier.weight": torch.zeros(2, 32)}}, tmp_path / "part.ckpt")
    arch = {**good["config"]["arch"]["args"], "model_name": "AutoModel"}
    torch.save({**good, "config": {**good["config"], "arch": {"args": arch}}}, tmp_path / "network.ckpt")

    for file, message in [
        ("other.ckpt", "has no `config` and `state_dict`"),
        ("part.ckpt", "do not fit its configuration"),
        ("network.ckpt", "wants the network AutoModel; those of detoxify are"),
        ("nowhere.ckpt", "there is no file"),
    ]:
        with pytest.raises(WeightsError, match=message):
            loaded(checkpoint=str(tmp_path / file))
    with pytest.raises(WeightsError, match=r"has sha256 .*pins it to 00"):
        loaded(sha256="00" * 32)


@pytest.mark.parametrize(("file", "apart"), [("model.onnx", 1e-5), ("model_int8.onnx", 0.02)])
def test_an_exported_checkpoint_has_its_scores_without_torch(
    classifier: Classifier[Any], file: str, apart: float
) -> None:
    exported = registry.create("toxicity", {"onnx": str(models.exported_detoxify() / file)})
    exported.load()
    some = ["you zorblax", "hello world of sand", "", "the tide came slowly " * 60 + "zorblax"]

    together = judged(exported, *some)

    for text, found, own in zip(some, together, judged(classifier, *some), strict=True):
        assert {f.category: f.score for f in found} == pytest.approx({f.category: f.score for f in own}, abs=apart)
        assert judged(exported, text) == [found]
    code = f"""
import sys
from guard import registry
registry.create("toxicity", {{"onnx": {str(models.exported_detoxify() / file)!r}}}).load()
print(sorted({{"torch", "transformers", "detoxify", "onnx"}} & sys.modules.keys()))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split("\n")[-2] == "[]"


def test_an_exported_checkpoint_is_pinned_and_has_to_have_classes_of_detoxify(tmp_path: Path) -> None:
    file = models.exported_detoxify() / "model.onnx"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()

    registry.create("toxicity", {"onnx": str(file), "sha256": digest}).load()
    for options, message in [
        ({"onnx": str(file), "sha256": "00" * 32}, f"has sha256 {digest}; .*pinned to 00"),
        ({"onnx": str(tmp_path / "no.onnx")}, r"has no file no\.onnx; of ONNX files it has: none"),
        ({"onnx": str(models.exported() / "model.onnx")}, "its labels are LABEL_0, LABEL_1, none of which is a class"),
    ]:
        with pytest.raises(WeightsError, match=message):
            registry.create("toxicity", options).load()
    for options, message in [({"device": "cuda"}, "runs on the CPU"), ({"checkpoint": "x"}, "leave `checkpoint`")]:
        with pytest.raises(RegistryError, match=message):
            registry.create("toxicity", {"onnx": str(file), **options})


@pytest.mark.parametrize(("model", "gives"), [("original", False), ("unbiased", True), ("multilingual", True)])
def test_an_exported_model_gives_what_the_one_did_that_it_was_made_of(model: Any, gives: bool) -> None:
    assert ("sexual" in registry.provides("toxicity", {"model": model, "onnx": "model.onnx"})) is gives
