from __future__ import annotations

import html
import json

import pytest
from hypothesis import given, strategies as st

from guard.content import Content, Direction, ImagePart, TextPart
from guard.placeholders import LONGEST_VALUE, Mint, incomplete, reads_as_json, restore_content, restore_text

KEY = b"k" * 32
ANA = "<EMAIL_k3f9qa>"
MASKED = {ANA: "ana@example.org", "<PERSON_aaaaaa>": 'Bo "B&B" O\\Neil'}


def mint(*texts: str, key: bytes = KEY) -> Mint:
    return Mint(key, texts)


# Minting


def test_a_placeholder_names_the_kind_of_value_and_ends_in_a_tag():
    made = mint("write to ana@example.org")

    name = made.name("EMAIL", "ana@example.org")

    assert name is not None
    label, _, tag = name.strip("<>").rpartition("_")
    assert (label, len(tag), tag.isalnum(), tag.islower() or tag.isdigit()) == ("EMAIL", 6, True, True)
    assert made.masked == {name: "ana@example.org"}


def test_the_same_value_has_the_same_placeholder_under_one_key_whatever_is_around_it():
    first, second = mint("one"), mint("quite", "another text")
    second.name("EMAIL", "bo@example.org")

    assert first.name("EMAIL", "ana@example.org") == second.name("EMAIL", "ana@example.org")


def test_another_key_another_value_and_another_kind_give_another_placeholder():
    made = mint()
    names = [
        made.name("EMAIL", "ana@example.org"),
        made.name("EMAIL", "bo@example.org"),
        made.name("PERSON", "ana@example.org"),
        mint(key=b"l" * 32).name("EMAIL", "ana@example.org"),
    ]

    assert len(set(names)) == 4


@pytest.mark.parametrize("written", ["{0}", "say {1} twice", "&lt;{1}&gt;", "EMAIL_{1}", "{2}", "EMAIL_aaaaa{1}"])
def test_a_placeholder_that_somebody_wrote_is_given_to_no_value(written: str):
    name = mint().name("EMAIL", "ana@example.org")
    assert name is not None
    text = written.format(name, name.strip("<>"), name.upper())

    made = mint("ana@example.org", text)
    other = made.name("EMAIL", "ana@example.org")

    assert other not in (None, name)
    assert restore_text(text, made.masked) == text


def test_two_values_whose_tags_would_be_the_same_get_two(monkeypatch: pytest.MonkeyPatch):
    # Two letters make 1024 tags: among 300 values some are sure to begin with the same one.
    monkeypatch.setattr("guard.placeholders._TAG_LETTERS", 2)
    made = mint()

    names = {made.name("EMAIL", f"{i}@example.org") for i in range(300)}

    assert len(names) == len(made.masked) == 300


@pytest.mark.parametrize("value", ["x" * (LONGEST_VALUE + 1), "broken \ud83d"], ids=["long", "surrogate"])
def test_a_value_that_could_not_be_restored_gets_no_placeholder(value: str):
    made = mint()

    assert made.name("EMAIL", value) is None
    assert made.masked == {}


@given(st.text(min_size=1, max_size=40), st.text("AB_", min_size=1, max_size=4), st.binary(min_size=1, max_size=40))
def test_what_was_minted_is_restored(value: str, label: str, key: bytes):
    made = Mint(key, [value])
    name = made.name(label, value)

    if name is not None:
        assert restore_text(f"say {name}!", made.masked) == f"say {value}!"


# Restoring


BO = MASKED["<PERSON_aaaaaa>"]


@pytest.mark.parametrize(
    ("written", "restored"),
    [
        ("to <EMAIL_k3f9qa>, <EMAIL_k3f9qa>", "to ana@example.org, ana@example.org"),
        ("<<EMAIL_k3f9qa>>", "<ana@example.org>"),
        ("<PERSON_aaaaaa>", BO),
        ("&lt;PERSON_aaaaaa&gt;", html.escape(BO)),
        ('"\\u003cPERSON_aaaaaa\\u003e"', json.dumps(BO)),
        ('"\\u003CPERSON_aaaaaa\\u003E"', json.dumps(BO)),
        ('"\\u0026lt;PERSON_aaaaaa\\u0026gt;"', json.dumps(html.escape(BO))),
        ('"\\\\\\u003cEMAIL_k3f9qa\\u003e"', '"\\\\ana@example.org"'),
    ],
)
def test_a_placeholder_is_restored_in_the_form_it_is_written_in(written: str, restored: str):
    assert restore_text(written, MASKED) == restored


@pytest.mark.parametrize(
    "text",
    [
        "EMAIL_k3f9qa", "< EMAIL_k3f9qa >", "<email_k3f9qa>", "<EMAIL_k3f9qb>", "<EMAIL_k3f9qa", "<EMAIL k3f9qa>",
        "<EMAIL_k3f9qa&gt;", "\\\\u003cEMAIL_k3f9qa\\\\u003e", "<EMAIL_1>",
    ],
)  # fmt: skip
def test_nothing_else_is_restored(text: str):
    assert restore_text(text, MASKED) == text


