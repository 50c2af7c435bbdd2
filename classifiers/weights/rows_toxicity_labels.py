"""What a block of curated toxicity rows is, and the labels that blocks share.

A head is *unknown* where careful people would disagree: an insult to someone's face may or may not be harassment, and
strong language in praise may or may not be obscene. Unknown heads are left out of the loss.
"""

from __future__ import annotations

from typing import NamedTuple

HEADS = (
    "toxicity", "toxicity.severe", "toxicity.insult", "toxicity.threat", "toxicity.obscene", "hate", "harassment",
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
    fillings: int = 8
    as_is: bool = False
    """Whether the lines are left as they are typed: no capital, no roughening."""


CLEAN = Label()
PROFANE = Label((), ("toxicity.obscene",))
"""Strong words with no target: not toxic; whether obscene is left open."""
INSULT = Label(("toxicity", "toxicity.insult"), ("harassment",))
INSULT_OPEN = Label(INSULT.heads, ("harassment", "toxicity.obscene"))
OBSCENE = Label(
    ("toxicity", "toxicity.insult", "toxicity.obscene"), ("harassment", "toxicity.severe"),
)  # fmt: skip
THREAT = Label(("toxicity", "toxicity.threat", "harassment"), ("toxicity.severe",))
VEILED = Label(("toxicity", "toxicity.threat", "harassment"))
DEADLY = Label(("toxicity", "toxicity.severe", "toxicity.threat", "harassment"))
HARASSMENT = Label(("toxicity", "harassment"), ("toxicity.insult", "toxicity.threat"))
DEATH_WISH = Label(("toxicity", "toxicity.severe", "harassment"), ("toxicity.insult", "toxicity.threat"))
HATE = Label(("toxicity", "hate"), ("toxicity.insult", "harassment"))
HATE_SEVERE = Label(("toxicity", "toxicity.severe", "hate"), ("toxicity.insult", "toxicity.threat", "harassment"))
HATE_DEADLY = Label(("toxicity", "toxicity.severe", "toxicity.threat", "hate"), ("harassment",))
TRADE = Label(("toxicity", "toxicity.insult"), ("hate", "harassment"))
"""An attack on a profession or a political camp: toxic, though not a protected identity everywhere."""
