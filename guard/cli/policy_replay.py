"""``guard policy replay``: what a policy would have decided on what an audit log has on record."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

from guard import registry
from guard.actions import ACTIONS
from guard.audit.record import summaries
from guard.cli.policy import one_policy
from guard.content import Direction
from guard.errors import GuardError
from guard.monitor.log import Log
from guard.policy.loader import load_policy
from guard.policy.replay import Replay, replay

if TYPE_CHECKING:
    import argparse

    from guard.audit.record import AuditRecord
    from guard.policy.model import Policy


def replay_log(options: argparse.Namespace) -> int:
    """Replay; 0 if all would have been decided the same, 1 if something would not, or may not."""
    policy = load_policy(one_policy(options.policy), actions=ACTIONS, catalog=registry)
    log = Log(options.log)
    found = _Found(policy, options.examples)
    for record in log.new():
        if options.under is None or record.policy == options.under:
            found.take(record)
    if not found.decisions and options.under is not None:
        msg = f"{options.log}: no decision in it is under a policy called `{options.under}`"
        raise GuardError(msg)
    report = found.report(log.unread)
    if options.json:
        print(orjson.dumps(report).decode())
    else:
        _show(report)
    return int(found.changed + found.open > 0)


class _Found:
    """Counts over the records of a log."""

    def __init__(self, policy: Policy, most: int) -> None:
        self._policy = policy
        self._most = most
        self._classifiers: set[str] = set()
        self._under: Counter[str] = Counter()
        self._actions: Counter[tuple[str, str]] = Counter()
        self._gained: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()
        self._doubts: Counter[tuple[str, str]] = Counter()
        self._examples: list[dict[str, Any]] = []
        self.decisions = self.changed = self.open = self.without = 0

    def take(self, record: AuditRecord) -> None:
        """Replay every decision of *record*, as far as there are any."""
        sides = ((Direction.INPUT, record.input), (Direction.OUTPUT, record.output))
        decided = [(direction, summary) for direction, side in sides for summary in summaries(side)]
        self.without += not decided
        for direction, summary in decided:
            try:
                said = replay(self._policy, summary, direction, record.id)
                before, rules = str(summary["action"]), tuple(summary["rules"])
            except (ValueError, KeyError, TypeError, AttributeError, IndexError):
                self.without += 1
                continue
            self.decisions += 1
            self._under[f"{record.policy}@{record.revision}"] += 1
            self._classifiers |= {one.classifier for one in said.decision.findings}
            self._doubts.update(said.doubtful)
            self.open += said.open
            self._compare(record, direction, "allow" if record.mode == "shadow" else before, rules, said)

    def _compare(
        self, record: AuditRecord, direction: Direction, before: str, rules: tuple[str, ...], said: Replay
    ) -> None:
        decision = said.decision
        after = decision.action if decision.enforced else "allow"
        if (before, set(rules)) == (after, set(decision.rules)):
            return
        self.changed += 1
        self._actions[before, after] += 1
        gained = [rule for rule in decision.rules if rule not in rules]
        lost = [rule for rule in rules if rule not in decision.rules]
        self._gained.update(gained)
        self._lost.update(lost)
        if len(self._examples) < self._most:
            self._examples.append(
                {
                    "id": record.id, "time": record.time, "direction": direction.value, "before": before,
                    "after": after, "gained": gained, "lost": lost, "open": said.open,
                }
            )  # fmt: skip

    def report(self, unread: int) -> dict[str, Any]:
        """All of it, as plain JSON."""
        rules = self._gained + self._lost
        return {
            "policy": f"{self._policy.name}@{self._policy.revision}",
            "under": dict(self._under.most_common(10)),
            "decisions": self.decisions,
            "changed": self.changed,
            "open": self.open,
            "actions": [{"before": a, "after": b, "decisions": n} for (a, b), n in sorted(self._actions.items())],
            "rules": [{"rule": r, "gained": self._gained[r], "lost": self._lost[r]} for r, _ in rules.most_common()],
            "doubts": [{"rule": rule, "why": why, "decisions": n} for (rule, why), n in self._doubts.most_common()],
            "without_decision": self.without,
            "unread": unread,
            "classifiers_without_findings": sorted(set(self._policy.needs) - self._classifiers),
            "examples": self._examples,
        }


def _show(report: dict[str, Any]) -> None:
    print(
        f"{report['policy']}: {report['changed']:,} of {report['decisions']:,} decisions would have been others, ",
        end="",
    )
    print(f"{report['open']:,} cannot be told")
    for name, count in report["under"].items():
        print(f"  recorded under {name}: {count:,}")
    for one in report["actions"]:
        print(f"  {one['before']} → {one['after']:<12} {one['decisions']:>9,}")
    for one in report["rules"]:
        print(f"  rule {one['rule']:<40} +{one['gained']:,} −{one['lost']:,}")
    for one in report["examples"]:
        rules = " ".join([*(f"+{rule}" for rule in one["gained"]), *(f"−{rule}" for rule in one["lost"])])
        doubt = " (in doubt)" if one["open"] else ""
        print(f"  {one['time']} {one['id']} {one['direction']}: {one['before']} → {one['after']} {rules}{doubt}")
    for one in report["doubts"]:
        print(f"  in doubt: {one['rule']}, {one['decisions']:,} decisions: {one['why']}")
    if report["classifiers_without_findings"]:
        names = ", ".join(report["classifiers_without_findings"])
        print(f"  no finding on record of: {names}; whether they were asked, records do not say")
    if report["without_decision"] or report["unread"]:
        print(f"  without a decision: {report['without_decision']:,} records; no records: {report['unread']:,} lines")
