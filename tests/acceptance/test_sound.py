"""S33 for sound and film, and the media halves of S11 to S13, S20, S21 and S25: a whole gateway, real clients."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest

from guard.classifier import Classifier, Readable
from guard.content import ImagePart, Modality
from guard.finding import Finding
from guard.media import image, pcm, sound
from tests.acceptance.conftest import House, house
from tests.fakes import FakeCatalog, completion
from tests.media.test_film import flash, red_times
from tests.media.test_sound import tones
from tests.sounds import FORMATS, SharedAsr, TonesAreWords, encoded, film, murmur, speech, with_tone

RULES = """
  - id: stop-the-canary
    when: {category: custom.canary, at_least: 0.5}
    then: block
"""
POLICY = """
policy: sound
classifiers: {ears: {}, eyes: {}, canary: {}}
rules:
  - id: stop-red
    when: {category: custom.red, at_least: 0.5}
    then: block
"""


class RedPictures(Classifier[float]):
    """Knows a red picture."""

    automatic = False
    categories = frozenset({"custom.red"})
    modalities = frozenset({Modality.IMAGE})

    def prepare(self, part: Readable) -> float:
        assert isinstance(part, ImagePart)
        pixels = [np.asarray(frame, np.int16) for frame in image.decode(part.data)]
        return float(max(((one[..., 0] > 150) & (one[..., 1] < 90)).mean() for one in pixels))

    def cost(self, item: float) -> int:
        return 1

    def classify(self, items: list[float]) -> list[list[Finding]]:  # type: ignore[override]
        return [[Finding("custom.red", 1.0, box=(0, 0, 1, 1))] if item > 0.002 else [] for item in items]


class Equipped(FakeCatalog):
    """The installed classifiers, a reader of tones, eyes for red, and the real ears, loaded once."""

    own: Mapping[str, type[Classifier[Any]]] = {"ears": TonesAreWords, "eyes": RedPictures, "asr": SharedAsr}

    def names(self) -> tuple[str, ...]:
        return tuple(sorted({*super().names(), *self.own}))

    def find(self, name: str) -> type[Classifier[Any]]:
        return self.own.get(name) or super().find(name)

    def provides(self, name: str, options: Mapping[str, object] | None = None) -> frozenset[str]:
        return self.own[name].categories if name in self.own else super().provides(name, options)

    def create(self, name: str, options: Mapping[str, object] | None = None) -> Classifier[Any]:
        return self.own[name]() if name in self.own else super().create(name, options)


@pytest.fixture(scope="module")
def sounding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("sound"), POLICY + RULES, catalog=Equipped, judge_timeout_s=60.0) as one:
        yield one


@pytest.fixture
def one(sounding: House) -> House:
    sounding.begin()
    return sounding


@pytest.fixture(scope="module")
def muting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    rules = RULES.replace("then: block", "then: {redact: {style: mute}}")
    rules += "  - id: hide-red\n    when: {category: custom.red}\n    then: {redact: {style: paint}}\n"
    policy = "policy: muting\nclassifiers: {ears: {}, eyes: {}, canary: {}}\nrules:" + rules
    with house(tmp_path_factory.mktemp("muting"), policy, catalog=Equipped, judge_timeout_s=60.0) as mute:
        yield mute


CANARY = with_tone(murmur(1.5, 2), 1.0, channel=1)
HARMLESS = murmur(1.5, 2)


def transcribe(at: House, data: bytes, name: str = "a.wav") -> Any:
    at.upstream.answer = {"text": "all is well"}
    with at.client() as client:
        return client.audio.transcriptions.create(model="m", file=(name, data))


def speak(at: House, data: bytes, media_type: str = "audio/wav") -> bytes:
    at.upstream.answer, at.upstream.headers = data, {"Content-Type": media_type}
    with at.client() as client:
        return client.audio.speech.create(model="m", voice="alloy", input="say it").content


@pytest.mark.parametrize("form", sorted(FORMATS.keys() - {"telephone"}))
def test_s33_an_uploaded_sound_with_the_canary_in_its_right_channel_is_blocked(one: House, form: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        transcribe(one, encoded(CANARY, form=form))
    assert refused.value.code == "content_filter"
    assert one.upstream.received == []
    (record,) = one.records()
    assert record.rules == ("stop-the-canary",)
    assert b"ZORBLAX" not in repr(record).encode(), "what was heard is in no record"
    assert transcribe(one, encoded(HARMLESS, form=form)).text == "all is well"


def test_s21_the_sound_is_forwarded_as_it_was_checked(one: House) -> None:
    data = encoded(HARMLESS, form="mp3")
    transcribe(one, data)
    assert data in one.upstream.everything


def test_s12_a_spoken_answer_is_heard_before_it_is_released(one: House) -> None:
    harmless = encoded(HARMLESS, form="mp3")
    assert speak(one, harmless, "audio/mpeg") == harmless
    with pytest.raises(openai.BadRequestError) as refused:
        speak(one, encoded(CANARY, form="mp3"), "audio/mpeg")
    assert refused.value.code == "content_filter"


def test_s12_no_byte_of_a_spoken_answer_comes_before_it_was_heard(one: House) -> None:
    canary = encoded(CANARY)
    one.upstream.answer, one.upstream.headers = canary, {"Content-Type": "audio/wav"}
    body = {"model": "m", "voice": "alloy", "input": "say it"}
    answer = one.post("/v1/audio/speech", body)
    assert (answer.status, canary[1000:1100] in answer.raw) == (400, False)
    answer = one.post("/v1/audio/speech", {**body, "stream_format": "sse"})
    assert (answer.status, b"audio.delta" in answer.raw) == (400, False)
    assert one.post("/v1/audio/speech", {**body, "stream_format": "ogg"}).status == 400


def test_s12_a_spoken_answer_is_streamed_once_it_was_heard(one: House) -> None:
    harmless = encoded(HARMLESS)
    one.upstream.answer, one.upstream.headers = harmless, {"Content-Type": "audio/wav"}
    with one.client() as client:
        asked = client.audio.speech.create(model="m", voice="alloy", input="say it", stream_format="sse")
        lines = [line.removeprefix("data: ") for line in asked.text.splitlines() if line.startswith("data: ")]
    events = [json.loads(line) for line in lines]
    deltas = [event["audio"] for event in events[:-1]]
    assert len(deltas) > 1
    assert b"".join(map(base64.b64decode, deltas)) == base64.b64decode("".join(deltas)) == harmless
    assert events[-1]["type"] == "speech.audio.done"
    assert asked.response.headers["content-type"].startswith("text/event-stream")
    assert "stream_format" not in one.upstream.last_body


def samples_of(sound: Any) -> bytes:
    """*sound* as OpenAI's ``pcm``: 24,000 samples a second, without a head."""
    raw: bytes = (sound[0].clip(-1, 1) * 32767).astype("<i2").tobytes()
    return raw


