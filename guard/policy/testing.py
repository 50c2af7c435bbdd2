"""Tests of policies, written beside them in YAML, run by pytest and by ``guard policy test`` alike.

``<name>_test.yaml`` ─load_tests→ Case ─run_case(Policy)→ CaseReport

A case with `given` findings, `failures` or `unscannable` parts needs no model: it runs through `decide` alone. A case
with `text` runs through the real classifiers, by a *judge* that an upper layer passes in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from guard.content import Content, Direction, Modality, TextPart
from guard.decision import Coverage, Decision, Detection, Failure, FailureKind, Judged, Refusal
from guard.finding import Finding
from guard.policy import document
from guard.policy.document import Field
from guard.policy.evaluate import decide
from guard.policy.loader import LOCALE, READABLE, known_category, optional, threshold
from guard.policy.model import ROLES, Policy, localized

CASE_KEYS = (
    "name", "given", "text", "failures", "unscannable", "direction", "modality", "role", "locale", "expect",
)  # fmt: skip
GIVEN_KEYS = ("category", "score", "part", "span", "modality", "role", "classifier")
EXPECT_KEYS = ("action", "rules", "released", "message")
DECIDED = ("given", "failures", "unscannable")
"""Keys of cases that are decided without any classifier."""


Judge = Callable[[Policy, str, Direction, str], Judged]
"""Sends a text, in a direction and a locale, through the classifiers of a policy."""


@dataclass(frozen=True, slots=True)
class Expect:
    """What a case asks for; what is None is not looked at."""

    action: str
    rules: tuple[str, ...] | None = None
    released: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One test of a policy: either a *text*, or a *detection* that is given."""

    name: str
    expect: Expect
    text: str | None = None
    detection: Detection = field(default_factory=lambda: Detection(Direction.OUTPUT))
    direction: Direction = Direction.OUTPUT
    locale: str = "en"
    line: int = 1


@dataclass(frozen=True, slots=True)
class CaseReport:
    """How a case went; *problem* says what was expected and what came."""

    name: str
    passed: bool
    problem: str | None = None


def tests_of(path: str | Path) -> Path:
    """Where the tests of the policy in *path* lie."""
    path = Path(path)
    return path.with_name(f"{path.stem}_test{path.suffix}")


def load_tests(path: str | Path) -> tuple[Case, ...]:
    """The cases in the test file *path*.

    Raises:
        PolicyError: the first thing that is wrong with it.
    """
    return _cases(document.read_file(path))


def parse_tests(text: str, *, path: str | Path = "<policy test>") -> tuple[Case, ...]:
    """The cases that *text* holds; *path* is named in errors."""
    return _cases(document.read(text, path))


def run_case(policy: Policy, case: Case, judge: Judge | None = None) -> CaseReport:
    """Run *case* against *policy*; a text needs a *judge*."""
    if case.text is None:
        decision, released = decide(policy, case.detection, "test"), None
    elif judge is None:
        return CaseReport(case.name, passed=False, problem="a text needs the real classifiers, and there are none here")
    else:
        judged = judge(policy, case.text, case.direction, case.locale)
        decision, released = judged.decision, judged.released
    problems = _differences(case, decision, released)
    return CaseReport(case.name, not problems, "; ".join(problems) or None)


def message_of(decision: Decision, locale: str) -> str:
    """The message that goes with the action of *decision*: that of the first rule that asked for it."""
    asking = (effect for effect in decision.effects if effect.action.name == decision.action)
    return next((localized(effect.message, locale) for effect in asking), "")


def _differences(case: Case, decision: Decision, released: Content | Refusal | None) -> list[str]:
    expect = case.expect
    problems: list[str] = []
    if decision.action != expect.action:
        problems.append(f"expected action `{expect.action}`, it was `{decision.action}` (by {decision.cause})")
    if expect.rules is not None and set(expect.rules) != set(decision.rules):
        problems.append(f"expected rules {_listed(expect.rules)}, there fired {_listed(decision.rules)}")
    said = released.message if isinstance(released, Refusal) else message_of(decision, case.locale)
    if expect.message is not None and said != expect.message:
        problems.append(f"expected the message {expect.message!r}, it was {said!r}")
    text = _text(released)
    if expect.released is not None and text != expect.released:
        was = "nothing was" if text is None else f"it was {text!r}"
        problems.append(f"expected {expect.released!r} to be released, {was}")
    return problems


