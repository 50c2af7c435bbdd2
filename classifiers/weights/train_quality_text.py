"""Count what `classifiers.quality_text` knows: ``python -m classifiers.weights.train_quality_text DICT.TXT``.

*DICT.TXT* is the dictionary of jieba 0.42.1 (MIT): words of Chinese with how often they are used. English letters are
counted in the rows and corpora of this repository and in the language reference that comes with Python 3.11 (PSF-2.0).
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np

from classifiers import _quality_words as words
from classifiers._fold import simplified

HERE = Path(__file__).parent
PAIRS = 90_000
"""The pairs of characters that are kept, the most frequent first."""


def own(language: str) -> str:
    """What this repository itself holds in *language*."""
    texts = [(HERE.parents[1] / "guard" / "demo" / f"corpus_{language}.txt").read_text("utf-8")]
    for file in sorted(HERE.glob(f"rows_*_{language}.py")):
        nodes = ast.walk(ast.parse(file.read_text("utf-8")))
        texts += [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return "\n".join(texts)


def letters() -> np.ndarray:
    """How surprising each letter is after two others, in sixteenths of a bit."""
    counts = np.zeros((words.LETTERS,) * 3)
    for text, weight in ((own("en"), 1.0), ("\n".join(topics.values()), 0.2)):
        for word in words.words_of(text):
            codes = words.codes_of(word)
            np.add.at(counts, (codes[:-2], codes[1:-1], codes[2:]), weight)
    pairs = counts.sum(axis=0)
    lower = (pairs + 0.5) / (pairs + 0.5).sum(axis=-1, keepdims=True)
    shares = (counts + 2.0 * lower[None]) / (counts.sum(axis=-1, keepdims=True) + 2.0)
    table: np.ndarray = np.minimum(np.round(-np.log2(shares) * words.STEPS), 255).astype(np.uint8)
    return table


def pairs(dictionary: Path) -> np.ndarray:
    """The pairs of characters that stand beside each other in words, as `words.pair_codes` has them, in order."""
    counts: Counter[int] = Counter()
    for line in dictionary.read_text("utf-8").splitlines():
        word, often, _ = line.split(" ")
        for code in words.pair_codes(simplified(word)).tolist():
            counts[code] += int(often)
    known = {code for code, _ in counts.most_common(PAIRS)}
    seen = Counter(words.pair_codes(simplified(own("zh"))).tolist())
    return np.array(sorted(known | {code for code, often in seen.items() if often > 1}), dtype=np.uint32)


if __name__ == "__main__":
    known = pairs(Path(sys.argv[1]))
    np.savez_compressed(HERE / "quality_text.npz", letters=letters(), pairs=np.diff(known, prepend=np.uint32(0)))
    print(len(known), "pairs,", (HERE / "quality_text.npz").stat().st_size, "bytes")
