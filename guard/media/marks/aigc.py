"""China's implicit label for generated content: the value of ``AIGC`` in a file's metadata.

Sources: Measures for Labelling AI-Generated Synthetic Content (in force 2025-09-01); GB 45438-2025 annex E; TC260
practice guides PG-20257A (video), 20258A (text), 20259A (image), 202510A (audio).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

FIELDS = (
    "Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2",
)  # fmt: skip
REQUIRED = FIELDS[:3]
NAMESPACE = "http://www.tc260.org.cn/ns/AIGC/1.0/"
_MOST = 64 << 10


@dataclass(frozen=True, slots=True)
class Label:
    """One label as it was read: its *fields*, and what is wrong with it (*issues*, in fixed words)."""

    fields: dict[str, str]
    issues: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        """``1`` generated, ``2`` possibly, ``3`` suspected."""
        return self.fields.get("Label", "")


class _Pairs(dict[str, object]):
    """A JSON object that remembers whether a key stood in it twice."""

    twice = False


def _pairs(pairs: list[tuple[str, object]]) -> _Pairs:
    made = _Pairs(pairs)
    made.twice = len(made) < len(pairs)
    return made


def read(text: str) -> Label | None:
    """The label in *text*; None if it is none at all (no JSON object with any of its fields)."""
    text = text.strip("\0 \t\r\n\ufeff")
    if len(text) > _MOST or not text.startswith("{"):
        return None
    if "&quot;" in text[:64]:
        text = text.replace("&quot;", '"').replace("&amp;", "&")
    try:
        value = json.loads(text, object_pairs_hook=_pairs)
        if isinstance(value, dict) and isinstance(value.get("AIGC"), str):
            value = json.loads(value["AIGC"], object_pairs_hook=_pairs)
        elif isinstance(value, dict) and isinstance(value.get("AIGC"), dict):
            value = value["AIGC"]
    except (ValueError, RecursionError):
        return Label({}, ("no JSON",)) if '"Label"' in text or '"ProduceID"' in text else None
    if not isinstance(value, _Pairs) or not set(value) & set(FIELDS):
        return None
    fields = {name: value[name] if isinstance(value[name], str) else "" for name in FIELDS if name in value}
    return Label({name: str(given) for name, given in fields.items()}, tuple(_issues(value)))


def _issues(value: _Pairs) -> list[str]:
    found = ["a field twice"] if value.twice else []
    if any(not isinstance(given, str) for given in value.values()):
        found.append("a value that is no string")
    if set(value) - set(FIELDS):
        found.append("a field that is none")
    if any(name not in value for name in FIELDS):
        found.append("a field missing")
    if any(not value.get(name) for name in REQUIRED):
        found.append("a required value empty")
    if bool(value.get("ContentPropagator")) != bool(value.get("PropagateID")):
        found.append("half a propagator")
    if value.get("Label") not in {"1", "2", "3"}:
        found.append("an unknown label")
    if any(isinstance(given, str) and any(not "!" <= c <= "~" for c in given) for given in value.values()):
        found.append("characters outside of ASCII")
    return found
