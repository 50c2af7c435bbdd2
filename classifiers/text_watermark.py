"""Statistical watermarks of generated text, by the keys they were made with: green lists (KGW) and SynthID-Text.

A key record is a JSON file: ``{"name", "scheme": "kgw" | "synthid", "tokenizer": "tokenizer.json", "device": "cpu"}``
and the fields of transformers' watermarking configuration. Without the key that the generator used nothing can be
seen, and text marked on another kind of device has other lists: a record for ``cuda`` is refused.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import Modality, View
from guard.errors import WeightsError
from guard.media.marks.model import Asserts, Mark, Report, Status, categories_of, findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from classifiers._kgw import GreenList, SynthId
    from guard.finding import Finding

SEEN, DOUBTFUL, LEAST = 4.0, 2.5, 50
"""z-scores from which text counts as marked, and as in doubt; n-grams below which nothing can be told."""
_FAMILIES: dict[str, tuple[str, ...]] = {"text.kgw": (), "text.synthid": ()}


@dataclass(frozen=True)
class TextWatermarkOptions:
    """*keys*: files of key records."""

    keys: tuple[str, ...] = ()


class _Key(NamedTuple):
    name: str
    family: str
    tokenizer: str
    scheme: GreenList | SynthId


class TextWatermark(Classifier[tuple[tuple[int, ...], ...]]):
    """Items are the tokens of one text, for each tokenizer; cost is their number."""

    Options: ClassVar[type[Any]] = TextWatermarkOptions
    categories = categories_of(_FAMILIES)
    modalities = frozenset({Modality.TEXT})
    reads: Reads = "whole"  # the evidence is in all of it together
    batch_cost = 65_536

    @classmethod
    def provides(cls, options: Any) -> frozenset[str]:
        """Nothing without keys."""
        return cls.categories if options.keys else frozenset()

    def load(self) -> None:
        """Read the key records and open their tokenizers."""
        self._keys: list[_Key] = []
        self._tokenizers: dict[str, Any] = {}
        for name in self.options.keys:
            try:
                self._keys.append(self._key(Path(name)))
            except (OSError, ValueError, KeyError, TypeError) as error:
                msg = f"classifier `text_watermark`: key record {name}: {error}"
                raise WeightsError(msg) from error

    def _key(self, path: Path) -> _Key:
        from classifiers import _kgw

        record = json.loads(path.read_text("utf-8"))
        if record.get("device") != "cpu":
            raise ValueError("only keys used on device `cpu` can be checked; other devices draw other numbers")
        if record.get("scheme") not in {"kgw", "synthid"}:
            raise ValueError("scheme should be kgw or synthid")
        tokenizer = str(path.parent / record["tokenizer"])
        if tokenizer not in self._tokenizers:
            self._tokenizers[tokenizer] = _tokenizer(Path(tokenizer), record.get("tokenizer_sha256"))
        family = f"text.{record['scheme']}"
        name = str(record.get("name", path.stem))
        if record["scheme"] == "kgw":
            scheme: GreenList | SynthId = _kgw.GreenList(
                int(record["vocab_size"]),
                int(record.get("hashing_key", 15485863)),
                float(record.get("greenlist_ratio", 0.25)),
                str(record.get("seeding_scheme", "lefthash")),
                int(record.get("context_width", 1)),
            )
        else:
            scheme = _kgw.SynthId(
                tuple(int(key) for key in record["keys"]),
                int(record.get("ngram_len", 5)),
                int(record.get("sampling_table_size", 65_536)),
                int(record.get("sampling_table_seed", 0)),
                int(record.get("context_history_size", 1_024)),
            )
        return _Key(name, family, tokenizer, scheme)

    def prepare(self, part: Readable) -> tuple[tuple[int, ...], ...]:
        """The tokens of *part*, once for each tokenizer."""
        if not isinstance(part, View):
            msg = "text_watermark reads text only"
            raise Unreadable(msg)
        text = part.text.encode("utf-8", "replace").decode()  # tokenizers take no lone surrogates
        return tuple(
            tuple(tokenizer.encode(text, add_special_tokens=False).ids) for tokenizer in self._tokenizers.values()
        )

    def cost(self, item: tuple[tuple[int, ...], ...]) -> int:
        """Tokens."""
        return 1 + sum(map(len, item))

    def classify(self, items: Sequence[tuple[tuple[int, ...], ...]]) -> list[list[Finding]]:
        """For each text what each key says of it."""
        return [findings(self._marks(item), Modality.TEXT) for item in items]

    def inspect(self, part: Readable) -> Report:
        """What each key says of *part*."""
        return Report(None, tuple(self._marks(self.prepare(part))))

    def _marks(self, item: tuple[tuple[int, ...], ...]) -> list[Mark]:
        tokens = dict(zip(self._tokenizers, item, strict=True))
        found = []
        for name, family, tokenizer, scheme in self._keys:
            z, count = scheme.score(tokens[tokenizer])
            p_value = 0.5 * math.erfc(z / math.sqrt(2))
            detail = {"key": name, "ngrams": count}
            if count >= LEAST and z >= SEEN:
                found.append(
                    Mark(
                        family, Status.DETECTED, Asserts.AI, carrier="words", code="z", statistic=z, p_value=p_value,
                        detail=detail,
                    )
                )  # fmt: skip
            elif count and (count < LEAST or z >= DOUBTFUL):
                code = "too short to tell" if count < LEAST else "too weak to tell, z"
                found.append(
                    Mark(
                        family, Status.INCONCLUSIVE, carrier="words", code=code, score=0.5, statistic=z,
                        p_value=p_value, detail=detail,
                    )
                )  # fmt: skip
        return found


def _tokenizer(path: Path, sha256: object) -> Any:
    data = path.read_bytes()
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError("the tokenizer is not the one that the record names")
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ValueError("package tokenizers is not installed") from error
    try:
        return Tokenizer.from_buffer(data)
    except Exception as error:  # its own errors derive from nothing narrower
        raise ValueError("the tokenizer cannot be read") from error
