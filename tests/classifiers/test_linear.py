"""classifiers._linear: the feature space, the sum, and the pinned file; and the seed rows it is trained on."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from classifiers import _floor, _linear
from classifiers.weights import seed_tables, seeds
from guard.errors import WeightsError

WEIGHTS = Path(_floor.__file__).parent / "weights"


def naive_grams(text: str) -> set[str]:
    """The feature space in plain words, to hold the vectorised one against."""
    folded = _linear.fold(text)
    runs = {folded[i : i + n] for n in range(2, 6) for i in range(len(folded) - n + 1)}
    found = {run for run in runs if " " not in run[1:-1]}
    found |= {f"han {c}" for c in folded if "\u3400" <= c <= "\u9fff" or c >= "\U00020000"}
    words = _linear._WORD.findall(folded)
    return found | {f"word {w}" for w in words} | {f"pair {a} {b}" for a, b in pairwise(words)}


@pytest.mark.parametrize(
    "text",
    [
        "You are a stupid idiot.",
        "你这个白痴，滚出去！",
        "mixed 中文 and English, isn't it?",
        "a",
        "Ünïcödé ﬁne ＦＵＬＬ　ｗｉｄｔｈ",
        "emoji 👍🏽 and \u200b zero width",
        "\U00020bb7野家",
    ],
)
def test_each_ngram_has_its_own_hash(text: str) -> None:
    assert len(np.unique(_linear.grams(text))) == len(naive_grams(text))


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("You are a stupid idiot.", "b5a30ece882ee493"),
        ("你这个白痴，滚出去！", "4b446a8e5d9ab9dc"),
        ("mixed 中文 and English, isn't it?", "0695c7a905a52fb1"),
    ],
)
def test_the_feature_space_is_the_one_the_weights_were_trained_in(text: str, digest: str) -> None:
    hashes = np.sort(_linear.grams(text)).astype("<u4").tobytes()

    assert hashlib.sha256(hashes).hexdigest()[:16] == digest


def test_case_width_and_spacing_do_not_change_the_features() -> None:
    assert np.array_equal(_linear.grams("You  IDIOT\n"), _linear.grams("ｙｏｕ idiot"))


def test_scripts_it_was_not_trained_on_have_no_features() -> None:
    nothing = _linear.grams("")

    for text in ("Сегодня хорошая погода", "आप कैसे हैं", "مرحبا", "สวัสดี", "안녕하세요", "こんにちは", "Γειά"):
        assert np.array_equal(_linear.grams(text), nothing)


@given(st.text(alphabet=st.characters(), max_size=300))
def test_any_text_has_features(text: str) -> None:
    assert len(_linear.grams(text)) >= 1


def model(tmp_path: Path, **changes: np.ndarray) -> tuple[Path, str]:
    keys = np.unique(_linear.grams("bad"))
    arrays = {
        "features": np.array(_linear.FEATURES),
        "heads": np.array(["toxicity"]),
        "keys": keys,
        "idf": np.full(len(keys), 2, dtype=np.float16),
        "weights": np.full((len(keys), 1), 3, dtype=np.int8),
        "scale": np.array([0.5], dtype=np.float32),
        "bias": np.array([-1.0], dtype=np.float32),
    }
    path = tmp_path / "model.npz"
    np.savez(path, **{name: array for name, array in (arrays | changes).items() if array is not None})
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_score_is_the_logistic_of_the_normalised_sum(tmp_path: Path) -> None:
    loaded = _linear.load(*model(tmp_path))
    count = len(loaded.keys)

    (score,) = loaded.scores("bad BAD bad")  # "bad bad" is a pair of words the model does not know

    logit = count * 1.5 / np.sqrt(count * 4) - 1
    assert score == pytest.approx(1 / (1 + np.exp(-logit)))


def test_a_text_of_unknown_ngrams_scores_the_bias(tmp_path: Path) -> None:
    (score,) = _linear.load(*model(tmp_path)).scores("zzz")

    assert score == pytest.approx(1 / (1 + np.e))


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    path, _ = model(tmp_path)

    with pytest.raises(WeightsError, match=r"model\.npz has sha256 .* pinned to 00"):
        _linear.load(path, "00")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.npz cannot be read"):
        _linear.load(tmp_path / "absent.npz", "00")


def test_arrays_of_another_feature_space_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="other features"):
        _linear.load(*model(tmp_path, features=np.array("grams-0")))


def test_a_model_without_an_array_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="holds no array 'bias'"):
        _linear.load(*model(tmp_path, bias=None))


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no plain arrays"):
        _linear.load(*model(tmp_path, heads=np.array([{"a": 1}], dtype=object)))


def test_the_arrays_in_the_repository_stay_small() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.glob("*.npz")) < 4_000_000


@pytest.mark.parametrize("name", sorted(seed_tables.TABLES))
def test_the_seed_rows_are_what_their_templates_give(name: str) -> None:
    written = (seeds.DATA / f"{name}_seeds.jsonl").read_text(encoding="utf-8")

    assert written == seeds.render(name)
    assert {json.loads(line)["language"] for line in written.splitlines()} == {"en", "zh"}
