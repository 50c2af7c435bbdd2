"""Says in plain language, English or Chinese, what a policy does and why a decision came out as it did. Pure."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from guard.content import Modality
from guard.decision import Action, Cause, Decision
from guard.policy.evaluate import MARK_SEEN
from guard.policy.model import (
    AllOf,
    AnyOf,
    CategoryIs,
    Condition,
    Inconclusive,
    Missing,
    Mode,
    Not,
    Policy,
    Rule,
    UnknownFields,
    localized,
)
from guard.taxonomy import CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_EN: Mapping[str, str] = {
    "title": "Policy `{name}` (revision {revision}).",
    "for": "It is for routes {routes}, tenants {tenants}, models {models}.",
    "enforce": "Its decisions are enforced.",
    "shadow": "It is in shadow mode: decisions are recorded, and nothing is changed.",
    "scan": "Text in fields that no protocol names is judged like any other.",
    "refuse": "A request with a field that no protocol names is refused.",
    "needs": "Classifiers that run for it: {names}.",
    "failures": (
        "When a classifier fails: {on_error}. When it takes too long: {on_timeout}. Under overload: {on_overload}. "
        "When content cannot be read: {unscannable}."
    ),
    "strongest": "Every rule is looked at; the strongest action wins.",
    "rule": "{number}. `{id}`: {where}, when {when}: {then}.",
    "message": "   People are told: “{message}”",
    "any_direction": "in inputs and outputs", "input": "in inputs", "output": "in outputs",
    "of_modalities": "{where} ({modalities})", "of_roles": "{where} of role {roles}",
    "text": "text", "image": "pictures", "audio": "sound", "video": "film", "opaque": "unreadable parts",
    "category": "{category} scores {low} or more",
    "band": "{category} scores from {low} to {high}",
    "count": "{base}, in {count} places or more",
    "missing": "no {category} scores {low} or more",
    "missing_or_in_doubt": "no {category} scores {low} or more, or that cannot be made out",
    "not": "it is not so that {inner}",
    "any": ", or ", "all": ", and ", "and": ", ", "inner": "({inner})", "category_name": "“{label}” (`{name}`)",
    "with": "{action} ({options})",
    "allow": "let it pass", "flag": "let it pass and flag it", "label": "label it", "redact": "mask what was found",
    "replace": "replace it", "review": "hold it for review", "block": "block it",
    "decision": "Decision {id}: {action}, by policy `{policy}` (revision {revision}), on the {direction}.",
    "direction_input": "input", "direction_output": "output",
    "none": "Nothing was found that a rule asks about.",
    "by_rules": "The rules below decided it.",
    "by_unscannable": "There was content that no classifier could read, and the policy's `unscannable` decided it.",
    "by_error": "A classifier failed, and the policy's `on_error` decided it.",
    "by_timeout": "A classifier took too long, and the policy's `on_timeout` decided it.",
    "by_overload": "There was no capacity, and the policy's `on_overload` decided it.",
    "effect": "- Rule `{rule}` asked to {action}{findings}.",
    "effect_on": ", on {findings}", "finding": "{category} {score}{where}", "finding_in": " in {part}",
    "failure": "- Classifier `{classifier}` gave no answer ({kind}).",
    "unread": "- {pointer} could not be read: {reason}.",
    "not_enforced": "The policy is in shadow mode: nothing was changed.",
}  # fmt: skip

_ZH: Mapping[str, str] = {
    "title": "策略 `{name}`（修订 {revision}）。",
    "for": "适用于路由 {routes}，租户 {tenants}，模型 {models}。",
    "enforce": "决定会被执行。",
    "shadow": "处于影子模式：只记录决定，不作任何改动。",
    "scan": "协议未定义的字段中的文本与其他文本一样接受检查。",
    "refuse": "含有协议未定义字段的请求会被拒绝。",
    "needs": "为其运行的分类器：{names}。",
    "failures": "分类器出错时：{on_error}；超时时：{on_timeout}；过载时：{on_overload}；无法读取时：{unscannable}。",
    "strongest": "所有规则都会被检查；最强的动作生效。",
    "rule": "{number}. `{id}`：{where}，若{when}，则{then}。",
    "message": "   向用户说明：“{message}”",
    "any_direction": "在输入和输出中", "input": "在输入中", "output": "在输出中",
    "of_modalities": "{where}（{modalities}）", "of_roles": "{where}，角色为 {roles}",
    "text": "文本", "image": "图像", "audio": "音频", "video": "视频", "opaque": "无法读取的部分",
    "category": "{category}的分数不低于 {low}",
    "band": "{category}的分数在 {low} 到 {high} 之间",
    "count": "{base}，且不少于 {count} 处",
    "missing": "没有分数不低于 {low} 的{category}",
    "missing_or_in_doubt": "没有分数不低于 {low} 的{category}，或无法判定",
    "not": "并非{inner}",
    "any": "，或", "all": "，且", "and": "、", "inner": "（{inner}）", "category_name": "“{label}”（`{name}`）",
    "with": "{action}（{options}）",
    "allow": "放行", "flag": "放行并标记", "label": "添加标识", "redact": "遮盖所发现的内容",
    "replace": "替换内容", "review": "交由人工审核", "block": "拦截",
    "decision": "决定 {id}：{action}；策略 `{policy}`（修订 {revision}），对象为{direction}。",
    "direction_input": "输入", "direction_output": "输出",
    "none": "没有发现任何规则所针对的内容。",
    "by_rules": "由下列规则决定。",
    "by_unscannable": "有内容无法被任何分类器读取，由策略的 `unscannable` 决定。",
    "by_error": "有分类器出错，由策略的 `on_error` 决定。",
    "by_timeout": "有分类器超时，由策略的 `on_timeout` 决定。",
    "by_overload": "处理能力不足，由策略的 `on_overload` 决定。",
    "effect": "- 规则 `{rule}` 要求{action}{findings}。",
    "effect_on": "，依据：{findings}", "finding": "{category} {score}{where}", "finding_in": " 位于 {part}",
    "failure": "- 分类器 `{classifier}` 没有给出结论（{kind}）。",
    "unread": "- {pointer} 无法读取：{reason}。",
    "not_enforced": "策略处于影子模式：未作任何改动。",
}  # fmt: skip


def explain(policy: Policy, locale: str = "en") -> str:
    """What *policy* does, rule by rule, in the language of *locale* (Chinese, else English)."""
    words = _words(locale)
    lines = [words["title"].format(name=policy.name, revision=policy.revision)]
    if policy.description:
        lines.append(policy.description)
    where = {key: _names(getattr(policy.match, key), words) for key in ("routes", "tenants", "models")}
    lines += [
        words["for"].format(**where),
        words["enforce" if policy.mode is Mode.ENFORCE else "shadow"],
        words["scan" if policy.unknown_fields is UnknownFields.SCAN else "refuse"],
        words["needs"].format(names=_names(policy.needs, words)),
        words["failures"].format(
            on_error=_action(policy.on_error, words),
            on_timeout=_action(policy.on_timeout, words),
            on_overload=_action(policy.on_overload, words),
            unscannable=_action(policy.unscannable, words),
        ),
        words["strongest"],
        "",
    ]
    for number, rule in enumerate(policy.rules, 1):
        lines += _rule(number, rule, words, locale)
    return "\n".join(lines) + "\n"


def explain_decision(decision: Decision, locale: str = "en") -> str:
    """Why *decision* came out as it did, in the language of *locale*. Holds no content."""
    words = _words(locale)
    lines = [
        words["decision"].format(
            id=decision.id,
            action=words.get(decision.action, decision.action),
            policy=decision.policy,
            revision=decision.revision,
            direction=words[f"direction_{decision.direction}"],
        ),
        words["none" if decision.cause is Cause.NONE else f"by_{decision.cause}"],
    ]
    for effect in decision.effects:
        seen = [
            words["finding"].format(
                category=_category(f.category, words),
                score=f"{f.score:.2f}",
                where=words["finding_in"].format(part=f.part) if f.part else "",
            )
            for f in effect.findings
        ]
        findings = words["effect_on"].format(findings=words["and"].join(seen)) if seen else ""
        lines.append(words["effect"].format(rule=effect.rule, action=_action(effect.action, words), findings=findings))
    lines += [words["failure"].format(classifier=f.classifier, kind=f.kind) for f in decision.failures]
    lines += [words["unread"].format(pointer=p or "/", reason=reason) for p, reason in decision.coverage.unscannable]
    if not decision.enforced:
        lines.append(words["not_enforced"])
    return "\n".join(lines) + "\n"


def _words(locale: str) -> Mapping[str, str]:
    return _ZH if locale.split("-", maxsplit=1)[0] == "zh" else _EN


def _rule(number: int, rule: Rule, words: Mapping[str, str], locale: str) -> list[str]:
    line = words["rule"].format(
        number=number,
        id=rule.id,
        where=_where(rule, words),
        when=_condition(rule.when, words),
        then=_action(rule.then, words),
    )
    said = localized(rule.message, locale)
    return [line, words["message"].format(message=said)] if said else [line]


def _where(rule: Rule, words: Mapping[str, str]) -> str:
    only = next(iter(rule.directions)) if len(rule.directions) == 1 else None
    where = words[only.value] if only else words["any_direction"]
    if rule.modalities != frozenset(Modality):
        modalities = words["and"].join(words[m.value] for m in Modality if m in rule.modalities)
        where = words["of_modalities"].format(where=where, modalities=modalities)
    if rule.roles is not None:
        where = words["of_roles"].format(where=where, roles=_names(sorted(rule.roles), words))
    return where


def _condition(condition: Condition, words: Mapping[str, str]) -> str:
    if isinstance(condition, CategoryIs):
        return _category_is(condition, words)
    if isinstance(condition, Missing):
        name = "missing" if condition.inconclusive is Inconclusive.PRESENT else "missing_or_in_doubt"
        return words[name].format(category=_category(condition.mark, words), low=MARK_SEEN)
    if isinstance(condition, Not):
        return words["not"].format(inner=_inner(condition.condition, words))
    joint = words["any" if isinstance(condition, AnyOf) else "all"]
    return joint.join(_inner(one, words) for one in condition.conditions)


def _inner(condition: Condition, words: Mapping[str, str]) -> str:
    """A condition inside another, in brackets where it would read ambiguously without."""
    said = _condition(condition, words)
    joined = isinstance(condition, AnyOf | AllOf) and len(condition.conditions) > 1
    return words["inner"].format(inner=said) if joined else said


def _category_is(condition: CategoryIs, words: Mapping[str, str]) -> str:
    said = words["category" if condition.at_most is None else "band"].format(
        category=_category(condition.category, words),
        low=f"{condition.at_least:g}",
        high="" if condition.at_most is None else f"{condition.at_most:g}",
    )
    return said if condition.count == 1 else words["count"].format(base=said, count=condition.count)


def _category(name: str, words: Mapping[str, str]) -> str:
    row = CATEGORIES.get(name)
    if row is None:
        return f"`{name}`"
    label = row.zh if words is _ZH else row.en
    return words["category_name"].format(label=label, name=name)


def _action(action: Action, words: Mapping[str, str]) -> str:
    said = words.get(action.name, f"`{action.name}`")
    options: Any = action
    fields = dataclasses.fields(options) if dataclasses.is_dataclass(options) else ()
    given = [(f.name, value) for f in fields if (value := getattr(action, f.name)) != f.default]
    set_apart = [f"{name}: {' + '.join(value) if isinstance(value, tuple) else value}" for name, value in given]
    return words["with"].format(action=said, options=words["and"].join(set_apart)) if set_apart else said


def _names(names: Iterable[str], words: Mapping[str, str]) -> str:
    return words["and"].join(f"`{name}`" for name in names)
