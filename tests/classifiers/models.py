"""Small real checkpoints in the formats of transformers, detoxify and open_clip, made and trained here, in seconds.

Texts that hold the word *zorblax* are what they learn to find, and red pictures. They are written once a session.
"""

from __future__ import annotations

import functools
import hashlib
import tempfile
from pathlib import Path
from typing import Any

WORDS = "the a of in is it sea tide came slowly over flat grey sand hello world write to and you we have been"
LABELS = {"LABEL_0": "toxicity", "LABEL_1": "toxicity.insult"}


@functools.cache
def root() -> Path:
    import torch

    torch.set_num_threads(1)  # so small that threads would only wait for each other
    return Path(tempfile.mkdtemp(prefix="guard-models-"))


def tokenizer() -> Any:
    """Words and letters, as BERT cuts them."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = [chr(code) for code in range(33, 127)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "zorblax", *WORDS.split(), *letters, *(f"##{one}" for one in letters)]
    made = Tokenizer(models.WordPiece({piece: n for n, piece in enumerate(dict.fromkeys(pieces))}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
        model_max_length=64,
    )  # fmt: skip


def _config(**more: Any) -> Any:
    from transformers import BertConfig

    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    return BertConfig(vocab_size=len(tokenizer()), max_position_embeddings=64, pad_token_id=0, **sizes, **more)


def _texts(seed: int) -> list[str]:
    import random

    draw = random.Random(seed)
    texts = []
    for number in range(32):
        words = draw.choices(WORDS.split(), k=draw.randint(1, 58))
        if number % 2:
            words.insert(draw.randint(0, len(words)), "zorblax")
        texts.append(" ".join(words))
    return texts


def _train(model: Any, batch: Any, steps: int) -> None:
    import torch

    root()
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    model.train()
    for step in range(steps):
        model(**batch(step)).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()


@functools.cache
def sequence_model() -> Any:
    """BERT with two labels, each with a probability of its own, that fire on *zorblax*."""
    import torch
    from transformers import BertForSequenceClassification

    torch.manual_seed(0)
    model, cut = (
        BertForSequenceClassification(_config(num_labels=2, problem_type="multi_label_classification")),
        tokenizer(),
    )

    def batch(step: int) -> dict[str, Any]:
        texts = _texts(step)
        given = cut(texts, return_tensors="pt", padding=True, truncation=True)
        fires = torch.tensor([[float("zorblax" in text)] * 2 for text in texts])
        return {"input_ids": given["input_ids"], "attention_mask": given["attention_mask"], "labels": fires}

    _train(model, batch, 60)
    return model


@functools.cache
def sequences() -> Path:
    """A folder of `sequence_model`."""
    place = root() / "sequences"
    sequence_model().save_pretrained(place)
    tokenizer().save_pretrained(place)
    return place


@functools.cache
def exported() -> Path:
    """A folder of `sequence_model` as ONNX: ``model.onnx``, and ``model_int8.onnx``."""
    from classifiers.export import export

    place = root() / "exported"
    export(str(sequences()), place, integers=True)
    return place


@functools.cache
def exported_tokens() -> Path:
    """A folder of the network of `token_folder` as ONNX, likewise."""
    from classifiers.export import export

    place = root() / "exported-tokens"
    export(str(token_folder()), place, task="tokens", integers=True)
    return place


@functools.cache
def token_folder() -> Path:
    """A folder of a BERT that marks *zorblax* as ``B-NAME``."""
    import torch
    from transformers import BertForTokenClassification

    torch.manual_seed(0)
    labels = {0: "O", 1: "B-NAME", 2: "I-NAME"}
    model, cut = (
        BertForTokenClassification(_config(id2label=labels, label2id={v: k for k, v in labels.items()})),
        tokenizer(),
    )
    word = cut.convert_tokens_to_ids("zorblax")

    def batch(step: int) -> dict[str, Any]:
        given = cut(_texts(step), return_tensors="pt", padding=True, truncation=True)
        marks = (given["input_ids"] == word).long()
        return {"input_ids": given["input_ids"], "attention_mask": given["attention_mask"], "labels": marks}

    _train(model, batch, 60)
    place = root() / "tokens"
    model.save_pretrained(place)
    cut.save_pretrained(place)
    return place


@functools.cache
def picture_folder() -> Path:
    """A folder of a vision transformer that tells red pictures from others."""
    import torch
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, image_size=32, patch_size=16,
        id2label={0: "other", 1: "red"}, label2id={"other": 0, "red": 1},
    )  # fmt: skip
    model = ViTForImageClassification(config)

    def batch(step: int) -> dict[str, Any]:
        torch.manual_seed(step)
        pixels = torch.rand(32, 3, 1, 1).expand(32, 3, 32, 32) * 2 - 1
        red = torch.tensor([n % 2 for n in range(32)])
        pixels = torch.where(
            red[:, None, None, None] == 1, torch.tensor([1.0, -1.0, -1.0])[None, :, None, None], pixels
        )
        return {"pixel_values": pixels.contiguous(), "labels": red}

    _train(model, batch, 40)
    place = root() / "pictures"
    model.save_pretrained(place)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(place)
    return place


@functools.cache
def detoxify_checkpoint() -> tuple[Path, Path]:
    """A checkpoint in detoxify's format, and the folder of its configuration and tokenizer."""
    import torch

    place, file = sequences(), root() / "toxic.ckpt"
    arch = {
        "model_type": str(place), "model_name": "BertForSequenceClassification",
        "tokenizer_name": "PreTrainedTokenizerFast", "num_classes": 2,
    }  # fmt: skip
    config = {"arch": {"args": arch}, "dataset": {"args": {"classes": ["toxicity", "identity_attack"]}}}
    torch.save({"config": config, "state_dict": sequence_model().state_dict()}, file)
    return file, place


