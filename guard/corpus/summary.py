"""What an audit found, in numbers: one pass over its parts, in memory that does not grow with them."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections import Counter, defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, Any

from guard.report import SHOWN
from guard.taxonomy import CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from guard.corpus.store import Store

BINS = 20
_EXAMPLES = 5
_MOST_VALUES = 30
_MOST_NAMED = 50
_COLUMNS = (
    "row", "id", "source", "offset", "action", "released", "rules", "findings", "coverage", "failures",
    "characters", "duplicate_of", "time", "by", "modalities",
)  # fmt: skip
Z95 = 1.959963984540054


def wilson(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share that was *count* in a sample *of* so many (Wilson 1927).

    >>> [round(bound, 4) for bound in wilson(5, 100)]
    [0.0215, 0.1118]
    """
    if not of:
        return 0.0, 1.0
    share, z2 = count / of, Z95 * Z95
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z95 / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def risk(category: str) -> str | None:
    """The risk of GB/T 45654 that *category* belongs to: its own, or its nearest ancestor's."""
    name = category
    while name:
        known = CATEGORIES.get(name)
        if known is not None and known.gbt45654 is not None:
            return known.gbt45654
        name = name.rpartition(".")[0]
    return None


class _Gather:
    """Counts over all rows."""

    def __init__(self) -> None:
        self.count = self.characters = self.duplicates = self.checked = self.unchecked = 0
        self.actions: Counter[str] = Counter()
        self.released: Counter[str] = Counter()
        self.rules: Counter[str] = Counter()
        self.categories: Counter[str] = Counter()
        self.risks: Counter[str] = Counter()
        self.bins: defaultdict[str, list[int]] = defaultdict(lambda: [0] * BINS)
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.failures: Counter[str] = Counter()
        self.exempt: Counter[str] = Counter()
        self.unscannable: Counter[str] = Counter()
        self.modalities: Counter[str] = Counter()
        self.months: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.groups: defaultdict[str, defaultdict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        self.worst: defaultdict[str, list[tuple[float, int, dict[str, Any]]]] = defaultdict(list)

    def take(self, row: Mapping[str, Any]) -> None:
        self.count += 1
        self.characters += row["characters"]
        self.duplicates += row["duplicate_of"] is not None
        self.actions[row["action"]] += 1
        self.released[row["released"]] += 1
        self.rules.update(row["rules"])
        self.pairs.update(combinations(sorted(row["rules"]), 2))
        self.modalities.update(row["modalities"])
        self._take_findings(row)
        coverage = row["coverage"]
        self.checked += coverage["checked"]
        self.unchecked += coverage["unchecked"]
        for one in coverage["exempt"]:
            self.exempt[one["rule"]] += one["count"]
        self.unscannable.update(one["reason"] for one in coverage["unscannable"])
        self.failures.update({f"{f['classifier']}: {f['kind']}" for f in row["failures"]})
        if all(one["column"] != "source" for one in row["by"]):
            self._count_in(self.groups["source"], row["source"], row["action"])
        for one in row["by"]:
            self._count_in(self.groups[one["column"]], one["value"], row["action"])
        when = _month(row["time"])
        if when is not None:
            self._count_in(self.months, when, row["action"], 10_000)

    def _take_findings(self, row: Mapping[str, Any]) -> None:
        best: dict[str, float] = {}
        seen: set[str] = set()
        for finding in row["findings"]:
            category, score = finding["category"], finding["score"]
            best[category] = max(best.get(category, 0.0), score)
            if score >= SHOWN or finding["fired"]:
                seen.add(category)
        for category, score in best.items():
            self.bins[category][min(BINS - 1, int(score * BINS))] += 1
        self.categories.update(seen)
        self.risks.update({found for category in seen if (found := risk(category)) is not None})
        if row["rules"]:
            fired = [finding for finding in row["findings"] if finding["fired"]]
            top = max((finding["score"] for finding in fired), default=0.0)
            for rule in row["rules"]:
                worst = self.worst[rule]
                entry = (top, -row["row"], _example(row, fired))
                if len(worst) < _EXAMPLES:
                    heapq.heappush(worst, entry)
                else:
                    heapq.heappushpop(worst, entry)

    @staticmethod
    def _count_in(
        values: defaultdict[str, Counter[str]], value: str, action: str, most: int = _MOST_VALUES * 10
    ) -> None:
        values[value if value in values or len(values) < most else "…"][action] += 1


def _example(row: Mapping[str, Any], fired: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    places = [{key: f[key] for key in ("category", "score", "part", "start", "end")} for f in fired]
    kept = {key: row[key] for key in ("row", "id", "source", "offset", "action", "rules", "characters")}
    return {**kept, "findings": sorted(places, key=lambda f: -f["score"])[:8]}


def _month(value: str | None) -> str | None:
    """``YYYY-MM`` of an ISO time or a number of seconds."""
    if value is None:
        return None
    if len(value) >= 7 and value[:4].isdigit() and value[4] in "-/" and value[5:7].isdigit():
        return f"{value[:4]}-{value[5:7]}"
    from datetime import UTC, datetime

    try:
        seconds = float(value)
        return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC).strftime("%Y-%m")
    except (ValueError, OverflowError, OSError):
        return None


def rows(store: Store) -> Iterator[dict[str, Any]]:
    """Every row of every part, a few hundred at a time."""
    import pyarrow.parquet as pq

    for path in store.parts():
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(256, columns=list(_COLUMNS)):
                yield from batch.to_pylist()


def summarise(store: Store, manifest: Mapping[str, Any], *, population: int | None = None) -> dict[str, Any]:
    """The contents of ``summary.json``. With a *population*, what was judged is a sample of so many records."""
    gathered = _Gather()
    for row in rows(store):
        gathered.take(row)
    reasons: Counter[str] = Counter()
    samples: list[dict[str, Any]] = []
    for one in store.quarantined():
        reasons[one["reason"]] += 1
        if len(samples) < _MOST_NAMED:
            samples.append(one)
    quarantined = sum(reasons.values())
    total = gathered.count + quarantined

    def shares(counts: Mapping[str, int], most: int | None = None) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:most]:
            found[name] = {"records": count, "share": round(count / gathered.count, 6) if gathered.count else 0.0}
            if population is not None:
                found[name]["interval"] = [round(bound, 6) for bound in wilson(count, gathered.count)]
        return found

    return {
        "format": manifest["format"],
        "policy": manifest["policy"],
        "fingerprint": manifest["fingerprint"],
        "results_sha256": digest(store),
        "records": total,
        "judged": gathered.count,
        "quarantined": quarantined,
        "population": population,
        "duplicates": gathered.duplicates,
        "characters": gathered.characters,
        "actions": shares(gathered.actions),
        "released": shares(gathered.released),
        "rules": shares(gathered.rules),
        "categories": shares(gathered.categories),
        "gbt45654": shares(gathered.risks),
        "scores": {name: gathered.bins[name] for name in sorted(gathered.bins)},
        "together": [{"rules": list(pair), "records": n} for pair, n in gathered.pairs.most_common(_MOST_NAMED)],
        "months": {month: dict(gathered.months[month]) for month in sorted(gathered.months)},
        "by": {
            column: {
                value: dict(counts)
                for value, counts in sorted(values.items(), key=lambda one: (-one[1].total(), one[0]))[:_MOST_VALUES]
            }
            for column, values in gathered.groups.items()
        },
        "modalities": dict(sorted(gathered.modalities.items())),
        "coverage": {
            "checked": gathered.checked,
            "exempt": dict(sorted(gathered.exempt.items())),
            "unscannable": dict(gathered.unscannable.most_common(_MOST_NAMED)),
            "unchecked": gathered.unchecked,
        },
        "failures": dict(gathered.failures.most_common(_MOST_NAMED)),
        "quarantine": {"reasons": dict(reasons.most_common(_MOST_NAMED)), "first": samples},
        "worst": {
            rule: [entry for _, _, entry in sorted(found, key=lambda one: (-one[0], -one[1]))]
            for rule, found in sorted(gathered.worst.items())
        },
    }


def digest(store: Store) -> str:
    """A sha256 over all results and the quarantine: equal for equal audits, however they went."""
    found = hashlib.sha256()
    for path in (*store.parts(), *sorted(store.quarantine.glob("part-*.jsonl"))):
        with path.open("rb") as file:
            found.update(f"{path.name}\0".encode() + hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()
