"""The HTTP parser of a connection: httptools (llhttp), deaf to ``Upgrade`` and to trailers.

httptools takes the body of a request that offers an upgrade for bytes of the other protocol: it drops some and reads
the rest as a new request, which is how one request hides in another. No other protocol is spoken here, so the offer is
not heard (RFC 9110 section 7.8 allows that) and the body stays a body. Clients do offer: Java's asks for h2c each time.

Trailers come through the same door as headers. Nothing may be said after the body that was not said, and checked,
before it (RFC 9110 section 6.5.1): they are dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from httptools import HttpParserUpgrade, HttpRequestParser

if TYPE_CHECKING:
    from typing import Any, Protocol

    class Events(Protocol):
        """What a parser tells: httptools' callbacks."""

        def on_message_begin(self) -> None:
            """A head begins."""

        def on_url(self, url: bytes) -> None:
            """Part of the target."""

        def on_header(self, name: bytes, value: bytes) -> None:
            """A header; never a trailer."""

        def on_headers_complete(self) -> None:
            """The head is whole."""

        def on_body(self, body: bytes) -> None:
            """Part of the body."""

        def on_message_complete(self) -> None:
            """The request is whole."""


class Parser:
    """Reads requests from the bytes of one connection and tells *events*. Has what uvicorn asks of httptools' own."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._in_body = False
        self._again = False  # a head goes by that was told already
        self._framing = b""
        self.on_body = events.on_body  # httptools calls it
        self._begin()

    def _begin(self) -> None:
        self._parser: Any = HttpRequestParser(self)
        # What follows a request that closes the connection is not read, and is no error of that request.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def feed_data(self, data: bytes) -> None:
        """Take what came.

        Raises:
            httptools.HttpParserError: it is no HTTP, or *events* refused it.
        """
        while True:
            try:
                self._parser.feed_data(data)
            except HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
            else:
                return
            self._begin()
            self._again = True
            self._parser.feed_data(b"POST / HTTP/1.1\r\n" + self._framing + b"\r\n\r\n")

    def close(self) -> None:
        """Let go of the parser, which knows this object: else both would wait for a full garbage collection."""
        self._parser = None

    def get_http_version(self) -> str:
        """The version of the request whose head is whole."""
        return str(self._parser.get_http_version())

    def get_method(self) -> bytes:
        """Its method."""
        return bytes(self._parser.get_method())

    def should_keep_alive(self) -> bool:
        """Whether another request may follow it."""
        return bool(self._parser.should_keep_alive())

    def should_upgrade(self) -> bool:
        """Whether it becomes another protocol: never."""
        return False

    # httptools calls these

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_body = False
        if not self._again:
            self._framing = b"Content-Length: 0"
            self._events.on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Part of the target."""
        if not self._again:
            self._events.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        if self._in_body or self._again:
            return
        if name.lower() in {b"content-length", b"transfer-encoding"}:
            self._framing = name + b": " + value
        self._events.on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_body = True
        if not self._again:
            self._events.on_headers_complete()
        self._again = False

    def on_message_complete(self) -> None:
        """The request is whole, unless its body was taken for another protocol's bytes."""
        if not self._parser.should_upgrade():
            self._events.on_message_complete()
