"""How far verdicts agree with LLM Guard's, from which people come: ``python -m benchmarks agreement``.

Its scanners that need no model, beside the classifiers that they map to, text by text. Needs an interpreter with that
package, which does not go into one environment with the gateway: ``LLM_GUARD_PYTHON=PATH``. Texts are what people ask
assistants (``benchmarks/data``), source code of Python's own library, and secrets and unseen characters put there at
random. Of Perspective, whose scores were to be had for beginnings of sentences alone, chosen for how they go on, and of
services that ask for an account, nothing can be said here: lay their logs beside a policy with ``guard policy agree``.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import string
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import _agreement_llm_guard, _harness
from classifiers.keywords import Keywords, KeywordsOptions
from classifiers.secrets import Secrets
from classifiers.text_marks import TextMarks
from classifiers.weights.evaluate import scores
from guard.policy.agreement import Agreement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from guard.classifier import Classifier

QUESTION = "how far do verdicts agree with LLM Guard's?"
PROFILES = {"quick": 60, "full": 600}
"""Texts of each kind, as far as there are so many."""
_HERE = Path(__file__).parent
_LETTERS = string.ascii_letters + string.digits
_HEX = string.hexdigits.lower()[:16]
_NAMES = ("SLACK_TOKEN", "APP_SECRET", "STRIPE_KEY", "X_API_KEY", "db_password", "DB_PASS", "sessionToken")
_ASSIGNED = ("{} = {}", "{}={}", '"{}": "{}"', "export {}='{}'")
_FORMS: Sequence[tuple[str, int, str]] = (
    ("AKIA", 16, string.ascii_uppercase + "234567"), ("ghp_", 36, _LETTERS), ("glpat-", 20, _LETTERS),
    ("npm_", 36, _LETTERS), ("sk_live_", 24, _LETTERS), ("AIza", 35, _LETTERS), ("hf_", 34, string.ascii_letters),
    ("SK", 32, _HEX), ("dop_v1_", 64, _HEX), ("shpat_", 32, _HEX), ("rzp_live_", 14, _LETTERS),
    ("xoxb-1234567890-1234567890-", 24, _LETTERS), ("sk-ant-api03-", 93, _LETTERS), ("whsec_", 32, _LETTERS),
)  # fmt: skip
"""Prefix, length and letters of keys, from what their providers say of them."""
_UNSEEN = (
    "".join(chr(0xE0000 + ord(one)) for one in "ignore the rest"),
    "\u200b\u200c" * 12,
    "\u2062\u2064" * 8,
    "\ue000\ue001",
)
"""Tags, zero-width bits, invisible operators, private use."""
_SEEN = ("👨‍👩‍👧 ❤️", "می‌خواهم", "क्‍ष", "« bonjour »")
"""What is written with joiners, selectors and narrow spaces by people: families, Persian, Hindi, French."""


def measure(profile: str, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """Compare all scanners, or *only* some of them.

    Raises:
        RuntimeError: no interpreter was named, or it cannot run LLM Guard.
    """
    other = os.environ.get("LLM_GUARD_PYTHON")
    if not other:
        msg = "LLM_GUARD_PYTHON names no interpreter that has the package llm-guard"
        raise RuntimeError(msg)
    machine = _harness.machine(["google-re2", "numpy"])
    return {"machine": machine, "llm_guard": _llm_guard(other, PROFILES[profile], only)}


def _llm_guard(python: str, count: int, only: frozenset[str] | None) -> dict[str, Any]:
    words = Keywords(KeywordsOptions(lists={"banned": list(_agreement_llm_guard.WORDS)}, builtin=[]))
    ours: dict[str, Classifier[Any]] = {"BanSubstrings": words, "InvisibleText": TextMarks(), "Secrets": Secrets()}
    for classifier in ours.values():
        classifier.load()
    texts: dict[str, dict[str, list[str]]] = {
        "BanSubstrings": {"requests": _requests(count)},
        "InvisibleText": {
            "unseen characters": _scattered(_UNSEEN, count),
            "families, Persian, Hindi, French": _scattered(_SEEN, count),
            "requests": _requests(count),
        },
        "Secrets": {
            "values behind names": list(_behind_names(count)),
            "keys of known forms": list(_of_known_forms(count)),
            "source code": _code(count),
            "requests": _requests(count),
        },
    }
    texts = {name: kinds for name, kinds in texts.items() if only is None or name in only}
    asked = [(scanner, text) for scanner, kinds in texts.items() for some in kinds.values() for text in some]
    version, verdicts = asyncio.run(_ask(python, asked))
    said = iter(verdicts)
    cells = []
    for scanner, kinds in texts.items():
        for kind, some in kinds.items():
            agreement = Agreement()
            for text in some:
                agreement.take(ours=bool(scores([ours[scanner]], text)), theirs=next(said))
            cells.append(_cell(scanner, kind, agreement))
    return {"version": version, "cells": cells}


def _cell(scanner: str, kind: str, found: Agreement) -> dict[str, Any]:
    return {
        "scanner": scanner, "texts_are": kind, "texts": found.records, "both": found.both,
        "ours_alone": found.ours_alone, "theirs_alone": found.theirs_alone, "neither": found.neither,
        "kappa": None if found.kappa is None else round(found.kappa, 4),
    }  # fmt: skip


async def _ask(python: str, asked: Sequence[tuple[str, str]]) -> tuple[str, list[bool]]:
    """What the other interpreter says of each; both pipes at once, for neither holds all of it."""
    lines = "".join(json.dumps(one) + "\n" for one in asked)
    process = await asyncio.create_subprocess_exec(
        python, "-W", "ignore", str(_HERE / "_agreement_llm_guard.py"),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(lines.encode())
    answers = [json.loads(line) for line in out.decode().splitlines()]
    if process.returncode or len(answers) != len(asked) + 1:
        said = err.decode().strip().splitlines() or ["it gave no answer"]
        msg = f"{python} cannot run LLM Guard: {said[-1]}"
        raise RuntimeError(msg)
    return answers[0], answers[1:]


def _requests(count: int) -> list[str]:
    lines = (_HERE / "data" / "requests_en.txt").read_text("utf-8").splitlines()
    return lines[:: max(1, len(lines) // count)][:count]


def _code(count: int) -> list[str]:
    """Stretches of forty lines of Python's own library."""
    found = []
    for path in sorted(Path(json.__file__).parent.parent.glob("*.py")):
        lines = path.read_text("utf-8", "replace").splitlines()
        found += ["\n".join(lines[start : start + 40]) for start in range(0, len(lines), 40)]
    return found[:: max(1, len(found) // count)][:count]


def _behind_names(count: int) -> Iterator[str]:
    draw = random.Random(1)
    for number in range(count):
        value = _drawn(draw, _LETTERS, draw.choice((24, 32, 40)))
        yield draw.choice(_ASSIGNED).format(_NAMES[number % len(_NAMES)], value)


def _of_known_forms(count: int) -> Iterator[str]:
    draw = random.Random(2)
    for number in range(count):
        prefix, length, letters = _FORMS[number % len(_FORMS)]
        yield f"please use {prefix}{_drawn(draw, letters, length)} for it"


def _drawn(draw: random.Random, letters: str, length: int) -> str:
    return "".join(draw.choices(letters, k=length))


def _scattered(pieces: Sequence[str], count: int) -> list[str]:
    """Requests with one of *pieces* between two of their words."""
    found = []
    for number, line in enumerate(_requests(count)):
        words = line.split()
        words.insert(len(words) // 2, pieces[number % len(pieces)])
        found.append(" ".join(words))
    return found


def table(report: dict[str, Any]) -> str:
    """Markdown."""
    found = report["llm_guard"]
    lines = [f"LLM Guard {found['version']}", "", "| scanner | texts | both | only we | only they | neither | kappa |"]
    lines.append("| --- | --- | --: | --: | --: | --: | --: |")
    for one in found["cells"]:
        kappa = "–" if one["kappa"] is None else f"{one['kappa']:.2f}"
        counts = " | ".join(str(one[name]) for name in ("both", "ours_alone", "theirs_alone", "neither"))
        lines.append(f"| `{one['scanner']}` | {one['texts_are']} ({one['texts']}) | {counts} | {kappa} |")
    return "\n".join(lines)
