"""Small stand-ins for what the policy engine is given: a family of actions, and a catalogue of classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from guard.classifier import Classifier, Readable, parse_options
from guard.content import Content, Direction, Modality
from guard.decision import Action, Detection, Effect, Refusal
from guard.errors import RegistryError
from guard.policy.loader import parse_policy

if TYPE_CHECKING:
    from guard.finding import Finding
    from guard.policy.model import Policy


class _Still(Action):
    """An action that is never carried out here."""

    @classmethod
    def apply(cls, content: Content, effects: Sequence[Effect]) -> Content | Refusal:
        return content


@dataclass(frozen=True)
class Allow(_Still):
    name = "allow"
    strength = 0


@dataclass(frozen=True)
class Flag(_Still):
    name = "flag"
    strength = 10


@dataclass(frozen=True)
class Redact(_Still):
    name = "redact"
    strength = 30

    style: Literal["pseudonym", "mask"] = "pseudonym"
    keep: int = 0
    restore: bool = False
    marks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.keep < 0:
            raise ValueError("keep is negative")


class Tone(StrEnum):
    CALM = "calm"
    FIRM = "firm"


@dataclass(frozen=True)
class Replace(_Still):
    name = "replace"
    strength = 40

    text: Mapping[str, str] | str
    tone: Tone = Tone.CALM
    weight: float | None = None


@dataclass(frozen=True)
class Block(_Still):
    name = "block"
    strength = 60


ACTIONS: Mapping[str, type[Action]] = {cls.name: cls for cls in (Allow, Flag, Redact, Replace, Block)}


class _Deaf(Classifier[str]):
    """A classifier that never runs: only what it declares is asked for."""

    def prepare(self, part: Readable) -> str:
        return ""

    def cost(self, item: str) -> int:
        return 1

    def classify(self, items: Sequence[str]) -> list[list[Finding]]:
        return [[] for _ in items]


class Toxicity(_Deaf):
    categories = frozenset({"toxicity", "toxicity.insult", "toxicity.threat", "toxicity.obscene", "hate"})


class Text(_Deaf):
    categories = frozenset({"self_harm", "violence"})


class PromptAttack(_Deaf):
    categories = frozenset({"prompt_attack.injection", "prompt_attack.jailbreak", "prompt_attack.leak"})


@dataclass(frozen=True)
class PiiOptions:
    languages: tuple[str, ...] = ("en",)
    entities: tuple[str, ...] = ()


_ENTITIES = (
    "email", "phone", "credit_card", "iban", "us_ssn", "ip_address", "crypto_wallet", "person", "location",
    "cn_resident_id", "bank_account", "passport", "address", "organization", "mac_address", "driver_license", "tax_id",
    "medical_license", "cn_social_credit_code", "cn_plate",
)  # fmt: skip


class Pii(_Deaf):
    Options = PiiOptions
    categories = frozenset(f"pii.{entity}" for entity in _ENTITIES)

    @classmethod
    def provides(cls, options: Any) -> frozenset[str]:
        return frozenset(f"pii.{entity}" for entity in options.entities) or cls.categories


class Secrets(_Deaf):
    categories = frozenset(
        f"secret.{kind}" for kind in ("api_key", "token", "private_key", "password", "connection_string")
    )


class Nsfw(_Deaf):
    categories = frozenset({"nsfw"})
    modalities = frozenset({Modality.IMAGE})


@dataclass(frozen=True)
class KeywordOptions:
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Keywords(_Deaf):
    Options = KeywordOptions
    categories = frozenset({"sexual", "toxicity.obscene"})

    @classmethod
    def provides(cls, options: Any) -> frozenset[str]:
        return cls.categories | {f"custom.{name}" for name in options.lists}


class Mine(_Deaf):
    """A model of one's own: serves only where it is named."""

    automatic = False
    categories = frozenset({"toxicity", "self_harm"})


class Marks(_Deaf):
    categories = frozenset({"mark"})
    modalities = frozenset({Modality.IMAGE})


class Quality(_Deaf):
    categories = frozenset({"quality.blank", "quality.noise", "quality.blur"})
    modalities = frozenset({Modality.IMAGE})


class QualityText(_Deaf):
    categories = frozenset({"quality.gibberish", "quality.repetition"})


class Catalogue:
    """Classifiers by name; *broken* ones are installed, but cannot be imported."""

    def __init__(self, classes: Mapping[str, type[Classifier[Any]]], broken: Sequence[str] = ()) -> None:
        self._classes = dict(classes)
        self._broken = tuple(broken)

    def names(self) -> tuple[str, ...]:
        return tuple(sorted((*self._classes, *self._broken)))

    def find(self, name: str) -> type[Classifier[Any]]:
        if name not in self._classes:
            raise RegistryError(f"classifier `{name}` needs a package that is not installed")
        return self._classes[name]

    def provides(self, name: str, options: Mapping[str, object] | None = None) -> frozenset[str]:
        cls = self.find(name)
        return cls.provides(parse_options(name, cls, options or {}))


CATALOG = Catalogue(
    {
        "toxicity": Toxicity,
        "prompt_attack": PromptAttack,
        "pii": Pii,
        "secrets": Secrets,
        "nsfw": Nsfw,
        "keywords": Keywords,
        "mine": Mine,
        "marks": Marks,
    }
)


class MarksOfAll(Marks):
    modalities = frozenset({Modality.IMAGE, Modality.AUDIO, Modality.VIDEO})


SHIPPED = Catalogue(
    CATALOG._classes | {"text": Text, "quality": Quality, "quality_text": QualityText, "marks": MarksOfAll}
)
"""What the policies that come with the project ask of, and no more."""


def policy(text: str, *, catalog: Catalogue = CATALOG) -> Policy:
    """The policy that *text* is, with the families above."""
    return parse_policy(text, path="p.yaml", actions=ACTIONS, catalog=catalog)


def rules(*lines: str, head: str = "policy: p") -> Policy:
    """A policy of one rule to each line; each line is what follows the id."""
    listed = "\n".join(f"  - {{id: r{i}, {line}}}" for i, line in enumerate(lines, 1))
    return policy(f"{head}\nrules:\n{listed}\n")


def detection(*findings: Finding, **changes: Any) -> Detection:
    """What was detected in an output text."""
    given: dict[str, Any] = {
        "direction": Direction.OUTPUT,
        "modalities": frozenset({Modality.TEXT}),
        "findings": findings,
        **changes,
    }
    return Detection(**given)
