"""What a policy is, once read: frozen values and nothing else.

YAML ─loader→ **Policy** ─evaluate(Detection)→ Decision

Mappings are plain dicts typed read-only, so that a policy can travel between processes; nobody writes to them.
*line* fields say where a thing stands in its file; they take no part in comparisons or in the revision.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from guard.content import Direction, Modality
from guard.decision import Action, FailureKind

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
"""Roles a rule may be restricted to."""


class Mode(StrEnum):
    """Whether decisions change anything, or are recorded only."""

    ENFORCE = "enforce"
    SHADOW = "shadow"


class UnknownFields(StrEnum):
    """What becomes of text in a field that no protocol contract names."""

    SCAN = "scan"
    REFUSE = "refuse"


class Inconclusive(StrEnum):
    """What a mark counts as of which a classifier could not make out whether it is there."""

    PRESENT = "present"
    MISSING = "missing"


class Remember(StrEnum):
    """Among whom findings are used again for a content that was judged before, or is just being judged."""

    TENANT = "tenant"
    ALL = "all"
    NONE = "none"

    def scope(self, tenant: str | None) -> str | None:
        """The name of those who share with *tenant*; None if nobody does."""
        if self is Remember.NONE:
            return None
        return f"tenant {tenant or ''}" if self is Remember.TENANT else "all"


class Trailing(StrEnum):
    """What becomes of bytes behind the end of a picture, which nobody sees."""

    STRIP = "strip"
    REFUSE = "refuse"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class Match:
    """Which requests a policy is for: patterns in which `*` stands for any characters, none included."""

    routes: tuple[str, ...] = ("*",)
    tenants: tuple[str, ...] = ("*",)
    models: tuple[str, ...] = ("*",)
    line: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class CategoryIs:
    """True when *category*, or a child of it, was found with a score in ``[at_least, at_most]`` in *count* places."""

    category: str
    at_least: float = 0.5
    at_most: float | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Missing:
    """True when there is content that the rule looks at, and no finding of *mark* at 0.5 or above in it.

    Where a classifier could not make out whether the mark is there (``mark.inconclusive`` with the mark's name), it is
    not missing; with *inconclusive* ``missing`` it is.
    """

    mark: str
    inconclusive: Inconclusive = Inconclusive.PRESENT


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True when one of *conditions* is."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """True when every one of *conditions* is."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True when there is content that the rule looks at, and *condition* is false."""

    condition: Condition


Condition = CategoryIs | Missing | AnyOf | AllOf | Not


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: where it looks (*directions*, *modalities*, *roles*), what for (*when*), and what it asks for (*then*).

    *roles* None is every role. *message* is by locale; what is sent to people when the action needs words.
    """

    id: str
    when: Condition
    then: Action
    message: Mapping[str, str] = field(default_factory=dict, hash=False)
    description: str = ""
    directions: frozenset[Direction] = frozenset(Direction)
    modalities: frozenset[Modality] = frozenset(Modality)
    roles: frozenset[str] | None = None
    line: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything one policy file says.

    With *race_input* the generator is asked while the request is still being judged. With *release_below* a streamed
    sentence does not wait for classifiers that score sentences, while all they have scored is below. *remember* says
    who may be answered with findings of identical contents.
    *classifiers* holds the options written in the file, *needs* every classifier that has to run for the rules to mean
    something, with its options. *revision* names the content: layout and comments do not change it.
    """

    name: str
    rules: tuple[Rule, ...]
    on_error: Action
    on_timeout: Action
    on_overload: Action
    unscannable: Action
    description: str = ""
    match: Match = Match()
    mode: Mode = Mode.ENFORCE
    unknown_fields: UnknownFields = UnknownFields.SCAN
    race_input: bool = False
    release_below: float | None = None
    remember: Remember = Remember.TENANT
    trailing: Trailing = Trailing.STRIP
    classifiers: Mapping[str, Mapping[str, object]] = field(default_factory=dict, hash=False)
    needs: Mapping[str, Mapping[str, object]] = field(default_factory=dict, hash=False)
    path: str = field(default="", compare=False)
    revision: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "revision", _revision(self))

    def on(self, kind: FailureKind) -> Action:
        """The action that a failure of *kind* asks for."""
        if kind is FailureKind.TIMEOUT:
            return self.on_timeout
        return self.on_overload if kind is FailureKind.OVERLOAD else self.on_error


def walk(condition: Condition) -> Iterator[Condition]:
    """*condition* and every condition inside it, outermost first."""
    yield condition
    if isinstance(condition, AnyOf | AllOf):
        for inner in condition.conditions:
            yield from walk(inner)
    elif isinstance(condition, Not):
        yield from walk(condition.condition)


def categories(condition: Condition) -> tuple[str, ...]:
    """The categories that *condition* speaks of, in order, each once."""
    found: dict[str, None] = {}
    for one in walk(condition):
        if isinstance(one, CategoryIs):
            found[one.category] = None
        elif isinstance(one, Missing):
            found[one.mark] = None
    return tuple(found)


def localized(message: Mapping[str, str], locale: str) -> str:
    """The wording for *locale*: its own, else its language's, else the English one, else nothing.

    >>> localized({"en": "no", "zh": "不"}, "zh-CN")
    '不'
    """
    language = locale.replace("_", "-").partition("-")[0].lower()
    return message.get(locale) or message.get(language) or message.get("en", "")


def _revision(policy: Policy) -> str:
    """16 hex digits of a sha256 over everything that the file says, in one canonical form.

    What follows from the machine (*needs*, *path*) is left out: the same file has the same revision everywhere.
    """
    said = {
        f.name: _plain(getattr(policy, f.name))
        for f in dataclasses.fields(policy)
        if f.name not in {"needs", "path", "revision"}
    }
    canonical = json.dumps(said, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value) if f.compare}
        kind = value.name if isinstance(value, Action) else type(value).__name__
        return [kind, fields]
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(str(v) for v in value)
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
