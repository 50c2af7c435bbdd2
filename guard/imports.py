"""Keeps libraries from importing others that they only might use: in processes of the gateway's own.

Presidio and spaCy import torch and transformers where those are installed, for engines that nobody here asks them for.
That costs seconds at the start and some 800 MB a process. Whoever needs torch, a classifier say, imports it as ever.
A program that merely uses `guard` is left alone: it may use those engines itself.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import FrameType

_UNUSED = frozenset({"cupy", "gliner", "mxnet", "stanza", "tensorflow", "torch", "transformers"})
_BY = frozenset({"presidio_analyzer", "spacy", "thinc"})


class _Spared:
    """A finder that finds the unused missing for those who only might use them (PEP 451; `sys.meta_path`)."""

    @staticmethod
    def find_spec(name: str, *_: object) -> ModuleSpec | None:
        """None, so that other finders are asked.

        Raises:
            ModuleNotFoundError: the import stands in a library that is to do without.
        """
        if name in _UNUSED and _importer(sys._getframe(1)) in _BY:  # noqa: SLF001  an import names its module nowhere else
            msg = f"No module named {name!r}: spared, for nothing here uses it"
            raise ModuleNotFoundError(msg, name=name)
        return None


def _importer(frame: FrameType | None) -> str:
    """The package whose code the import statement stands in."""
    while frame is not None and frame.f_globals.get("__name__", "").startswith("importlib"):
        frame = frame.f_back
    return "" if frame is None else str(frame.f_globals.get("__name__", "")).partition(".")[0]


def spare_the_unused() -> None:
    """From now on, in this process. Once is enough; does nothing to what is imported already."""
    if _Spared not in sys.meta_path:
        sys.meta_path.insert(0, _Spared)
