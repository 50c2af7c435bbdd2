"""Replace: put a notice in the place of every text, picture, sound and film that a rule fired on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from guard.actions._editing import pointed_at, rewritten, rules_of
from guard.actions._wording import in_english_or_chinese, in_locale, refusal
from guard.content import MediaEdit
from guard.decision import Action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.content import Content
    from guard.decision import Effect, Refusal

_NOTICE = {"en": "[Removed by the content policy]", "zh": "【内容已按策略移除】"}


@dataclass(frozen=True)
class Replace(Action):
    """Replaces whole parts. *text* is the notice, one for all or by locale.

    A picture becomes a neutral one of the same size and type that says so in the words of the rule's message, or else
    of the notice. Where two rules replace the same part, the notice of the first one stands. A part that cannot be
    written back, or whose JSON a notice would break, makes the whole content a refusal.
    """

    name = "replace"
    strength = 40

    text: Mapping[str, str] | str = field(default_factory=lambda: dict(_NOTICE), hash=False)

    @classmethod
    def apply(cls, content: Content, effects: Sequence[Effect]) -> Content | Refusal:
        """Content with notices in it, or a refusal where that cannot be done."""
        changed = None
        pointed = pointed_at(content, effects)
        if pointed is not None:
            notices: dict[str, str] = {}
            drawn: dict[str, list[MediaEdit]] = {}
            for effect in effects:
                notice = _notice(effect.action, content.locale)
                for finding in effect.findings:
                    if finding.part in pointed.media:
                        drawn.setdefault(finding.part, [MediaEdit("replace", text=_shown(effect, content.locale))])
                    else:
                        notices.setdefault(finding.part, notice)
            changed = rewritten(content, notices, drawn)
        return changed if changed is not None else refusal(content.locale, rules=rules_of(effects))


def _shown(effect: Effect, locale: str) -> str:
    """What a picture says in place of the one that was there."""
    own = isinstance(effect.action, Replace) and effect.action.text == _NOTICE
    return (own and in_locale(effect.message, locale)) or _notice(effect.action, locale)


def _notice(action: Action, locale: str) -> str:
    text = action.text if isinstance(action, Replace) else {}
    if isinstance(text, str):
        return text
    return in_locale(text, locale) or in_english_or_chinese(_NOTICE, locale)
