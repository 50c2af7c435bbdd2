"""What the protocols' contracts say, as pages: every field and its posture, and a table of what is enforced where."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from guard.decision import Refusal
from guard.protocols import ADAPTERS
from guard.protocols.adapter import Adapter, Contract, GeneratorAdapter
from guard.protocols.generic_loader import bundled_protocols, load_protocols

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from guard.protocols.contract import Field
    from guard.protocols.stream import AnswerStream

REFUSAL = Refusal("content_filter", "…")
_ENDINGS = frozenset((REFUSAL.code, "refusal"))
"""Words by which clients know that an answer was filtered."""
FEATURES = {
    "messages, texts": ("message", "transcript"),
    "reasoning": ("reasoning",),
    "refusals": ("refusal",),
    "tool calls": ("tool_arguments",),
    "tool results": ("tool_result",),
    "tool schemas, formats": ("tool_schema",),
    "names, other short texts": ("name",),
    "addresses": ("url",),
    "token lists": ("logprobs",),
    "pictures": ("image",),
    "sound": ("audio",),
    "stored files, what nobody here can read: unscannable": ("opaque",),
    "fields that no contract names": ("unknown",),
}
"""Rows of the table: the kinds of the parts that they are about."""


def described() -> tuple[Adapter, ...]:
    """Every adapter there is, those of bundled descriptions behind the others."""
    return (*ADAPTERS, *load_protocols(bundled_protocols()))


def codec_of(adapter: Adapter) -> AnswerStream | None:
    """The codec of the adapter's streams, None where answers are judged whole."""
    return adapter.codec({}) if isinstance(adapter, GeneratorAdapter) else None


def fields_of(root: Field) -> Iterator[Field]:
    """Every field of a contract, each once."""
    seen: set[int] = set()
    left = [root]
    while left:
        field = left.pop()
        if id(field) not in seen:
            seen.add(id(field))
            yield field
            left += (below for _, below in field.children())


# The table


def table(adapters: Sequence[Adapter]) -> str:
    """What is enforced: by feature and protocol, and how each protocol streams and blocks."""
    rows = [_row("", [f"`{adapter.name}`" for adapter in adapters]), _row("---", ["---"] * len(adapters))]
    for feature, kinds in FEATURES.items():
        rows.append(_row(feature, [_where(adapter, kinds) for adapter in adapters]))
    rules = sorted({rule for adapter in adapters for contract in adapter.contracts for rule in _exempt(contract)})
    for rule in rules:
        cells = [_sides([one.side for one in adapter.contracts if rule in _exempt(one)]) for adapter in adapters]
        rows.append(_row(f"exempt while in form: `{rule}`", cells))
    generators = [adapter for adapter in adapters if isinstance(adapter, GeneratorAdapter)]
    streams = [
        _row(
            "",
            [
                "streams are judged",
                "texts that grow",
                "in order within one",
                "a block before the first byte",
                "in mid-stream",
            ],
        ),
        _row("---", ["---"] * 5),
        *(_row(f"`{adapter.name}`", _streamed(adapter)) for adapter in generators),
    ]
    return "\n".join([*rows, "", *streams])


def _row(head: str, cells: Sequence[str]) -> str:
    return f"| {' | '.join([head, *cells])} |"


def _where(adapter: Adapter, kinds: Sequence[str]) -> str:
    return _sides(
        [
            one.side
            for one in adapter.contracts
            if any(kind in kinds for f in fields_of(one.field) for kind in f.posture.kinds)
        ]
    )


def _exempt(contract: Contract) -> set[str]:
    return {field.posture.exempt for field in fields_of(contract.field)} - {""}


def _sides(sides: Sequence[str]) -> str:
    names = [short for side, short in (("request", "in"), ("answer", "out")) if side in sides]
    return ", ".join(names) or "–"