def _text(released: Content | Refusal | None) -> str | None:
    """The text that was released, or None where nothing was."""
    if not isinstance(released, Content):
        return None
    return "".join(part.text for part in released.parts if isinstance(part, TextPart))


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def _cases(root: Field) -> tuple[Case, ...]:
    cases: dict[str, Case] = {}
    for item in root.items():
        item.name = "a case"
        case = _case(item)
        if case.name in cases:
            item.fail(f"a case on line {cases[case.name].line} has the same name", "give it another name")
        cases[case.name] = case
    return tuple(cases.values())


def _case(field: Field) -> Case:
    parts = field.members(CASE_KEYS, required=("name", "expect"))
    decided = [key for key in DECIDED if key in parts]
    if ("text" in parts) == bool(decided):
        field.fail("a case has either a `text` or what was found", f"write `text`, or {', '.join(DECIDED)}")
    for key in ("role", "modality"):
        if "text" in parts and key in parts:
            parts[key].fail(f"`{key}` does not go with `text`", "write `given` instead of `text`")
    direction = Direction(optional(parts.get("direction"), lambda f: f.one_of(Direction), Direction.OUTPUT))
    expect = _expect(parts["expect"])
    if decided and expect.released is not None:
        parts["expect"].fail("`released` goes with `text`", "nothing is released where no text is")
    return Case(
        name=parts["name"].text(),
        expect=expect,
        text=optional(parts.get("text"), Field.text, None),
        detection=_detection(parts, direction),
        direction=direction,
        locale=optional(parts.get("locale"), _locale, "en"),
        line=field.line,
    )


def _expect(field: Field) -> Expect:
    parts = field.members(EXPECT_KEYS, required=("action",))
    return Expect(
        action=parts["action"].text(),
        rules=optional(parts.get("rules"), _texts, None),
        released=optional(parts.get("released"), Field.text, None),
        message=optional(parts.get("message"), Field.text, None),
    )


def _detection(parts: dict[str, Field], direction: Direction) -> Detection:
    modality = Modality(optional(parts.get("modality"), lambda f: f.one_of(READABLE), Modality.TEXT))
    role = optional(parts.get("role"), lambda f: f.one_of(ROLES), None)
    given = parts["given"].items() if "given" in parts and not parts["given"].is_empty_list else []
    findings = tuple(_finding(item, i, modality, role) for i, item in enumerate(given))
    reasons = optional(parts.get("unscannable"), _texts, ())
    return Detection(
        direction=direction,
        modalities=frozenset({modality, *(finding.modality for finding in findings)}),
        findings=findings,
        failures=tuple(map(_failure, parts["failures"].items())) if "failures" in parts else (),
        coverage=Coverage(checked=1, unscannable=tuple((f"/{i}", reason) for i, reason in enumerate(reasons))),
    )


def _finding(field: Field, number: int, modality: Modality, role: str | None) -> Finding:
    """A finding; unless its part is written it is in a part of its own, so that `count` counts it."""
    field.name = "a finding"
    parts = field.members(GIVEN_KEYS, required=("category", "score"))
    return Finding(
        category=known_category(parts["category"]),
        score=threshold(parts["score"]),
        span=optional(parts.get("span"), _span, None),
        part=optional(parts.get("part"), Field.text, f"/{number}"),
        modality=Modality(optional(parts.get("modality"), lambda f: f.one_of(READABLE), modality)),
        role=optional(parts.get("role"), lambda f: f.one_of(ROLES), role),
        classifier=optional(parts.get("classifier"), Field.text, ""),
    )


def _failure(field: Field) -> Failure:
    """``toxicity``, or ``{toxicity: timeout}``."""
    if not field.is_mapping:
        return Failure(field.text())
    named = field.entries()
    if len(named) != 1:
        field.fail("a failure names one classifier", "write `toxicity`, or `{toxicity: timeout}`")
    name, kind = next(iter(named.items()))
    return Failure(name, FailureKind(kind.one_of(FailureKind)))


def _span(field: Field) -> tuple[int, int]:
    ends = [item.whole(0) for item in field.items()]
    if len(ends) != 2 or ends[0] > ends[1]:
        field.fail("a span is two numbers, start and end", "write one such as `[9, 24]`")
    return ends[0], ends[1]


def _texts(field: Field) -> tuple[str, ...]:
    return () if field.is_empty_list else tuple(item.text() for item in field.items())


def _locale(field: Field) -> str:
    value = field.text()
    if not LOCALE.fullmatch(value):
        field.fail(f"`{value}` is no locale", "write one such as `en`, `zh` or `zh-TW`")
    return value
