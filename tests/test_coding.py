from __future__ import annotations

import gzip
import os
import random
import time
import zlib
from collections.abc import Callable, Iterable

import brotli
import pytest
from backports import zstd
from hypothesis import given, settings, strategies as st

from guard.coding import PIECE, CodingError, Damaged, Decoder, TooLarge, UnknownCoding

LIMIT = 32 * 2**20
TEXT = b"".join(b"%d bottles of beer; " % n for n in range(40_000))


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS: dict[str, tuple[bytes, Callable[[bytes], bytes]]] = {
    "gzip": (b"gzip", gzip.compress),
    "deflate": (b"deflate", zlib.compress),
    "bare deflate": (b"deflate", bare),
    "br": (b"br", brotli.compress),
    "zstd": (b"zstd", zstd.compress),
}
CODINGS = pytest.mark.parametrize(("encoding", "pack"), PACKERS.values(), ids=PACKERS)


def decode(encoding: bytes, parts: Iterable[bytes], limit: int = LIMIT) -> list[bytes]:
    decoder = Decoder(encoding, limit)
    pieces = [piece for part in parts for piece in decoder.feed(part)]
    decoder.end()
    return pieces


@CODINGS
@pytest.mark.parametrize("step", [1, 7, 4096, 10**9])
def test_however_it_is_cut_it_decodes_to_what_was_packed(
    encoding: bytes, pack: Callable[[bytes], bytes], step: int
) -> None:
    packed = pack(TEXT)
    assert b"".join(decode(encoding, (packed[i : i + step] for i in range(0, len(packed), step)))) == TEXT


@given(st.binary(max_size=300_000), st.sampled_from(sorted(PACKERS)), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_pieces_are_small_and_never_empty(data: bytes, name: str, chance: random.Random) -> None:
    encoding, pack = PACKERS[name]
    packed, parts = pack(data), []
    while packed:
        size = chance.randint(1, 50_000)
        parts.append(packed[:size])
        packed = packed[size:]
    pieces = decode(encoding, parts)
    assert b"".join(pieces) == data
    assert all(0 < len(piece) <= PIECE for piece in pieces)


@pytest.mark.parametrize("encoding", [b"", b"identity", b" Identity "])
def test_identity_passes_the_bytes_on_in_pieces(encoding: bytes) -> None:
    pieces = decode(encoding, [TEXT, b"", b"end"])
    assert b"".join(pieces) == TEXT + b"end"
    assert all(0 < len(piece) <= PIECE for piece in pieces)


@pytest.mark.parametrize("encoding", [b"GZIP", b" gzip ", b"x-gzip", b"X-GZip"])
def test_a_coding_has_more_than_one_spelling(encoding: bytes) -> None:
    assert b"".join(decode(encoding, [gzip.compress(TEXT)])) == TEXT


@pytest.mark.parametrize("encoding", [b"compress", b"gzip, gzip", b"gzip,br", b"*", b"gzip;q=1", b"aes128gcm", b"\xff"])
def test_any_other_coding_is_refused_before_a_byte_is_read(encoding: bytes) -> None:
    with pytest.raises(UnknownCoding, match="send gzip"):
        Decoder(encoding, LIMIT)


@CODINGS
def test_the_limit_is_exact(encoding: bytes, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(TEXT)
    assert sum(map(len, decode(encoding, [packed], len(TEXT)))) == len(TEXT)
    with pytest.raises(TooLarge, match=f"{len(TEXT) - 1} bytes"):
        decode(encoding, [packed], len(TEXT) - 1)
    with pytest.raises(TooLarge):
        decode(b"identity", [TEXT], len(TEXT) - 1)


@CODINGS
def test_a_bomb_gives_no_more_than_its_limit(encoding: bytes, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(bytes(300 * 2**20)) if encoding != b"br" else brotli.compress(bytes(300 * 2**20), quality=5)
    pieces, began = [], time.monotonic()
    with pytest.raises(TooLarge):
        pieces.extend(Decoder(encoding, 2**20).feed(packed))
    assert sum(map(len, pieces)) <= 2**20
    assert time.monotonic() - began < 1


@CODINGS
def test_a_body_cut_short_anywhere_is_damaged(encoding: bytes, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(b"some words that are not all the same")
    for end in range(1, len(packed)):
        with pytest.raises(Damaged):
            decode(encoding, [packed[:end]])


@CODINGS
def test_no_bytes_are_an_empty_body(encoding: bytes, pack: Callable[[bytes], bytes]) -> None:
    assert decode(encoding, []) == decode(encoding, [b""]) == decode(encoding, [pack(b"")]) == []


@CODINGS
@pytest.mark.parametrize("apart", [True, False])
def test_what_follows_the_end_is_damage(encoding: bytes, pack: Callable[[bytes], bytes], apart: bool) -> None:
    parts = [pack(b"words"), b"\0 more"]
    with pytest.raises(Damaged):
        decode(encoding, parts if apart else [b"".join(parts)])


@CODINGS
@given(noise=st.binary(min_size=4, max_size=200))
@settings(max_examples=60)
def test_noise_decodes_or_is_damaged_and_nothing_else(
    encoding: bytes, pack: Callable[[bytes], bytes], noise: bytes
) -> None:
    for data in (noise, pack(TEXT[:500])[:40] + noise):
        try:
            assert sum(map(len, decode(encoding, [data]))) <= LIMIT
        except (Damaged, TooLarge):
            pass


def test_a_flipped_bit_fails_the_checksum_of_gzip() -> None:
    packed = bytearray(gzip.compress(TEXT))
    packed[-6] ^= 1
    with pytest.raises(Damaged):
        decode(b"gzip", [bytes(packed)])


@pytest.mark.parametrize(("encoding", "pack"), [PACKERS["gzip"], PACKERS["zstd"]])
def test_members_are_read_one_after_another(encoding: bytes, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(b"one ") + pack(b"") + pack(TEXT) + pack(b" three")
    for step in (1, 10**9):
        parts = (packed[i : i + step] for i in range(0, len(packed), step))
        assert b"".join(decode(encoding, parts)) == b"one " + TEXT + b" three"


@pytest.mark.parametrize(("encoding", "pack"), [PACKERS["gzip"], PACKERS["zstd"]])
def test_a_body_of_nothing_but_empty_members_is_given_up_soon(encoding: bytes, pack: Callable[[bytes], bytes]) -> None:
    packed, began = pack(b"") * 400_000, time.monotonic()
    with pytest.raises(Damaged, match="too many members"):
        decode(encoding, [packed])
    assert time.monotonic() - began < 1


def test_a_window_larger_than_the_web_allows_is_refused() -> None:
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    with pytest.raises(Damaged):
        decode(b"zstd", [packer.compress(os.urandom(2**20)) + packer.flush()])


def test_each_error_is_one_of_coding() -> None:
    assert {TooLarge, Damaged, UnknownCoding} == set(CodingError.__subclasses__())
