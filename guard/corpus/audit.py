"""`audit`: a corpus judged from end to end, or from where an earlier run was stopped."""

from __future__ import annotations

import importlib.util
import json
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guard import registry
from guard.actions import ACTIONS
from guard.corpus.afar import Cluster, Share, room_for
from guard.corpus.chunks import chunked, columns_of, numbered, sampled
from guard.corpus.columns import NOTHING_NAMED, Columns, Named
from guard.corpus.crew import Crew
from guard.corpus.examples import excerpts
from guard.corpus.inputs import find
from guard.corpus.judge import Setup
from guard.corpus.manifest import manifest
from guard.corpus.progress import Progress
from guard.corpus.released import Writer
from guard.corpus.report import page
from guard.corpus.runner import Runner
from guard.corpus.source import CorpusError
from guard.corpus.store import Store
from guard.corpus.summary import summarise
from guard.policy.loader import load_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from guard.corpus.dedup import Dedup
    from guard.corpus.inputs import Skipped
    from guard.corpus.source import Source

CHUNK = 1000
"""Records of a chunk, unless said otherwise."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. *policy* is a file; who judges (*workers*, *share*) may change until it is resumed.

    *share* is what each worker has of a Ray cluster; None: they are processes of this machine. Without *workers* there
    is one for each core of this machine, or as many as the cluster has room for.
    """

    inputs: tuple[str, ...]
    policy: str
    out: Path
    named: Named = NOTHING_NAMED
    direction: str = "output"
    locale: str = "en"
    workers: int | None = None
    share: Share | None = None
    chunk: int = CHUNK
    sample: int | None = None
    seed: int = 0
    dedup: str | None = None
    write: str | None = None
    resume: bool = False
    most_bytes: int = 64 * 2**20
    timeout_s: float = 600.0
    quiet: bool = False
    report: bool = True
    show_examples: bool = False


def audit(plan: Plan, say: Callable[[str], None]) -> dict[str, Any]:
    """Judge all of it; gives what ``summary.json`` says. *say* hears what was inferred.

    Raises:
        CorpusError, PolicyError, RegistryError, WeightsError: it cannot be done, or not be gone on with.
        KeyboardInterrupt: somebody stopped it; what is done stays, and the same call with *resume* goes on.
    """
    _check(plan)
    policy = load_policy(plan.policy, actions=ACTIONS, catalog=registry)
    sources, skipped = find(plan.inputs)
    columns = {source.name: columns_of(source, plan.named, plan.most_bytes) for source in sources}
    for line in _inferred(columns, skipped):
        say(line)
    about = manifest(policy, [source.facts() for source in sources], _settings(plan, columns, skipped))
    store = Store(plan.out)
    try:
        if store.open(about, resume=plan.resume):
            say(f"{plan.out}: going on; {len(store.done())} chunks are done")
        population = _judge(plan, sources, columns, store, about["fingerprint"])
        summary = summarise(store, about, population=population)
        store.write("summary.json", json.dumps(summary, indent=1, ensure_ascii=False).encode() + b"\n")
        if plan.report:
            worst = summary["worst"] if plan.show_examples else None
            shown = worst and excerpts(worst, sources, columns, plan.direction, plan.most_bytes)
            store.write("report.html", page(summary, about, locale=plan.locale, excerpts=shown).encode())
    finally:
        store.close()
    return summary


def _judge(
    plan: Plan, sources: Sequence[Source], columns: dict[str, Columns], store: Store, fingerprint: str
) -> int | None:
    whole = plan.write is not None
    population: int | None = None
    chosen: frozenset[int] | None = None
    if plan.sample is not None:
        population = sum(1 for _ in numbered(sources, columns, plan.most_bytes, whole=False))
        chosen = sampled(population, plan.sample, plan.seed)
    setup = Setup(plan.policy, plan.direction, plan.locale, plan.timeout_s, plan.most_bytes, whole)
    dedup: Dedup | None = None
    if plan.dedup is not None:
        from guard.corpus.dedup import Dedup

        dedup = Dedup(plan.dedup)
    progress = Progress(sources, quiet=plan.quiet)
    runner = Runner(
        store,
        setup,
        fingerprint,
        workers=_workers(plan),
        chunk_size=plan.chunk,
        dedup=dedup,
        writer=Writer(store, [source.name for source in sources]) if whole else None,
        crew=partial(Cluster, share=plan.share) if plan.share is not None else Crew,
        heard=progress.heard,
    )
    try:
        records = numbered(sources, columns, plan.most_bytes, whole=whole)
        runner.run(chunked(records, columns, plan.chunk, chosen))
    finally:
        progress.close()
        if dedup is not None:
            dedup.close()
    written = store.count()
    if written != runner.records:
        msg = f"{runner.records} records were read, and {written} are in the results and the quarantine: a defect"
        raise CorpusError(msg)
    return population


def _workers(plan: Plan) -> int:
    if plan.workers is not None:
        return plan.workers
    return len(os.sched_getaffinity(0)) if plan.share is None else room_for(plan.share)


def _check(plan: Plan) -> None:
    if importlib.util.find_spec("pyarrow") is None:
        raise CorpusError("results are Parquet files, and pyarrow is not installed: pip install 'guard-gateway[audit]'")
    if (
        (plan.workers is not None and plan.workers < 1)
        or plan.chunk < 1
        or (plan.sample is not None and plan.sample < 1)
    ):
        raise CorpusError("workers, the size of a chunk and of a sample are numbers of 1 and more")
    if plan.dedup is not None and plan.write is not None:
        raise CorpusError("--dedup and --write do not go together: what is released is each record's own text")


def _settings(plan: Plan, columns: dict[str, Columns], skipped: Skipped) -> dict[str, Any]:
    """All that results follow from besides the inputs, the policy and the code."""
    return {
        "direction": plan.direction,
        "locale": plan.locale if plan.write is not None else None,  # decisions do not depend on it
        "chunk": plan.chunk,
        "sample": plan.sample,
        "seed": plan.seed,
        "dedup": plan.dedup,
        "write": plan.write,
        "most_bytes": plan.most_bytes,
        "timeout_s": plan.timeout_s,
        "columns": {name: one.describe() for name, one in columns.items()},
        "links_not_followed": skipped.links,
        "hidden_files_left_out": skipped.hidden,
    }


def _inferred(columns: dict[str, Columns], skipped: Skipped) -> list[str]:
    said: dict[str, int] = {}
    for name, one in columns.items():
        if one.all:
            continue
        if not one.judged:
            said[f"{name}: it holds no record that can be read"] = 1
            continue
        kinds = (("text", one.texts), ("media", one.media), ("messages", one.messages))
        line = "judged: " + "; ".join(f"{kind} {', '.join(names)}" for kind, names in kinds if names)
        if one.id is not None:
            line += f"; id: {one.id}"
        if one.time is not None:
            line += f"; time: {one.time}"
        if one.left:
            line += f"; not judged: {', '.join(one.left)}"
        key = ("columns inferred; " if one.inferred else "columns; ") + line
        said[key] = said.get(key, 0) + 1
    lines = [f"{key} ({count} inputs)" if count > 1 else key for key, count in said.items()]
    if skipped.links:
        lines.append(f"symbolic links are not followed: {', '.join(skipped.links[:5])} ({len(skipped.links)} in all)")
    if skipped.hidden:
        lines.append(f"hidden files are left out: {skipped.hidden}")
    return lines
