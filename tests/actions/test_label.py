from __future__ import annotations

import json

import pytest

from guard.actions.label import Label, closing, heading
from guard.content import Content, Direction, Path, TextPart
from guard.decision import Effect

BOTH = {"en": "AI-generated", "zh": "AI生成"}


def said(text: str, *path: str | int, **more: str) -> TextPart:
    place: Path = path or ("choices", 0, "message", "content")
    return TextPart(text, "/" + "/".join(map(str, place)), place, role="assistant", **more)


def label(*parts: TextPart, locale: str = "en", actions: tuple[Label, ...] = (Label(BOTH),)) -> list[str]:
    effects = [Effect(f"r{number}", action) for number, action in enumerate(actions)]
    left = Label.apply(Content(Direction.OUTPUT, parts, locale=locale), effects)
    return [part.text for part in left.parts if isinstance(part, TextPart)]


@pytest.mark.parametrize(
    ("place", "locale", "expected"),
    [
        ("end", "en", "Hello.\nAI-generated"),
        ("end", "zh-CN", "Hello.\nAI生成"),
        ("start", "fr", "AI-generated\nHello."),
    ],
)
def test_a_label_stands_on_a_line_of_its_own_in_the_language_of_the_reader(place: str, locale: str, expected: str):
    assert label(said("Hello."), locale=locale, actions=(Label(BOTH, place),)) == [expected]  # type: ignore[arg-type]


def test_without_a_text_the_label_is_our_own():
    assert label(said("Hello."), actions=(Label(),)) == ["Hello.\nAI-generated"]
    assert label(said("你好"), actions=(Label(),), locale="zh") == ["你好\nAI生成"]
    assert label(said("Hello."), actions=(Label("Machine"),)) == ["Hello.\nMachine"]


def test_every_choice_is_labelled_once_after_its_last_and_before_its_first_text():
    parts = [
        said("one", "choices", 0, "message", "content"),
        said("two", "choices", 1, "message", "content", 0, "text"),
        said("three", "choices", 1, "message", "content", 1, "text"),
    ]

    assert label(*parts) == ["one\nAI-generated", "two", "three\nAI-generated"]
    assert label(*parts, actions=(Label("AI", "start"),)) == ["AI\none", "AI\ntwo", "three"]


def test_the_texts_of_one_message_are_labelled_together():
    assert label(said("one", "content", 0, "text"), said("two", "content", 1, "text")) == ["one", "two\nAI-generated"]


def test_a_text_that_stands_alone_is_labelled():
    assert label(TextPart("Hello.")) == ["Hello.\nAI-generated"]


@pytest.mark.parametrize(
    "part",
    [
        said('{"a": 1}', "choices", 0, "message", "tool_calls", 0, "function", "arguments", kind="tool_arguments"),
        said("hm", "choices", 0, "message", "reasoning_content", kind="reasoning"),
        said("no", "choices", 0, "message", "refusal", kind="refusal"),
        said("A book", "choices", 0, "message", "annotations", 0, "url_citation", "title"),
        said(""),
        TextPart("Hello.", role="user"),
        said(' {"answer": "yes"}\n'),
        said("[1, 2]"),
        said("Hello.\nAI-generated"),
        said("Hello.\n\nAI-generated\n"),
    ],
)
def test_what_is_not_said_to_people_what_is_json_and_what_is_labelled_is_left_alone(part: TextPart):
    assert label(part) == [part.text]


@pytest.mark.parametrize("text", ['{"answer": 1}', "{}", '[{"a": 1}]', '["a"]', "[]", "AI, of course"])
def test_at_the_beginning_too(text: str):
    assert label(said(text), actions=(Label("AI", "start"),)) == [text]


@pytest.mark.parametrize("text", ["[1] says so", "{name} is", "[link](https://example.org)", "{'a': 1}"])
def test_what_only_begins_a_little_like_json_is_labelled(text: str):
    assert label(said(text)) == [f"{text}\nAI-generated"]
    assert label(said(text), actions=(Label("AI", "start"),)) == [f"AI\n{text}"]


def test_labels_of_several_rules_stand_below_each_other_each_once():
    actions = (Label("AI"), Label("Not advice"), Label("AI"), Label("Machine", "start"))

    assert label(said("Hello."), actions=actions) == ["Machine\nHello.\nAI\nNot advice"]


def test_an_answer_without_anything_to_label_is_the_same_object():
    content = Content(Direction.OUTPUT, (said("[1, 2]"),))

    assert Label.apply(content, [Effect("r", Label())]) is content


def test_json_stays_json():
    (text,) = label(said(json.dumps({"answer": "yes"})))

    assert json.loads(text) == {"answer": "yes"}


def test_a_stream_is_told_what_to_put_around_a_text():
    effects = [Effect("a", Label("AI", "start")), Effect("b", Label(BOTH))]

    assert heading(said("Hel"), effects) == "AI\n"
    assert closing(said("Hello."), effects, "zh") == "\nAI生成"
    assert heading(said('{"'), effects) == closing(said("hm", kind="reasoning"), effects) == ""


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"marks": ("pixel_mark",)}, "`message`, what `pixel_mark` says, should have 24 to 512 bits"),
        ({"marks": ("pixel_mark",), "message": "InvokeAI"}, "would be read as the mark of a generator, invokeai"),
        ({"place": "middle"}, "a label cannot stand at the `middle`; "),
        ({"text": " "}, "`text` is empty"),
        ({"text": {"en": "AI", "zh": ""}}, "`text` is empty"),
    ],
)
def test_a_label_that_would_not_be_seen_is_refused(options: dict, error: str):
    with pytest.raises(ValueError, match=error):
        Label(**options)


def test_only_answers_are_labelled():
    assert Label().directions == {Direction.OUTPUT}
