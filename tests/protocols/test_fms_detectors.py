from __future__ import annotations

from typing import Any

import pytest

from guard.actions.block import Block
from guard.content import Direction
from guard.errors import RequestError
from guard.finding import Finding
from tests.protocols.dropins import answered, decoded

CONTENTS, CHAT = "/api/v1/text/contents", "/api/v1/text/chat"


def test_each_text_has_its_own_list():
    exchange = decoded(CONTENTS, {"contents": ["write to ana", "good night"]})
    name = Finding("pii.person", 0.8, span=(9, 12), part="/contents/0", classifier="pii", evidence="list")

    first, second = answered(CONTENTS, exchange, name, action=Block())

    assert first == [
        {
            "start": 9, "end": 12, "text": "ana", "detection": "pii.person", "detection_type": "pii", "score": 0.8,
            "evidence": [{"name": "classifier", "value": "pii", "score": 0.8}, {"name": "evidence", "value": "list"}],
            "metadata": {"rule": "rule", "action": "block"},
        }
    ]  # fmt: skip
    assert second == []


def test_what_scores_less_than_half_or_than_is_asked_for_is_not_told():
    weak, strong = (Finding("toxicity", score, part="/contents/0") for score in (0.4, 0.7))

    def count(threshold: float) -> int:
        body = {"contents": ["x"], "detector_params": {"threshold": threshold}}
        return len(answered(CONTENTS, decoded(CONTENTS, body), weak, strong)[0])

    assert [count(0.0), count(0.7), count(0.8)] == [1, 1, 0]


def test_what_stands_beside_the_texts_is_judged_and_not_told_as_one_of_them():
    exchange = decoded(CONTENTS, {"contents": ["x"], "more": "a word"})

    assert [part.pointer for part in exchange.contents[0].parts] == ["/?1~key", "/?1", "/contents/0"]
    assert answered(CONTENTS, exchange, Finding("toxicity", 0.9, part="/?1")) == [[]]


@pytest.mark.parametrize(
    ("last", "direction"), [("user", Direction.INPUT), ("assistant", Direction.OUTPUT), ("system", Direction.INPUT)]
)
def test_a_chat_is_judged_as_what_it_ends_with(last: str, direction: Direction):
    messages = [{"role": "user", "content": "hi"}, {"role": last, "content": "good day"}]

    (content,) = decoded(CHAT, {"messages": messages}).contents

    assert content.direction is direction
    assert [part.role for part in content.parts] == ["user", last]


@pytest.mark.parametrize(
    ("route", "body", "code"),
    [
        (CONTENTS, [], "invalid_type"),
        (CONTENTS, {"contents": []}, "invalid_type"),
        (CONTENTS, {"contents": "x"}, "invalid_type"),
        (CONTENTS, {"contents": ["x"] * 1_001}, "too_many_parts"),
        (CONTENTS, {"contents": [f"data:image/png;base64,{'A' * 64}"] * 65}, "too_many_parts"),
        (CONTENTS, {"contents": ["x"], "detector_params": {"threshold": "high"}}, "invalid_type"),
        (CONTENTS, {"contents": ["x"], "detector_params": [1]}, "invalid_type"),
        (CHAT, {"messages": []}, "missing_field"),
        (CHAT, {"messages": [{"role": "bard", "content": "x"}]}, "unknown_role"),
        ("/api/v1/text/generation", {"prompt": "x"}, "missing_field"),
        ("/api/v1/text/context/doc", {"content": "x", "context_type": "song", "context": []}, "invalid_value"),
    ],
)
def test_what_cannot_be_detected_in_is_refused(route: str, body: Any, code: str):
    with pytest.raises(RequestError) as error:
        decoded(route, body)

    assert error.value.code == code
