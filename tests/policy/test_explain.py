import re

import pytest

from guard.decision import Cause, Coverage, Failure
from guard.finding import Finding
from guard.policy import explain as module
from guard.policy.evaluate import decide
from guard.policy.explain import explain, explain_decision
from tests.policy.fakes import detection, rules

POLICY = rules(
    "directions: [output], modalities: [text, image], roles: [user], when: {category: hate, at_least: 0.8}, "
    "then: block, message: {en: Stop, zh: 停}",
    "when: {any: [{category: pii.email, count: 3}, "
    "{all: [{category: hate, at_most: 0.9}, {not: {missing: mark.x}}]}]}, "
    "then: {redact: {style: mask}}",
    head="policy: p\ndescription: For all.\nmode: shadow\non_error: flag\nunknown_fields: refuse",
)


def test_a_policy_is_explained_in_english() -> None:
    assert explain(POLICY) == (
        f"Policy `p` (revision {POLICY.revision}).\n"
        "For all.\n"
        "It is for routes `*`, tenants `*`, models `*`.\n"
        "It is in shadow mode: decisions are recorded, and nothing is changed.\n"
        "A request with a field that no protocol names is refused.\n"
        "Classifiers that run for it: `toxicity`, `pii`, `marks`.\n"
        "When a classifier fails: let it pass and flag it. When it takes too long: block it. Under overload: block it. "
        "When content cannot be read: block it.\n"
        "Every rule is looked at; the strongest action wins.\n"
        "\n"
        "1. `r1`: in outputs (text, pictures) of role `user`, when “Hate and attacks on identity” (`hate`) scores "
        "0.8 or more: block it.\n"
        "   People are told: “Stop”\n"
        "2. `r2`: in inputs and outputs, when “E-mail addresses” (`pii.email`) scores 0.5 or more, in 3 places or "
        "more, or (“Hate and attacks on identity” (`hate`) scores from 0.5 to 0.9, and it is not so that no "
        "`mark.x` scores 0.5 or more): mask what was found (style: mask).\n"
    )


def test_a_policy_is_explained_in_chinese() -> None:
    said = explain(POLICY, "zh-CN")

    assert (
        "1. `r1`：在输出中（文本、图像），角色为 `user`，若“仇恨与身份攻击”（`hate`）的分数不低于 0.8，则拦截。" in said
    )
    assert "向用户说明：“停”" in said


def test_both_languages_say_the_same_things() -> None:
    assert module._EN.keys() == module._ZH.keys()
    for key, english in module._EN.items():
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", module._ZH[key])), key


SEEN = detection(
    Finding("hate", 0.912, part="/messages/0/content"),
    failures=(Failure("pii"),),
    coverage=Coverage(unscannable=(("/messages/1", "encrypted"),)),
)


def test_a_decision_is_explained_with_all_that_it_was_based_on() -> None:
    decision = decide(POLICY, SEEN, "d1")

    assert explain_decision(decision) == (
        f"Decision d1: block it, by policy `p` (revision {POLICY.revision}), on the output.\n"
        "The rules below decided it.\n"
        "- Rule `r1` asked to block it, on “Hate and attacks on identity” (`hate`) 0.91 in /messages/0/content.\n"
        "- Classifier `pii` gave no answer (error).\n"
        "- /messages/1 could not be read: encrypted.\n"
        "The policy is in shadow mode: nothing was changed.\n"
    )


def test_a_decision_names_what_each_rule_fired_on() -> None:
    policy = rules("when: {category: hate}, then: block", "when: {not: {category: nsfw}}, then: flag")

    said = explain_decision(decide(policy, SEEN, "d1"))

    assert (
        "- Rule `r1` asked to block it, on “Hate and attacks on identity” (`hate`) 0.91 in /messages/0/content.\n"
        in said
    )
    assert "- Rule `r2` asked to let it pass and flag it.\n" in said
    assert "规则 `r1` 要求拦截，依据：“仇恨与身份攻击”（`hate`） 0.91" in explain_decision(
        decide(policy, SEEN, "d1"), "zh"
    )


@pytest.mark.parametrize("cause", Cause)
@pytest.mark.parametrize("locale", ["en", "zh"])
def test_every_cause_has_words(cause: Cause, locale: str) -> None:
    assert ("none" if cause is Cause.NONE else f"by_{cause}") in module._words(locale)
