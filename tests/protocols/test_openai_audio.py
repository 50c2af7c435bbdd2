from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from guard.content import AudioPart, TextPart
from guard.errors import RequestError
from guard.protocols.adapter import Answer, Exchange
from guard.protocols.multipart import read_form
from guard.protocols.openai_audio import ADAPTER, SPEECH, TRANSCRIPTIONS, TRANSLATIONS
from tests.protocols.gates import documents, edited

WAV = b"RIFF\0\0\0\0WAVE" + bytes(40)


def spoken(**body: Any) -> Exchange:
    return ADAPTER.decode_request(json.dumps(body).encode(), b"application/json", SPEECH)


def heard(route: str = TRANSCRIPTIONS, **data: Any) -> Exchange:
    files = [("file", ("a.wav", WAV, "audio/wav"))]
    request = httpx.Request("POST", "http://x/", data={"model": "whisper-1", **data}, files=files)
    return ADAPTER.decode_request(request.read(), request.headers["content-type"].encode(), route)


def told(body: Any, media_type: bytes = b"application/json", **data: Any) -> Answer:
    data_ = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ADAPTER.decode_response(heard(**data), data_, media_type)


def said(parts: Any) -> list[tuple[str, str]]:
    return [(part.kind, part.text) for part in parts if isinstance(part, TextPart)]


def test_what_is_to_be_spoken_is_judged():
    content = spoken(model="m", input="hello", instructions="softly", voice="alloy", speed=1.5).content

    assert said(content.parts) == [("message", "hello"), ("message", "softly")]
    assert said(spoken(model="m", input="x", voice="a voice of many words").content.parts)[1][0] == "name"


def test_what_is_spoken_is_sound_as_it_came():
    asked = spoken(model="m", input="hello", voice="alloy")
    whole = ADAPTER.decode_response(asked, WAV, b"audio/wav")

    (part,) = whole.content.parts
    assert isinstance(part, AudioPart)
    assert part.data == WAV
    assert (ADAPTER.encode_response(asked, whole, whole.content), whole.media_type) == (WAV, b"audio/wav")


@pytest.mark.parametrize("media_type", [b"application/json", b"text/html", b"", b"audio/\r\nx"])
def test_what_is_spoken_is_sound_only(media_type: bytes):
    with pytest.raises(RequestError):
        ADAPTER.decode_response(spoken(model="m", input="x", voice="alloy"), b"{}", media_type)


def test_sound_is_there_to_be_decided_about_and_forwarded_as_it_was():
    exchange = heard(prompt="names: Ana", language="en", stream="true", **{"include[]": ["logprobs"]})

    assert [type(p) for p in exchange.content.parts].count(AudioPart) == 1
    assert ("message", "names: Ana") in said(exchange.content.parts)
    body = ADAPTER.encode_request(exchange, exchange.content, stream=False)
    assert [(f["name"], f["value"]) for f in read_form(body, exchange.content_type)] == [
        ("model", "whisper-1"), ("prompt", "names: Ana"), ("language", "en"), ("include[]", "logprobs"), ("file", WAV),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: spoken(model="m"), "missing_field"),
        (lambda: spoken(input="x"), "missing_field"),
        (lambda: spoken(model="m", input="x", stream_format="ogg"), "unsupported_value"),
        (lambda: spoken(model="m", input="x", policy="off"), "policy_override"),
        (lambda: heard(SPEECH), "unsupported_media_type"),
        (lambda: ADAPTER.decode_request(b"{}", b"application/json", TRANSLATIONS), "unsupported_media_type"),
        (lambda: heard(stream="yes"), "invalid_type"),
        (lambda: heard(policy="off"), "policy_override"),
        (lambda: heard(File="x"), "case_variant_key"),
    ],
)
def test_a_request_that_is_none_is_refused(make: Any, code: str):
    with pytest.raises(RequestError) as error:
        make()

    assert error.value.code == code


