"""Prompt attacks in text: rules for the known forms. They say where (a span) and why (their id).

What has no known form is for the model of `classifiers.text`, which scores the whole text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from classifiers._attack_rules import INJECTION, JAILBREAK, LEAK, RULES, AttackRule, interruptible
from classifiers._growth import Growth, Turned
from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import View
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PER_RULE = 16
_FIXED_COST = 100

# "the phrase 'ignore previous instructions'": text about an attack names what it quotes just before the quotation mark.
_MENTION = (
    r"(?i)(?:\b(?:phrases?|sentences?|strings?|words?|prompts?|like|such as|e\.g\.|examples?|attacks?|called|payload)"
    r"|例如|比如|譬如|诸如|短语|句子|字样|这类|类似|所谓|叫做|攻击|例子)[\s:：,，]{0,3}[\"'“‘「『`]\s*$"
)
_MENTION_REACH = 32
_MENTIONED_SCORE = 0.6


@dataclass(frozen=True)
class _Compiled:
    """The rules as one automaton that names those that match, and each on its own for the spans."""

    gate: Any
    patterns: tuple[Any, ...]
    mention: Any


class PromptAttack(Classifier[str]):
    """Items are texts; cost is their characters and 100 more. Every finding has a span."""

    categories = frozenset({INJECTION, JAILBREAK, LEAK})
    reads: Reads = "sentences"
    window = 400
    horizon = 150
    inline_cost = 220  # one text of 120 characters: some 75 µs
    version = "rules-1"

    def load(self) -> None:
        """Compile the rules."""
        self._rules = compiled(RULES)
        self._growth = Growth(interruptible().values(), horizon=self.horizon)

    def prepare(self, part: Readable) -> str:
        """The text itself."""
        if not isinstance(part, View):
            msg = "prompt_attack reads text only"
            raise Unreadable(msg)
        return part.text

    def cost(self, item: str) -> int:
        """Characters, and what a text costs however short it is."""
        return _FIXED_COST + len(item)

    def classify(self, items: Sequence[str]) -> list[list[Finding]]:
        """What the rules found in each text, in order."""
        return [list(rule_findings(self._rules, item)) for item in items]

    def pending(self, text: str) -> int:
        """Where the words of a rule begin that the end of a sentence or line interrupts: a window back at most."""
        start = max(0, len(text) - self.window)
        shown = text[start:]
        return start + self._growth.cut(Turned(shown), lambda: self._rules.gate.Match(readable(shown)))


def compiled(rules: Sequence[AttackRule]) -> _Compiled:
    """Compile *rules* with RE2, whose time is linear in the text whatever the text is."""
    import re2

    options = re2.Options()
    options.log_errors = False
    gate = re2.Set.SearchSet(options)
    for rule in rules:
        gate.Add(rule.pattern)
    gate.Compile()
    return _Compiled(gate, tuple(re2.compile(rule.pattern) for rule in rules), re2.compile(_MENTION))


def rule_findings(rules: _Compiled, text: str) -> Iterator[Finding]:
    """Each match of each rule, at most 16 a rule."""
    shown = readable(text)
    for number in sorted(rules.gate.Match(shown) or ()):
        rule = RULES[number]
        for count, match in enumerate(rules.patterns[number].finditer(shown)):
            if count == _PER_RULE:
                break
            before = shown[max(0, match.start() - _MENTION_REACH) : match.start()]
            mentioned = rules.mention.search(before) is not None
            score = min(rule.score, _MENTIONED_SCORE) if mentioned else rule.score
            evidence = f"rule {rule.id}" + (", quoted" if mentioned else "")
            yield Finding(rule.category, score, span=(match.start(), match.end()), evidence=evidence)


def readable(text: str) -> str:
    """*text* with one character that RE2 can read for each lone surrogate."""
    return text.encode("utf-8", "replace").decode("utf-8")
