import math
import re
from collections import Counter, defaultdict
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from guard.demo.generator import (
    _DISCOUNT,
    END,
    START,
    Generator,
    LanguageModel,
    Page,
    Retriever,
    Sampling,
    _draw,
    read_pages,
    tokenize,
)

TOY = [
    Page("first", "the cat sat on the mat"),
    Page("second", "the dog sat on the cat"),
    Page("third", "a cat and a dog sat"),
]


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator.default()


def write(generator: Generator, prompt: str, **options: object) -> str:
    return "".join(token.text for token in generator.generate([prompt], Sampling(**options)))


def kneser_ney(model: LanguageModel, history: tuple[int, ...], order: int) -> dict[int, float]:
    """Textbook interpolated Kneser-Ney, counted the slow way."""
    ids = {token: i for i, token in enumerate(model.vocabulary)}
    counts = [defaultdict(Counter) for _ in range(order)]
    seen: list[set[tuple[int, ...]]] = [set() for _ in range(order)]
    for page in TOY:
        text = [START] * order + [ids[t] for t in tokenize(page.answer)] + [END]
        for i in range(order, len(text)):
            for length in range(order):
                context, left = tuple(text[i - length : i]), tuple(text[i - length - 1 : i + 1])
                plain = length == order - 1 or (length > 0 and context[0] == START)
                if plain or left not in seen[length]:
                    counts[length][context][text[i]] += 1
                seen[length].add(left)
    probability: dict[int, float] = {}
    for length in range(order):
        after = counts[length].get(history[len(history) - length :])
        if not after:
            break
        total, discount = sum(after.values()), _DISCOUNT if length else 0.0
        rest = discount * len(after) / total
        probability = {
            i: max(after[i] - discount, 0) / total + rest * probability.get(i, 0.0)
            for i in range(len(model.vocabulary))
        }
    return probability


@pytest.mark.parametrize("text", ["", "the", "the cat", "sat on the", "a cat and a", "dog sat on the", "unheard of"])
def test_with_equal_weights_it_is_textbook_kneser_ney(text):
    model = LanguageModel(TOY, order=4)
    ids = {token: i for i, token in enumerate(model.vocabulary)}
    spoken = [ids.get(token, -1) for token in tokenize(text)]
    history = tuple([START] * 4 + spoken)[-4:]

    distribution = model.distribution(history, np.ones(3))

    expected = kneser_ney(model, history, order=4)
    assert distribution == pytest.approx([expected[i] for i in range(len(model.vocabulary))])


@given(
    history=st.lists(st.integers(0, 12), max_size=6),
    weights=st.lists(st.floats(1e-3, 1.0), min_size=3, max_size=3),
)
def test_a_distribution_sums_to_one_whatever_the_history_and_weights(history, weights):
    model = LanguageModel(TOY)

    distribution = model.distribution(history, np.array(weights))

    assert distribution.sum() == pytest.approx(1.0)
    assert distribution.min() >= 0.0
    assert distribution[START] == 0.0


@given(st.text(alphabet="abÉ9_ \n'@.-书店，é", max_size=40))
def test_tokens_joined_are_the_text_with_its_white_space_folded(text):
    assert "".join(tokenize(text)) == " ".join(text.split())


def test_the_nearest_page_weighs_one_and_the_others_less():
    pages = [Page("how to return a book", "by parcel"), Page("opening hours", "nine to six")]

    weights = Retriever(pages).weights(["When are you open? Your hours?"])

    assert weights[1] == 1.0
    assert weights[0] < 0.1


def test_a_prompt_that_no_page_knows_weighs_all_pages_alike():
    assert Retriever(TOY).weights(["qqq"]).tolist() == [1.0, 1.0, 1.0]


def test_an_earlier_turn_decides_where_the_last_one_says_nothing():
    weights = Retriever(TOY).weights(["tell me about the second", "qqq"])

    assert weights.argmax() == 1
    assert weights[0] < 1.0


def test_the_last_turn_counts_for_more_than_the_one_before():
    assert Retriever(TOY).weights(["second", "third"]).argmax() == 2
    assert Retriever(TOY).weights(["third", "second"]).argmax() == 1


@pytest.mark.parametrize(
    ("top_p", "temperature", "expected"),
    [(1.0, 1.0, [0.2, 0.5, 0.3]), (0.6, 1.0, [0.0, 0.625, 0.375]), (1.0, 0.5, [0.105, 0.658, 0.237])],
)
def test_tokens_are_drawn_as_often_as_temperature_and_top_p_say(top_p, temperature, expected):
    rng = np.random.default_rng(0)
    sampling = Sampling(top_p=top_p, temperature=temperature)

    drawn = Counter(_draw(np.array([0.2, 0.5, 0.3]), sampling, rng) for _ in range(4_000))

    assert [drawn[i] / 4_000 for i in range(3)] == pytest.approx(expected, abs=0.03)