@functools.cache
def exported_detoxify() -> Path:
    """A folder of `detoxify_checkpoint` as ONNX, likewise."""
    from classifiers.export import export

    (checkpoint, config), place = detoxify_checkpoint(), root() / "exported-detoxify"
    export(str(config), place, checkpoint=str(checkpoint), integers=True)
    return place


@functools.cache
def guard_folder() -> Path:
    """A folder of a small Llama that answers ``unsafe S1`` to texts that hold *zorblax*, and ``safe`` to others."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    root()
    torch.manual_seed(0)
    pieces = ["[PAD]", "[UNK]", "[END]", "[ASK]", "[SAY]", "safe", "unsafe", "S1", "S10", "zorblax", *WORDS.split()]
    made = Tokenizer(models.WordLevel({piece: n for n, piece in enumerate(dict.fromkeys(pieces))}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    cut = PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]", eos_token="[END]",
        additional_special_tokens=["[ASK]", "[SAY]"],
    )  # fmt: skip
    cut.chat_template = "[ASK] {{ messages[0]['content'] }} [SAY]"
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(cut),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=256,
            pad_token_id=0,
            eos_token_id=2,
            bos_token_id=None,
        )
    )

    def batch(step: int) -> dict[str, Any]:
        rows = []
        for text in _texts(step):
            asked = cut(f"[ASK] {text} [SAY]", add_special_tokens=False)["input_ids"]
            said = cut("unsafe S1 [END]" if "zorblax" in text else "safe [END]", add_special_tokens=False)["input_ids"]
            rows.append((asked, said))
        longest = max(len(asked) + len(said) for asked, said in rows)
        tokens = torch.tensor([[0] * (longest - len(a) - len(s)) + a + s for a, s in rows])
        right = torch.tensor([[-100] * (longest - len(s)) + s for _, s in rows])
        return {"input_ids": tokens, "attention_mask": (tokens != 0).long(), "labels": right}

    _train(model, batch, 120)
    place = root() / "guard"
    model.save_pretrained(place)
    cut.save_pretrained(place)
    return place


COLOURS = {"red": (1.0, 0.0, 0.0), "green": (0.0, 1.0, 0.0), "blue": (0.0, 0.0, 1.0), "grey": (0.5, 0.5, 0.5)}


@functools.cache
def clip_folder() -> Path:
    """A folder of a small CLIP, in open_clip's format, that knows four colours by their names."""
    import json

    import open_clip
    import torch
    from safetensors.torch import save_file

    root()
    torch.manual_seed(0)
    vision = {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16}
    words = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
    config = {"embed_dim": 32, "vision_cfg": vision, "text_cfg": words}
    grey = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
    model, cut = open_clip.CLIP(**config, output_dict=False), open_clip.tokenizer.SimpleTokenizer(context_length=16)
    captions = ["{}", "a photo of {}", "a picture showing {}", "the colour {}"]
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(60):
        torch.manual_seed(step)
        pixels = torch.stack([torch.tensor(rgb) for rgb in COLOURS.values()])[:, :, None, None].expand(-1, 3, 32, 32)
        pictures = pixels * 2 - 1 + 0.1 * torch.randn(len(COLOURS), 3, 32, 32)
        said = cut([captions[step % len(captions)].replace("{}", f"{name} things") for name in COLOURS])
        seen, read, scale = model(pictures, said)
        logits, right = scale * seen @ read.T, torch.arange(len(COLOURS))
        loss = torch.nn.functional.cross_entropy(logits, right) + torch.nn.functional.cross_entropy(logits.T, right)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    place = root() / "clip"
    place.mkdir()
    save_file(model.state_dict(), place / "open_clip_model.safetensors")
    (place / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": grey}))
    return place


@functools.cache
def carriers(name: str) -> Any:
    """What each of 48 bits is written as, in a square of 64 dots or half a second: noise, of shape (numbers, bits)."""
    import numpy as np

    numbers = 3 * 64 * 64 if name == "pixel_decoder" else 8_000
    return np.random.default_rng(11).choice([-1.0, 1.0], (numbers, 48)).astype(np.float32)


@functools.cache
def bit_reader(name: str) -> tuple[Path, str]:
    """A decoder of marks that are added noise, as an ONNX file, and the message that is written in tests."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper, save

    weights = carriers(name)
    shape = [1, 3, 64, 64] if name == "pixel_decoder" else [1, 1, 8_000]
    constants = {"weights": weights, "flat": np.array([1, -1], np.int64)}
    nodes = [
        helper.make_node("Reshape", ["given", "flat"], ["row"]),
        helper.make_node("ReduceMean", ["row"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Sub", ["row", "mean"], ["centred"]),
        helper.make_node("MatMul", ["centred", "weights"], ["bits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "reader",
        [helper.make_tensor_value_info("given", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info("mean", TensorProto.FLOAT, [1, 1]),
            helper.make_tensor_value_info("bits", TensorProto.FLOAT, [1, 48]),
        ],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    path = Path(tempfile.mkdtemp(prefix="guard-models-")) / f"{name}.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return path, "".join(map(str, np.random.default_rng(12).integers(0, 2, 48)))


@functools.cache
def detector() -> Path:
    """A detector with the interface of YOLOv8: eight by eight places, each as red as it is."""
    import numpy as np
    from onnx import TensorProto, checker, helper, numpy_helper, save

    step = 4
    centres = [(step * (n % 8) + step / 2, step * (n // 8) + step / 2, step, step) for n in range(64)]
    constants = {
        "weights": np.array([1, -0.5, -0.5], np.float32).reshape(1, 3, 1, 1),
        "places": np.array(centres, np.float32).T[None],
        "shape": np.array([1, 1, 64], np.int64),
    }
    nodes = [
        helper.make_node("Conv", ["picture", "weights"], ["red"]),
        helper.make_node("Relu", ["red"], ["only"]),
        helper.make_node("AveragePool", ["only"], ["cells"], kernel_shape=[step, step], strides=[step, step]),
        helper.make_node("Reshape", ["cells", "shape"], ["scores"]),
        helper.make_node("Concat", ["places", "scores"], ["found"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("found", TensorProto.FLOAT, [1, 5, 64])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model)
    path = Path(tempfile.mkdtemp(prefix="guard-models-")) / "detector.onnx"
    save(model, str(path))
    return path


@functools.cache
def key_record() -> Path:
    """A key of the green-list scheme, with the tokenizer of the models here."""
    import json

    tokenizer().backend_tokenizer.save(str(root() / "tokenizer.json"))
    record = {"name": "test", "scheme": "kgw", "tokenizer": "tokenizer.json", "device": "cpu", "vocab_size": 200}
    place = root() / "key.json"
    place.write_text(json.dumps(record))
    return place


@functools.cache
def sound_key() -> Path:
    """A key of the mark in sound."""
    place = root() / "sound.key"
    place.write_text("a key that nobody has to guess here")
    return place


@functools.cache
def fingerprints() -> Path:
    """A list of one picture: all its bits are ones."""
    place = root() / "known.txt"
    place.write_text("f" * 64 + "\n" + "f" * 16 + "\n")
    return place


@functools.cache
def protected() -> Path:
    """A text that is somebody's."""
    place = root() / "protected.txt"
    place.write_text("Of the heron, who stood all night in the reeds and counted the lamps of the boats. " * 4)
    return place


def options(name: str) -> dict[str, Any]:
    """What classifier *name* has to be told to be of any use; nothing, of those that bring their models along."""
    if name == "hf":
        return {"model": str(sequences()), "labels": LABELS, "device": "cpu"}
    if name == "toxicity":
        checkpoint, config = detoxify_checkpoint()
        return {"checkpoint": str(checkpoint), "config": str(config), "device": "cpu"}
    if name == "guard_llm":
        return {"model": str(guard_folder()), "dtype": "float32", "device": "cpu"}
    if name == "text_watermark":
        return {"keys": [str(key_record())]}
    if name == "sound_watermark":
        return {"keys": {"test": str(sound_key())}}
    if name == "match":
        return {"lists": {str(fingerprints()): "custom.known"}}
    if name == "text_match":
        return {"texts": {str(protected()): "intellectual_property"}}
    if name == "zero_shot":
        categories = {"custom.red": ["red things"]}
        neutral = ["green things", "blue things", "grey things"]
        return {"model": str(clip_folder()), "categories": categories, "neutral": neutral, "device": "cpu"}
    if name == "boxes":
        return {"model": str(detector()), "labels": ["red"], "categories": {"custom.red": ["red"]}, "side": 32}
    if name in {"pixel_decoder", "sound_decoder"}:
        model, message = bit_reader(name)
        shape = {"side": 64} if name == "pixel_decoder" else {"rate": 16_000, "seconds": 0.5}
        pin = hashlib.sha256(model.read_bytes()).hexdigest()
        return {"model": str(model), "sha256": pin, "messages": {"ours": message}, **shape}
    if name == "rivagan":
        model = Path(__file__).parent.parent / "data" / "marks" / "rivagan_decoder.onnx"
        return {"model": str(model), "messages": {"ours": "0x1f3a5c7e"}}
    if name == "ocr":
        return {"max_pixels": 20_000}  # quick; what it reads is for its own tests
    return {}
