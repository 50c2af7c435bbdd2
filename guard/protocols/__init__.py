"""Wire protocols as pure codecs: bytes to `Content` and back. One file each; no I/O, no deciding, no status codes.

`ADAPTERS` is every adapter this package holds, found by scanning its modules: a new protocol is one new file.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guard.protocols.adapter import Adapter

    ADAPTERS: tuple[Adapter, ...]


@functools.cache
def _scan() -> tuple[Adapter, ...]:
    from guard.protocols.adapter import Adapter

    modules = (importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__))
    found = [m.ADAPTER for m in modules if isinstance(getattr(m, "ADAPTER", None), Adapter)]
    return tuple(sorted(found, key=lambda adapter: adapter.name))


def __getattr__(name: str) -> Any:
    """Scan on first use: the library needs two of these modules, and a program's start is short of time."""
    if name == "ADAPTERS":
        return _scan()
    msg = f"module `guard.protocols` has no attribute `{name}`"
    raise AttributeError(msg)
