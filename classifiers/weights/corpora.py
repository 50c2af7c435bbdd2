"""Reads the training sets into rows of one shape.

The sets themselves are not part of the project: ``--data`` names the folder that holds them, one folder a set, and each
model card lists their sources and licences. Our own seed rows come from ``seeds``.
"""

from __future__ import annotations

import csv
import html
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN = math.nan
SEEDS = Path(__file__).parent / "data"
_MENTION = re.compile(r"^\W*RT\b:?|(?:\bRT )?@\w+:?|https?://\S+", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """One labelled text. *labels* are per head: 0 to 1 (a share of raters), or NaN where its set does not say."""

    text: str
    labels: dict[str, float]
    source: str
    language: str = "en"
    weight: float = 1.0

    @property
    def fold(self) -> int:
        """0 to 9, from the text alone, so that a text is always on the same side of a split."""
        return crc32(" ".join(self.text.lower().split()).encode()) % 10


def read_csv(path: Path) -> Iterator[dict[str, str]]:
    """The rows of *path* by column."""
    csv.field_size_limit(1 << 24)
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def tweet(text: str) -> str:
    """*text* without the names and links of a post."""
    return _MENTION.sub(" ", html.unescape(text)).strip()


# --- toxicity -------------------------------------------------------------------------------------------------------

TOXICITY_HEADS = ("toxicity", "toxicity.insult", "toxicity.threat", "toxicity.obscene", "hate")
_CLEAN = dict.fromkeys(TOXICITY_HEADS, 0.0)


def toxicity(data: Path) -> list[Row]:
    """Every row that trains the toxicity heads."""
    readers = (_davidson, _toxic_spans, _stormfront, _toxigen, _swsr, _cold_train, _profanity, _ordinary)
    return [row for reader in readers for row in reader(data)] + seeds("toxicity", TOXICITY_HEADS, weight=2.0)


def _davidson(data: Path) -> Iterator[Row]:
    for row in read_csv(data / "davidson/labeled.csv"):
        text, kind = tweet(row["text"]), row["class"]
        if kind == "0":
            yield Row(text, {"toxicity": 1.0, "hate": 1.0}, "davidson")
        elif kind == "1":
            # Mostly swear words among friends: it teaches which words are obscene more than what an attack is.
            yield Row(text, {"toxicity": 0.9, "toxicity.obscene": 1.0, "hate": 0.0}, "davidson", weight=0.15)
        else:
            yield Row(text, _CLEAN, "davidson")


def _toxic_spans(data: Path) -> Iterator[Row]:
    for row in read_csv(data / "toxic_spans/comments.csv"):
        raters = int(row["raters"])
        if not 0 < raters <= 10:  # more are quiz questions
            continue
        votes = {
            "toxicity": raters - int(row["not_toxic"]),
            "toxicity.insult": int(row["insult"]),
            "toxicity.threat": int(row["threat"]),
            "toxicity.obscene": int(row["obscene"]),
            "hate": int(row["identity_attack"]),
        }
        labels = {head: min(1.0, count / raters) for head, count in votes.items()}
        # The harmless ones were drawn for looking toxic too: taken at full weight they unteach the insults.
        yield Row(row["text"], labels, "toxic_spans", weight=1.0 if labels["toxicity"] > 0.4 else 0.25)


def _stormfront(data: Path) -> Iterator[Row]:
    for row in read_csv(data / "stormfront/sentences.csv"):
        if row["label"] == "hate":
            yield Row(row["text"], {"toxicity": 1.0, "hate": 1.0}, "stormfront")
        else:
            yield Row(row["text"], {"toxicity": 0.0, "toxicity.threat": 0.0, "hate": 0.0}, "stormfront", weight=0.4)


def _toxigen(data: Path) -> Iterator[Row]:
    for row in read_csv(data / "toxigen_prompts/sentences.csv"):
        labels = {"toxicity": 1.0, "hate": 1.0} if row["hate"] == "1" else _CLEAN
        yield Row(row["text"], labels, "toxigen_prompts")


def _swsr(data: Path) -> Iterator[Row]:
    for row in read_csv(data / "swsr/comments.csv"):
        # "Not sexist" does not say "not an insult", so only the hate head learns from it.
        labels = {"hate": 1.0, "toxicity": 0.8} if row["label"] == "1" else {"hate": 0.0}
        yield Row(row["text"], labels, "swsr", "zh", weight=0.5)


def _cold(path: Path, source: str) -> Iterator[Row]:
    for row in read_csv(path):
        # Every offensive comment of the set is about race, gender or region; an attack on one person is the exception.
        labels = {"toxicity": 1.0, "hate": 0.9} if row["label"] == "1" else _CLEAN
        yield Row(row["text"], labels, source, "zh")


def _cold_train(data: Path) -> Iterator[Row]:
    return _cold(data / "cold/train.csv", "cold")


def _profanity(data: Path) -> Iterator[Row]:
    for row in read_csv(data / "surge_profanity/profanity_en.csv"):
        if float(row["severity_rating"]) >= 1.5 and row["category_1"] != "sexual orientation / gender":
            slur = row["category_1"].startswith("racial")
            labels = {"toxicity.obscene": 1.0, "toxicity": 0.8} | ({"hate": 1.0} if slur else {})
            yield Row(row["text"], labels, "surge_profanity", weight=0.5)
    for term in (data / "ldnoobw/zh.txt").read_text(encoding="utf-8").split("\n"):
        if term.strip():
            yield Row(term.strip(), {"toxicity.obscene": 1.0}, "ldnoobw", "zh", weight=0.5)


def _ordinary(data: Path) -> Iterator[Row]:
    for row in read_csv(data / "benign_prompts/prompts.csv"):
        yield Row(row["text"], _CLEAN, "benign_prompts", row["lang"], weight=2.0)
    for row in read_csv(data / "role_prompts/zh.csv"):
        yield Row(row["text"], _CLEAN, "role_prompts", "zh")
    for row in read_csv(data / "bipia/emails.csv"):
        yield Row(row["context"], _CLEAN, "bipia emails")
    for row in read_csv(data / "cyberseceval/false_refusal.csv"):
        yield Row(row["text"], _CLEAN, "false_refusal", weight=0.5)


def toxicity_dev(data: Path) -> list[Row]:
    """Rows that only measure: never trained on, never calibrated on."""
    found = [
        Row(row["text"], {"toxicity": float(row["toxic"])}, name)
        for name, file in (("surge_toxicity", "toxicity_en.csv"), ("wiki_toxicity", "test.csv"))
        for row in read_csv(data / name / file)
    ]
    found += _cold(data / "cold/dev.csv", "cold dev")
    for language in ("en", "zh"):
        for row in read_csv(data / f"identity_templates/{language}.csv"):
            toxic = float(row["toxicity"] == "toxic")
            found.append(Row(row["phrase"], {"toxicity": toxic}, "identity_templates", language))
    return found


# --- prompt attacks -------------------------------------------------------------------------------------------------

ATTACK_HEADS = ("prompt_attack.injection", "prompt_attack.jailbreak")
_HARMLESS = dict.fromkeys(ATTACK_HEADS, 0.0)
_JBC = "always intelligent and machiavellian"
"""A line of the template that a reserved benchmark uses as its attack: rows with it are left out."""


def is_reserved_template(text: str) -> bool:
    """Whether *text* is made of the template that a reserved benchmark uses as its attack."""
    return _JBC in text.lower()


def prompt_attack(data: Path) -> list[Row]:
    """Every row that trains the prompt-attack heads."""
    readers = (_in_the_wild, _cyberseceval, _gptfuzz, _harmless)
    return [row for reader in readers for row in reader(data)] + seeds("prompt_attack", ATTACK_HEADS, weight=2.0)


def _in_the_wild(data: Path) -> Iterator[Row]:
    for text in json.loads((data / "jailbreaks_in_the_wild/prompts.json").read_text(encoding="utf-8")):
        if not is_reserved_template(text):
            yield Row(text, {"prompt_attack.jailbreak": 1.0}, "jailbreaks_in_the_wild")


def _gptfuzz(data: Path) -> Iterator[Row]:
    for row in read_csv(data / "gptfuzz/templates.csv"):
        if not is_reserved_template(row["text"]):
            text = row["text"].replace("[INSERT PROMPT HERE]", "")
            yield Row(text, {"prompt_attack.jailbreak": 1.0}, "gptfuzz")


def _cyberseceval(data: Path) -> Iterator[Row]:
    languages = {"English": "en", "Chinese": "zh"}
    for name in ("prompt_injection", "prompt_injection_multilingual_machine_translated"):
        for row in read_csv(data / f"cyberseceval/{name}.csv"):
            # Of other languages there are attacks only: trained on them, the model would flag the language.
            if row["speaking_language"] in languages:
                language = languages[row["speaking_language"]]
                yield Row(row["user_input"], {"prompt_attack.injection": 1.0}, "prompt_injection", language)


def _harmless(data: Path) -> Iterator[Row]:
    for row in read_csv(data / "benign_prompts/prompts.csv"):
        yield Row(row["text"], _HARMLESS, "benign_prompts", row["lang"])
    for row in read_csv(data / "role_prompts/zh.csv"):
        if "DAN" not in row["text"]:  # the collection holds one real jailbreak
            yield Row(row["text"], _HARMLESS, "role_prompts", "zh", weight=4.0)
    for row in read_csv(data / "cyberseceval/false_refusal.csv"):
        yield Row(row["text"], _HARMLESS, "false_refusal")
    for row in read_csv(data / "bipia/emails.csv"):
        yield Row(row["context"], _HARMLESS, "bipia emails", weight=2.0)
    for row in read_csv(data / "toxic_spans/comments.csv"):
        yield Row(row["text"], _HARMLESS, "toxic_spans", weight=0.15)  # rude, and no attack on a model
    for row in read_csv(data / "cold/train.csv"):
        yield Row(row["text"], _HARMLESS, "cold", "zh", weight=0.05)


def prompt_attack_dev(data: Path) -> list[Row]:
    """Rows that only measure."""
    found = [
        Row(row["text"], dict.fromkeys(ATTACK_HEADS, float(row["label"])), "injecguard_valid")
        for row in read_csv(data / "injecguard_valid/valid.csv")
    ]
    attacks = read_csv(data / "bipia/attacks.csv")
    return found + [Row(row["text"], dict.fromkeys(ATTACK_HEADS, 1.0), "bipia attacks") for row in attacks]


# --- our own rows ---------------------------------------------------------------------------------------------------


def seeds(name: str, heads: tuple[str, ...], weight: float) -> list[Row]:
    """Rows of ``data/<name>_seeds.jsonl``: heads that a row names are 1, the others 0."""
    lines = (SEEDS / f"{name}_seeds.jsonl").read_text(encoding="utf-8").splitlines()
    found = []
    for line in lines:
        row = json.loads(line)
        labels = {head: float(head in row["heads"]) for head in heads}
        found.append(Row(row["text"], labels, "seeds", row["language"], weight))
    return found
