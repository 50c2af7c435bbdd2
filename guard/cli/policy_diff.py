"""``guard policy diff``: which records of a corpus another policy would decide otherwise."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from guard import registry
from guard.actions import ACTIONS
from guard.cli.policy import one_policy
from guard.content import Direction
from guard.corpus.cases import Audited, Case, Corpus, is_audit, sees_alike
from guard.corpus.columns import Named
from guard.corpus.examples import excerpts
from guard.corpus.source import CorpusError
from guard.policy.diff import Change, Tally, compare, differing, unseen
from guard.policy.evaluate import decide
from guard.policy.loader import load_policy

if TYPE_CHECKING:
    import argparse

    from guard.corpus.examples import Excerpt
    from guard.policy.model import Policy


def diff(options: argparse.Namespace) -> int:
    """Compare; 0 if nothing changes, 1 if something does."""
    old, new = (load_policy(one_policy(name), actions=ACTIONS, catalog=registry) for name in (options.old, options.new))
    tally: Tally[Case] = Tally(most=options.examples)
    said = _compare(options, old, new, tally)
    if not tally.records:  # nothing compared is not nothing changed
        msg = f"{', '.join(options.on)}: no record of it could be compared ({said['not_judged']} not judged)"
        raise CorpusError(msg)
    shown = _excerpts(options, tally) if options.show_examples else {}
    report = _report(old, new, tally, said, shown)
    if options.json:
        print(orjson.dumps(report).decode())
    else:
        _show(report)
    return int(tally.changed > 0)


def _compare(options: argparse.Namespace, old: Policy, new: Policy, tally: Tally[Case]) -> dict[str, Any]:
    """Count every record into *tally*; gives where the findings came from and what was not compared."""
    audited = _audited(options.on)
    if audited is None:
        corpus = corpus_of(options)
        differences = sees_alike(old, new, Direction(options.direction))
        return _run(corpus, old, new, tally, differences) | {"findings": "judged now"}
    if not audited.is_of(old, new):
        msg = (
            f"{audited.root}: it is an audit under {audited.manifest['policy']}, which is neither "
            f"{old.name}@{old.revision} nor {new.name}@{new.revision}; compare on its input instead"
        )
        raise CorpusError(msg)
    differences = sees_alike(old, new, Direction(audited.direction))
    if differences:
        print(f"guard: classifiers run again, for what they see differs: {'; '.join(differences)}", file=sys.stderr)
        said = _run(audited.corpus(), old, new, tally, differences)
        return said | {"findings": "judged now", "why": list(differences)}
    cut = 0
    for case in audited.cases():
        cut += case.left_out > 0
        tally.take(case, compare(old, new, case.detection, str(case.row)))
    return {"findings": "stored by the audit", "not_judged": audited.quarantined, "findings_cut": cut}


def _run(corpus: Corpus, old: Policy, new: Policy, tally: Tally[Case], differences: tuple[str, ...]) -> dict[str, Any]:
    for case, *more in corpus.cases([old, new] if differences else [old], _heard):
        name = str(case.row)
        seen = more[0].detection if more else case.detection
        tally.take(case, differing(decide(old, case.detection, name), decide(new, seen, name)))
    _heard(None)
    return {"not_judged": corpus.unfit, "findings_cut": 0}


def _heard(count: int | None) -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K" if count is None else f"\r{count:,} records", end="", file=sys.stderr, flush=True)


def _audited(on: list[str]) -> Audited | None:
    if any(map(is_audit, on)):
        if len(on) > 1:
            raise CorpusError("an audit's folder is named alone")
        return Audited(Path(on[0]))
    return None


def corpus_of(options: argparse.Namespace, by: tuple[str, ...] = ()) -> Corpus:
    """The input that the options of the command line name, with the columns *by* noted."""
    if options.sample is not None and options.sample < 1:
        raise CorpusError("a sample is of 1 record and more")
    named = Named(
        tuple(options.text_column),
        tuple(options.image_column),
        tuple(options.messages_column),
        options.id_column,
        None,
        by,
    )
    corpus = Corpus.of(options.on, named, options.direction, options.sample)
    judged = {column: None for columns in corpus.columns.values() for column in columns.judged}
    if judged:
        print(f"guard: judged: {', '.join(judged)}", file=sys.stderr)
    return corpus


def _excerpts(options: argparse.Namespace, tally: Tally[Case]) -> dict[int, list[Excerpt]]:
    audited = _audited(options.on)
    corpus = corpus_of(options) if audited is None else audited.corpus()
    worst = {
        rule: [{"row": case.row, "findings": _findings(change, rule)} for case, change in found]
        for rule, found in tally.examples.items()
    }
    return excerpts(worst, corpus.sources, corpus.columns, corpus.direction, corpus.most_bytes)


def _findings(change: Change, rule: str) -> list[dict[str, Any]]:
    """What *rule* fired on, the strongest first."""
    effects = [one for side in (change.after, change.before) for one in side.effects if one.rule == rule or not rule]
    found = dict.fromkeys(finding for effect in effects for finding in effect.findings)
    return [
        {
            "category": finding.category,
            "score": round(finding.score, 4),
            "part": finding.part,
            "start": finding.span[0] if finding.span else None,
            "end": finding.span[1] if finding.span else None,
        }
        for finding in sorted(found, key=lambda one: -one.score)[:3]
    ]


def _report(
    old: Policy, new: Policy, tally: Tally[Case], said: dict[str, Any], shown: dict[int, list[Excerpt]]
) -> dict[str, Any]:
    strength = {name: action.strength for name, action in ACTIONS.items()}
    stricter = sum(n for (a, b), n in tally.actions.items() if strength[b] > strength[a])
    weaker = sum(n for (a, b), n in tally.actions.items() if strength[b] < strength[a])
    examples = []
    for rule, found in tally.examples.items():
        for case, change in found:
            before, after = change.actions
            one: dict[str, Any] = {
                "rule": rule, "id": case.id, "place": case.place, "row": case.row, "before": before, "after": after,
                "findings": _findings(change, rule),
            }  # fmt: skip
            if case.row in shown:
                one["excerpts"] = ["".join((a, "[", b, "]", c)) for a, b, c in shown[case.row]]
            examples.append(one)
    return {
        "old": f"{old.name}@{old.revision}",
        "new": f"{new.name}@{new.revision}",
        **said,
        "records": tally.records,
        "changed": tally.changed,
        "stricter": stricter,
        "weaker": weaker,
        "actions": [{"before": a, "after": b, "records": n} for (a, b), n in sorted(tally.actions.items())],
        "rules": [{"rule": r, "gained": g, "lost": n, "otherwise": o} for r, g, n, o in tally.rules],
        "without_rule": tally.without_rule,
        "not_compared": list(unseen(old, new)),
        "examples": examples,
    }


def _show(report: dict[str, Any]) -> None:
    print(f"{report['old']} → {report['new']}: {report['changed']:,} of {report['records']:,} records change", end="")
    print(f" ({report['stricter']:,} stricter, {report['weaker']:,} weaker); findings {report['findings']}")
    for one in report["actions"]:
        print(f"  {one['before']} → {one['after']:<12} {one['records']:>9,}")
    for one in report["rules"]:
        print(f"  rule {one['rule']:<40} +{one['gained']:,} −{one['lost']:,} otherwise {one['otherwise']:,}")
    if report["without_rule"]:
        print(f"  without a rule: {report['without_rule']:,} (failures, unreadable parts)")
    for one in report["examples"]:
        seen = ", ".join(f"{f['category']} {f['score']:g} {f['part']} {_span(f)}".rstrip() for f in one["findings"])
        print(f"  {one['rule'] or '-'}: {one['id']} ({one['place']}) {one['before']} → {one['after']}: {seen or '-'}")
        for text in one.get("excerpts", ()):
            print(f"      {text!r}")
    if report["not_judged"]:
        print(f"  not judged, so not compared: {report['not_judged']:,} records")
    if report["findings_cut"]:
        print(f"  {report['findings_cut']:,} records have more findings than were stored: theirs may differ")
    if report["not_compared"]:
        print(f"  also different, and not seen on records: {', '.join(report['not_compared'])}")


def _span(finding: dict[str, Any]) -> str:
    return "" if finding["start"] is None else f"{finding['start']}–{finding['end']}"
