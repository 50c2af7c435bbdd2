from pathlib import Path

import pytest

from guard.content import Content, Direction, Modality, TextPart
from guard.decision import Coverage, Failure, FailureKind, Judged, Refusal
from guard.errors import PolicyError
from guard.finding import Finding
from guard.policy.evaluate import decide
from guard.policy.model import Policy
from guard.policy.testing import load_tests, parse_tests, run_case, tests_of as beside
from tests.policy.fakes import detection, rules

POLICY = rules(
    "when: {category: hate}, then: block, message: {en: Stop, zh: 停}", "when: {category: pii.email}, then: redact"
)


def problem_of(case: str) -> str | None:
    (only,) = parse_tests(f"- {{name: it, {case}}}\n")
    report = run_case(POLICY, only)
    assert report.passed is (report.problem is None)
    return report.problem


@pytest.mark.parametrize(
    "case",
    [
        "given: [{category: hate, score: 0.9}], expect: {action: block, rules: [r1], message: Stop}",
        "given: [{category: hate, score: 0.9}], locale: zh-CN, expect: {action: block, message: 停}",
        "given: [{category: hate, score: 0.1}], expect: {action: allow, rules: []}",
        "given: [], expect: {action: allow, rules: []}",
        (
            "given: [{category: hate, score: 1}, {category: pii.email, score: 1}], "
            "expect: {action: block, rules: [r2, r1]}"
        ),
        "failures: [hate], expect: {action: block, rules: []}",
        "unscannable: [encrypted], expect: {action: block, rules: []}",
    ],
)
def test_a_case_that_goes_as_it_says_passes(case: str) -> None:
    assert problem_of(case) is None


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        ("given: [], expect: {action: block}", "expected action `block`, it was `allow` (by none)"),
        ("failures: [x], expect: {action: allow}", "expected action `allow`, it was `block` (by error)"),
        (
            "given: [{category: hate, score: 1}], expect: {action: block, rules: []}",
            "expected rules none, there fired `r1`",
        ),
        ("given: [], expect: {action: allow, rules: [r2]}", "expected rules `r2`, there fired none"),
        (
            "given: [{category: hate, score: 1}], expect: {action: block, message: Halt}",
            "expected the message 'Halt', it was 'Stop'",
        ),
    ],
)
def test_a_case_that_goes_otherwise_says_how(case: str, problem: str) -> None:
    assert problem_of(case) == problem


def test_everything_a_case_may_give_is_read() -> None:
    (case,) = parse_tests(
        "- name: it\n  direction: input\n  modality: image\n  role: tool\n  locale: zh\n"
        "  given:\n    - {category: nsfw, score: 0.5}\n"
        "    - {category: hate, score: 1, part: /p, span: [1, 4], modality: text, role: user, classifier: c}\n"
        "  failures: [a, {b: timeout}]\n  unscannable: [encrypted, broken]\n  expect: {action: block}\n"
    )

    seen = case.detection
    assert (seen.direction, case.locale, case.line) == (Direction.INPUT, "zh", 1)
    assert seen.modalities == {Modality.IMAGE, Modality.TEXT}
    assert seen.findings == (
        Finding("nsfw", 0.5, part="/0", modality=Modality.IMAGE, role="tool"),
        Finding("hate", 1.0, part="/p", span=(1, 4), role="user", classifier="c"),
    )
    assert seen.failures == (Failure("a"), Failure("b", FailureKind.TIMEOUT))
    assert seen.coverage == Coverage(checked=1, unscannable=(("/0", "encrypted"), ("/1", "broken")))


def test_findings_without_a_part_are_in_different_places() -> None:
    policy = rules("when: {category: hate, count: 2}, then: block")
    (case,) = parse_tests(
        "- {name: it, given: [{category: hate, score: 1}, {category: hate, score: 1}], expect: {action: block}}"
    )

    assert run_case(policy, case).passed


@pytest.mark.parametrize(
    ("case", "error"),
    [
        ("given: []", "1:3: a case has no `expect`"),
        ("expect: {action: block}", "1:3: a case has either a `text` or what was found"),
        ("text: a, given: [], expect: {action: block}", "1:3: a case has either a `text` or what was found"),
        ("text: a, role: user, expect: {action: block}", "1:29: `role` does not go with `text`"),
        ("given: [], expects: {}", "1:25: a case has no key `expects`; did you mean `expect`?"),
        ("given: [{category: hat, score: 1}], expect: {action: block}", "1:33: `hat` is no category; did you mean"),
        ("given: [{category: hate}], expect: {action: block}", "1:22: a finding has no `score`"),
        ("given: [{category: hate, score: 91}], expect: {action: block}", "1:46: `score` is 91; it should be from 0"),
        ("given: [{category: hate, score: 1, span: [4, 1]}], expect: {action: a}", "1:55: a span is two numbers"),
        ("given: [], direction: in, expect: {action: block}", "1:36: `direction` cannot be `in`"),
        ("given: [], locale: english, expect: {action: block}", "1:33: `english` is no locale"),
        ("given: [], expect: {rules: []}", "1:33: `expect` has no `action`"),
        ("given: [], expect: {action: allow, released: a}", "1:33: `released` goes with `text`"),
        (
            "failures: [{a: late}], expect: {action: block}",
            "1:29: `a` cannot be `late`; known: error, overload, timeout",
        ),
        ("failures: [{}], expect: {action: block}", "1:25: a failure names one classifier"),
    ],
)
def test_what_is_wrong_with_a_case_is_said_at_its_place(case: str, error: str) -> None:
    with pytest.raises(PolicyError) as raised:
        parse_tests(f"- {{name: it, {case}}}\n", path="t.yaml")

    assert str(raised.value).startswith(f"t.yaml:{error}")


def test_two_cases_of_one_name_are_refused() -> None:
    case = "- {name: it, given: [], expect: {action: allow}}\n"

    with pytest.raises(PolicyError, match="2:3: a case on line 1 has the same name"):
        parse_tests(case * 2)


def judge(policy: Policy, text: str, direction: Direction, locale: str) -> Judged:
    """Sees hate in "bad", and an e-mail address in all else; releases in capitals, or refuses."""
    seen = Finding("hate" if text == "bad" else "pii.email", 1.0)
    decision = decide(policy, detection(seen, direction=direction), "d")
    refused = decision.action == "block"
    released = Content(direction, (TextPart(text.upper()), TextPart(locale)))
    return Judged(decision, Refusal("content_filter", "Refused") if refused else released)


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        ("text: good, expect: {action: redact, rules: [r2], released: GOODen}", None),
        ("text: good, expect: {action: redact, released: good}", "expected 'good' to be released, it was 'GOODen'"),
        ("text: bad, expect: {action: block, message: Refused}", None),
        ("text: bad, expect: {action: block, released: bad}", "expected 'bad' to be released, nothing was"),
    ],
)
def test_a_text_goes_through_the_judge(case: str, problem: str | None) -> None:
    (only,) = parse_tests(f"- {{name: it, {case}}}")

    assert run_case(POLICY, only, judge).problem == problem


def test_a_text_without_a_judge_does_not_pass() -> None:
    (case,) = parse_tests("- {name: it, text: good, expect: {action: allow}}")

    assert run_case(POLICY, case).problem == "a text needs the real classifiers, and there are none here"


def test_tests_lie_beside_their_policy(tmp_path: Path) -> None:
    path = beside(tmp_path / "chat.yaml")
    path.write_text("- {name: it, given: [], expect: {action: allow}}", encoding="utf-8")

    assert path.name == "chat_test.yaml"
    assert [case.name for case in load_tests(path)] == ["it"]
