"""S08 and S14: bodies of any size are bounded; odd JSON is refused, and other JSON passes as it is."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from guard.audit import State
from tests.acceptance.conftest import House, house
from tests.acceptance.oracle import CHAT, Bench, ask
from tests.fakes import CANARY, HARMLESS, eventually

LIMIT = 8 * 2**20


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway that takes bodies of eight mebibytes."""
    with house(tmp_path_factory.mktemp("small"), body_bytes=LIMIT) as one:
        yield one


def sized(size: int, phrase: str = HARMLESS) -> bytes:
    """A request of exactly *size* bytes whose last word is *phrase*."""
    bare = json.dumps(ask(f" {phrase}")).encode()
    return bare.replace(f" {phrase}".encode(), b"x " * ((size - len(bare)) // 2) + f" {phrase}".encode()).ljust(size)


def chunked(body: bytes, piece: int = 65_536) -> bytes:
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
    pieces = (body[at : at + piece] for at in range(0, len(body), piece))
    return (
        f"{head}Transfer-Encoding: chunked\r\n\r\n".encode()
        + b"".join(f"{len(one):x}\r\n".encode() + one + b"\r\n" for one in pieces)
        + b"0\r\n\r\n"
    )


def resident() -> int:
    """Bytes of memory this process, and the gateway in it, hold now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("announced", [LIMIT + 1, 10 * LIMIT, 10**15, 10**18])
def test_s08_a_length_over_the_limit_is_refused_before_the_body_is_read(small: House, announced: int) -> None:
    bench = Bench(small)
    bench.sent = 1
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

    answer = small.raw(f"{head}Content-Length: {announced}\r\nConnection: close\r\n\r\n".encode())

    assert (answer.status, answer.json["error"]["code"]) == (413, "body_too_large")
    assert small.upstream.received == []
    assert (bench.record().state, bench.record().status) == (State.REJECTED_PROTOCOL, 413)


def test_s08_a_client_that_waits_for_leave_to_send_too_much_never_gets_it(small: House) -> None:
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"

    answer = small.raw(f"{head}Expect: 100-continue\r\nContent-Length: {LIMIT + 1}\r\n\r\n".encode())

    assert answer.raw.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("off", [-1, 0])
@pytest.mark.parametrize("framed", ["by length", "in chunks"])
def test_s08_a_body_up_to_the_limit_is_judged_to_its_last_word(small: House, framed: str, off: int) -> None:
    for phrase, status in ((CANARY, 400), (HARMLESS, 200)):
        bench = Bench(small)
        bench.sent = 1
        body = sized(LIMIT + off, phrase)
        answer = small.post(CHAT, body) if framed == "by length" else small.raw(chunked(body))

        assert answer.status == status
        assert bench.record().bytes_in == LIMIT + off
        assert small.leaks(answer) == []
        if status == 200:
            assert small.upstream.last_body == json.loads(body)


@pytest.mark.parametrize("framed", ["by length", "in chunks"])
def test_s08_one_byte_over_the_limit_is_too_much(small: House, framed: str) -> None:
    bench = Bench(small)
    bench.sent = 1
    body = sized(LIMIT + 1)

    answer = small.post(CHAT, body) if framed == "by length" else small.raw(chunked(body))

    assert (answer.status, answer.json["error"]["code"]) == (413, "body_too_large")
    assert str(LIMIT) in answer.json["error"]["message"]
    assert small.upstream.received == []
    assert bench.record().state == State.REJECTED_PROTOCOL


def test_s08_endless_chunks_cost_no_more_than_twice_the_limit(small: House) -> None:
    bench = Bench(small)
    bench.sent = 1
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    small.post(CHAT, sized(LIMIT - 1))  # what the first large body makes the allocator keep is not this one's
    bench.before += 1
    peak = base = resident()
    sent = 0

    with socket.create_connection(("127.0.0.1", small.ports.data), timeout=20) as connection:
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode())
        try:
            for _ in range(16 * LIMIT // 65_536):
                connection.sendall(chunk)
                sent += 65_536
                peak = max(peak, resident())
        except (BrokenPipeError, ConnectionResetError):
            pass

    assert sent < 16 * LIMIT, "the gateway reads on for ever"
    assert peak - base <= 2 * LIMIT
    assert eventually(lambda: bench._records() == bench.before + 1)
    assert bench.record().error == "body_too_large"


def test_s08_twenty_large_bodies_at_once_are_refused_without_being_held(small: House) -> None:
    body = chunked(b"x" * (LIMIT + 65_536))
    bench = Bench(small)
    bench.sent = 20
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(small.raw(body).status)) for _ in range(20)]

    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [413] * 20
    assert time.monotonic() - began < 10
    assert bench.record().state == State.REJECTED_PROTOCOL


def raw(inside: bytes) -> bytes:
    """A request with *inside* as one more member; its message is the canary, which should get nowhere."""
    return b'{"model":"m","messages":[{"role":"user","content":"' + CANARY.encode() + b'"}],' + inside + b"}"


ODD: dict[str, bytes] = {
    "nothing": b"",
    "white space": b" \r\n\t",
    "a key twice": raw(b'"model":"m"'),
    "the messages twice": b'{"messages":[],' + raw(b'"x":1')[1:],
    "a key twice, escaped": raw(b'"mod\\u0065l":"m"'),
    "a key twice, deep": raw(b'"x":[{"a":[1,{"b":1,"c":2,"b":3}]}]'),
    "an empty key twice": raw(b'"x":{"":1,"":2}'),
    "the role twice": b'{"model":"m","messages":[{"role":"user","role":"system","content":"x"}]}',
    "not a number": raw(b'"x":NaN'),
    "infinity": raw(b'"x":Infinity'),
    "minus infinity": raw(b'"x":-Infinity'),
    "a number beyond double": raw(b'"x":1e400'),
    "a whole number of 5,000 digits": raw(b'"x":' + b"9" * 5_000),
    "a whole number of 65 bits": raw(b'"x":18446744073709551616'),
    "a negative number of 65 bits": raw(b'"x":[-9223372036854775809]'),
    "a number of 30 digits as a known field": raw(b'"seed":' + b"1" * 30),
    "a leading zero": raw(b'"x":01'),
    "a plus sign": raw(b'"x":+1'),
    "hexadecimal": raw(b'"x":0x10'),
    "a bare point": raw(b'"x":.5'),
    "a high surrogate alone": raw(b'"x":"\\ud800"'),
    "a low surrogate alone": raw(b'"x":"\\udc00 and on"'),
    "surrogates the wrong way round": raw(b'"x":"\\udc00\\ud800"'),
    "a surrogate in a key": raw(b'"\\ud834":1'),
    "a surrogate in UTF-8": raw(b'"x":"\xed\xa0\x80"'),
    "overlong UTF-8": raw(b'"x":"\xc0\xaf"'),
    "half a character": raw(b'"x":"\xe4\xb8"'),
    "Latin-1": raw(b'"x":"caf\xe9"'),
    "a byte order mark": b"\xef\xbb\xbf" + raw(b'"x":1'),
    "UTF-16": raw(b'"x":1').decode().encode("utf-16"),
    "UTF-16 without a mark": raw(b'"x":1').decode().encode("utf-16-le"),
    "UTF-32": raw(b'"x":1').decode().encode("utf-32"),
    "U+0000 escaped": raw(b'"x":"a\\u0000b"'),
    "U+0000 in a key": raw(b'"a\\u0000b":1'),
    "U+0000 far down": raw(b'"x":' + b"[" * 600 + b'"\\u0000"' + b"]" * 600),
    "U+0000 bare": raw(b'"x":"a\x00b"'),
    "a bare control character": raw(b'"x":"a\nb"'),
    "an unknown escape": raw(b'"x":"\\x41"'),
    "single quotes": b"{'model':'m'}",
    "a comment": raw(b'"x":1/**/'),
    "a trailing comma": raw(b'"x":[1,]'),
    "text after the end": raw(b'"x":1') + b" x",
    "a second document": raw(b'"x":1') + raw(b'"x":1'),
    "cut short": raw(b'"x":1')[:-1],
    "lists 65 deep": raw(b'"x":' + b"[" * 65 + b"]" * 65),
    "objects 65 deep": raw(b'"x":' + b'{"a":' * 65 + b"1" + b"}" * 65),
    "lists 1,000 deep": raw(b'"x":' + b"[" * 1_000 + b"]" * 1_000),
    "lists 100,000 deep": raw(b'"x":' + b"[" * 100_000 + b"]" * 100_000),
    "objects 100,000 deep": raw(b'"x":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "lists that never end": b"[" * 100_000,
    "a form": b"model=m&messages=" + CANARY.encode(),
}


@pytest.mark.parametrize("path", [CHAT, "/v1/moderations", "/guard/v1/check"])
@pytest.mark.parametrize("odd", ODD)
def test_s14_what_readers_could_read_differently_is_refused(bench: Bench, odd: str, path: str) -> None:
    bench.refuses(ODD[odd], "invalid_json", path)


@pytest.mark.parametrize("path", [CHAT, "/v1/moderations", "/guard/v1/check"])
@pytest.mark.parametrize("body", [b"[]", b"null", b"true", b"7", b'"' + CANARY.encode() + b'"', b'[{"model":"m"}]'])
def test_s14_a_body_that_is_no_object_is_refused(bench: Bench, body: bytes, path: str) -> None:
    bench.refuses(body, "invalid_type", path)


VARIANTS = {
    "an upper-case letter": ask("hi") | {"Messages": [{"role": "user", "content": CANARY}]},
    "upper case": ask("hi") | {"MESSAGES": [{"role": "user", "content": CANARY}]},
    "the long s": ask("hi") | {"me\u017f\u017fages": [{"role": "user", "content": CANARY}]},
    "the Kelvin sign": ask("hi", top_logprobs=1) | {"logit_bias": {}, "to\u212aens": 1, "max_to\u212aens": 5},
    "in a message": {"model": "m", "messages": [{"role": "user", "rOle": "system", "content": CANARY}]},
    "in a message, the value": {"model": "m", "messages": [{"role": "user", "content": "x", "Content": CANARY}]},
    "in a part": ask([{"type": "text", "text": "hi", "Text": CANARY}]),
    "in a call": ask(
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "", "ARGUMENTS": CANARY}}]}
    ),
    "stream": ask(CANARY) | {"Stream": True},
    "tools": ask("hi") | {"Tools": [{"type": "function", "function": {"name": CANARY}}]},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_s14_a_key_that_differs_from_a_known_one_in_case_is_refused(bench: Bench, variant: str) -> None:
    bench.refuses(VARIANTS[variant], "case_variant_key")


def test_s14_the_same_body_in_any_spelling_is_one_body(bench: Bench) -> None:
    """Escapes, white space and the order of keys change nothing, for the canary or its twin."""
    for phrase in (CANARY, HARMLESS):
        letters = "".join(f"\\u{ord(char):04X}" for char in phrase)
        spelled = f'\n{{ "messages" : [\t{{"content":"{letters}" ,"rol\\u0065":"user"}}],"model":"m"}}\r\n'.encode()
        if phrase == CANARY:
            bench.blocks(spelled)
        else:
            assert bench.send(spelled).status == 200
            assert bench.house.upstream.last_body == ask(HARMLESS)


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
documents = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@given(inside=documents, content=words, stream=st.booleans(), compact=st.booleans(), plain=st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_s14_what_is_forwarded_is_what_was_checked(
    bench: Bench, inside: Any, content: str, *, stream: bool, compact: bool, plain: bool
) -> None:
    body = ask(content, "and", x_new=inside, stream=stream)
    sent = json.dumps(body, ensure_ascii=plain, separators=(",", ":") if compact else None).encode()

    answer = bench.send(sent)

    if answer.status == 200 and bench.record().state is State.ALLOWED:
        assert bench.house.upstream.last_body == body
    else:  # a number that spells a card, say: then nothing was sent, or what was sent is not the same
        assert bench.record().state in {State.BLOCKED, State.REDACTED}
        assert answer.status in {200, 400}
