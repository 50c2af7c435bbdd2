from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from guard.actions.redact import Redact
from guard.content import Content, Direction, ImagePart, Part, TextPart
from guard.decision import Effect, Refusal
from guard.finding import Finding
from guard.placeholders import restore_content

STYLES = ("mask", "pseudonym", "label", "remove")


def redact(
    parts: str | tuple[Part, ...], *findings: Finding, style: str = "pseudonym", rule: str = "cut"
) -> list[str] | Refusal:
    given_parts = (TextPart(parts, pointer="/0"),) if isinstance(parts, str) else parts
    left = Redact.apply(Content(Direction.INPUT, given_parts), [Effect(rule, Redact(style), findings)])
    return left if isinstance(left, Refusal) else [part.text for part in left.parts if isinstance(part, TextPart)]


def at(start: int, end: int, category: str = "pii.email", score: float = 1.0, part: str = "/0") -> Finding:
    return Finding(category, score, span=(start, end), part=part)


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("pseudonym", "write to <EMAIL_1>, now"),
        ("label", "write to <EMAIL>, now"),
        ("mask", "write to ***@*******.***, now"),
        ("remove", "write to , now"),
    ],
)
def test_each_style_writes_its_own(style: str, expected: str):
    assert redact("write to ana@example.org, now", at(9, 24), style=style) == [expected]


def test_pseudonyms_number_values_in_order_of_appearance_over_all_parts():
    parts = (TextPart("bo@x.io and al@x.io", "/0"), TextPart("untouched", "/1"), TextPart("al@x.io, cy@x.io", "/2"))
    findings = [at(9, 16, part="/2"), at(0, 7, part="/2"), at(12, 19), at(0, 7)]

    assert redact(parts, *findings) == ["<EMAIL_1> and <EMAIL_2>", "untouched", "<EMAIL_2>, <EMAIL_3>"]


def test_each_category_counts_for_itself():
    findings = (at(0, 3, "pii.person"), at(4, 11))

    assert redact("Ana a@b.org", *findings) == ["<PERSON_1> <EMAIL_1>"]


@pytest.mark.parametrize("written", ["<EMAIL_1>", "&lt;EMAIL_1&gt;", "\\u003cemail_1\\u003e"])
def test_a_placeholder_that_a_person_wrote_is_never_given_out_again(written: str):
    parts = (TextPart("a@b.org and c@d.org", "/0"), TextPart(f"{written} <EMAIL_3>", "/1"))

    assert redact(parts, at(0, 7), at(12, 19))[0] == "<EMAIL_2> and <EMAIL_4>"


def test_a_placeholder_with_a_number_beyond_all_bounds_does_no_harm():
    assert redact("a@b.org EMAIL_" + "9" * 5000, at(0, 7))[0].startswith("<EMAIL_1>")


def test_overlapping_and_touching_spans_become_one_named_by_the_longest():
    findings = (at(0, 4, "pii.person", 1.0), at(2, 9, "pii.email", 0.6), at(9, 12, "pii.url", 1.0))

    assert redact("abcdefghijkl mn", *findings) == ["<EMAIL_1> mn"]


def test_of_equally_long_spans_the_surest_names_the_place():
    assert redact("abcd", at(0, 4, "pii.person", 0.6), at(0, 4, "pii.email", 0.9)) == ["<EMAIL_1>"]


def test_of_two_styles_on_one_place_the_one_that_gives_less_away_is_used():
    content = Content(Direction.INPUT, (TextPart("say ana@example.org", "/0"),))
    effects = [Effect("a", Redact("mask"), (at(4, 19),)), Effect("b", Redact("remove"), (at(4, 7, "pii.person"),))]

    for order in (effects, effects[::-1]):
        left = Redact.apply(content, order)
        assert isinstance(left, Content)
        assert left.parts[0].text == "say "


@pytest.mark.parametrize("span", [None, (4, 4), (7, 2), (90, 95), (-9, -2)])
def test_a_finding_that_names_no_character_redacts_its_whole_part(span: tuple[int, int] | None):
    assert redact("my secret", Finding("secret.token", 1.0, span=span, part="/0")) == ["<TOKEN_1>"]


def test_a_span_that_reaches_beyond_the_text_ends_with_it():
    assert redact("my secret", at(3, 99, "secret.token")) == ["my <TOKEN_1>"]


def test_an_empty_text_stays_empty():
    assert redact("", Finding("toxicity", 0.9, part="/0")) == [""]


def test_a_mask_hides_marks_symbols_and_digits_of_every_script_and_keeps_length():
    assert redact("नमस्ते ١٢٣-😀 王,x", at(0, 15), style="mask") == ["****** ***-* *,x"]


@pytest.mark.parametrize("value", ["----", "****"])
def test_a_mask_that_would_hide_nothing_gives_way_to_the_label(value: str):
    assert redact(f"a {value} b", at(2, 6), style="mask") == ["a <EMAIL> b"]


def test_a_label_can_hold_no_quote_and_no_space():
    assert redact("abcd", at(0, 4, 'custom.our "own" thing')) == ["<OUR_OWN_THING_1>"]


