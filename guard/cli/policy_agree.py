"""``guard policy agree``: how far a policy agrees with another system, from that system's verdicts."""

from __future__ import annotations

from collections import Counter, defaultdict
from statistics import median
from typing import TYPE_CHECKING, Any

import orjson

from guard import registry
from guard.actions import ACTIONS
from guard.cli.policy import one_policy
from guard.cli.policy_tune import labelled
from guard.corpus.source import CorpusError
from guard.corpus.summary import wilson
from guard.errors import GuardError, did_you_mean
from guard.policy.agreement import Agreement, nearest, noticing, verdict
from guard.policy.evaluate import decide
from guard.policy.loader import load_policy
from guard.policy.tune import leaves
from guard.taxonomy import covers

if TYPE_CHECKING:
    import argparse

    from guard.corpus.cases import Case
    from guard.policy.model import Policy

_MOST_VALUES = 200
_SHOWN = 20
_NO_RULE = "(no rule: failures, unreadable parts)"
_NOTHING = "(nothing was seen)"


def agree(options: argparse.Namespace) -> int:
    """Compare; 0 if they agree on every record, 1 if they do not."""
    if options.action not in ACTIONS:
        msg = f"--action: there is no action `{options.action}`; {did_you_mean(options.action, ACTIONS)}"
        raise GuardError(msg)
    policy = load_policy(one_policy(options.policy), actions=ACTIONS, catalog=registry)
    found = _Found(policy, options)
    for case in labelled(options, policy, options.verdicts):
        found.take(case)
    if not found.agreement.records:  # no record is no agreement
        msg = f"{', '.join(options.on)}: no record of it has a verdict in `{options.verdicts}` ({found.silent} without)"
        raise CorpusError(msg)
    if options.positive and not found.agreement.both + found.agreement.theirs_alone:
        msg = f"no verdict is {' or '.join(options.positive)}; there are: {', '.join(found.verdicts)}"
        raise GuardError(msg)
    report = found.report()
    if options.json:
        print(orjson.dumps(report).decode())
    else:
        _show(report)
    return int(found.agreement.agreed < found.agreement.records)


class _Found:
    """Counts over all records."""

    def __init__(self, policy: Policy, options: argparse.Namespace) -> None:
        self._policy = policy
        self._options = options
        self._least = ACTIONS[options.action].strength
        strong = [leaf for leaf in leaves(policy) if leaf.rule.then.strength >= self._least]
        self._leaves = [leaf for leaf in strong if _is_on(leaf.condition.category, options.category)]
        if options.category and not self._leaves:
            known = {leaf.condition.category for leaf in strong}
            wanted = ", ".join(options.category)
            msg = (
                f"{policy.path}: no rule that asks for {options.action} or more has a condition on {wanted}; "
                f"{did_you_mean(wanted, known)}"
            )
            raise GuardError(msg)
        self.verdicts: defaultdict[str, Agreement] = defaultdict(Agreement)
        self._ours: Counter[str] = Counter()
        self._theirs: defaultdict[str, list[float]] = defaultdict(list)
        self._examples: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        self.agreement = Agreement()
        self.silent = 0

    def take(self, case: Case) -> None:
        """Decide a record and lay it beside the verdict on it."""
        options = self._options
        said = case.by[options.verdicts]
        theirs = verdict(said, options.category, options.positive, options.verdict_at_least)
        if theirs is None:
            self.silent += 1
            return
        decision = decide(self._policy, case.detection, str(case.row))
        rules = noticing(decision, self._least, options.category)
        if not rules and not options.category and ACTIONS[decision.action].strength >= self._least:
            rules = (_NO_RULE,)
        ours = bool(rules)
        self.agreement.take(ours=ours, theirs=theirs)
        if options.verdict_at_least is None:
            known = said in self.verdicts or len(self.verdicts) < _MOST_VALUES
            self.verdicts[said if known else "…"].take(ours=ours, theirs=theirs)
        if ours and not theirs:
            self._ours.update(rules)
            for rule in rules:
                self._note("ours alone", rule, case)
        if theirs and not ours:
            closest = nearest(case.detection, self._leaves)
            name = f"{closest[0].rule.id}: {closest[0].condition.category}" if closest else _NOTHING
            self._theirs[name].append(closest[1] if closest else 0.0)
            self._note("theirs alone", name, case)

    def _note(self, side: str, name: str, case: Case) -> None:
        examples = self._examples[side, name]
        if len(examples) < self._options.examples:
            examples.append({"id": case.id, "place": case.place, "row": case.row})

    def report(self) -> dict[str, Any]:
        """All of it, as plain JSON."""
        found = self.agreement
        theirs, ours = found.both + found.theirs_alone, found.both + found.ours_alone
        thresholds = {f"{one.rule.id}: {one.condition.category}": one.condition.at_least for one in self._leaves}
        return {
            "policy": f"{self._policy.name}@{self._policy.revision}",
            "verdicts": self._options.verdicts,
            "categories": self._options.category,
            "action": self._options.action,
            "records": found.records,
            "without_verdict": self.silent,
            "both": found.both,
            "ours_alone": found.ours_alone,
            "theirs_alone": found.theirs_alone,
            "neither": found.neither,
            "agreed": _share(found.agreed, found.records),
            "kappa": None if found.kappa is None else round(found.kappa, 4),
            "kappa_interval": [round(bound, 4) for bound in found.kappa_interval or ()] or None,
            "of_theirs": _share(found.both, theirs),
            "of_ours": _share(found.both, ours),
            "by_verdict": [
                {"verdict": said, "records": one.records, "ours": one.both + one.ours_alone}
                for said, one in sorted(self.verdicts.items(), key=lambda one: (-one[1].records, one[0]))
            ],
            "ours_alone_by_rule": [
                {"rule": rule, "records": count, "examples": self._examples["ours alone", rule]}
                for rule, count in self._ours.most_common()
            ],
            "theirs_alone_nearest": [
                {
                    "condition": name, "at_least": thresholds.get(name), "records": len(scores),
                    "median": round(median(scores), 4), "examples": self._examples["theirs alone", name],
                }
                for name, scores in sorted(self._theirs.items(), key=lambda one: -len(one[1]))
            ],
        }  # fmt: skip


