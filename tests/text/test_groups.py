"""Base64 and base32 in groups, in quoted lines, and in one run."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given, strategies as st

from guard.text import groups
from guard.text.views import disguises, unfinished
from tests.benign import lines

SAID = "kill yourself, nobody cares"
RUN = base64.b64encode(SAID.encode()).decode()
THIRTY_TWO = base64.b32encode(SAID.encode()).decode()


def cut(run: str, size: int, sign: str) -> str:
    return sign.join(run[at : at + size] for at in range(0, len(run), size))


@pytest.mark.parametrize("frame", ["{}", "He said this {} and left", "Read that:\n> {}\nand so on", "请看：{}。"])
@pytest.mark.parametrize("size", [4, 5, 8, 10, 16, 20])
@pytest.mark.parametrize("run", [RUN, THIRTY_TWO])
def test_groups_are_read_as_one(run: str, size: int, frame: str) -> None:
    for sign in (" ", "\n", "\n> "):
        text = frame.format(cut(run, size, sign))

        assert any("kill yourself" in view.text for view in disguises(text).views), text


@pytest.mark.parametrize("made", [THIRTY_TWO, THIRTY_TWO.lower(), THIRTY_TWO.rstrip("=")])
def test_base32_is_read(made: str) -> None:
    (view,) = disguises(f"It says {made} there.").views
    at = view.text.index("kill")

    assert view.text == f"It says {SAID} there."
    assert view.origins(at, at + 4) == [(0, 8, 8 + len(made))]


def test_groups_come_from_all_of_them() -> None:
    made = cut(RUN, 4, " ")
    (view,) = disguises(f"this {made} too").views
    at = view.text.index("kill")

    assert view.origins(at, at + 4) == [(0, 5, 5 + len(made))]


@pytest.mark.parametrize(
    "text",
    [
        "that will have been done when they come here",
        "That Will Have Been Done When They Come Home",
        "INTERNATIONALIZATION",
        "iPhone eBay YouTube GitHub LaTeX",
        "MSFT AAPL GOOG AMZN META",
        "AB12 CD34 EF56 GH78",
        "A23456789ABCDEFG",
    ],
)
def test_words_and_names_are_no_groups(text: str) -> None:
    assert not disguises(text).views


def test_few_ordinary_lines_are_groups() -> None:
    some = [line for line in lines() if "data:image" not in line]

    assert [line for line in some if list(groups.bare(line))] == []
    assert [line for line in some if list(groups.grouped(line, lambda run: None))] == []


@given(st.integers(10, len(RUN) - 4), st.sampled_from([(4, " "), (8, " "), (16, "\n> "), (16, "\n")]))
def test_what_goes_on_behind_a_cut_is_held(at: int, form: tuple[int, str]) -> None:
    made = cut(RUN, *form)
    text = f"Read: {made[:at]}"

    assert unfinished(text) <= 6


@pytest.mark.parametrize("text", ["that will have been", "The code is ABCD EFGH", "All of it\n", "so be it "])
def test_words_at_an_end_are_not_held(text: str) -> None:
    assert unfinished(text) == len(text)


def test_many_groups_take_time_in_proportion() -> None:
    begin = time.thread_time()
    for text in ("aB1c " * 200_000, "aB1c\n> " * 150_000, "AB2C" * 250_000, "aB1c d " * 150_000):
        disguises(text)
        unfinished(text)

    assert time.thread_time() - begin < 20.0
