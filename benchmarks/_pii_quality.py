"""How good `pii` is, beside Presidio's default analyzer: precision, recall and F1 per entity, and false alarms.

A marked value is found if findings of its entity cover half of its letters and digits; a finding is right if half of
its own stand in marked values of its entity. One rule for both systems, lenient on where a name begins and ends.
Places and addresses are one entity in English: Presidio's model has no other word for an address.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import _pii_systems
from benchmarks._pii_systems import NAMES, OF_PRESIDIO, Found
from benchmarks._pii_zh import SETS, Marked, sentences
from classifiers._pii_world import RECOGNIZERS
from classifiers.pii import ENTITIES, PiiOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

DATA = Path(__file__).parent / "data"
_ROOT = DATA.parent.parent
GOALS = {"english": 0.92, "chinese, held back": 0.95, "chinese, fresh": 0.95}
"""Least F1 over all entities of a set."""
FORMS_AND_NAMES = ENTITIES - RECOGNIZERS.keys() - {"organization"}
"""What is compared: every form of ours, and names. Organisations and other countries' numbers come on demand."""
_PLACES = {"location": "place", "address": "place"}
_UNJUDGED = {
    "english": frozenset({"date_time", "nrp", "organization"}),
    "chinese": frozenset({"date_time", "url", "location", "organization", "nrp", "bank_account"}),
}
"""Entities that a set does not mark all of (dates in Presidio's sentences, places in ours), and organisations."""


def english() -> list[Marked]:
    """Presidio's hundred sentences (``data/presidio_small.jsonl``)."""
    rows = [json.loads(line) for line in (DATA / "presidio_small.jsonl").read_text("utf-8").splitlines()]
    return [
        Marked(row["text"], tuple((OF_PRESIDIO[kind], a, b) for kind, a, b in row["spans"] if kind in OF_PRESIDIO))
        for row in rows
    ]


def compare(marked: Sequence[Marked], find: Callable[[str], Found], language: str) -> dict[str, Any]:
    """Counts and rates per entity, and over all of them, of what *find* finds in *marked*."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])  # marked, of them found, findings, of them right
    unjudged = _UNJUDGED[language]
    for text, spans in marked:
        wanted = _by_entity(text, spans, language, unjudged)
        given = _by_entity(text, find(text), language, unjudged)
        for entity in wanted.keys() | given.keys():
            one, other, count = wanted.get(entity, []), given.get(entity, []), counts[entity]
            count[0] += len(one)
            count[1] += sum(_covered(letters, other) for letters in one)
            count[2] += len(other)
            count[3] += sum(_covered(letters, one) for letters in other)
    total = [sum(count[place] for count in counts.values()) for place in range(4)]
    return {entity: _rates(count) for entity, count in [*sorted(counts.items()), ("all", total)]}


def _by_entity(text: str, spans: Iterable[tuple[str, int, int]], language: str, unjudged: frozenset[str]) -> Any:
    found: dict[str, list[frozenset[int]]] = defaultdict(list)
    for entity, start, end in spans:
        letters = frozenset(at for at in range(start, end) if text[at].isalnum())
        if entity not in unjudged and letters:
            found[_PLACES.get(entity, entity) if language == "english" else entity].append(letters)
    return found


def _covered(letters: frozenset[int], others: Iterable[frozenset[int]]) -> bool:
    return 2 * len(letters & frozenset().union(*others)) >= len(letters)


def _rates(count: Sequence[int]) -> dict[str, Any]:
    marked, found, findings, right = count
    recall = found / marked if marked else None
    precision = right / findings if findings else None
    both = (precision or 0) + (recall or 0)
    return {
        "marked": marked,
        "found": found,
        "findings": findings,
        "right": right,
        "precision": None if precision is None else round(precision, 3),
        "recall": None if recall is None else round(recall, 3),
        "f1": round(2 * (precision or 0) * (recall or 0) / both, 3) if both else 0.0,
    }


def ordinary() -> dict[str, list[str]]:
    """Texts in which next to nothing is anyone's personal data: requests, code, and prose about code."""
    code = [
        chunk
        for file in sorted((_ROOT / "guard").rglob("*.py"))
        for chunk in _chunks(file.read_text("utf-8"), "\n\n\n")
    ]
    prose = [
        chunk
        for file in sorted((_ROOT / "docs" / "adr").glob("*.md"))
        for chunk in _chunks(file.read_text("utf-8"), "\n\n")
    ]
    requests = {
        f"requests, {name}": _chunks((DATA / f"requests_{name}.txt").read_text("utf-8"), "\n") for name in ("en", "zh")
    }
    return {**requests, "code": code, "prose": prose}


