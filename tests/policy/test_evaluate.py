import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from guard.content import Direction, Modality
from guard.decision import Cause, Coverage, Decision, Detection, Failure, FailureKind
from guard.finding import Finding
from guard.policy.evaluate import decide
from guard.policy.model import AllOf, AnyOf, CategoryIs, Condition, Missing, Not, Policy, Rule
from tests.policy.fakes import ACTIONS, Allow, Block, Flag, Redact, detection, rules

HATE = Finding("hate", 0.9)
INSULT = Finding("toxicity.insult", 0.7)
LOW = Finding("hate", 0.2)


def decided(policy: Policy, *findings: Finding, **changes: Any) -> Decision:
    return decide(policy, detection(*findings, **changes), "d1")


def test_nothing_found_is_allowed() -> None:
    decision = decided(rules("when: {category: hate}, then: block"))

    assert (decision.action, decision.cause, decision.rules) == ("allow", Cause.NONE, ())


def test_a_rule_that_fires_names_its_findings_and_message() -> None:
    policy = rules("when: {category: hate}, then: block, message: {en: Stop}")

    decision = decided(policy, INSULT, HATE)

    (effect,) = decision.effects
    assert (decision.action, decision.cause) == ("block", Cause.RULES)
    assert (effect.rule, effect.action, effect.findings, effect.message) == ("r1", Block(), (HATE,), {"en": "Stop"})


def test_a_decision_says_what_it_was_based_on() -> None:
    policy = rules("when: {category: hate}, then: block")
    seen = detection(LOW, coverage=Coverage(checked=3), failures=(Failure("x"),))

    decision = decide(policy, seen, "d7")

    assert (decision.id, decision.policy, decision.revision) == ("d7", "p", policy.revision)
    assert (decision.findings, decision.failures, decision.coverage) == ((LOW,), seen.failures, seen.coverage)
    assert decision.direction is Direction.OUTPUT


def test_the_strongest_action_wins_and_every_rule_is_named_in_order() -> None:
    policy = rules(
        "when: {category: toxicity}, then: flag",
        "when: {category: hate}, then: block",
        "when: {category: hate}, then: redact",
    )

    decision = decided(policy, INSULT, HATE)

    assert (decision.action, decision.rules) == ("block", ("r1", "r2", "r3"))


@pytest.mark.parametrize(("score", "fires"), [(0.69, False), (0.7, True), (0.9, True), (0.91, False)])
def test_thresholds_include_their_ends(score: float, fires: bool) -> None:
    decision = decided(rules("when: {category: hate, at_least: 0.7, at_most: 0.9}, then: flag"), Finding("hate", score))

    assert bool(decision.rules) is fires


def test_a_parent_fires_on_its_children_and_not_the_other_way() -> None:
    policy = rules("when: {category: toxicity}, then: flag", "when: {category: toxicity.threat}, then: block")

    assert decided(policy, INSULT).rules == ("r1",)
    assert decided(policy, Finding("toxicity", 0.9)).rules == ("r1",)


def test_count_counts_places_and_not_findings() -> None:
    policy = rules("when: {category: pii, count: 2}, then: block")
    phone = Finding("pii.phone", 0.9, span=(0, 9), part="/a")

    assert decided(policy, phone, replace(phone, classifier="other", category="pii.bank_account")).rules == ()
    assert decided(policy, phone, replace(phone, span=(10, 19))).rules == ("r1",)
    assert decided(policy, phone, replace(phone, part="/b")).rules == ("r1",)


@pytest.mark.parametrize(
    ("bounds", "finding", "fires"),
    [
        ("directions: [input]", HATE, False),
        ("directions: [output]", HATE, True),
        ("modalities: [image]", HATE, False),
        ("modalities: [image]", replace(HATE, modality=Modality.IMAGE), True),
        ("roles: [user]", replace(HATE, role="assistant"), False),
        ("roles: [user]", replace(HATE, role="user"), True),
        ("roles: [user]", replace(HATE, role=None), True),
    ],
)
def test_a_rule_looks_only_where_it_says(bounds: str, finding: Finding, fires: bool) -> None:
    decision = decided(rules(f"when: {{category: hate}}, then: block, {bounds}"), finding)

    assert bool(decision.rules) is fires


def test_any_takes_the_findings_of_every_branch_that_is_true() -> None:
    policy = rules("when: {any: [{category: hate}, {category: toxicity.insult}, {category: nsfw}]}, then: redact")

    assert decided(policy, INSULT, LOW, HATE).effects[0].findings == (INSULT, HATE)


def test_all_needs_every_branch() -> None:
    policy = rules("when: {all: [{category: hate}, {category: toxicity.insult}]}, then: redact")

    assert decided(policy, HATE).rules == ()
    assert decided(policy, HATE, INSULT).effects[0].findings == (HATE, INSULT)


def test_not_excludes() -> None:
    policy = rules("when: {all: [{category: hate}, {not: {category: toxicity.insult}}]}, then: block")

    assert decided(policy, HATE).rules == ("r1",)
    assert decided(policy, HATE, INSULT).rules == ()


