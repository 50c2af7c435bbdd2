"""OpenAI's sound: speech (JSON in, sound out), transcriptions and translations (a form in, text out).

Contract after openai-python's types (``speech_create_params.py``, ``transcription_create_params.py``,
``transcription*.py``). Sound is there to be decided about: without a classifier that hears, ``unscannable`` decides.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import RAW_SAMPLES, AudioPart, Content, Direction, Path, TextPart
from guard.media import pcm
from guard.protocols import sse
from guard.protocols.adapter import JSON, Answer, Contract, Exchange
from guard.protocols.attachments import MediaUrl
from guard.protocols.contract import (
    WORD,
    Constrained,
    Each,
    Field,
    Guarded,
    Object,
    Scalar,
    TextOr,
    Walk,
    apply_parts,
    refuse,
    walk_unknown,
)
from guard.protocols.logprobs import TokenList
from guard.protocols.multipart import (
    MEDIA_TYPE,
    FormOf,
    Upload,
    boundary_for,
    is_form,
    read_form,
    value_of,
    write_form,
)
from guard.protocols.openai_common import (
    TOKEN_USAGE,
    OpenAIAdapter,
    changed,
    model_of,
    read_object,
    refuse_overrides,
)
from guard.protocols.openai_images import NUMBER
from guard.protocols.posture import Posture, guarded
from guard.protocols.strict_json import dump, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SPEECH, TRANSCRIPTIONS, TRANSLATIONS = "/v1/audio/speech", "/v1/audio/transcriptions", "/v1/audio/translations"

_WORD, _NUMBER, _NAME, _SAID = Constrained(), Scalar(), Guarded("name"), Guarded("transcript")
_PIECE = 3 * 2**13
"""Bytes of sound in an event."""
_SOUND = re.compile(rb"audio/[a-z0-9.+\-]{1,40}|application/octet-stream")
_TEXTS = {
    b"text/plain": b"text/plain; charset=utf-8",
    b"text/vtt": b"text/vtt; charset=utf-8",
    b"text/srt": b"text/srt; charset=utf-8",
    b"application/x-subrip": b"application/x-subrip; charset=utf-8",
}
_SPEECH = Object(
    {
        "input": Guarded(),
        "instructions": Guarded(),
        "voice": TextOr(Constrained(), Object({"id": _WORD})),
        **dict.fromkeys(("model", "response_format", "stream_format", "language"), _WORD),
        "speed": _NUMBER,
    },
    nullable=False,
)
_FIELDS: dict[str, Field] = {
    "file": Upload("audio"),
    "prompt": Guarded(),
    **dict.fromkeys(("keywords[]", "known_speaker_names[]"), _NAME),
    "known_speaker_references[]": MediaUrl(),
    **dict.fromkeys(
        ("model", "response_format", "language", "languages[]", "include[]", "timestamp_granularities[]",
         "chunking_strategy", "chunking_strategy[type]"), _WORD,
    ),
    **dict.fromkeys(
        ("stream", "temperature", "chunking_strategy[prefix_padding_ms]", "chunking_strategy[silence_duration_ms]",
         "chunking_strategy[threshold]"), NUMBER,
    ),
}  # fmt: skip
FORM = FormOf(_FIELDS, lists=frozenset(name for name in _FIELDS if name.endswith("[]")))


@dataclass(frozen=True, slots=True)
class Sound(Field):
    """A body that is sound, of *media_type*."""

    media_type: str = ""

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return guarded("audio")

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """One part."""
        walk.add(AudioPart(value, pointer, path, self.media_type, role, editable=True))


@dataclass(frozen=True, slots=True)
class Words(Field):
    """A list of words with their times: one text, which is dropped rather than edited."""

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return guarded("logprobs")

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """The words in a row; leaf by leaf as well, where there is anything but words and times."""
        if value is None:
            walk.spare("scalar")
            return
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise refuse("invalid_type", pointer, "it should be a list of words")
        row = " ".join(str(one.get("word", "")) for one in value)
        walk.add(TextPart(row, pointer, path, "logprobs", role))
        if not all(map(_is_word, value)):
            walk_unknown(value, walk, path, pointer, role)


def _is_word(one: dict[str, Any]) -> bool:
    times = [value for key, value in one.items() if key != "word"]
    return set(one) <= {"word", "start", "end"} and all(
        type(time) in {int, float} and 0 <= time < _LONGEST for time in times
    )


_LONGEST = 10**6
"""Seconds of the longest sound: eleven days."""
_SEGMENT = Object(
    {
        "text": _SAID,
        "speaker": _NAME,
        "id": TextOr(_WORD, _NUMBER),
        "type": _WORD,
        **dict.fromkeys(
            ("start", "end", "seek", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob"), _NUMBER
        ),
    },
    nullable=False,
)
RESPONSE = Object(
    {
        "text": _SAID,
        "task": _WORD,
        "language": _WORD,
        "duration": _NUMBER,
        "languages": Each(Object({"code": _WORD})),
        "segments": Each(_SEGMENT),
        "words": Words(),
        "logprobs": TokenList(),
        "usage": TOKEN_USAGE,
    },
    nullable=False,
)


class OpenAIAudio(OpenAIAdapter):
    """``POST /v1/audio/speech``, ``/v1/audio/transcriptions``, ``/v1/audio/translations``."""

    name = "openai_audio"
    routes: ClassVar[tuple[str, ...]] = (SPEECH, TRANSCRIPTIONS, TRANSLATIONS)
    media_types: ClassVar[frozenset[bytes]] = frozenset({JSON, MEDIA_TYPE})
    contracts = (
        Contract("request", _SPEECH, SPEECH),
        Contract("request", FORM, f"{TRANSCRIPTIONS} and {TRANSLATIONS}"),
        Contract("answer", Sound(), SPEECH),
        Contract("answer", RESPONSE, f"{TRANSCRIPTIONS} and {TRANSLATIONS}, JSON"),
        Contract("answer", _SAID, f"{TRANSCRIPTIONS} and {TRANSLATIONS}, texts"),
    )
    held_whole: ClassVar[Mapping[str, Callable[[Any], bool]]] = {"sound, and what was heard in it": lambda _: True}

    def decode_request(self, body: bytes, content_type: bytes = JSON, route: str = SPEECH) -> Exchange:
        """What is to be said, or the sound and all that is said about it."""
        if is_form(content_type) != (route != SPEECH):
            wanted = "application/json" if route == SPEECH else "multipart/form-data"
            raise refuse("unsupported_media_type", "", f"the body should be {wanted}")
        return self._decode_speech(body) if route == SPEECH else self._decode_sound(body, content_type)

    def _decode_speech(self, body: bytes) -> Exchange:
        document = read_object(body)
        for name in ("input", "model"):
            if not isinstance(document.get(name), str):
                raise refuse("missing_field", f"/{name}", "it should be a text")
        if document.get("stream_format") not in {None, "audio", "sse"}:
            raise refuse("unsupported_value", "/stream_format", "it should be `audio` or `sse`")
        walk = Walk()
        _SPEECH.walk(document, walk, (), "", "user")
        stream = document.get("stream_format") == "sse"
        return Exchange((walk.content(Direction.INPUT, model_of(document)),), document, stream=stream)

    def _decode_sound(self, body: bytes, content_type: bytes) -> Exchange:
        form = read_form(body, content_type)
        refuse_overrides({field["name"]: None for field in form})
        if not isinstance(value_of(form, "file"), bytes):
            raise refuse("missing_field", "/file", "it should be a file with sound")
        model, stream = value_of(form, "model"), value_of(form, "stream")
        if not isinstance(model, str):
            raise refuse("missing_field", "/model", "it should name a model")
        if stream not in {None, "true", "false", ""}:
            raise refuse("invalid_type", "/stream", "it should be true or false")
        walk = Walk()
        FORM.walk(form, walk, (), "", "user")
        content = walk.content(Direction.INPUT, model if WORD.fullmatch(model) else None)
        kind = MEDIA_TYPE + b"; boundary=" + boundary_for(body)
        return Exchange((content,), form, stream=stream == "true", content_type=kind)

    def encode_request(self, exchange: Exchange, content: Content, *, stream: bool) -> bytes:  # noqa: ARG002
        """The checked request again, asking for one piece."""
        document = apply_parts(exchange.document, exchange.content.parts, content.parts)
        if isinstance(document, dict):
            return dump({name: value for name, value in document.items() if name != "stream_format"})
        form = [field for field in document if field["name"] != "stream"]
        return write_form(form, exchange.content_type.rpartition(b"=")[2])

    def decode_response(self, exchange: Exchange, body: bytes, media_type: bytes = JSON) -> Answer:
        """Sound, JSON or a text with or without times, as its media type says."""
        walk = Walk()
        model = exchange.contents[0].model if exchange.contents else None
        if isinstance(exchange.document, dict):  # a request to speak
            if not _SOUND.fullmatch(media_type):
                raise refuse("invalid_type", "", "an answer is sound, and says so")
            raw = exchange.document.get("response_format") == "pcm" or media_type == RAW_SAMPLES.encode()
            raw = raw and pcm.is_raw(body)
            sound = pcm.wrapped(body) if raw else body
            Sound(RAW_SAMPLES if raw else "").walk(sound, walk, (), "", "assistant")
            sent_as = JSON if exchange.stream else media_type  # what comes as JSON is streamed as events
            return Answer(walk.content(Direction.OUTPUT, model), sound, sent_as)
        if media_type in _TEXTS:
            try:
                text = body.decode()
            except UnicodeDecodeError:
                raise refuse("invalid_type", "", "a text should be UTF-8") from None
            _SAID.walk(text, walk, (), "", "assistant")
            return Answer(walk.content(Direction.OUTPUT, model), text, _TEXTS[media_type])
        if media_type != JSON:
            raise refuse("invalid_type", "", "an answer is JSON or a text, and says so")
        document = _rounded(parse(body))
        if not isinstance(document, dict) or not isinstance(document.get("text"), str):
            raise refuse("missing_field", "/text", "an answer has a text")
        for segment in document.get("segments") or ():
            if isinstance(segment, dict):
                segment.pop("tokens", None)  # they spell the text for those who know the model alone
        RESPONSE.walk(document, walk, (), "", "assistant")
        return Answer(walk.content(Direction.OUTPUT, model), document)

    def encode_response(self, exchange: Exchange, answer: Answer, content: Content) -> bytes:
        """The sound, the text, JSON, or a stream of what was said. What a stream counts only its writer knows."""
        document = apply_parts(answer.document, answer.content.parts, content.parts)
        if isinstance(document, bytes):
            document = pcm.unwrapped(document) if pcm.is_wrapped(answer.content.parts[0]) else document
            return _spoken(document) if exchange.stream else document
        if isinstance(document, str):
            return _stream({"text": document}) if exchange.stream else document.encode()
        if any(True for _ in changed(answer.content, content)):
            for name in ("words", "logprobs"):  # they would spell the text as it was
                if document.get(name) is not None:
                    document[name] = []
        return _stream(document) if exchange.stream else dump(document)


def _rounded(value: Any) -> Any:
    """*value* with every fraction rounded to seven digits: times need no more, and more could spell something."""
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return {key: _rounded(item) for key, item in value.items()} if isinstance(value, dict) else value


def _spoken(sound: bytes) -> bytes:
    """*sound* as events. Their pieces are whole groups of base64, so that they may be joined before they are read."""
    deltas = (sound[at : at + _PIECE] for at in range(0, len(sound), _PIECE))
    events = [{"type": "speech.audio.delta", "audio": base64.b64encode(one).decode()} for one in deltas]
    return b"".join(sse.write(dump(event), event["type"]) for event in (*events, {"type": "speech.audio.done"}))


def _stream(document: dict[str, Any]) -> bytes:
    events: list[dict[str, Any]] = [
        {"type": "transcript.text.segment", **segment} for segment in document.get("segments") or ()
    ]
    if document["text"]:
        events.append({"type": "transcript.text.delta", "delta": document["text"]})
    rest = {key: value for key, value in document.items() if key in {"usage", "languages", "logprobs"}}
    events.append({"type": "transcript.text.done", "text": document["text"], **rest})
    return b"".join(sse.write(dump(event), event["type"]) for event in events)


ADAPTER = OpenAIAudio()
