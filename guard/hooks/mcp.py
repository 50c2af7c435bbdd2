"""A guard around the Model Context Protocol: what a client sends to tools and reads of them, what a server is asked.

`guarded` is for a client (`Client` or `ClientSession`): arguments are what a model said, what comes back goes into its
next prompt, descriptions of tools included. `GuardMiddleware` is for a server: ``server.middleware.append(…)``, or
``MCPServer(middleware=[…])``. Requests the other way round (sampling, elicitation) and notifications are no part of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from guard.errors import HookError
from guard.hooks._crossing import Crossing
from guard.hooks._versions import framework
from guard.library import BlockedError, Guard

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from guard.hooks._values import Back

_ASKED = frozenset(
    (
        "call_tool",
        "get_prompt",
        "read_resource",
        "complete",
        "list_tools",
        "list_prompts",
        "list_resources",
        "list_resource_templates",
    )
)
_PLAIN = frozenset(("initialize", "ping", "server/discover", "logging/setLevel"))
"""What a server is asked that holds no text of anyone's."""
_INVALID = -32600
"""JSON-RPC 2.0: the request is not acceptable."""


def guarded(client: Any, guard: Guard | str | Path = "default", *, locale: str = "en") -> Any:
    """*client*, a session or `Client` of MCP, whose calls nothing goes out by or comes back from unseen.

    Its calls raise `BlockedError` where the policy refuses.

    Raises:
        HookError: it is no such client.
    """
    framework("mcp", "mcp", "1.0", "3")
    if not hasattr(client, "call_tool") or not hasattr(client, "list_tools"):
        raise HookError("This hook works with `mcp.Client` and `mcp.ClientSession`.")
    return GuardedClient(client, guard if isinstance(guard, Guard) else Guard(guard), locale)


class GuardedClient:
    """What `guarded` gives: the client, with its calls judged."""

    def __init__(self, inner: Any, guard: Guard, locale: str) -> None:
        self._inner = inner
        self._guard = guard
        self._locale = locale

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> Any:
        return await self._inner.__aexit__(*error)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        return self._asking(value, name) if name in _ASKED else value

    def _asking(self, call: Callable[..., Awaitable[Any]], name: str) -> Callable[..., Awaitable[Any]]:
        async def asked(*given: Any, **named: Any) -> Any:
            crossing = Crossing(self._guard, f"mcp {name}", _special, outgoing=True, locale=self._locale)
            given, named = await crossing.enter((given, named), role="assistant")
            try:
                answer = await call(*given, **named)
            except BaseException as error:
                await crossing.ended_by(error)
                raise
            return await crossing.leave(answer, role="tool")

        return asked


class GuardMiddleware:
    """Judges what a server of MCP is asked before it does anything, and what it answers before that is sent.

    A tool call that is refused is answered with the policy's words as the tool's error, any other request with an error
    of the protocol.
    """

    def __init__(self, guard: Guard | str | Path = "default", *, locale: str = "en") -> None:
        self._mcp = framework("mcp", "mcp", "2.0", "3")
        self._types = framework("mcp.types", "mcp", "2.0", "3")
        self._guard = guard if isinstance(guard, Guard) else Guard(guard)
        self._locale = locale

    async def __call__(self, ctx: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        """Answer one request."""
        if ctx.request_id is None or ctx.method in _PLAIN:
            return await call_next(ctx)
        crossing = Crossing(self._guard, f"mcp {ctx.method}", locale=self._locale)
        try:
            params = await crossing.enter(dict(ctx.params) if ctx.params is not None else None)
            try:
                answer = await call_next(replace(ctx, params=params))
            except BaseException as error:
                await crossing.ended_by(error)
                raise
            return await crossing.leave(answer)
        except BlockedError as error:
            if ctx.method == "tools/call":
                said = self._types.TextContent(type="text", text=str(error))
                return self._types.CallToolResult(content=[said], is_error=True)
            raise self._mcp.MCPError(_INVALID, str(error)) from None


def _special(value: Any) -> tuple[Any, Back] | None:
    """Addresses of resources are objects in some versions; they are read as they are written."""
    from pydantic import AnyUrl  # MCP has it

    return (str(value), AnyUrl) if isinstance(value, AnyUrl) else None
