"""The benchmark's own arithmetic: a figure that is wrong is worse than none."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import (
    __main__ as main,
    _answers,
    _batch_work,
    _harness,
    _marks_sound,
    _page,
    _pii_quality,
    _pii_systems,
    _pii_zh,
    _servers,
    _sound_clips,
    _stream_load,
    _traffic,
    agreement,
    batching,
    gateway,
    models,
    pii,
    policy,
    scaling,
    streaming,
)
from classifiers import _pii_checks as checks
from guard.protocols.openai_chat import ADAPTER
from guard.stream.items import Delta
from guard.text.sentences import boundary


def _run(p50: float, cpu_ms: float) -> dict[str, float]:
    return {"requests": 10, "failed": 0, "seconds": 2.0, "p50": p50, "p90": 5.0, "p99": 9.0, "cpu_ms": cpu_ms}


RUNS = {
    ("direct", "unary", 1): [_run(1.0, 0.1), _run(3.0, 0.1), _run(2.0, 0.1)],
    ("direct", "unary", 16): [_run(1.0, 0.1)] * 3,
    ("guard", "unary", 1): [_run(2.0, 0.5), _run(4.0, 0.5), _run(9.0, 0.5)],
    ("guard", "unary", 16): [_run(8.0, 0.4), _run(8.0, 1.2), _run(8.0, 1.1)],
}


def test_what_is_added_is_counted_within_each_round():
    cell = gateway.cell(RUNS, "guard", "unary", 1)

    assert cell["added_p50_ms"] == {"median": 1.0, "min": 1.0, "max": 7.0}
    assert cell["p50_ms"]["median"] == 4.0
    assert cell["requests"] == 30
    assert cell["requests_per_s"]["median"] == 5.0


def test_a_bar_is_met_by_the_median_alone():
    met = {bar["figure"]: bar["met"] for bar in gateway.bars([gateway.cell(RUNS, *key) for key in RUNS])}

    assert met == {"added_p50_ms": True, "cpu_ms": False}


def test_the_table_shows_every_measured_variant_and_no_other():
    cells = [gateway.cell(RUNS, *key) for key in RUNS]
    report = {
        "machine": _harness.machine(["pytest"]),
        "rounds": 3,
        "seconds": 1.0,
        "traffic": {"request_bytes": 1, "answer_bytes": 1},
        "busy_elsewhere": _harness.spread([0.1]),
        "rss_mb": {"guard": 50.0},
        "notes": ["nginx is not installed: that row is left out"],
        "cells": cells,
        "bars": gateway.bars(cells),
    }

    rows = {line.split()[0] for line in gateway.table(report).splitlines() if line}

    assert {"direct", "guard", "note:", "bar:"} <= rows
    assert not {"nginx", "guard-default", "asgi-httpx"} & rows


def test_spread_is_in_order():
    assert _harness.spread([3.0, 1.0, 2.0]) == {"median": 2.0, "min": 1.0, "max": 3.0}


@pytest.mark.parametrize("stream", [False, True])
def test_the_traffic_is_what_the_gateway_reads(stream: bool):
    body = _traffic.request(stream=stream)
    exchange = ADAPTER.decode_request(body)

    assert exchange.stream is stream
    assert [part.role for part in exchange.content.parts] == ["system", "user", "assistant", "user"]
    assert 1900 <= len(body) <= 2200
    assert 1100 <= len(_traffic.ANSWER) <= 1300


def test_the_stream_says_what_the_answer_says():
    frames = [json.loads(line[6:]) for line in _traffic.STREAM.split(b"\n") if line.startswith(b"data: {")]
    said = "".join(frame["choices"][0]["delta"].get("content", "") for frame in frames)

    assert said == json.loads(_traffic.ANSWER)["choices"][0]["message"]["content"]


def _spread(value: float) -> dict[str, float]:
    return {"median": value, "min": value, "max": value}


def _classifiers(work_ms: float, characters: int) -> dict[str, object]:
    one = {"work_ms": work_ms, "pending_ms": 0.5, "characters": characters}
    return {"cpu_ms": 20.0, "classifiers": {"toxicity": one, "pii": one}}


STREAMS = {
    ("first", "direct", "en"): [{"first": 1.0, "sentence": 301.0}, {"first": 2.0, "sentence": 310.0}],
    ("first", "guard-default", "en"): [{"first": 321.0, "sentence": 322.0}, {"first": 350.0, "sentence": 351.0}],
    ("cpu", "nginx", "paced"): [
        {"cpu_us": 10.0, "events_in": 100, "events_out": 100, "seconds": 1.0},
        {"cpu_us": 20.0, "events_in": 100, "events_out": 100, "seconds": 1.0},
    ],
    ("cpu", "guard-stream", "paced"): [
        {"cpu_us": 20.0, "events_in": 100, "events_out": 5, "seconds": 1.0},
        {"cpu_us": 80.0, "events_in": 100, "events_out": 5, "seconds": 1.0},
    ],
    ("work", "default", "en", "whole"): [_classifiers(10.0, 4000), _classifiers(20.0, 4000)],
    ("work", "default", "en", "tokens"): [_classifiers(15.0, 5000), _classifiers(22.0, 5000)],
}


def test_what_a_stream_adds_is_split_into_a_sentence_of_the_upstream_and_the_rest_round_by_round():
    cell = streaming.first_cell(STREAMS, "guard-default", "en")

    assert cell["added_ms"] == {"median": 334.0, "min": 320.0, "max": 348.0}
    assert cell["sentence_ms"] == {"median": 304.0, "min": 300.0, "max": 308.0}
    assert cell["rest_ms"] == {"median": 30.0, "min": 20.0, "max": 40.0}


def test_cpu_is_a_multiple_of_that_of_nginx_in_the_same_round():
    cell = streaming.cpu_cell(STREAMS, "guard-stream", "paced")

    assert cell["of_nginx"] == {"median": 3.0, "min": 2.0, "max": 4.0}
    assert cell["events_out_of_in"] == 0.05
    assert "of_nginx" not in streaming.cpu_cell(STREAMS, "nginx", "paced")


def test_without_nginx_nothing_is_a_multiple_of_it():
    runs = {key: own for key, own in STREAMS.items() if "nginx" not in key}

    assert "of_nginx" not in streaming.cpu_cell(runs, "guard-stream", "paced")


def test_work_is_a_multiple_of_that_for_the_whole_answer_in_the_same_round():
    cell = streaming.work_cell(STREAMS, "default", "en", "tokens")

    assert cell["work_ms"] == {"median": 37.0, "min": 30.0, "max": 44.0}
    assert cell["work_of_whole"] == {"median": 1.3, "min": 1.1, "max": 1.5}
    assert cell["characters"] == 10_000
    assert cell["characters_of_whole"] == 1.25


def test_each_bar_of_streaming_is_judged_by_its_own_figure():
    cells = {
        "first": [streaming.first_cell(STREAMS, "guard-default", "en")],
        "cpu": [streaming.cpu_cell(STREAMS, name, "paced") for name in ("nginx", "guard-stream")],
        "work": [streaming.work_cell(STREAMS, "default", "en", way) for way in ("whole", "tokens")],
        "memory": [{"variant": "guard-stream", "rss_mb": [50.0, 60.0, 120.0], "kib_per_stream": 257.0}],
    }

    found = {bar["figure"]: (bar["measured"], bar["met"]) for bar in streaming.bars(cells)}

    assert found == {
        "rest_ms": (30.0, True),
        "cpu_of_nginx": (3.0, True),
        "work_of_whole": (1.3, False),
        "kib_per_stream": (257.0, False),
    }
    report = {
        "machine": _harness.machine(["pytest"]),
        "rounds": 2,
        "seconds": 1.0,
        "busy_elsewhere": _spread(0.1),
        "notes": [],
        "cells": cells,
        "bars": streaming.bars(cells),
    }
    rows = streaming.table(report).splitlines()
    assert [row.endswith("(met)") for row in rows if row.startswith("bar:")] == [True, True, False, False]


@pytest.mark.parametrize("language", sorted(_answers.LANGUAGES))
def test_the_streamed_answer_is_what_the_gateway_reads(language: str):
    stream = ADAPTER.open_stream(ADAPTER.decode_request(_stream_load.request(f"{language}-80", 2000)))

    items = [item for data in (*_answers.frames(language), _answers.END) for item in stream.read(data)]

    assert stream.finished
    assert "".join(item.text for item in items if isinstance(item, Delta)) == _answers.answer(language)
    assert len(_answers.tokens(language)) == _answers.TOKENS


@pytest.mark.parametrize("language", sorted(_answers.LANGUAGES))
def test_the_first_sentence_is_known_with_the_token_that_shows_its_end(language: str):
    count = streaming.first_sentence(language)

    assert boundary(_answers.answer(language, count - 1)) is None
    assert boundary(_answers.answer(language, count)) is not None


def test_the_stub_of_the_streams_says_what_could_become_the_phrase():
    stub = _servers.StreamStub()
    text = f"It was {_servers.PHRASE}, said Z, or ZORB"

    (findings,) = stub.classify([text])

    assert [finding.span for finding in findings] == [(7, 19)]
    assert text[stub.pending(text) :] == "ZORB"
    assert stub.pending("nothing") == len("nothing")


PII = {
    ("presidio-forms", "mix"): [10.0, 30.0, 20.0],
    ("guard-forms", "mix"): [1.0, 1.0, 1.0],
    ("presidio-default", "short"): [9.0, 9.0, 9.0],
    ("guard-names", "short"): [3.0, 2.0, 1.0],
}


def test_times_less_is_counted_within_each_round():
    cell = pii.cell(PII, "guard-names", "short")

    assert cell["times_less"] == {"median": 4.5, "min": 3.0, "max": 9.0}
    assert "times_less" not in pii.cell(PII, "presidio-forms", "mix")


def test_bars_of_personal_data_are_judged_by_the_median_and_only_where_measured():
    found = pii.bars([pii.cell(PII, *key) for key in PII])

    assert [(bar["variant"], bar["texts"], bar["met"]) for bar in found] == [
        ("guard-forms", "mix", False),
        ("guard-names", "short", True),
    ]


def test_the_texts_are_of_the_lengths_that_are_said():
    texts = pii.corpora(80)

    assert all(40 <= len(text) <= 200 for text in texts["short"])
    assert len(texts["mix"]) == 80
    assert sorted(len(text) > 5_000 for text in texts["mix"]).count(True) == 4


def test_a_value_is_found_by_half_of_its_letters_in_its_own_entity():
    marked = [_pii_zh.Marked("call Ann Lee", (("person", 5, 12),))]

    def finding(*spans: tuple[str, int, int]) -> dict[str, int]:
        return {
            key: _pii_quality.compare(marked, lambda text: list(spans), "english")["all"][key]
            for key in ("marked", "found", "findings", "right")
        }

    assert finding() == {"marked": 1, "found": 0, "findings": 0, "right": 0}
    assert finding(("person", 5, 8)) == {"marked": 1, "found": 1, "findings": 1, "right": 1}
    assert finding(("person", 0, 8)) == {"marked": 1, "found": 1, "findings": 1, "right": 0}
    assert finding(("phone", 5, 12)) == {"marked": 1, "found": 0, "findings": 1, "right": 0}


def test_made_up_values_have_right_check_digits_and_stand_where_they_are_marked():
    proofs = {"cn_social_credit_code": checks.social_credit_code, "credit_card": checks.card_number}
    made = [one for which in _pii_zh.SETS for one in _pii_zh.sentences(which)]
    for text, spans in made:
        for entity, start, end in spans:
            if entity in proofs:
                assert proofs[entity](text[start:end]), text

    assert {entity for _, spans in made for entity, _, _ in spans} >= {*proofs, "person", "address", "cn_plate"}
    assert _pii_zh.sentences("development") == _pii_zh.sentences("development")


@pytest.mark.model
def test_personal_data_is_found_as_well_as_the_goals_ask():
    find = _pii_systems.guard(sorted(_pii_quality.FORMS_AND_NAMES))
    sets = {"english": (_pii_quality.english(), "english")}
    sets |= {f"chinese, {which}": (_pii_zh.sentences(which), "chinese") for which in _pii_zh.SETS}

    for name, goal in _pii_quality.GOALS.items():
        assert _pii_quality.compare(sets[name][0], find, sets[name][1])["all"]["f1"] >= goal, name


def _load(per_s: float, p50: float, p99: float, refusal: float = 1.0) -> dict[str, float]:
    figures = {"per_s": per_s, "p50_ms": p50, "p99_ms": p99, "refused": 3, "refusal_p99_ms": refusal}
    return {**figures, "late": 0, "stall_p999_ms": 4.0}


BATCHES: batching.Runs = {
    ("padding model", "mix", 0.3, "batch-1"): [_load(30, 10, 20), _load(30, 20, 30)],
    ("padding model", "mix", 0.3, "ours"): [_load(30, 10, 20), _load(30, 24, 30)],
    ("padding model", "mix", 1.5, "batch-1"): [_load(100, 10, 20), _load(50, 10, 20)],
    ("padding model", "mix", 1.5, "window"): [_load(20, 10, 20), _load(20, 10, 20)],
    ("padding model", "mix", 1.5, "ours"): [_load(100, 10, 20), _load(100, 10, 20)],
    ("padding model", "mix", 3.0, "ours"): [_load(70, 10, 20, 60), _load(90, 10, 20, 70)],
}


def test_ways_to_queue_are_compared_within_each_round():
    cell = batching.cell(BATCHES, "padding model", "mix", 1.5, "ours")

    assert cell["per_s_of_batch-1"] == {"median": 1.5, "min": 1.0, "max": 2.0}
    assert cell["per_s_of_window"]["median"] == 5.0
    assert "per_s_of_arrival" not in cell
    peak = batching.cell(BATCHES, "padding model", "mix", 3.0, "ours")["goodput_of_peak"]
    assert peak == {"median": 0.8, "min": 0.7, "max": 0.9}


def test_bars_of_batching_are_those_of_the_load_they_are_about():
    cells = [batching.cell(BATCHES, *key) for key in BATCHES]
    found = {(bar["load"], bar["figure"]): bar["met"] for bar in batching.bars(cells)}

    assert found[0.3, "p50_ms_of_batch-1"] is True
    assert found[1.5, "per_s_of_batch-1"] is True
    assert found[1.5, "per_s_of_window"] is True
    assert found[3.0, "goodput_of_peak"] is True
    assert found[3.0, "refusal_p99_ms"] is False
    assert (0.3, "goodput_of_peak") not in found
    report = {"rounds": 2, "seconds": 1.0, "one_by_one_per_s": {"it": _harness.spread([9.0])}, "cells": cells}
    rows = batching.table({**report, "bars": batching.bars(cells)}).splitlines()
    assert sum(row.startswith("| padding model") for row in rows) == len(cells)


@pytest.mark.parametrize("way", _batch_work.WAYS)
def test_every_way_to_queue_answers_what_it_is_asked(way: str):
    bench = _batch_work.Bench("padding model")

    seen = asyncio.run(_batch_work.run(bench, way, "short", rate=50.0, seconds=0.4, patience=5.0, seed=1))

    assert len(seen.answered) + seen.late > 5
    assert seen.refused == []
    assert seen.stalls


def test_the_padding_model_scores_a_text_alike_alone_and_in_any_batch():
    bench = _batch_work.Bench("padding model")
    items = bench.items("mix", 24)
    together = [one[0].score for one in bench.classifier.classify(items)]

    alone = [bench.classifier.classify([item])[0][0].score for item in items]

    assert together == pytest.approx(alone, abs=1e-4)


def test_every_question_can_be_asked_and_says_how_it_is_shown():
    found = main.questions()

    assert {
        "agreement",
        "batching",
        "gateway",
        "models",
        "pii",
        "policy",
        "quality",
        "scaling",
        "streaming",
        "text",
        "views",
    } <= set(found)
    for module in found.values():
        assert module.QUESTION
        assert "quick" in module.PROFILES
        assert callable(module.measure)
        assert callable(module.table)


def test_the_page_has_each_question_with_its_bars_and_asks_nobodys_server():
    lines = {"cells": [{"what": "rules", "size": n, "decide_us": _harness.spread([9.0 * n])} for n in (1, 10)]}
    results = {
        "policy": {**lines, "bars": [{"what": "rules", "bar": 13.0, "measured": 10.0, "met": True}]},
        "models": {"bars": [{"model": "<small>", "bar": 3.5, "measured": 2.0, "met": False}]},
        "nobody's question": {"bars": []},
    }

    page = _page.page(results, main.questions())

    assert page.count("<svg") == 2
    assert "<td>&lt;small&gt;<td>3.5<td>2<td><span class=no>not met</span>" in page
    assert "<td>rules<td>13<td>10<td>met" in page
    assert "nobody" not in page
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page.replace("xlink:href", ""))
    assert page == _page.page(results, main.questions())


def test_committed_results_make_a_page():
    page = _page.page(_page.load(Path(_page.__file__).parent / "results"), main.questions())

    assert page.count("<h2") >= 8


@pytest.mark.parametrize(
    ("bar", "times"),
    [
        ({"bar": 2.0, "measured": 4.0, "met": True}, 2.0),
        ({"bar": 2.0, "measured": 1.0, "met": False}, 0.5),
        ({"bar": 20.0, "measured": 5.0, "met": True}, 4.0),
        ({"bar": 20.0, "measured": 40.0, "met": False}, 0.5),
        ({"bar": 20.0, "measured": 0.0, "met": True}, 4.0),
    ],
)
def test_a_bar_that_is_met_is_above_one_whichever_way_it_goes(bar: dict[str, Any], times: float):
    (found,) = _page.found_bars({"bars": [bar]})

    assert found["times"] == times


def test_deciding_grows_by_what_ten_times_as_many_cost():
    cells = [
        {"what": "rules", "size": size, "decide_us": _harness.spread([cost])}
        for size, cost in ((1, 1.0), (10, 12.0), (50, 90.0))
    ]

    assert policy.bars(cells) == [{"what": "rules", "bar": 13.0, "measured": 15.0, "met": False}]
    assert len(policy.policy(30, 4).rules) == 30


def test_scaling_compares_the_largest_size_with_the_second():
    cells = [
        {"what": "rules", "size": size, "cpu_ms": _harness.spread([cost])}
        for size, cost in ((1, 9.0), (10, 10.0), (100, 10.5), (400, 12.0))
    ]

    assert scaling.bars(cells) == [{"what": "rules", "bar": 1.1, "measured": 1.2, "met": False}]
    assert len(scaling.policy(1, 16).rules) == 16


def test_ways_to_run_a_model_are_compared_within_each_round():
    runs = {
        ("small", "short chats", "ours"): [{"per_s": 30.0}, {"per_s": 20.0}],
        ("small", "short chats", "auto"): [{"per_s": 50.0}, {"per_s": 40.0}],
        ("small", "short chats", "loop"): [{"per_s": 10.0}, {"per_s": 10.0}],
    }

    compared = models.cell(runs, "small", "short chats", "loop")

    assert compared["ours_times"] == _harness.spread([3.0, 2.0])
    assert compared["auto_times"] == _harness.spread([5.0, 4.0])
    assert [(bar["ours"], bar["met"]) for bar in models.bars(runs)] == [("ours", False), ("auto", True)]


def test_ready_threads_without_a_processor_are_no_stall():
    delays = _batch_work.Delays()

    before = delays.seconds()
    after = delays.seconds()
    delays.close()

    assert 0 <= before <= after


def test_agreement_says_which_interpreter_cannot_run_the_other_system(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LLM_GUARD_PYTHON", sys.executable)

    with pytest.raises(RuntimeError, match=f"{re.escape(sys.executable)} cannot run LLM Guard: ModuleNotFoundError"):
        agreement.measure("quick")


def test_agreement_counts_text_by_text_what_a_scanner_and_a_classifier_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """With an interpreter in whose LLM Guard whatever is longer than two words is refused."""
    stand_in = tmp_path / "python"
    stand_in.write_text(
        f"#!{sys.executable}\nimport json, sys\nprint(json.dumps('0'))\n"
        "for line in sys.stdin:\n    print(json.dumps(len(json.loads(line)[1].split()) > 2))\n"
    )
    stand_in.chmod(0o755)
    monkeypatch.setenv("LLM_GUARD_PYTHON", str(stand_in))

    found = agreement.measure("quick", only=frozenset({"Secrets"}))["llm_guard"]

    cells = {one["texts_are"]: one for one in found["cells"]}
    assert {one["scanner"] for one in found["cells"]} == {"Secrets"}
    for one in cells.values():
        assert one["both"] + one["ours_alone"] + one["theirs_alone"] + one["neither"] == one["texts"] > 0
    assert cells["keys of known forms"]["both"] == cells["keys of known forms"]["texts"]
    assert cells["requests"]["both"] == cells["requests"]["ours_alone"] == 0
    assert cells["values behind names"]["ours_alone"] > 0


def test_loudness_is_weighed_as_the_standard_says():
    """BS.1770-5, annex 1: its loudness adds -0.691 dB, which is what the filters give at 997 Hz; they leave no hum."""
    low, middle, high = 10 * np.log10(_marks_sound._k_weight(np.array([20.0, 997.0, 10_000.0])))

    assert middle == pytest.approx(0.691, abs=0.01)
    assert low < -10
    assert high == pytest.approx(4.0, abs=0.1)


def test_clips_are_as_long_as_they_say_and_the_same_for_one_seed():
    first, again = (next(_sound_clips.clips("made", 1, seed=3)) for _ in range(2))

    assert first.samples.shape == (2, _sound_clips.SECONDS * first.rate)
    assert (first.samples == again.samples).all()
    assert 0.05 < float(np.abs(first.samples).max()) <= 1.0