@pytest.mark.parametrize("left", ["<", "\\u003c", "&lt;", "\\u0026lt;"])
def test_json_stays_json_and_says_the_value(left: str):
    right = left.replace("<", ">").replace("3c", "3e").replace("lt", "gt")

    text = restore_text(f'{{"to": "{left}PERSON_aaaaaa{right}"}}', MASKED, json=True)

    assert html.unescape(json.loads(text)["to"]) == BO


def test_a_value_that_looks_like_a_placeholder_is_not_restored_again():
    masked = {ANA: "<PERSON_aaaaaa>", "<PERSON_aaaaaa>": ANA}

    assert restore_text("<EMAIL_k3f9qa><PERSON_aaaaaa>", masked) == "<PERSON_aaaaaa><EMAIL_k3f9qa>"


def test_every_text_of_an_answer_is_restored_but_what_cannot_be_written_back():
    parts = (
        TextPart(f"I wrote to {ANA}.", "/0"),
        TextPart('{"to": "<PERSON_aaaaaa>"}', "/1", kind="tool_arguments"),
        TextPart('{"to": "<PERSON_aaaaaa>"}', "/2"),
        TextPart(ANA, "/3", kind="logprobs", editable=False),
        ImagePart(b"", "/4"),
        TextPart("nothing here", "/5"),
    )

    left = restore_content(Content(Direction.OUTPUT, parts), MASKED)

    texts = [part.text for part in left.parts if isinstance(part, TextPart)]
    assert texts[0] == "I wrote to ana@example.org."
    assert json.loads(texts[1]) == json.loads(texts[2]) == {"to": BO}
    assert [left.parts[n] is parts[n] for n in (3, 4, 5)] == [True] * 3


def test_without_anything_masked_the_answer_is_the_same_object():
    content = Content(Direction.OUTPUT, (TextPart(ANA),))

    assert restore_content(content, {}) is content


def test_what_was_masked_and_the_key_are_not_shown():
    content = Content(Direction.INPUT, (), vault_key=b"zorblax-key", masked={ANA: "zorblax-value"})

    assert "zorblax" not in repr(content)


@pytest.mark.parametrize(
    ("kind", "start", "expected"),
    [
        ("tool_arguments", ' {"a', True),
        ("tool_arguments", "[", True),
        ("tool_arguments", '"', True),
        ("tool_arguments", "ls -l", False),
        ("tool_arguments", "", False),
        ("message", '\n{"a', True),
        ("message", "[1]: see", False),
        ("message", "hello {", False),
    ],
)
def test_a_text_reads_as_json_by_its_kind_and_beginning(kind: str, start: str, expected: bool):
    assert reads_as_json(kind, start) is expected


# Piece by piece


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("say ", ""),
        ("say <", "<"),
        ("say <EMAIL_k3f", "<EMAIL_k3f"),
        (f"say {ANA}", ""),
        ("a < b", ""),
        ("<EMAIL_k3f9qa", "<EMAIL_k3f9qa"),
        ("<EMAIL_x", ""),
        ("<EMAIL_k3f9qa\\", "\\"),
        ("&", "&"),
        ("&l", "&l"),
        ("&amp", ""),
        ("x \\", "\\"),
        ("x \\\\\\", "\\\\\\"),
        ("\\u003CEMA", "\\u003CEMA"),
        ("\\u003cEMAIL_k3f9qa\\u003", "\\u003cEMAIL_k3f9qa\\u003"),
        ("\\u0026lt;PER", "\\u0026lt;PER"),
        ("<EMAIL_<PERSON_", "<PERSON_"),
        ("\\n", ""),
        ("&lt;EMAIL_k3f9qa&gt", "&lt;EMAIL_k3f9qa&gt"),
    ],
)
def test_what_may_yet_become_a_placeholder_is_held(text: str, held: str):
    assert text[incomplete(text, MASKED) :] == held


def test_with_nothing_masked_nothing_is_held():
    assert incomplete("say <", {}) == 5


PIECES = st.lists(
    st.sampled_from(
        ["<", ">", "&", "lt;", "gt;", "\\", "\\\\", "\\u003", "c", "C", "e", "E", "\\u0026", "EMAIL_", "k3f9qa", " ",
         "EMAIL_k3f9qa", "PERSON_aaaaaa", "PERSON", ANA, "\\u003cEMAIL_k3f9qa\\u003e", "&lt;PERSON_aaaaaa&gt;", "字"]
    ),
    max_size=24,
)  # fmt: skip


@given(PIECES, st.booleans(), st.data())
def test_a_text_that_comes_in_pieces_is_restored_like_the_whole(
    pieces: list[str], json_text: bool, data: st.DataObject
):
    text = "".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))

    restored, held = [], ""
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        held += text[start:end]
        place = incomplete(held, MASKED)
        restored.append(restore_text(held[:place], MASKED, json=json_text))
        held = held[place:]
    restored.append(restore_text(held, MASKED, json=json_text))

    assert "".join(restored) == restore_text(text, MASKED, json=json_text)


@given(PIECES)
def test_no_more_is_held_than_a_placeholder_is_long(pieces: list[str]):
    text = "".join(pieces).replace("\\\\", "")

    assert len(text) - incomplete(text, MASKED) <= len("\\u0026lt;PERSON_aaaaaa\\u0026gt;")