def test_a_mark_is_missing_where_it_could_be() -> None:
    policy = rules("when: {missing: mark.c2pa}, then: flag, modalities: [image]")
    mark = Finding("mark.c2pa", 0.5, modality=Modality.IMAGE)
    image = {"modalities": frozenset({Modality.IMAGE})}

    assert decided(policy, **image).rules == ("r1",)
    assert decided(policy, mark, **image).rules == ()
    assert decided(policy, replace(mark, score=0.49), **image).rules == ("r1",)
    assert decided(policy).rules == ()


def test_absence_is_not_asserted_of_content_that_is_not_there() -> None:
    assert decided(rules("when: {not: {category: hate}}, then: block, modalities: [image]")).rules == ()


@pytest.mark.parametrize("score", [math.nan, math.inf, -0.01, 1.01, None, "0.9"])
def test_a_score_that_is_none_is_a_failure_of_its_classifier(score: Any) -> None:
    policy = rules("when: {category: hate}, then: flag")

    decision = decided(policy, Finding("hate", score, classifier="odd"), HATE)

    assert (decision.action, decision.cause, decision.rules) == ("block", Cause.ERROR, ("r1",))
    assert decision.failures == (Failure("odd", FailureKind.ERROR, "score outside 0..1"),)
    assert decision.findings == (HATE,)


FAILING = "policy: p\non_error: flag\non_timeout: allow\non_overload: block"


@pytest.mark.parametrize(
    ("kinds", "action", "cause"),
    [
        ([FailureKind.ERROR], "flag", Cause.ERROR),
        ([FailureKind.TIMEOUT], "allow", Cause.TIMEOUT),
        ([FailureKind.OVERLOAD], "block", Cause.OVERLOAD),
        ([FailureKind.TIMEOUT, FailureKind.ERROR], "flag", Cause.ERROR),
        ([FailureKind.OVERLOAD, FailureKind.ERROR], "block", Cause.OVERLOAD),
    ],
)
def test_a_failure_asks_for_what_the_policy_says_of_its_kind(
    kinds: list[FailureKind], action: str, cause: Cause
) -> None:
    policy = rules("when: {category: hate}, then: flag", head=FAILING)

    decision = decided(policy, failures=tuple(Failure("x", kind) for kind in kinds))

    assert (decision.action, decision.cause, decision.rules) == (action, cause, ())


def test_what_cannot_be_read_asks_for_the_policys_answer() -> None:
    policy = rules("when: {category: hate}, then: block", head="policy: p\nunscannable: flag")

    decision = decided(policy, coverage=Coverage(unscannable=(("/0", "encrypted"),)))

    assert (decision.action, decision.cause) == ("flag", Cause.UNSCANNABLE)


UNREAD = Coverage(unscannable=(("/0", "encrypted"),))
ALL_KINDS = tuple(Failure("x", kind) for kind in FailureKind)


def test_where_strengths_tie_a_rules_block_is_a_block() -> None:
    policy = rules("when: {category: hate}, then: block")

    assert decided(policy, HATE, failures=ALL_KINDS, coverage=UNREAD).cause is Cause.RULES
    assert decided(policy, failures=ALL_KINDS, coverage=UNREAD).cause is Cause.UNSCANNABLE
    assert decided(policy, failures=ALL_KINDS).cause is Cause.OVERLOAD


def test_a_failure_that_blocks_is_stronger_than_a_rule_that_flags() -> None:
    decision = decided(rules("when: {category: hate}, then: flag"), HATE, failures=(Failure("x"),))

    assert (decision.action, decision.cause, decision.rules) == ("block", Cause.ERROR, ("r1",))


def test_a_policy_in_shadow_mode_decides_and_does_not_enforce() -> None:
    decision = decided(rules("when: {category: hate}, then: block", head="policy: p\nmode: shadow"), HATE)

    assert (decision.action, decision.enforced) == ("block", False)


# Properties.

CATEGORIES = ("hate", "toxicity", "toxicity.insult", "pii.email", "mark", "mark.c2pa")
FINDINGS = st.builds(
    Finding,
    category=st.sampled_from(CATEGORIES),
    score=st.floats(0, 1) | st.sampled_from([0.0, 0.5, 1.0]) | st.floats(),
    span=st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9)),
    part=st.sampled_from(["", "/a", "/b"]),
    modality=st.sampled_from(Modality),
    role=st.sampled_from([None, "user", "tool"]),
    classifier=st.sampled_from(["one", "two"]),
)
SCORES = st.floats(0, 1)
POSITIVE_LEAVES: st.SearchStrategy[Condition] = st.builds(
    CategoryIs, st.sampled_from(CATEGORIES), SCORES, st.none() | SCORES, st.integers(1, 3)
)
LEAVES = POSITIVE_LEAVES | st.builds(Missing, st.sampled_from(CATEGORIES))


def joined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.builds(AnyOf, several) | st.builds(AllOf, several)


POSITIVE = st.recursive(POSITIVE_LEAVES, joined, max_leaves=5)
ANY_CONDITION = st.recursive(LEAVES, lambda inner: joined(inner) | st.builds(Not, inner), max_leaves=5)
ACTION = st.sampled_from([Allow(), Flag(), Redact(), Block()])


