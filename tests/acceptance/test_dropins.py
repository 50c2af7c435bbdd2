"""Users of other systems move by changing a URL: their own clients, unchanged, and the real models behind them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import google_auth_httplib2  # noqa: F401  the client below looks for it, and warns where it is not there
import httplib2
import pytest
from googleapiclient import discovery, errors

from guard.audit import State
from tests.acceptance.conftest import House, house

INSULT = "You are a fucking stupid idiot, shut up."
PRAISE = "What a lovely garden, thank you for the tour."
MAIL = "Please write to ana.petrova@example.org about it."

POLICY = """
policy: dropins
classifiers:
  pii: {entities: [email, credit_card]}
  keywords: {lists: {rivals: [Umbrella Corporation, 保护伞公司]}}
rules:
  - id: block-rivals
    message: {en: "Rivals are not talked about here.", zh: "此处不谈竞争对手。"}
    when: {category: custom.rivals}
    then: block
  - id: block-attacks
    message: {en: "This looks like an attack.", zh: "疑似攻击。"}
    directions: [input]
    when: {category: prompt_attack, at_least: 0.8}
    then: block
  - id: block-hate
    message: {en: "Hate is not allowed.", zh: "不允许仇恨言论。"}
    when: {any: [{category: hate, at_least: 0.8}, {category: violence, at_least: 0.9}]}
    then: block
  - id: flag-rudeness
    message: {en: "Rude.", zh: "粗鲁。"}
    when: {any: [{category: toxicity, at_least: 0.6}, {category: sexual, at_least: 0.8},
                 {category: self_harm, at_least: 0.8}]}
    then: flag
  - id: mask-mail
    message: {en: "Mail addresses were masked.", zh: "邮箱已脱敏。"}
    when: {any: [{category: pii.email}, {category: pii.credit_card}]}
    then: redact
  - id: block-nudity
    message: {en: "Sexual pictures are not allowed.", zh: "不允许色情图像。"}
    modalities: [image]
    when: {category: nsfw, at_least: 0.8}
    then: block
"""


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One gateway with the real classifiers of the default policy, a list of words besides."""
    with house(tmp_path_factory.mktemp("dropins"), POLICY) as one:
        yield one


@pytest.fixture
def served(standing: House) -> House:
    standing.begin()
    return standing


@contextmanager
def perspective(url: str, key: str = "any") -> Iterator[Any]:
    """The client that Perspective's users have: Google's own, made from a discovery document."""
    document = {
        "kind": "discovery#restDescription",
        "name": "commentanalyzer",
        "version": "v1alpha1",
        "rootUrl": f"{url}/",
        "servicePath": "",
        "batchPath": "batch",
        "parameters": {"key": {"type": "string", "location": "query"}},
        "schemas": {},
        "resources": {
            "comments": {
                "methods": {
                    name: {
                        "id": f"commentanalyzer.comments.{name}",
                        "path": f"v1alpha1/comments:{name}",
                        "flatPath": f"v1alpha1/comments:{name}",
                        "httpMethod": "POST",
                        "parameters": {},
                        "parameterOrder": [],
                        "request": {"$ref": "Any"},
                        "response": {"$ref": "Any"},
                    }
                    for name in ("analyze", "suggestscore")
                }
            }
        },
    }
    document["schemas"] = {"Any": {"id": "Any", "type": "object", "properties": {}}}
    http = httplib2.Http(timeout=20)
    with closing(discovery.build_from_document(document, http=http, developerKey=key)) as client:
        yield client.comments()


def test_s33_googles_client_has_its_scores_from_the_gateway(served: House) -> None:
    ask = {"requestedAttributes": {"TOXICITY": {}, "INSULT": {}, "THREAT": {}}, "languages": ["en"], "doNotStore": True}

    with perspective(served.url) as comments:
        rude = comments.analyze(body={"comment": {"text": INSULT}, "clientToken": "c-1", **ask}).execute()
        kind = comments.analyze(body={"comment": {"text": PRAISE}, **ask}).execute()

    def of(answer: Any, name: str) -> float:
        return float(answer["attributeScores"][name]["summaryScore"]["value"])

    assert of(rude, "TOXICITY") > 0.6 > 0.1 > of(kind, "TOXICITY")
    assert of(rude, "INSULT") > of(rude, "THREAT")
    assert (rude["languages"], rude["clientToken"]) == (["en"], "c-1")
    assert [record.route for record in served.records(2)] == ["/v1alpha1/comments:analyze"] * 2
    assert served.records(2)[0].state is State.FLAGGED


def test_s33_googles_client_raises_googles_error(served: House) -> None:
    body = {"comment": {"text": PRAISE}, "requestedAttributes": {"FLIRTATION": {}, "TOXICITY": {}}}

    with perspective(served.url) as comments:
        with pytest.raises(errors.HttpError) as raised:
            comments.analyze(body=body).execute()
        dropped = comments.analyze(body={**body, "dropUnsupportedAttributes": True}).execute()

    assert raised.value.status_code == 400
    assert raised.value.error_details[0]["errorType"] == "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE"
    assert set(dropped["attributeScores"]) == {"TOXICITY"}
    assert [record.state for record in served.records(2)] == [State.REJECTED_PROTOCOL, State.ALLOWED]


def test_s33_a_suggested_score_is_thanked_for_and_recorded_without_its_text(served: House) -> None:
    suggested = {"TOXICITY": {"summaryScore": {"value": 0.1}}}
    body = {"comment": {"text": INSULT}, "attributeScores": suggested, "clientToken": "c-2", "communityId": "forum"}

    with perspective(served.url) as comments:
        answer = comments.suggestscore(body=body).execute()

    assert answer["clientToken"] == "c-2"
    (record,) = served.records()
    assert INSULT not in json.dumps(record.input)
