"""Content codings of HTTP undone in small pieces: a bomb costs no more memory than an honest body.

``gzip`` and ``deflate`` (RFC 9110 section 8.4.1; deflate with its zlib wrapper or, as some send it, without), ``br``
(RFC 7932) and ``zstd`` (RFC 8878, its window as RFC 9659 bounds it). No list of codings: nobody compresses twice who
means well.

Pure: bytes in, bytes out. What an error means to a client or an upstream is for the caller to say.
"""

from __future__ import annotations

import sys
import zlib
from typing import TYPE_CHECKING, Any, Protocol

from guard.errors import GuardError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PIECE = 64 * 2**10
"""The most bytes that come out at once."""
_SLICE = 16 * 2**10
"""Bytes that go in at once: decoders copy what they have not used yet, once for every piece that comes out."""
_MAX_MEMBERS = 4096
"""Members of one body. Each costs a decoder of its own, and may be as small as 20 bytes."""
_ZSTD_WINDOW_LOG = 23
"""8 MiB: what RFC 9659 lets a sender ask a reader to keep."""


class CodingError(GuardError):
    """A body that cannot be decoded."""


class TooLarge(CodingError):  # noqa: N818  the name says it
    """Decoded, it is larger than the limit."""


class Damaged(CodingError):  # noqa: N818
    """It is not what its coding says, is cut short, or goes on after its end."""


class UnknownCoding(CodingError):  # noqa: N818
    """Its coding is none that is known here."""


class Decoder:
    """Undoes one content coding, incrementally.

    *encoding* is the value of ``Content-Encoding``; ``identity`` or nothing passes the bytes on. *limit* is the most
    bytes that all pieces may have together.

    Raises:
        UnknownCoding: *encoding* is anything else, a list of codings too.
    """

    def __init__(self, encoding: bytes, limit: int) -> None:
        make = _CODERS.get(encoding.strip().lower())
        if make is None:
            raise UnknownCoding("the content coding is not known; send gzip, deflate, br, zstd or identity")
        self._coder = make()
        self._plain = make is _Identity
        self._limit = limit
        self._size = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What *data* decodes to, in pieces of 1 to `PIECE` bytes. Go through all of them before the next `feed`.

        Raises:
            TooLarge: this piece would exceed the limit; it does not come.
            Damaged: the data is none of its coding.
        """
        if self._plain and len(data) <= PIECE:  # as events come, one by one
            self._count(data)
            return iter((data,) if data else ())
        return self._decoded(data)

    def _decoded(self, data: bytes) -> Iterator[bytes]:
        view = memoryview(data)
        for start in range(0, len(view), _SLICE):
            for out in self._coder.feed(bytes(view[start : start + _SLICE])):
                self._count(out)
                for cut in range(0, len(out), PIECE):
                    yield out[cut : cut + PIECE]

    def _count(self, out: bytes) -> None:
        self._size += len(out)
        if self._size > self._limit:
            raise TooLarge(f"the decoded body is larger than {self._limit} bytes")

    def end(self) -> None:
        """Say that there is no more data. A body of no bytes at all is an empty one, whatever its coding.

        Raises:
            Damaged: the coding was not at its end.
        """
        if not self._coder.complete:
            raise Damaged("the compressed body is cut short")


class _Coder(Protocol):
    @property
    def complete(self) -> bool:
        """Whether the data may end here."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What *data* (at most `_SLICE` bytes) decodes to, in pieces of about `PIECE`; some may be empty."""


class _Identity:
    complete = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data


class _Members:
    """Up to *most* streams one after another, each undone by what *make* gives: zlib's interface, or zstd's."""

    def __init__(self, make: Callable[[], Any], most: int, error: type[Exception]) -> None:
        self._make = make
        self._left = most
        self._error = error
        self._member: Any = None
        self.complete = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        full = False
        while data or full:
            if self.complete:
                self._begin()
            try:
                out = self._member.decompress(data, PIECE)
            except self._error:
                raise Damaged("the compressed body is damaged") from None
            yield out
            self.complete = self._member.eof
            if self.complete:
                data, full = self._member.unused_data, False
            else:  # a full piece may have a rest, even where all of the data was taken in
                data, full = getattr(self._member, "unconsumed_tail", b""), len(out) == PIECE

    def _begin(self) -> None:
        if not self._left:
            raise Damaged("the compressed body goes on after its end, or in too many members")
        self._left -= 1
        self._member = self._make()


class _Deflate:
    """One stream in zlib's wrapper (RFC 1950), or a bare one (RFC 1951): the first two bytes tell."""

    def __init__(self) -> None:
        self._first = b""
        self._stream: _Members | None = None

    @property
    def complete(self) -> bool:
        return not self._first if self._stream is None else self._stream.complete

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._stream is None:
            self._first += data
            if len(self._first) < 2:
                return
            data = self._first
            wrapped = data[0] & 0x8F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
            self._stream = _zlib(15 if wrapped else -15, 1)
        yield from self._stream.feed(data)


class _Brotli:
    """One stream. After a piece there may be a rest, even where it says that it can take more data."""

    def __init__(self) -> None:
        import brotli

        self._unpack = brotli.Decompressor()
        self._error = brotli.error
        self.complete = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        more = bool(data)
        while more:
            try:
                out = self._unpack.process(data, output_buffer_limit=PIECE)
            except self._error:
                raise Damaged("the compressed body is damaged, or goes on after its end") from None
            data = b""
            yield out
            self.complete = self._unpack.is_finished()
            more = not self.complete and (bool(out) or not self._unpack.can_accept_more_data())


def _zlib(wbits: int, most: int) -> _Members:
    return _Members(lambda: zlib.decompressobj(wbits), most, zlib.error)


def _zstd() -> _Members:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    options = {int(zstd.DecompressionParameter.window_log_max): _ZSTD_WINDOW_LOG}
    return _Members(lambda: zstd.ZstdDecompressor(options=options), _MAX_MEMBERS, zstd.ZstdError)


def _gzip() -> _Members:
    return _zlib(31, _MAX_MEMBERS)


_CODERS: Mapping[bytes, Callable[[], _Coder]] = {
    b"": _Identity,
    b"identity": _Identity,
    b"gzip": _gzip,
    b"x-gzip": _gzip,
    b"deflate": _Deflate,
    b"br": _Brotli,
    b"zstd": _zstd,
}
