"""How the examples are served, and guarded: one small API for each, the gateway in front of it."""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import json
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from guard.config import Address, AuditConfig, GatewayConfig, Limits, UpstreamConfig
from guard.demo import running as running_generator
from guard.server.run import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from starlette.requests import Request

    Answers = Callable[[Mapping[str, Any]], dict[str, Any]]

HERE = Path(__file__).parent
POLICY = HERE / "policy.yaml"
MEDIA = HERE / "media.yaml"
ROUTES = {
    "bot": ("/dialog", "reply"),
    "digits": ("/draw", "draw"),
    "film": ("/film", "film"),
    "painter": ("/repaint", "repaint"),
    "recommender": ("/recommend", "recommend"),
    "voice": ("/speak", "speak"),
    "writer": ("/write", "write"),
}
"""Of each example: where it is served, and the function that answers."""
POLICIES = {"film": MEDIA, "voice": MEDIA}
"""The policies of those that do not go with `POLICY`."""


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
            limits=Limits(judge_timeout_s=60),  # to hear what is said takes a slow machine as long as to say it
        )
        with running(config) as ports:
            yield f"http://127.0.0.1:{ports.data}", upstream


def listed() -> dict[str, str]:
    """What each example is: the first line of its documentation, read without importing it."""
    trees = {name: ast.parse((HERE / f"{name}.py").read_text("utf-8")) for name in ROUTES}
    return {name: (ast.get_docstring(tree) or "").partition("\n")[0] for name, tree in trees.items()}


def show(name: str, policy: str | None = None, port: int = 0, *, stay: bool = False) -> None:
    """Send the example *name* its own requests, and say what became of them; then *stay* until Ctrl-C."""
    path, asked = ROUTES[name][0], importlib.import_module(f"examples.{name}").ASKED
    with (
        tempfile.TemporaryDirectory(prefix="guard-example-") as folder,
        guarded([name], Path(folder), policy or str(POLICIES.get(name, POLICY)), port) as (url, upstream),
    ):
        print(f"{name} at {upstream}, the gateway in front of it at {url}.")
        for body in asked:
            text = json.dumps(body, ensure_ascii=False)
            told, answer = _post(url + path, text)
            print(f"\n  asked:    {_short(text)}\n  decision: {told}\n  answered: {_short(answer)}")
        if stay:
            text = json.dumps(asked[0], ensure_ascii=False)
            print("\nServing until Ctrl-C. Try:\n")
            print(f"  curl {url}{path} -H 'content-type: application/json' -d '{text}'", flush=True)
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()


def _post(url: str, text: str) -> tuple[str, str]:
    head = {"content-type": "application/json", "accept-language": "en" if text.isascii() else "zh"}
    request = urllib.request.Request(url, text.encode(), head)  # noqa: S310  a loopback address
    try:
        with urllib.request.urlopen(request, timeout=120) as response:  # noqa: S310
            return f"{response.headers['x-guard-decision']} (HTTP 200)", response.read().decode()
    except urllib.error.HTTPError as error:
        return f"{error.headers['x-guard-decision']} (HTTP {error.code})", error.read().decode()


def _short(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:280]} … ({len(text)} characters)"


def main(name: str) -> None:
    """Show the example *name* and serve it behind the gateway until Ctrl-C."""
    parser = argparse.ArgumentParser(prog=f"python -m examples.{name}")
    parser.add_argument("--port", type=int, default=0, help="of the gateway, on 127.0.0.1 (default: a free one)")
    parser.add_argument("--policy", help="policy file or name (default: the examples' own)")
    options = parser.parse_args()
    show(name, options.policy, options.port, stay=True)
