"""One request of an HTTP client through a guard's handler, inside of the program that sends it.

The handler runs as a task; what it wants of the network it asks of `Hands`, what it sends is taken by whoever called.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote_plus

from guard.content import Content, Direction
from guard.errors import RequestError, UpstreamError
from guard.exchange.generator import Incoming
from guard.exchange.http import CONNECTION, GENERATOR, UPSTREAM_STATUS
from guard.protocols.native import text_content

if TYPE_CHECKING:
    from guard.exchange.generator import Answering
    from guard.hooks._mount import Mount, Place

Message = MutableMapping[str, Any]
Headers = list[tuple[bytes, bytes]]

_UNANSWERED = frozenset(UPSTREAM_STATUS.values()) | {502}
_REPLACED = frozenset(
    (b"content-length", b"content-type", b"content-encoding", b"transfer-encoding", b"accept", b"accept-encoding")
)


class Hands(Protocol):
    """An HTTP client's own way to the network."""

    async def send_on(self, target: bytes | None, headers: Headers, body: bytes) -> Any:
        """Send the request anew; to another *target* (path and query) if one is given. Gives the client's response."""

    def pieces(self, response: Any, *, whole: bool) -> AsyncIterator[bytes]:
        """The body of *response* as it comes, still encoded; at once where it is wanted *whole*."""

    async def let_go(self, response: Any) -> None:
        """Let go of *response*."""


class Passage:
    """One request; its `run` answers it, calling *send* with ASGI's messages."""

    def __init__(self, mount: Mount, place: Place, hands: Hands, method: str, query: bytes, headers: Headers) -> None:
        self._mount = mount
        self._place = place
        self._hands = hands
        self._query = query
        self._given = headers
        self._line = _Line()
        self._responses: list[Any] = []
        self._problem: Exception | None = None
        self._scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": place.route,
            "raw_path": place.route.encode("latin-1"),
            "query_string": query,
            "headers": headers,
            CONNECTION: self._line,
            GENERATOR: self,
        }

    async def run(self, body: bytes, send: Callable[[Message], Awaitable[None]]) -> None:
        """Answer the request with *body*."""

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        try:
            await self._mount.handler(self._scope, receive, send)
        finally:
            for response in self._responses:
                await self._hands.let_go(response)

    def opened(self, head: Message | None) -> Message:
        """The head of the answer.

        Raises:
            Exception: what the client's own way to the network raised: its caller is used to that, not to a 502.
        """
        if self._problem is not None and (head is None or head["status"] in _UNANSWERED):
            raise self._problem
        if head is None:
            raise RuntimeError("the exchange ended without an answer")
        return head

    def leave(self) -> None:
        """Nobody wants the answer any more. Only on the event loop that runs it."""
        self._line.leave()

    async def call(  # see `guard.exchange.generator.Generator`
        self, route: str, headers: Any, body: bytes, *, content_type: bytes, accept: bytes, whole: bool, **_: Any
    ) -> Answering:
        """Send what the policy let through by the client's own way."""
        await self._check_query()
        target = None
        if route != self._place.route:
            target = (self._place.prefix + route).encode() + (b"?" + self._query if self._query else b"")
        del headers  # they are those that were given
        forwarded = [one for one in self._given if one[0] not in _REPLACED and not one[0].startswith(b"x-guard-")]
        forwarded += [(b"content-type", content_type), (b"accept", accept), (b"accept-encoding", b"identity")]
        response = await self._tried("unreachable", self._hands.send_on(target, forwarded, body))
        self._responses.append(response)
        if 300 <= response.status_code < 400:
            raise UpstreamError(
                "redirect", "The generator answered with a redirect, which is not followed.", attempts=1
            )
        came = [(name.lower(), value) for name, value in response.headers.raw]
        return Incoming(response.status_code, came, self._pieces(response, whole))

    async def _check_query(self) -> None:
        """The URL's query travels as it is, unlike through the proxy: nothing may be in it that is not let through."""
        if not self._query:
            return
        said = unquote_plus(self._query.decode("latin-1"))
        content, guard = text_content(said, Direction.INPUT, "/?query"), self._mount.guard
        deadline = time.monotonic() + guard.timeout_s
        judged = await guard.pipeline.judge(content, guard.policy, decision_id=uuid.uuid4().hex, deadline=deadline)
        if not isinstance(judged.released, Content) or judged.released.parts != content.parts:
            raise RequestError("invalid_target", "The query of the URL holds what the policy does not let through.")

    async def _pieces(self, response: Any, whole: bool) -> AsyncIterator[bytes]:  # noqa: FBT001  its own
        pieces = aiter(self._hands.pieces(response, whole=whole))
        while True:
            try:
                yield await self._tried("protocol", anext(pieces))
            except StopAsyncIteration:
                return

    async def _tried(self, otherwise: str, work: Awaitable[Any]) -> Any:
        try:
            return await work
        except (StopAsyncIteration, UpstreamError):
            raise
        except Exception as error:  # noqa: BLE001  whatever a client's own transport raises; its caller gets it
            self._problem = error
            name = type(error).__name__
            code = "timeout" if "Timeout" in name else "protocol" if "Protocol" in name else otherwise
            raise UpstreamError(code, "The generator gave no whole answer.", attempts=1) from None


class _Line:
    """Stands where a server has the connection of a client: it says when that leaves."""

    def __init__(self) -> None:
        self._then: Callable[[], None] | None = None
        self._left = False

    def has_all_of(self, scope: object) -> bool:  # noqa: ARG002  the interface
        """The body is there from the beginning."""
        return True

    def watch(self, then: Callable[[], None] | None) -> None:
        """Call *then* when the client leaves; None to stop."""
        self._then = then
        if then is not None and self._left:
            asyncio.get_running_loop().call_soon(then)

    def leave(self) -> None:
        """The client left."""
        self._left = True
        if self._then is not None:
            self._then()
