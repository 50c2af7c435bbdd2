from __future__ import annotations

import base64
import copy
import dataclasses
from typing import Any

import pytest
from hypothesis import given, strategies as st

from guard.content import Direction, ImagePart, OpaquePart, Part, TextPart
from guard.errors import RequestError
from guard.protocols.attachments import Blob, MediaUrl
from guard.protocols.contract import (
    MOST_LEAVES,
    TIME_DIGITS,
    Constrained,
    Each,
    Field,
    Guarded,
    Object,
    OneOf,
    Scalar,
    TextOr,
    Walk,
    apply_parts,
    spell,
    walk_unknown,
)
from guard.protocols.logprobs import Logprobs
from guard.protocols.strict_json import dump

words = st.text("ab~/?0 é\U0001f600", max_size=8)
short = st.integers(-(10**7) + 1, 10**7 - 1) | st.integers(-99_999, 99_999).map(lambda n: n / 100)
documents = st.recursive(
    st.none() | st.booleans() | short | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=15,
)


def walked(contract: Field, value: Any, **walk: Any) -> Walk:
    walk = Walk(**walk)
    contract.walk(value, walk, (), "", "user")
    return walk


def texts(walk: Walk) -> list[str]:
    return [part.text for part in walk.parts if isinstance(part, TextPart)]


def refusal(contract: Field, value: Any) -> RequestError:
    with pytest.raises(RequestError) as error:
        walked(contract, value)
    return error.value


def strings_of(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *strings_of(item))]
    if isinstance(value, list):
        return [text for item in value for text in strings_of(item)]
    return [value] if isinstance(value, str) else []


def leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(1 + leaves(item) for item in value.values())
    return sum(map(leaves, value)) if isinstance(value, list) else 1


@given(documents)
def test_every_string_and_key_of_an_unknown_document_is_a_part_and_every_leaf_counted(document: Any):
    walk = Walk()
    walk_unknown(document, walk, (), "", None)

    assert texts(walk) == strings_of(document)
    assert len(walk.parts) + sum(walk.exempt.values()) == leaves(document)


@given(documents)
def test_a_parts_path_leads_to_its_text(document: Any):
    walk = Walk()
    walk_unknown(document, walk, (), "", None)

    for part in walk.parts:
        if isinstance(part, TextPart) and part.editable:
            value = document
            for step in part.path:
                value = value[step]
            assert value == part.text


@given(st.dictionaries(words, documents, max_size=4))
def test_pointers_tell_parts_apart_and_show_no_key(document: dict[str, Any]):
    walk = walked(Object({"known": Guarded(), "list": Each(Guarded())}), {**document, "known": "x", "list": ["y"]})

    pointers = [part.pointer for part in walk.parts]
    assert len(pointers) == len(set(pointers))
    for pointer in pointers:
        assert all(step in {"", "known", "list"} or step.strip("?~key").isdigit() for step in pointer.split("/"))


@given(documents, st.data())
def test_changed_texts_are_written_where_they_came_from_and_nothing_else_changes(document: Any, data: st.DataObject):
    walk = Walk()
    walk_unknown(document, walk, (), "", None)
    editable = [n for n, p in enumerate(walk.parts) if isinstance(p, TextPart) and p.editable]
    chosen = data.draw(st.sets(st.sampled_from(editable))) if editable else set()
    after: list[Part] = [
        dataclasses.replace(part, text=f"<{number}>") if number in chosen else part  # type: ignore[call-arg]
        for number, part in enumerate(walk.parts)
    ]

    changed = apply_parts(copy.deepcopy(document), walk.parts, after)

    again = Walk()
    walk_unknown(changed, again, (), "", None)
    assert [getattr(p, "text", None) for p in again.parts] == [getattr(p, "text", None) for p in after]
    if not chosen:
        assert changed == document


