"""Runs both ports in one process: bound, ready, drained on SIGTERM, exit 0."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys
import threading
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from guard.placement import Cluster, Keeper, Link
from guard.server.app import create_gateway
from guard.server.front import Front
from guard.server.workers import Given, Supervisor, supervising

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Sequence

    from guard.config import Address, GatewayConfig
    from guard.engine import Placement
    from guard.server.app import Gateway

DRAIN_S = 30
"""Seconds that requests in flight have to finish after SIGTERM; a second signal ends it at once."""

_YOUNG = 5000
"""Objects that are new since the last collection of the young: what a few dozen requests in flight hold, so that most
are gone by then and need no looking at."""
_FULL_COLLECTION_EVERY = 140
"""Collections of the middle generation between full ones."""


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to its owner: two of them share the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(app: Any, address: Address, protocol: type[HttpToolsProtocol], *, path: str | None = None) -> _Server:
    """A server at *address*, or on the Unix socket *path*."""
    return _Server(
        uvicorn.Config(
            app,
            host=address.host,
            port=address.port,
            uds=path,
            http=protocol,
            ws="none",  # an upgrade is a request like any other: refused, and recorded
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=65,
            timeout_graceful_shutdown=DRAIN_S,
        )
    )


def _bound_port(server: uvicorn.Server) -> int:
    """The port a started server really listens on."""
    return int(server.servers[0].sockets[0].getsockname()[1])


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports a running gateway really listens on."""

    data: int
    admin: int


async def _run(
    gateway: Gateway,
    config: GatewayConfig,
    ready: Callable[[Ports], None],
    stopped: asyncio.Event | None = None,
    *,
    given: Given | None = None,
) -> None:
    """Serve until a signal, or until *stopped*. *ready* is called once both ports accept; they may be *given*."""
    data, admin = (
        _server(gateway.handler, config.listen, Front),
        _server(gateway.admin, config.admin, HttpToolsProtocol, path=given.admin if given else None),
    )
    sockets = [given.socket()] if given else None
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for server in (data, admin):
            server.force_exit = server.should_exit
            server.should_exit = True

    if stopped is None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
    async with gateway.running(), asyncio.TaskGroup() as group:
        serving = [group.create_task(_serve(data, sockets)), group.create_task(_serve(admin))]
        if not await _started((data, admin), serving):
            stop()
            return
        ready(Ports(_bound_port(data), 0 if given else _bound_port(admin)))
        if stopped is not None:
            await stopped.wait()
            stop()


async def _started(servers: Sequence[_Server], serving: Sequence[asyncio.Task[None]]) -> bool:
    """Whether all *servers* come to accept; false if one of those that are *serving* them ends instead."""
    while not all(server.started for server in servers):
        if any(task.done() for task in serving):
            return False
        await asyncio.sleep(0.01)
    return True


async def _serve(server: _Server, sockets: list[socket.socket] | None = None) -> None:
    try:
        await server.serve(sockets)
    except SystemExit as error:  # uvicorn's way of saying that it cannot bind
        address = f"{server.config.host}:{server.config.port}"
        raise OSError(f"cannot listen on {address}; is the port taken?") from error


def serve(config: GatewayConfig, ready: Callable[[Ports], None], arguments: Sequence[str] = ()) -> int:
    """`guard serve`: put the gateway together and run it, or, for several workers, have each run one.

    *arguments* are those that a worker is started with. Returns after a clean drain; 0, or what a worker ended with
    that did not even start.
    """
    given = Given.here()
    if given is None and config.workers > 1:
        return _supervise(config, ready, arguments)
    with _placement(config, given) as placement:
        gateway = create_gateway(config, placement=placement)
        spare_the_collector()
        if given is not None:
            given.end_with_supervisor()
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_run(gateway, config, ready, given=given))
    return 0


@contextlib.contextmanager
def _placement(config: GatewayConfig, given: Given | None) -> Iterator[Placement | None]:
    """Where models run, for as long as the block lasts; the gateway closes what it is given."""
    if config.placement == "ray":
        yield Cluster(**asdict(config.ray))
    elif given is not None:
        yield Link(Path(given.models)) if given.models else None
    elif config.placement == "process":
        keeper = Keeper().start()
        try:
            yield Link(keeper.path)
        finally:
            keeper.close()
    else:
        yield None


def _supervise(config: GatewayConfig, ready: Callable[[Ports], None], arguments: Sequence[str]) -> int:
    async def main(supervisor: Supervisor) -> None:
        admin = _server(supervisor.admin, config.admin, HttpToolsProtocol)
        loop = asyncio.get_running_loop()

        def stop() -> None:
            supervisor.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(_serve(admin))
            try:
                if await _started((admin,), (serving,)) and await supervisor.start():
                    ready(Ports(supervisor.data, _bound_port(admin)))
                    await supervisor.attend()
            finally:
                admin.should_exit = admin.force_exit = True

    with supervising(config, arguments) as supervisor, asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main(supervisor))
    return supervisor.status


def spare_the_collector() -> None:
    """Keep Python's full garbage collections, which stop every thread, from going through all that was loaded.

    With the models in memory each took 0.1 to 0.4 s, and a large request caused several. What is loaded now stays till
    the end; what requests leave behind is small, and nearly all of it goes by reference counts or while it is young.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, gc.get_threshold()[1], _FULL_COLLECTION_EVERY)


@contextlib.contextmanager
def running(config: GatewayConfig, gateway: Gateway | None = None) -> Iterator[Ports]:
    """A gateway on a thread of its own, for as long as the block lasts: the demo, tests, programs that embed it.

    Raises:
        OSError: a port cannot be listened on.
        GuardError: what `create_gateway` raises.
    """
    gateway = gateway or create_gateway(config)
    ports: Future[Ports] = Future()
    stopping: Future[Callable[[], None]] = Future()

    async def main() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        stopping.set_result(lambda: loop.call_soon_threadsafe(stopped.set))  # type: ignore[arg-type]
        await _run(gateway, config, ports.set_result, stopped)

    def work() -> None:
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(main())
        except BaseException as error:  # noqa: BLE001  told to whoever waits for the ports
            while isinstance(error, BaseExceptionGroup):  # from the task group that both servers run in
                error = error.exceptions[0]
            if not ports.done():
                ports.set_exception(error)

    thread = threading.Thread(target=work, name="guard-gateway", daemon=True)
    thread.start()
    try:
        yield ports.result()
    finally:
        if stopping.done():
            with contextlib.suppress(RuntimeError):  # the loop is closed: it ended by itself
                stopping.result()()
        thread.join()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop
