"""What waits for a person, on the admin port: looked at, released or refused, each written down before it counts.

``GET /held`` lists what waits, ``GET /held/ID`` says what is known of it, ``GET /held/ID/body`` shows it, and
``POST /held/ID/release`` and ``/refuse`` take ``{"by": NAME, "reason": TEXT}``.
"""

from __future__ import annotations

import asyncio
import ipaddress
import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from guard import telemetry
from guard.audit import AuditRecord, State, timestamp
from guard.errors import AuditError, RequestError
from guard.held import HeldError, Standing
from guard.protocols.strict_json import parse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from guard.audit import AuditSink
    from guard.held import HeldAnswer, HeldStore

_LONGEST_NAME, _LONGEST_REASON = 100, 500
_MOST_LISTED = 1000


def routes(store: HeldStore, sink: AuditSink) -> list[Route]:
    """The endpoints over *store*; what is decided is recorded in *sink* first."""

    async def waiting(_: Request) -> Response:
        answers = await asyncio.to_thread(store.waiting, _MOST_LISTED)
        return JSONResponse({"held": [_line(one) for one in answers]})

    async def show(request: Request) -> Response:
        answer = await asyncio.to_thread(store.find, request.path_params["ticket"])
        return (
            JSONResponse(_line(answer)) if answer is not None else _problem(404, "no answer is held under that ticket")
        )

    async def body(request: Request) -> Response:
        ticket = request.path_params["ticket"]
        answer, data = await asyncio.to_thread(lambda: (store.find(ticket), store.body(ticket)))
        if answer is None or data is None:
            return _problem(404, "nothing is kept under that ticket")
        # A page could be in it: nothing of it may run here.
        headers = {"content-security-policy": "sandbox; default-src 'none'", "x-content-type-options": "nosniff"}
        return Response(data, media_type=answer.media_type, headers=headers)

    def deciding(standing: Standing) -> Callable[[Request], Awaitable[Response]]:
        async def decide(request: Request) -> Response:
            try:
                by, reason = _said(request, await request.body())
            except RequestError as error:
                return _problem(400, error.message)
            ticket = request.path_params["ticket"]
            try:
                decided = await asyncio.to_thread(
                    store.decide,
                    ticket,
                    standing,
                    by=by,
                    reason=reason,
                    record=lambda answer: sink.append_sync(_record(answer)),
                )
            except AuditError:
                return _problem(503, "it could not be recorded, so nothing was changed")
            telemetry.REVIEWS.labels(standing.value).inc()
            return JSONResponse(_line(decided))

        return _told(decide)

    return [
        Route("/held", _told(waiting)),
        Route("/held/{ticket}", _told(show)),
        Route("/held/{ticket}/body", _told(body)),
        Route("/held/{ticket}/release", deciding(Standing.RELEASED), methods=["POST"]),
        Route("/held/{ticket}/refuse", deciding(Standing.REFUSED), methods=["POST"]),
    ]


def _told(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """*endpoint*, saying what is wrong with the store, or with how it was asked."""

    async def answering(request: Request) -> Response:
        if not is_by_address(request):
            return _problem(421, NAMED)
        try:
            return await endpoint(request)
        except HeldError as error:
            return _problem(409, str(error))

    return answering


NAMED = "ask for what is held by an IP address, or as localhost: a name could be a web page's"
"""What is told to who asks by another name."""


def is_by_address(request: Request) -> bool:
    """Whether *request* names this server by an address, or as localhost.

    The admin port asks for no key. A page whose name leads here (DNS rebinding) could otherwise read what is held.
    """
    host = request.url.hostname or ""
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _said(request: Request, body: bytes) -> tuple[str, str]:
    """Who decides, and why.

    Raises:
        RequestError: that is not said. Forms are refused: any web page could send one.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise RequestError("unsupported_media_type", "send JSON, with `content-type: application/json`")
    said = parse(body)
    by, reason = (said.get("by"), said.get("reason", "")) if isinstance(said, dict) else (None, "")
    if not isinstance(by, str) or not 0 < len(by.strip()) <= _LONGEST_NAME:
        raise RequestError("missing_field", f"`by` should say who decides, in up to {_LONGEST_NAME} characters")
    if not isinstance(reason, str) or len(reason) > _LONGEST_REASON:
        raise RequestError("invalid_type", f"`reason` should be a text of up to {_LONGEST_REASON} characters")
    return by.strip(), reason


def _line(answer: HeldAnswer) -> dict[str, Any]:
    return {**asdict(answer), "standing": answer.standing.value, "headers": dict(answer.headers)}


def _record(answer: HeldAnswer) -> AuditRecord:
    """What a person decided, for the audit log."""
    released = answer.standing is Standing.RELEASED
    summary = answer.summary or {}
    return AuditRecord(
        id=uuid.uuid4().hex,
        time=timestamp(),
        state=State.ALLOWED if released else State.BLOCKED,
        status=200,
        source="review",
        route=answer.route,
        tenant=answer.tenant,
        model=answer.model,
        policy=answer.policy,
        revision=answer.revision,
        action="release" if released else "refuse",
        rules=tuple(summary.get("rules", ())),
        output={"held": answer.id, "by": answer.by, "reason": answer.reason},
    )


def _problem(status: int, message: str) -> Response:
    return JSONResponse({"error": {"message": message}}, status_code=status)