@pytest.mark.parametrize(
    "part",
    [
        ImagePart(b"\x89PNG", pointer="/0"),
        TextPart("ana@example.org", pointer="/0", kind="key", editable=False),
        TextPart("ana@example.org", pointer="/elsewhere"),
    ],
    ids=["picture", "key", "elsewhere"],
)
def test_what_cannot_be_redacted_is_refused(part: Part):
    refused = redact((part,), Finding("pii.email", 1.0, part="/0"), rule="mask-mail")

    assert isinstance(refused, Refusal)
    assert (refused.code, refused.rules) == ("content_filter", ("mask-mail",))


def test_a_pointer_to_two_parts_is_refused():
    assert isinstance(redact((TextPart("abcd", "/0"), TextPart("efgh", "/0")), at(0, 4)), Refusal)


def test_a_rule_that_found_nothing_to_redact_is_refused():
    assert isinstance(redact("abcd"), Refusal)


KINDS = ("message", "tool_result", "tool_arguments", "reasoning")


def cut(document: str, *values: str, kind: str = "message", style: str = "pseudonym") -> list[str] | Refusal:
    """*document* without *values*, each cut where it stands first."""
    places = [(document.index(value), document.index(value) + len(value)) for value in values]
    return redact((TextPart(document, "/0", kind=kind),), *(at(*place) for place in places), style=style)


@pytest.mark.parametrize("kind", KINDS)
def test_a_json_document_stays_json_and_a_number_becomes_a_string(kind: str):
    document = '{"to": "mail\\nana@example.org", "n": 13800138000, "m": [-4111.5]}'

    (text,) = cut(document, "ana@example.org", "13800138000", "4111", kind=kind)

    assert json.loads(text) == {"to": "mail\n<EMAIL_1>", "n": "<EMAIL_2>", "m": ["<EMAIL_3>"]}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("value", ['a\\n\\"b', '12", "n": 34', ' "x": "y', "35, 5", "4"])
def test_whatever_is_cut_out_of_json_in_any_style_it_is_json_after(value: str, style: str):
    document = '{ "x": "y 12", "n": 34, "o": [35, 5, "a\\n\\"b"]}'

    (text,) = cut(document, value, style=style)

    assert type(json.loads(text)) is dict
    assert value not in text


def test_two_findings_in_one_number_make_one_string():
    assert redact('{"n": 123456}', at(6, 8), at(10, 12)) == ['{"n": "<EMAIL_1>"}']


def test_a_mask_takes_an_escape_in_json_for_one_character():
    assert cut('["a\\u0041-\\nb"]', "a\\u0041-\\nb", style="mask") == ['["**-**"]']


def test_half_an_escape_is_never_left_in_json():
    assert isinstance(redact('["\\nana"]', at(3, 7)), Refusal)


@pytest.mark.parametrize(("kind", "left"), [("message", ['"<EMAIL_1>"']), ("tool_arguments", None)])
def test_all_of_a_document_becomes_a_string_where_no_tool_waits_for_an_object(kind: str, left: list[str] | None):
    part = TextPart('{"a": 1}', "/0", kind=kind)

    released = redact((part,), Finding("pii.email", 1.0, part="/0"))

    assert released == left or (left is None and isinstance(released, Refusal))


def test_a_finding_that_is_in_no_string_or_number_of_the_document_is_refused():
    assert isinstance(redact('{"a": 1}', at(4, 6)), Refusal)


@pytest.mark.parametrize("text", ["4111111111111111", '"ana@example.org"', "[4111 1111]"])
def test_a_message_that_only_looks_like_json_is_text(text: str):
    assert redact(text, at(1, 5)) == [text[0] + "<EMAIL_1>" + text[5:]]


@pytest.mark.parametrize("document", ['{"to": "ana@', "[" * 100_000])
def test_tool_arguments_that_were_no_json_are_redacted_like_text(document: str):
    part = TextPart(document, "/0", kind="tool_arguments")

    assert redact((part,), at(0, 1)) == ["<EMAIL_1>" + document[1:]]


def test_an_unknown_style_is_refused_with_the_nearest_one():
    with pytest.raises(ValueError, match="`masc`; did you mean `mask`"):
        Redact("masc")


texts = st.text(alphabet="abc 1@.é中😀\n", max_size=40)
places = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=6)
categories = st.sampled_from(["pii.email", "pii.person", "custom.x"])


@given(st.lists(texts, min_size=1, max_size=3), places, st.sampled_from(STYLES), st.data())
def test_outside_the_spans_not_a_character_changes(bodies: list[str], spans: list, style: str, data: st.DataObject):
    findings = []
    for low, high in spans:
        index = data.draw(st.integers(0, len(bodies) - 1))
        start, end = sorted((min(low, len(bodies[index])), min(high, len(bodies[index]))))
        if start < end:
            findings.append(at(start, end, data.draw(categories), part=f"/{index}"))
    parts = tuple(TextPart(text, f"/{i}") for i, text in enumerate(bodies))

    released = redact(parts, *findings, style=style) if findings else bodies

    for index, text in enumerate(bodies):
        covered = {i for f in findings if f.part == f"/{index}" for i in range(*f.span)}
        position = 0
        for kept in _stretches_outside(text, covered):
            # Everything between two redacted places is there, whole and in order.
            position = released[index].index(kept, position) + len(kept)
        if style == "remove":
            assert released[index] == "".join(char for i, char in enumerate(text) if i not in covered)
        if not covered:
            assert released[index] == text
        if style == "mask" and not any(text[i] in "@. \n" for i in covered):
            assert [c for i, c in enumerate(released[index]) if i not in covered] == [
                c for i, c in enumerate(text) if i not in covered
            ]


