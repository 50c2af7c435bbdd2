"""The interface of streamed answers: a protocol's events in, what they hold out; what may be released in, bytes out.

bytes ─`read`→ `Delta`, `Pause`, `End`, `Event` ─judged and held back by the gate→ `text`, `event` → bytes

An `AnswerStream` is one answer's codec: pure (no I/O, no clock), with a state of its own. It never relays bytes: it
reads events as leniently as the protocol's official clients and writes canonical ones. Whatever a client would put
together out of several events is a `Lane`; everything else of an event is judged whole.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guard.content import Content, Lane
    from guard.decision import Refusal
    from guard.stream.items import Item

EVENTS = b"text/event-stream; charset=utf-8"
LINES = b"application/x-ndjson"


class AnswerStream(ABC):
    """One streamed answer.

    `read` is called with the bytes as they arrive, cut anywhere; `finish` once the upstream has sent all. *finished*
    turns true when the protocol says that the answer is whole (``[DONE]``, ``message_stop``): what comes after it is
    not read. Every other method gives bytes for the client.
    """

    media_type: ClassVar[bytes] = EVENTS
    grows: ClassVar[tuple[str, ...]] = ()
    """The kinds of the texts that grow in it; all else in its events is judged whole."""
    column: ClassVar[str] = "answer"
    """What a client shows by itself, and is held back apart from what stands beside it."""
    finished: bool = False
    model: str | None = None
    """The name that the generator gives itself, once it did."""
    moderation: dict[str, Any] | None = None
    """What `done` is to say of request and answer, where the client asked for inline moderation."""
    broken: bool = False
    """Whether the generator ended the answer by reporting an error."""

    @abstractmethod
    def read(self, data: bytes) -> Iterable[Item]:
        """What *data* adds.

        Raises:
            RequestError: it is nothing of this protocol; nothing of it may be released.
        """

    @abstractmethod
    def finish(self) -> Iterable[Item]:
        """What the end of the upstream's bytes adds: the end of every lane.

        Raises:
            RequestError: the answer broke off.
        """

    @abstractmethod
    def text(self, lane: Lane, text: str) -> bytes:
        """Events that add *text*, decided and perhaps changed, to *lane*; none for ``""``."""

    @abstractmethod
    def event(self, payload: Any, before: Content | None, after: Content | None) -> bytes:
        """The event of *payload*; its parts *before* became *after* where the decision changed them."""

    @abstractmethod
    def done(self) -> bytes:
        """The protocol's mark of a whole answer, after the last event."""

    @abstractmethod
    def refused(self, refusal: Refusal) -> bytes:
        """The protocol's own ending of an answer that was cut off by the policy, complete."""

    @abstractmethod
    def failed(self, code: str, message: str) -> bytes:
        """The protocol's own ending of an answer that could not be had or judged to its end: clients raise on it."""
