"""Generated sounds carry the mark of a policy's key through the proxy and the library, and its rules see who has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from guard import Guard
from guard.content import Direction
from tests.acceptance.conftest import House, house
from tests.classifiers.test_marks_sound import FOUND, categories, key_file, speech
from tests.sounds import encoded

POLICY = f"""
policy: sounds
classifiers:
  sound_watermark: {{keys: {{ours: {key_file()}}}}}
rules:
  - id: mark-sounds
    message: {{en: "The sound could not be marked.", zh: "该音频无法添加标记。"}}
    directions: [output]
    modalities: [audio]
    when: {{any: [{{category: mark.audio}}, {{not: {{category: mark.audio}}}}]}}
    then: {{label: {{marks: [audio_mark], audio_key: {key_file()}}}}}
  - {{id: flag-ours, directions: [input], modalities: [audio], when: {{category: mark.audio.spread.ours}}, then: flag}}
  - {{id: flag-unmarked, directions: [input], modalities: [audio], when: {{missing: mark.audio}}, then: flag}}
  - {{id: flag-doubt, directions: [input], modalities: [audio], when: {{category: mark.inconclusive}}, then: flag}}
"""


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("sounds"), POLICY, timeout_s=30) as one:
        yield one


@pytest.fixture
def gate(standing: House) -> House:
    standing.begin()
    return standing


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    path = tmp_path_factory.mktemp("sounds") / "sounds.yaml"
    path.write_text(POLICY, encoding="utf-8")
    made = Guard(path)
    yield made
    made.close()


def said(form: str = "mp3", seconds: float = 9.0) -> bytes:
    rate, samples = speech()
    return encoded(samples[:, : int(seconds * rate)], form=form, rate=rate)


def test_a_spoken_answer_is_marked_and_the_record_holds_no_key(gate: House) -> None:
    gate.upstream.answer, gate.upstream.headers = said(), {"Content-Type": "audio/mpeg"}

    with gate.client() as client:
        got = client.audio.speech.create(model="tts-1", voice="alloy", input="hello").content

    assert categories(got) == FOUND
    (record,) = gate.records()
    assert (record.action, record.rules) == ("label", ("mark-sounds",))
    assert Path(key_file()).read_text().strip() not in repr(record)


def test_a_spoken_answer_too_short_for_the_mark_does_not_arrive(gate: House) -> None:
    gate.upstream.answer, gate.upstream.headers = said(seconds=0.3), {"Content-Type": "audio/mpeg"}

    with gate.client() as client, pytest.raises(openai.APIStatusError) as refused:
        client.audio.speech.create(model="tts-1", voice="alloy", input="hello")

    assert "The sound could not be marked." in str(refused.value)


@pytest.mark.parametrize("form", ["wav", "flac", "mp3", "m4a"])
def test_what_comes_back_is_known_and_what_never_was_marked_is_missing_it(guard: Guard, form: str) -> None:
    made = guard.check(audio=said(form), direction=Direction.OUTPUT)
    assert isinstance(made.released, bytes)

    ours = guard.check(audio=made.released, direction=Direction.INPUT)
    other = guard.check(audio=said(form), direction=Direction.INPUT)
    short = guard.check(audio=said(form, 1.0), direction=Direction.INPUT)

    assert (made.action, made.changed) == ("label", True)
    assert ours.rules == ("flag-ours",)
    assert other.rules == ("flag-unmarked",)
    assert short.rules == ("flag-doubt",)
    assert guard.check(audio=made.released, direction=Direction.OUTPUT).released == made.released
