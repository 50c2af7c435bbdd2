"""Allow: let the content through as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guard.decision import Action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.content import Content
    from guard.decision import Effect


@dataclass(frozen=True)
class Allow(Action):
    """Lets the content through; the rule that asked for it is recorded."""

    name = "allow"
    strength = 0

    @classmethod
    def apply(cls, content: Content, effects: Sequence[Effect]) -> Content:  # noqa: ARG003  nothing to do
        """The content, untouched."""
        return content
