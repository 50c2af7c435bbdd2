"""A guard's handler, mounted where a hook stands instead of behind a socket."""

from __future__ import annotations

import fnmatch
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from guard.audit import AuditSink
from guard.config import Limits
from guard.errors import UpstreamError
from guard.exchange.handler import Handler
from guard.library import Guard
from guard.protocols.adapter import JudgeAdapter
from guard.protocols.generic_loader import load_protocols

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from guard.audit import AuditRecord
    from guard.exchange.generator import Answering
    from guard.policy.model import Policy


class Place(NamedTuple):
    """What a path means: the *route* of a protocol behind a *prefix*, or nothing that is judged, as someone said."""

    route: str
    prefix: str = ""
    exempt: bool = False


class Mount:
    """The handler of *guard*, and which paths are its.

    Paths that match one of the patterns *exempt* and are no protocol's are passed on unread; any other is refused.
    *protocols* describes generators besides those that are known (files, folders, or names of bundled ones). With
    *judges*, requests for nothing but a decision are answered too.
    """

    def __init__(
        self,
        guard: Guard | str | Path = "default",
        *,
        exempt: Iterable[str] = (),
        protocols: Iterable[str | Path] = (),
        judges: bool = True,
        limits: Limits | None = None,
    ) -> None:
        self.guard = guard if isinstance(guard, Guard) else Guard(guard)
        from guard.protocols import ADAPTERS  # scanned when somebody asks, not when a program starts

        adapters = [one for one in ADAPTERS if judges or not isinstance(one, JudgeAdapter)]
        served = [route for adapter in adapters for route in adapter.routes]
        self.handler = Handler(
            adapters=(*adapters, *load_protocols([str(one) for one in protocols], served)),
            store=_OnePolicy(self.guard.policy),
            pipeline=self.guard.pipeline,
            upstream=_Nobody(),
            sink=self.guard.sink or _Unrecorded(),
            limits=limits or replace(Limits(), judge_timeout_s=self.guard.timeout_s),
            source="library",
        )
        self._exempt = tuple(exempt)
        ordered = sorted(self.handler.routes, key=len, reverse=True)
        self._endings = [(route, route) for route in ordered]
        self._endings += [(route.removeprefix("/v1"), route) for route in ordered if route.startswith("/v1/")]
        self._plain = {_plain(route) for route in ordered}

    def find(self, path: str) -> Place:
        """What *path* means at a generator of whom only the base URL is known, whatever that ends with."""
        for ending, route in self._endings:
            if path.endswith(ending):
                return Place(route, path[: len(path) - len(ending)])
        return Place(path, exempt=self._is_exempt(path))

    def find_exactly(self, path: str) -> Place:
        """What *path* means in an application. One that is nearly a protocol's is not exempt: it might be served."""
        if path in self.handler.routes:
            return Place(path)
        return Place(path, exempt=_plain(path) not in self._plain and self._is_exempt(path))

    def _is_exempt(self, path: str) -> bool:
        return any(fnmatch.fnmatchcase(path, pattern) for pattern in self._exempt)


def _plain(path: str) -> str:
    """*path* as a lenient router might take it."""
    return "/".join(step for step in path.lower().split("/") if step)


class _OnePolicy:
    """Every request is under the guard's policy, whatever that says it matches: it was named by whoever made it."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def select(self, route: str, tenant: str | None, model: str | None) -> Policy:  # noqa: ARG002  the interface
        return self._policy


class _Nobody:
    """Stands where the proxy has its upstream. Each exchange of a hook brings its own."""

    async def call(self, *_: object, **__: Any) -> Answering:
        raise UpstreamError("unreachable", "Nothing was given to answer this.")


class _Unrecorded(AuditSink):
    """The log of a guard without one."""

    def open(self) -> None:
        pass

    async def append(self, record: AuditRecord) -> None:
        pass

    async def begin(self, record: AuditRecord) -> None:
        pass

    def begin_sync(self, record: AuditRecord) -> None:
        pass

    def append_sync(self, record: AuditRecord) -> None:
        pass

    def close(self) -> None:
        pass
