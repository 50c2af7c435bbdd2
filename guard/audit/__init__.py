"""Record: the decision log. One terminal record per request, durable before the first released byte.

A sink is one module with one `AuditSink`: `guard.audit.sqlite` (the default), `guard.audit.jsonl`. Both share the
group commit of `guard.audit.writer`.
"""

from __future__ import annotations

from guard.audit.record import AuditRecord, State, summarise, timestamp
from guard.audit.sink import AuditSink

__all__ = ["AuditRecord", "AuditSink", "State", "summarise", "timestamp"]
