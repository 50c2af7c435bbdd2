"""The generator behind the gateway: bounded HTTP calls over kept connections.

`client` says what travels, when a call is made again and when none is made; `answering` is what comes back;
`connection` and `pool` are the wire; `retry` and `breaker` are pure.
"""

from guard.upstream.answering import RETURNED, Answering
from guard.upstream.client import CREDENTIALS, FORWARDED, Reply, Upstream

__all__ = ["CREDENTIALS", "FORWARDED", "RETURNED", "Answering", "Reply", "Upstream"]