@pytest.mark.parametrize(
    ("contract", "exempt", "judged"),
    [
        (Constrained(), ["gpt-4o", "a:b/c.d_e-f", "x" * 128], ["two words", "", "x" * 129, "naïve", "-x", "a\n"]),
        (Scalar(), [None, True, 1, -1.5, 9_999_999], ["1", "null"]),
        (Scalar(TIME_DIGITS), [None, True, 1_900_000_000, 1.5], ["1", "null"]),
    ],
)
def test_a_field_is_exempt_only_while_it_is_what_the_contract_says(
    contract: Field, exempt: list[Any], judged: list[Any]
):
    for value in exempt:
        assert (walked(contract, value).parts, sum(walked(contract, value).exempt.values())) == ([], 1)
    for value in judged:
        (part,) = walked(contract, value).parts
        assert (part.kind, getattr(part, "text", None)) == ("name", value)


def test_structure_in_place_of_a_word_is_judged_leaf_by_leaf_as_unknown():
    for contract in (Constrained(), Scalar()):
        walk = walked(contract, {"a b": ["c d"]})
        assert texts(walk) == ["a b", "c d"]
        assert [part.kind for part in walk.parts] == ["key", "unknown"]


@pytest.mark.parametrize(
    ("number", "spelled"),
    [
        (10**7, "10000000"),
        (-(10**7), "-10000000"),
        (4111111111111111, "4111111111111111"),
        (1e7, "10000000.0"),
        (4111111111111111.0, "4111111111111111.0"),
        (411111.1111111111, "411111.1111111111\n4111111111111111"),
        (-41111111.11111111, "-41111111.11111111\n4111111111111111"),
        (4.111111111111111e200, "4.111111111111111e+200\n4111111111111111"),
        (0.4111111111111111, "0.4111111111111111"),
    ],
)
def test_a_number_long_enough_to_spell_something_is_judged_as_it_will_be_written(number: float, spelled: str):
    contracts = (Scalar(), number), (Object({}), {"type": number}), (Guarded(), [number])
    for contract, value in contracts:
        (part,) = walked(contract, value).parts
        assert isinstance(part, TextPart)
        assert (part.text, part.editable) == (spelled, False)
    assert walked(Scalar(), number).parts[0].kind == "name"


@given(st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False))
def test_of_every_number_all_digits_or_fewer_than_eight_go_unjudged(number: float):
    written = dump(number).decode()
    digits = "".join(filter(str.isdigit, written.partition("e")[0].removesuffix(".0"))).lstrip("0")

    spelled = spell(number)

    assert (spelled is None) == (len(digits) < 8)
    if spelled is not None:
        assert spelled.startswith(written)
        assert digits in spelled.replace(".", "")


@pytest.mark.parametrize("number", [0, 9_999_999, -9_999_999, 0.1, 1e300, 12345.67, True, None])
def test_a_short_number_is_exempt(number: Any):
    for value in ([number], {"type": number}):
        assert walked(Object({"type": Guarded()}), {"type": value}).parts == []


@pytest.mark.parametrize("number", [10**10, -(10**10), 1_900_000_000.5, 4111111111111111])
def test_a_time_is_a_whole_number_of_ten_digits(number: float):
    assert len(walked(Scalar(TIME_DIGITS), number).parts) == 1


@pytest.mark.parametrize("key", ["Content", "CONTENT", "contenT", "rOle", "\u017ftop", "to\u212aen"])
def test_a_key_that_differs_from_a_known_one_in_case_is_refused(key: str):
    contract = Object(dict.fromkeys(("content", "role", "stop", "token"), Guarded()))

    error = refusal(contract, {key: "x"})

    assert error.code == "case_variant_key"
    assert key not in error.message


def test_keys_of_protocols_are_exempt_by_name_and_others_are_judged():
    walk = Walk()
    walk_unknown({"type": "object", "properties": {"drug": {"description": "d"}}}, walk, (), "", None)

    assert [(part.kind, getattr(part, "text", None)) for part in walk.parts] == [
        ("unknown", "object"),
        ("key", "drug"),
        ("unknown", "d"),
    ]
    assert walk.exempt == {"protocol_word": 3}


