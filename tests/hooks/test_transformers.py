"""With a model of random weights that is made to say what a test wants it to say."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from guard import BlockedError, Guard
from guard.audit import State
from guard.errors import HookError
from guard.hooks.transformers import GuardedStreamer, guarded
from tests.hooks.conftest import Records

SAID = "It is well so far. 一切都好。 See ticket-1234. And then zorblax, as they say. So on."


class Saying(transformers.LogitsProcessor):
    """Makes a model say *text*."""

    def __init__(self, tokens: list[int]) -> None:
        self.left = list(tokens)

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        wanted = torch.full_like(scores, -1e9)
        wanted[:, self.left.pop(0) if self.left else 256] = 0
        return wanted


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """Bytes are tokens, so characters are cut."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={**{c: n for n, c in enumerate(alphabet)}, "<end>": 256}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<end>", pad_token="<end>")


@pytest.fixture(scope="module")
def model() -> Any:
    size = {"n_embd": 8, "n_layer": 1, "n_head": 1, "n_positions": 512, "vocab_size": 257}
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**size, bos_token_id=256, eos_token_id=256)).eval()


def generate(model: Any, tokenizer: Any, asked: str, said: str, **named: Any) -> Any:
    given = tokenizer(asked, return_tensors="pt")
    saying = transformers.LogitsProcessorList([Saying(tokenizer(said)["input_ids"])])
    return model.generate(**given, max_new_tokens=200, do_sample=False, logits_processor=saying, **named)


def test_text_is_told_sentence_by_sentence_and_generating_ends_where_it_is_refused(
    guard: Guard, model: Any, tokenizer: Any, records: Records
) -> None:
    heard: list[str] = []
    with pytest.raises(BlockedError, match="Not here"):
        generate(model, tokenizer, "hello", SAID, streamer=GuardedStreamer(tokenizer, heard.append, guard))
    assert heard == ["It is well so far. ", "一切都好。", " See <MASK_1>. "]
    assert [(one.state, one.route) for one in records()] == [(State.BLOCKED, "transformers")]


def test_it_can_be_read_from_another_thread_and_stops_the_model(guard: Guard, model: Any, tokenizer: Any) -> None:
    streamer = GuardedStreamer(tokenizer, guard=guard)
    ids: list[Any] = []

    def work() -> None:
        ids.append(generate(model, tokenizer, "hello", SAID, streamer=streamer, stopping_criteria=[streamer.stop]))

    thread = threading.Thread(target=work)
    thread.start()
    heard: list[str] = []
    with pytest.raises(BlockedError):
        heard.extend(streamer)
    thread.join()
    assert "".join(heard) == "It is well so far. 一切都好。 See <MASK_1>. "
    assert "So on" not in tokenizer.decode(ids[0][0])


def test_what_is_fine_is_told_as_it_is(guard: Guard, model: Any, tokenizer: Any, records: Records) -> None:
    heard: list[str] = []
    said = "It is well. 一切都好，没有问题。🙂 And so on"
    generate(model, tokenizer, "hello", said, streamer=GuardedStreamer(tokenizer, heard.append, guard))
    assert "".join(heard) == said
    assert [one.state for one in records()] == [State.ALLOWED]


def test_nothing_is_told_or_generated_once_a_streamer_is_closed(
    guard: Guard, model: Any, tokenizer: Any, records: Records
) -> None:
    heard: list[str] = []

    def tell(text: str) -> None:
        heard.append(text)
        streamer.close()  # whoever listened is gone

    streamer = GuardedStreamer(tokenizer, tell, guard)
    said = "It is well. " * 10
    (ids,) = generate(model, tokenizer, "hello", said, streamer=streamer, stopping_criteria=[streamer.stop])
    assert len(heard) == 1
    assert len(ids) < len(said)
    assert [one.state for one in records()] == [State.CLIENT_GONE]


def test_what_could_be_read_only_once_is_refused_by_name_too(guard: Guard) -> None:
    reached: list[Any] = []
    pipeline = guarded(lambda **given: reached.append(given), guard)
    with pytest.raises(TypeError, match="only once"):
        pipeline(text_inputs=iter(["say zorblax"]))
    assert reached == []


@pytest.mark.parametrize("asked", ["say zorblax", "about ticket-1234"])
def test_a_prompt_that_cannot_go_in_as_it_is_stops_everything(
    guard: Guard, model: Any, tokenizer: Any, records: Records, asked: str
) -> None:
    with pytest.raises(BlockedError):
        generate(model, tokenizer, asked, SAID, streamer=GuardedStreamer(tokenizer, print, guard))
    assert [one.state for one in records()] == [State.BLOCKED]


def test_a_call_that_fails_is_recorded_where_the_streamer_is_closed(
    guard: Guard, model: Any, tokenizer: Any, records: Records
) -> None:
    with GuardedStreamer(tokenizer, guard=guard) as streamer, pytest.raises(ValueError, match="one sequence"):
        streamer.put(torch.zeros(2, 3))
    assert [one.state for one in records()] == [State.CLIENT_GONE]


def test_a_pipeline_is_asked_and_answers_past_the_guard(
    guard: Guard, model: Any, tokenizer: Any, records: Records
) -> None:
    pipeline = guarded(transformers.pipeline("text-generation", model=model, tokenizer=tokenizer), guard)
    assert pipeline.task == "text-generation"
    saying = transformers.LogitsProcessorList([Saying(tokenizer("see ticket-1234")["input_ids"])])
    options: dict[str, Any] = {"max_new_tokens": 30, "do_sample": False, "return_full_text": False}
    assert pipeline("hello", logits_processor=saying, **options) == [{"generated_text": "see <MASK_1>"}]
    with pytest.raises(BlockedError):
        pipeline("say zorblax", **options)
    with pytest.raises(BlockedError):
        pipeline(text_inputs=[{"role": "user", "content": "say zorblax"}], **options)
    with pytest.raises(HookError):
        pipeline("hello", streamer=transformers.TextStreamer(tokenizer), **options)
    assert [one.state for one in records()] == [State.REDACTED, State.BLOCKED, State.BLOCKED]
