"""IPTC's digital source types: what kind of origin a picture declares, in XMP or in a C2PA action.

Sources: https://cv.iptc.org/newscodes/digitalsourcetype/ (as of 2025-11); IPTC Photo Metadata 2025.1; C2PA 2.2.
"""

from __future__ import annotations

from guard.media.marks.model import Asserts

NAMESPACE = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
FIELD = "DigitalSourceType"
SYSTEM_FIELDS = ("AISystemUsed", "AISystemVersionUsed")

TYPES = {
    "trainedAlgorithmicMedia": Asserts.AI,
    "compositeWithTrainedAlgorithmicMedia": Asserts.AI_EDITED,
    "compositeSynthetic": Asserts.AI_EDITED,
    "trainedAlgorithmicData": Asserts.AI,
    "algorithmicMedia": Asserts.NOTHING,
    "algorithmicallyEnhanced": Asserts.NOTHING,
    "dataDrivenMedia": Asserts.NOTHING,
    "digitalCapture": Asserts.HUMAN,
    "computationalCapture": Asserts.HUMAN,
    "negativeFilm": Asserts.HUMAN,
    "positiveFilm": Asserts.HUMAN,
    "print": Asserts.HUMAN,
    "humanEdits": Asserts.HUMAN,
    "minorHumanEdits": Asserts.HUMAN,
    "digitalCreation": Asserts.HUMAN,
    "digitalArt": Asserts.HUMAN,
    "softwareImage": Asserts.NOTHING,
    "compositeCapture": Asserts.HUMAN,
    "composite": Asserts.NOTHING,
    "screenCapture": Asserts.NOTHING,
    "virtualRecording": Asserts.NOTHING,
    "empty": Asserts.NOTHING,
}
"""What each type says, by its last word. Only what was made by a trained model counts as AI."""


def last_word(uri: str) -> str:
    """The type's own word: some write the whole address, some only that."""
    return uri.strip().rstrip("/").rpartition("/")[2]


def source_type(uri: str) -> Asserts | None:
    """What *uri* says; None for a type that is not known."""
    return TYPES.get(last_word(uri))