@pytest.mark.parametrize(
    ("contract", "value", "code"),
    [
        (Object({}), [], "invalid_type"),
        (Object({}, nullable=False), None, "invalid_type"),
        (Each(Guarded()), {}, "invalid_type"),
        (Each(Guarded(), nullable=False), None, "invalid_type"),
        (OneOf({"a": Guarded()}), "a", "invalid_type"),
        (OneOf({"a": Guarded()}), {}, "unknown_type"),
        (OneOf({"a": Guarded()}), {"type": ["a"]}, "unknown_type"),
        (OneOf({"a": Guarded()}, tag="role"), {"role": "b"}, "unknown_role"),
        (OneOf({"a": Guarded()}, untagged="a"), {"type": None}, "unknown_type"),
        (MediaUrl(), 7, "invalid_type"),
        (Blob(), {}, "invalid_type"),
        (Logprobs(), [], "invalid_type"),
        (Logprobs(), {"tokens": []}, "invalid_type"),
        (Logprobs(), {"content": "x"}, "invalid_type"),
        (Logprobs(), {"content": ["x"]}, "invalid_type"),
        (Logprobs(), {"content": [{"logprob": 1}]}, "invalid_type"),
        (Logprobs(), {"content": [{"token": 5}]}, "invalid_type"),
        (Logprobs(), {"content": [{"token": "x", "bytes": [256]}]}, "invalid_type"),
        (Logprobs(), {"content": [{"token": "x", "bytes": ["x"]}]}, "invalid_type"),
        (Logprobs(), {"content": [{"token": "x", "top_logprobs": ["y"]}]}, "invalid_type"),
    ],
)
def test_what_cannot_be_read_is_refused(contract: Field, value: Any, code: str):
    assert refusal(contract, value).code == code


def test_a_role_is_that_of_everything_below_it():
    contract = OneOf({"tool": Object({"role": Constrained(), "content": Guarded()})}, tag="role")

    walk = walked(contract, {"role": "tool", "content": "x", "more": {"y": "z"}})

    assert {part.role for part in walk.parts} == {"tool"}


def test_a_string_or_something_else_goes_by_its_own_contract():
    contract = TextOr(Guarded("refusal"), Each(Guarded("reasoning")))

    assert walked(contract, "x").parts[0].kind == "refusal"
    assert walked(contract, ["x"]).parts[0].kind == "reasoning"
    assert walked(contract, None).exempt == {"scalar": 1}
    for value in (7, {"text": "x"}):
        assert "a string or a list" in refusal(contract, value).message


@pytest.mark.parametrize("kind", ["tool_schema", "name", "message"])
def test_keys_below_a_known_field_are_judged_and_are_no_unknown_fields(kind: str):
    walk = walked(Object({"known": Guarded(kind)}), {"known": {"secret": [{"inner": "x"}]}})

    assert texts(walk) == ["secret", "inner", "x"]
    assert {part.kind for part in walk.parts} <= {kind, "name"}
    assert not any(part.editable for part in walk.parts[:2])


PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()


@pytest.mark.parametrize(
    "value",
    [
        "data:image/png;base64,AAAA",
        PNG,
        {"type": {"type": {"text": PNG}}},
        [[PNG]],
    ],
)
@pytest.mark.parametrize("contract", [Object({}), Object({"type": Guarded()})])
def test_a_picture_where_no_contract_has_one_is_a_picture(contract: Field, value: Any):
    *_, part = walked(contract, {"type": [value]}).parts

    assert isinstance(part, ImagePart)


def test_a_text_with_a_picture_in_it_is_judged_and_so_is_the_picture():
    markdown = f"look: ![x](data:image/png;base64,{PNG})"

    for walk in (walked(Guarded(), markdown), walked(Object({}), {"type": markdown})):
        text, picture = walk.parts
        assert isinstance(text, TextPart)
        assert isinstance(picture, ImagePart)
        assert text.text == markdown
        assert picture.data.startswith(b"\x89PNG")
        assert picture.pointer not in {text.pointer, ""}


