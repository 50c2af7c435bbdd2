"""Which language a text is written in: by its script, and for Latin letters by its small words. Pure.

It tells apart what a generator slips into, not dialects; of short or mixed texts it says little, and means to.
"""

from __future__ import annotations

import re

SCRIPTS: dict[str, tuple[str, ...]] = {
    "cyrillic": ("ru", "uk", "bg", "sr"),
    "arabic": ("ar", "fa", "ur"),
    "devanagari": ("hi", "mr", "ne"),
    "hangul": ("ko",),
    "kana": ("ja",),
    "han": ("zh", "ja"),
    "thai": ("th",),
    "greek": ("el",),
    "hebrew": ("he",),
}
_RANGES = {
    "cyrillic": "\u0400-\u052f",
    "arabic": "\u0600-\u06ff\u0750-\u077f",
    "devanagari": "\u0900-\u097f",
    "hangul": "\uac00-\ud7a3\u1100-\u11ff",
    "kana": "\u3041-\u30ff",
    "han": "\u3400-\u4dbf\u4e00-\u9fff",
    "thai": "\u0e01-\u0e5b",
    "greek": "\u0370-\u03ff",
    "hebrew": "\u0590-\u05ff",
    "latin": "A-Za-z\u00c0-\u024f\u1e00-\u1eff",
}
_LETTERS = {script: re.compile(f"[{inside}]") for script, inside in _RANGES.items()}
_SMALL = {
    "en": "the of and to in is that it for you with are this was have be on as not but at by from or we your can will",
    "de": "der die das und ist nicht ein eine ich sie zu den mit von auf dem für es im auch sich wird sind wie bei",
    "fr": "de en à le la les et est une des pas pour que qui dans vous je du sur avec nous ce il au plus ne sont",
    "es": "de en la a le el los las y es una que por con para no del se lo su más pero está como al son usted muy",
    "it": "la le un il che di è non per una sono con del la gli ma si nel della anche come più questo ho alla dei mi",
    "pt": "de a em o os as e é uma não que para com do da em por você mais dos no na se ao também muito está são",
    "nl": "de het een en van is niet dat ik je op te voor met zijn aan er ook maar bij wordt naar deze uit wij",
    "pl": "i w nie na się z do to jest że o jak co ale po tak za od przez czy są dla tylko może",
    "tr": "üç ve bir ve bu için de da ne çok ile gibi daha var değil mi kadar en olan olarak sonra ben sen her",
    "vi": "là và của không có cho người được một trong tôi với các bạn này đã khi để những như ở",
    "id": "yang dan di ini itu dengan untuk tidak dari dalam ada saya akan pada juga ke adalah bisa kami",
    "sv": "och att det som en på är av för med jag inte den till har ett om de var man från kan vi",
}
_SETS = {language: frozenset(words.split()) for language, words in _SMALL.items()}
LANGUAGES = frozenset(_SETS) | {language for some in SCRIPTS.values() for language in some}
"""What can be told apart, as ISO 639-1 has it."""
_WORD = re.compile(f"[{_RANGES['latin']}]+")
_LEAST_WORDS, _LEAST_SHARE = 8, 0.15


def share_of_others(text: str, wanted: frozenset[str]) -> float:
    """The share of the letters of *text* that is in a language other than those *wanted*."""
    counts = {script: len(letters.findall(text)) for script, letters in _LETTERS.items()}
    # One Chinese character says what some three letters do.
    weights = {script: count * (3 if script in {"han", "kana", "hangul"} else 1) for script, count in counts.items()}
    total = sum(weights.values())
    if not total:
        return 0.0
    others = sum(weights[script] for script, languages in SCRIPTS.items() if wanted.isdisjoint(languages))
    if "ja" not in wanted and counts["kana"] * 5 > counts["han"]:
        others += weights["han"] if "zh" in wanted else 0  # Japanese, not Chinese
    return (others + weights["latin"] * _foreign(text, wanted)) / total


def _foreign(text: str, wanted: frozenset[str]) -> float:
    """1 if the Latin letters of *text* are surely no wanted language, 0 if they may be."""
    words = [word.lower() for word in _WORD.findall(text)]
    if len(words) < _LEAST_WORDS:
        return 0.0  # a name, a term: every language borrows them
    found = {language: sum(word in small for word in words) for language, small in _SETS.items()}
    best = max(found, key=lambda language: found[language])
    own = max((found[language] for language in _SETS if language in wanted), default=0)
    return float(found[best] >= _LEAST_SHARE * len(words) and found[best] >= 2 * own + 1)
