"""Runs of tokens in batches: what is padded is little, and what a run is said to be depends on no other."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tokenizers
import torch
from hypothesis import given, strategies as st
from transformers import PreTrainedTokenizerFast

from classifiers import _onnx_hf
from classifiers._runs import Sequences, in_batches
from classifiers._torch import Tokens, network
from guard.classifier import Unreadable
from tests.classifiers import models


@given(st.lists(st.integers(1, 300), max_size=40), st.integers(1, 3000))
def test_every_run_has_its_own_answer_and_little_of_a_batch_is_padding(lengths: list[int], budget: int):
    runs = [tuple(range(number, number + length)) for number, length in enumerate(lengths)]
    shapes = []

    def judge(tokens: Any, mask: Any) -> list[int]:
        shapes.append((tokens.shape, int(mask.sum())))
        return [int((row * of).sum()) for row, of in zip(tokens, mask, strict=True)]

    assert in_batches(runs, budget, judge, padding=7) == [sum(run) for run in runs]
    for (count, length), real in shapes:
        assert count == 1 or count * length <= budget
        assert count * length <= max(1.17 * real, real + 64)
    assert sum(count for (count, _), _ in shapes) == len(runs)


def test_runs_of_one_length_go_together():
    shapes = []

    def judge(tokens: Any, mask: Any) -> Any:
        shapes.append(tokens.shape)
        return np.zeros(len(tokens))

    in_batches([(1, 2, 3)] * 10, 1000, judge, padding=0)

    assert shapes == [(10, 3)]


def test_a_text_of_fewer_tokens_than_there_are_labels_has_a_score_of_each():
    from transformers import BertConfig, BertForSequenceClassification

    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    cut = models.tokenizer()
    config = BertConfig(vocab_size=len(cut), max_position_embeddings=64, pad_token_id=0, num_labels=7, **sizes)
    tokens = Tokens(cut, config, most=None, overlap=2)
    model = BertForSequenceClassification(config).eval()
    sequences = Sequences(network(model, torch.device("cpu"), independent=True), tokens, budget=1_000)

    [[short], [long]] = sequences.scores([tokens.runs("sea"), tokens.runs("the sea came slowly over the flat sand")])

    assert len(tokens.runs("sea")[0].tokens) == 3
    assert short.shape == long.shape == (7,)


def test_a_text_that_a_model_has_no_token_for_is_unreadable_and_no_neighbour_fails_with_it(tmp_path: Path):
    cut = tokenizers.Tokenizer(tokenizers.models.WordLevel({"sea": 0}, unk_token="[UNK]"))
    cut.normalizer = tokenizers.normalizers.BertNormalizer()
    cut.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    cut.save(str(tmp_path / "tokenizer.json"))
    config = {"max_position_embeddings": 64, "pad_token_id": 0}
    fast = PreTrainedTokenizerFast(tokenizer_object=cut, pad_token="sea")
    for tokens in (
        _onnx_hf.Tokens(tmp_path, {**config, "tokenizer": {}}, most=None, overlap=2),
        Tokens(fast, SimpleNamespace(**config), most=None, overlap=2),
    ):
        assert [run.tokens for run in tokens.runs("sea sea")] == [(0, 0)]
        assert tokens.runs("  ") == ()
        with pytest.raises(Unreadable, match="no token"):
            tokens.runs("\u200b\u200b")
