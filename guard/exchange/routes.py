"""Which protocol answers which path, and under which name policies and records know it."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from guard.errors import ConfigError, did_you_mean
from guard.protocols.adapter import Adapter, DropIn, JudgeAdapter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_STEP = re.compile(r"\{[a-zA-Z]+\}")
_WORD = r"([A-Za-z0-9_.:+\-]{1,128})"


class Route(NamedTuple):
    """A path that is served: *path* as policies match it and records say it, with no word of the client's in it."""

    path: str
    adapter: Adapter
    model: str | None = None
    """What the client wrote in the place of the first step that stands for a word."""


class Routes:
    """Every path of *adapters*. *drop_ins* says below which prefix one is served, or None for not at all.

    Raises:
        ConfigError: *drop_ins* names what there is not, or two would answer the same path.
    """

    def __init__(
        self, adapters: Iterable[Adapter], *, upstream: bool = True, drop_ins: Mapping[str, str | None] | None = None
    ) -> None:
        """Without an *upstream*, only those that ask for decisions are served."""
        adapters, placed = tuple(adapters), dict(drop_ins or {})
        known = {adapter.name for adapter in adapters if isinstance(adapter, DropIn)}
        for name in placed:
            if name not in known:
                raise ConfigError("drop_ins", 1, 1, f"no such drop-in: `{name}`", did_you_mean(name, known))
        self._exact: dict[str, Route] = {}
        self._patterns: list[tuple[re.Pattern[str], Route]] = []
        self.probes: dict[str, bytes] = {}
        for adapter in adapters:
            if not upstream and not isinstance(adapter, JudgeAdapter):
                continue
            below = _below(adapter, placed)
            if below is None:
                continue
            if isinstance(adapter, DropIn):
                self.probes |= {below + path: body for path, body in adapter.probes.items()}
            for path in adapter.routes:
                self._add(Route(below + path, adapter))

    def _add(self, route: Route) -> None:
        if route.path in self.paths:
            name = route.adapter.name
            problem = f"`{route.path}` of `{name}` is served already"
            raise ConfigError("drop_ins", 1, 1, problem, f"give `{name}` a prefix of its own, or `false`")
        pieces = [re.escape(piece) for piece in _STEP.split(route.path)]
        if len(pieces) == 1:
            self._exact[route.path] = route
        else:
            self._patterns.append((re.compile(_WORD.join(pieces)), route))

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that is served, as policies match it."""
        return (*self._exact, *(route.path for _, route in self._patterns))

    def find(self, path: str) -> Route | None:
        """The route of exactly *path*."""
        found = self._exact.get(path)
        if found is None:
            for pattern, route in self._patterns:
                match = pattern.fullmatch(path)
                if match is not None:
                    return route._replace(model=match[1])
        return found

    def nearest(self, path: str, usual: str) -> Adapter:
        """Whose words an unknown *path* is refused in: those of the route that begins most like it, else *usual*'s."""
        steps = path.split("/")

        def alike(route: str) -> int:
            return sum(
                1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(route.split("/"), steps, strict=False))
            )

        near = max(self._routes(), key=lambda route: (alike(route.path), not isinstance(route.adapter, DropIn)))
        if alike(near.path) > alike(usual):
            return near.adapter
        first = next((route for route in self._routes() if not isinstance(route.adapter, DropIn)), near)
        return self._exact.get(usual, first).adapter

    def _routes(self) -> list[Route]:
        return [*self._exact.values(), *(route for _, route in self._patterns)]


def _below(adapter: Adapter, placed: Mapping[str, str | None]) -> str | None:
    """The prefix of *adapter*'s paths, None if it is not served."""
    if not isinstance(adapter, DropIn):
        return ""
    return placed.get(adapter.name, "" if adapter.default else None)
