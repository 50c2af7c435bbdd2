"""The adapter interface: one wire protocol as a pure codec.

bytes ─`decode_request`→ `Exchange` … ─`encode_request`→ bytes for the generator; its answer ─`decode_response`→
`Answer` … ─`encode_response`→ bytes for the client. A refusal or an error is encoded in the protocol's own shape. Bytes
in, bytes out: no I/O, no status codes, no policy.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import Content
from guard.protocols.contract import apply_parts
from guard.protocols.strict_json import dump

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.decision import Judged, Refusal

MOST_CONTENTS = 1000
"""How many decisions one request may ask for: each is as long as the answer to a request of its own."""


@dataclass(slots=True)
class Exchange:
    """A request as its protocol reads it: *document* is owned by the adapter and rewritten in place.

    A request for decisions may hold several contents, each to be decided apart; one for a generator holds one.
    """

    contents: tuple[Content, ...]
    document: Any
    stream: bool = False

    @property
    def content(self) -> Content:
        """The one content of a request for a generator."""
        return self.contents[0]


@dataclass(slots=True)
class Answer:
    """A generator's answer as its protocol reads it."""

    content: Content
    document: Any


class Adapter(ABC):
    """One wire protocol. *routes* are the paths it serves, all by POST."""

    name: ClassVar[str]
    routes: ClassVar[tuple[str, ...]]

    @abstractmethod
    def decode_request(self, body: bytes) -> Exchange:
        """Read a request.

        Raises:
            RequestError: it is not a request of this protocol; the message says what would be right.
        """

    @abstractmethod
    def encode_error(self, code: str, message: str, param: str | None = None) -> bytes:
        """An error body in the protocol's shape."""

    def encode_refusal(self, refusal: Refusal) -> bytes:
        """What is sent instead of a blocked body."""
        return self.encode_error(refusal.code, refusal.message)


class GeneratorAdapter(Adapter):
    """A protocol with a generator behind it."""

    @abstractmethod
    def encode_request(self, exchange: Exchange, content: Content) -> bytes:
        """The request as *content* says it may be forwarded."""

    @abstractmethod
    def decode_response(self, body: bytes) -> Answer:
        """Read the generator's answer.

        Raises:
            RequestError: it is not an answer of this protocol.
        """

    @abstractmethod
    def decode_failure(self, body: bytes) -> Answer:
        """Read the body of an answer that reports an error, leaf by leaf.

        Raises:
            RequestError: it cannot be read, so it cannot be passed on.
        """

    @abstractmethod
    def encode_response(self, exchange: Exchange, answer: Answer, content: Content) -> bytes:
        """The answer as *content* says it may be released; a stream is written whole."""

    def encode_failure(self, answer: Answer, content: Content) -> bytes:
        """The error body as *content* says it may be released."""
        return dump(apply_parts(answer.document, answer.content.parts, content.parts))


class JudgeAdapter(Adapter):
    """A protocol that asks for a decision and has nothing behind it.

    *unscannable_is_error*: whether its answers have no place to say that a part could not be read.
    """

    unscannable_is_error: ClassVar[bool] = False

    @abstractmethod
    def encode_decisions(self, exchange: Exchange, judged: Sequence[Judged]) -> bytes:
        """The decisions, one per content of *exchange* and in its order, in the protocol's shape."""