def subsets(values: Any) -> st.SearchStrategy[Any]:
    return st.frozensets(st.sampled_from(values), min_size=1)


def policies(conditions: st.SearchStrategy[Condition]) -> st.SearchStrategy[Policy]:
    rule = st.builds(
        Rule,
        id=st.just("r"),
        when=conditions,
        then=ACTION,
        directions=subsets(list(Direction)),
        modalities=subsets(list(Modality)),
        roles=st.none() | subsets(["user", "tool"]),
    )
    return st.builds(
        Policy,
        name=st.just("p"),
        rules=st.lists(rule, max_size=4).map(tuple),
        on_error=ACTION,
        on_timeout=ACTION,
        on_overload=ACTION,
        unscannable=ACTION,
    )


DETECTIONS = st.builds(
    Detection,
    direction=st.sampled_from(Direction),
    modalities=st.frozensets(st.sampled_from(Modality)),
    findings=st.lists(FINDINGS, max_size=6).map(tuple),
    failures=st.lists(st.builds(Failure, st.just("x"), st.sampled_from(FailureKind)), max_size=2).map(tuple),
    coverage=st.sampled_from([Coverage(), UNREAD]),
)


def strength(decision: Decision) -> int:
    return ACTIONS[decision.action].strength


@given(policies(ANY_CONDITION), DETECTIONS, st.randoms())
def test_the_order_of_findings_does_not_matter(policy: Policy, seen: Detection, random: Any) -> None:
    shuffled = list(seen.findings)
    random.shuffle(shuffled)

    one, other = decide(policy, seen, "d"), decide(policy, replace(seen, findings=tuple(shuffled)), "d")

    assert (one.action, one.cause, one.failures) == (other.action, other.cause, other.failures)
    assert [(e.rule, e.action, set(map(repr, e.findings))) for e in one.effects] == [
        (e.rule, e.action, set(map(repr, e.findings))) for e in other.effects
    ]


@given(policies(POSITIVE), DETECTIONS, st.lists(FINDINGS, max_size=3), st.data())
def test_more_findings_never_weaken_the_action(policy: Policy, seen: Detection, more: list[Finding], data: Any) -> None:
    at = data.draw(st.integers(0, len(seen.findings)))
    fuller = replace(seen, findings=(*seen.findings[:at], *more, *seen.findings[at:]))

    assert strength(decide(policy, fuller, "d")) >= strength(decide(policy, seen, "d"))


@given(policies(ANY_CONDITION), DETECTIONS)
def test_a_decision_is_at_least_as_strong_as_everything_that_asked(policy: Policy, seen: Detection) -> None:
    decision = decide(policy, seen, "d")

    asked = [effect.action for effect in decision.effects] + [policy.on(f.kind) for f in decision.failures]
    asked += [policy.unscannable] if seen.coverage.unscannable else []
    assert strength(decision) == max((action.strength for action in asked), default=0)


ODD = st.none() | st.integers() | st.floats() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)


@given(policies(ANY_CONDITION), st.lists(st.builds(Finding, st.text(), ODD, ODD, ODD, ODD, part=st.text()), max_size=4))
def test_deciding_never_raises_whatever_a_classifier_gave(policy: Policy, findings: list[Finding]) -> None:
    assert decided(policy, *findings).action in ACTIONS


def marks(*categories: str) -> Detection:
    found = tuple(Finding(category, 1.0, modality=Modality.IMAGE) for category in categories)
    return Detection(Direction.INPUT, frozenset({Modality.IMAGE}), found)


@pytest.mark.parametrize(
    ("seen", "asked", "fires"),
    [
        ((), "missing: mark.c2pa", True),
        (("mark.c2pa.trusted",), "missing: mark.c2pa", False),
        (("mark.tampered.c2pa",), "missing: mark.c2pa", True),
        (("mark.tampered.c2pa",), "missing: mark", True),
        (("mark.inconclusive.c2pa",), "missing: mark.c2pa", False),
        (("mark.inconclusive.c2pa",), "missing: mark.c2pa.trusted", False),
        (("mark.inconclusive.c2pa",), "missing: mark", False),
        (("mark.inconclusive.pixel.dwtdct",), "missing: mark.c2pa", True),
        (("mark.inconclusive.pixel.dwtdct",), "missing: mark.pixel", False),
        (("mark.inconclusive.metadata",), "missing: mark.aigc_label", False),
        (("mark.inconclusive.c2pa",), "missing: mark.c2pa, inconclusive: present", False),
        (("mark.inconclusive.c2pa",), "missing: mark.c2pa, inconclusive: missing", True),
        (("mark.inconclusive.c2pa",), "missing: hate", True),
    ],
)
def test_what_cannot_be_made_out_is_not_missing_unless_the_policy_says_so(
    seen: tuple[str, ...], asked: str, *, fires: bool
) -> None:
    policy = rules(f"when: {{{asked}}}, then: flag")

    assert bool(decide(policy, marks(*seen), "d").rules) is fires
