"""S10: what a client says of the connection, of itself or of others changes nothing here and reaches nobody."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Iterator

import pytest

from guard.audit import State
from guard.server.head import OURS
from tests.acceptance.conftest import House, house
from tests.acceptance.oracle import CHAT
from tests.acceptance.wire import chunked, refused, request, said, served
from tests.fakes import CANARY, HARMLESS

TENANTS = tuple((name, hashlib.sha256(f"key-{name}".encode()).digest()) for name in ("acme", "beta"))
KEY = "Authorization: Bearer key-acme"
OWN_KEY = ("x-guard-key: key-acme", "Authorization: Bearer sk-upstream")

STRIPPED = {
    "a connection option": ("Connection: close, x-tenant", "x-tenant: beta"),
    "many connection options": ("Connection: close, keep-alive, te, x-a, x-b ,,", "TE: trailers", "x-a: 1"),
    "keep-alive": ("Keep-Alive: timeout=9999, max=1",),
    "te": ("TE: trailers, deflate;q=0.5",),
    "trailer": ("Trailer: Authorization",),
    "h2c": ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
    "upgrade unnamed": ("Upgrade: h2c, websocket, TLS/1.0",),
    "websocket": ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
    "proxy": ("Proxy-Authorization: Basic Zm9v", "Proxy-Connection: keep-alive", "Proxy-Authenticate: x", "Proxy: x"),
    "forwarded for": ("X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: 10.0.0.1, 127.0.0.1", "X-Real-IP: 127.0.0.1"),
    "forwarded host": ("X-Forwarded-Host: admin", "X-Forwarded-Proto: https", "X-Forwarded-Port: 8081"),
    "forwarded prefix": ("X-Forwarded-Prefix: /admin", "X-Original-URL: /admin", "X-Rewrite-URL: /admin"),
    "forwarded": ('Forwarded: for=127.0.0.1;host="admin";proto=https', "Via: 1.1 admin"),
    "cloud": ("True-Client-IP: 127.0.0.1", "CF-Connecting-IP: 127.0.0.1", "X-Envoy-External-Address: 127.0.0.1"),
    "method": ("X-HTTP-Method-Override: GET", "X-HTTP-Method: GET"),
    "tenant": ("x-tenant: beta", "X-Guard-Tenant: beta", "x-guard-policy: none", "x-guard-decision: allow"),
    "tenant twin": ("x_tenant: beta", "X_Forwarded_For: 127.0.0.1", "x_real_ip: 127.0.0.1"),
    "cookie": ("Cookie: tenant=beta", "Cookie: admin=1"),
    "free text": (f"X-Anything: {HARMLESS}", "User-Agent: \xe9vil", "Referer: http://admin/"),
}
"""Lines that change nothing, each with what a trusting proxy would believe."""
REFUSED = {
    **{f"option {name.decode()}": (f"Connection: close, {name.decode()}",) for name in sorted(OURS)},
    "option in capitals": ("Connection: AUTHORIZATION",),
    "option among blanks": ("Connection: close,\tauthorization ,x",),
    "option in a second line": ("Connection: close", "Connection: x-guard-key"),
    "the case": ("Connection: close, x-tenant, authorization", "x-tenant: beta"),
    "twin of the key": ("x_guard_key: key-beta",),
    "twin with a dash": ("x-guard_key: key-beta",),
    "twin in capitals": ("X_GUARD_KEY: key-beta",),
    "twin of a length": ("Content_Length: 0",),
    "twin of a framing": ("Transfer_Encoding: chunked",),
    "twin of a coding": ("Content_Encoding: gzip",),
    "twin of a type": ("Content_Type: text/plain",),
    "twin of a project": ("OpenAI_Project: p",),
    "twin of an id": ("x_request_id: 1",),
    "two keys": (*OWN_KEY, "x-guard-key: key-beta"),
    "two authorizations": ("Authorization: Bearer key-beta",),
    "two ids": ("x-request-id: a", "X-Request-Id: b"),
    "two api keys": ("api-key: a", "api-key: b"),
}
"""Lines that could be read in two ways."""
PASSED = (
    "Idempotency-Key: i-1",
    "OpenAI-Organization: org-1",
    "OpenAI-Project: proj_1",
    "OpenAI-Beta: assistants=v2",
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "X-Request-Id: r-1",
    "api-key: sk-azure",
)
streams = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway of two tenants."""
    with house(tmp_path_factory.mktemp("keyed"), tenants=TENANTS) as one:
        yield one


def sent_head(one: House) -> list[str]:
    """The lines that the upstream was sent before the body, without the two that differ by request."""
    head = one.upstream.received[-1].partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    return sorted(line for line in head if not line.startswith(("Host: 127.0.0.1:", "Content-Length: ")))


def our_head(stream: bool) -> list[str]:
    return [
        f"POST {CHAT} HTTP/1.1",
        "Content-Type: application/json",
        f"Accept: {'text/event-stream' if stream else 'application/json'}",
        "Accept-Encoding: identity",
        "User-Agent: guard",
    ]


@streams
@pytest.mark.parametrize("case", STRIPPED)
def test_s10_what_is_said_of_the_connection_or_of_others_changes_nothing(keyed: House, case: str, stream: bool) -> None:
    lines = tuple(line.encode("latin-1") for line in STRIPPED[case])
    bad, good = (request(said(text, stream=stream), KEY, *lines) for text in (CANARY, HARMLESS))

    answer = served(keyed, bad, good, stream=stream)

    assert b" 101 " not in answer.raw
    assert "upgrade" not in answer.headers
    assert keyed.records()[0].tenant == "acme"
    assert sent_head(keyed) == sorted(our_head(stream))


