"""Reads policy files.

text ─document→ Field ─**loader**→ Policy ─evaluate→ Decision

Loading is loud: whatever could make a rule not do what it says stops it, at ``path:line:col``, with what would be
right. The families a policy speaks of, actions and classifiers, are passed in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from guard import taxonomy
from guard.content import Direction, Modality
from guard.errors import RegistryError, did_you_mean
from guard.policy import document
from guard.policy.document import Field
from guard.policy.model import (
    ROLES,
    AllOf,
    AnyOf,
    CategoryIs,
    Condition,
    Inconclusive,
    Match,
    Missing,
    Mode,
    Not,
    Policy,
    Remember,
    Rule,
    Trailing,
    UnknownFields,
)
from guard.policy.options import build
from guard.policy.serving import Catalog, Offers, needs, option_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from guard.decision import Action

ON_FAILURE = ("block", "allow", "flag")
"""What a policy may ask for when something could not be judged; the first is the default."""
POLICY_KEYS = (
    "policy", "description", "match", "mode", "on_error", "on_timeout", "on_overload", "unknown_fields", "unscannable",
    "race_input", "release_below", "remember", "trailing", "classifiers", "rules",
)  # fmt: skip
RULE_KEYS = ("id", "message", "description", "directions", "modalities", "roles", "when", "then")
OPERATORS: Mapping[str, tuple[str, ...]] = {
    "category": ("at_least", "at_most", "count"), "missing": ("inconclusive",), "any": (), "all": (), "not": (),
}  # fmt: skip
"""The operators of conditions, each with what may stand beside it."""
_EDITS = frozenset({"redact", "replace", "label"})
READABLE = tuple(m.value for m in Modality if m is not Modality.OPAQUE)
KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")

Given = TypeVar("Given")


def load_policy(path: str | Path, *, actions: Mapping[str, type[Action]], catalog: Catalog) -> Policy:
    """The policy in the file *path*.

    Raises:
        PolicyError: the first thing that is wrong with it.
    """
    return _Loader(document.read_file(path), actions, catalog).policy()


def parse_policy(
    text: str, *, path: str | Path = "<policy>", actions: Mapping[str, type[Action]], catalog: Catalog
) -> Policy:
    """The policy that *text* is; *path* is named in errors.

    Raises:
        PolicyError: the first thing that is wrong with it.
    """
    return _Loader(document.read(text, path), actions, catalog).policy()


class _Loader:
    """One pass over one document. Remembers where each category is spoken of, to place errors about it."""

    def __init__(self, root: Field, actions: Mapping[str, type[Action]], catalog: Catalog) -> None:
        self._root = root
        self._actions = actions
        self._catalog = catalog
        self._categories: dict[str, Field] = {}

    def policy(self) -> Policy:
        top = self._root.members(POLICY_KEYS, required=("policy", "rules"))
        options, gives = self._classifiers(top.get("classifiers"))
        rules = self._rules(top["rules"])
        offers = Offers.gather(self._catalog, gives)
        for category, field in self._categories.items():
            if not offers.serving(category):
                option = option_for(category, self._catalog, options)
                field.fail(f"no classifier gives `{category}`", offers.why_not(category, option))
        return Policy(
            name=kebab(top["policy"]),
            description=optional(top.get("description"), Field.text, ""),
            match=optional(top.get("match"), match, Match()),
            mode=Mode(optional(top.get("mode"), lambda f: f.one_of(Mode), Mode.ENFORCE)),
            unknown_fields=UnknownFields(
                optional(top.get("unknown_fields"), lambda f: f.one_of(UnknownFields), UnknownFields.SCAN)
            ),
            on_error=self._on_failure(top.get("on_error")),
            on_timeout=self._on_failure(top.get("on_timeout")),
            on_overload=self._on_failure(top.get("on_overload")),
            unscannable=self._on_failure(top.get("unscannable")),
            race_input=_races(top.get("race_input"), rules),
            release_below=optional(top.get("release_below"), threshold, None),
            trailing=Trailing(optional(top.get("trailing"), lambda f: f.one_of(Trailing), Trailing.STRIP)),
            remember=Remember(optional(top.get("remember"), lambda f: f.one_of(Remember), Remember.TENANT)),
            classifiers=options,
            needs=needs(self._categories, options, offers),
            rules=rules,
            path=self._root.path,
        )

    def _on_failure(self, field: Field | None) -> Action:
        return self._actions[optional(field, lambda f: f.one_of(ON_FAILURE), ON_FAILURE[0])]()

    def _classifiers(self, field: Field | None) -> tuple[dict[str, Mapping[str, object]], dict[str, frozenset[str]]]:
        """The options of each classifier that is named, and the categories that it gives with them."""
        options: dict[str, Mapping[str, object]] = {}
        gives: dict[str, frozenset[str]] = {}
        for name, value in ({} if field is None else field.entries()).items():
            if name not in self._catalog.names():
                (value.key or value).fail(
                    f"no classifier is called `{name}`", did_you_mean(name, self._catalog.names())
                )
            given = {} if value.is_null else value.entries()
            options[name] = {key: option.plain() for key, option in given.items()}
            try:
                gives[name] = self._catalog.provides(name, options[name])
            except RegistryError as error:
                document.option_field(given, str(error), value.key or value).fail(str(error))
        return options, gives

    def _rules(self, field: Field) -> tuple[Rule, ...]:
        rules: dict[str, Rule] = {}
        for item in field.items():
            rule = self._rule(item)
            if rule.id in rules:
                first = rules[rule.id].line
                item.members(RULE_KEYS)["id"].fail(f"rule `{rule.id}` is already on line {first}", "give it another id")
            rules[rule.id] = rule
        return tuple(rules.values())

    def _rule(self, field: Field) -> Rule:
        field.name = "a rule"
        parts = field.members(RULE_KEYS, required=("id", "when", "then"))
        name = kebab(parts["id"])
        directions = optional(parts.get("directions"), lambda f: f.choices(Direction), tuple(Direction))
        modalities = optional(parts.get("modalities"), lambda f: f.choices(READABLE), tuple(Modality))
        roles = optional(parts.get("roles"), lambda f: f.choices(ROLES), None)
        then = self._action(parts["then"])
        if not then.directions.issuperset(map(Direction, directions)):
            only = ", ".join(sorted(then.directions))
            parts["then"].fail(f"this `{then.name}` can be carried out on {only} only", f"write `directions: [{only}]`")
        return Rule(
            id=name,
            message=optional(parts.get("message"), message, {}),
            description=optional(parts.get("description"), Field.text, ""),
            directions=frozenset(map(Direction, directions)),
            modalities=frozenset(map(Modality, modalities)),
            roles=None if roles is None else frozenset(roles),
            when=self._condition(parts["when"]),
            then=then,
            line=field.line,
        )

    def _condition(self, field: Field) -> Condition:
        parts = field.entries()
        operators = [name for name in parts if name in OPERATORS]
        if len(operators) != 1:
            wrong = next((name for name in parts if name not in OPERATORS), "")
            hint = did_you_mean(wrong, OPERATORS) if wrong and not operators else "join several by `any:` or `all:`"
            field.fail(f"a condition has one operator; this one has {len(operators)}", hint)
        operator = operators[0]
        field.name = f"a condition on `{operator}`"
        field.members((operator, *OPERATORS[operator]))
        if operator == "category":
            return self._category_is(parts)
        if operator == "missing":
            doubt = optional(parts.get("inconclusive"), lambda f: f.one_of(Inconclusive), Inconclusive.PRESENT)
            return Missing(self._category(parts["missing"]), Inconclusive(doubt))
        if operator == "not":
            return Not(self._condition(parts["not"]))
        inner = tuple(self._condition(item) for item in parts[operator].items())
        return AnyOf(inner) if operator == "any" else AllOf(inner)

    def _category_is(self, parts: Mapping[str, Field]) -> CategoryIs:
        category = self._category(parts["category"])
        at_least = optional(parts.get("at_least"), threshold, 0.5)
        at_most = optional(parts.get("at_most"), threshold, None)
        if at_most is not None and at_most < at_least:
            parts["at_most"].fail(
                f"no score is at least {at_least:g} and at most {at_most:g}",
                "lower `at_least` (it is 0.5 unless written) or raise `at_most`",
            )
        return CategoryIs(category, at_least, at_most, optional(parts.get("count"), lambda f: f.whole(1), 1))

    def _category(self, field: Field) -> str:
        category = known_category(field)
        self._categories.setdefault(category, field)
        return category

    def _action(self, field: Field) -> Action:
        """``then: block``, or ``then: {redact: {style: label}}``."""
        if not field.is_mapping:
            return build(self._actions[field.one_of(self._actions)], f"action `{field.text()}`", field, {})
        named = field.entries()
        if len(named) != 1:
            field.fail(f"a rule has one action; this one has {len(named)}", "write a rule for each")
        name, options = next(iter(named.items()))
        if name not in self._actions:
            (options.key or field).fail(f"there is no action `{name}`", did_you_mean(name, self._actions))
        if options.is_null:
            (options.key or field).fail(f"action `{name}` is given no options", f"write `then: {name}`")
        return build(self._actions[name], f"action `{name}`", options, options.entries())


def _races(field: Field | None, rules: Iterable[Rule]) -> bool:
    """Whether the generator is asked before the request is judged; no rule may change what it has been sent then."""
    if field is None or not field.boolean():
        return False
    for rule in rules:
        if Direction.INPUT in rule.directions and rule.then.name in _EDITS:
            field.fail(
                f"rule `{rule.id}` would change a request that the generator has already been sent",
                "leave `race_input` out, or give that rule `directions: [output]`",
            )
    return True


Default = TypeVar("Default")


def optional(field: Field | None, read: Callable[[Field], Given], default: Default) -> Given | Default:
    """What *read* makes of *field*, or *default* where the key was left out."""
    return default if field is None else read(field)


def kebab(field: Field) -> str:
    """An id such as ``block-severe-toxicity``."""
    value = field.text()
    if not KEBAB.fullmatch(value):
        near = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")
        field.fail(f"{field.name} should be lower-case words joined by hyphens", f"write `{near or 'an-id-like-this'}`")
    return value


def threshold(field: Field) -> float:
    """A score, from 0 to 1."""
    return field.number(0.0, 1.0)


def known_category(field: Field) -> str:
    """A category of the taxonomy, or below one of its open parents."""
    category = field.text()
    if not taxonomy.is_known(category) or not all(category.split(".")):
        field.fail(f"`{category}` is no category", taxonomy.suggest(category))
    return category


def message(field: Field) -> dict[str, str]:
    """Texts by locale, English among them."""
    if not field.is_mapping:
        field.fail("`message` should be a mapping of locales to texts", 'write {en: "…", zh: "…"}')
    found = field.entries()
    for locale, value in found.items():
        if not LOCALE.fullmatch(locale):
            (value.key or value).fail(f"`{locale}` is no locale", "write one such as `en`, `zh` or `zh-TW`")
    if "en" not in found:
        field.fail("`message` has no `en`", "add an English text: other languages fall back on it")
    return {locale: value.text() for locale, value in found.items()}


def match(field: Field) -> Match:
    """Which requests the policy is for."""
    parts = field.members(("routes", "tenants", "models"))
    return Match(**{key: _patterns(value) for key, value in parts.items()}, line=field.line)


def _patterns(field: Field) -> tuple[str, ...]:
    found: list[str] = []
    for item in field.items():
        pattern = item.text()
        if any(letter in pattern for letter in "?[]"):
            item.fail(f"`{pattern}` is no pattern", "only `*` stands for other characters")
        if pattern in found:
            item.fail(f"`{pattern}` is listed twice", "keep one")
        found.append(pattern)
    return tuple(found)
