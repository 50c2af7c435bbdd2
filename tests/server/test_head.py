"""A head is read in one way or refused; what it says wrong is told without repeating it."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from guard.errors import RequestError
from guard.server.head import KEY_HEADER, OURS, check
from guard.upstream import CREDENTIALS, FORWARDED

HOST = (b"host", b"localhost:8080")
PATH = b"/v1/chat/completions"


def refusal(target: bytes, host: bytes) -> RequestError | None:
    """Why a head with this target and host is refused."""
    try:
        check(b"POST", "1.1", target, [(b"host", host)])
    except RequestError as error:
        return error
    return None


def test_every_header_that_travels_or_opens_the_door_is_one_of_ours() -> None:
    assert FORWARDED | CREDENTIALS | {KEY_HEADER} <= OURS


@given(
    name=st.text("abcdefghijklmnopqrstuvwxyz-_", min_size=1, max_size=20).map(str.encode),
    value=st.binary(max_size=20),
)
def test_a_header_that_is_not_ours_may_say_anything(name: bytes, value: bytes) -> None:
    if name.replace(b"_", b"-") not in OURS | {b"connection"}:
        check(b"POST", "1.1", PATH, [HOST, (name, value), (name, value)])


@given(name=st.sampled_from(sorted(n for n in OURS if b"-" in n)), data=st.data())
def test_a_twin_with_any_dash_as_underscore_is_refused(name: bytes, data: st.DataObject) -> None:
    dashes = [i for i, char in enumerate(name) if char == ord("-")]
    chosen = data.draw(st.sets(st.sampled_from(dashes), min_size=1))
    twin = bytes(ord("_") if i in chosen else char for i, char in enumerate(name))
    with pytest.raises(RequestError) as raised:
        check(b"POST", "1.1", PATH, [HOST, (twin, b"x")])
    assert raised.value.code == "invalid_header"


@given(value=st.binary(max_size=30))
def test_what_passes_for_a_host_is_one_name_and_one_port(value: bytes) -> None:
    error = refusal(PATH, value)
    if error is None:
        assert value
        assert not set(value) & set(b" \t,/@?#\\%\r\n\0")
    else:
        assert error.code == "invalid_host"
        assert len(value) < 3 or value.decode("latin-1") not in error.message


@given(target=st.binary(min_size=1, max_size=40))
def test_what_passes_for_a_target_is_a_path_here(target: bytes) -> None:
    error = refusal(target, b"localhost:8080")
    if error is None:
        absolute = (b"http://localhost:8080/", b"https://localhost:8080/")
        assert target.startswith(b"/") or target.lower().startswith(absolute)
        assert all(0x21 <= byte <= 0x7E and byte != ord("#") for byte in target)
    else:
        assert error.code in {"invalid_target", "invalid_host"}


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (b"http://LocalHost/x", b"localhost:80"),
        (b"http://localhost:80/x", b"LOCALHOST"),
        (b"https://localhost/x", b"localhost:443"),
        (b"HTTP://[::1]:8080/x?y", b"[::1]:8080"),
    ],
)
def test_a_target_may_name_the_host_again(target: bytes, host: bytes) -> None:
    check(b"POST", "1.1", target, [(b"host", host)])


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_host_may_be_missing_in_http_1_0_alone(version: str) -> None:
    if version == "1.0":
        check(b"POST", version, PATH, [])
    else:
        with pytest.raises(RequestError, match="Host"):
            check(b"POST", version, PATH, [])
    with pytest.raises(RequestError) as raised:
        check(b"POST", version, PATH, [HOST, HOST])
    assert raised.value.code == "invalid_host"
