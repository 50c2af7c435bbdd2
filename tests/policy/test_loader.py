from pathlib import Path

import pytest

from guard.actions import ACTIONS as REAL_ACTIONS
from guard.actions.redact import Redact as RealRedact
from guard.content import Direction, Modality
from guard.errors import PolicyError
from guard.policy.loader import load_policy, parse_policy
from guard.policy.model import AllOf, AnyOf, CategoryIs, Match, Missing, Mode, Not, UnknownFields
from tests.policy.fakes import ACTIONS, CATALOG, Block, Flag, Redact, Replace, Tone, policy, rules

FULL = """\
policy: chat
description: Chat assistants.
match: {routes: ["/v1/chat/completions"], tenants: ["*"], models: ["gpt-*"]}
mode: shadow
on_error: flag
on_timeout: allow
on_overload: block
unknown_fields: refuse
unscannable: flag
classifiers:
  pii: {languages: [en, zh], entities: [email, phone]}
  keywords:
rules:
  - id: block-threats
    message: {en: "No threats.", zh: "不得威胁。"}
    description: Threats.
    directions: [output]
    modalities: [text]
    roles: [user, tool]
    when: {category: toxicity.threat, at_least: 0.80, at_most: 0.95, count: 2}
    then: block
  - id: mask-contact-data
    when: {any: [{category: pii.email}, {all: [{category: pii.phone}, {not: {category: hate}}]}]}
    then: {redact: {style: mask, keep: 2, restore: true, marks: [a, b]}}
  - id: flag-unmarked
    modalities: [image]
    when: {missing: mark.aigc_label}
    then: flag
"""


def test_everything_a_policy_may_say_is_read() -> None:
    chat = policy(FULL)

    assert (chat.name, chat.description, chat.path) == ("chat", "Chat assistants.", "p.yaml")
    assert chat.match == Match(("/v1/chat/completions",), ("*",), ("gpt-*",))
    assert (chat.mode, chat.unknown_fields) == (Mode.SHADOW, UnknownFields.REFUSE)
    assert (chat.on_error, chat.on_overload, chat.unscannable) == (Flag(), Block(), Flag())
    assert chat.on_timeout.name == "allow"
    assert chat.classifiers == {"pii": {"languages": ["en", "zh"], "entities": ["email", "phone"]}, "keywords": {}}
    threats, contact, unmarked = chat.rules
    assert threats.when == CategoryIs("toxicity.threat", 0.8, 0.95, 2)
    assert threats.message == {"en": "No threats.", "zh": "不得威胁。"}
    assert threats.directions == {Direction.OUTPUT}
    assert threats.modalities == {Modality.TEXT}
    assert threats.roles == {"user", "tool"}
    assert threats.line == 14
    assert contact.when == AnyOf(
        (CategoryIs("pii.email"), AllOf((CategoryIs("pii.phone"), Not(CategoryIs("hate"))))),
    )
    assert contact.then == Redact("mask", keep=2, restore=True, marks=("a", "b"))
    assert unmarked.when == Missing("mark.aigc_label")


def test_what_is_left_out_is_the_safe_choice() -> None:
    plain = rules("when: {category: hate}, then: block")

    assert {plain.on_error, plain.on_timeout, plain.on_overload, plain.unscannable} == {Block()}
    assert (plain.mode, plain.unknown_fields, plain.match) == (Mode.ENFORCE, UnknownFields.SCAN, Match())
    (rule,) = plain.rules
    assert rule.directions == frozenset(Direction)
    assert rule.modalities == frozenset(Modality)
    assert rule.roles is None


