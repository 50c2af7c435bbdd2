"""Answers that wait for a person, as clients see them: a ticket, and later what became of it.

The ticket is the request's id, so its audit record says why the answer is held.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from guard.audit import State, summarise
from guard.decision import Refusal
from guard.errors import GuardError
from guard.exchange.http import Reply
from guard.held import HeldAnswer, Standing
from guard.protocols.strict_json import dump

if TYPE_CHECKING:
    from guard.decision import Held
    from guard.exchange.draft import Draft
    from guard.held import HeldStore
    from guard.protocols.stream import AnswerStream

PREFIX = "/guard/v1/held/"
ROUTE = PREFIX.rstrip("/")
_AGAIN_S = 30
"""Seconds after which it is worth while to ask again: a person has to look."""


class GoneError(GuardError):
    """What a ticket stands for cannot be had: *status* and *code* say why."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def kept(draft: Draft, held: Held, reply: Reply) -> HeldAnswer:
    """What is to be known of *reply*, the answer that *held* keeps back."""
    now = datetime.now(UTC).timestamp()
    return HeldAnswer(
        id=draft.id,
        created=now,
        expires=now + held.expires_s,
        keeps=held.expires_s,
        tenant=draft.tenant,
        status=reply.status,
        media_type=reply.media_type.decode("latin-1"),
        headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in reply.headers),
        route=draft.route,
        model=draft.model,
        policy=draft.policy.name if draft.policy else "",
        revision=draft.policy.revision if draft.policy else "",
        message=held.message,
        summary=summarise(draft.output) if draft.output is not None else None,
    )


def ticket(answer: HeldAnswer) -> Reply:
    """What is sent while *answer* waits."""
    url = PREFIX + answer.id
    said = {
        "object": "guard.held",
        "id": answer.id,
        "status": answer.standing.value,
        "message": answer.message,
        "url": url,
        "created_at": int(answer.created),
        "expires_at": int(answer.expires),
    }
    return Reply(202, dump(said), headers=_pointing(answer))


def ended(answer: HeldAnswer, codec: AnswerStream) -> Reply:
    """`ticket`, for who asked for a stream: it ends in its protocol's own way, and says where to ask if it can."""
    said = Refusal("content_filter", f"{answer.message} ({PREFIX}{answer.id})")
    return Reply(202, codec.refused(said), codec.media_type, _pointing(answer))


def _pointing(answer: HeldAnswer) -> tuple[tuple[bytes, bytes], ...]:
    ticket = answer.id.encode()
    return (
        (b"location", PREFIX.encode() + ticket),
        (b"x-guard-held", ticket),
        (b"retry-after", str(_AGAIN_S).encode()),
    )


def collected(store: HeldStore, draft: Draft, name: str) -> Reply:
    """What became of the answer of the ticket *name*, for the tenant of *draft*. Blocking.

    Raises:
        GoneError: it was refused, came too late, or is none of this tenant's.
        HeldError: the store cannot be read.
    """
    answer = store.find(name)
    if answer is None or answer.tenant != draft.tenant:
        raise GoneError(404, "unknown_ticket", "No answer is held under that ticket.")
    draft.held = answer.id
    draft.model = answer.model
    if answer.standing is Standing.PENDING:
        draft.state = State.HELD
        return ticket(answer)
    if answer.asset and answer.standing is Standing.RELEASED:  # the web server has it
        draft.state = State.ALLOWED
        return replace(ticket(answer), status=200)
    if answer.standing is Standing.REFUSED:
        draft.state = State.BLOCKED
        raise GoneError(403, "content_filter", "The answer was reviewed and is not released.")
    body = store.body(name)
    if body is None:
        raise GoneError(410, "held_expired", "The answer was not reviewed or not fetched in time, and is deleted.")
    draft.state = State.ALLOWED
    headers = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers)
    return Reply(answer.status, body, answer.media_type.encode("latin-1"), headers)
