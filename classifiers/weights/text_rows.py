"""Reads what trains and measures the text model: public sets and our own rows, each head labelled or left open.

A set says something about some heads and nothing about others; where it says nothing, the head learns nothing from it.
The sets are not part of the project (``--data`` names the folder that holds them); ours are in ``data/rows_*.jsonl``
and ``data/*_seeds.jsonl``. Texts that also stand in a measuring set are dropped, near copies too.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from classifiers._pieces import fold
from classifiers.weights.corpora import SEEDS, is_reserved_template, read_csv, tweet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

HEADS = (
    "toxicity", "toxicity.severe", "toxicity.insult", "toxicity.threat", "toxicity.obscene", "hate", "harassment",
    "sexual", "self_harm", "self_harm.intent", "self_harm.instructions", "violence", "violence.graphic",
    "illicit", "illicit.violent", "prompt_attack.injection", "prompt_attack.jailbreak", "prompt_attack.leak",
)  # fmt: skip
RUDE = HEADS[:7]
ATTACKS = HEADS[15:]
HARMS = HEADS[7:15]
CALIBRATION_FOLD, HELD_BACK_FOLD = 8, 9
NEAR = 0.6
"""Two texts whose 5-grams of characters overlap by this much (Jaccard) are one text."""


@dataclass
class Row:
    """One text. *labels* are 0 to 1 per head and *weights* say how much each counts; a head in neither is open.

    *fold* is 0 to 9; copies and near copies of one text have the same.
    """

    text: str
    language: str
    source: str
    kind: str = ""
    labels: dict[str, float] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    fold: int = -1

    def harmless(self) -> bool:
        """Whether it is known to be a case of nothing."""
        return len(self.labels) == len(HEADS) and not any(self.labels.values())

    def say(self, labels: dict[str, float], weight: float = 1.0) -> Row:
        """The row itself, with *labels* added."""
        self.labels |= labels
        self.weights |= dict.fromkeys(labels, weight)
        return self


def zeros(*heads: str) -> dict[str, float]:
    """None of *heads*."""
    return dict.fromkeys(heads, 0.0)


_NONE = zeros(*HEADS)


def training(data: Path) -> list[Row]:
    """Every row that may train, calibrate or be held back; see `Row.fold`. None of them stands in `measuring`."""
    found = [row for reader in _READERS for row in reader(data)] + own_rows()
    kept, dropped = without_copies(found, [row.text for rows in measuring(data).values() for row in rows])
    print(f"{len(found)} rows read, {len(kept)} kept; dropped: {dropped}")
    return kept


# --- public sets ----------------------------------------------------------------------------------------------------


def _davidson(data: Path) -> Iterator[Row]:
    for row in read_csv(data / "davidson/labeled.csv"):
        found = Row(tweet(row["text"]), "en", "davidson").say(zeros(*ATTACKS), 0.5)
        if row["class"] == "0":
            yield found.say({"toxicity": 1.0, "hate": 1.0})
        elif row["class"] == "1":
            # Mostly swear words among friends: they teach what is obscene, and little of what an attack is.
            yield found.say({"toxicity.obscene": 1.0}, 0.4).say({"hate": 0.0}, 0.3).say({"toxicity": 0.9}, 0.15)
        else:
            yield found.say(zeros(*RUDE)).say(zeros("self_harm", "illicit", "sexual"), 0.3)


def _toxic_spans(data: Path) -> Iterator[Row]:
    names = {
        "toxicity.insult": "insult", "toxicity.threat": "threat",
        "toxicity.obscene": "obscene", "hate": "identity_attack",
    }  # fmt: skip
    for row in read_csv(data / "toxic_spans/comments.csv"):
        raters = int(row["raters"])
        if not 0 < raters <= 10:  # more are quiz questions
            continue
        toxic = 1 - int(row["not_toxic"]) / raters
        labels = {head: min(1.0, int(row[name]) / raters) for head, name in names.items()}
        # The harmless ones were drawn for looking toxic too: taken at full weight they unteach the insults.
        weight = 1.0 if toxic > 0.4 else 0.4
        found = Row(row["text"], "en", "toxic_spans").say({"toxicity": toxic} | labels, weight)
        yield found.say(zeros(*ATTACKS, "illicit"), 1.0)


def _stormfront(data: Path) -> Iterator[Row]:
    for row in read_csv(data / "stormfront/sentences.csv"):
        found = Row(row["text"], "en", "stormfront").say(zeros(*ATTACKS), 0.5)
        if row["label"] == "hate":
            yield found.say({"toxicity": 1.0, "hate": 1.0}, 0.8)
        else:
            yield found.say(zeros("toxicity", "toxicity.threat", "hate"), 0.4)


def _toxigen(data: Path) -> Iterator[Row]:
    for row in read_csv(data / "toxigen_prompts/sentences.csv"):
        found = Row(row["text"], "en", "toxigen_prompts")
        yield found.say({"toxicity": 1.0, "hate": 1.0} if row["hate"] == "1" else zeros(*RUDE))


def _cold(data: Path) -> Iterator[Row]:
    for row in read_csv(data / "cold/train.csv"):
        found = Row(row["text"], "zh", "cold").say(zeros(*ATTACKS), 0.5)
        # Every offensive comment of the set is about race, gender or region; an attack on one person is the exception.
        if row["label"] == "1":
            yield found.say({"toxicity": 1.0}).say({"hate": 0.9}, 0.8)
        else:
            yield found.say(zeros(*RUDE)).say(zeros("self_harm", "illicit"), 0.2)


def _swsr(data: Path) -> Iterator[Row]:
    for row in read_csv(data / "swsr/comments.csv"):
        found = Row(row["text"], "zh", "swsr").say(zeros(*ATTACKS), 0.5)
        # "Not sexist" does not say "not an insult", so only the hate head learns from it.
        yield found.say({"hate": 1.0, "toxicity": 0.8} if row["label"] == "1" else {"hate": 0.0}, 0.5)


def _words(data: Path) -> Iterator[Row]:
    for row in read_csv(data / "surge_profanity/profanity_en.csv"):
        if float(row["severity_rating"]) >= 1.5 and row["category_1"] != "sexual orientation / gender":
            labels = {"toxicity.obscene": 1.0, "toxicity": 0.8}
            if row["category_1"].startswith("racial"):
                labels["hate"] = 1.0
            if row["category_1"].startswith("sexual anatomy"):
                labels["sexual"] = 0.7
            yield Row(row["text"], "en", "surge_profanity").say(labels, 0.5)
    for term in (data / "ldnoobw/zh.txt").read_text(encoding="utf-8").split("\n"):
        if term.strip():
            yield Row(term.strip(), "zh", "ldnoobw").say({"toxicity.obscene": 1.0, "sexual": 0.7}, 0.4)


def _requests(data: Path) -> Iterator[Row]:
    for row in read_csv(data / "benign_prompts/prompts.csv"):
        yield Row(row["text"], row["lang"], "benign_prompts").say(_NONE)
    for row in read_csv(data / "role_prompts/zh.csv"):
        if "DAN" not in row["text"]:  # the collection holds one real jailbreak
            yield Row(row["text"], "zh", "role_prompts").say(_NONE, 2.0)


_CATQA: dict[str, tuple[str, ...]] = {
    "Illegal Activity": ("illicit",), "Malware Viruses": ("illicit",), "Fraud/Deception": ("illicit",),
    "Economic Harm": ("illicit",), "Privacy Violation Activity": ("illicit",), "Adult Content": ("sexual",),
}  # fmt: skip
_STRONGREJECT: dict[str, tuple[str, ...]] = {
    "Non-violent crimes": ("illicit",), "Illegal goods and services": ("illicit",), "Violence": ("violence",),
    "Sexual content": ("sexual",), "Hate, harassment and discrimination": ("toxicity", "hate"),
}  # fmt: skip
_HARMBENCH: dict[str, tuple[str, ...]] = {
    "cybercrime_intrusion": ("illicit",), "illegal": ("illicit",),
    "chemical_biological": ("illicit", "illicit.violent"), "harassment_bullying": ("harassment", "toxicity"),
}  # fmt: skip
_MINORS = re.compile(r"\b(child|children|minor|kid|teen|boy|girl|underage)", re.IGNORECASE)
_SELF_HARM = re.compile(r"suicid|self-harm|self harm|anorexi|eating disorder|自杀|自残", re.IGNORECASE)
_RUDE = re.compile(r"racis|sexis|discriminat|hate|harass|bully|defam|stereotyp|homophob|歧视|仇恨|霸凌", re.IGNORECASE)
_VIOLENT = re.compile(
    r"\b(bomb|kill|murder|weapon|gun|shoot|attack|explosive|terroris|assassinat|massacre|torture)", re.IGNORECASE
)


def _asked(text: str, language: str, source: str, heads: tuple[str, ...], weight: float = 1.0) -> Row:
    """A request for something of *heads*: no attack on the assistant by its form, and no case of what is far off."""
    found = Row(text, language, source).say(dict.fromkeys(heads, 1.0), weight)
    far = {"prompt_attack.injection", "prompt_attack.leak", "toxicity.obscene", "toxicity.insult"}
    far |= {"sexual"} if heads[0] != "sexual" else {"self_harm", "illicit.violent", "violence"}
    return found.say(zeros(*(far - set(heads))), 0.5)


def _harmful(data: Path) -> Iterator[Row]:
    for language in ("en", "zh"):
        for row in read_csv(data / f"catqa/{language}.csv"):
            if heads := _CATQA.get(row["category"]):
                yield _asked(row["text"], language, "catqa", heads)
    for name, table in (("strongreject", _STRONGREJECT), ("harmbench", _HARMBENCH)):
        for row in read_csv(data / f"harmful_prompts/{name}.csv"):
            heads = table.get(row["category"])
            if heads and not (heads[0] == "sexual" and _MINORS.search(row["text"])):
                yield _asked(row["text"], "en", name, heads)
    plain = [(row["text"], "advbench") for row in read_csv(data / "harmful_prompts/advbench.csv")]
    plain += [(row["text"], "gptfuzz questions") for row in read_csv(data / "gptfuzz/questions.csv")]
    for text, source in plain:
        if _SELF_HARM.search(text):
            yield _asked(text, "en", source, ("self_harm", "self_harm.instructions"), 0.7)
        elif _RUDE.search(text):
            yield _asked(text, "en", source, ("toxicity",), 0.5)
        elif _VIOLENT.search(text):
            yield _asked(text, "en", source, ("illicit", "illicit.violent"), 0.7)
        else:
            yield _asked(text, "en", source, ("illicit",), 0.7)


_TO_ANSWER = re.compile(r"\b(?:your|the) (?:response|reply|answer|output|code)\b", re.IGNORECASE)


def _attacks(data: Path) -> Iterator[Row]:
    for text in json.loads((data / "jailbreaks_in_the_wild/prompts.json").read_text(encoding="utf-8")):
        if not is_reserved_template(text):
            yield Row(text, "en", "jailbreaks_in_the_wild").say({"prompt_attack.jailbreak": 1.0})
    for row in read_csv(data / "gptfuzz/templates.csv"):
        if not is_reserved_template(row["text"]):
            text = row["text"].replace("[INSERT PROMPT HERE]", "")
            yield Row(text, "en", "gptfuzz").say({"prompt_attack.jailbreak": 1.0})
    languages = {"English": "en", "Chinese": "zh"}
    for name in ("prompt_injection", "prompt_injection_multilingual_machine_translated"):
        for row in read_csv(data / f"cyberseceval/{name}.csv"):
            # Of other languages there are attacks only: trained on them, the model would flag the language.
            if row["speaking_language"] in languages:
                found = Row(row["user_input"], languages[row["speaking_language"]], "prompt_injection")
                yield found.say({"prompt_attack.injection": 1.0}, 0.7)
    for row in read_csv(data / "bipia/attacks.csv"):
        if _TO_ANSWER.search(row["text"]):  # the others are requests that anyone may make
            yield Row(row["text"], "en", "bipia attacks").say({"prompt_attack.injection": 1.0}, 0.5)


_READERS = (_davidson, _toxic_spans, _stormfront, _toxigen, _cold, _swsr, _words, _requests, _harmful, _attacks)


# --- our own rows ---------------------------------------------------------------------------------------------------


def own_rows() -> list[Row]:
    """Every row of ``data/``: heads it names are 1; those in ``not``, or all others where there is none, are 0."""
    found = []
    for path in sorted(SEEDS.glob("*.jsonl")):
        seeds = path.stem.endswith("_seeds")
        of_seeds = RUDE[:6] if path.stem.startswith("toxicity") else ATTACKS[:2]
        for line in filter(None, path.read_text(encoding="utf-8").split("\n")):
            row = json.loads(line)
            others = row.get("not", of_seeds if seeds and row["heads"] else HEADS)
            kind = row.get("kind", "")
            made = Row(row["text"], row["language"], path.stem, kind).say(zeros(*(h for h in others if h in HEADS)))
            found.append(made.say({head: 1.0 for head in row["heads"] if head in HEADS}))
            if seeds:
                made.weights = dict.fromkeys(made.labels, 0.5)
    return found


# --- what only measures ---------------------------------------------------------------------------------------------


def measuring(data: Path) -> dict[str, list[Row]]:
    """The sets that are never trained, calibrated or chosen on, by name."""
    found: dict[str, list[Row]] = defaultdict(list)
    for name, file in (("surge_toxicity", "toxicity_en.csv"), ("wiki_toxicity", "test.csv")):
        for row in read_csv(data / name / file):
            found[name].append(Row(row["text"], "en", name).say({"toxicity": float(row["toxic"])}))
    for row in read_csv(data / "cold/dev.csv"):
        found["cold dev"].append(Row(row["text"], "zh", "cold dev").say({"toxicity": float(row["label"])}))
    for language in ("en", "zh"):
        name = f"identity_templates {language}"
        for row in read_csv(data / f"identity_templates/{language}.csv"):
            toxic = float(row["toxicity"] == "toxic")
            found[name].append(Row(row["phrase"], language, name, row["template"]).say({"toxicity": toxic}))
    for row in read_csv(data / "cyberseceval/false_refusal.csv"):
        found["false_refusal"].append(Row(row["text"], "en", "false_refusal").say(_NONE))
    for row in read_csv(data / "bipia/emails.csv"):
        found["bipia emails"].append(Row(row["context"], "en", "bipia emails").say(_NONE))
    for row in read_csv(data / "injecguard_valid/valid.csv"):
        attack = {"prompt_attack.injection": float(row["label"])}
        found["injecguard_valid"].append(Row(row["text"], "en", "injecguard_valid").say(attack))
    attributes = {
        "identity_attack": "hate", "insult": "toxicity.insult", "profanity": "toxicity.obscene",
        "threat": "toxicity.threat", "severe_toxicity": "toxicity", "sexually_explicit": "sexual",
    }  # fmt: skip
    for row in read_csv(data / "realtoxicityprompts_subset/prompts.csv"):
        if head := attributes.get(row["attribute"]):
            name = "realtoxicityprompts"
            found[name].append(Row(row["text"], "en", name, row["attribute"]).say({head: 1.0}))
    for row in read_csv(data / "cvalues/prompts.csv"):
        found["cvalues"].append(Row(row["prompt"], "zh", "cvalues", row["domain_en"]).say(zeros("toxicity", "hate")))
    return dict(found)


BULK = frozenset({"cold", "davidson", "toxic_spans", "stormfront", "swsr"})
"""The large sets, many of whose rows are alike."""


def thinned(rows: Iterable[Row], share: float) -> list[Row]:
    """*rows*, of the large sets this *share* only."""
    source = random.Random(0)
    return [row for row in rows if row.source not in BULK or source.random() < share]


DROWNED = ("toxicity.insult", "toxicity.threat", "hate", "self_harm", "illicit", "prompt_attack.injection")


def drowned(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Cases and harmless texts out of *rows* of our own, by themselves and between harmless ones of their language.

    A text with its neighbours has 480 characters at most, 300 in Chinese. Labels are those of `DROWNED` that the row is
    a case of; the harmless are harmless in all of them.
    """
    source = random.Random(0)
    ours = [row for row in rows if row.source.startswith("rows_") and len(row.text) <= 160]
    calm = {language: [row for row in ours if row.language == language and row.harmless()] for language in ("en", "zh")}
    found: dict[str, list[Row]] = {"alone": [], "drowned": []}
    for row in ours:
        heads = [head for head in DROWNED if row.labels.get(head) == 1.0]
        if not heads and not row.harmless():
            continue
        labels = dict.fromkeys(heads, 1.0) if heads else zeros(*DROWNED)
        room = 480 if row.language == "en" else 300
        before, after = _neighbours(source, calm[row.language], room - len(row.text))
        joint = " " if row.language == "en" else ""
        among = joint.join([*before, row.text, *after])
        found["alone"].append(Row(row.text, row.language, "alone").say(labels))
        found["drowned"].append(Row(among, row.language, "drowned").say(labels))
    return found


def _neighbours(source: random.Random, calm: list[Row], room: int) -> tuple[list[str], list[str]]:
    """Harmless texts to go before and after another, of *room* characters together, spaces included."""
    sides: tuple[list[str], list[str]] = ([], [])
    for turn in range(6):
        text = source.choice(calm).text
        if len(text) < room:
            sides[turn % 2].append(text)
            room -= len(text) + 1
    return sides


# --- copies ---------------------------------------------------------------------------------------------------------


def without_copies(rows: Iterable[Row], reserved: Iterable[str]) -> tuple[list[Row], dict[str, int]]:
    """*rows* that are no copy or near copy of a *reserved* text, each text once, with folds; and how many went why."""
    books = Shingles()
    for text in reserved:
        books.add(text, books.grams(text))
    limit = len(books.sets)
    kept: dict[str, Row] = {}
    dropped = {"in a measuring set": 0, "near one": 0, "twice": 0}
    groups: dict[int, int] = {}
    for row in rows:
        key = normal(row.text)
        if not key:
            continue
        if key in kept:
            first = kept[key]
            first.labels = row.labels | first.labels
            first.weights = row.weights | first.weights
            dropped["twice"] += 1
            continue
        if key in books.exact:
            dropped["in a measuring set"] += 1
            continue
        grams = books.grams(row.text)
        near = books.near(grams)
        if near and near[0] < limit:
            dropped["near one"] += 1
            continue
        number = books.add(row.text, grams)
        groups[number] = groups[near[0]] if near else crc32(key.encode()) % 10
        row.fold = groups[number]
        kept[key] = row
    return list(kept.values()), dropped