HEAD = "policy: p\nrules:\n"
ONE = HEAD + "  - {id: r, when: {category: hate}, then: block}\n"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("rules: []\n", "1:1: the file has no `policy`; add `policy:`"),
        ("policy: p\n", "1:1: the file has no `rules`"),
        ("policy: p\nrules: []\n", "2:8: `rules` is empty"),
        ("policy: My Policy\nrules: []\n", "2:8: `rules` is empty"),
        (ONE.replace("policy: p", "policy: My Policy"), "1:9: `policy` should be lower-case words joined by hyphens"),
        (ONE.replace("policy: p", "polcy: p"), "1:1: the file has no key `polcy`; did you mean `policy`?"),
        (ONE.replace("id: r", "id: Block_Hate"), "3:10: `id` should be lower-case words joined by hyphens; write"),
        (ONE.replace("id: r", "id: on"), "3:10: `id` should be text, but YAML reads `on` as a boolean"),
        (ONE.replace("then", "thn"), "3:37: a rule has no key `thn`; did you mean `then`?"),
        (ONE.replace(", then: block", ""), "3:5: a rule has no `then`; add `then:`"),
        (ONE + "  - {id: r, when: {category: hate}, then: flag}\n", "4:10: rule `r` is already on line 3"),
        (ONE + "mode: shadw\n", "4:7: `mode` cannot be `shadw`; did you mean `shadow`?"),
        (ONE + "mode: off\n", "4:7: `mode` should be text, but YAML reads `off` as a boolean"),
        (ONE + "on_error: redact\n", "4:11: `on_error` cannot be `redact`; known: allow, block, flag"),
        (ONE + "match: {route: [a]}\n", "4:9: `match` has no key `route`; did you mean `routes`?"),
        (ONE + "match: {routes: '*'}\n", "4:17: `routes` is text; it should be a list"),
        (ONE + "match: {routes: []}\n", "4:17: `routes` is empty"),
        (ONE + "match: {models: ['gpt-[45]']}\n", "4:18: `gpt-[45]` is no pattern; only `*` stands for"),
        (ONE + "match: {models: [a, a]}\n", "4:21: `a` is listed twice"),
        (ONE + "classifiers: {pi: {}}\n", "4:15: no classifier is called `pi`; did you mean `pii`?"),
        (ONE + "classifiers: {pii: {langs: [en]}}\n", "4:21: classifier `pii` has no option `langs`; did you mean"),
        (
            ONE + "classifiers: {pii: {languages: en}}\n",
            "4:32: classifier `pii`: option `languages` is a str; it should",
        ),
        (ONE + "classifiers: {pii: {languages: [en, no]}}\n", "4:37: an item of `languages` should be text, but YAML"),
        (ONE + "classifiers: {pii: [en]}\n", "4:20: `pii` is a list; it should be a mapping"),
    ],
)
def test_what_is_wrong_with_a_policy_is_said_at_its_place(text: str, error: str) -> None:
    with pytest.raises(PolicyError) as raised:
        policy(text)

    assert str(raised.value).startswith(f"p.yaml:{error}")


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ("when: {category: toxicty}, then: block", "`toxicty` is no category; did you mean `toxicity`?"),
        ("when: {category: custom.}, then: block", "`custom.` is no category"),
        ("when: {category: violence}, then: block", "no classifier gives `violence`; known: "),
        (
            "when: {category: toxicity.severe}, then: block",
            "no classifier gives `toxicity.severe`; did you mean `toxicity",
        ),
        (
            "when: {category: self_harm}, then: block",
            "no classifier gives `self_harm`; name `mine` under `classifiers:`",
        ),
        ("when: {missing: marc}, then: block", "`marc` is no category; did you mean `mark`?"),
        ("when: {category: hate, at_least: 80}, then: block", "`at_least` is 80; it should be from 0 to 1"),
        (
            "when: {category: hate, at_most: 0.3}, then: block",
            "no score is at least 0.5 and at most 0.3; lower `at_least`",
        ),
        ("when: {category: hate, count: 0}, then: block", "`count` is 0; it should be 1 or more"),
        ("when: {category: hate, at_lest: 1}, then: block", "a condition on `category` has no key `at_lest`; did you"),
        ("when: {any: [], count: 2}, then: block", "a condition on `any` has no key `count`"),
        ("when: {any: []}, then: block", "`any` is empty"),
        (
            "when: {catgory: hate}, then: block",
            "a condition has one operator; this one has 0; did you mean `category`?",
        ),
        ("when: {}, then: block", "a condition has one operator; this one has 0; join several"),
        ("when: {category: hate, not: {category: hate}}, then: block", "a condition has one operator; this one has 2"),
        ("when: hate, then: block", "`when` is text; it should be a mapping"),
        ("when: {category: hate}, then: blok", "`then` cannot be `blok`; did you mean `block`?"),
        ("when: {category: hate}, then: {blok: {}}", "there is no action `blok`; did you mean `block`?"),
        ("when: {category: hate}, then: {block: }", "action `block` is given no options; write `then: block`"),
        (
            "when: {category: hate}, then: {block: {hard: true}}",
            "action `block` has no option `hard`; it takes no options",
        ),
        ("when: {category: hate}, then: {block: {}, flag: {}}", "a rule has one action; this one has 2"),
        (
            "when: {category: hate}, then: {redact: {stile: mask}}",
            "action `redact` has no option `stile`; did you mean",
        ),
        ("when: {category: hate}, then: {redact: {style: blur}}", "`style` cannot be `blur`; known: mask, pseudonym"),
        ("when: {category: hate}, then: {redact: {keep: two}}", "`keep` is text; it should be a whole number"),
        ("when: {category: hate}, then: {redact: {keep: -1}}", "action `redact`: keep is negative"),
        ("when: {category: hate}, then: {redact: {restore: yes}}", "`restore` is `yes`; write `true` or `false`"),
        ("when: {category: hate}, then: {redact: {marks: a}}", "`marks` is text; it should be a list"),
        ("when: {category: hate}, then: replace", "action `replace`: "),
        (
            "when: {category: hate}, then: block, message: no",
            "`message` should be a mapping of locales to texts; write",
        ),
        ("when: {category: hate}, then: block, message: {zh: 不}", "`message` has no `en`; add an English text"),
        (
            "when: {category: hate}, then: block, message: {en: no}",
            "`en` should be text, but YAML reads `no` as a boolean",
        ),
        ("when: {category: hate}, then: block, message: {en: a, no: b}", "a key of `message` should be text, but YAML"),
        (
            "when: {category: hate}, then: block, message: {en: a, english: b}",
            "`english` is no locale; write one such as",
        ),
        ("when: {category: hate}, then: block, message: {en: ''}", "`en` is empty"),
        ("when: {category: hate}, then: block, directions: [in]", "an item of `directions` cannot be `in`"),
        ("when: {category: hate}, then: block, modalities: [opaque]", "an item of `modalities` cannot be `opaque`"),
        ("when: {category: hate}, then: block, modalities: [text, text]", "`text` is listed twice"),
        (
            "when: {category: hate}, then: block, roles: [usr]",
            "an item of `roles` cannot be `usr`; did you mean `user`?",
        ),
    ],
)
def test_what_is_wrong_with_a_rule_is_said(rule: str, error: str) -> None:
    with pytest.raises(PolicyError) as raised:
        rules(rule)

    assert raised.value.line == 3
    assert str(raised.value).partition(": ")[2].startswith(error)


