"""guard.watermark: which words a mark in pixels may say."""

from __future__ import annotations

import pytest

from guard import watermark


@pytest.mark.parametrize(
    ("word", "bits"),
    [
        ("0110" * 6 + "1", "0110" * 6 + "1"),
        ("0xACDC0F", "101011001101110000001111"),
        ("0xacdc0f1", "1010110011011100000011110001"),
        ("abc", "011000010110001001100011"),
        ("某", "111001101001111110010000"),
    ],
)
def test_bits_hexadecimal_digits_and_text_are_told_apart(word: str, bits: str) -> None:
    assert watermark.bits_of(word) == bits


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("", "24 to 512 bits"),
        ("ab", "24 to 512 bits"),
        ("0" * 48, "not all alike"),
        ("a" * 65, "24 to 512 bits"),
        ("0xabcdefgh", "hexadecimal digits after 0x"),
        ("0x", "24 to 512 bits"),
        ("0x1234 567", "hexadecimal"),
        ("aaaaaaaaaa", "one byte over and over"),
        ("0xabababab", "one byte over and over"),
    ],
)
def test_a_word_that_no_reader_could_find_is_refused(word: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        watermark.bits_of(word)


@pytest.mark.parametrize("kind", watermark.KNOWN)
def test_nobody_writes_in_the_name_of_a_generator(kind: str) -> None:
    known = watermark.KNOWN[kind]
    nearly = known[:-3] + "".join("10"[int(bit)] for bit in known[-3:])

    for word in (known, nearly, known + known):
        if len(word) <= watermark.LONGEST:
            with pytest.raises(ValueError, match="mark of a generator"):
                watermark.own(word)


@pytest.mark.parametrize("word", ["acme-img", "a-studio", "OurHouse", "Stable", "某工作室", "0x1f3a5c7e9b2d4f60"])
def test_words_that_only_look_like_a_generators_are_ones_own(word: str) -> None:
    assert watermark.own(word) == watermark.bits_of(word)
