"""S09: a path is the one that is served, letter for letter, or none; what is called upstream is never the client's."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st

from guard.audit import State
from tests.acceptance.conftest import House
from tests.acceptance.oracle import CHAT
from tests.acceptance.wire import refused, request, said, served
from tests.fakes import CANARY, HARMLESS

SERVED = [
    CHAT,
    f"{CHAT}?",
    f"{CHAT}?stream=true&model=%2e%2e%2fadmin",
    f"{CHAT}?/../../admin",
    f"{CHAT}?//v1//x;y\\z",
    f"http://localhost{CHAT}",
    f"HTTP://LOCALHOST{CHAT}?x=1",
    f"http://localhost:80{CHAT}",
    f"https://localhost:443{CHAT}",
]
"""The route itself, whatever stands around it."""
UNKNOWN = [
    "/v1/../admin",
    "/v1/../v1/chat/completions",
    "/../v1/chat/completions",
    "/v1/./chat/completions",
    "/./v1/chat/completions",
    "/v1/chat/completions/..",
    "/v1/moderations/../chat/completions",
    "/guard/v1/check/../../../v1/chat/completions",
    "/v1%2f..%2fadmin",
    "/v1%2F..%2Fadmin",
    "/v1/%2e%2e/admin",
    "/v1/%252e%252e/admin",
    "/v1%2fchat%2fcompletions",
    "/v1%5cchat%5ccompletions",
    "/v1/ch%61t/completions",
    "/v1/chat/completions%3Fx",
    "/v1/chat/completions%23",
    "/v1/chat/completions%20",
    "/v1/chat/completions%00",
    "/v1/chat/completions%0d%0aX:%20y",
    "/v1/chat/completions%",
    "/v1/chat/completions%zz",
    "/v1/chat/completions%c0%ae",
    "//v1//chat/completions",
    "//v1/chat/completions",
    "//localhost/v1/chat/completions",
    "///v1/chat/completions",
    "/v1/chat//completions",
    "/v1/chat/completions/",
    "/v1/chat/completions//",
    "/v1/chat/completions.",
    "/v1/chat/completions./",
    "/v1/chat/completions;x",
    "/v1/chat/completions;x=1?y",
    "/v1;x/chat/completions",
    "/v1/chat;/completions",
    "/v1\\chat\\completions",
    "/v1/chat\\completions",
    "\\v1\\chat\\completions",
    "/V1/chat/completions",
    "/v1/Chat/Completions",
    "/v1/chat/COMPLETIONS",
    "/v1/chat/completions,",
    "/v1/chat/completions&",
    "/v1/chat/completions=",
    "/v1/chat/completions*",
    "/v1/chat/completions~",
    "/v1/chat/completion",
    "/v1/chat/completionss",
    "/v1/chat",
    "/",
    "/?/v1/chat/completions",
    "/admin",
    "/metrics",
    "http://localhost/v1/../admin",
    "http://localhost//v1/chat/completions",
    "http://localhost/v1/chat/completions/",
]
"""Other paths, however near."""
NO_TARGET = [
    "",
    "*",
    "v1/chat/completions",
    "localhost:80",
    "localhost/v1/chat/completions",
    "http:/v1/chat/completions",
    "http:///v1/chat/completions",
    "http://localhost",
    "http://localhost?x",
    "http://localhost\\@elsewhere/v1/chat/completions",
    "http://elsewhere/v1/chat/completions",
    "http://localhost:8080/v1/chat/completions",
    "http://localhost:443/v1/chat/completions",
    "http://user@localhost/v1/chat/completions",
    "http://localhost@elsewhere/v1/chat/completions",
    "http://localhost./v1/chat/completions",
    "http://localhost%2f/v1/chat/completions",
    "ftp://localhost/v1/chat/completions",
    "file:///v1/chat/completions",
    "/v1/chat/completions#",
    "/v1/chat/completions#?x",
    "/v1/chat/completions?x#y",
    "/v1/chat/completions\t",
    "/v1/chat/completions x",
    "/v1/chat/completions\x00",
    "/v1/chat/completions\x7f",
    "/v1/chat/completions\x0b",
    "/v1/chat/completions\u00e9",
    "/v1/chat\uff0fcompletions",
    "/v1/\u2025/chat/completions",
]
"""What is no target of a request to here at all."""
REFUSALS = {400: {"invalid_http", "invalid_host", "invalid_target"}, 404: {"unknown_route"}}

streams = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@streams
@pytest.mark.parametrize("target", SERVED)
def test_s09_what_stands_around_the_served_path_changes_nothing(guarded: House, target: str, stream: bool) -> None:
    bad, good = (request(said(text, stream=stream), target=target) for text in (CANARY, HARMLESS))
    served(guarded, bad, good, stream=stream)


@streams
@pytest.mark.parametrize("text", [CANARY, HARMLESS], ids=["canary", "harmless"])
@pytest.mark.parametrize("target", UNKNOWN + NO_TARGET)
def test_s09_any_other_path_is_refused_and_recorded(guarded: House, target: str, text: str, stream: bool) -> None:
    answer = guarded.raw(request(said(text, stream=stream), target=target))

    assert refused(guarded, answer, REFUSALS).route == ""
    assert answer.status == (404 if target in UNKNOWN and target[0] != "\\" else 400)


@pytest.mark.parametrize("target", ["localhost:443", "/v1/chat/completions", "http://localhost/v1/chat/completions"])
def test_s09_connect_opens_no_tunnel(guarded: House, target: str) -> None:
    head = f"CONNECT {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()

    answer = guarded.raw(head + request(said(CANARY)))

    assert refused(guarded, answer, {400: REFUSALS[400]}).route == ""


PIECES = st.sampled_from(
    [CHAT, "/v1", "/chat", "/completions", "/", "//", "/..", "/.", "..", "%2f", "%2e", "%5c", "%25", "%", ";", ";x=1",
     "\\", ".", "?", "?x", "#", "&", "admin", "V1", "Chat", "@", ":", "http://localhost", "https://elsewhere", "*"]
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(target=st.lists(PIECES, min_size=1, max_size=6).map("".join), stream=st.booleans())
def test_s09_a_target_made_of_such_pieces_is_the_route_or_refused(guarded: House, target: str, stream: bool) -> None:
    path = target.removeprefix("http://localhost").partition("?")[0]
    assume(path != "/v1/completions")  # another route, with another body
    guarded.begin()

    answer = guarded.raw(request(said(CANARY, stream=stream), target=target))

    if path == CHAT and "#" not in target:
        (record,) = guarded.records()
        assert (answer.status, record.state, record.route) == (400, State.BLOCKED, CHAT)
        assert guarded.leaks(answer) == []
    else:
        refused(guarded, answer, REFUSALS)
