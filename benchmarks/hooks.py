"""What hooks cost inside of a program: ``python -m benchmarks hooks``.

Each hook stands around something of its framework that answers at once. Its cost is the median of its calls, less those
of the same without the hook, less two of `Guard.check`: one for what goes in, one for what comes out. Calls of the
three kinds take turns. Of both the wall's clock and the CPU time of all threads are told; on a machine that has other
work only the second means much. Imports are in CPU time, of compiled modules, in processes of their own: `guard`, and
each hook after it and its framework.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import _harness
from tests.fakes import completion

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from guard import Guard

QUESTION = "what do hooks add to a check, and to a program's start?"
PROFILES = {"quick": 200, "full": 2000}
"""Calls of each kind."""
BAR_MS, IMPORT_BAR_MS, HOOK_IMPORT_BAR_MS = 1.0, 300.0, 50.0
_POLICY = """
policy: benchmark
classifiers:
  keywords: {lists: {stop: [zorblax]}, builtin: []}
rules:
  - {id: stop-it, when: {category: custom.stop}, then: block}
"""
_TEXT = "The council met on Tuesday to discuss the new budget for parks and libraries, and nobody minded."
_ASK = {"model": "m", "messages": [{"role": "user", "content": _TEXT}]}
_PATH = "/v1/chat/completions"
_ANSWER = json.dumps(completion(_TEXT)).encode()
_FRAMEWORKS = {
    "httpx": "httpx",
    "openai": "openai",
    "anthropic": "anthropic",
    "asgi": "starlette.applications",
    "langchain": "langchain_core.language_models.chat_models",  # packages of LangChain import nothing by themselves
    "llamaindex": "llama_index.core.llms",
    "transformers": "sys",
    "diffusers": "sys",
    "mcp": "mcp",
}


def measure(profile: str, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """Time the hooks, or *only* some of them by their names; ``imports`` is one."""
    from guard import Guard

    rounds = PROFILES[profile]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "policy.yaml"
        file.write_text(_POLICY)
        guard = Guard(file)
        calls = {name: make(guard) for name, make in _HOOKS.items() if only is None or name in only}
        found = {name: _compared(guard, bare, hooked, rounds) for name, (bare, hooked) in calls.items()}
        guard.close()
    report: dict[str, Any] = {"machine": _harness.machine(["httpx", "langchain-core", "starlette"]), "hooks": found}
    if only is None or "imports" in only:
        report["imports"] = _imports(3 if profile == "quick" else 15)
    return {**report, "bars": {"added_ms": BAR_MS, "import_ms": IMPORT_BAR_MS, "hook_import_ms": HOOK_IMPORT_BAR_MS}}


def _compared(guard: Guard, bare: Callable[[], Any], hooked: Callable[[], Any], rounds: int) -> dict[str, float]:
    """Medians in milliseconds."""
    kinds: Mapping[str, Callable[[], Any]] = {"check": lambda: guard.check(_TEXT), "bare": bare, "hooked": hooked}
    times: dict[str, list[float]] = {name: [] for name in kinds}
    busy: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(rounds + 20):
        for name, call in kinds.items():
            began, cpu = time.perf_counter(), time.process_time()
            call()
            if number >= 20:
                times[name].append((time.perf_counter() - began) * 1000)
                busy[name].append((time.process_time() - cpu) * 1000)
    medians = {name: statistics.median(some) for name, some in times.items()}
    return {**medians, "added": _added(times), "added_cpu": _added(busy)}


def _added(times: Mapping[str, list[float]]) -> float:
    check, bare, hooked = (statistics.median(times[name]) for name in ("check", "bare", "hooked"))
    return hooked - bare - 2 * check


def _httpx(guard: Guard) -> tuple[Callable[[], Any], Callable[[], Any]]:
    import httpx

    from guard.hooks.httpx import guarded

    def client() -> httpx.Client:
        def answer(_: httpx.Request) -> httpx.Response:
            return httpx.Response(200, content=_ANSWER, headers={"content-type": "application/json"})

        return httpx.Client(transport=httpx.MockTransport(answer), base_url="http://generator")

    bare, hooked = client(), guarded(client(), guard)
    return lambda: bare.post(_PATH, json=_ASK), lambda: hooked.post(_PATH, json=_ASK)


def _asgi(guard: Guard) -> tuple[Callable[[], Any], Callable[[], Any]]:
    from guard.hooks.asgi import GuardMiddleware

    async def app(_: Any, receive: Any, send: Any) -> None:
        await receive()
        head = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": _ANSWER})

    body = json.dumps(_ASK).encode()
    loop = asyncio.new_event_loop()

    def calling(asked: Callable[[Any, Any, Any], Awaitable[None]]) -> Callable[[], Any]:
        async def call() -> None:
            sent = False

            async def receive() -> dict[str, Any]:
                nonlocal sent
                if sent:
                    await asyncio.Event().wait()
                sent = True
                return {"type": "http.request", "body": body}

            async def send(_: Any) -> None:
                pass

            scope = {"type": "http", "http_version": "1.1", "method": "POST", "path": _PATH, "query_string": b""}
            await asked({**scope, "headers": [(b"content-type", b"application/json")]}, receive, send)

        return lambda: loop.run_until_complete(call())

    return calling(app), calling(GuardMiddleware(app, guard))


def _langchain(guard: Guard) -> tuple[Callable[[], Any], Callable[[], Any]]:
    from langchain_core.runnables import RunnableLambda

    from guard.hooks.langchain import guarded

    bare = RunnableLambda(lambda text: text)
    hooked = guarded(bare, guard)
    return lambda: bare.invoke(_TEXT), lambda: hooked.invoke(_TEXT)


def _transformers(guard: Guard) -> tuple[Callable[[], Any], Callable[[], Any]]:
    from guard.hooks.transformers import guarded

    def pipeline(text: str) -> list[dict[str, str]]:
        return [{"generated_text": text}]

    hooked = guarded(pipeline, guard)
    return lambda: pipeline(_TEXT), lambda: hooked(_TEXT)


def _function(guard: Guard) -> tuple[Callable[[], Any], Callable[[], Any]]:
    def echo(text: str) -> str:
        return text

    hooked = guard.guarded(echo)
    return lambda: echo(_TEXT), lambda: hooked(_TEXT)


_HOOKS: dict[str, Callable[[Guard], tuple[Callable[[], Any], Callable[[], Any]]]] = {
    "httpx": _httpx,
    "asgi": _asgi,
    "langchain": _langchain,
    "transformers": _transformers,
    "guarded": _function,
}


def _imports(rounds: int) -> dict[str, float]:
    """Medians in milliseconds."""
    found = {"guard": _import("sys", "guard", rounds), "guard.Guard": _import("guard", "guard.library", rounds)}
    for hook, framework in _FRAMEWORKS.items():
        found[f"guard.hooks.{hook}"] = _import(f"guard.library, {framework}", f"guard.hooks.{hook}", rounds)
    return found


def _import(before: str, module: str, rounds: int) -> float:
    code = f"import time, {before}; t = time.process_time(); import {module}; print((time.process_time() - t) * 1000)"
    run = [sys.executable, "-W", "ignore", "-c", code]
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    some = [
        subprocess.run(run, capture_output=True, text=True, check=True, env=compiled).stdout for _ in range(rounds + 1)
    ]
    return statistics.median(float(one.split()[-1]) for one in some[1:])  # the first may compile, as installing does


def table(report: dict[str, Any]) -> str:
    """The report for people."""
    lines = [f"{'hook':<14}{'check':>9}{'bare':>9}{'hooked':>9}{'added ms':>10}{'CPU ms':>9}   bar {BAR_MS:g}"]
    for name, one in report["hooks"].items():
        lines.append(
            f"{name:<14}{one['check']:>9.3f}{one['bare']:>9.3f}{one['hooked']:>9.3f}{one['added']:>10.3f}{one['added_cpu']:>9.3f}"
        )
    if "imports" in report:
        lines += ["", f"{'import':<28}{'ms':>8}   bars {IMPORT_BAR_MS:g} for guard, {HOOK_IMPORT_BAR_MS:g} for a hook"]
        lines += [f"{name:<28}{ms:>8.1f}" for name, ms in report["imports"].items()]
    return "\n".join(lines)
