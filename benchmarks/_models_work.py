"""One model, judged by the gateway's classifier and by its library's own loops: `python -m benchmarks models`.

Run as a process of its own, on one thread; answers one JSON line for each it is given, ``{"model", "way", "mix"}``: CPU
seconds and wall seconds for the texts of that mix, or, of the way ``apart``, how far scores of ours lie from those in
float32 and from those of texts alone. Weights are drawn from a seed: what they say is nonsense, how long it takes is
not. Both sides have the same weights, in the library's own format.
"""

from __future__ import annotations

import dataclasses
import json
import random
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks._batch_work import _WORDS
from classifiers.hf import Hf, HfOptions
from classifiers.toxicity import Toxicity, ToxicityOptions
from guard.content import View

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from guard.classifier import Classifier

SIZES = {
    "small": {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536},
    "base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072},
}
"""The shapes of MiniLM-L6 and of BERT-base."""
MIXES = {
    "short chats": ((1.0, 8, 34),),
    "mixed lengths": ((0.7, 8, 34), (0.25, 90, 250), (0.05, 400, 480)),
    "500-token documents": ((1.0, 485, 495),),
}
"""Parts of the texts, and the least and the most words of each: one token a word."""
WAYS = {
    "small": ("ours", "auto", "onnx", "int8", "loop", "pipeline"),
    "base": ("ours", "auto", "onnx", "int8", "detoxify"),
}
"""``ours`` is the classifier in float32 as the others are, ``auto`` the same with ``dtype: auto``; ``onnx`` is the same
weights on ONNX Runtime, ``int8`` with products of integers: both files of ``python -m classifiers.export --int8``."""
_VOCABULARY = 30_522
_CATEGORIES = ("toxicity", "toxicity.severe", "toxicity.obscene", "toxicity.threat", "toxicity.insult", "hate")


def texts(mix: str, count: int) -> list[str]:
    """Texts of *mix*, the same for every way."""
    draw = random.Random(mix)
    parts = MIXES[mix]
    sizes = [draw.choices(parts, [part[0] for part in parts])[0] for _ in range(count)]
    return [" ".join(draw.choices(_WORDS, k=draw.randint(low, high))) for _, low, high in sizes]


def checkpoint(size: str, folder: Path) -> Path:
    """A folder of a BERT of *size* with six labels, as transformers writes it."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    torch.manual_seed(0)
    pieces = dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *_WORDS])
    made = Tokenizer(models.WordPiece({piece: n for n, piece in enumerate(pieces)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    cut = PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
        model_max_length=512,
    )  # fmt: skip
    config = BertConfig(
        vocab_size=_VOCABULARY, num_labels=6, problem_type="multi_label_classification", pad_token_id=0, **SIZES[size]
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    cut.save_pretrained(folder)
    return folder


def detoxify_file(folder: Path) -> Path:
    """The same in detoxify's format."""
    import torch
    from transformers import BertForSequenceClassification

    arch = {
        "model_type": str(folder), "model_name": "BertForSequenceClassification",
        "tokenizer_name": "PreTrainedTokenizerFast", "num_classes": 6,
    }  # fmt: skip
    classes = ["toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack"]
    config = {"arch": {"args": arch}, "dataset": {"args": {"classes": classes}}}
    state = BertForSequenceClassification.from_pretrained(folder).state_dict()
    torch.save({"config": config, "state_dict": state}, folder / "toxic.ckpt")
    return folder / "toxic.ckpt"


