"""Token lists with probabilities, as OpenAI answers them: text spelled out a second time, token by token."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from guard.content import Path, TextPart
from guard.protocols.contract import Field, Walk, refuse, walk_unknown
from guard.protocols.posture import Posture, guarded

if TYPE_CHECKING:
    import types
    from collections.abc import Mapping

_ENTRY: Mapping[str, type | types.UnionType] = {"token": str, "bytes": list | None, "logprob": int | float | None}
_TOKEN: Mapping[str, type | types.UnionType] = {**_ENTRY, "top_logprobs": list | None}
_LONGEST = 10**7
_LEAST = -1000.0  # the natural logarithm of a probability that no double could hold


@dataclass(frozen=True, slots=True)
class Logprobs(Field):
    """The lists ``content`` and ``refusal``: put together again, their tokens are text like the answer they repeat.

    Judged are the tokens, their bytes where those say something else, the alternatives rank by rank, and whatever
    else an entry holds. All of it is of the kind ``logprobs``, which is dropped rather than edited.
    """

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return guarded("logprobs")

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """One part per reading that differs."""
        if value is None:
            walk.spare("scalar")
            return
        if not isinstance(value, dict):
            raise refuse("invalid_type", pointer, "it should be an object or null")
        for key, tokens in value.items():
            if key not in {"content", "refusal"} or not isinstance(tokens, list | None):
                raise refuse("invalid_type", pointer, "it should hold the lists `content` and `refusal` only")
            _walk_tokens(tokens or [], walk, path, pointer, f"{pointer}/{key}", role)


@dataclass(frozen=True, slots=True)
class TokenList(Field):
    """One such list, without an object around it."""

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return guarded("logprobs")

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """As above."""
        if value is None:
            walk.spare("scalar")
        elif isinstance(value, list):
            _walk_tokens(value, walk, path, pointer, pointer, role)
        else:
            raise refuse("invalid_type", pointer, "it should be a list of tokens or null")


@dataclass(frozen=True, slots=True)
class LegacyLogprobs(Field):
    """Token lists as legacy completions have them: parallel lists, the alternatives as objects from text to number."""

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return guarded("logprobs")

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """The tokens in a row, the alternatives a line each, and whatever is no list of such."""
        if value is None:
            walk.spare("scalar")
            return
        if not isinstance(value, dict):
            raise refuse("invalid_type", pointer, "it should be an object or null")
        tokens = _strings(value.get("tokens"), pointer)
        ranks = value.get("top_logprobs") or []
        if not isinstance(ranks, list) or not all(isinstance(rank, dict | None) for rank in ranks):
            raise refuse("invalid_type", pointer, "`top_logprobs` should be a list of objects")
        alternatives = dict.fromkeys(text for rank in ranks if rank for text in rank)
        numbers = [value.get("token_logprobs"), *(list(rank.values()) for rank in ranks if rank)]
        rest = {key: one for key, one in value.items() if key not in {"tokens", "token_logprobs", "top_logprobs"}}
        if not _are_offsets(rest.pop("text_offset", None)):
            raise refuse("invalid_type", pointer, "`text_offset` should be a list of numbers that grow")
        loose = Walk(walk.max_parts)
        walk_unknown([rest, [one for one in numbers if not _are_likely(one)]], loose, path, pointer, role)
        readings = ["".join(tokens), "\n".join(alternatives)]
        readings += [part.text for part in loose.parts if isinstance(part, TextPart)]
        for number, text in enumerate(dict.fromkeys(filter(None, readings))):
            walk.add(TextPart(text, f"{pointer}~{number}", path, "logprobs", role))
        for part in loose.parts:
            if not isinstance(part, TextPart):
                walk.add(part)


def _strings(value: Any, pointer: str) -> list[str]:
    if not isinstance(value, list | None) or not all(isinstance(one, str) for one in value or ()):
        raise refuse("invalid_type", pointer, "`tokens` should be a list of strings")
    return value or []


def _are_offsets(value: Any) -> bool:
    """Whether *value* is a list of whole numbers in their order: others could be the bytes of a text."""
    return value is None or (
        isinstance(value, list)
        and all(type(one) is int and 0 <= one < _LONGEST for one in value)
        and all(one <= two for one, two in pairwise(value))
    )


def _are_likely(value: Any) -> bool:
    """Whether *value* is a list of logarithms of probabilities, or of nulls."""
    return value is None or (
        isinstance(value, list)
        and all(one is None or (type(one) in {int, float} and _LEAST <= one <= 0) for one in value)
    )


def _walk_tokens(tokens: list[Any], walk: Walk, path: Path, pointer: str, name: str, role: str | None) -> None:
    """One part per reading that differs, all at *path*; *name* is what their pointers begin with."""
    readings, extras = _spelled(tokens, pointer)
    loose = Walk(walk.max_parts)
    walk_unknown(extras, loose, path, pointer, role)
    readings.append("\n".join(part.text for part in loose.parts if isinstance(part, TextPart)))
    for number, text in enumerate(dict.fromkeys(filter(None, readings))):
        walk.add(TextPart(text, f"{name}~{number}", path, "logprobs", role))
    for part in loose.parts:
        if not isinstance(part, TextPart):
            walk.add(part)


def _spelled(tokens: list[Any], pointer: str) -> tuple[list[str], list[Any]]:
    """What *tokens* spell, by text and by bytes, each rank of alternatives a line; and what is in no known field."""
    ranks: dict[int, tuple[list[str], bytearray]] = {}
    extras: list[Any] = []
    for token in tokens:
        others = token.get("top_logprobs") if isinstance(token, dict) else None
        for rank, entry in enumerate((token, *(others if isinstance(others, list) else ()))):
            text, raw, extra = _read(entry, _ENTRY if rank else _TOKEN, pointer)
            texts, encoded = ranks.setdefault(rank, ([], bytearray()))
            texts.append(text)
            encoded += raw
            extras += extra
    rows = [("".join(texts), encoded.decode("utf-8", "replace")) for texts, encoded in ranks.values()]
    alternatives = dict.fromkeys(text for row in rows[1:] for text in row)
    return [*(rows[0] if rows else ()), "\n".join(alternatives)], extras


def _read(
    entry: Any, fields: Mapping[str, type | types.UnionType], pointer: str
) -> tuple[str, bytes, list[dict[str, Any]]]:
    """The text of *entry*, its bytes, and the fields that are not what *fields* say."""
    if not isinstance(entry, dict) or not isinstance(text := entry.get("token"), str):
        raise refuse("invalid_type", pointer, "each token should be an object with `token`")
    given = entry.get("bytes")
    try:
        encoded = bytes(given) if isinstance(given, list) and given else text.encode()
    except (TypeError, ValueError):
        raise refuse("invalid_type", pointer, "the `bytes` of a token should be numbers from 0 to 255") from None
    extra = {key: value for key, value in entry.items() if not isinstance(value, fields.get(key, ()))}
    likely = entry.get("logprob")
    if isinstance(likely, int | float) and not _LEAST <= likely <= 0:
        extra["logprob"] = likely  # no logarithm of a probability: a number like any other
    return text, encoded, [extra] if extra else []
