"""What was decided and why: `Detection` in, `Decision` out, and the `Action` and `Refusal` it leads to.

All plain values. A decision is total (every detection has one), deterministic, and names what determined it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from guard.content import Content, Direction, Modality
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence


class FailureKind(StrEnum):
    """Why a classifier gave no usable answer. Each has its line in the policy: on_error, on_timeout, on_overload."""

    ERROR = "error"
    TIMEOUT = "timeout"
    OVERLOAD = "overload"


@dataclass(frozen=True, slots=True)
class Failure:
    """A classifier that did not answer, or answered nonsense. *detail* names an error type, never content.

    Of an overload, *retry_after_s* says in how many seconds there should be room again, as far as that is known.
    """

    classifier: str
    kind: FailureKind = FailureKind.ERROR
    detail: str = ""
    retry_after_s: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was looked at: every part is *checked*, *exempt* by a named rule, or *unscannable*.

    *unchecked* parts should have been looked at and were not (`guard.ledger`); there is none, but for a defect.
    """

    checked: int = 0
    exempt: tuple[tuple[str, int], ...] = ()
    unscannable: tuple[tuple[str, str], ...] = ()
    """``(pointer, reason)`` of each part that no classifier could read."""
    unchecked: int = 0


@dataclass(frozen=True, slots=True)
class Detection:
    """What detecting gave for one content: the input of `decide`."""

    direction: Direction
    modalities: frozenset[Modality] = frozenset()
    findings: tuple[Finding, ...] = ()
    failures: tuple[Failure, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)


class Cause(StrEnum):
    """What the strongest action came from."""

    NONE = "none"
    RULES = "rules"
    UNSCANNABLE = "unscannable"
    ERROR = "error"
    TIMEOUT = "timeout"
    OVERLOAD = "overload"


@dataclass(frozen=True, slots=True)
class Effect:
    """One rule that fired: the action it asks for, and the findings it fired on. *modalities* are where it looks."""

    rule: str
    action: Action
    findings: tuple[Finding, ...] = ()
    message: Mapping[str, str] = field(default_factory=dict)
    modalities: frozenset[Modality] = field(default=frozenset(Modality), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Decision:
    """The strongest action, every rule that fired, and all it was based on.

    With *enforced* false (a policy in shadow mode) the decision is recorded and nothing is changed.
    """

    id: str
    action: str
    cause: Cause
    policy: str
    revision: str
    direction: Direction
    effects: tuple[Effect, ...] = ()
    findings: tuple[Finding, ...] = ()
    failures: tuple[Failure, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)
    enforced: bool = True

    @property
    def rules(self) -> tuple[str, ...]:
        """Ids of every rule that fired, in the policy's order."""
        return tuple(effect.rule for effect in self.effects)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is sent instead of content. *retry_after_s* says when to ask again, if that is worth while."""

    code: str
    message: str
    rules: tuple[str, ...] = ()
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Held(Refusal):
    """What is sent while *content* waits for a person: for *expires_s* seconds, if there is somewhere to keep it."""

    content: Content | None = field(default=None, repr=False)
    expires_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision and what it leaves to release."""

    decision: Decision
    released: Content | Refusal
    changed: tuple[str, ...] = ()
    """The pointers of the media whose bytes were changed."""


class Action(ABC):
    """What a rule asks for: a frozen dataclass whose fields are its options in YAML.

    `apply` is pure. It gets the content as weaker actions left it, and at once all effects that ask for this action,
    so that overlapping spans and numbered names are settled over all of them. Only ``redact`` reads spans, and of
    those that change anything it goes first, so spans always count characters of the original text; an action that is
    *late*, because it adds to the text, goes last whatever its strength. Strengths are unique over the
    family; the strongest fired action is the decision's.
    """

    name: ClassVar[str]
    strength: ClassVar[int]
    late: ClassVar[bool] = False

    @property
    def directions(self) -> frozenset[Direction]:
        """Where it can be carried out. A rule that looks elsewhere does not load."""
        return frozenset(Direction)

    @classmethod
    @abstractmethod
    def apply(cls, content: Content, effects: Sequence[Effect]) -> Content | Refusal:
        """Content as it may be released, or what to send instead."""
