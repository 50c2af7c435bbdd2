"""Composition: from a configuration to the data port's and the admin port's applications, with nothing global."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from guard import registry, telemetry
from guard.actions import ACTIONS
from guard.audit import AuditSink
from guard.audit.jsonl import JsonlSink
from guard.audit.sqlite import SqliteSink
from guard.batching.batcher import MOST_STUCK_THREADS
from guard.config import policy_path
from guard.errors import ConfigError
from guard.exchange.handler import Handler
from guard.held import HeldError, HeldStore
from guard.pipeline import Engine, Pipeline
from guard.policy.store import PolicyStore
from guard.protocols import ADAPTERS
from guard.protocols.generic_loader import load_protocols
from guard.server import reviewing
from guard.upstream import Upstream
from guard.upstream.fetch import Fetcher
from guard.vault import Vault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from starlette.requests import Request

    from guard.config import GatewayConfig, UpstreamConfig, VaultConfig
    from guard.engine import Placement
    from guard.exchange.generator import Generator
    from guard.library import Catalog
    from guard.policy.model import Policy

log = logging.getLogger(__name__)

_WATCH_EVERY_S = 1.0
_SWEEP_EVERY_S = 60.0


class Beside(Protocol):
    """A server beside the data port: `guard.server.envoy.Processor`, whose libraries need not be installed."""

    handler: Handler
    port: int

    async def start(self) -> None:
        """Listen."""

    async def stop(self) -> None:
        """End, after what is under way has had its time."""


@dataclass(slots=True)
class Gateway:
    """A gateway put together: *handler* answers the data port, *admin* the other one."""

    handler: Handler
    admin: Starlette
    store: PolicyStore
    engine: Engine
    sink: AuditSink
    upstream: Upstream | None
    held: HeldStore
    processor: Beside | None = None
    """Answers Envoy, if that is configured."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open the upstream, watch the policy files, and on the way out close everything, the audit log last."""
        if self.upstream is not None:
            await self.upstream.open()
        if self.processor is not None:
            await self.processor.start()
        watcher = asyncio.ensure_future(self._watch())
        try:
            yield
        finally:
            watcher.cancel()
            if self.processor is not None:
                await self.processor.stop()
                await self.processor.handler.cut_off()
            await self.handler.cut_off()
            if self.upstream is not None:
                await self.upstream.close()
            await asyncio.to_thread(self.engine.close)
            await asyncio.to_thread(self.held.close)
            await asyncio.to_thread(self.sink.close)

    async def _watch(self) -> None:
        """Put changed policies in force; a broken file leaves the last good ones and shows in ``/status``.

        What was held too long is deleted on the way.
        """
        swept = time.monotonic()
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            if time.monotonic() - swept > _SWEEP_EVERY_S:
                swept = time.monotonic()
                with suppress(HeldError):  # the file is busy or away: later
                    await asyncio.to_thread(self.held.sweep)
            if await asyncio.to_thread(self.store.changed):
                done = await asyncio.to_thread(self.store.reload, self.engine.ensure)
                telemetry.RELOADS.labels(str(done).lower()).inc()


def create_gateway(
    config: GatewayConfig, *, catalog: Catalog = registry, placement: Placement | None = None
) -> Gateway:
    """Read the policies, load the classifiers they need, open the audit log. Blocks; binds nothing yet.

    A program that brings classifiers of its own, without an entry point, passes its own *catalog*. Models run where
    *placement* says, in this process by default.

    Raises:
        GuardError: whatever would make the gateway do less than it says; it does not start then.
    """
    vault = _vault(config.vault)
    if config.assets is not None and not config.assets.root.is_dir():
        raise ConfigError(
            "assets", 1, 1, f"`{config.assets.root}` is no folder", "name the one that files are served from"
        )
    engine = Engine(catalog, placement=placement)
    store = PolicyStore(
        policy_path(config.policies or "default"), actions=ACTIONS, catalog=catalog, prepare=engine.ensure
    )
    upstream = _upstream(config.upstream, asked_for_keys=bool(config.tenants))
    sink = _sink(config)
    served = [route for adapter in ADAPTERS for route in adapter.routes]
    adapters = (*ADAPTERS, *load_protocols(config.protocols, served))
    fetcher = Fetcher(config.fetch) if config.fetch is not None else None
    held = HeldStore(
        config.held.path or Path(config.audit.path).with_name("guard-held.db"), max_bytes=config.held.max_bytes
    )

    def answering(generator: Generator | None) -> Handler:
        return Handler(
            adapters=adapters,
            store=store,
            pipeline=Pipeline(engine),
            upstream=generator,
            sink=sink,
            limits=config.limits,
            tenants=config.tenants,
            vault=vault,
            drop_ins=dict(config.drop_ins),
            fetcher=fetcher,
            held=held,
            assets=config.assets,
        )

    handler = answering(upstream)
    processor = _processor(config, answering) if config.envoy is not None else None
    store.check_routes((processor.handler if processor is not None else handler).routes)
    admin = _admin(store, engine, handler, held, reviewing.routes(held, sink))
    return Gateway(handler, admin, store, engine, sink, upstream, held, processor)


