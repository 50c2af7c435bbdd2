"""``guard audit``: a whole corpus under one policy: results, what could not be judged, and a report."""

from __future__ import annotations

import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from guard.config import policy_path
from guard.corpus.afar import Share
from guard.corpus.audit import Plan, audit as run
from guard.corpus.columns import Named
from guard.errors import GuardError

if TYPE_CHECKING:
    import argparse
    from types import FrameType

INTERRUPTED = 130


def audit(options: argparse.Namespace) -> int:
    """Judge, summarise, report; the exit code is the worst of all records'. Quarantined ones count as refused."""
    plan = _plan(options)
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        summary = run(plan, lambda line: print(f"guard: {line}", file=sys.stderr))
    except KeyboardInterrupt:
        print(f"guard: stopped; what was judged is kept. Go on with: guard {_again()}", file=sys.stderr)
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)
    if options.json:
        print(orjson.dumps(summary).decode())
    else:
        _show(summary, plan.out, report=plan.report)
    released = summary["released"]
    if summary["quarantined"] or "refused" in released:
        return 2
    return int("changed" in released)


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def _again() -> str:
    given = sys.argv[1:]
    return shlex.join(given if "--resume" in given else [*given, "--resume"])


def _plan(options: argparse.Namespace) -> Plan:
    path = policy_path(options.policy)
    if path.is_dir():
        msg = f"{path} is a folder; an audit is under one policy: name its file"
        raise GuardError(msg)
    return Plan(
        inputs=tuple(options.inputs),
        policy=str(path.absolute()),
        out=Path(options.out),
        named=Named(
            tuple(options.text_column),
            tuple(options.image_column),
            tuple(options.messages_column),
            options.id_column,
            options.time_column,
            tuple(options.by),
        ),
        direction=options.direction,
        locale=options.locale,
        workers=options.workers,
        share=Share(options.ray_address, options.ray_cpus, options.ray_gpus) if options.engine == "ray" else None,
        chunk=options.chunk,
        sample=options.sample,
        seed=options.seed,
        dedup=options.dedup,
        write=options.write,
        resume=options.resume,
        most_bytes=options.max_record_bytes,
        timeout_s=options.timeout,
        quiet=options.quiet,
        report=not options.no_report,
        show_examples=options.show_examples,
    )


def _show(summary: dict[str, Any], out: Path, *, report: bool) -> None:
    """The few numbers that somebody wants to see first."""
    print(f"{summary['records']:,} records under {summary['policy']}: {summary['judged']:,} judged, ", end="")
    print(f"{summary['quarantined']:,} quarantined")
    for name in ("released", "actions", "rules", "categories"):
        for value, counts in summary[name].items():
            share = f"{counts['share']:.2%}"
            if "interval" in counts:
                low, high = counts["interval"]
                share += f" ({low:.2%} to {high:.2%} of all, 95 %)"
            print(f"  {name.removesuffix('s') if name != 'categories' else 'category':<9} {value:<40} "
                  f"{counts['records']:>9,} {share}")  # fmt: skip
    if summary["coverage"]["unscannable"]:
        print(f"  unscannable parts: {sum(summary['coverage']['unscannable'].values()):,}")
    for reason, count in list(summary["quarantine"]["reasons"].items())[:5]:
        print(f"  quarantined: {count:,} × {reason}")
    print(out / ("report.html" if report else "summary.json"))
