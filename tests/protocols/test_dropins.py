"""What holds of every drop-in: nothing unseen, no crash, its own errors."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from guard.actions import ACTIONS
from guard.content import TextPart
from guard.decision import Refusal
from guard.errors import ConfigError, RequestError
from guard.exchange.http import REFUSAL_STATUS, REQUEST_STATUS
from guard.exchange.routes import Routes
from guard.finding import Finding
from guard.protocols import ADAPTERS
from tests.protocols.dropins import BODIES, DROP_INS, adapter_of, answered, decoded, judged

SAID = "what nobody expects here"
ASIDE = {  # rules by which something is not judged, and where that is
    "envelope": ("request_headers", "request_data", "additional_provider_specific_params", "detector_params"),
    "context": ("prompt", "context"),
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in *value*."""
    yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(item, (*path, key))


def planted(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    """*body* with *value* at *path*."""
    body = copy.deepcopy(body)
    if not path:
        return value
    holder = body
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return body


def test_every_route_of_every_drop_in_has_a_request_here():
    assert set(BODIES) == {route for adapter in DROP_INS.values() for route in adapter.routes}


@pytest.mark.parametrize("route", BODIES)
def test_a_clients_request_is_read_and_answered(route: str):
    answered(route, decoded(route))


@pytest.mark.parametrize("route", BODIES)
def test_a_text_in_any_place_is_judged_or_refused_or_in_a_place_with_a_name(route: str):
    for path in places(BODIES[route]):
        for value in (SAID, [SAID], {"k": SAID}, {SAID: 1}):
            body = planted(BODIES[route], path, value)
            try:
                exchange = decoded(route, body)
            except RequestError:
                continue
            texts = [p.text for c in exchange.contents for p in c.parts if isinstance(p, TextPart)]
            rules = {rule for content in exchange.contents for rule, _ in content.exempt}
            aside = any(rule in rules and path and path[0] in keys for rule, keys in ASIDE.items())
            assert aside or any(SAID in text for text in texts), (path, value)


@pytest.mark.parametrize("route", BODIES)
def test_a_field_that_is_not_known_is_judged(route: str):
    texts = [
        part.text
        for content in decoded(route, {**BODIES[route], "brand_new": SAID}).contents
        for part in content.parts
        if isinstance(part, TextPart)
    ]
    assert SAID in texts


@pytest.mark.parametrize("route", BODIES)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_whatever_is_sent_is_answered_or_refused(route: str, data: st.DataObject):
    path = data.draw(st.sampled_from(list(places(BODIES[route]))))
    body = planted(BODIES[route], path, data.draw(json_values))
    try:
        exchange = decoded(route, json.dumps(body).encode())
    except RequestError:
        return
    texts = [part for content in exchange.contents for part in content.parts if isinstance(part, TextPart)]
    findings = [Finding("pii.email", 0.9, span=(0, 3), part=part.pointer) for part in texts]
    findings += [Finding("toxicity", 0.7, part=part.pointer) for part in texts]
    for action in ("flag", "block"):
        released = Refusal("content_filter", "No.") if action == "block" else None
        answered(route, copy.deepcopy(exchange), *findings, action=ACTIONS[action](), released=released)


@pytest.mark.parametrize("name", DROP_INS)
def test_an_error_is_the_systems_own_and_says_the_status_that_is_sent(name: str):
    statuses = REQUEST_STATUS | {code: status for code, (status, _) in REFUSAL_STATUS.items()}
    for code in (*statuses, "invalid_type", "audit_unavailable"):
        error = json.loads(DROP_INS[name].encode_error(code, "Say it so.", "/x"))
        numbers = [n for n in (error.get("code"), error.get("error", {}).get("code")) if isinstance(n, int)]
        sent = statuses.get(code, 503 if code == "audit_unavailable" else 400)
        assert "Say it so." in json.dumps(error)
        assert numbers in ([], [sent]), code


# Where they are served


def test_a_drop_in_is_served_below_its_prefix_and_not_at_all_where_it_is_switched_off():
    routes = Routes(ADAPTERS, drop_ins={"fms_detectors": "/detectors", "perspective": None, "llm_guard": ""})

    assert routes.find("/detectors/api/v1/text/contents") is not None
    assert routes.find("/api/v1/text/contents") is None
    assert routes.find("/v1alpha1/comments:analyze") is None
    assert routes.find("/analyze/prompt") is not None
    assert set(routes.probes) == {"/detectors/health", "/healthz", "/readyz"}


def test_a_step_of_a_route_is_one_plain_word_and_is_in_no_record():
    routes = Routes(ADAPTERS)
    found = routes.find("/guardrail/gr-7/version/DRAFT/apply")

    assert found is not None
    assert (found.path, found.model) == ("/guardrail/{id}/version/{version}/apply", "gr-7")
    for path in ("/guardrail//version/1/apply", "/guardrail/a/b/version/1/apply", "/guardrail/a b/version/1/apply"):
        assert routes.find(path) is None


@pytest.mark.parametrize(
    ("drop_ins", "problem"),
    [({"perspectve": ""}, "did you mean `perspective`"), ({"llm_guard": "", "perspective": "/a"}, None)],
)
def test_what_is_configured_wrong_stops_the_start(drop_ins: dict[str, str | None], problem: str | None):
    if problem is None:
        Routes(ADAPTERS, drop_ins=drop_ins)
        return
    with pytest.raises(ConfigError, match=problem):
        Routes(ADAPTERS, drop_ins=drop_ins)


def test_a_drop_in_may_not_take_the_path_of_another():
    class Twin(type(DROP_INS["perspective"])):  # type: ignore[misc]
        name = "twin"

    with pytest.raises(ConfigError, match="served already"):
        Routes([*ADAPTERS, Twin()])


def test_an_unknown_path_is_refused_in_the_words_of_the_nearest():
    routes = Routes(ADAPTERS)

    assert routes.nearest("/v1alpha1/comments:delete", "/v1/chat/completions").name == "perspective"
    assert routes.nearest("/guardrail/x", "/v1/chat/completions").name == "bedrock_guardrails"
    assert routes.nearest("/api/version", "/v1/chat/completions").name == "ollama_chat"
    assert routes.nearest("/nothing", "/v1/chat/completions").name == "openai_chat"
    assert Routes(ADAPTERS, upstream=False).nearest("/nothing", "/v1/chat/completions").name == "native"
    assert adapter_of("/analyze/prompt").name == "llm_guard"
    assert len(judged(decoded("/analyze/prompt"))) == 1
