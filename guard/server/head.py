"""What the head of a request may say, beyond what the parser sees to: framing, target, host, and whose headers count.

A proxy in front and this gateway must mean the same by every head. Where two readings are possible the head is refused
(400, and the connection closes): guessing would let one request hide in another, or one client speak as another.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guard.errors import RequestError
from guard.exchange.http import KEY_HEADER
from guard.upstream import CREDENTIALS, FORWARDED

if TYPE_CHECKING:
    from collections.abc import Iterable

_ONCE = FORWARDED | CREDENTIALS | {KEY_HEADER, b"host", b"transfer-encoding"}
OURS = _ONCE | {b"accept-language", b"content-encoding", b"content-length", b"content-type", b"expect"}
"""Every header that is read or travels on. Any other may say what it likes: it changes nothing and goes nowhere."""

_HOST = re.compile(rb"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_ABSOLUTE = re.compile(rb"(https?)://([^/?#]*)/.*", re.IGNORECASE | re.DOTALL)
_VISIBLE = re.compile(rb"[!-~]+")
_DEFAULT_PORT = {b"http": b":80", b"https": b":443"}


def check(method: bytes, version: str, target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Refuse a head that could be read in two ways. Names in *headers* are lower case; *version* is such as ``1.1``.

    What follows a ``CONNECT`` would be a tunnel's to one and a request's to another: there is none through here.
    RFC 9112 sections 3.2 (target and ``Host``), 6.1 (``Transfer-Encoding``, none in HTTP/1.0); RFC 9110 section 7.6.1
    (``Connection``): a header that it names is not for us, so it may not name one that we read or send on. Proxies and
    applications that take ``_`` for ``-`` make twins of our headers of ``x_guard_key`` and the like.

    Raises:
        RequestError: ``invalid_http``, ``invalid_host``, ``invalid_target`` or ``invalid_header``.
    """
    seen: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _ONCE:
            if name in seen:
                code = "invalid_host" if name == b"host" else "invalid_header"
                raise RequestError(code, f"`{name.decode()}` stands twice in the head; send it once.")
            seen[name] = value
        elif name == b"connection":
            _check_connection(value)
        elif b"_" in name and (twin := name.replace(b"_", b"-")) in OURS:
            raise RequestError("invalid_header", f"A header is like `{twin.decode()}` but for `_`; write it with `-`.")
    coding = seen.get(b"transfer-encoding")
    if coding is not None and (version == "1.0" or coding.strip(b" \t").lower() != b"chunked"):
        raise RequestError("invalid_http", "Transfer-Encoding should be `chunked` alone, and never in HTTP/1.0.")
    if method == b"CONNECT":
        raise RequestError("invalid_target", "This gateway opens no tunnels.")
    _check_target(target, _host(version, seen.get(b"host")))


def _check_connection(value: bytes) -> None:
    for option in value.lower().split(b","):
        if (name := option.strip(b" \t")) in OURS:
            raise RequestError("invalid_header", f"`Connection` names `{name.decode()}`, which is for the whole way.")


def _host(version: str, value: bytes | None) -> bytes | None:
    if value is None and version == "1.0":
        return None
    if value is None or _HOST.fullmatch(value) is None:
        raise RequestError("invalid_host", "One `Host: name` or `Host: name:port` should stand in the head.")
    return value.lower()


def _check_target(target: bytes, host: bytes | None) -> None:
    if _VISIBLE.fullmatch(target) is None or b"#" in target:
        raise RequestError("invalid_target", "The target should be a path in visible ASCII, without a fragment.")
    if target.startswith(b"/"):
        return
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise RequestError("invalid_target", "The target should be a path, such as /v1/chat/completions.")
    port = _DEFAULT_PORT[absolute[1].lower()]
    if host is None or absolute[2].lower().removesuffix(port) != host.removesuffix(port):
        raise RequestError("invalid_host", "The target names another host than `Host` does.")
