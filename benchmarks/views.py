"""What reading disguised text costs and finds: ``python -m benchmarks views``.

CPU time of one thread for finding out that a text is plain, and for undoing what hostile text is made of; how many of
the disguises of acceptance (S29, S30) and others show a phrase in one of the views; how many ordinary lines (S31) are
read twice, and how many have a word of the built-in lists only then.
"""

from __future__ import annotations

import base64
import random
import time
from typing import TYPE_CHECKING, Any

from benchmarks import _harness
from guard import registry
from guard.text.views import disguises, is_plain
from tests.benign import SENTENCES, lines
from tests.disguises import ENCODINGS, FRAMES, OTHERS, TRANSFORMS, base64_of
from tests.fakes import CANARY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

QUESTION = "what does reading disguised text cost, and what does it find?"
PROFILES = {"quick": 3, "full": 15}
"""Rounds."""
PLAIN_BAR, HOSTILE_BAR = 30.0, 250.0
_PLAIN = {
    "English": "The council met on Tuesday to discuss the new budget for parks and libraries, and nobody minded. " * 11,
    "Chinese": "今天天气很好，我们吃完午饭去散步。他把钥匙放在桌子上，然后出门了。" * 11,
    "Russian": "Завтра я хочу пойти в библиотеку. Собрание начнётся в восемь. " * 11,
}
_HOSTILE = {
    "combining marks": "Z" + "\u0301" * 500_000,
    "a mark on each letter": "Z\u0301" * 333_000,
    "zero-width signs": "Z\u200b" * 250_000,
    "tags": "\U000e0041" * 250_000,
    "right-to-left overrides": "\u202eab\u202c" * 120_000,
    "base64 three times": base64_of(base64_of(base64_of("hello world " * 33_000))),
    "percent five times": "%2525252541" * 90_000,
    "entities": "&#x41;" * 166_000,
    "spelt out": "k i l l  " * 110_000,
    "leet": "k1ll " * 200_000,
    "Chinese with gaps": "杀 人 " * 125_000,
    "Cyrillic letters in Latin words": "Cоrе " * 140_000,
    "bytes that are no text in base64": base64.b64encode(random.Random(7).randbytes(750_000)).decode(),
    "groups of base64": "aB1c " * 200_000,
    "decimal bytes": "107 " * 250_000,
    "emoji in words": "k\U0001f600" * 200_000,
    "pieces of words on lines": "ki\n" * 330_000,
}


def measure(profile: str, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """Time and count all of it, or *only* some of ``plain``, ``hostile``, ``found``, ``ordinary``."""
    rounds = PROFILES[profile]
    parts: dict[str, Callable[[], Any]] = {
        "plain": lambda: {name: _microseconds(text, rounds) for name, text in _PLAIN.items()},
        "hostile": lambda: {name: _milliseconds(text, min(rounds, 5)) for name, text in _HOSTILE.items()},
        "found": lambda: {
            "transforms": _found(TRANSFORMS),
            "encodings": _found(ENCODINGS),
            "other disguises": _found(OTHERS),
        },
        "ordinary": _ordinary,
    }
    report = {name: work() for name, work in parts.items() if only is None or name in only}
    return {"machine": _harness.machine([]), "bars": {"plain": PLAIN_BAR, "hostile": HOSTILE_BAR}, **report}


def _microseconds(text: str, rounds: int) -> dict[str, float]:
    """A KiB of UTF-8, the mean of some hundred calls a round."""
    size = len(text.encode()) / 1024
    found = []
    for _ in range(rounds):
        begin = time.thread_time()
        for _ in range(300):
            is_plain(text)
        found.append((time.thread_time() - begin) * 1e6 / 300 / size)
    return _harness.spread(found)


def _milliseconds(text: str, rounds: int) -> dict[str, float]:
    """A MB of UTF-8."""
    size = len(text.encode()) / 1e6
    found = []
    for _ in range(rounds):
        begin = time.thread_time()
        disguises(text)
        found.append((time.thread_time() - begin) * 1e3 / size)
    return _harness.spread(found)


def _found(made: Mapping[str, Callable[[str], str]]) -> dict[str, Any]:
    missed = [
        name for name, disguise in made.items() if not all(_shows(frame.format(disguise(CANARY))) for frame in FRAMES)
    ]
    return {"of": len(made), "found": len(made) - len(missed), "missed": missed}


def _shows(text: str) -> bool:
    return any(CANARY.lower() in view.text.lower() for view in disguises(text).views)


def _ordinary() -> dict[str, Any]:
    some = lines()
    twice = [line for line in some if disguises(line).views]
    words = registry.create("keywords", {})
    words.load()
    mistaken = [
        line
        for line in twice
        if not words.classify([line])[0] and any(words.classify([view.text for view in disguises(line).views]))
    ]
    return {"lines": len(some), "kinds": len(SENTENCES) + 2, "read_twice": len(twice), "mistaken": len(mistaken)}


def table(report: dict[str, Any]) -> str:
    """Markdown: a row for each figure."""
    rows = ["| what | figure |", "| --- | ---: |"]
    rows += [f"| plain {name}, µs/KiB | {one['median']:.1f} |" for name, one in report.get("plain", {}).items()]
    rows += [f"| {name}, ms/MB | {one['median']:.0f} |" for name, one in report.get("hostile", {}).items()]
    rows += [f"| {name} shown | {one['found']}/{one['of']} |" for name, one in report.get("found", {}).items()]
    if "ordinary" in report:
        one = report["ordinary"]
        rows.append(f"| ordinary lines read twice | {one['read_twice']}/{one['lines']} |")
        rows.append(f"| of them, with a listed word only in disguise | {one['mistaken']}/{one['lines']} |")
    return "\n".join(rows)
