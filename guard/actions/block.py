"""Block: send a refusal instead of the content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guard.actions._editing import rules_of
from guard.actions._wording import in_locale, refusal
from guard.decision import Action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.content import Content
    from guard.decision import Effect, Refusal


@dataclass(frozen=True)
class Block(Action):
    """Refuses in the words of the first rule that has some, naming every rule that blocked."""

    name = "block"
    strength = 60

    @classmethod
    def apply(cls, content: Content, effects: Sequence[Effect]) -> Refusal:
        """What is sent instead of *content*, in its locale."""
        messages = (in_locale(effect.message, content.locale) for effect in effects)
        message = next((text for text in messages if text), None)
        return refusal(content.locale, rules=rules_of(effects), message=message)