def test_the_corpora_are_large_and_every_block_is_a_question_and_an_answer(generator):
    for language, least in (("en", 3_000), ("zh", 4_000)):
        pages = read_pages((files("guard.demo") / f"corpus_{language}.txt").read_text(encoding="utf-8"))
        assert sum(len(tokenize(page.answer)) for page in pages) > least
        assert all(page.question and page.answer and "\n" not in page.question + page.answer for page in pages)


def test_a_seed_gives_the_same_text_again(generator):
    prompt = "Which book do you recommend?"

    assert write(generator, prompt, seed=7) == write(generator, prompt, seed=7)


@pytest.mark.parametrize("prompt", ["Can I return a book?", "怎么退货？"])
def test_seeds_give_different_texts(generator, prompt):
    assert len({write(generator, prompt, seed=seed) for seed in range(12)}) > 5


@pytest.mark.parametrize("prompt", ["Can I return a book?", "怎么退货？"])
def test_it_writes_sentences_that_no_page_holds(generator, prompt):
    known = "".join((files("guard.demo") / f"corpus_{language}.txt").read_text("utf-8") for language in ("en", "zh"))

    assert any(write(generator, prompt, seed=seed) not in known for seed in range(12))


@pytest.mark.parametrize(
    ("prompt", "topic"),
    [
        ("How much does shipping cost?", "[Ss]hipping"),
        ("Please recommend a mystery novel", "mystery|lighthouse|passenger"),
        ("运费是多少？", "运费"),
        ("请推荐一本推理小说", "推理小说|灯塔|列车"),
    ],
)
def test_most_answers_are_on_the_topic_of_the_prompt(generator, prompt, topic):
    answers = [write(generator, prompt, seed=seed) for seed in range(20)]

    assert sum(re.search(topic, answer) is not None for answer in answers) >= 12


@pytest.mark.parametrize("prompt", ["How can I contact you?", "怎么联系你们？"])
def test_asked_for_contact_data_it_often_gives_the_shops_address(generator, prompt):
    answers = [write(generator, prompt, seed=seed) for seed in range(20)]

    assert sum("help@example.org" in answer for answer in answers) >= 10


@pytest.mark.parametrize("prompt", ["hello", "你好", "", "🙂", "\ud800"])
def test_any_prompt_gets_an_answer(generator, prompt):
    assert write(generator, prompt, seed=1)


def test_temperature_zero_takes_the_likeliest_token_every_time(generator):
    tokens = list(generator.generate(["How do I get an invoice?"], Sampling(temperature=0.0, top_logprobs=2)))

    assert all(token.logprob == token.top[0][1] for token in tokens)


def test_a_tiny_top_p_is_greedy(generator):
    greedy = write(generator, "Do you have poetry?", temperature=0.0)

    assert write(generator, "Do you have poetry?", top_p=0.0, seed=3) == greedy
    assert write(generator, "Do you have poetry?", temperature=0.001, seed=3) == greedy


def test_logprobs_are_logarithms_of_probabilities_in_falling_order(generator):
    for token in generator.generate(["Hello"], Sampling(seed=2, top_logprobs=5)):
        logprobs = [logprob for _, logprob in token.top]
        assert logprobs == sorted(logprobs, reverse=True)
        assert sum(math.exp(logprob) for logprob in logprobs) <= 1.0 + 1e-9
        assert token.logprob <= logprobs[0]


def test_max_tokens_ends_an_answer_with_length(generator):
    generation = generator.generate(["Do you have gift cards?"], Sampling(max_tokens=5, seed=1))

    assert len(list(generation)) == 5
    assert (generation.finish_reason, generation.count) == ("length", 5)


def test_an_answer_that_ends_by_itself_ends_with_stop(generator):
    generation = generator.generate(["Thank you, that is all."], Sampling(temperature=0.0))
    list(generation)

    assert generation.finish_reason == "stop"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_stop_string_cuts_before_its_first_occurrence_and_nothing_of_it_is_released(data):
    generator = Generator.default()
    whole = write(generator, "How do I return a book?", seed=5)
    start = data.draw(st.integers(0, len(whole) - 1))
    stop = whole[start : start + data.draw(st.integers(1, 12))]

    generation = generator.generate(["How do I return a book?"], Sampling(seed=5, stop=(stop, "never written")))

    assert "".join(token.text for token in generation) == whole[: whole.index(stop)]
    assert generation.finish_reason == "stop"
