"""Whoever has threads begins anew in a forked child.

Of its parent a child has every lock, as it happened to be held, but none of the other threads.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Threaded(Protocol):
    """Something with threads of its own."""

    def begin(self) -> None:
        """Set up locks and queues: nobody waits and no thread runs."""


_ALL: weakref.WeakSet[Threaded] = weakref.WeakSet()


def begin(one: Threaded) -> None:
    """Call ``one.begin()``, now and in every forked child."""
    one.begin()
    _ALL.add(one)


def _begin_all() -> None:
    for one in list(_ALL):
        one.begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_all)
