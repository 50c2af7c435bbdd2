"""Bytes that are written as numbers."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, strategies as st

from guard.text.numbers import numbers, open_numbers
from guard.text.views import disguises, unfinished
from tests.benign import lines


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("107 105 108 108", "kill"),
        ("107, 105, 108, 108, 32, 121, 111, 117", "kill you"),
        ("[107,105,108,108]", "[kill]"),
        ("230 157 128 228 186 186", "杀人"),
        ("75 73 76 76 32 89 79 85", "KILL YOU"),
        ("153 151 154 154", "kill"),
        ("01101011 01101001 01101100 01101100", "kill"),
        ("0b1101011 0b1101001 0b1101100 0b1101100", "kill"),
        ("01101011011010010110110001101100", "kill"),
        ("107, 105,\n108, 108", "kill"),
    ],
)
def test_numbers_that_are_text_are_read(written: str, said: str) -> None:
    assert any(said in view.text for view in disguises(f"He wrote {written} on it.").views)


@pytest.mark.parametrize(
    "line",
    [
        "He scored 98, 87, 76, 95 and 88.",
        "10, 20, 30, 40, 50",
        "65 70 75 80 85",
        "Call 555 010 123 456 789",
        "On 12-11-2026 at 10:30, 11:45, 12:50",
        "201 202 203 204 205 are rooms",
        "11110000",
        "192.168.10.12",
        "x = [255, 128, 64, 32, 16]",
        "1000000 1000001 1100000",
    ],
)
def test_other_numbers_are_numbers(line: str) -> None:
    assert list(numbers(line)) == []


@given(st.sampled_from(["d", "03o", "08b"]), st.sampled_from([" ", ", ", "|"]), st.text("abcdefgh klmnop", min_size=4))
def test_a_list_stands_for_what_it_says(form: str, sign: str, said: str) -> None:
    written = sign.join(format(byte, form) for byte in said.encode())

    assert list(numbers(f"It is {written}.")) == [(6, 6 + len(written), said)]


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("so 107, 105", "107, 105"),
        ("so 107 105 ", "107 105 "),
        ("so 01101011 0110", "01101011 0110"),
        ("at 12:20 ", ""),
        ("I am 12. ", ""),
        ("in 1997 ", ""),
        ("page 7\n", ""),
    ],
)
def test_signs_in_numbers_are_held(text: str, held: str) -> None:
    assert text[open_numbers(text) :] == held
    assert text[unfinished(text) :] == held


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("in 300 107 105 108 108 32 121 111 117", "in 300 kill you"),
        ("500, 107, 105, 108, 108, 999, 8", "500, kill, 999, 8"),
        ("200 107 105 108 108 32 121 111 117 300", "200 kill you 300"),
        ("so 153 151 154 154 999", "so kill 999"),
    ],
)
def test_a_number_beside_them_hides_no_signs(text: str, said: str) -> None:
    assert said in [view.text for view in disguises(text).views]


@pytest.mark.parametrize("step", [1, 2])
def test_numbers_that_count_say_nothing(step: int) -> None:
    assert list(numbers(" ".join(map(str, range(0, 1800, step))))) == []


def test_few_ordinary_lines_are_lists() -> None:
    assert [line for line in lines() if list(numbers(line))] == []


def test_long_lists_take_time_in_proportion() -> None:
    begin = time.thread_time()
    for text in (
        "107 " * 250_000,
        "01" * 500_000,
        "99 1 " * 200_000,
        "300 107 105 108 108 " * 50_000,
        "0110101 " * 125_000 + "0110101x",
    ):
        list(numbers(text))
        open_numbers(text)

    assert time.thread_time() - begin < 10.0