def _streamed(adapter: GeneratorAdapter) -> list[str]:
    codec = codec_of(adapter)
    before = f"`{adapter.encode_refusal(REFUSAL).decode()}`"
    if codec is None:
        return [f"whole: {', '.join(adapter.held_whole)}" if adapter.held_whole else "never", "–", "–", before, "–"]
    whole = "; whole where " + " or ".join(adapter.held_whole) + " are asked for" if adapter.held_whole else ""
    grows = ", ".join(f"`{kind}`" for kind in codec.grows)
    return [f"sentence by sentence{whole}", grows, codec.column, before, ending(codec)]


def ending(codec: AnswerStream) -> str:
    """How a client knows that a stream was cut off: the first place of its ending that says so."""
    for event in events(codec.refused(REFUSAL)):
        for place, value in _leaves(event, ""):
            if value in _ENDINGS:
                kind = f"`{event['type']}`: " if isinstance(event.get("type"), str) else ""
                return f"{kind}`{place}` is `{value}`"
    raise ValueError("nothing in the ending says that the answer was filtered")


def events(written: bytes) -> list[dict[str, Any]]:
    """The JSON objects of a stream, of events or of lines."""
    lines = (line.removeprefix("data: ") for line in written.decode().splitlines())
    return [json.loads(line) for line in lines if line.startswith("{")]


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, f"{place}/{key}")
    elif place != "/type":
        yield place, value


# The page of fields

_HEAD = """# Fields

Every field that a contract names, and what becomes of it. `*` is every item of a list, `<word>` an object whose type or
role is that word. `as …` stands where the same fields were listed before. Whatever is not listed is guarded as
`unknown`, its name as `key`; a type or role that is not listed is refused where it says so.

What is exempt is so only while it is in form, which stands behind the colon: `constrained` words while they are one
word of at most 128 plain characters or match what is named, `scalar` numbers while they have no more digits than that
(truth values and null have none). Else it is judged: words and numbers as `name` if nothing else is said, objects and
lists as `unknown`. Media inside texts are parts of their own, in any field."""


def fields(adapters: Sequence[Adapter]) -> str:
    """The page: every field of every route, request and answer."""
    blocks = [_HEAD]
    listed: dict[int, str] = {}
    for adapter in adapters:
        routes = ", ".join(f"`POST {route}`" for route in adapter.routes)
        blocks.append(f"## {adapter.name}\n\n{routes}")
        for contract in adapter.contracts:
            title = f"{adapter.name}: {contract.side}" + (f" ({contract.of})" if contract.of else "")
            same = listed.setdefault(id(contract.field), title)
            said = _rows(contract.field) if same == title else [f"As {same}."]
            blocks.append(f"### {title}\n\n" + "\n".join(said))
        codec = codec_of(adapter)
        if codec is not None:
            blocks.append(
                f"### {adapter.name}: a stream that is cut off\n\nWhere nothing was written yet:\n\n```text\n"
                f"{codec.refused(REFUSAL).decode().strip()}\n```"
            )
    return "\n\n".join(blocks) + "\n"


def _rows(root: Field) -> list[str]:
    found: dict[str, list[str]] = {}
    _list(root, "", {}, found)
    return ["| field | what becomes of it |", "| --- | --- |"] + [
        f"| `{place or '/'}` | {' · or '.join(dict.fromkeys(words)).replace('|', chr(92) + '|')} |"
        for place, words in found.items()
    ]


def _list(field: Field, place: str, seen: dict[int, str], found: dict[str, list[str]]) -> None:
    below = list(field.children())
    if not below:
        found.setdefault(place, []).append(field.posture.words)
        return
    if id(field) in seen:
        if seen[id(field)] != place:
            found.setdefault(place, []).append(f"as `{seen[id(field)] or '/'}`")
        return
    seen[id(field)] = place
    if field.posture.tag:
        found.setdefault(place, []).append(field.posture.words)
        alike: dict[int, str] = {}
        for step, one in below:
            if id(one) in alike:
                found[place + step] = [f"as `{alike[id(one)]}`"]
            else:
                alike[id(one)] = place + step
                _list(one, place + step, seen, found)
        return
    for step, one in below:
        _list(one, place + step, seen, found)
