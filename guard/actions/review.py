"""Review: keep the content until a person has looked at it, and send a ticket instead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guard.actions._editing import rules_of
from guard.actions._wording import held, in_locale
from guard.content import Direction
from guard.decision import Action, Held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.content import Content
    from guard.decision import Effect

_SPAN = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LEAST_S, _MOST_S = 60, 30 * 86_400


@dataclass(frozen=True)
class Review(Action):
    """Holds an answer until *expires*, from a minute to thirty days; nobody sees it if nothing is said by then.

    What weaker actions change is changed before: a person releases what the policy would have. Where nothing keeps
    answers (the library, an audit) it is a refusal. Of several rules the one that gives least time counts.
    """

    name = "review"
    strength = 50

    expires: str = "24h"

    def __post_init__(self) -> None:
        match = _SPAN.fullmatch(self.expires)
        if match is None or not _LEAST_S <= self.expires_s <= _MOST_S:
            msg = f"option `expires` is `{self.expires}`; write a time such as 45m, 24h or 7d, from 1m to 30d"
            raise ValueError(msg)

    @property
    def expires_s(self) -> float:
        """*expires* in seconds."""
        return float(int(self.expires[:-1]) * _UNITS[self.expires[-1]])

    @property
    def directions(self) -> frozenset[Direction]:
        """A request is not held: whoever sent it is waiting, and can send it again."""
        return frozenset({Direction.OUTPUT})

    @classmethod
    def apply(cls, content: Content, effects: Sequence[Effect]) -> Held:
        """The *content* to keep, and what is said of it, in its locale."""
        messages = (in_locale(effect.message, content.locale) for effect in effects)
        message = next((text for text in messages if text), None)
        times = [effect.action.expires_s for effect in effects if isinstance(effect.action, Review)]
        return Held(
            "held",
            message or held(content.locale),
            rules_of(effects),
            content=content,
            expires_s=min(times, default=cls().expires_s),
        )
