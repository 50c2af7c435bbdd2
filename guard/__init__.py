"""A content safety gateway: everything that goes into and comes out of a generative model is looked at first.

bytes ─decode→ Content ─detect→ Findings ─decide→ Decision ─enforce→ Content′ | Refusal ─encode→ bytes,
and one audit record before anything is released.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guard.library import BlockedError, Checked, Guard

__all__ = ["BlockedError", "Checked", "Guard"]


def __getattr__(name: str) -> Any:
    """Import the library on first use: a hook or a classifier that needs a type only stays light."""
    if name in __all__:
        from guard import library

        return getattr(library, name)
    msg = f"module `guard` has no attribute `{name}`"
    raise AttributeError(msg)
