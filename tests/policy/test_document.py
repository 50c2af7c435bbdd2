import pytest
from hypothesis import given, strategies as st

from guard.errors import PolicyError
from guard.policy import document
from guard.policy.document import Field, read


def first(text: str) -> Field:
    return next(iter(read(text, "f.yaml").entries().values()))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: `a` is written twice; first on line 1; keep one"),
        ("a: &x 1\nb: *x\n", "f.yaml:2:4: an alias, `*x`, is not read here; write the value out"),
        ("a: !!str 1\n", "f.yaml:1:4: a tag, `tag:yaml.org,2002:str`, is not read here; take it out"),
        ("on: 1\n", "f.yaml:1:1: a key of the file should be text, but YAML reads `on` as a boolean; put it in quotes"),
        ("7: 1\n", "f.yaml:1:1: a key of the file should be text, but YAML reads `7` as a number; put it in quotes"),
        ("<<: {b: 1}\n", "f.yaml:1:1: a key of the file should be text, but YAML reads `<<` as a merge key"),
        ("? [a]\n: 1\n", "f.yaml:1:3: a key of the file is a list; it should be text"),
        ("a: [1\n", "f.yaml:2:1: not YAML:"),
        ("a: 1\n--- \nb: 2\n", "f.yaml:2:1: not YAML:"),
        ("a: x\n  b: 1\n", "f.yaml:2:4: not YAML:"),
        ("", "f.yaml:1:1: the file is empty"),
        ("a: \x07\n", "f.yaml:1:4: a control character cannot stand here"),
        ("a: \ud800\n", "f.yaml:1:4: a character is half of a surrogate pair"),
        ("a: " + "[" * 40, "f.yaml:1:35: values are nested deeper than 32"),
        ("- 1\n", "f.yaml:1:1: the file is a list; it should be a mapping"),
    ],
)
def test_what_could_be_read_two_ways_is_refused_at_its_place(text: str, error: str) -> None:
    with pytest.raises(PolicyError) as raised:
        read(text, "f.yaml").entries()

    assert str(raised.value).startswith(error)


def test_many_values_are_refused_before_a_tree_is_made_of_them() -> None:
    with pytest.raises(PolicyError, match="more than 10000 values"):
        read("a: [" + "1, " * 10_001 + "1]", "f.yaml")


def test_a_large_file_is_refused() -> None:
    with pytest.raises(PolicyError, match="larger than 1048576 bytes"):
        read("# " + "x" * document.MAX_BYTES, "f.yaml")


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "True", "FALSE"])
def test_only_true_and_false_are_booleans(word: str) -> None:
    with pytest.raises(PolicyError, match="write `true` or `false`"):
        first(f"a: {word}\n").boolean()


def test_true_and_false_are_booleans() -> None:
    assert (first("a: true").boolean(), first("a: false").boolean()) == (True, False)


@pytest.mark.parametrize("word", ["no", "on", "1", "0.5", "2026-01-01", "1:30", "0x1F"])
def test_what_yaml_reads_as_something_else_is_no_text_until_quoted(word: str) -> None:
    with pytest.raises(PolicyError, match=f'put it in quotes: "{word}"'):
        first(f"a: {word}\n").text()
    assert first(f'a: "{word}"\n').text() == word


@pytest.mark.parametrize(("text", "value"), [("0", 0.0), ("1", 1.0), (".5", 0.5), ("0.80", 0.8), ("5e-1", 0.5)])
def test_numbers_are_read_as_people_write_them(text: str, value: float) -> None:
    assert first(f"a: {text}").number(0, 1) == value


@pytest.mark.parametrize("text", ["1.1", "-0.1", ".inf", ".nan", "'0.5'", "1_0", "high", "[1]", ""])
def test_what_is_no_number_in_bounds_is_refused(text: str) -> None:
    with pytest.raises(PolicyError, match="it should be"):
        first(f"a: {text}").number(0, 1)


@pytest.mark.parametrize("text", ["010", "1.0", "'1'", "0", "9999999999999999999"])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(PolicyError, match="it should be"):
        first(f"a: {text}").whole(1)


def test_options_are_read_as_plain_data() -> None:
    field = first('a: {b: [1, 0.5, true, x, "no"], c: null, d: {e: ""}}')

    assert field.plain() == {"b": [1, 0.5, True, "x", "no"], "c": None, "d": {"e": ""}}


@pytest.mark.parametrize("word", ["no", "010", "2026-01-01", "TRUE"])
def test_options_that_yaml_would_change_are_refused(word: str) -> None:
    with pytest.raises(PolicyError, match="put it in quotes"):
        first(f"a: [{word}]").plain()


def test_bytes_that_are_not_utf8_are_placed() -> None:
    with pytest.raises(PolicyError, match=r"f\.yaml:2:4: a byte is not UTF-8"):
        document.decode(b"a: 1\nb: \xff", "f.yaml")


def test_a_byte_order_mark_is_read_over() -> None:
    assert document.decode(b"\xef\xbb\xbfa: 1", "f.yaml") == "a: 1"


def refusal_of(text: str) -> PolicyError | None:
    try:
        read(text, "f.yaml").plain()
    except PolicyError as error:
        return error
    return None


@given(st.text(max_size=60) | st.text("ab:-[]{}*&!#\"'|> \n\t0", max_size=60))
def test_any_text_is_read_or_refused_at_a_place_and_never_otherwise(text: str) -> None:
    error = refusal_of(text)

    assert error is None or (error.line >= 1 and error.col >= 1)
