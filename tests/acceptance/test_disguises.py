"""S28 to S31: what is disguised is read, streamed or not; ordinary text of any script goes on as it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import House, house
from tests.acceptance.dialects import DIALECTS, Dialect, cut, says
from tests.acceptance.oracle import Bench, ask
from tests.benign import lines
from tests.disguises import ENCODINGS, FRAMES, LAYERS, TRANSFORMS, base64_of
from tests.fakes import CANARY, completion

POLICY = f"""
policy: disguises
classifiers: {{keywords: {{lists: {{canary: ["{CANARY}"]}}, builtin: []}}}}
rules:
  - {{id: block-canary, when: {{category: custom.canary, at_least: 0.9}}, then: block}}
"""
PATH = "/v1/chat/completions"


@pytest.fixture(scope="module")
def one_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("disguises"), POLICY, timeout_s=20) as one:
        yield one


@pytest.fixture
def one(one_house: House) -> House:
    one_house.begin()
    return one_house


def is_blocked(one: House, text: str) -> bool:
    """Whether *text* is stopped as a prompt (and nothing of it reaches the generator) and as an answer."""
    one.upstream.received.clear()
    asked = one.post(PATH, ask(text))
    told = asked.status == 400 and not one.upstream.received
    one.upstream.answer = completion(text)
    return told and one.post(PATH, ask("hello")).status == 400


def test_s29_at_least_36_of_38_transforms_are_read(one: House) -> None:
    missed = [
        name for name, made in TRANSFORMS.items() if not all(is_blocked(one, f.format(made(CANARY))) for f in FRAMES)
    ]

    assert len(TRANSFORMS) == 38
    assert len(missed) <= 2, missed


def test_s30_at_least_95_percent_of_encodings_are_read(one: House) -> None:
    missed = [
        name for name, made in ENCODINGS.items() if not all(is_blocked(one, f.format(made(CANARY))) for f in FRAMES)
    ]

    assert len(missed) <= len(ENCODINGS) * 0.05, missed


@pytest.mark.parametrize("name", [*TRANSFORMS, *LAYERS])
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.name)
def test_s22_a_disguised_phrase_in_a_stream_is_stopped_whatever_the_cut(
    one: House, dialect: Dialect, name: str
) -> None:
    made = {**TRANSFORMS, **LAYERS}[name](CANARY)
    for size in (1, 5):
        says(one, dialect, cut(f"All is well. It says: {made}. And so on.", size))
        heard = dialect.heard(dialect.send(one))

        assert heard.ending in {"filtered", "refused"}
        assert made[:8] not in heard.everything()


def test_s30_an_encoding_beyond_the_budget_is_blocked_as_unread(bench: Bench) -> None:
    bench.blocks(ask(base64_of("all is well and good. " * 20_000)))


def test_s31_ordinary_lines_pass_as_they_are(one: House) -> None:
    some = [line for line in lines() if "data:image" not in line]  # pictures are for who reads pictures
    held = []
    for at in range(0, len(some), 40):
        batch = some[at : at + 40]
        answer = one.post(PATH, ask(*batch))
        sent = [m["content"] for m in one.upstream.last_body["messages"]] if answer.status == 200 else None
        held += [] if sent == batch else batch  # all of them, so that what one does to its neighbours counts

    assert len(some) > 2000
    assert len(held) <= len(some) * 0.005, held[:3]
