"""An answer that is sent while it is judged.

generator ─chunks→ codec ─items→ `AnswerJudge` ─what may be sent→ codec ─bytes→ client

The first byte waits for the note in the audit log that it is about to be sent, the last event for the terminal record.
Until the first byte everything is as for any other answer: a block is a 400, a failure a 502. From then on the answer
ends in its protocol's own way.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from guard.audit import State
from guard.errors import AuditError, RequestError, UpstreamError
from guard.exchange.draft import since
from guard.exchange.http import REFUSAL_STATUS, ClientGoneError, Reply
from guard.exchange.restoring import Restoring
from guard.placeholders import restore_content
from guard.stream.gate import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.decision import Decision, Refusal
    from guard.exchange.draft import Draft
    from guard.exchange.generating import House
    from guard.exchange.http import Send
    from guard.protocols.media_watch import MediaWatch
    from guard.protocols.stream import AnswerStream
    from guard.stream.gate import Out, Shown
    from guard.streaming import AnswerJudge

Sift = Callable[[Callable[[bytes], bool]], AsyncIterator[None]]
"""How an answer comes: see `guard.upstream.answering.Answering.sift`."""

log = logging.getLogger(__name__)

_UNRECORDED = "The decision could not be recorded, so the rest was not released."


class Streamed:
    """One streamed answer on its way to the client."""

    def __init__(
        self,
        house: House,
        draft: Draft,
        codec: AnswerStream,
        judge: AnswerJudge,
        send: Send,
        headers: tuple[tuple[bytes, bytes], ...],
        describe: Callable[[Decision], dict[str, Any] | None],
    ) -> None:
        """*describe* says what the end of the answer tells of the decision, if the client asked for that."""
        self._describe = describe
        self._house = house
        self._draft = draft
        self._codec = codec
        self._judge = judge
        self._send = send
        self._headers = headers
        self._began = time.monotonic()
        self._asking = draft.timings.get("upstream", 0.0)
        self._judging = 0.0
        self._started = False
        self._last: list[Shown] = []
        self._restoring = Restoring(draft.masked)

    async def run(self, sift: Sift, watch: MediaWatch) -> Reply | Refusal | None:
        """Pass the answer on. What is returned is still to be recorded and sent; None if all is done.

        Raises:
            UpstreamError: and nothing was sent.
            ClientGoneError, asyncio.CancelledError: what was sent has no end, which the draft can make.
        """
        try:
            out = await self._pass_on(sift, watch)
        except (UpstreamError, RequestError) as error:
            failure = self._failure(error)
            if not self._started:
                raise failure from None
            self._draft.state, self._draft.error = State.UPSTREAM_ERROR, f"upstream_{failure.code}"
            await self._end(self._codec.failed(self._draft.error, failure.message))
            return None
        except ClientGoneError:
            raise
        except Exception as error:
            if not self._started:
                raise
            log.error("stream failed id=%s error=%s", self._draft.id, type(error).__name__)  # noqa: TRY400  its frames hold content
            self._draft.state, self._draft.error = State.ERROR_CLOSED, "guard_error"
            await self._end(self._codec.failed("guard_error", "The gateway failed; the rest was not released."))
            return None
        finally:
            self._note()
        if self._judge.refusal is not None:
            if self._started:
                await self._go_on(out)  # what stood before it, if it was judged together with that at the end
            return await self._refuse(self._judge.refusal)
        return await self._finish(out)

    async def _pass_on(self, sift: Sift, watch: MediaWatch) -> list[Out]:
        """Judge and send until the answer is whole or refused; what is left to send then."""
        codec, judge = self._codec, self._judge

        def completes(data: bytes) -> bool:
            """Whether *data* completes something: of most pieces nothing comes yet."""
            return judge.feed(watch.passed(codec.read(data))) or codec.finished

        async for _ in sift(completes):
            await self._go_on(await self._judged())
            if self._judge.refusal is not None:
                return []
            if codec.finished:
                break
        if not codec.finished and self._judge.feed(watch.passed(codec.finish())):
            await self._go_on(await self._judged())
        if self._judge.refusal is not None:
            return []
        began = time.monotonic()
        try:
            return await self._judge.close(self._house.deadline())
        finally:
            self._judging += time.monotonic() - began

    async def _judged(self) -> list[Out]:
        began = time.monotonic()
        try:
            return await self._judge.take((), self._house.deadline(), self._go_on)
        finally:
            self._judging += time.monotonic() - began

    async def _go_on(self, out: Sequence[Out]) -> None:
        """Send what may be sent, but for what ends the answer."""
        data = self._encoded(out)
        if data:
            await self._write(data)

    def _encoded(self, out: Sequence[Out], *, last: bool = False) -> bytes:
        pieces: list[bytes] = []
        for one in out:
            if isinstance(one, Text):
                pieces.append(self._codec.text(one.lane, self._restoring.text(one.lane, one.text)))
            elif one.last and not last:
                self._last.append(one)
            else:
                pieces.append(self._flushed())
                after = restore_content(one.after, self._draft.masked) if one.after is not None else None
                pieces.append(self._codec.event(one.payload, one.before, after))
        return b"".join(pieces)

    def _flushed(self) -> bytes:
        """What looked like the beginning of a placeholder and was none."""
        return b"".join(self._codec.text(lane, text) for lane, text in self._restoring.rest())

    async def _write(self, data: bytes) -> None:
        if not self._started:
            if not await self._house.begin(self._draft):
                raise AuditError("the opening of a streamed answer was not written")
            self._started = True
            self._draft.cut_off = self._codec.failed
            headers = [
                (b"content-type", self._codec.media_type),
                (b"cache-control", b"no-cache"),
                (b"x-accel-buffering", b"no"),
                (b"x-content-type-options", b"nosniff"),
                *self._headers,
                *self._draft.headers(open_=True),
            ]
            self._draft.timings["first"] = since(self._draft.began)
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        self._draft.bytes_out += len(data)
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def _finish(self, out: Sequence[Out]) -> Reply | None:
        """Record that the answer was whole, then send its end."""
        if self._draft.output is not None:
            self._codec.moderation = self._describe(self._draft.output)
        rest = self._encoded(out) + self._flushed() + self._encoded(self._last, last=True) + self._codec.done()
        self._draft.state = State.UPSTREAM_ERROR if self._codec.broken else self._draft.answered()
        if not self._started:
            return Reply(200, rest, self._codec.media_type, self._headers)
        await self._end(rest)
        return None

    async def _refuse(self, refusal: Refusal) -> Refusal | None:
        """End the answer as its protocol ends one that was filtered."""
        if not self._started:
            return refusal
        _, self._draft.state = REFUSAL_STATUS[refusal.code]
        self._draft.error = refusal.code
        if refusal.code == "content_filter":
            await self._end(self._codec.refused(refusal))
        else:
            await self._end(self._codec.failed(refusal.code, refusal.message))
        return None

    async def _end(self, data: bytes) -> None:
        """Write the terminal record, then *data*, which is the last there is."""
        self._note()
        self._draft.bytes_out += len(data)
        if not await self._house.record(self._draft, Reply(200, b"")):
            data = self._codec.failed("audit_unavailable", _UNRECORDED)
        self._draft.ended = True
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    def _note(self) -> None:
        """What the record is to say of the answer so far."""
        draft = self._draft
        draft.note_model(self._codec.model)
        if draft.output is None:
            draft.output = self._judge.decision()
        draft.released_early = self._judge.early
        draft.timings["output"] = round(self._judging * 1000, 3)
        draft.timings["upstream"] = round(self._asking + since(self._began) - self._judging * 1000, 3)

    def _failure(self, error: UpstreamError | RequestError) -> UpstreamError:
        attempts = self._draft.attempts
        if isinstance(error, UpstreamError):
            return error
        return UpstreamError("protocol", f"The upstream's answer cannot be read ({error.code}).", attempts=attempts)
