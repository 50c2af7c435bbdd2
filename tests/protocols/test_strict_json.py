from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from guard.errors import RequestError
from guard.protocols.strict_json import MAX_DEPTH, MAX_VALUES, dump, parse

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
documents = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(words, inner, max_size=5),
    max_leaves=20,
)


def refused(body: bytes) -> str:
    with pytest.raises(RequestError) as error:
        parse(body)
    assert error.value.code == "invalid_json"
    return error.value.message


@given(documents, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_a_plain_document_is_read_as_every_reader_reads_it(document: Any, plain: bool, indent: int | str | None):
    written = json.dumps(document, ensure_ascii=plain, indent=indent).encode()

    assert parse(written) == json.loads(written) == document
    assert json.loads(dump(parse(written))) == document


@given(st.dictionaries(words, documents, min_size=1, max_size=4), st.data())
def test_any_key_named_twice_anywhere_is_refused(members: dict[str, Any], data: st.DataObject):
    key = data.draw(st.sampled_from(sorted(members)))
    member = json.dumps(key) + ":" + json.dumps(data.draw(st.none() | st.just(members[key])))
    written = json.dumps(members, separators=data.draw(st.sampled_from([(",", ":"), (", ", ": ")])))
    twice = data.draw(st.sampled_from([f"{written[:-1]},{member}}}", f"{{{member}, {written[1:]}"]))

    for body in (twice, f'[[{{"x":{twice}}}]]', f'{{"a":"b:\\"","x":{twice}}}'):
        assert "same key twice" in refused(body.encode())


@given(st.binary(max_size=60) | st.text('{}[]":,\\u0d8fFae1-.+ \n', max_size=60).map(str.encode))
def test_whatever_is_read_is_read_the_same_by_the_standard_library(body: bytes):
    try:
        document = parse(body)
    except RequestError:
        return

    pairs: list[list[tuple[str, Any]]] = []
    assert json.loads(body, object_pairs_hook=lambda p: pairs.append(p) or dict(p)) == document
    assert all(len(dict(p)) == len(p) for p in pairs)


def test_keys_that_only_look_alike_are_two():
    assert parse('{"a":1,"A":2,"а":3,"a ":4}'.encode()) == {"a": 1, "A": 2, "а": 3, "a ": 4}
    assert "same key twice" in refused(b'{"a b":1, "ab":2, "a b":1}')


@pytest.mark.parametrize("text", ['"a\\":"', '"\\\\"', '":"', '"{\\"a\\":1,\\"a\\":2}"', '"\\u0022a\\u0022:"'])
def test_colons_and_quotes_in_strings_name_no_keys(text: str):
    assert parse(f'{{"a":{text},"b":[{text}]}}'.encode()) == {"a": json.loads(text), "b": [json.loads(text)]}


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_depth_is_bounded(opening: bytes):
    def nested(depth: int) -> bytes:
        return opening * depth + b"1" + {b"[": b"]"}.get(opening, b"}") * depth

    parse(nested(MAX_DEPTH))
    assert f"deeper than {MAX_DEPTH}" in refused(nested(MAX_DEPTH + 1))
    for depth in (600, 1_000, 100_000):
        refused(nested(depth))
        refused(nested(depth).replace(b"1", b'"\\u0000"'))


@pytest.mark.parametrize("number", [2**63, 2**64 - 1, -(2**63), 10**18, 1.5e300, -0.0, 12345678901234567890.0])
def test_numbers_that_readers_agree_on_are_read(number: float):
    assert parse(json.dumps([number]).encode()) == [number]


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**30, 10**300])
def test_whole_numbers_beyond_64_bits_are_refused(number: int):
    assert "64 bits" in refused(b'{"x":[1,%d]}' % number)
    assert parse(b'{"x":"%d"}' % number) == {"x": str(number)}
    assert parse(b'{"x":%d.5}' % (10**22)) == {"x": 1e22}


def test_long_fractions_and_exponents_are_no_whole_numbers():
    assert parse(b"[0.12345678901234567890123, 1e22, 1.00000000000000000000e1]") == [0.12345678901234568, 1e22, 10.0]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ("{}".encode("utf-16"), "byte order mark"),
        ("{}".encode("utf-16-le"), "byte order mark"),
        (b'{"a":"\xff"}', "byte 6 is not UTF-8"),
        (b'{"a":1} x', "line 1 column 9"),
        (b'{\n"a":NaN}', "line 2 column 5"),
        (b'{"a":"\\u0000"}', "U+0000"),
        (b'{"\\u0000":1}', "U+0000"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where(body: bytes, why: str):
    assert why in refused(body)


def test_a_refusal_holds_nothing_of_the_body():
    for body in (b'{"secret-word":1,"secret-word":2}', b'{"x":"secret-word', b"secret-word", b'["secret-word\\u0000"]'):
        assert "secret-word" not in refused(body)


@pytest.mark.parametrize("body", [b"[" + b"0," * MAX_VALUES + b"0]", b"[" + b"[[]]," * (MAX_VALUES // 2) + b"0]"])
def test_a_document_of_too_many_values_is_refused(body: bytes):
    with pytest.raises(RequestError) as error:
        parse(body)

    assert error.value.code == "too_many_parts"
