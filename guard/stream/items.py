"""What a streamed answer is made of, whatever its protocol: texts that grow, and events between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from guard.content import Content, Lane


class Delta(NamedTuple):
    """*text* is added to *lane*. One is made for every token: a tuple costs a third of a dataclass."""

    lane: Lane
    text: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing more comes for *lane* now, for another text of its group begins: what it has so far may be a sentence."""

    lane: Lane


@dataclass(frozen=True, slots=True)
class End:
    """*lane* is whole. More text for it is an error of the upstream's."""

    lane: Lane


@dataclass(frozen=True, slots=True)
class Event:
    """Something that is no growing text: released after all of its *group* (None: of every group) that came before.

    *content* holds its parts to judge, and the exempt leaves; None if there is nothing in it. *payload* is what the
    codec makes bytes of, once that is decided. *last* events end the answer for the client, and wait for the record.
    """

    payload: Any = None
    content: Content | None = None
    group: int | None = 0
    last: bool = False


Item = Delta | Pause | End | Event
