"""Several gateways behind one port: one process that keeps them, and speaks for them on the admin port.

::

    data port ─accept→ worker 1 … worker N ─Unix socket→ model server
    admin port ─supervisor→ each worker's own admin socket → one answer

The supervisor binds the data port and hands it down; it reads no request itself. A worker that dies is replaced, and
one whose supervisor died drains and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from guard.placement import Keeper
from guard.server.reviewing import NAMED, is_by_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from starlette.requests import Request

    from guard.config import Address, GatewayConfig

log = logging.getLogger(__name__)

_ENVIRONMENT = "GUARD_WORKER"
_COMMAND = (sys.executable, "-c", "from guard.cli import main; raise SystemExit(main())")
_LOOK_EVERY_S = 0.05
_ASK_S = 5.0
_START_S = 120.0
_PASSED = frozenset({"content-type", "content-security-policy", "x-content-type-options"})
"""Headers of a worker's admin port that are passed on."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a worker has from its supervisor: the bound socket, and the paths of two more."""

    data: int
    admin: str
    models: str

    @classmethod
    def here(cls) -> Given | None:
        """This process's, if it is a worker."""
        said = os.environ.get(_ENVIRONMENT)
        return cls(**json.loads(said)) if said else None

    def socket(self) -> socket.socket:
        """The data port."""
        return socket.socket(fileno=self.data)

    def end_with_supervisor(self) -> None:
        """Drain and end once the supervisor is gone, however that went."""

        def wait() -> None:
            sys.stdin.buffer.read()
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=wait, name="guard-supervised", daemon=True).start()


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    admin: str
    began: float


class Supervisor:
    """Keeps `config.workers` workers and, where models have a server of their own, that."""

    def __init__(self, config: GatewayConfig, arguments: Iterable[str]) -> None:
        """Bind the data port. Raises `OSError` if that cannot be."""
        self._config = config
        self._command = (*_COMMAND, *arguments)
        self._folder = Path(tempfile.mkdtemp(prefix="guard-workers-"))
        self._socket = bound(config.listen)
        self._keeper = Keeper() if config.placement == "process" else None
        self._workers: list[_Worker] = []
        self._number = 0
        self._stopping = 0
        self.status = 0
        self.admin = _admin(self)

    @property
    def data(self) -> int:
        """The data port's number."""
        return int(self._socket.getsockname()[1])

    @property
    def sockets(self) -> list[str]:
        """The admin sockets of the workers."""
        return [worker.admin for worker in self._workers]

    async def start(self) -> bool:
        """Start the first worker, and the others if that comes up: what stops one is said once."""
        if self._keeper is not None:
            self._keeper.start()
        for _ in range(self._config.workers):
            self._workers.append(self._spawn())
            if len(self._workers) == 1 and not await self._up(self._workers[0]):
                return False
        for worker in self._workers:
            if not await self._up(worker):
                return False
        return True

    async def attend(self) -> None:
        """Replace workers that die, until it is over and the last has ended."""
        while not self._stopping or any(worker.process.poll() is None for worker in self._workers):
            for place, worker in enumerate(self._workers):
                if self._stopping or worker.process.poll() is None:
                    continue
                log.error("worker lost pid=%d status=%d", worker.process.pid, worker.process.returncode)
                if time.monotonic() - worker.began < 1.0:  # else one that cannot start would be started for ever
                    await asyncio.sleep(1.0)
                self._workers[place] = self._spawn()
            await asyncio.sleep(_LOOK_EVERY_S)

    def stop(self) -> None:
        """Have the workers drain; asked again, have them end at once."""
        self._stopping += 1
        for worker in self._workers:
            if worker.process.poll() is None:
                worker.process.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """End everything that is left."""
        for worker in self._workers:
            worker.process.kill()
            worker.process.wait()
            if worker.process.stdin is not None:
                worker.process.stdin.close()
        if self._keeper is not None:
            self._keeper.close()
        self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _spawn(self) -> _Worker:
        self._number += 1
        admin = str(self._folder / f"{self._number}.sock")
        given = Given(self._socket.fileno(), admin, str(self._keeper.path) if self._keeper is not None else "")
        process = subprocess.Popen(  # noqa: S603  ours
            self._command,
            stdin=subprocess.PIPE,
            pass_fds=[given.data],
            env={**os.environ, _ENVIRONMENT: json.dumps(asdict(given))},
            start_new_session=True,  # a terminal's signals are the supervisor's to pass on
        )
        return _Worker(process, admin, time.monotonic())

    async def _up(self, worker: _Worker) -> bool:
        """Whether *worker* comes to answer; if it ends instead, its status is ours."""
        end = time.monotonic() + _START_S
        while time.monotonic() < end and not self._stopping:
            status = worker.process.poll()
            if status is not None:
                self.status = status or 1
                return False
            if (await ask(worker.admin, "/healthz"))[0] == 200:
                return True
            await asyncio.sleep(_LOOK_EVERY_S)
        return False


