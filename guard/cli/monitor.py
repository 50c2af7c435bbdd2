"""``guard monitor``: alerts when there is more negative content in an audit log than usual."""

from __future__ import annotations

import re
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from guard.errors import GuardError
from guard.monitor.cusum import Kind, Limits
from guard.monitor.log import Log
from guard.monitor.telling import Webhook
from guard.monitor.windows import Alert, Monitor

if TYPE_CHECKING:
    import argparse

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_POLL_S = 1.0


def monitor(options: argparse.Namespace) -> int:
    """Read, watch, tell; 0 if nothing was raised, 1 if something was, 3 if an alert could not be delivered."""
    if options.odds <= 1 or options.bound <= 0 or options.least < 1:
        raise GuardError("--odds is above 1, --bound above 0, --least 1 and more")
    watched = Monitor(seconds(options.window), Limits(odds=options.odds, bound=options.bound, least=options.least))
    log = Log(options.log)
    teller = _Teller(options)
    _read(log, watched, teller, told=not options.follow)
    while options.follow:  # ends with Ctrl-C
        time.sleep(_POLL_S)
        _read(log, watched, teller, told=True)
        for alert in watched.advance(datetime.now(UTC).timestamp()):
            teller.tell(alert, sent=True)
    for alert in watched.finish():
        teller.tell(alert, sent=True)
    if not options.json:
        print(f"{watched.records:,} records in {watched.series:,} series; raised: {teller.raised:,}", end="")
        print(f"; no records: {log.unread:,} lines" if log.unread else "")
    return 3 if teller.lost else int(teller.raised > 0)


def _read(log: Log, watched: Monitor, teller: _Teller, *, told: bool) -> None:
    for record in log.new():
        for alert in watched.take(record):
            teller.tell(alert, sent=told)


class _Teller:
    """Prints alerts, and posts those that are *sent*: with ``--follow`` not those of what was there already."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._json = options.json
        self._webhook = Webhook(options.webhook) if options.webhook else None
        self.raised = 0
        self.lost = 0

    def tell(self, alert: Alert, *, sent: bool) -> None:
        self.raised += alert.signal.kind is Kind.RAISED
        print(orjson.dumps(alert.to_dict()).decode() if self._json else alert, flush=True)
        if self._webhook is None or not sent:
            return
        problem = self._webhook.post(alert.to_dict())
        if problem:
            self.lost += 1
            print(f"guard: the webhook did not take an alert: {problem}", file=sys.stderr)


def seconds(written: str) -> float:
    """The length of a window as it is written: ``90``, ``90s``, ``5m``, ``1h``.

    Raises:
        GuardError: it is none, or not from a second to a week.
    """
    match = re.fullmatch(r"([0-9]{1,6})([smhd]?)", written)
    length = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 1 <= length <= 7 * 86400:
        msg = f"`{written}` is no window; write one such as 90s, 5m or 1h, up to 7d"
        raise GuardError(msg)
    return float(length)
