"""Every part of every exchange is counted as checked, exempt or unscannable, and none is left over."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from tests.acceptance.conftest import House
from tests.acceptance.test_endpoints import SERVED, ask
from tests.fakes import CANARY, ENTITY, HARMLESS, completion

_SAMPLE = re.compile(r'^(guard_parts_\w+)(?:\{(?:rule|policy)="([^"]+)"\})? ([\d.e+]+)$', re.MULTILINE)
_ODD: list[Any] = ["", "x", "word " * 2000, f"{HARMLESS}. " * 300, "a\\u0062c \\n", {"k": ["v", 12345678, None]}, 1.5]


def ledger(house: House) -> Counter[tuple[str, str]]:
    """What the metrics say of parts."""
    found = _SAMPLE.findall(house.admin("/metrics"))
    return Counter({(name, label): int(float(value)) for name, label, value in found})


def requests() -> list[tuple[str, Any]]:
    """A request for every route with the canary in it and with its twin, and chats with what is odd."""
    sent: list[tuple[str, Any]] = []
    for route, body in SERVED.items():
        if isinstance(body, tuple):
            kind, data = body
            sent += [(route, body), (route, (kind, data.replace(CANARY.encode(), HARMLESS.encode())))]
        else:
            twin = _twin(body)
            sent += [(route, body), (route, twin), (route, {**twin, "stream": True}), (route, {**twin, "odd": _ODD})]
    return sent


def _twin(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _twin(item) for key, item in value.items()}
    return [_twin(item) for item in value] if isinstance(value, list) else HARMLESS if value == CANARY else value


def answers() -> list[dict[str, Any]]:
    """What a generator says: one and several choices, reasoning, calls, what a rule changes and what one blocks."""
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"q": "a \\u0062"}'}}
    said = ["", "Fine. And so it goes on. " * 40, f"Ask {ENTITY}, please. Then go.", f"So. {CANARY}. No."]
    return [completion(*said[:number], reasoning=HARMLESS, tool_calls=[call]) for number in range(1, 5)]


def test_after_a_broad_run_nothing_is_unchecked_and_the_metrics_are_the_sum_of_the_records(guarded: House) -> None:
    before = ledger(guarded)
    assert ("guard_parts_unchecked_total", "") in before, "it is there before anything went wrong"
    count = 0
    for route, body in requests():
        ask(guarded, "POST", route, body)
        count += 1
    for answer in answers():
        for stream in (False, True):
            guarded.upstream.answer = answer
            guarded.chat(_ODD[3], stream=stream)
            guarded.chat([{"type": "text", "text": "a"}, {"type": "text", "text": HARMLESS}], stream=stream)
            count += 2
    grown = ledger(guarded) - before
    records = guarded.records(count)
    coverages = [one["coverage"] for record in records for one in (record.input, record.output) if one]
    assert len(records) == count
    assert len(coverages) > count // 2

    exempt: Counter[str] = sum((Counter(one["exempt"]) for one in coverages), Counter())
    assert {label: n for (name, label), n in grown.items() if name == "guard_parts_exempt_total"} == dict(exempt)
    assert grown["guard_parts_checked_total", ""] == sum(one["checked"] for one in coverages) > count
    unscannable = sum(n for (name, _), n in grown.items() if name == "guard_parts_unscannable_total")
    assert unscannable == sum(sum(one["unscannable"].values()) for one in coverages) > 0
    assert {one["unchecked"] for one in coverages} == {0}
    assert grown["guard_parts_unchecked_total", ""] == 0
