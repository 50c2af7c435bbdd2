"""The families of marks, each with its kinds: names below ``mark`` that the readers here give."""

from __future__ import annotations

from guard.media.marks import c2pa, generators

METADATA: dict[str, tuple[str, ...]] = {
    c2pa.FAMILY: c2pa.KINDS,
    c2pa.INGREDIENT: ("expired", "revoked", "invalid"),
    "aigc_label": (),
    "iptc": (),
    "generator": generators.KINDS,
    "metadata": (),
}
"""Of files' metadata; ``metadata`` itself is what could not be read of it."""
