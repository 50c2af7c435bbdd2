"""Wire protocols as pure codecs: bytes to `Content` and back. One file each; no I/O, no deciding, no status codes.

`ADAPTERS` is every adapter this package holds, found by scanning its modules: a new protocol is one new file.
"""

from __future__ import annotations

import importlib
import pkgutil

from guard.protocols.adapter import Adapter


def _scan() -> tuple[Adapter, ...]:
    modules = (importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__))
    found = [m.ADAPTER for m in modules if isinstance(getattr(m, "ADAPTER", None), Adapter)]
    return tuple(sorted(found, key=lambda adapter: adapter.name))


ADAPTERS: tuple[Adapter, ...] = _scan()