def normal(text: str) -> str:
    """*text* without case, marks and spaces."""
    return re.sub(r"[\W_]+", "", fold(text).lower())


class Shingles:
    """Finds near copies: texts that share a rare 5-gram are compared by all of theirs."""

    def __init__(self) -> None:
        self.sets: list[frozenset[int]] = []
        self.exact: set[str] = set()
        self._by: dict[int, list[int]] = defaultdict(list)

    @staticmethod
    def grams(text: str) -> frozenset[int]:
        """Hashes of the 5-grams of characters (the whole text if it is shorter)."""
        shown = normal(text)
        return frozenset(crc32(shown[at : at + 5].encode()) for at in range(max(1, len(shown) - 4)))

    @staticmethod
    def _sketch(grams: frozenset[int]) -> list[int]:
        # The eight smallest hashes: two sets that overlap by `NEAR` share one of them but once in a thousand.
        return sorted((gram * 2654435761) & 0xFFFFFFFF for gram in grams)[:8]

    def add(self, text: str, grams: frozenset[int]) -> int:
        """Keep *text* and its *grams*; its number."""
        number = len(self.sets)
        self.sets.append(grams)
        self.exact.add(normal(text))
        for low in self._sketch(grams):
            if len(self._by[low]) < 50:
                self._by[low].append(number)
        return number

    def near(self, grams: frozenset[int]) -> list[int]:
        """Numbers of the texts that one of these *grams* is a near copy of, in their order."""
        seen = {number for low in self._sketch(grams) for number in self._by.get(low, ())}
        size = len(grams)
        close = (n for n in seen if NEAR * size <= len(self.sets[n]) <= size / NEAR)
        return sorted(n for n in close if len(grams & self.sets[n]) >= NEAR * len(grams | self.sets[n]))


def arrays(rows: list[Row]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Labels and weights as ``(rows, heads)``; weight 0 is a head left open."""
    labels = np.zeros((len(rows), len(HEADS)), np.float32)
    weights = np.zeros_like(labels)
    for number, row in enumerate(rows):
        for head, value in row.labels.items():
            labels[number, HEADS.index(head)] = value
            weights[number, HEADS.index(head)] = row.weights[head]
    return labels, weights


def save(rows: Iterable[Row], path: Path) -> None:
    """Write *rows* to *path*, one JSON object a line. The sets' own licences hold for it: it stays where it is made."""
    lines = (json.dumps(dataclasses.asdict(row), ensure_ascii=False) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def load(path: Path) -> list[Row]:
    """The rows that `save` wrote."""
    lines = path.read_text(encoding="utf-8").split("\n")  # not splitlines: texts hold separators of other kinds
    return [Row(**json.loads(line)) for line in lines if line]


def main() -> None:
    """Read the command line and write the training rows."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.weights.text_rows", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the sets, one folder a set")
    parser.add_argument("--out", type=Path, required=True, help="where the rows go (.jsonl), not to be published")
    options = parser.parse_args()
    save(training(options.data), options.out)


if __name__ == "__main__":
    main()
