"""`Live`: a running gateway watches its own rates, over all requests of this process: a log line and a counter."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from guard import telemetry
from guard.monitor.cusum import Kind
from guard.monitor.windows import Monitor

if TYPE_CHECKING:
    from guard.audit.record import AuditRecord

log = logging.getLogger(__name__)


class Live:
    """Takes every record that was written. Quick, and never raises: no request may suffer from being counted."""

    def __init__(self, monitor: Monitor | None = None) -> None:
        self.monitor = monitor or Monitor(named=False)

    def take(self, record: AuditRecord) -> None:
        """Count *record*, and say what there is to say of the windows before it."""
        try:
            for alert in self.monitor.take(record):
                kind = alert.signal.kind
                telemetry.RATE_ALERTS.labels(alert.series.category, kind.value).inc()
                log.log(logging.WARNING if kind is Kind.RAISED else logging.INFO, "rate %s", alert)
        except Exception as error:  # noqa: BLE001  the record is written, and its request goes on
            log.error("record not counted error=%s", type(error).__name__)  # noqa: TRY400