@streams
@pytest.mark.parametrize("text", [CANARY, HARMLESS], ids=["canary", "harmless"])
@pytest.mark.parametrize("case", REFUSED)
def test_s10_a_header_that_could_be_read_in_two_ways_is_refused(
    keyed: House, case: str, text: str, stream: bool
) -> None:
    keyed.begin()

    answer = keyed.raw(request(said(text, stream=stream), KEY, *REFUSED[case]))

    record = refused(keyed, answer, {400: {"invalid_header", "invalid_host"}})
    assert record.tenant is None
    assert answer.headers["connection"] == "close"


@streams
def test_s10_of_all_headers_at_once_only_the_named_ones_travel(keyed: House, stream: bool) -> None:
    """An allow-list, so that what nobody thought of stays here too."""
    odd = [f"X-Odd-{n}: {n}" for n in range(20)]
    lines = [line.encode("latin-1") for case in STRIPPED.values() for line in case]
    lines = [line for line in lines if not line.startswith(b"Connection")]
    bad, good = (
        request(said(text, stream=stream), *OWN_KEY, *PASSED, *odd, *lines, f"X-Too: {text}")
        for text in (CANARY, HARMLESS)
    )

    served(keyed, bad, good, stream=stream)

    assert keyed.records()[0].tenant == "acme"
    passed = [f"{name.lower()}: {value}" for name, _, value in (line.partition(": ") for line in PASSED)]
    assert sent_head(keyed) == sorted([*our_head(stream), *passed, "authorization: Bearer sk-upstream"])


@pytest.mark.parametrize("lines", [("x-guard-key: ", KEY), ("x-guard-key:", KEY), ("x-guard-key: nobody's", KEY)])
def test_s10_a_key_that_is_none_leaves_no_way_for_the_other_one(keyed: House, lines: tuple[str, ...]) -> None:
    """`Authorization` is for the upstream then: as a key of the gateway it would travel on."""
    keyed.begin()

    answer = keyed.raw(request(said(HARMLESS), *lines))

    assert (answer.status, answer.json["error"]["code"]) == (401, "unauthorized")
    assert len(keyed.records()) == 1
    assert keyed.upstream.received == []


@streams
@pytest.mark.parametrize("text", [CANARY, HARMLESS], ids=["canary", "harmless"])
def test_s10_trailers_are_no_headers(keyed: House, text: str, stream: bool) -> None:
    trailers = b"x-guard-key: key-beta\r\nAuthorization: Bearer other\r\nX-Request-Id: late\r\napi-key: late\r\n"
    body = chunked(said(text, stream=stream), 11, trailers)
    keyed.begin()

    answer = keyed.raw(request(body, KEY, framing="Transfer-Encoding: chunked"))

    assert answer.status == (400 if text == CANARY else 200)
    (record,) = keyed.records()
    assert record.tenant == "acme"
    assert b"key-acme" not in keyed.upstream.everything
    assert keyed.upstream.received == [] if text == CANARY else sent_head(keyed) == sorted(our_head(stream))
    assert keyed.leaks(answer) == []


UPGRADES = [
    ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
    ("Connection: upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
    ("Connection: Upgrade", "Upgrade: anything"),
]


@streams
@pytest.mark.parametrize("cut", [None, 0, 1, 30], ids=["at-once", "after-the-head", "one-byte-later", "in-the-body"])
@pytest.mark.parametrize("framing", ["Content-Length", "Transfer-Encoding"])
@pytest.mark.parametrize("lines", UPGRADES, ids=["h2c", "websocket", "anything"])
def test_s01_the_body_of_a_request_that_offers_an_upgrade_is_no_second_request(
    guarded: House, lines: tuple[str, ...], framing: str, cut: int | None, stream: bool
) -> None:
    """httptools by itself gives the body up for the other protocol's, and reads what comes later as a request."""
    body = said(f"hello {request(said(HARMLESS)).decode()}", stream=stream)
    if framing == "Transfer-Encoding":
        body = chunked(body, 20)
    sent = request(body, *lines, framing="Transfer-Encoding: chunked" if framing == "Transfer-Encoding" else None)
    sent = sent.replace(b"Connection: close\r\n", b"", 1)
    split = len(sent) if cut is None else sent.index(b"\r\n\r\n") + 4 + cut

    with socket.create_connection(("127.0.0.1", guarded.ports.data), timeout=5) as connection:
        connection.sendall(sent[:split])
        if cut is not None:
            time.sleep(0.05)  # by now what was sent is read
            connection.sendall(sent[split:])
        connection.sendall(request(said("and a third")))
        raw = b""
        while chunk := connection.recv(65536):
            raw += chunk

    assert raw.count(b"HTTP/1.1 200 ") == raw.count(b"HTTP/1.1 ") == 2
    assert [record.state for record in guarded.records(2)] == [State.ALLOWED] * 2
    assert len(guarded.upstream.received) == 2
    assert guarded.upstream.last_body["messages"][0]["content"] == "and a third"
    assert HARMLESS in guarded.upstream.received[0].decode()
