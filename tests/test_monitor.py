"""Watching an audit log: the statistic, what is counted, the log as it grows, and the webhook."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings, strategies as st

from benchmarks.monitor import delay, raised, simulated
from guard import telemetry
from guard.audit.jsonl import JsonlSink
from guard.audit.record import AuditRecord, State, timestamp
from guard.audit.sqlite import SqliteSink
from guard.cli import main
from guard.cli.monitor import seconds
from guard.errors import AuditError, GuardError
from guard.monitor.cusum import Kind, Limits, Watch
from guard.monitor.live import Live
from guard.monitor.log import Log
from guard.monitor.telling import Webhook
from guard.monitor.windows import ANY, MOST_NAMES, Alert, Monitor, Series

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
windows = st.lists(st.integers(0, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), max_size=120)


def record(number: int, moment: datetime, category: str = "", *, tenant: str = "a", model: str = "m") -> AuditRecord:
    findings = [{"category": category, "score": 0.9}] if category else []
    action = "block" if category else "allow"
    summary: dict[str, Any] = {"action": action, "findings": findings}
    state = State.BLOCKED if category else State.ALLOWED
    return AuditRecord(
        id=f"r{number}", time=timestamp(moment), state=state, tenant=tenant, model=model, action=action, output=summary
    )


def traffic(hours: int, risen: int, category: str = "hate") -> Iterator[AuditRecord]:
    """60 requests every 5 minutes; 1 in 30 is negative, all of tenant a; from hour *risen* on 1 in 3 of b is, too."""
    for n in range(hours * 12 * 60):
        moment = BEGAN + timedelta(seconds=5 * n)
        tenant = "b" if n % 2 else "a"
        bad = n % 30 == 0 or (tenant == "b" and moment >= BEGAN + timedelta(hours=risen) and n % 3 == 0)
        yield record(n, moment, category if bad else "", tenant=tenant)


@settings(deadline=None, max_examples=60)
@given(windows)
def test_a_watch_is_quiet_while_it_learns_and_says_raised_and_ended_in_turn(given_: list[tuple[int, int]]):
    watch = Watch(Limits(windows=5, requests=50, least=3, bound=3, settled=20))
    up = False
    for count, requests in given_:
        ready = watch.ready
        signal = watch.step(count, requests)
        assert watch.statistic >= 0
        assert watch.dispersion >= 1
        assert 0 < watch.usual < 1
        if signal is not None:
            assert ready
            assert (signal.kind is Kind.RAISED) is (not up)
            assert signal.count <= signal.requests
            assert signal.kind is not Kind.RAISED or signal.count >= 3
            up = signal.kind is Kind.RAISED
        assert watch.raised is up


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 300))
def test_nothing_negative_and_steady_rates_raise_nothing(requests: int):
    assert raised([(0, requests)] * 400) == []
    assert raised([(requests // 10, requests)] * 400) == []


@pytest.mark.parametrize("counts", [(3, 2), (-1, 2)])
def test_what_is_no_count_is_refused(counts: tuple[int, int]):
    with pytest.raises(ValueError, match="is no count"):
        Watch().step(*counts)


@pytest.mark.parametrize(("shape", "rate", "most"), [("plain", 0.02, 12), ("swinging", 0.02, 20), ("plain", 0.1, 4)])
def test_a_rise_to_three_times_is_noticed_soon_and_nothing_is_raised_before(shape: str, rate: float, most: int):
    rng = np.random.default_rng(7)
    runs = [simulated(rng, shape, rate, 500, 400, (300, 3.0)) for _ in range(5)]

    assert all(0 < (delay(one, 300) or 99) <= most for one in runs)
    assert sum(n < 300 for one in runs for n in raised(one)) == 0


def test_a_rise_that_stays_is_the_new_usual_in_the_end():
    watch = Watch(Limits(settled=50))
    signals = [watch.step(count, 100) for count in [2] * 100 + [20] * 100]

    assert [one.kind for one in signals if one is not None] == [Kind.RAISED, Kind.SETTLED]
    assert not watch.raised
    assert watch.usual == pytest.approx(0.2, abs=0.02)


def test_an_alert_names_the_tenant_in_which_it_rose_and_when():
    monitor = Monitor(300)
    alerts: list[Alert] = []
    for one in traffic(10, risen=8):
        alerts += monitor.take(one)
    alerts += monitor.finish()
    first = {alert.series: alert for alert in reversed(alerts) if alert.signal.kind is Kind.RAISED}

    assert Series("hate", "b") in first
    assert Series(ANY, "b") in first
    assert Series("hate", "a") not in first
    assert "2026-03-01T08:00:00Z" <= first[Series("hate", "b")].time <= "2026-03-01T08:15:00Z"
    assert first[Series("hate", "b")].since >= "2026-03-01T07:40:00Z"
    assert "hate tenant='b'" in str(first[Series("hate", "b")])


def test_names_that_anybody_can_make_up_do_not_fill_the_memory():
    monitor = Monitor(60)
    for n in range(1000):
        made_up = record(n, BEGAN + timedelta(seconds=n), f"custom.{n}", tenant=f"t{n}" * 100, model=f"m{n}")
        monitor.take(made_up)

    assert monitor.series <= (1 + 2 * MOST_NAMES) * 101
    assert all(len(tenant or "") <= 80 for tenant in monitor._names[0])


def test_times_that_are_none_gaps_and_requests_that_were_never_judged_are_borne():
    monitor = Monitor(60)
    shed = AuditRecord(id="s", time=timestamp(BEGAN), state=State.SHED)

    assert monitor.take(AuditRecord(id="x", time="noon", state=State.ALLOWED)) == []
    assert monitor.take(shed) == []
    assert monitor.take(record(1, BEGAN)) == []
    assert monitor.take(record(2, BEGAN + timedelta(days=20_000))) == []
    assert monitor.take(record(3, BEGAN)) == []
    assert monitor.records == 3


def test_a_request_for_several_decisions_counts_once_with_all_that_was_found_in_it():
    several = [record(n, BEGAN, category).output for n, category in enumerate(("", "hate", "violence"))]
    monitor = Monitor()
    monitor.take(replace(record(1, BEGAN), input={"decisions": several}, output=None))
    monitor.take(replace(record(2, BEGAN), input=None, output={"held": "1234"}))
    monitor.finish()
    assert monitor.records == 1
    assert monitor.series == 9  # any, hate and violence: of all, of the tenant, of the model


def test_a_log_is_read_from_its_start_and_then_as_it_grows(tmp_path: Path):
    for sink in (SqliteSink(tmp_path / "it.db"), JsonlSink(tmp_path / "it.jsonl")):
        path = tmp_path / ("it.db" if isinstance(sink, SqliteSink) else "it.jsonl")
        sink.append_sync(record(1, BEGAN, "hate"))
        log = Log(path)
        assert [one.id for one in log.new()] == ["r1"]
        assert list(log.new()) == []
        sink.begin_sync(record(2, BEGAN))
        sink.append_sync(record(2, BEGAN))
        sink.append_sync(record(3, BEGAN))
        assert [one.id for one in log.new()] == ["r2", "r3"]
        sink.close()

    torn = tmp_path / "torn.jsonl"
    torn.write_bytes(
        b'{"id": "x"}\nnonsense\n[1]\n{"id":"y","time":"2026',
    )
    log = Log(torn)
    assert list(log.new()) == []
    assert log.unread == 3
    torn.write_bytes((tmp_path / "it.jsonl").read_bytes())  # the same name, another file
    assert [one.id for one in Log(torn).new()] == ["r1", "r2", "r3"]
    with pytest.raises(AuditError, match="no such file"):
        Log(tmp_path / "none")


class Ear(HTTPServer):
    """A webhook that answers with the *codes* in turn, the last of them ever after."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.heard: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Answer)
        self.url = f"http://127.0.0.1:{self.server_port}/hook"
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.thread.join()
        self.server_close()