def _stretches_outside(text: str, covered: set[int]) -> list[str]:
    return "".join("\0" if i in covered else char for i, char in enumerate(text)).replace("\0", "\0\0").split("\0\0")


@given(
    st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyzäöü中文字符甲乙丙丁"), min_size=1, unique=True),
    st.lists(st.tuples(st.integers(-2, 30), st.integers(-2, 30)), min_size=1, max_size=6),
    st.sampled_from(STYLES),
)
def test_not_a_character_of_a_redacted_value_is_left(letters: list[str], spans: list, style: str):
    text = "".join(letters)  # no letter twice, so that none can be left over from somewhere else

    (released,) = redact(text, *(at(*span) for span in spans), style=style)

    assert not any(char in released for start, end in spans for char in text[max(start, 0) : max(end, 0)])


@given(texts, st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=1), st.permutations(STYLES))
def test_any_spans_in_any_order_give_the_same_text_and_raise_nothing(text: str, spans: list, styles: list[str]):
    content = Content(Direction.INPUT, (TextPart(text, "/0"),))
    effects = [Effect(f"r{i}", Redact(styles[i % 4]), (at(*span),)) for i, span in enumerate(spans)]

    assert Redact.apply(content, effects) == Redact.apply(content, effects[::-1])


# With values that come back

KEY = b"k" * 32


def masking(
    parts: str | tuple[Part, ...], *findings: Finding, key: bytes | None = KEY, others: tuple[Effect, ...] = ()
) -> Content:
    given_parts = (TextPart(parts, pointer="/0"),) if isinstance(parts, str) else parts
    content = Content(Direction.INPUT, given_parts, vault_key=key)
    left = Redact.apply(content, [Effect("cut", Redact(restore=True), findings), *others])
    assert isinstance(left, Content)
    return left


def texts_of(content: Content) -> list[str]:
    return [part.text for part in content.parts if isinstance(part, TextPart)]


def test_a_content_with_a_key_is_left_with_placeholders_and_what_they_stand_for():
    parts = (TextPart("ana@example.org, bo@example.org", "/0"), TextPart("ana@example.org", "/1"))

    left = masking(parts, at(0, 15), at(17, 31), at(0, 15, part="/1"))

    first, second = left.masked
    assert texts_of(left) == [f"{first}, {second}", first]
    assert left.masked == {first: "ana@example.org", second: "bo@example.org"}
    assert restore_content(left, left.masked).parts == parts


def test_a_content_without_a_key_has_its_values_numbered_and_nothing_to_restore():
    left = masking("ana@example.org", at(0, 15), key=None)

    assert (texts_of(left), left.masked) == (["<EMAIL_1>"], {})


def test_in_json_a_value_is_what_the_document_says():
    document = json.dumps({"to": 'Ana "A" Österreich', "card": 4111})
    plain = 'Ana "A" Österreich'
    start, number = document.index("Ana"), document.index("4111")
    end = document.index('", "card"')

    parts = (TextPart(document, "/0", kind="tool_arguments"), TextPart(plain, "/1"))
    left = masking(parts, at(start, end), at(number, number + 4, "pii.card"), at(0, len(plain), part="/1"))

    arguments = json.loads(texts_of(left)[0])
    assert left.masked == {arguments["to"]: plain, arguments["card"]: "4111"}
    assert texts_of(left)[1] == arguments["to"]


def test_a_place_that_another_rule_redacts_for_good_is_not_restored():
    other = Effect("for-good", Redact(), (at(2, 5, "secret.api_key"),))

    left = masking("ana@example.org, bo@example.org", at(0, 15), at(17, 31), others=(other,))

    (name,) = left.masked
    assert left.masked[name] == "bo@example.org"
    assert texts_of(left) == [f"<EMAIL_1>, {name}"]


def test_a_value_too_long_to_be_restored_is_numbered():
    left = masking("x" * 5000, at(0, 5000))

    assert (texts_of(left), left.masked) == (["<EMAIL_1>"], {})


@pytest.mark.parametrize("style", ["mask", "label", "remove"])
def test_only_pseudonyms_can_be_restored(style: str):
    with pytest.raises(ValueError, match="`restore: true` goes with `style: pseudonym`"):
        Redact(style, restore=True)  # type: ignore[arg-type]


def test_only_what_goes_in_can_be_restored():
    assert Redact(restore=True).directions == {Direction.INPUT}
    assert Redact().directions == set(Direction)
