"""The adapter interface: one wire protocol as a pure codec.

bytes ─`decode_request`→ `Exchange` … ─`encode_request`→ bytes for the generator; its answer ─`decode_response`→
`Answer` … ─`encode_response`→ bytes for the client. A refusal or an error is encoded in the protocol's own shape. Bytes
in, bytes out: no I/O, no status codes, no policy.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from guard.content import Content, Modality, TextPart
from guard.protocols.contract import apply_parts
from guard.protocols.strict_json import dump

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from guard.decision import Decision, Judged, Refusal
    from guard.protocols.contract import Field
    from guard.protocols.stream import AnswerStream

JSON = b"application/json"

MOST_CONTENTS = 1000
"""How many decisions one request may ask for: each is as long as the answer to a request of its own."""


class Contract(NamedTuple):
    """What is said of the fields of one *side* of a protocol; *of* is the route or form that it is about, "" if all."""

    side: Literal["request", "answer"]
    field: Field
    of: str = ""


class Inline(NamedTuple):
    """A client's wish to have request and answer scored by *model*, and blocked where a rule fires on them."""

    model: str
    blocks_input: bool
    blocks_output: bool


@dataclass(slots=True)
class Exchange:
    """A request as its protocol reads it: *document* is owned by the adapter and rewritten in place.

    A request for decisions may hold several contents, each to be decided apart; one for a generator holds one.
    """

    contents: tuple[Content, ...]
    document: Any
    stream: bool = False
    content_type: bytes = JSON
    """What the request that goes to the generator is."""
    inline: Inline | None = None
    route: str = ""
    """The path that it came to, for protocols whose answers differ by it."""
    scored: Mapping[Modality, frozenset[str]] = field(default_factory=dict)
    """Of a request for decisions: the categories that the classifiers asked for them can give, by what they read."""
    settled: Mapping[str, str] = field(default_factory=dict)
    """Of texts that may grow, by their pointers: how much of what is released stays so, whatever follows."""

    @property
    def content(self) -> Content:
        """The one content of a request for a generator."""
        return self.contents[0]


@dataclass(slots=True)
class Answer:
    """A generator's answer as its protocol reads it."""

    content: Content
    document: Any
    media_type: bytes = JSON
    """What is sent to the client."""
    moderation: dict[str, Any] | None = None
    """What is to be said of request and answer in it, where the client asked for inline moderation."""


class Adapter(ABC):
    """One wire protocol. *routes* are the paths it serves, all by POST, with bodies of *media_types*.

    *forwarded* are headers of the client that the generator needs besides those that every protocol forwards;
    *key_header* is where it looks for its key. *contracts* are those that it reads bodies by: the reference pages are
    written from them.
    """

    name: ClassVar[str]
    routes: ClassVar[tuple[str, ...]]
    media_types: ClassVar[frozenset[bytes]] = frozenset({JSON})
    forwarded: ClassVar[frozenset[bytes]] = frozenset()
    key_header: ClassVar[bytes] = b"authorization"
    contracts: tuple[Contract, ...] = ()

    @abstractmethod
    def decode_request(self, body: bytes, content_type: bytes = JSON, route: str = "") -> Exchange:
        """Read a request; *content_type* is the header, parameters included, *route* the path it came to.

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
    """A protocol with a generator behind it; *accept* is what its whole answers are.

    *held_whole* says of which requests the answer cannot be judged while it is streamed: why, and how to tell.
    """

    accept: ClassVar[bytes] = JSON
    held_whole: ClassVar[Mapping[str, Callable[[Any], bool]]] = {}

    def upstream_path(self, route: str) -> str:
        """The path at the generator for what came to *route*: the same, in every protocol that is one."""
        return route

    @abstractmethod
    def encode_request(self, exchange: Exchange, content: Content, *, stream: bool) -> bytes:
        """The request as *content* says it may be forwarded; its answer asked for as a *stream*, or in one piece."""

    @abstractmethod
    def decode_response(self, exchange: Exchange, body: bytes, media_type: bytes = JSON) -> Answer:
        """Read the generator's whole answer to *exchange*; *media_type* is what it says it is, without parameters.

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

    def open_stream(self, exchange: Exchange) -> AnswerStream | None:
        """The codec of a streamed answer to *exchange*; None where it can only be judged whole.

        Then the answer is asked for in one piece, and a stream for the client is written by `encode_response`.
        """
        asked = exchange.document
        return None if any(asks(asked) for asks in self.held_whole.values()) else self.codec(asked)

    def codec(self, asked: Any) -> AnswerStream | None:  # noqa: ARG002  a subclass reads it
        """The codec of a streamed answer to the document *asked*; None if the protocol's answers are judged whole."""
        return None

    def describe_inline(self, decision: Decision, content: Content, model: str) -> tuple[dict[str, Any], bool]:
        """What an answer says of *decision* on *content* where that was asked for, and whether it was flagged."""
        raise NotImplementedError(self.name)

    def encode_filtered(self, exchange: Exchange, answer: Answer) -> bytes:
        """*answer*, of which only who gave it and its `moderation` is left."""
        raise NotImplementedError(self.name)

    def encode_failure(self, answer: Answer, content: Content) -> bytes:
        """The error body as *content* says it may be released."""
        return dump(apply_parts(answer.document, answer.content.parts, content.parts))


class JudgeAdapter(Adapter):
    """A protocol that asks for a decision and has nothing behind it.

    *unscannable_is_error*: whether its answers have no place to say that a part could not be read.
    """

    unscannable_is_error: ClassVar[bool] = False

    def check(self, exchange: Exchange) -> None:
        """Refuse what the policy's classifiers cannot answer, as `Exchange.scored` says.

        Raises:
            RequestError: a score is asked for that nothing gives; saying 0 would be a lie.
        """

    @abstractmethod
    def encode_decisions(self, exchange: Exchange, judged: Sequence[Judged]) -> bytes:
        """The decisions, one per content of *exchange* and in its order, in the protocol's shape."""


class DropIn(JudgeAdapter):
    """Another system's API for decisions, so that its users move by changing a URL.

    A step such as ``{id}`` of a route stands for one plain word. The first of a path, or the header *model_header*, is
    taken for the model by which policies may be told apart. Clients' keys are looked for in *key_headers* and the query
    parameter *key_parameter* too. *probes* are answered to GET: whether the server is there, and nothing of anyone's.
    """

    default: ClassVar[bool] = True
    """Whether it is served where the configuration says nothing of it: its paths could be nobody else's."""
    model_header: ClassVar[bytes] = b""
    key_headers: ClassVar[tuple[bytes, ...]] = ()
    key_parameter: ClassVar[bytes] = b""
    probes: ClassVar[Mapping[str, bytes]] = {}

    def growing(self, exchange: Exchange) -> Sequence[TextPart]:  # noqa: ARG002  a subclass reads it
        """The texts that may be the beginning of longer ones: of them `Exchange.settled` is worked out."""
        return ()

    def call_of(self, exchange: Exchange) -> str | None:  # noqa: ARG002  a subclass reads it
        """What such texts are asked about by, again and again; None where that cannot be told."""
        return None