def ways(size: str, folder: Path) -> dict[str, Callable[[Sequence[str]], Any]]:
    """What judges texts, by name. Ours as the gateway asks it: prepared one by one, judged in batches that it plans.

    ``apart`` judges nothing that is timed: it compares the scores of each of ours, and of texts alone and together.
    """
    import torch

    torch.set_num_threads(1)
    from classifiers.export import EXACT, INTEGERS, export

    place, exported = checkpoint(size, folder), folder.with_name(f"{size}-exported")
    if size == "base":
        from detoxify import Detoxify

        file = detoxify_file(place)
        export(str(place), exported, checkpoint=str(file), integers=True)
        given = {"checkpoint": str(file), "config": str(place), "device": "cpu"}
        theirs = Detoxify(checkpoint=str(file), huggingface_config_path=str(place), device="cpu")
        return {
            **_all(
                {
                    "ours": Toxicity(ToxicityOptions(**given)),
                    "auto": Toxicity(ToxicityOptions(**given, dtype="auto")),
                    "onnx": Toxicity(ToxicityOptions(onnx=str(exported / EXACT))),
                    "int8": Toxicity(ToxicityOptions(onnx=str(exported / INTEGERS))),
                }
            ),
            "detoxify": lambda some: [theirs.predict(text) for text in some],
        }
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    export(str(place), exported, integers=True)
    labels = {f"LABEL_{number}": category for number, category in enumerate(_CATEGORIES)}
    options = HfOptions(model=str(place), labels=labels, device="cpu")
    model, cut = AutoModelForSequenceClassification.from_pretrained(place).eval(), AutoTokenizer.from_pretrained(place)
    piped = pipeline("text-classification", model=model, tokenizer=cut, device="cpu", top_k=None)

    def loop(some: Sequence[str]) -> list[Any]:
        with torch.inference_mode():
            return [model(**cut(text, return_tensors="pt", truncation=True)).logits.sigmoid().tolist() for text in some]

    graphs = dataclasses.replace(options, model=str(exported))
    return {
        **_all(
            {
                "ours": Hf(options),
                "auto": Hf(dataclasses.replace(options, dtype="auto")),
                "onnx": Hf(dataclasses.replace(graphs, onnx=EXACT)),
                "int8": Hf(dataclasses.replace(graphs, onnx=INTEGERS)),
            }
        ),
        "loop": loop,
        "pipeline": lambda some: piped(list(some), batch_size=32),
    }


def _all(kinds: Mapping[str, Classifier[Any]]) -> dict[str, Callable[[Sequence[str]], Any]]:
    """The ways of *kinds*, which are loaded here, ``ours`` among them; and what sets their scores apart."""
    for one in kinds.values():
        one.load()

    def scores(classifier: Classifier[Any], some: Sequence[str], at_once: int) -> NDArray[np.float64]:
        items = [classifier.prepare(View.of(text)) for text in some]
        cuts = [items[start : start + at_once] for start in range(0, len(items), at_once)]
        found = [{one.category: one.score for one in of} for cut in cuts for of in classifier.classify(cut)]
        return np.array([[of.get(category, 0.0) for category in _CATEGORIES] for of in found])

    def apart(some: Sequence[str]) -> dict[str, Any]:
        exact = scores(kinds["ours"], some, len(some))
        found = {}
        for way, classifier in kinds.items():
            together = scores(classifier, some, len(some))
            found[way] = {
                "from_float32": float(np.abs(together - exact).max()),
                "from_alone": float(np.abs(together - scores(classifier, some, 1)).max()),
            }
        return found

    return {**{way: _ours(classifier) for way, classifier in kinds.items()}, "apart": apart}


def _ours(classifier: Classifier[Any]) -> Callable[[Sequence[str]], object]:
    from guard.batching.pace import Pace
    from guard.batching.plan import Line, take

    pace = Pace(classifier, time.monotonic)
    pace.tune(classifier.prepare(View.of(" ".join(_WORDS[:24]))))

    class Waits:
        deadline, abandoned = float("inf"), False

        def __init__(self, item: Any) -> None:
            self.item, self.cost = item, classifier.cost(item)

    def judge(some: Sequence[str]) -> int:
        waiting = sorted((Waits(classifier.prepare(View.of(text))) for text in some), key=lambda one: one.cost)
        lines, done = [Line([one]) for one in waiting], 0
        while lines:
            taken = take(lines, 0.0, pace.budget, pads=classifier.pads, fixed=pace.fixed)
            done += len(classifier.classify([one.item for one in taken.batch]))
            lines = taken.rest
        return done

    return judge


def _serve() -> None:
    warnings.simplefilter("ignore")
    known: dict[str, dict[str, Callable[[Sequence[str]], Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        print(0, flush=True)
        while line := sys.stdin.readline():
            asked = json.loads(line)
            size = asked["model"]
            if size not in known:
                known[size] = ways(size, Path(folder) / size)
                for way in known[size].values():
                    way(texts("short chats", 4))
            some = texts(asked["mix"], asked["count"])
            cpu, wall = time.process_time(), time.perf_counter()
            answer = known[size][asked["way"]](some)
            found = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
            if asked["way"] == "apart":
                found = answer
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    _serve()
