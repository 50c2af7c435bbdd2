"""Where models run: in the gateway's own process (the default), in a model server that its workers share, or on Ray.

::

    submit ─link─ Unix socket ─server→ prepare, `Batcher`, model ─→ answers ─link→ submit returns
                     keeper: starts the server, kills one that hangs, starts another

The model server is the same engine with the same batchers, so the findings are the same. What a crash takes with it is
asked again of the next server, and what was running when it died is judged alone: see `guard.placement.recorder`. Text
and pictures go over a socket in a folder that only their user may enter; nothing is written but digests.
"""

from __future__ import annotations

from guard.placement.cluster import Cluster
from guard.placement.keeper import Keeper
from guard.placement.link import Link

__all__ = ["Cluster", "Keeper", "Link"]
