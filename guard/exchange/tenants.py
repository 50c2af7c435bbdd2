"""Whose request it is: tenants by the keys that requests carry, which are compared by their hashes alone."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from guard.errors import RequestError
from guard.exchange.http import KEY_HEADER, header
from guard.protocols.adapter import DropIn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.exchange.http import Headers, Scope
    from guard.protocols.adapter import Adapter

_KEYS = frozenset({b"authorization", b"x-api-key"})
"""Where clients put a key, the gateway's too, unless it has a header of its own."""


class Tenants:
    """The tenants that are known, each with the sha256 of its key. With none, no key is asked for."""

    def __init__(self, known: Sequence[tuple[str, bytes]]) -> None:
        self._known = tuple(known)

    def named(self, scope: Scope, adapter: Adapter) -> str | None:
        """The tenant whose key the request carries, None where no keys are configured.

        Raises:
            RequestError: ``unauthorized``: it carries none that is known.
        """
        if not self._known:
            return None
        given = header(scope, KEY_HEADER)
        if given is None and isinstance(adapter, DropIn):
            given = _own_key(scope, adapter)
        if given is None:
            given = header(scope, b"x-api-key") or (header(scope, b"authorization") or b"").removeprefix(b"Bearer ")
        digest = hashlib.sha256(given).digest()
        matches = [name for name, known in self._known if hmac.compare_digest(digest, known)]
        if not matches:
            raise RequestError("unauthorized", "Send a key of this gateway as `Authorization: Bearer …`.")
        return matches[0]

    def passed_on(self, scope: Scope) -> Headers:
        """The headers of the request without a key that was the gateway's own: that goes no further."""
        headers: Headers = scope["headers"]
        if self._known and header(scope, KEY_HEADER) is None:
            return [(name, value) for name, value in headers if name not in _KEYS]
        return headers


def _own_key(scope: Scope, adapter: DropIn) -> bytes | None:
    """The key that stands where clients of *adapter*'s protocol put theirs."""
    for name in adapter.key_headers:
        if (given := header(scope, name)) is not None:
            return given
    if adapter.key_parameter:
        given_ones = parse_qs(scope.get("query_string") or b"", max_num_fields=100).get(adapter.key_parameter, [])
        return given_ones[0] if len(given_ones) == 1 else None
    return None