VERBOSE = {
    "task": "transcribe", "language": "english", "duration": 8.470000267028809, "text": "mail ana@example.org now",
    "segments": [{"id": 0, "seek": 0, "start": 0.0, "end": 3.319999933242798, "text": "mail ana@example.org now",
                  "tokens": [50364, 440], "temperature": 0.0, "avg_logprob": -0.2860786020755768,
                  "compression_ratio": 1.2363636493682861, "no_speech_prob": 0.00985}],
    "words": [{"word": "mail", "start": 0.0, "end": 0.41111111640930176}, {"word": "now", "start": 1.0, "end": 2.0}],
    "usage": {"type": "duration", "seconds": 9},
}  # fmt: skip


def test_a_transcript_is_judged_with_its_segments_and_words_and_no_time_of_it_is():
    whole = told(VERBOSE)

    text = ("transcript", "mail ana@example.org now")
    assert said(whole.content.parts) == [text, text, ("logprobs", "mail now")]


def test_a_transcript_comes_back_without_its_tokens_and_with_shorter_times():
    whole = told(VERBOSE)

    body = json.loads(ADAPTER.encode_response(heard(), whole, whole.content))
    assert "tokens" not in body["segments"][0]
    assert (body["duration"], body["segments"][0]["end"]) == (8.47, 3.32)
    assert body["words"] == [{"word": "mail", "start": 0.0, "end": 0.4111111}, VERBOSE["words"][1]]


def test_a_changed_transcript_loses_its_words():
    whole = told({**VERBOSE, "logprobs": [{"token": "mail", "logprob": -1.0, "bytes": [109]}]})
    left = edited(whole.content, lambda text: text.replace("ana@example.org", "<EMAIL_1>"))

    body = json.loads(ADAPTER.encode_response(heard(), whole, left))
    assert (body["text"], body["segments"][0]["text"]) == ("mail <EMAIL_1> now", "mail <EMAIL_1> now")
    assert (body["words"], body["logprobs"]) == ([], [])


@pytest.mark.parametrize("more", [{"start": "a time"}, {"note": "a time"}, {"end": 4111111111111111}])
def test_what_stands_with_a_word_and_is_no_time_is_judged(more: Any):
    texts = [text for _, text in said(told({"text": "x", "words": [{"word": "x", **more}]}).content.parts)]

    assert {"a time", "4111111111111111"} & set(texts)


@pytest.mark.parametrize(
    ("media_type", "whole"),
    [
        (b"text/plain", b"mail ana@example.org\n"),
        (b"text/vtt", b"WEBVTT\n\n00:00.000 --> 00:01.000\nmail ana@example.org\n"),
        (b"application/x-subrip", b"1\n00:00:00,000 --> 00:00:01,000\nmail ana@example.org\n"),
    ],
)
def test_a_transcript_may_be_a_text(media_type: bytes, whole: bytes):
    answer = told(whole, media_type, response_format="srt")
    left = edited(answer.content, lambda text: text.replace("ana@example.org", "<EMAIL_1>"))

    assert ADAPTER.encode_response(heard(), answer, left) == whole.replace(b"ana@example.org", b"<EMAIL_1>")
    assert answer.media_type.partition(b";")[0] == media_type


@pytest.mark.parametrize(
    ("body", "media_type"),
    [(b"{}", b"application/json"), (b'"x"', b"application/json"), (b"<html>", b"text/html"), (b"\xff", b"text/plain")],
)
def test_an_answer_of_another_shape_is_refused(body: bytes, media_type: bytes):
    with pytest.raises(RequestError):
        told(body, media_type)


def test_a_stream_says_what_the_whole_answer_says():
    asked = heard(stream="true")
    whole = told({"text": "all is well", "usage": {"type": "duration", "seconds": 1}}, stream="true")

    events = documents(ADAPTER.encode_response(asked, whole, whole.content))

    assert ADAPTER.open_stream(asked) is None
    assert [event["type"] for event in events] == ["transcript.text.delta", "transcript.text.done"]
    assert (events[0]["delta"], events[1]["text"]) == ("all is well", "all is well")