def _processor(config: GatewayConfig, answering: Callable[[Generator], Handler]) -> Beside:
    """What answers Envoy.

    Raises:
        ConfigError: the libraries for it are not installed.
    """
    try:
        from guard.server.envoy import EnvoyUpstream, Processor
    except ImportError:
        hint = 'install the extra: `pip install "guard-gateway[envoy]"`'
        raise ConfigError("envoy", 1, 1, "grpcio is not installed", hint) from None
    return Processor(
        answering(EnvoyUpstream()),
        str(config.envoy),
        body_bytes=config.limits.body_bytes,
        answer_bytes=config.upstream.max_stream_bytes,
        shared=config.workers > 1,
    )


def _upstream(config: UpstreamConfig, *, asked_for_keys: bool) -> Upstream | None:
    if not config.url:
        return None
    key = None
    if config.api_key_env:
        key = os.environ.get(config.api_key_env)
        if not key:
            problem = f"the environment variable `{config.api_key_env}` is not set"
            raise ConfigError(
                "upstream", 1, 1, problem, "export it, or leave `api_key_env` out to pass clients' keys on"
            )
    elif asked_for_keys:
        log.warning("tenants have keys of this gateway and the upstream has none: it is called without authorization")
    return Upstream(
        config.url,
        api_key=key,
        timeout_s=config.timeout_s,
        connect_s=config.connect_s,
        idle_s=config.idle_s,
        max_bytes=config.max_bytes,
        max_stream_bytes=config.max_stream_bytes,
        retries=config.retries,
        breaker_failures=config.breaker.failures,
        breaker_open_s=config.breaker.open_s,
    )


def _vault(config: VaultConfig) -> Vault:
    secret = None
    if config.secret_env:
        secret = os.environ.get(config.secret_env, "").encode("utf-8", "surrogateescape")
        if not secret:
            problem = f"the environment variable `{config.secret_env}` is not set"
            hint = "export a long random text in it, or leave `secret_env` out to have one made up for this process"
            raise ConfigError("vault", 1, 1, problem, hint)
    try:
        return Vault(config.scope, secret=secret, rotate_s=config.rotate_s)
    except ValueError as error:
        raise ConfigError("vault", 1, 1, str(error), "make one with `openssl rand -hex 32`") from None


def _sink(config: GatewayConfig) -> AuditSink:
    sink: AuditSink = (JsonlSink if config.audit.sink == "jsonl" else SqliteSink)(config.audit.path)
    sink.open()
    return sink


def _admin(store: PolicyStore, engine: Engine, handler: Handler, held: HeldStore, more: Sequence[Route]) -> Starlette:
    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> Response:
        stuck = [s.name for s in engine.stations() if s.batcher.stats.stuck_threads >= MOST_STUCK_THREADS]
        return JSONResponse({"ready": not stuck, "stuck": stuck}, status_code=503 if stuck else 200)

    async def metrics(_: Request) -> Response:
        return Response(telemetry.render(), media_type="text/plain; version=0.0.4")

    async def status(_: Request) -> Response:
        waits: dict[str, int] | None = None
        with suppress(HeldError):
            waits = dict(zip(("waiting", "bytes"), await asyncio.to_thread(held.load), strict=True))
        return JSONResponse(
            {
                "held": waits,
                "policies": [_policy_line(one) for one in store.policies],
                "last_reload_error": store.last_error,
                "classifiers": [
                    {"name": s.name, "version": s.classifier.version, **asdict(s.batcher.stats)}
                    for s in engine.stations()
                ],
                "routes": list(handler.routes),
            }
        )

    return Starlette(
        routes=[
            Route("/healthz", health),
            Route("/readyz", ready),
            Route("/metrics", metrics),
            Route("/status", status),
            *more,
        ]
    )


def _policy_line(one: Policy) -> dict[str, Any]:
    match: dict[str, Sequence[str]] = {
        "routes": one.match.routes,
        "tenants": one.match.tenants,
        "models": one.match.models,
    }
    return {"policy": one.name, "revision": one.revision, "mode": one.mode.value, "match": match}
