"""One request from its first byte to its last, and the one record of it.

Whatever happens, in this order: an answer is made (a release, a refusal, an error), **it is recorded, and only then it
is sent**. A record that cannot be written turns the answer into a 503 that holds nothing of it. A client that
leaves has its work cancelled, the upstream call included, and its record says so.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from contextlib import suppress
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from guard import telemetry
from guard.audit import State
from guard.decision import Judged, Refusal
from guard.errors import AuditError, RequestError, UpstreamError
from guard.exchange import assets as files
from guard.exchange.bodies import read_body
from guard.exchange.calls import Calls, Key
from guard.exchange.draft import Draft, since
from guard.exchange.generating import LARGE, Generating, House
from guard.exchange.holding import PREFIX, ROUTE, GoneError, collected
from guard.exchange.http import (
    GENERATOR,
    REFUSAL_STATUS,
    REQUEST_STATUS,
    UPSTREAM_STATUS,
    ClientGoneError,
    Receive,
    Reply,
    Scope,
    Send,
    check_head,
    check_post,
    header,
    outlet,
)
from guard.exchange.judging import judge_all, no_answer, refuse_unknown, scored, settled
from guard.exchange.presence import Presence
from guard.exchange.routes import Route, Routes
from guard.exchange.tenants import Tenants
from guard.held import HeldError
from guard.monitor.live import Live
from guard.protocols.adapter import Adapter, DropIn, GeneratorAdapter, JudgeAdapter
from guard.protocols.contract import WORD
from guard.streaming import whole_only
from guard.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from guard.audit import AuditSink
    from guard.config import AssetsConfig, Limits
    from guard.exchange.generator import Generator
    from guard.held import HeldStore
    from guard.pipeline import Pipeline
    from guard.policy.model import Policy
    from guard.protocols.adapter import Exchange
    from guard.upstream.fetch import Fetcher

log = logging.getLogger(__name__)

_USUAL = "/v1/chat/completions"
"""The protocol in which what belongs to none is answered."""
_NO_RETRY = (b"x-should-retry", b"false")
_UNRECORDED = 503
"""The status of a request that cannot be recorded, whatever its answer would have been."""
_TICKET = 202
"""The status of an answer that is held."""
_BYTES_PER_FINDING = 256
_CUT_OFF_S = 2.0
"""Seconds that requests which are cut off have to be recorded."""

P = ParamSpec("P")
T = TypeVar("T")


class Policies(Protocol):
    """Where the policy of a request comes from, such as a `PolicyStore`."""

    def select(self, route: str, tenant: str | None, model: str | None) -> Policy:
        """The policy that speaks about this."""
        ...


class Handler:
    """Answers requests on the data port. An ASGI application; holds no state of any one request."""

    def __init__(
        self,
        *,
        adapters: Sequence[Adapter],
        store: Policies,
        pipeline: Pipeline,
        upstream: Generator | None,
        sink: AuditSink,
        limits: Limits,
        tenants: Sequence[tuple[str, bytes]] = (),
        vault: Vault | None = None,
        source: str = "proxy",
        drop_ins: Mapping[str, str | None] | None = None,
        fetcher: Fetcher | None = None,
        held: HeldStore | None = None,
        assets: AssetsConfig | None = None,
    ) -> None:
        """Serve *adapters*; without an *upstream*, only those that ask for decisions.

        Records name the *source*; *drop_ins* as in `Routes`. Answers that a person is to look at wait in *held*.
        With *assets* a web server may ask whether it may serve files of that folder.
        """
        self._routes = Routes(adapters, upstream=upstream is not None, drop_ins=drop_ins)
        self._fallback = self._routes.nearest(_USUAL, _USUAL)
        self._store = store
        self._pipeline = pipeline
        self._sink = sink
        self.live = Live()
        self.limits = limits
        self._tenants = Tenants(tenants)
        self._vault = vault or Vault()
        self._source = source
        self._calls = Calls()
        self._held = held
        self._assets = files.Assets(assets, held) if assets is not None else None
        self._in_flight: set[asyncio.Task[Any] | None] = set()
        self._house = (
            House(pipeline, upstream, limits, self._begin, self._record, self._refusal, fetcher, held)
            if upstream is not None
            else None
        )

    @property
    def routes(self) -> tuple[str, ...]:
        """Every path that a policy is asked about."""
        return (*self._routes.paths, files.ROUTE) if self._assets is not None else self._routes.paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; other kinds of connection are closed unheard."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": "WebSockets are not served."})
            return
        if scope["method"] in {"GET", "HEAD"} and (probe := self._routes.probes.get(scope["path"])) is not None:
            await Reply(200, probe).send(outlet(scope, send))
            return
        route = self._route(scope)
        draft = self._draft(route.path if route else "")
        task = asyncio.current_task()
        self._in_flight.add(task)
        telemetry.IN_FLIGHT.inc()
        try:
            heard = outlet(scope, send)
            reply = await self._reply(scope, receive, heard, draft, route)
            if reply is not None:
                with suppress(ClientGoneError):  # its record is written; that nobody read it to the end is not in it
                    await reply.send(heard)
        finally:
            self._in_flight.discard(task)
            telemetry.IN_FLIGHT.dec()

    def _draft(self, route: str) -> Draft:
        return Draft(uuid.uuid4().hex, route, time.monotonic(), self._source)

    async def cut_off(self) -> None:
        """Answer and record at once whatever is still in flight."""
        tasks = [task for task in self._in_flight if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CUT_OFF_S)

    def _route(self, scope: Scope) -> Route | None:
        """The route of exactly this path. An escaped or otherwise different spelling is another path."""
        if b"%" in (scope.get("raw_path") or b""):
            return None
        return self._routes.find(scope["path"])

    async def _reply(
        self, scope: Scope, receive: Receive, send: Send, draft: Draft, route: Route | None
    ) -> Reply | None:
        speaker = route.adapter if route else self._routes.nearest(scope["path"], _USUAL)
        try:
            reply = await self._answer(scope, receive, send, draft, route)
        except RequestError as error:
            reply = _error(draft, speaker, REQUEST_STATUS.get(error.code, 400), error.code, error.message, error.param)
        except UpstreamError as error:
            draft.state = State.UPSTREAM_ERROR
            draft.attempts = error.attempts
            code = f"upstream_{error.code}"
            reply = _error(draft, speaker, UPSTREAM_STATUS.get(error.code, 502), code, error.message)
            if error.retry_after_s is not None:
                reply.headers += ((b"retry-after", str(error.retry_after_s).encode()),)
        except ClientGoneError:
            draft.state = State.CLIENT_GONE
            await self._record(draft, Reply(200 if draft.bytes_out else 0, b""))
            return None
        except asyncio.CancelledError:  # not by the client, see `Presence`: the gateway is on its way out
            draft.state = State.ERROR_CLOSED
            if draft.cut_off is not None:
                message = "The gateway is shutting down; the rest was not released."
                await self._end_cut_off(draft, draft.cut_off("shutting_down", message), "shutting_down", send)
                return None
            reply = _error(draft, speaker, 503, "shutting_down", "The gateway is shutting down; nothing was released.")
        except Exception as error:  # noqa: BLE001  the edge: whatever is wrong here, nothing unjudged is sent
            log.error("request failed id=%s error=%s", draft.id, type(error).__name__)  # noqa: TRY400  no traceback: its frames hold content
            draft.state = State.ERROR_CLOSED
            if draft.cut_off is not None:
                message = "The gateway failed; the rest was not released."
                await self._end_cut_off(draft, draft.cut_off("guard_error", message), "guard_error", send)
                return None
            reply = _error(draft, speaker, 503, "guard_error", "The gateway failed; nothing was released.")
        return await self._finish(draft, speaker, reply) if reply is not None else None

    async def _end_cut_off(self, draft: Draft, ending: bytes, code: str, send: Send) -> None:
        """Record an answer that has begun, and send *ending* unless its own end was sent already."""
        draft.error = draft.error or code
        await self._record(draft, Reply(200, b""))
        if not draft.ended:
            await send({"type": "http.response.body", "body": ending, "more_body": False})

    async def refuse(self, code: str, message: str) -> Reply:
        """The recorded answer to a request that could not even be read as HTTP."""
        draft = self._draft("")
        reply = _error(draft, self._fallback, REQUEST_STATUS.get(code, 400), code, message)
        return await self._finish(draft, self._fallback, reply)

    async def _finish(self, draft: Draft, speaker: Adapter, reply: Reply) -> Reply:
        """*reply*, recorded; if it cannot be, an answer that holds nothing of it."""
        reply.headers += draft.headers()
        if not await self._record(draft, reply):
            if self._held is not None and reply.status == _TICKET and draft.held == draft.id:
                await self._forget(self._held, draft.held)
            message = "The decision could not be recorded, so nothing was released."
            draft.error = ""
            reply = _error(draft, speaker, _UNRECORDED, "audit_unavailable", message)
            reply.headers += ((b"x-guard-id", draft.id.encode()),)
        return reply

    async def _forget(self, store: HeldStore, ticket: str) -> None:
        """Delete an answer whose ticket nobody gets."""
        with suppress(HeldError):  # then it expires
            await self._pipeline.engine.aside(store.drop, ticket)

    async def _record(self, draft: Draft, reply: Reply) -> bool:
        """Write the terminal record, unless that was done; whether it is durable now."""
        if draft.recorded:
            return True
        weight = draft.findings() * _BYTES_PER_FINDING if reply.status else 0  # of one cancelled it is made at once
        record = await self._aside(weight, draft.record, reply)
        own = draft.timings["total"] - draft.timings.get("upstream", 0.0)
        telemetry.overhead(draft.route or "other").observe(own / 1000)
        state, status = draft.state, reply.status
        draft.recorded = True  # it is written even if nobody waits for that any more
        try:
            await self._sink.append(record)
            self.live.take(record)
        except AuditError as error:
            log.error("record not written id=%s error=%s", draft.id, error)  # noqa: TRY400
            state, status = State.ERROR_CLOSED, status and _UNRECORDED
            draft.recorded = False
            return False
        except Exception:
            draft.recorded = False
            raise
        finally:
            telemetry.request_ended(draft.route or "other", state.value, str(status)).inc()
        return True

    async def _begin(self, draft: Draft) -> bool:
        """Note durably that the answer is about to be sent; whether that is done."""
        try:
            await self._sink.begin(draft.record(Reply(200, b"")))
        except AuditError as error:
            log.error("opening not written id=%s error=%s", draft.id, error)  # noqa: TRY400
            return False
        return True

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, draft: Draft, route: Route | None
    ) -> Reply | None:
        check_head(scope, self.limits)
        if self._held is not None and scope["path"].startswith(PREFIX):
            return await self._collect(self._held, scope, draft)
        if self._assets is not None and scope["path"] == files.ROUTE:
            return await self._serve_asset(self._assets, scope, draft)
        if route is None:
            served = ", ".join(self._routes.paths)
            raise RequestError("unknown_route", f"This gateway serves no such endpoint; it serves {served}.")
        adapter = route.adapter
        content_type = check_post(scope, adapter.media_types)
        draft.tenant = self._tenants.named(scope, adapter)
        if (shed := self._shed(draft, adapter)) is not None:
            return shed
        body = await read_body(scope, receive, self.limits)
        draft.bytes_in = len(body)
        async with Presence(scope, receive):
            return await self._serve(scope, send, body, content_type, draft, route)

    def _shed(self, draft: Draft, adapter: Adapter) -> Reply | None:
        """What is said where there is too much to do already."""
        if len(self._in_flight) <= self.limits.in_flight:
            return None
        draft.state = State.SHED
        again = self._pipeline.engine.backlog_s
        said = Refusal("guard_overloaded", "The gateway is at its limit; try again.", retry_after_s=again)
        return self._refusal(draft, adapter, said)

    async def _serve_asset(self, assets: files.Assets, scope: Scope, draft: Draft) -> Reply:
        """Whether a web server may serve the file that it was asked for."""
        draft.route = files.ROUTE
        if scope["method"] != "GET":
            raise RequestError("method_not_allowed", "Ask about a file with GET.")
        draft.tenant = self._tenants.named(scope, self._fallback)
        if (shed := self._shed(draft, self._fallback)) is not None:
            return shed
        wanted = header(scope, files.WANTED)
        if wanted is None:
            name = files.WANTED.decode()
            raise RequestError("missing_header", f"Say once which path is asked for, in the header `{name}`.")
        policy = draft.policy = self._store.select(files.ROUTE, draft.tenant, None)
        began = time.monotonic()
        engine = self._pipeline.engine
        try:
            asset = await engine.aside(assets.shelf.read, wanted)
            draft.bytes_in = len(asset.data)
            pipeline = self._pipeline.within(policy, draft.tenant)
            return await assets.answer(asset, pipeline, policy, draft, deadline=began + self.limits.judge_timeout_s)
        except files.AssetError as error:
            draft.error = error.code
            return files.not_there(error)
        except HeldError as error:
            log.error("file not held id=%s error=%s", draft.id, error)  # noqa: TRY400  it holds no content
            draft.state = State.ERROR_CLOSED
            message = "The file is to be reviewed by a person and could not be kept for it."
            return _error(draft, self._fallback, 503, "guard_unavailable", message)
        finally:
            draft.timings["output"] = since(began)

    async def _collect(self, store: HeldStore, scope: Scope, draft: Draft) -> Reply:
        """What became of an answer that is held, by its ticket."""
        draft.route = ROUTE
        if scope["method"] != "GET":
            raise RequestError("method_not_allowed", "Ask for what is held with GET.")
        draft.tenant = self._tenants.named(scope, self._fallback)
        try:
            return await self._pipeline.engine.aside(collected, store, draft, scope["path"].removeprefix(PREFIX))
        except GoneError as error:
            return _error(draft, self._fallback, error.status, error.code, error.message)
        except HeldError as error:
            log.error("held answer not read id=%s error=%s", draft.id, error)  # noqa: TRY400  it holds no content
            draft.state = State.ERROR_CLOSED
            message = "What is held cannot be read now; try again later."
            return _error(draft, self._fallback, 503, "guard_unavailable", message)

    async def _serve(
        self, scope: Scope, send: Send, body: bytes, content_type: bytes, draft: Draft, route: Route
    ) -> Reply | None:
        adapter = route.adapter
        exchange = await self._aside(len(body), adapter.decode_request, body, content_type, draft.route)
        locale = _locale(scope)
        if locale != "en":
            exchange.contents = tuple(
                replace(content, locale=locale) if content.locale == "en" else content for content in exchange.contents
            )
        draft.stream = exchange.stream
        if isinstance(adapter, DropIn) and (named := _named(scope, route, adapter)) is not None:
            exchange.contents = tuple(replace(content, model=named) for content in exchange.contents)
        model = exchange.contents[0].model
        policy = draft.policy = self._store.select(draft.route, draft.tenant, model)
        refuse_unknown(policy, exchange)
        if isinstance(adapter, GeneratorAdapter) and self._house is not None:
            key = self._vault.key(exchange.content, draft.tenant)
            exchange.contents = (replace(exchange.content, vault_key=key),)
            generator: Generator | None = scope.get(GENERATOR)
            house = self._house if generator is None else replace(self._house, upstream=generator)
            return await Generating(
                house, draft, adapter, exchange, policy, self._tenants.passed_on(scope), send
            ).answer()
        if not isinstance(adapter, JudgeAdapter):
            raise TypeError(type(adapter).__name__)
        exchange.scored = scored(self._pipeline.engine, policy, exchange)
        adapter.check(exchange)
        began = time.monotonic()
        deadline = began + self.limits.judge_timeout_s
        pipeline = self._pipeline.within(policy, draft.tenant)
        judged = await self._judged(pipeline, exchange, policy, draft, adapter, deadline)
        draft.inputs = [one.decision for one in judged]
        draft.timings["input"] = since(began)
        return await self._decisions(draft, adapter, exchange, judged, policy)

    async def _judged(
        self,
        pipeline: Pipeline,
        exchange: Exchange,
        policy: Policy,
        draft: Draft,
        adapter: JudgeAdapter,
        deadline: float,
    ) -> Sequence[Judged]:
        """A decision on each content; of texts that may grow, what of them will stay as well."""
        growing = adapter.growing(exchange) if isinstance(adapter, DropIn) else ()
        if not isinstance(adapter, DropIn) or not growing or whole_only(pipeline, policy):
            return await judge_all(pipeline, exchange.contents, policy, draft.id, deadline)
        call = adapter.call_of(exchange)
        if call is not None and len(growing) == len(exchange.content.parts):
            key = Key(draft.tenant, f"{policy.name}@{policy.revision}", call)
            one, exchange.settled = await self._calls.judge(
                key, pipeline, policy, exchange.content, identifier=draft.id, deadline=deadline
            )
            return [one]
        judged = await judge_all(pipeline, exchange.contents, policy, draft.id, deadline)
        exchange.settled = await settled(pipeline, growing, policy, draft.id, deadline)
        return judged

    async def _aside(self, size: int, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """What *function* gives; where it has about *size* bytes to go through, worked out off the event loop."""
        if size < LARGE:
            return function(*arguments, **named)
        return await self._pipeline.engine.aside(function, *arguments, **named)

    async def _decisions(
        self, draft: Draft, adapter: JudgeAdapter, exchange: Exchange, judged: Sequence[Judged], policy: Policy
    ) -> Reply:
        """The decisions themselves, unless a classifier did not answer: no score is no answer."""
        for content, one in zip(exchange.contents, judged, strict=True):
            refusal = no_answer(adapter, content, one, policy)
            if refusal is not None:
                return self._refusal(draft, adapter, refusal)
        draft.state = draft.answered()
        weight = max(draft.bytes_in, draft.findings() * _BYTES_PER_FINDING)
        return Reply(200, await self._aside(weight, adapter.encode_decisions, exchange, judged))

    def _refusal(self, draft: Draft, adapter: Adapter, refusal: Refusal) -> Reply:
        status, draft.state = REFUSAL_STATUS[refusal.code]
        draft.error = refusal.code
        retry = _again(refusal) if refusal.code == "guard_overloaded" else _NO_RETRY
        return Reply(status, adapter.encode_refusal(refusal), headers=(retry,))


def _named(scope: Scope, route: Route, adapter: DropIn) -> str | None:
    """What the client calls that which is to decide, where its protocol says that beside the body."""
    if route.model is not None or not adapter.model_header:
        return route.model
    given = (header(scope, adapter.model_header) or b"").decode("latin-1")
    return given if WORD.fullmatch(given) else None


def _error(draft: Draft, adapter: Adapter, status: int, code: str, message: str, param: str | None = None) -> Reply:
    draft.error = draft.error or code
    return Reply(status, adapter.encode_error(code, message, param), headers=(_NO_RETRY,) if status < 500 else ())


def _again(refusal: Refusal) -> tuple[bytes, bytes]:
    """When to try again, in whole seconds (RFC 9110 section 10.2.3), at least one."""
    return b"retry-after", str(max(1, ceil(refusal.retry_after_s))).encode()


def _locale(scope: Scope) -> str:
    """The language the client asks for first (RFC 9110 section 12.5.4), for the words of refusals."""
    first = (header(scope, b"accept-language") or b"en").split(b",", 1)[0].split(b";", 1)[0].strip()
    return first.decode("ascii", "replace") if first.replace(b"-", b"").isalnum() and len(first) <= 35 else "en"
