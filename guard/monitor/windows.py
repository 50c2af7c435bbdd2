"""`Monitor`: audit records to series of rates, by category, tenant and model. Pure: the time is that of the records."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from guard.audit.record import summaries
from guard.monitor.cusum import Kind, Limits, Signal, Watch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from guard.audit.record import AuditRecord

ANY = "any"
"""The category of every request on which a rule or a failure asked for something."""
MOST_NAMES = 200
"""Tenants, and models, that have series of their own; the others are in those over all."""
MOST_CATEGORIES = 100
_LONGEST = 80


class Series(NamedTuple):
    """Requests of one tenant, or to one model, or all; and one category among them."""

    category: str
    tenant: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """A signal, with which series it is of, and when: the ends of its first and last window, in UTC."""

    series: Series
    signal: Signal
    since: str
    time: str

    def to_dict(self) -> dict[str, Any]:
        """As it is printed and posted."""
        signal = self.signal
        return {
            "alert": signal.kind.value,
            "category": self.series.category,
            "tenant": self.series.tenant,
            "model": self.series.model,
            "since": self.since,
            "time": self.time,
            "rate": round(signal.rate, 6),
            "usual": round(signal.usual, 6),
            "count": signal.count,
            "requests": signal.requests,
            "statistic": round(signal.statistic, 2),
        }

    def __str__(self) -> str:
        signal, series = self.signal, self.series
        of = "".join(f" {name}={value!r}" for name, value in zip(series._fields[1:], series[1:], strict=True) if value)
        said = f"{self.time} {signal.kind.value}: {series.category}{of}"
        if signal.kind is Kind.RAISED:
            said += f" {signal.rate:.2%} ({signal.count:,} of {signal.requests:,}) since {self.since}"
            return f"{said}, usually {signal.usual:.2%}"
        return said


class Monitor:
    """Counts records into windows of *window_s* seconds and watches every series. Not thread-safe.

    Without *named*, only those over all: no tenants, no models.
    """

    def __init__(self, window_s: float = 300.0, limits: Limits | None = None, *, named: bool = True) -> None:
        if not window_s >= 1:
            msg = "a window is of one second and more"
            raise ValueError(msg)
        self.window_s = window_s
        self._named = named
        self._limits = limits or Limits()
        self._watches: dict[Series, Watch] = {}
        self._empty: dict[tuple[str | None, str | None], Watch] = {}
        self._since: dict[Series, int] = {}
        self._names: tuple[set[str], set[str]] = (set(), set())
        self._categories: set[str] = {ANY}
        self._window: int | None = None
        self._requests: Counter[tuple[str | None, str | None]] = Counter()
        self._counts: Counter[Series] = Counter()
        self.records = 0
        """Records that were counted; those on which nothing was decided are not."""

    @property
    def raised(self) -> list[Series]:
        """The series that are above their usual rate now."""
        return [series for series, watch in self._watches.items() if watch.raised]

    @property
    def series(self) -> int:
        """How many series are watched."""
        return len(self._watches)

    def take(self, record: AuditRecord) -> list[Alert]:
        """Count *record*; gives what the windows before it had to say. One that comes late counts as of now."""
        moment = _seconds(record.time)
        if moment is None:
            return []
        alerts = self.advance(moment)
        decisions = [*summaries(record.input), *summaries(record.output)]
        if not decisions:  # never judged: shed, or no request at all
            return alerts
        self.records += 1
        found = {one for decision in decisions for one in _categories(decision)}
        if any(decision["action"] != "allow" for decision in decisions):
            found.add(ANY)
        found &= self._known(found)
        for scope in self._scopes(record):
            self._requests[scope] += 1
            for category in found:
                self._counts[Series(category, *scope)] += 1
        return alerts

    def advance(self, moment: float) -> list[Alert]:
        """It is *moment*, in seconds since 1970: close the window before, if that is over."""
        window = int(moment // self.window_s)
        if self._window is None:
            self._window = window
        if window <= self._window:
            return []
        alerts = list(self._close(self._window))
        self._window = window
        return alerts

    def finish(self) -> list[Alert]:
        """Close the last window: no more records will come."""
        return [] if self._window is None else self.advance((self._window + 1) * self.window_s)

    def _close(self, window: int) -> Iterator[Alert]:
        for series in self._counts:
            if series not in self._watches:  # until now its scope has seen none of it: that is a history, too
                empty = self._empty.get(series[1:])
                self._watches[series] = deepcopy(empty) if empty is not None else Watch(self._limits)
        for series, watch in self._watches.items():
            requests = self._requests[series[1:]]
            if not requests:
                continue
            signal = watch.step(self._counts[series], requests)
            if signal is None:
                continue
            if signal.kind is Kind.RAISED:
                self._since[series] = window - signal.windows + 1
            first = self._since.get(series, window)
            yield Alert(series, signal, self._time(first), self._time(window + 1))
        for scope, requests in self._requests.items():
            self._empty.setdefault(scope, Watch(self._limits)).step(0, requests)
        self._requests.clear()
        self._counts.clear()

    def _scopes(self, record: AuditRecord) -> list[tuple[str | None, str | None]]:
        scopes: list[tuple[str | None, str | None]] = [(None, None)]
        if not self._named:
            return scopes
        for place, name in enumerate((record.tenant, record.model)):
            known = self._names[place]
            if not name or (name[:_LONGEST] not in known and len(known) >= MOST_NAMES):
                continue
            short = name[:_LONGEST]
            known.add(short)
            scopes.append((short, None) if place == 0 else (None, short))
        return scopes

    def _known(self, found: set[str]) -> set[str]:
        for category in sorted(found):
            if len(self._categories) < MOST_CATEGORIES:
                self._categories.add(category)
        return self._categories

    def _time(self, window: int) -> str:
        moment = datetime.fromtimestamp(window * self.window_s, UTC)
        return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _categories(summary: Mapping[str, Any]) -> Iterator[str]:
    for finding in summary.get("findings") or ():
        category = finding.get("category")
        if isinstance(category, str):
            yield category[:_LONGEST]


def _seconds(time: str) -> float | None:
    try:
        return datetime.fromisoformat(time).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