def _chunks(text: str, mark: str) -> list[str]:
    return [chunk for chunk in text.split(mark) if chunk.strip()]


def false_alarms(find: Callable[[str], Found], least: frozenset[str]) -> dict[str, Any]:
    """Of each kind of ordinary text: how many there are, and the share with any finding of the entities *least*."""
    rates = {}
    for name, texts in ordinary().items():
        flagged = [sorted({entity for entity, *_ in find(text)} & least) for text in texts]
        kinds: dict[str, int] = defaultdict(int)
        for entities in flagged:
            for entity in entities:
                kinds[entity] += 1
        rates[name] = {
            "texts": len(texts),
            "flagged": round(sum(map(bool, flagged)) / len(texts), 4),
            "by_entity": dict(sorted(kinds.items())),
        }
    return rates


def quality() -> dict[str, Any]:
    """Everything: both systems on the English set and both Chinese ones, and on ordinary text."""
    systems = {
        "guard": _pii_systems.guard(sorted(FORMS_AND_NAMES)),
        "presidio": _pii_systems.presidio(),
    }
    sets = {
        "english": (english(), "english"),
        **{f"chinese, {which}": (sentences(which), "chinese") for which in SETS},
    }
    found = {
        name: {system: compare(marked, find, language) for system, find in systems.items()}
        for name, (marked, language) in sets.items()
    }
    defaults = _pii_systems.guard(PiiOptions().entities)
    forms = frozenset(OF_PRESIDIO.values()) | ENTITIES
    return {
        "sets": found,
        "goals": [
            {"set": name, "goal": goal, "measured": found[name]["guard"]["all"]["f1"]} for name, goal in GOALS.items()
        ],
        "false_alarms": {
            "guard, default entities": false_alarms(defaults, forms),
            "guard, names": false_alarms(systems["guard"], NAMES),
            "presidio, without names and dates": false_alarms(
                systems["presidio"], forms - NAMES - {"date_time", "nrp"}
            ),
            "presidio, names": false_alarms(systems["presidio"], NAMES),
        },
    }


def tables(measured: dict[str, Any]) -> str:
    """What `quality` gave, as Markdown."""
    lines = []
    for name, systems in measured["sets"].items():
        lines += [
            f"{name}: precision / recall / F1",
            "",
            "| entity | marked | guard | Presidio default |",
            "| --- | ---: | --- | --- |",
        ]
        entities = sorted({e for rates in systems.values() for e in rates} - {"all"})
        for entity in [*entities, "all"]:
            cells = [systems[system].get(entity) for system in ("guard", "presidio")]
            count = max(cell["marked"] for cell in cells if cell)
            lines.append(f"| {entity} | {count} | {' | '.join(_cell(cell) for cell in cells)} |")
        lines.append("")
    lines += ["ordinary texts with a finding", "", "| | " + " | ".join(ordinary()) + " |", "| --- |" + " ---: |" * 4]
    for name, rates in measured["false_alarms"].items():
        lines.append(
            f"| {name} | "
            + " | ".join(f"{100 * one['flagged']:.1f} % of {one['texts']}" for one in rates.values())
            + " |"
        )
    return "\n".join(lines)


def _cell(rates: dict[str, Any] | None) -> str:
    if rates is None:
        return "–"
    return " / ".join("–" if rates[key] is None else f"{rates[key]:.2f}" for key in ("precision", "recall", "f1"))
