from __future__ import annotations

from hypothesis import given, strategies as st

from guard.actions.block import Block
from guard.actions.flag import Flag
from guard.content import Direction, Modality
from guard.decision import Cause, Decision, Effect
from guard.finding import Finding
from guard.protocols.verdicts import MOST_TOLD, Utf16, bounds, can_score, fired, told


def decision(*findings: Finding, effects: tuple[Effect, ...] = ()) -> Decision:
    return Decision("i", "flag", Cause.RULES, "p", "r", Direction.INPUT, effects, findings)


@given(st.text(), st.integers(0, 200))
def test_positions_are_those_of_utf_16(text: str, at: int):
    at = min(at, len(text))
    assert Utf16(text).at(at) == len(text[:at].encode("utf-16-le", "surrogatepass")) // 2


@given(st.text(), st.none() | st.tuples(st.integers(-5, 50), st.integers(-5, 50)))
def test_a_finding_is_always_somewhere_in_its_text(text: str, span: tuple[int, int] | None):
    start, end = bounds(Finding("toxicity", 0.5, span=span), text)
    assert 0 <= start <= end <= len(text)
    assert start < end or not text


def test_the_strongest_rule_on_a_finding_counts():
    one = Finding("toxicity", 0.9)
    effects = (Effect("block", Block(), (one,)), Effect("flag", Flag(), (one,)))

    assert fired(decision(one, effects=effects))[one].rule == "block"


def test_what_rules_fired_on_is_told_first_where_there_is_too_much():
    weak = Finding("pii.email", 0.1)
    many = [Finding("toxicity", 0.6, span=(n, n + 1)) for n in range(MOST_TOLD + 5)]

    listed = told(decision(*many, weak, Finding("hate", 0.2), effects=(Effect("r", Flag(), (weak,)),)))

    assert len(listed) == MOST_TOLD
    assert weak in listed


def test_a_category_can_be_scored_by_what_gives_it_or_one_below_it_or_is_open():
    scored = {Modality.TEXT: frozenset({"toxicity.insult", "custom"})}

    assert can_score(scored, Modality.TEXT, ("toxicity",))
    assert not can_score(scored, Modality.TEXT, ("toxicity.threat",))
    assert not can_score(scored, Modality.IMAGE, ("toxicity",))
    assert can_score(scored, Modality.TEXT, ("custom.rivals",))
