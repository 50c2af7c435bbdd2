"""``guard policy tune``: thresholds for a rate of false positives, from a corpus with labels."""

from __future__ import annotations

import difflib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from guard import registry
from guard.actions import ACTIONS
from guard.cli.policy import one_policy
from guard.cli.policy_diff import corpus_of
from guard.config import POLICIES
from guard.corpus.cases import Audited, is_audit
from guard.corpus.source import CorpusError
from guard.corpus.summary import wilson
from guard.errors import GuardError, did_you_mean
from guard.policy.loader import load_policy, parse_policy
from guard.policy.tune import DECIMALS, Leaf, expected, is_bare, leaves, positive, reached, threshold, written

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from guard.corpus.cases import Case
    from guard.policy.model import Policy


def tune(options: argparse.Namespace) -> int:
    """Tune and write; 0 if every condition has its threshold, 1 if one could not be had."""
    if not 0.0 <= options.fpr < 1.0:
        raise GuardError("--fpr is a share of harmless records, from 0 to below 1")
    path = one_policy(options.policy)
    if path.is_relative_to(POLICIES) and not options.dry_run:
        msg = f"{path} comes with the program; copy it, and name your copy"
        raise GuardError(msg)
    policy = load_policy(path, actions=ACTIONS, catalog=registry)
    chosen = leaves(policy, options.category)
    if not chosen:
        known = {leaf.condition.category for leaf in leaves(policy)}
        wanted = ", ".join(options.category)
        msg = f"{path}: no rule has a condition on {wanted}; {did_you_mean(wanted, known)}"
        raise GuardError(msg)
    scores = _scores(options, policy, [leaf for leaf in chosen if not leaf.fixed])
    reports = [_tuned(leaf, scores.get(leaf), options.fpr) for leaf in chosen]
    changes = {
        leaf: one["threshold"]
        for leaf, one in zip(chosen, reports, strict=True)
        if one["threshold"] is not None and one["threshold"] != leaf.condition.at_least
    }
    change = _write(path, policy, changes, dry=options.dry_run)
    if options.json:
        report = {"policy": f"{policy.name}@{policy.revision}", "fpr": options.fpr, "conditions": reports}
        print(orjson.dumps({**report, "written": bool(changes) and not options.dry_run, "change": change}).decode())
    else:
        _show(reports, options.fpr)
        print(change if options.dry_run else f"{path}: {len(changes)} thresholds written")
    return int(any(one["threshold"] is None for one in reports))


def _scores(
    options: argparse.Namespace, policy: Policy, tuned: list[Leaf]
) -> dict[Leaf, tuple[list[float], list[float]]]:
    """The scores of records without and with what each leaf is on."""
    found: dict[Leaf, tuple[list[float], list[float]]] = {leaf: ([], []) for leaf in tuned}
    labels: dict[str, int] = {}
    unlabelled = 0
    for case in labelled(options, policy, options.labels):
        label = case.by[options.labels]
        if len(labels) < 100:
            labels[label] = labels.get(label, 0) + 1
        if not options.positive and not options.category and is_bare(label):
            msg = f"label `{label}` does not say of which category it is; name it with --category"
            raise GuardError(msg)
        for leaf in tuned:
            there = positive(label, leaf.condition.category, options.positive)
            if there is None and leaf is tuned[0]:
                unlabelled += 1
            score = leaf.score(case.detection) if there is not None else None
            if score is not None:
                found[leaf][bool(there)].append(score)
    shown = ", ".join(f"{name} ({count})" for name, count in list(labels.items())[:8])
    print(f"guard: labels: {shown}{', …' if len(labels) > 8 else ''}; without one: {unlabelled}", file=sys.stderr)
    return found