class _Answer(BaseHTTPRequestHandler):
    server: Ear

    def do_POST(self) -> None:
        said = self.rfile.read(int(self.headers["content-length"]))
        code = self.server.codes.pop(0) if len(self.server.codes) > 1 else self.server.codes[0]
        self.server.heard.append(json.loads(said))
        self.send_response(code)
        if code == 302:
            self.send_header("location", self.server.url)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_a_webhook_is_tried_again_where_that_may_help_and_no_further_than_told():
    pauses: list[float] = []
    with Ear(503, 429, 204) as ear:
        assert Webhook(ear.url, pause=pauses.append).post({"alert": "raised"}) == ""
    assert ear.heard == [{"alert": "raised"}] * 3
    assert pauses == [1, 2]
    with Ear(400) as ear:
        assert Webhook(ear.url, pause=pauses.append).post({}) == "it answered 400"
    with Ear(302) as ear:
        assert Webhook(ear.url, pause=pauses.append).post({}) == "it answered 302"
    assert len(ear.heard) == 1
    gone = Webhook(f"{ear.url}?token=secret", timeout_s=1, pause=lambda _: None).post({})
    assert "cannot be reached" in gone
    assert "secret" not in gone
    with pytest.raises(GuardError, match="https"):
        Webhook("file:///etc/passwd")


def test_the_command_prints_and_posts_alerts_and_its_code_says_that_there_were_some(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    log = tmp_path / "log.jsonl"
    quiet = tmp_path / "quiet.jsonl"
    log.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in traffic(5, risen=4)))
    quiet.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in traffic(4, risen=4)))

    assert main(["monitor", str(quiet)]) == 0
    assert "raised: 0" in capsys.readouterr().out
    with Ear(204) as ear:
        assert main(["monitor", str(log), "--json", "--webhook", ear.url]) == 1
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert printed == ear.heard
    assert any((one["category"], one["tenant"], one["alert"]) == ("hate", "b", "raised") for one in printed)
    assert main(["monitor", str(tmp_path / "none")]) == 3
    assert main(["monitor", str(quiet), "--window", "soon"]) == 3
    assert "no window" in capsys.readouterr().err


def test_a_gateway_counts_what_it_records_and_says_when_a_rate_rises(caplog: pytest.LogCaptureFixture):
    live = Live()
    with caplog.at_level("WARNING", "guard"):
        for one in traffic(6, risen=4):
            live.take(one)
        live.take(None)  # type: ignore[arg-type]

    said = [one.getMessage() for one in caplog.records]
    assert any("raised: hate" in one and "2026-03-01T04:" in one for one in said)
    assert said[-1] == "record not counted error=AttributeError"
    assert all(series[1:] == (None, None) for series in live.monitor.raised)
    assert (
        telemetry.REGISTRY.get_sample_value("guard_rate_alerts_total", {"category": "hate", "kind": "raised"}) or 0
    ) >= 1


def test_windows_are_written_with_their_unit():
    assert [seconds(one) for one in ("90", "90s", "5m", "1h", "7d")] == [90, 90, 300, 3600, 604_800]
    for wrong in ("0", "8d", "-5m", "5 m", "五分钟"):
        with pytest.raises(GuardError):
            seconds(wrong)
