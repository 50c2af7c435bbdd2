"""The parser tells the same whatever is offered beside HTTP/1.1, and however its bytes are cut."""

from __future__ import annotations

import gc
import weakref
from itertools import pairwise

import httptools
import pytest
from hypothesis import given, strategies as st

from guard.server.parser import Parser

OFFERS = [
    b"",
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n",
    b"Upgrade: websocket\r\nConnection: upgrade\r\n",
]


class Ear:
    """Writes down what it is told: one line per request, bodies put together."""

    def __init__(self) -> None:
        self.requests: list[tuple[bytes, list[bytes], bytes]] = []
        self.heads = 0
        self.parser = Parser(self)

    def on_message_begin(self) -> None:
        self.url, self.names, self.body = b"", list[bytes](), b""

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.names.append(name)

    def on_headers_complete(self) -> None:
        assert self.parser.get_method() == b"POST"
        assert self.parser.get_http_version() == "1.1"
        assert not self.parser.should_upgrade()
        self.heads += 1

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.requests.append((self.url, self.names, self.body))


def wire(number: int, offer: bytes, body: bytes | None, chunked: bool) -> bytes:
    head = b"POST /%d HTTP/1.1\r\nHost: x\r\n%s" % (number, offer)
    if body is None:
        return head + b"\r\n"
    if not chunked:
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    chunk = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk + b"0\r\nX-Late: y\r\nHost: late\r\n\r\n"


REQUESTS = st.lists(
    st.tuples(
        st.sampled_from(OFFERS),
        st.none() | st.binary(max_size=30) | st.just(wire(9, b"", b"inner", chunked=False)),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@given(requests=REQUESTS, cuts=st.lists(st.integers(0, 600), max_size=8))
def test_an_offered_upgrade_changes_no_request_however_the_bytes_are_cut(
    requests: list[tuple[bytes, bytes | None, bool]], cuts: list[int]
) -> None:
    sent = b"".join(wire(n, offer, body, chunked) for n, (offer, body, chunked) in enumerate(requests))
    ear = Ear()
    for start, end in pairwise([0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]):
        ear.parser.feed_data(sent[start:end])
    assert [(url, body) for url, _, body in ear.requests] == [
        (b"/%d" % n, body or b"") for n, (_, body, _) in enumerate(requests)
    ]
    assert ear.heads == len(requests)
    assert not any(b"X-Late" in names or names.count(b"Host") != 1 for _, names, _ in ear.requests)


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 3\r\nTransfer-Encoding: chunked",
        b"Content-Length: 3\r\nContent-Length: 3",
        b"Content-Length: +3",
        b"Transfer-Encoding: xchunked",
    ],
)
def test_an_offered_upgrade_hides_no_broken_framing(offer: bytes, framing: bytes) -> None:
    ear = Ear()
    with pytest.raises(httptools.HttpParserError):
        ear.parser.feed_data(
            b"POST / HTTP/1.1\r\nHost: x\r\n" + offer + framing + b"\r\n\r\nabcPOST / HTTP/1.1\r\n\r\n"
        )
    assert ear.requests == []


def test_broken_chunks_behind_an_offered_upgrade_are_refused() -> None:
    ear = Ear()
    ear.parser.feed_data(b"POST / HTTP/1.1\r\nHost: x\r\n" + OFFERS[1] + b"Transfer-Encoding: chunked\r\n\r\n")
    with pytest.raises(httptools.HttpParserError):
        ear.parser.feed_data(b"zz\r\n")
    assert ear.requests == []


def test_a_closed_parser_needs_no_collection_to_go() -> None:
    """Connections come and go by the thousand; full collections are rare."""
    gc.disable()
    try:
        ear = Ear()
        ear.parser.feed_data(wire(0, OFFERS[1], b"x", chunked=False))
        ear.parser.close()
        gone = weakref.ref(ear)
        ear.parser = None  # type: ignore[assignment]  # as uvicorn does
        del ear
        assert gone() is None
    finally:
        gc.enable()
