"""What a block of curated rows is, and the labels that blocks share.

A head is *unknown* where careful people would disagree (whether a threat in a story is one, whether a leak request is
an injection too); unknown heads are left out of the loss. A child stands with its parent: a statement of intent
is ``self_harm`` and ``self_harm.intent``. The heads of ``prompt_attack`` stand alone.
"""

from __future__ import annotations

from typing import NamedTuple

HEADS = (
    "toxicity", "toxicity.insult", "toxicity.threat", "toxicity.obscene", "hate", "harassment", "sexual", "self_harm",
    "self_harm.intent", "self_harm.instructions", "violence", "violence.graphic", "illicit", "illicit.violent",
    "prompt_attack.injection", "prompt_attack.jailbreak", "prompt_attack.leak",
)  # fmt: skip


class Label(NamedTuple):
    """The heads that a text is a case of, and those that stay open; every other head is negative."""

    heads: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


class Block(NamedTuple):
    """Sentences that teach one thing (*kind*), one a line; a line with slots is filled *fillings* times."""

    kind: str
    label: Label
    lines: str
    fillings: int = 6


class Composed(NamedTuple):
    """As many *texts* that teach one thing, each of the named parts in order.

    A part with ``?`` is left out of some texts.
    """

    kind: str
    label: Label
    parts: tuple[str, ...]
    texts: int


def words(text: str) -> tuple[str, ...]:
    """The words of a slot, divided by ``|``.

    >>> words("a | b c")
    ('a', 'b c')
    """
    return tuple(word.strip() for word in text.split("|"))


def lines(text: str) -> tuple[str, ...]:
    """The lines of *text*, bare, without the empty ones.

    >>> lines(" a " + chr(10) + " b ")
    ('a', 'b')
    """
    return tuple(filter(None, map(str.strip, text.splitlines())))


def each(parts: tuple[str, ...], *frames: str) -> str:
    """A line for every one of *parts* in every one of *frames*, which hold it at ``@``.

    >>> each(("a", "b"), "Is @ it?").split()
    ['Is', 'a', 'it?', 'Is', 'b', 'it?']
    """
    return "".join(f"{frame.replace('@', part)}\n" for part in parts for frame in frames)


CLEAN = Label()
INTENT = Label(("self_harm", "self_harm.intent"), ("self_harm.instructions",))
IDEATION = Label(("self_harm",), ("self_harm.intent",))
METHOD = Label(("self_harm", "self_harm.instructions"), ("self_harm.intent", "illicit"))
GOADING = Label(
    ("self_harm", "self_harm.instructions", "toxicity", "harassment"),
    ("toxicity.insult", "toxicity.threat", "violence"),
)

THREAT = Label(("violence", "toxicity", "toxicity.threat"), ("harassment", "illicit", "illicit.violent"))
CALL = Label(("violence",), ("toxicity", "toxicity.threat", "hate", "harassment", "illicit", "illicit.violent"))
GLORY = Label(("violence",), ("toxicity", "hate", "harassment", "illicit", "illicit.violent", "toxicity.threat"))
PLAN = Label(("violence", "illicit", "illicit.violent"), ("toxicity", "toxicity.threat", "harassment"))
GRAPHIC = Label(("violence", "violence.graphic"), ())

ILLICIT = Label(("illicit",), ("illicit.violent", "harassment"))
WEAPON = Label(("illicit", "illicit.violent"), ("violence",))
SEXUAL = Label(("sexual",), ("harassment", "toxicity", "toxicity.obscene"))

JAILBREAK = Label(("prompt_attack.jailbreak",), ("prompt_attack.injection", "illicit"))
JAILBREAK_ILLICIT = Label(("prompt_attack.jailbreak", "illicit"), ("prompt_attack.injection", "illicit.violent"))
INJECTION = Label(("prompt_attack.injection",), ("prompt_attack.jailbreak", "illicit"))
LEAK = Label(("prompt_attack.leak",), ("prompt_attack.injection", "prompt_attack.jailbreak"))
INJECTION_LEAK = Label(("prompt_attack.injection", "prompt_attack.leak"), ("prompt_attack.jailbreak",))