@pytest.mark.parametrize(
    ("then", "action"),
    [
        ("{replace: {text: gone}}", Replace("gone")),
        ("{replace: {text: {en: gone}, tone: firm, weight: 0.5}}", Replace({"en": "gone"}, Tone.FIRM, 0.5)),
        ("{replace: {text: gone, weight: null}}", Replace("gone")),
        ("{redact: {}}", Redact()),
    ],
)
def test_options_of_actions_become_their_fields(then: str, action: object) -> None:
    assert rules(f"when: {{category: hate}}, then: {then}").rules[0].then == action


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ("then: label", "this `label` can be carried out on output only; write `directions: [output]`"),
        ("directions: [output], then: {redact: {restore: true}}", "this `redact` can be carried out on input only"),
        (
            "then: {redact: {restore: true}}",
            "this `redact` can be carried out on input only; write `directions: [input]`",
        ),
        (
            "directions: [input], then: {redact: {restore: true, style: mask}}",
            "action `redact`: `restore: true` goes with `style: pseudonym`",
        ),
    ],
)
def test_an_action_is_asked_for_only_where_it_can_be_carried_out(rule: str, error: str) -> None:
    text = f"policy: p\nrules:\n  - {{id: r, when: {{category: hate}}, {rule}}}\n"

    with pytest.raises(PolicyError) as raised:
        parse_policy(text, actions=REAL_ACTIONS, catalog=CATALOG)

    assert str(raised.value).partition(": ")[2].startswith(error)


def test_a_rule_may_ask_for_values_to_come_back() -> None:
    text = (
        "policy: p\nrules:\n  - {id: r, directions: [input], when: {category: hate}, then: {redact: {restore: true}}}\n"
    )

    assert parse_policy(text, actions=REAL_ACTIONS, catalog=CATALOG).rules[0].then == RealRedact(restore=True)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="the file cannot be read: No such file"):
        load_policy(tmp_path / "gone.yaml", actions=ACTIONS, catalog=CATALOG)


def test_layout_and_comments_and_defaults_written_out_do_not_change_the_revision() -> None:
    short = policy(ONE)
    long = policy(
        "# a comment\npolicy: p\nmode: enforce\non_error: block\nrules:\n- id: r\n  when:\n    category: hate\n"
        "    at_least: 0.50\n  then: block\n"
    )

    assert short.revision == long.revision
    assert len(short.revision) == 16


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("at_least: 0.80", "at_least: 0.81"),
        ("keep: 2", "keep: 3"),
        ('zh: "不得威胁。"', 'zh: "禁止威胁。"'),
        ("mode: shadow", "mode: enforce"),
        ("on_error: flag", "on_error: allow"),
        ("[email, phone]", "[email, phone, iban]"),
        ("roles: [user, tool]", "roles: [user]"),
        ("missing: mark.aigc_label", "missing: mark.c2pa"),
        ("gpt-*", "gpt-5*"),
    ],
)
def test_whatever_a_policy_says_is_in_its_revision(old: str, new: str) -> None:
    assert old in FULL
    assert policy(FULL).revision != policy(FULL.replace(old, new)).revision


def test_the_revision_does_not_depend_on_where_a_rule_stands_in_the_file() -> None:
    assert policy(ONE).revision == policy(ONE.replace("rules:", "\n\nrules:")).revision
