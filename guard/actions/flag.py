"""Flag: let the content through and say in the record that a rule fired."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guard.decision import Action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.content import Content
    from guard.decision import Effect


@dataclass(frozen=True)
class Flag(Action):
    """Changes nothing; the decision, its header and its record carry the rule."""

    name = "flag"
    strength = 10

    @classmethod
    def apply(cls, content: Content, effects: Sequence[Effect]) -> Content:  # noqa: ARG003  nothing to do
        """The content, untouched."""
        return content