QUIET = murmur(1.5, rate=24_000)
RAW_CANARY = samples_of(with_tone(QUIET, 1.0, rate=24_000))


def speak_raw(at: House, data: bytes, **more: Any) -> Any:
    at.upstream.answer, at.upstream.headers = data, {"Content-Type": "audio/pcm"}
    asked = {"model": "m", "voice": "alloy", "input": "say it", "response_format": "pcm", **more}
    return at.post("/v1/audio/speech", asked)


def test_s12_raw_samples_are_heard_before_they_are_released(one: House) -> None:
    answer = speak_raw(one, samples_of(QUIET))
    assert (answer.status, answer.body == samples_of(QUIET)) == (200, True)
    assert answer.headers["content-type"] == "audio/pcm"
    assert speak_raw(one, RAW_CANARY).status == 400
    assert speak_raw(one, RAW_CANARY, stream_format="sse").status == 400
    assert speak_raw(one, encoded(CANARY)).status == 400, "a file that calls itself samples is read as what it is"
    assert speak_raw(one, encoded(HARMLESS)).body == encoded(HARMLESS)
    assert speak_raw(one, samples_of(QUIET) + b"\0").status == 400, "half a sample"


def test_raw_samples_are_muted_and_stay_raw_and_as_long(muting: House) -> None:
    muting.begin()
    answer = speak_raw(muting, RAW_CANARY)
    assert (answer.status, len(answer.body)) == (200, len(RAW_CANARY))
    assert tones(pcm.wrapped(answer.body)) == []
    assert answer.body[:24_000] == RAW_CANARY[:24_000], "half a second before it is as it was"


