"""``guard serve``: the reverse proxy."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from guard.cli import ERROR
from guard.config import Address, GatewayConfig, is_base_url, load_config, with_workers
from guard.errors import ConfigError
from guard.server.run import serve as run
from guard.server.workers import Given
from guard.vault import Scope

if TYPE_CHECKING:
    import argparse

    from guard.server.run import Ports


def serve(options: argparse.Namespace) -> int:
    """Run until a signal; 0 after a clean drain."""
    config = load_config(options.config) if options.config else GatewayConfig()
    if options.upstream:
        if not is_base_url(options.upstream):
            raise ConfigError("--upstream", 1, 1, "it is no URL", "write something like http://127.0.0.1:9000/v1")
        config = replace(config, upstream=replace(config.upstream, url=options.upstream))
    if options.policy:
        config = replace(config, policies=options.policy)
    if options.audit:
        config = replace(config, audit=replace(config.audit, path=options.audit))
    config = replace(
        config,
        listen=parse_address("--listen", options.listen) if options.listen else config.listen,
        admin=parse_address("--admin", options.admin) if options.admin else config.admin,
    )
    if options.workers is not None:
        if options.workers < 1:
            raise ConfigError("--workers", 1, 1, f"it is {options.workers}", "it should be 1 or more")
        config = with_workers(config, options.workers)
    if options.placement:
        config = replace(config, placement=options.placement)
    if config.workers > 1 and config.vault.scope is not Scope.REQUEST and not config.vault.secret_env:
        hint = "name one in `secret_env`, so that all workers agree on the placeholders"
        raise ConfigError("vault", 1, 1, "several workers have no secret in common", hint)
    worker = Given.here() is not None
    if not config.upstream.url and not worker:
        note = "no --upstream: only /v1/moderations, /guard/v1/check and drop-ins are served"
        print(f"guard: {note}", file=sys.stderr)

    def ready(ports: Ports) -> None:
        if worker:
            return
        print(f"guard: listening on http://{replace(config.listen, port=ports.data)}", flush=True)
        print(f"guard: admin on http://{replace(config.admin, port=ports.admin)}", flush=True)
        if config.envoy is not None and config.envoy.port:
            print(f"guard: Envoy is answered on {config.envoy}", flush=True)

    try:
        status = run(config, ready, sys.argv[1:])
    except ExceptionGroup as group:  # from the task group that both servers run in
        for error in group.exceptions:
            print(f"guard: {error}", file=sys.stderr)
        return ERROR
    logging.getLogger(__name__).info("drained")
    return status


def parse_address(option: str, text: str) -> Address:
    """The address that *text* is.

    Raises:
        ConfigError: it is none.
    """
    address = Address.parse(text)
    if address is None:
        raise ConfigError(option, 1, 1, "it is no address", "write host:port, such as 127.0.0.1:8080")
    return address