@pytest.mark.parametrize(
    "url",
    [
        f"data:image/png;base64,{PNG} ignore all",
        f"data:image/png;base64,{PNG.rstrip('=')}\nignore all",
        f"data:image/png;name=ignore_all;base64,{PNG}",
        "data:image/png,ignore all",
    ],
)
def test_words_in_a_data_url_are_judged_beside_the_medium(url: str):
    for contract in (Object({}), Object({"type": MediaUrl()})):
        text, medium = walked(contract, {"type": url}).parts
        assert isinstance(text, TextPart)
        assert text.text == url
        assert isinstance(medium, ImagePart | OpaquePart)


def test_more_media_than_can_be_judged_are_refused():
    url = f"x data:image/png;base64,{PNG} "
    assert len(walked(Guarded(), [url] * 64).parts) == 128
    for contract, value in ((Guarded(), [url] * 65), (Guarded(), url * 65), (Each(Blob()), ["AAAA"] * 65)):
        error = refusal(contract, value)
        assert error.code == "too_many_parts"
        assert "64 pictures" in error.message


def test_values_that_need_no_judging_are_counted_too():
    assert walked(Guarded(), [0] * MOST_LEAVES).exempt == {"scalar": MOST_LEAVES}
    for value in ([0] * (MOST_LEAVES + 1), [[{"type": 0.5, "text": None}]] * (MOST_LEAVES // 4 + 1)):
        error = refusal(Guarded(), value)
        assert error.code == "too_many_parts"
        assert "50000 values" in error.message


def test_more_parts_than_can_be_judged_are_refused():
    assert len(walked(Each(Guarded()), ["x"] * 5, max_parts=5).parts) == 5
    with pytest.raises(RequestError, match="more than 5") as error:
        walked(Each(Guarded()), ["x"] * 6, max_parts=5)
    assert error.value.code == "too_many_parts"


def token(text: str, *others: str, **more: Any) -> dict[str, Any]:
    top = [{"token": other, "logprob": -1, "bytes": None} for other in others]
    return {"token": text, "logprob": -0.5, "bytes": None, "top_logprobs": top, **more}


def test_token_lists_are_judged_as_what_they_spell():
    lists = {"content": [token("he", "hi", "ho"), token("llo", " there")], "refusal": None}

    assert texts(walked(Logprobs(), lists)) == ["hello", "hi there\nho"]
    assert {part.kind for part in walked(Logprobs(), lists).parts} == {"logprobs"}


def test_bytes_that_say_something_else_are_judged_too():
    lists = {"content": [token("x", bytes=list("脏".encode())[:2]), token("y", bytes=list("脏".encode())[2:])]}

    assert texts(walked(Logprobs(), lists)) == ["xy", "脏"]


def test_other_fields_of_a_token_are_judged_too():
    lists = {"content": [token("x", note="n"), token("x", logprob="l"), token("x", bytes="b")]}

    assert texts(walked(Logprobs(), lists))[1] == "note\nn\nlogprob\nl\nbytes\nb"


def test_a_probability_that_is_none_is_judged_like_any_number():
    assert texts(walked(Logprobs(), {"content": [token("x", logprob=-0.31725305318832397)]})) == ["x"]
    assert "4111111111111111" in texts(walked(Logprobs(), {"content": [token("x", logprob=4111111111111111)]}))[1]


def test_a_changed_token_list_is_dropped():
    document = {"choices": [{"logprobs": {"content": [token("secret")]}}]}
    walk = Walk()
    Logprobs().walk(document["choices"][0]["logprobs"], walk, ("choices", 0, "logprobs"), "/l", None)

    changed = apply_parts(document, walk.parts, [dataclasses.replace(walk.parts[0], text="<X>")])  # type: ignore[call-arg]

    assert changed == {"choices": [{"logprobs": None}]}


def test_a_walk_becomes_a_content():
    walk = walked(Object({"a": Guarded(), "b": Scalar()}), {"a": "x", "b": 1})

    content = walk.content(Direction.OUTPUT, "m")

    assert (content.direction, len(content.parts), content.exempt, content.model) == (
        Direction.OUTPUT, 1, (("scalar", 1),), "m",
    )  # fmt: skip
