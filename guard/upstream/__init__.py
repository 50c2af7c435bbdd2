"""The generator behind the gateway: one bounded HTTP call at a time over kept connections.

`client` says what travels and what is made of the answer; `connection` is the wire.
"""

from guard.upstream.client import CREDENTIALS, FORWARDED, RETURNED, Reply, Upstream

__all__ = ["CREDENTIALS", "FORWARDED", "RETURNED", "Reply", "Upstream"]