def bound(address: Address) -> socket.socket:
    """A socket that listens at *address* and may be handed down. Raises `OSError` that says so if it cannot."""
    one = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind((address.host, address.port))
        one.listen(2048)
    except OSError as error:
        one.close()
        raise OSError(f"cannot listen on {address}; is the port taken?") from error
    one.set_inheritable(True)
    return one


async def ask(path: str, target: str) -> tuple[int, bytes]:
    """Status and body of a GET on the Unix socket *path*; 0 if nobody answers."""
    status, _, body = await _asked(path, "GET", target)
    return status, body


async def _asked(
    path: str, method: str, target: str, sent: bytes = b"", content_type: str = "application/json"
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of what the Unix socket *path* answers; 0 if nobody does."""
    head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(sent)}\r\n"
    try:
        async with asyncio.timeout(_ASK_S):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.write(f"{head}Content-Type: {content_type}\r\n\r\n".encode("latin-1") + sent)
                answer = await reader.read()
            finally:
                writer.close()
        first, _, body = answer.partition(b"\r\n\r\n")
        line, *lines = first.decode("latin-1").split("\r\n")
        named = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
        return int(line.split(" ", 2)[1]), named, body
    except (OSError, TimeoutError, ValueError, IndexError):
        return 0, {}, b""


def merged(texts: Iterable[str]) -> str:
    """Metrics of several processes as those of one: what has the same name and labels, added up.

    >>> merged(["a_total 1.0", 'a_total 2.0', 'a_total{x="1"} 5.0']).splitlines()
    ['a_total 3.0', 'a_total{x="1"} 5.0']
    """
    families: dict[str, tuple[list[str], dict[str, float]]] = {}
    for text in texts:
        family = families.setdefault("", ([], {}))
        for line in text.splitlines():
            if line.startswith("#"):
                family = families.setdefault(line.split(" ", 3)[2], ([], {}))
                if line not in family[0]:
                    family[0].append(line)
            elif line:
                key, _, value = line.rpartition(" ")
                family[1][key] = family[1].get(key, 0.0) + float(value)
    lines = [line for said, samples in families.values() for line in (*said, *(f"{k} {v}" for k, v in samples.items()))]
    return "".join(f"{line}\n" for line in lines)


def _admin(supervisor: Supervisor) -> Starlette:
    async def all_of(target: str) -> list[tuple[int, bytes]]:
        return await asyncio.gather(*(ask(path, target) for path in supervisor.sockets))

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> Response:
        answers = await all_of("/readyz")
        stuck: set[str] = set()
        for status, body in answers:
            stuck |= set(json.loads(body)["stuck"]) if status else {"worker"}
        well = all(status == 200 for status, _ in answers)
        return JSONResponse({"ready": well, "stuck": sorted(stuck)}, status_code=200 if well else 503)

    async def metrics(_: Request) -> Response:
        text = merged(body.decode() for status, body in await all_of("/metrics") if status == 200)
        return Response(text, media_type="text/plain; version=0.0.4")

    async def status(_: Request) -> Response:
        said: list[dict[str, Any]] = [json.loads(body) for status, body in await all_of("/status") if status == 200]
        return JSONResponse({**(said[0] if said else {}), "workers": said})

    async def held(request: Request) -> Response:
        """What one worker answers: all have the same file of what waits."""
        if not is_by_address(request):
            return JSONResponse({"error": {"message": NAMED}}, status_code=421)
        sent, said = await request.body(), request.headers.get("content-type", "")
        target = request.scope["raw_path"].decode("latin-1")
        for path in supervisor.sockets:
            status, named, body = await _asked(path, request.method, target, sent, said)
            if status:
                kept = {name: value for name, value in named.items() if name in _PASSED}
                return Response(body, status, kept)
            if request.method != "GET":  # it may be done even so
                break
        return JSONResponse({"error": {"message": "no worker answers"}}, status_code=503)

    return Starlette(
        routes=[
            Route("/held", held),
            Route("/held/{rest:path}", held, methods=["GET", "POST"]),
            Route("/healthz", health),
            Route("/readyz", ready),
            Route("/metrics", metrics),
            Route("/status", status),
        ]
    )


@contextlib.contextmanager
def supervising(config: GatewayConfig, arguments: Iterable[str]) -> Iterator[Supervisor]:
    """A supervisor for as long as the block lasts. Raises `OSError` if the data port cannot be had."""
    supervisor = Supervisor(config, arguments)
    try:
        yield supervisor
    finally:
        supervisor.close()
