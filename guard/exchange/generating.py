"""One request for the generator: judged on its way in, asked, and its answer judged on its way out.

content ─judge→ released ─call→ answering ─┬ whole ──judge→ `Reply`
                                           └ stream ─`guard.exchange.streamed`→ sent as it is decided

With the policy's ``race_input`` the generator is asked while the request is still being judged; nothing of its answer
is read before that is decided, and a block takes the call back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from guard.audit import State
from guard.config import Limits
from guard.content import Content, Direction, TextPart
from guard.decision import Held, Refusal
from guard.errors import RequestError, UpstreamError
from guard.exchange import holding
from guard.exchange.draft import Draft, since
from guard.exchange.generator import Generator
from guard.exchange.http import EVENTS, JSON, Reply
from guard.exchange.inlining import inlined
from guard.exchange.streamed import Streamed
from guard.held import HeldError, HeldStore
from guard.pipeline import Pipeline
from guard.placeholders import restore_content
from guard.protocols.adapter import Answer, GeneratorAdapter
from guard.protocols.media_watch import MediaWatch
from guard.streaming import AnswerJudge, whole_only
from guard.upstream.fetch import Fetcher

if TYPE_CHECKING:
    from guard.decision import Decision, Judged
    from guard.exchange.generator import Answering
    from guard.exchange.http import Headers, Send
    from guard.policy.model import Policy
    from guard.protocols.adapter import Exchange
    from guard.protocols.stream import AnswerStream

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

LARGE = 64 * 1024
"""Bytes from which a body is decoded and encoded off the event loop, where nobody waits for it."""


@dataclass(slots=True)
class House:
    """What every request is answered with. *begin* and *record* write the audit log; *refusal* makes a reply of one."""

    pipeline: Pipeline
    upstream: Generator
    limits: Limits
    begin: Callable[[Draft], Awaitable[bool]]
    record: Callable[[Draft, Reply], Awaitable[bool]]
    refusal: Callable[[Draft, GeneratorAdapter, Refusal], Reply]
    fetcher: Fetcher | None = None
    held: HeldStore | None = None
    """Where answers wait that a person is to look at; None: they are refused."""

    async def aside(self, size: int, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """What *function* gives; where it has about *size* bytes to go through, worked out off the event loop."""
        if size < LARGE:
            return function(*arguments, **named)
        return await self.pipeline.engine.aside(function, *arguments, **named)

    def deadline(self) -> float:
        """When classifiers that are asked now are late."""
        return time.monotonic() + self.limits.judge_timeout_s


class Generating:
    """Answers one request of a generator's protocol."""

    def __init__(
        self,
        house: House,
        draft: Draft,
        adapter: GeneratorAdapter,
        exchange: Exchange,
        policy: Policy,
        headers: Headers,
        send: Send,
    ) -> None:
        self._house = house
        self._pipeline = house.pipeline.within(policy, draft.tenant)
        self._draft = draft
        self._adapter = adapter
        self._exchange = exchange
        self._policy = policy
        self._headers = headers
        self._send = send
        self._codec: AnswerStream | None = None
        self._moderation: dict[str, Any] = {}

    async def answer(self) -> Reply | None:
        """The reply, or None where the answer was sent and recorded already.

        Raises:
            UpstreamError: the generator gave no answer that could be read, and nothing was sent.
        """
        inline = self._exchange.inline
        waits = inline is not None and inline.blocks_output
        if self._exchange.stream and not waits and not whole_only(self._pipeline, self._policy):
            self._codec = self._adapter.open_stream(self._exchange)
        if self._policy.race_input:
            answering = await self._race()
        else:
            released = await self._judge_request()
            answering = released if isinstance(released, Refusal) else await self._call(released)
        if isinstance(answering, Refusal):
            if answering is _FILTERED:
                now = int(datetime.now(UTC).timestamp())
                about = {"id": f"guard-{self._draft.id}", "created": now, "created_at": now}
                about["model"] = self._exchange.content.model or ""
                return self._filtered(Answer(self._exchange.content, about))
            return self._house.refusal(self._draft, self._adapter, answering)
        try:
            return await self._pass_on(answering)
        finally:
            answering.close()

    # The request

    async def _judge_request(self) -> Content | Refusal:
        began = time.monotonic()
        content = self._exchange.content
        if self._house.fetcher is not None and not self._policy.race_input:
            content = await inlined(content, self._house.fetcher)
        judged = await self._pipeline.judge(
            content, self._policy, decision_id=self._draft.id, deadline=self._house.deadline()
        )
        self._draft.inputs = [judged.decision]
        self._draft.timings["input"] = since(began)
        if isinstance(judged.released, Refusal):
            return judged.released
        self._draft.masked = judged.released.masked
        inline = self._exchange.inline
        if (
            inline is not None
            and self._moderate("input", judged.decision, self._exchange.content)
            and inline.blocks_input
        ):
            return _FILTERED
        return judged.released

    def _moderate(self, side: str, decision: Decision, content: Content) -> bool:
        """Keep what the client wants to know of *decision*; whether something was flagged."""
        inline = self._exchange.inline
        if inline is None:
            return False
        self._moderation[side], flagged = self._adapter.describe_inline(decision, content, inline.model)
        return flagged

    def _filtered(self, answer: Answer) -> Reply:
        """The end that the client asked for where something was flagged. What was not looked at, is not said to be."""
        unread = {"type": "error", "code": "not_moderated", "message": "There was no answer to moderate."}
        answer.moderation = {"output": unread, **self._moderation}
        self._draft.state, self._draft.error = State.BLOCKED, "content_filter"
        media_type = EVENTS if self._exchange.stream else JSON
        return Reply(200, self._adapter.encode_filtered(self._exchange, answer), media_type)

    async def _race(self) -> Answering | Refusal:
        """Ask the generator and judge the request at the same time. The loader sees to it that nothing is changed."""
        call = asyncio.ensure_future(self._call(self._exchange.content))
        try:
            released = await self._judge_request()
        except BaseException:
            await _take_back(call)
            raise
        if isinstance(released, Refusal):
            await _take_back(call)
            return released
        try:
            return await call
        except asyncio.CancelledError:
            await _take_back(call)
            raise

    async def _call(self, content: Content) -> Answering:
        draft, exchange, adapter = self._draft, self._exchange, self._adapter
        streams = self._codec is not None
        began = time.monotonic()
        body = await self._house.aside(draft.bytes_in, adapter.encode_request, exchange, content, stream=streams)
        accept = self._codec.media_type.partition(b";")[0] if self._codec is not None else adapter.accept
        draft.attempts = 1
        try:
            answering = await self._house.upstream.call(
                adapter.upstream_path(draft.route),
                self._headers,
                body,
                content_type=exchange.content_type,
                accept=accept,
                whole=not streams,
                forwarded=adapter.forwarded,
                key_header=adapter.key_header,
            )
        except UpstreamError as error:
            draft.attempts = error.attempts
            raise
        finally:
            draft.timings["upstream"] = since(began)
        draft.upstream_status, draft.attempts = answering.status, answering.attempts
        return answering

    # The answer

    async def _pass_on(self, answering: Answering) -> Reply | None:
        if answering.status == 200 and self._codec is not None:
            media_type = self._codec.media_type.partition(b";")[0]
            if answering.media_type == media_type:
                return await self._stream(answering, self._codec)
            if answering.media_type != JSON:
                said = "The upstream's answer is no stream of its protocol."
                raise UpstreamError("protocol", said, attempts=answering.attempts)
        began = time.monotonic()
        body = await answering.read()
        self._draft.timings["upstream"] += since(began)
        if answering.status != 200:
            return await self._pass_failure(answering, body)
        adapter, exchange = self._adapter, self._exchange
        try:
            answer = await self._house.aside(len(body), adapter.decode_response, exchange, body, answering.media_type)
        except RequestError as error:
            said = f"The upstream's answer cannot be read ({error.code})."
            raise UpstreamError("protocol", said, attempts=answering.attempts) from None
        self._draft.note_model(answer.content.model)
        left = await self._judge_answer(answer.content)
        store = self._house.held
        if isinstance(left, Content):
            released = left
        elif isinstance(left, Held) and left.content is not None and store is not None:
            released = left.content
        else:
            return self._house.refusal(self._draft, adapter, left)
        inline = self._exchange.inline
        if inline is not None and self._draft.output is not None:
            flagged = self._moderate("output", self._draft.output, answer.content)
            if flagged and inline.blocks_output:
                return self._filtered(answer)
            answer.moderation = self._moderation
        self._draft.state = self._draft.answered()
        reply = await self._encoded(answer, released, len(body), answering)
        return await self._hold(store, left, reply) if isinstance(left, Held) and store is not None else reply

    async def _encoded(self, answer: Answer, left: Content, size: int, answering: Answering) -> Reply:
        """*answer* as *left* says that it may be released."""
        exchange = self._exchange
        released = await self._house.aside(size, self._adapter.encode_response, exchange, answer, left)
        media_type = EVENTS if exchange.stream and answer.media_type == JSON else answer.media_type
        return Reply(200, released, media_type, answering.headers)

    async def _hold(self, store: HeldStore, held: Held, reply: Reply) -> Reply:
        """Keep *reply* until a person has decided, and give a ticket for it; refuse it where it cannot be kept."""
        draft = self._draft
        answer = holding.kept(draft, held, reply)
        try:
            await self._pipeline.engine.aside(store.keep, answer, reply.body)
        except HeldError as error:
            log.error("answer not held id=%s error=%s", draft.id, error)  # noqa: TRY400  it holds no content
            said = "The answer is to be reviewed by a person and could not be kept for it, so it was not released."
            return self._house.refusal(draft, self._adapter, Refusal("guard_unavailable", said, held.rules))
        draft.held, draft.state = answer.id, State.HELD
        codec = self._adapter.open_stream(self._exchange) if self._exchange.stream else None
        return holding.ticket(answer) if codec is None else holding.ended(answer, codec)

    async def _judge_answer(self, content: Content) -> Content | Refusal:
        """What may be released of what came back, as the generator wrote it; restored after that is decided."""
        began = time.monotonic()
        said = replace(content, locale=self._exchange.content.locale, masked=self._draft.masked)
        judged: Judged = await self._pipeline.judge(
            said, self._policy, decision_id=self._draft.id, deadline=self._house.deadline()
        )
        self._draft.output = judged.decision
        self._draft.timings["output"] = since(began)
        left = judged.released
        given = left.content if isinstance(left, Held) else left
        if not isinstance(given, Content) or not self._draft.masked:
            return left
        whole = await self._house.pipeline.engine.aside(restore_content, given, self._draft.masked)
        return replace(left, content=whole) if isinstance(left, Held) else whole

    async def _pass_failure(self, answering: Answering, body: bytes) -> Reply:
        """An upstream's own error: its status and headers stay; its words are judged, and replaced if need be."""
        draft, adapter = self._draft, self._adapter
        draft.state, draft.error = State.UPSTREAM_ERROR, f"upstream_{answering.status}"
        status = answering.status if 400 <= answering.status < 600 else 502
        why = "cannot be read"
        try:
            answer = await self._house.aside(len(body), adapter.decode_failure, body)
        except RequestError:
            pass
        else:
            left = await self._judge_answer(answer.content)
            if not isinstance(left, Refusal):
                return Reply(status, adapter.encode_failure(answer, left), headers=answering.headers)
            if left.code not in {"content_filter", "held"}:
                return self._house.refusal(draft, adapter, left)
            why = "is not let through"
        message = f"The upstream answered {answering.status}; what it said of it {why}."
        return Reply(status, adapter.encode_error(draft.error, message), headers=answering.headers)

    async def _stream(self, answering: Answering, codec: AnswerStream) -> Reply | None:
        draft = self._draft
        judge = AnswerJudge(self._pipeline, self._policy, decision_id=draft.id, locale=self._exchange.content.locale)
        streamed = Streamed(self._house, draft, codec, judge, self._send, answering.headers, self._describe)
        left = await streamed.run(answering.sift, MediaWatch())
        return self._house.refusal(draft, self._adapter, left) if isinstance(left, Refusal) else left

    def _describe(self, decision: Decision) -> dict[str, Any] | None:
        """What the end of a stream says of request and answer, if that was asked for."""
        if self._exchange.inline is None:
            return None
        self._moderate("output", decision, Content(Direction.OUTPUT, (TextPart(""),)))
        return self._moderation


_FILTERED = Refusal("inline_filter", "")
"""Stands for a request that the client itself wanted to have blocked."""


async def _take_back(call: asyncio.Future[Any]) -> None:
    """Have a call end that nobody needs any more."""
    call.cancel()
    for answering in await asyncio.gather(call, return_exceptions=True):
        if not isinstance(answering, BaseException):
            answering.close()
