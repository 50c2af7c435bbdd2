"""The audit sink interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guard.audit.record import AuditRecord


class AuditSink(ABC):
    """Where records go. May be used from any thread and any number of event loops.

    A record counts as written when `append` returns, and then it survives a crash of the process and the machine.
    Until then nothing of the request may be released, unless `begin` has returned for it: that is for answers which
    are released before their end is known.
    """

    @abstractmethod
    def open(self) -> None:
        """Make sure now that records can be written. Blocks; `append` does it by itself when it is first called.

        Raises:
            AuditError: they cannot.
        """

    @abstractmethod
    async def append(self, record: AuditRecord) -> None:
        """Return when *record* is durable. If the caller is cancelled meanwhile, it is written all the same.

        Raises:
            AuditError: it is not, or there is one with its id already. The sink recovers by itself.
        """

    @abstractmethod
    async def begin(self, record: AuditRecord) -> None:
        """Return when it is durable that the request of *record* is about to be released: its opening.

        The `append` of the same id completes it. Where the process ends before that, the next sink that opens the log
        appends *record* in its place, as `interrupted`; never that of a process that still lives. If the caller is
        cancelled meanwhile, the opening may be there all the same.

        Raises:
            AuditError: it is not.
        """

    @abstractmethod
    def begin_sync(self, record: AuditRecord) -> None:
        """`begin` for callers without an event loop. Blocks."""

    @abstractmethod
    def append_sync(self, record: AuditRecord) -> None:
        """`append` for callers without an event loop. Blocks."""

    @abstractmethod
    def close(self) -> None:
        """Write what was accepted, then let go of the file. Blocks; safe to repeat."""
