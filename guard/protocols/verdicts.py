"""What other systems' APIs say of a decision: how strong a category is in it, what rules fired on, where."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from guard.content import TextPart
from guard.decision import Refusal
from guard.taxonomy import OPEN_PARENTS, covers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from guard.content import Content, Modality
    from guard.decision import Decision, Effect, Judged
    from guard.finding import Finding

SHOWN = 0.5
"""Findings below this score are told only where a rule fired on them."""
PASSIVE = frozenset({"allow", "flag"})
"""Actions that change nothing."""
MOST_TOLD = 1000
"""Findings that one answer tells of."""


def is_one_of(category: str, categories: Iterable[str]) -> bool:
    """Whether *category* is one of *categories*, or below one."""
    return any(covers(parent, category) for parent in categories)


def strongest(findings: Iterable[Finding], categories: Sequence[str]) -> float:
    """The highest score of a finding of *categories*; 0 if there is none."""
    return max((finding.score for finding in findings if is_one_of(finding.category, categories)), default=0.0)


def can_score(scored: Mapping[Modality, frozenset[str]], modality: Modality, categories: Sequence[str]) -> bool:
    """Whether some classifier that is asked gives one of *categories* of what has this *modality*."""
    given = scored.get(modality, frozenset())
    return any(is_one_of(one, categories) for one in given) or any(
        one in OPEN_PARENTS and is_one_of(category, (one,)) for one in given for category in categories
    )


def fired(decision: Decision) -> dict[Finding, Effect]:
    """Every finding that a rule fired on, with the strongest such effect."""
    found: dict[Finding, Effect] = {}
    for effect in decision.effects:
        for finding in effect.findings:
            before = found.get(finding)
            if before is None or effect.action.strength > before.action.strength:
                found[finding] = effect
    return found


def told(decision: Decision) -> list[Finding]:
    """The findings worth telling of, those that rules fired on first among equals; at most `MOST_TOLD`."""
    by_rules = fired(decision)
    worth = [one for one in decision.findings if one.score >= SHOWN or one in by_rules]
    if len(worth) <= MOST_TOLD:
        return worth
    best = sorted(range(len(worth)), key=lambda n: (worth[n] not in by_rules, -worth[n].score))[:MOST_TOLD]
    return [worth[number] for number in sorted(best)]


def texts(content: Content) -> dict[str, str]:
    """The texts of *content* by their pointers."""
    return {part.pointer: part.text for part in content.parts if isinstance(part, TextPart)}


def bounds(finding: Finding, text: str) -> tuple[int, int]:
    """Where *finding* is in *text*, in characters; all of it where the classifier says no place."""
    start, end = finding.span or (0, len(text))
    start, end = max(0, min(start, len(text))), min(end, len(text))
    return (start, end) if start < end else (0, len(text))


def is_changed(content: Content, judged: Judged) -> bool:
    """Whether something else than *content* was released."""
    return isinstance(judged.released, Refusal) or judged.released.parts != content.parts


class Utf16:
    """Positions of *text* as those count who count UTF-16 code units.

    >>> Utf16("a😀b").at(2)
    3
    """

    def __init__(self, text: str) -> None:
        has_wide = max(text, default="") > "\uffff"  # seldom, and quick to see
        self._wide = [place for place, one in enumerate(text) if one > "\uffff"] if has_wide else []

    def at(self, position: int) -> int:
        """What they call the character *position*."""
        return position + bisect_left(self._wide, position)
