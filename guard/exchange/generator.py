"""What answers an exchange: the gateway's `Upstream`, or whatever a hook stands in front of.

`Incoming` is an answer that comes from within the program, piece by piece: bounded and decoded like one from a socket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from guard.coding import CodingError, Decoder, TooLarge
from guard.errors import UpstreamError
from guard.upstream import RETURNED
from guard.upstream.answering import PLAIN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

MOST_BYTES = 32 * 2**20
MOST_STREAM_BYTES = 256 * 2**20
_NAMES = RETURNED | {b"request-id", b"retry-after-ms"}


class Answering(Protocol):
    """An answer whose head has come. Take its body once, by `read` or `sift`, and `close` it whatever happens."""

    status: int
    attempts: int

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """What may travel back to the client, names in lower case."""

    @property
    def media_type(self) -> bytes:
        """Of the body, in lower case and without parameters; empty if none was named."""

    async def read(self) -> bytes:
        """The whole body, decoded. Raises `UpstreamError`."""

    def sift(self, wanted: Callable[[bytes], bool]) -> AsyncIterator[None]:
        """Give *wanted* each piece as it comes; come back after each for which it says yes. Raises `UpstreamError`."""

    def close(self) -> None:
        """Let go of the answer, read to its end or not."""


class Generator(Protocol):
    """Who is asked what the policy let through."""

    async def call(
        self,
        route: str,
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes,
        *,
        content_type: bytes,
        accept: bytes,
        whole: bool,
        forwarded: frozenset[bytes],
        key_header: bytes,
    ) -> Answering:
        """Ask, and wait for the head of the answer; for a *whole* one it may wait to its end.

        Raises:
            UpstreamError: there is no answer.
        """


class Incoming:
    """An answer of *status* whose body comes as *pieces*; *let_go* is called once when nobody wants more of it.

    Of its *headers*, names in lower case, those travel back that the gateway sends back, or all of *returned*.
    """

    def __init__(
        self,
        status: int,
        headers: Iterable[tuple[bytes, bytes]],
        pieces: AsyncIterator[bytes],
        let_go: Callable[[], None] = lambda: None,
        *,
        returned: tuple[tuple[bytes, bytes], ...] | None = None,
    ) -> None:
        self.status = status
        self.attempts = 1
        self._came = dict(headers)
        self._pieces = pieces
        self._let_go = let_go
        self._returned = returned
        self._closed = False

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """What may travel back to the client."""
        if self._returned is not None:
            return self._returned
        return tuple(
            (name, value)
            for name, value in self._came.items()
            if (name in _NAMES or b"-ratelimit-" in name) and PLAIN.fullmatch(value)
        )

    @property
    def media_type(self) -> bytes:
        """Of the body, in lower case and without parameters."""
        return self._came.get(b"content-type", b"").partition(b";")[0].strip().lower()

    async def read(self) -> bytes:
        """The whole body, decoded.

        Raises:
            UpstreamError: ``too_large`` or ``protocol``.
        """
        parts: list[bytes] = []

        def keep(piece: bytes) -> bool:
            parts.append(piece)
            return False

        async for _ in self._sift(keep, MOST_BYTES):
            pass
        return b"".join(parts)

    def sift(self, wanted: Callable[[bytes], bool]) -> AsyncIterator[None]:
        """Give *wanted* each piece as it comes, and come back after each for which it says yes.

        Raises:
            UpstreamError: ``too_large`` or ``protocol``.
        """
        return self._sift(wanted, MOST_STREAM_BYTES)

    def close(self) -> None:
        """Let go of the answer."""
        if not self._closed:
            self._closed = True
            self._let_go()

    async def _sift(self, wanted: Callable[[bytes], bool], limit: int) -> AsyncIterator[None]:
        try:
            decoder = Decoder(self._came.get(b"content-encoding", b"").strip().lower(), limit)
            async for data in self._pieces:
                for piece in decoder.feed(data):
                    if wanted(piece):
                        yield
            decoder.end()
        except TooLarge:
            raise UpstreamError("too_large", f"The answer is larger than {limit} bytes.", attempts=1) from None
        except CodingError:
            said = "The answer's compression is damaged, or cannot be undone."
            raise UpstreamError("protocol", said, attempts=1) from None