def _is_on(category: str, wanted: list[str]) -> bool:
    """Whether a condition on *category* may fire on one of those *wanted*: one of them, below or above."""
    return not wanted or any(covers(one, category) or covers(category, one) for one in wanted)


def _share(count: int, of: int) -> dict[str, Any] | None:
    if not of:
        return None
    return {
        "records": count,
        "share": round(count / of, 6),
        "interval": [round(bound, 6) for bound in wilson(count, of)],
    }


def _show(report: dict[str, Any]) -> None:
    what = ", ".join(report["categories"]) or "anything"
    print(f"{report['policy']}, {report['action']} or stronger on {what}, beside `{report['verdicts']}`")
    print(f"  the same on {_percent(report['agreed'])} of {report['records']:,} records; kappa ", end="")
    if report["kappa"] is None:
        print("does not exist where one always says the same")
    else:
        print("{:.3f} ({:.3f} to {:.3f})".format(report["kappa"], *report["kappa_interval"]))
    print(
        f"  both notice {report['both']:,}, only we {report['ours_alone']:,}, only they {report['theirs_alone']:,}, "
        f"neither {report['neither']:,}"
    )
    for side, of in (("of what they notice, we notice", "of_theirs"), ("of what we notice, they notice", "of_ours")):
        if report[of] is not None:
            print(f"  {side} {_percent(report[of])}")
    for one in report["by_verdict"][:_SHOWN]:
        print(f"  verdict {one['verdict']:<32} {one['records']:>9,} records, we notice {one['ours']:,}")
    for one in report["ours_alone_by_rule"]:
        print(f"  only we: rule {one['rule']:<40} {one['records']:>9,}{_places(one)}")
    for one in report["theirs_alone_nearest"]:
        print(f"  only they: {one['condition']:<43} {one['records']:>9,}", end="")
        print("" if one["at_least"] is None else f", scores {one['median']:g} of {one['at_least']:g}", end="")
        print(_places(one))
    print(f"  without a verdict: {report['without_verdict']:,}. Intervals are of 95 %.")


def _percent(found: dict[str, Any]) -> str:
    low, high = found["interval"]
    return f"{found['share']:.2%} ({low:.2%} to {high:.2%})"


def _places(one: dict[str, Any]) -> str:
    return "".join(f"\n    {example['place']} {example['id']}" for example in one["examples"])
