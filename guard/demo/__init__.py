"""A small real generator, for ``make run``, ``guard demo`` and end-to-end tests.

It stands where a user's model would stand: behind the gateway, reached over HTTP, knowing nothing of it.
"""

from guard.demo.generator import Generation, Generator
from guard.demo.upstream import create_upstream, running, serve

__all__ = ["Generation", "Generator", "create_upstream", "running", "serve"]