def labelled(options: argparse.Namespace, policy: Policy, column: str) -> Iterator[Case]:
    """Every record of the input or the audit of *policy* that *options* name, with its *column* noted."""
    if not any(map(is_audit, options.on)):
        corpus = corpus_of(options, (column,))
        for (case,) in corpus.cases([policy]):
            yield case
        if corpus.unfit:
            print(f"guard: not judged: {corpus.unfit} records", file=sys.stderr)
        return
    if len(options.on) > 1:
        raise CorpusError("an audit's folder is named alone")
    audited = Audited(Path(options.on[0]))
    if not audited.is_of(policy):
        msg = f"{audited.root}: it is an audit under {audited.manifest['policy']}, not {policy.name}@{policy.revision}"
        raise CorpusError(msg)
    for case in audited.cases():
        if column not in case.by:
            hint = f"audit with `--by {column}`; {did_you_mean(column, case.by)}"
            msg = f"{audited.root}: the audit did not note a column `{column}`; {hint}"
            raise CorpusError(msg)
        yield case


def _tuned(leaf: Leaf, scores: tuple[list[float], list[float]] | None, fpr: float) -> dict[str, Any]:
    report: dict[str, Any] = {
        "rule": leaf.rule.id,
        "category": leaf.condition.category,
        "before": leaf.condition.at_least,
        "threshold": None,
        "why": leaf.fixed,
    }
    if scores is None:
        return report
    negatives, positives = scores
    report |= {"negatives": len(negatives), "positives": len(positives)}
    if not negatives:
        return report | {"why": "no record in the rule's reach is labelled as harmless"}
    value = threshold(negatives, fpr)
    if value is None:
        return report | {"why": "too many harmless records score 1"}
    report["threshold"] = value
    for name, at_least in (("before", leaf.condition.at_least), ("after", value)):
        for kind, of in (("false_positives", negatives), ("found", positives)):
            count = reached(of, at_least)
            report[f"{kind}_{name}"] = {
                "records": count,
                "share": round(count / len(of), 6) if of else None,
                "interval": [round(bound, 6) for bound in wilson(count, len(of))] if of else None,
            }
    if fpr * len(negatives) < 1:
        report["why"] = f"{len(negatives)} harmless records are few for such a share: none of them may be caught"
    return report


def _write(path: Path, policy: Policy, changes: dict[Leaf, float], *, dry: bool) -> str:
    """Write the policy anew, unless *dry*; gives what changes, as a unified diff."""
    data = path.read_bytes()
    text = data.decode("utf-8-sig")
    new = written(text, policy, changes)
    loaded = parse_policy(new, path=path, actions=ACTIONS, catalog=registry)
    if loaded.rules != expected(policy, changes):
        msg = f"{path}: its thresholds are written in a way that cannot be edited here; nothing was changed"
        raise GuardError(msg)
    if changes and not dry:
        draft = path.with_name(path.name + ".tmp")
        draft.write_bytes((b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b"") + new.encode())
        draft.chmod(path.stat().st_mode)
        os.replace(draft, path.resolve())  # noqa: PTH105  a link stays one
    lines = difflib.unified_diff(text.splitlines(), new.splitlines(), str(path), str(path), lineterm="", n=1)
    return "\n".join(lines) or f"{path}: nothing changes"


def _show(reports: list[dict[str, Any]], fpr: float) -> None:
    for one in reports:
        print(f"{one['rule']}: {one['category']}", end="")
        if one["threshold"] is None:
            print(f" stays at {one['before']:g}: {one['why']}")
            continue
        print(f" {one['before']:g} → {one['threshold']:.{DECIMALS}g} (at most {fpr:.2%} of harmless records)")
        for name, at in (("before", one["before"]), ("after", one["threshold"])):
            print(
                f"  at {at:<7.{DECIMALS}g} false positives {_share(one, f'false_positives_{name}', 'negatives')}; ",
                end="",
            )
            print(f"found {_share(one, f'found_{name}', 'positives')}")
        if one["why"]:
            print(f"  {one['why']}")
    if any(one["threshold"] is not None for one in reports):
        print("Intervals are of 95 %, on the records that the thresholds were made of: check them on others.")


def _share(report: dict[str, Any], key: str, of: str) -> str:
    found = report[key]
    if found["share"] is None:
        return "of no record"
    low, high = found["interval"]
    return f"{found['records']:,} of {report[of]:,}, {found['share']:.2%} ({low:.2%} to {high:.2%})"
