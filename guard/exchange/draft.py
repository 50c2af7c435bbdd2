"""What is known of a request while it is answered: from it come its one record and the ``x-guard-*`` headers."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from guard.audit import AuditRecord, State, summarise, timestamp
from guard.decision import Decision
from guard.policy.model import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.exchange.http import Reply

_SECRETIVE = re.compile(r"(?:[0-9][._:/-]?){9}|[A-Za-z0-9]{20}")
"""Nine digits in a row, dashes and dots aside, or twenty letters and digits: keys and cards are, models are not."""
_STRENGTH = (State.ALLOWED, State.FLAGGED, State.REDACTED, State.HELD, State.BLOCKED)


@dataclass(slots=True)
class Draft:
    """What is known so far of the record to be written."""

    id: str
    route: str
    began: float
    source: str = "proxy"
    state: State = State.REJECTED_PROTOCOL
    tenant: str | None = None
    model: str | None = None
    stream: bool = False
    policy: Policy | None = None
    inputs: list[Decision] = field(default_factory=list)
    output: Decision | None = None
    error: str = ""
    upstream_status: int | None = None
    attempts: int = 0
    timings: dict[str, float] = field(default_factory=dict)
    bytes_in: int = 0
    bytes_out: int = 0
    released_early: int = 0
    """Characters of a stream that went out before all of it was judged, as the policy's `release_below` allows."""
    recorded: bool = False
    """Whether its terminal record is with the audit log: there is one, whatever happens to the request after that."""
    cut_off: Callable[[str, str], bytes] | None = None
    """Makes the end of an answer of which a part is sent, if it cannot be sent to its own."""
    held: str = ""
    """The ticket of the held answer that was asked for or made."""
    ended: bool = False
    """Whether the last of an answer is sent."""
    masked: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What is to be restored in the answer. It ends with the request; no record has it."""

    def note_model(self, model: str | None) -> None:
        """Keep the name that the generator gives itself. The client's word for it is whatever a person typed."""
        self.model = None if model is None or _SECRETIVE.search(model) else model

    def decisions(self) -> list[Decision]:
        """Every decision of this request."""
        return [*self.inputs, self.output] if self.output is not None else list(self.inputs)

    def strongest(self) -> Decision | None:
        """The decision that shaped the answer: the one that changed most, the output's among equals."""
        found, most = None, (False, -1)
        for decision in self.decisions():
            strengths = [effect.action.strength for effect in decision.effects]
            rank = (decision.action == "block", max(strengths, default=-1))
            if rank >= most:
                found, most = decision, rank
        return found

    def answered(self) -> State:
        """How a request ended that got what it asked for, whole or changed."""
        if any(d.failures and not (d.enforced and d.action == "block") for d in self.decisions()):
            return State.ERROR_OPEN
        states = [State.ALLOWED]
        for decision in self.decisions():
            if decision.enforced and decision.action != "allow":
                other = {"flag": State.FLAGGED, "label": State.FLAGGED, "review": State.HELD, "block": State.BLOCKED}
                states.append(other.get(decision.action, State.REDACTED))
        return max(states, key=_STRENGTH.index)

    def findings(self) -> int:
        """How many findings there are to tell of."""
        return sum(len(decision.findings) for decision in self.decisions())

    def headers(self, *, open_: bool = False) -> tuple[tuple[bytes, bytes], ...]:
        """What every answer says of its decision; while it is *open_*, that it is pending."""
        headers = [(b"x-guard-id", self.id.encode())]
        decision = self.strongest()
        if open_:
            headers.append((b"x-guard-decision", b"pending"))
        elif decision is not None:
            headers.append((b"x-guard-decision", decision.action.encode()))
        if self.policy is not None:
            headers.append((b"x-guard-policy", f"{self.policy.name}@{self.policy.revision}".encode()))
        if decision is not None:
            headers.append((b"x-guard-coverage", self._covered()))
        return tuple(headers)

    def _covered(self) -> bytes:
        """How many parts were checked, exempt and unscannable, in all decisions so far."""
        coverages = [decision.coverage for decision in self.decisions()]
        checked = sum(coverage.checked for coverage in coverages)
        exempt = sum(count for coverage in coverages for _, count in coverage.exempt)
        unscannable = sum(len(coverage.unscannable) for coverage in coverages)
        return f"checked={checked}, exempt={exempt}, unscannable={unscannable}".encode()

    def _output(self) -> dict[str, Any] | None:
        if self.output is None:
            return {"held": self.held} if self.held else None
        early = {"released_early": self.released_early} if self.released_early else {}
        return {**summarise(self.output), **early}

    def record(self, reply: Reply) -> AuditRecord:
        """The terminal record of this request, if *reply* is what is sent."""
        decision = self.strongest()
        self.timings["total"] = since(self.began)
        return AuditRecord(
            id=self.id,
            time=timestamp(),
            state=self.state,
            status=reply.status,
            source=self.source,
            route=self.route,
            tenant=self.tenant,
            model=self.model,
            stream=self.stream,
            policy=self.policy.name if self.policy else "",
            revision=self.policy.revision if self.policy else "",
            mode=self.policy.mode.value if self.policy else "",
            action=decision.action if decision else "",
            rules=tuple(dict.fromkeys(rule for d in self.decisions() for rule in d.rules)),
            input=_summary(self.inputs),
            output=self._output(),
            error=self.error,
            upstream_status=self.upstream_status,
            attempts=self.attempts,
            timings=self.timings,
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out + len(reply.body),
        )


def since(began: float) -> float:
    """Milliseconds since *began*, a `time.monotonic` time."""
    return round((time.monotonic() - began) * 1000, 3)


def _summary(decisions: Sequence[Decision]) -> dict[str, Any] | None:
    if len(decisions) > 1:
        return {"decisions": [summarise(decision) for decision in decisions]}
    return summarise(decisions[0]) if decisions else None
