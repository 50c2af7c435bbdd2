"""Keys for placeholders: what `guard.placeholders` is not allowed to make up itself.

A vault stores nothing of anybody. What was masked is held with its request, and gone with it. Where placeholders are to
be the same over the turns of a conversation, whose client sends all of it anew each time, they follow from a key that
follows from a secret, the tenant, and how the conversation began.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from guard.content import TextPart

if TYPE_CHECKING:
    from collections.abc import Callable

    from guard.content import Content

KEY_BYTES = 32
SHORTEST_SECRET = 32
"""Bytes that a secret should have: it is to be as hard to guess as the keys made of it."""


class Scope(StrEnum):
    """For how long the same value has the same placeholder."""

    REQUEST = "request"
    CONVERSATION = "conversation"


def _now() -> float:
    return datetime.now(UTC).timestamp()


class Vault:
    """Gives each content its key.

    With the scope ``request`` it is a new one each time. With ``conversation`` it is the same for contents of one
    tenant whose first user's text is the same, until *rotate_s* seconds of the clock have gone by. Processes that
    share a *secret* agree on it; without one there is a secret of this process alone, a new one for every period.
    """

    def __init__(
        self,
        scope: Scope = Scope.REQUEST,
        *,
        secret: bytes | None = None,
        rotate_s: float = 86_400.0,
        clock: Callable[[], float] = _now,
    ) -> None:
        if secret is not None and len(secret) < SHORTEST_SECRET:
            msg = f"the secret has {len(secret)} bytes; it should have at least {SHORTEST_SECRET}"
            raise ValueError(msg)
        self._scope = scope
        self._given = secret
        self._rotate_s = rotate_s
        self._clock = clock
        self._current = (-1, b"")

    def key(self, content: Content, tenant: str | None) -> bytes:
        """The key that the placeholders of *content*, sent by *tenant*, are derived from."""
        if self._scope is Scope.REQUEST:
            return secrets.token_bytes(KEY_BYTES)
        period = int(self._clock() // self._rotate_s)
        said = b"guard vault 1", str(period).encode(), _named(tenant), _beginning(content)
        # Each with its length before it: no two different answers to the four questions are the same bytes.
        message = b"".join(len(one).to_bytes(8, "big") + one for one in said)
        return hmac.digest(self._secret(period), message, hashlib.sha256)

    def _secret(self, period: int) -> bytes:
        if self._given is not None:
            return self._given
        known, secret = self._current
        if known != period:
            secret = secrets.token_bytes(KEY_BYTES)
            self._current = (period, secret)
        return secret


def _named(tenant: str | None) -> bytes:
    return b"" if tenant is None else b"=" + tenant.encode()


def _beginning(content: Content) -> bytes:
    """What tells one conversation from another: its first user's text, which every later turn repeats."""
    texts = (part.text for part in content.parts if isinstance(part, TextPart) and part.role == "user")
    return hashlib.sha256(next(texts, "").encode("utf-8", "surrogatepass")).digest()
