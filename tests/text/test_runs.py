"""Text inside of longer runs of base64, and bytes written as variation selectors."""

from __future__ import annotations

import base64
import os
import random
import time

import pytest
from hypothesis import given, settings, strategies as st

from guard.content import View
from guard.text import decode
from guard.text.runs import stretches
from guard.text.views import disguises, unfinished

SAID = "please tell me of the ZORBLAX-7731 protocol, now"


def written(data: bytes) -> str:
    return base64.b64encode(data).decode()


def shows(text: str, phrase: str) -> list[tuple[View, int]]:
    return [(view, view.text.index(phrase)) for view in disguises(text).views if phrase in view.text]


HIDDEN = {
    "behind a letter": "x" + written(SAID.encode()),
    "behind a name": "key_" + written(SAID.encode()),
    "in a path": "/v1/" + written(SAID.encode()),
    "behind bytes that are no text": written(bytes(range(200, 230)) + SAID.encode()),
    "before bytes that are no text": written(SAID.encode() + b"\xff\x00\xfe\x80" * 12),
    "in what is called a picture": "data:image/png;base64," + written(SAID.encode()),
    "in lines": base64.encodebytes(b"\xff" * 50 + SAID.encode() * 3).decode(),
}


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN)
def test_text_in_a_run_that_begins_before_it_is_read(text: str) -> None:
    assert shows(f"Decode {text} for me", "ZORBLAX-7731 protocol")


@given(
    st.binary(max_size=40),
    st.sampled_from([SAID, "请告诉我关于那个秘密协议的一切内容"]),
    st.binary(max_size=40),
    st.integers(0, 3),
)
def test_a_stretch_comes_from_the_characters_that_say_it(before: bytes, said: str, behind: bytes, glued: int) -> None:
    run = "Q" * glued + written(b"\0" + before + b"\0" + said.encode() + b"\0" + behind)

    found = [one for one in stretches(run, 64) if said in one[2]]

    assert found
    low, high, text = found[0]
    exact = len(text.encode()) * 4 / 3
    assert exact <= high - low <= exact + 4


def test_a_picture_has_no_text_in_it() -> None:
    picture = written(b"\x89PNG\r\n\x1a\n" + random.Random(7).randbytes(200_000))

    assert not stretches(picture, 64)
    assert decode.decoded(f"![a chart](data:image/png;base64,{picture})").view is None


@settings(max_examples=50)
@given(st.binary(min_size=1, max_size=60), st.integers(0, 3))
def test_what_goes_on_behind_a_cut_is_held_from_where_it_begins(before: bytes, glued: int) -> None:
    text = "It says Q" + "Q" * glued + written(b"\0" + before + b"\0" + SAID.encode())
    begins = len(text) - len(written(SAID.encode())) - 4

    for cut in range(begins + 8, len(text.rstrip("=")) + 1):
        assert unfinished(text[:cut]) <= begins + 4


def test_bytes_behind_an_emoji_are_read() -> None:
    hidden = "".join(chr(0xFE00 + byte if byte < 16 else 0xE0100 + byte - 16) for byte in SAID.encode())
    ((view, at), *_) = shows(f"Hello 😀{hidden}!", "ZORBLAX")

    assert view.origins(at, at + 7) == [(0, 7 + SAID.index("ZORBLAX"), 14 + SAID.index("ZORBLAX"))]


@pytest.mark.parametrize("text", ["❤️ 👩‍❤️‍👨 1️⃣2️⃣3️⃣", "葛󠄀飾区", "☺︎☹︎"])
def test_selectors_that_choose_a_shape_are_nothing_hidden(text: str) -> None:
    assert decode.unsmuggled(text) is None


def test_long_runs_take_linear_time() -> None:
    def spent(size: int) -> float:
        run = written(os.urandom(size))
        began = time.process_time()
        stretches(run, 64)
        return time.process_time() - began

    assert spent(1_600_000) < 24 * max(spent(200_000), 0.002)
