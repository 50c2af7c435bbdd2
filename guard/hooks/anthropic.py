"""Anthropic's client, synchronous or not, behind a guard: whole answers and streams, tools and pictures.

A block is what the gateway answers: a ``BadRequestError`` whose code is ``content_filter``, or the protocol's own
filtered ending of a stream. Websockets are no part of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from guard.hooks._versions import framework
from guard.hooks.httpx import guarded_inside

if TYPE_CHECKING:
    from pathlib import Path

    from guard.library import Guard

T = TypeVar("T")


def guarded(client: T, guard: Guard | str | Path = "default", **options: Any) -> T:
    """*client*, which from now on sends nothing past *guard*; what was made of it with ``with_options`` neither.

    *options* are those of `guard.hooks.httpx.guarded`.

    Raises:
        HookError: it is no such client, or of a version that is not known.
    """
    anthropic = framework("anthropic", "anthropic", "0.40", "3")
    return guarded_inside(client, (anthropic.Anthropic, anthropic.AsyncAnthropic), guard, options)
