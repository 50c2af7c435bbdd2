"""How the examples are served, and guarded: one small API for each, the gateway in front of it."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from guard.config import Address, AuditConfig, GatewayConfig, UpstreamConfig
from guard.demo import running as running_generator
from guard.server.run import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from starlette.requests import Request

    Answers = Callable[[Mapping[str, Any]], dict[str, Any]]

HERE = Path(__file__).parent
POLICY = HERE / "policy.yaml"
ROUTES = {
    "bot": ("/dialog", "reply"),
    "digits": ("/draw", "draw"),
    "painter": ("/repaint", "repaint"),
    "recommender": ("/recommend", "recommend"),
    "writer": ("/write", "write"),
}
"""Of each example: where it is served, and the function that answers."""


class Wrong(Exception):  # noqa: N818  what a caller is told
    """A request that cannot be answered."""


def number(asked: Mapping[str, Any], name: str, least: int, most: int, usual: int) -> int:
    """The whole number that is *asked* for."""
    value = asked.get(name, usual)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        msg = f"{name} should be a whole number from {least} to {most}"
        raise Wrong(msg)
    return value


def word(asked: Mapping[str, Any], name: str, known: Sequence[str], usual: str) -> str:
    """The word that is *asked* for, one of those *known*."""
    value = asked.get(name, usual)
    if value not in known:
        msg = f"{name} should be one of {', '.join(known)}"
        raise Wrong(msg)
    return str(value)


def app(names: Sequence[str]) -> Starlette:
    """The APIs of the examples *names*; they know nothing of a gateway."""
    routes = []
    for name in names:
        path, function = ROUTES[name]
        routes.append(
            Route(path, _endpoint(getattr(importlib.import_module(f"examples.{name}"), function)), methods=["POST"])
        )
    return Starlette(routes=routes)


def _endpoint(answers: Answers) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        try:
            asked = json.loads(await request.body())
            return JSONResponse(await run_in_threadpool(answers, asked if isinstance(asked, dict) else {}))
        except (Wrong, ValueError) as error:
            return JSONResponse({"problem": {"code": "bad_request", "message": str(error)}}, 400)

    return endpoint


@contextlib.contextmanager
def guarded(names: Sequence[str], folder: Path, policy: str = str(POLICY), port: int = 0) -> Iterator[tuple[str, str]]:
    """The gateway in front of the examples *names* for the length of the block; its records are written in *folder*.

    Yields:
        The gateway's base URL, and the one of the generators behind it.
    """
    with running_generator(app=app(names)) as upstream:
        config = GatewayConfig(
            listen=Address("127.0.0.1", port),
            admin=Address("127.0.0.1", 0),
            upstream=UpstreamConfig(upstream),
            policies=policy,
            protocols=tuple(str(HERE / f"{name}.yaml") for name in names),
            audit=AuditConfig(path=str(folder / "audit.db")),
        )
        with running(config) as ports:
            yield f"http://127.0.0.1:{ports.data}", upstream


def main(name: str, request: str) -> None:
    """Serve the example *name* behind the gateway until Ctrl-C, and say how to ask it."""
    parser = argparse.ArgumentParser(prog=f"python -m examples.{name}")
    parser.add_argument("--port", type=int, default=0, help="of the gateway, on 127.0.0.1 (default: a free one)")
    parser.add_argument("--policy", default=str(POLICY), help="policy file or name (default: the examples' own)")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="guard-example-") as folder,
        guarded([name], Path(folder), options.policy, options.port) as (url, upstream),
    ):
        print(f"{name} at {upstream}, the gateway in front of it at {url}. Until Ctrl-C; try:\n")
        print(f"  curl {url}{ROUTES[name][0]} -H 'content-type: application/json' -d '{request}'", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
