"""One answer under way: read whole or piece by piece, decoded, bounded in size and time."""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guard.coding import PIECE, CodingError, Damaged, Decoder, TooLarge, UnknownCoding
from guard.errors import UpstreamError
from guard.upstream.connection import BrokenAnswer, LateAnswer, Until, header

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator

    from guard.upstream.breaker import Ticket
    from guard.upstream.connection import Connection
    from guard.upstream.pool import Pool

PLAIN = re.compile(rb"[A-Za-z0-9_.:;,=/+\-]{1,128}")
RETURNED = frozenset(
    (b"retry-after", b"x-request-id", b"openai-processing-ms", b"openai-version", b"openai-organization")
)
"""What travels back, while it is one plain word; and everything that begins with ``x-ratelimit-``."""
_TAKEN = "an answer is taken once, and not after it is closed"
_BREATH = 2**20
"""Decoded bytes after which others get their turn, even if there is more at hand."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one call may take: times in seconds, sizes in decoded bytes."""

    timeout_s: float
    connect_s: float
    idle_s: float
    max_bytes: int
    max_stream_bytes: int


class Answering:
    """An answer whose head has come. Take its body once, by `read` or `chunks`, and `close` it whatever happens.

    Attributes:
        status: of the answer; never 1xx or 3xx.
        attempts: calls made for this answer, retries included.
    """

    __slots__ = ("_bounds", "_came", "_connection", "_deadline", "_pool", "_ticket", "attempts", "status")

    def __init__(
        self, connection: Connection, pool: Pool, ticket: Ticket, bounds: Bounds, deadline: float, attempts: int
    ) -> None:
        self._connection: Connection | None = connection
        self._came = connection.headers
        self._pool = pool
        self._ticket = ticket
        self._bounds = bounds
        self._deadline = deadline
        self.status = connection.status
        self.attempts = attempts

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """What may travel back to the client, names in lower case."""
        return tuple(
            (name, value)
            for name, value in self._came
            if (name in RETURNED or name.startswith(b"x-ratelimit-")) and PLAIN.fullmatch(value)
        )

    @property
    def media_type(self) -> bytes:
        """Of the body, in lower case and without parameters; empty if the upstream named none."""
        return (header(self._came, b"content-type") or b"").partition(b";")[0].strip().lower()

    @property
    def retry_after(self) -> bytes | None:
        """The header of that name as it came."""
        return header(self._came, b"retry-after")

    async def read(self) -> bytes:
        """The whole body, decoded.

        Raises:
            UpstreamError: ``too_large``, ``protocol`` or ``timeout``.
        """
        if header(self._came, b"content-encoding") is not None:
            return b"".join([piece async for piece in self._pieces(self._bounds.max_bytes, self._bounds.timeout_s)])
        connection, limit = self._under_way(), self._bounds.max_bytes
        parts, size = [], 0
        try:
            while True:
                parts.append(connection.take())
                size += len(parts[-1])
                if size > limit:
                    raise TooLarge  # noqa: TRY301  it is told what it means below
                if connection.complete:
                    break
                await connection.wait(Until.WHOLE, self._deadline)
        except (BrokenAnswer, LateAnswer, TooLarge) as error:
            raise self._problem(error, limit) from None
        except BaseException:
            self.close()
            raise
        self._finish(connection)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, decoded, in pieces of 1 to 64 KiB. While nobody asks for one, the upstream waits.

        Raises:
            UpstreamError: ``too_large``, ``protocol`` or ``timeout``; what came before it is no whole answer.
        """
        return self._pieces(self._bounds.max_stream_bytes, self._bounds.idle_s)

    def sift(self, wanted: Callable[[bytes], bool]) -> AsyncIterator[None]:
        """Give *wanted* each piece that `chunks` would, as it comes, and come back after each for which it says yes.

        It is called where the bytes arrive, with nobody woken up for it: it must be quick, and is not called until
        somebody waits again. What it raises is raised here.

        Raises:
            UpstreamError: as `chunks` does.
        """
        return self._sift(wanted, self._bounds.max_stream_bytes, self._bounds.idle_s)

    def close(self) -> None:
        """Let go of the answer. If it has not come to its end, the upstream sees at once that nobody waits."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._ticket.left()
        if connection.complete:
            connection.take()  # what nobody reads is not kept
            self._pool.give_back(connection)
        else:
            connection.close()

    async def _pieces(self, limit: int, idle_s: float) -> AsyncIterator[bytes]:
        came: list[bytes] = []

        def keep(piece: bytes) -> bool:
            came.append(piece)
            return True

        async with aclosing(self._sift(keep, limit, idle_s)) as sifted:
            async for _ in sifted:
                yield came.pop()

    async def _sift(self, wanted: Callable[[bytes], bool], limit: int, idle_s: float) -> AsyncGenerator[None, None]:
        connection = self._under_way()
        try:
            sieve = _Sieve(connection, header(self._came, b"content-encoding") or b"", limit, wanted)
            while True:
                while sieve.stopped or sieve.go_on():
                    if sieve.resume():
                        yield
                        if self._connection is not connection:
                            raise RuntimeError(_TAKEN)  # noqa: TRY301
                    if sieve.is_breathless():
                        await asyncio.sleep(0)
                    self._check_deadline(connection)
                self._check_deadline(connection)
                if connection.complete:
                    break
                await connection.sift(sieve.go_on, self._deadline, idle_s)
            sieve.end()
        except (BrokenAnswer, LateAnswer, CodingError) as error:
            raise self._problem(error, limit) from None
        except BaseException:
            self.close()
            raise
        self._finish(connection)

    def _check_deadline(self, connection: Connection) -> None:
        if asyncio.get_running_loop().time() > self._deadline and not connection.complete:
            self._ticket.left()  # it may well be the reader who took that long
            raise LateAnswer

    def _under_way(self) -> Connection:
        if self._connection is None:
            raise RuntimeError(_TAKEN)
        return self._connection

    def _finish(self, connection: Connection) -> None:
        self._connection = None
        self._ticket.succeeded()
        self._pool.give_back(connection)

    def _problem(self, error: Exception, limit: int) -> UpstreamError:
        """What *error* means to the caller, after the answer is let go."""
        bounds, now = self._bounds, asyncio.get_running_loop().time()
        if isinstance(error, LateAnswer):
            self._ticket.failed(now)
            late = f"The upstream gave no whole answer in {bounds.timeout_s:g} s."
            idle = f"The upstream's answer stood still for {bounds.idle_s:g} s."
            code, message = "timeout", late if now >= self._deadline else idle
        elif isinstance(error, TooLarge):
            code, message = "too_large", f"The upstream's answer is larger than {limit} bytes."
        elif isinstance(error, UnknownCoding):
            code, message = "protocol", "The upstream compressed its answer in a way that cannot be undone."
        elif isinstance(error, Damaged):
            code, message = "protocol", "The upstream's compressed answer is damaged or cut short."
        else:
            code, message = "protocol", "The upstream broke off its answer, or framed it wrongly."
        self.close()
        return UpstreamError(code, message, attempts=self.attempts)