@pytest.mark.parametrize("stream", [False, True])
def test_s20_raw_samples_in_a_chat_are_heard_and_streamed_as_they_came(one: House, *, stream: bool) -> None:
    def answered(raw: bytes) -> Any:
        audio = {"id": "a", "data": base64.b64encode(raw).decode(), "transcript": "hi", "expires_at": 1}
        one.upstream.answer = completion("", content=None, audio=audio)
        asked: Any = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}}
        with one.client() as client:
            said = client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "hello"}], stream=stream, **asked
            )
            deltas = [chunk.choices[0].delta for chunk in said] if stream else [said.choices[0].message]
        (told,) = [getattr(delta, "audio", None) for delta in deltas if getattr(delta, "audio", None) is not None]
        return base64.b64decode(told.data)

    assert answered(samples_of(QUIET)) == samples_of(QUIET)
    with pytest.raises(openai.BadRequestError):
        answered(RAW_CANARY)


@pytest.mark.parametrize(("marks", "status"), [("audio_rhythm", 200), ("audio_rhythm, aigc_label", 400)])
def test_raw_samples_bear_what_is_heard_and_no_more(tmp_path: Path, marks: str, status: int) -> None:
    label = f"{{label: {{marks: [{marks}], producer: A1}}}}"
    policy = (
        "policy: marking\nclassifiers: {ears: {}, canary: {}, provenance: {}}\nrules:"
        + RULES
        + "  - id: mark\n    directions: [output]\n    modalities: [audio]\n    when: {any: [{category: custom.canary},"
        f" {{not: {{category: custom.canary}}}}]}}\n    then: {label}\n"
    )
    with house(tmp_path, policy, catalog=Equipped, judge_timeout_s=60.0) as marking:
        answer = speak_raw(marking, samples_of(QUIET))
        assert answer.status == status
        if status == 200:
            assert len(answer.body) > len(samples_of(QUIET)) + 24_000 * 2


def test_s11_a_sound_in_a_message_is_heard(one: House) -> None:
    def ask(samples: Any) -> int:
        data = base64.b64encode(encoded(samples)).decode()
        return one.chat([{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}]).status

    one.upstream.answer = completion("all is well")
    assert (ask(HARMLESS), ask(CANARY)) == (200, 400)
    assert len(one.upstream.received) == 1


def test_s20_the_sound_of_an_answer_is_heard(one: House) -> None:
    def answered(samples: Any) -> int:
        audio = {"id": "a", "data": base64.b64encode(encoded(samples)).decode(), "transcript": "hi", "expires_at": 1}
        one.upstream.answer = completion("", content=None, audio=audio)
        return one.chat("hello", modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"}).status

    assert (answered(HARMLESS), answered(CANARY)) == (200, 400)


@pytest.mark.parametrize("media_type", ["audio/wav", "image/png", "application/octet-stream"])
def test_s25_a_sound_in_a_text_is_heard_whatever_it_says_it_is(one: House, media_type: str) -> None:
    url = f"data:{media_type};base64,{base64.b64encode(encoded(CANARY)).decode()}"
    assert one.chat(f"listen: {url}").status == 400
    assert one.upstream.received == []


@pytest.mark.parametrize("data", [b"", b"RIFF", encoded(HARMLESS)[:4000], encoded(HARMLESS) + encoded(CANARY)])
def test_s34_a_sound_that_cannot_be_heard_to_its_end_is_refused(one: House, data: bytes) -> None:
    with pytest.raises(openai.BadRequestError):
        transcribe(one, data)
    assert one.upstream.received == []


def film_url(data: bytes) -> str:
    return f"data:video/mp4;base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize("number", [0, 20, 39])
def test_s33_a_film_with_one_frame_that_shows_the_canary_is_blocked(one: House, number: int) -> None:
    one.upstream.answer = completion("all is well")
    assert one.chat(f"watch {film_url(film(seconds=1.6))}").status == 200
    assert one.chat(f"watch {film_url(film(flash(number), seconds=1.6))}").status == 400
    assert len(one.upstream.received) == 1


def test_s33_a_film_that_says_the_canary_is_blocked(one: House) -> None:
    one.upstream.answer = completion("all is well")
    assert one.chat(f"watch {film_url(film(track=HARMLESS, seconds=1.6))}").status == 200
    assert one.chat(f"watch {film_url(film(track=CANARY, seconds=1.6))}").status == 400


def test_what_was_heard_is_muted_in_the_file_that_is_forwarded(muting: House) -> None:
    muting.begin()
    transcribe(muting, encoded(with_tone(CANARY, 0.2, channel=0), form="mp3"), "a.mp3")
    body = muting.upstream.received[-1]
    start = body.index(b"\r\n\r\n", body.index(b'filename="a.mp3"')) + 4
    data = body[start : body.index(b"\r\n--guard-", start)]
    assert tones(data) == []
    (track,) = sound.decode(data)
    assert (len(track.samples), track.seconds) == (2, pytest.approx(1.5, abs=0.15))


def test_what_was_heard_is_muted_in_the_answer_that_is_released(muting: House) -> None:
    muting.begin()
    data = speak(muting, encoded(CANARY))
    assert (tones(data), data[:4]) == ([], b"RIFF")


def test_what_was_seen_in_a_film_is_hidden_and_its_sound_stays(muting: House) -> None:
    muting.begin()
    muting.upstream.answer = completion("all is well")
    data = base64.b64encode(film(flash(20), track=HARMLESS, seconds=1.6)).decode()
    answer = muting.chat([{"type": "image_url", "image_url": {"url": f"data:video/mp4;base64,{data}"}}])
    assert answer.status == 200
    sent = muting.upstream.last_body["messages"][0]["content"][0]["image_url"]["url"]
    assert sent.startswith("data:video/mp4;base64,")
    changed = base64.b64decode(sent.partition(",")[2])
    assert red_times(changed) == []
    assert float(np.abs(sound.decode(changed)[0].samples).max()) > 0.05


def test_without_anybody_who_hears_a_sound_is_refused(tmp_path: Path) -> None:
    policy = "policy: deaf\nclassifiers: {canary: {}}\nrules:" + RULES
    with house(tmp_path, policy, catalog=Equipped) as deaf:
        for data in (encoded(HARMLESS), film(track=HARMLESS, seconds=0.4)):
            with pytest.raises(openai.BadRequestError):
                transcribe(deaf, data)
        assert deaf.upstream.received == []


@pytest.mark.model
def test_a_threat_that_is_spoken_is_blocked_as_one_that_is_written(tmp_path: Path) -> None:
    policy = """
policy: spoken
classifiers:
  asr: {}
  keywords: {builtin: [], lists: {secret: ["purple elephant"]}}
rules:
  - {id: stop-secrets, modalities: [audio], when: {category: custom.secret}, then: block}
"""
    with house(tmp_path, policy, catalog=Equipped, judge_timeout_s=120.0, timeout_s=120.0) as real:
        with pytest.raises(openai.BadRequestError) as refused:
            transcribe(real, speech("canary"), "a.ogg")
        assert refused.value.code == "content_filter"
        (record,) = real.records()
        assert record.rules == ("stop-secrets",)