class _Sieve:
    """Gives what comes of a body, decoded, to *wanted*, and stops behind each piece that it wants."""

    def __init__(self, connection: Connection, coding: bytes, limit: int, wanted: Callable[[bytes], bool]) -> None:
        self._connection = connection
        self._decoder = Decoder(coding, limit)
        self._wanted = wanted
        self._pieces: Iterator[bytes] = iter(())
        self._unbroken = 0
        self._found = False
        self.stopped = False

    def go_on(self) -> bool:
        """Give on what there is; whether it stopped, because a piece was wanted or others should get their turn."""
        connection = self._connection
        while True:
            for piece in self._pieces:
                self._unbroken += len(piece)
                self._found = self._wanted(piece)
                if self._found or self._unbroken >= _BREATH:
                    self.stopped = True
                    return True
            if not connection.unread:
                return False
            self._pieces = self._decoder.feed(connection.take(PIECE))

    def resume(self) -> bool:
        """Be ready to go on; whether the piece it stopped behind was wanted."""
        self.stopped = False
        return self._found

    def is_breathless(self) -> bool:
        """Whether so much was given on without a pause that others should get their turn; asked once for that."""
        if self._unbroken < _BREATH:
            return False
        self._unbroken = 0
        return True

    def end(self) -> None:
        """Say that there is no more.

        Raises:
            Damaged: the body was not at its end.
        """
        self._decoder.end()
